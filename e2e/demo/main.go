package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

func main() {
	once := flag.Bool("once", false, "check the scenarios and end, instead of leaving the cluster up")
	logs := flag.String("log", "", "file for the controller's log; none when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mode := explore
	if *once {
		mode = end
	}
	if err := run(ctx, mode, *logs); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

// unhurried are machines that can be watched.
var unhurried = machines.Options{StepTime: 100 * time.Millisecond, AgentTime: 300 * time.Millisecond, ShutdownTime: 300 * time.Millisecond}

// afterwards is what happens once the scenarios are through.
type afterwards func(ctx context.Context, d *demo) error

func run(ctx context.Context, then afterwards, logFile string) (err error) {
	if err := setLog(logFile); err != nil {
		return err
	}
	d := &demo{narrator: newNarrator(os.Stdout)}
	d.print(`This is what is real: kube-apiserver, etcd, kube-controller-manager, the controller and its permissions.
This is simulated: three nodes, the handler of kubernetes-nmstate on them, KubeVirt, and the guests of its machines.
`)
	d.say("starting the control plane")
	c, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if d.World, err = world.Start(ctx, c, lab.Options{ApplyTime: 600 * time.Millisecond, Backoff: 300 * time.Millisecond}); err != nil {
		return err
	}
	defer d.Lab.Stop()
	if err := d.addNodes(ctx); err != nil {
		return err
	}
	if d.Machines, err = machines.New(c.AdminConfig(), unhurried); err != nil {
		return err
	}
	if err := d.Machines.Run(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer d.Machines.Halt()
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.RetryAfter, cfg.Sweep = 2*time.Second, 10*time.Second, time.Second
	stopController, err := d.RunController(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopController()) }()
	d.say("the controller runs, as ServiceAccount %s/%s", world.Namespace, world.ServiceAccount)
	go d.narrateNodes(ctx, d.Lab.Events())
	if err := d.play(ctx); err != nil {
		return err
	}
	return then(ctx, d)
}

// end is for machines: the exit code says it all.
func end(_ context.Context, d *demo) error {
	d.print("\nAll scenarios are as they should be.")
	return nil
}

// explore leaves the cluster to the user.
func explore(ctx context.Context, d *demo) error {
	if err := d.apply(ctx, "hostnetwork.yaml", "static-ip.yaml", "dual-stack.yaml", "machine.yaml"); err != nil {
		return err
	}
	d.print(fmt.Sprintf(`
The cluster stays up until you press Ctrl-C. In another terminal:

  export KUBECONFIG=%s
  alias kubectl=%s

  kubectl get wukongs -A -o wide
  kubectl get addressleases,hostuplinks,hostnetworks
  kubectl get nncp,nnce
  kubectl get virtualmachines,virtualmachineinstances -A
  go run ./cmd/kubectl-wukong guest verify db -n team-b
  kubectl get secrets -n team-a -o yaml
  kubectl explain wukong.spec.networks
  kubectl apply -f config/samples/several-gateways.yaml
  kubectl apply -f config/samples/trunk.yaml
`, d.Cluster.Kubeconfig(), d.Cluster.KubectlPath()))
	<-ctx.Done()
	d.print("\nstopping")
	return nil
}

func setLog(file string) error {
	out := io.Discard
	if file != "" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		out = f // closed with the process
	}
	logger := slog.New(slog.NewTextHandler(out, nil))
	ctrl.SetLogger(logr.FromSlogHandler(logger.Handler()))
	return nil
}
