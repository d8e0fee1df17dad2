package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"novasphere.dev/wukong-network/e2e/parts"
)

const (
	loopback = "127.0.0.1"

	// startTimeout bounds the start of each process, on a machine that is busy compiling.
	startTimeout = 90 * time.Second
)

// Start starts a cluster and returns when everything in it is in effect: definitions are served, admission rules refuse, the
// namespace default has its service account. It takes a few seconds.
//
// Errors wrap fs.ErrNotExist, and name the command to run, when the control plane or the foreign definitions have not been
// fetched yet. The caller must call Stop; should the process end without, the cluster goes down by itself.
func Start(ctx context.Context, options Options) (_ *Cluster, err error) {
	c := &Cluster{}
	if c.binaries, err = parts.LookupControlPlane(); err != nil {
		return nil, err
	}
	if c.crds, err = crdFolders(options); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "wukong-cluster-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if err := c.startControlPlane(options); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	components := without(allComponents, options.Without)
	// The garbage collector lists the kinds when it starts, and only every half minute from then on.
	if err := c.installCRDs(components); err != nil {
		return nil, err
	}
	if err := c.startControllerManager(); err != nil {
		return nil, err
	}
	if slices.Contains(components, Nmstate) {
		if err := c.installNmstateAdmission(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.awaitControllerManager(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// startControlPlane starts etcd and the API server, and serves the admission webhook.
func (c *Cluster) startControlPlane(options Options) (err error) {
	for _, folder := range []string{"bin", "logs", "etcd", "apiserver"} {
		if err := os.Mkdir(filepath.Join(c.dir, folder), 0o700); err != nil {
			return err
		}
	}
	if c.watchdog, err = startWatchdog(c.dir); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return err
	}
	if c.env, err = c.environment(options, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	config, err := c.env.Start()
	if err != nil {
		return errors.Join(fmt.Errorf("%w\n%s", err, c.logTails()), listener.Close())
	}
	if err := os.WriteFile(filepath.Join(c.dir, "remove"), []byte(c.env.WebhookInstallOptions.LocalServingCertDir+"\n"), 0o600); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := c.serveHooks(listener); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := os.WriteFile(c.Kubeconfig(), c.env.KubeConfig, 0o600); err != nil {
		return err
	}
	c.admin = unlimited(config)
	c.client, err = client.New(c.AdminConfig(), client.Options{})
	return err
}

// environment describes to envtest how etcd and the API server run.
func (c *Cluster) environment(options Options, hooks net.Addr) (*envtest.Environment, error) {
	env := &envtest.Environment{
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  stopTimeout,
		WebhookInstallOptions: envtest.WebhookInstallOptions{
			LocalServingHost: loopback, LocalServingPort: hooks.(*net.TCPAddr).Port,
		},
	}
	plane := &env.ControlPlane
	plane.KubectlPath = c.binaries.Kubectl
	etcd, server := &envtest.Etcd{DataDir: filepath.Join(c.dir, "etcd")}, plane.GetAPIServer()
	plane.Etcd = etcd
	server.CertDir = filepath.Join(c.dir, "apiserver")
	if options.Durable {
		etcd.Configure().Set("unsafe-no-fsync", "false")
	}
	server.Configure().
		// Nobody reads the addresses of this API server from inside the cluster.
		Set("endpoint-reconciler-type", "none").
		Set("profiling", "false")
	if options.Audit {
		if err := c.audit(server); err != nil {
			return nil, err
		}
	}
	var err error
	if etcd.Path, err = launcher(c.dir, c.binaries.Etcd); err != nil {
		return nil, err
	}
	if server.Path, err = launcher(c.dir, c.binaries.APIServer); err != nil {
		return nil, err
	}
	etcdLog, err := c.log("etcd")
	if err != nil {
		return nil, err
	}
	serverLog, err := c.log("kube-apiserver")
	if err != nil {
		return nil, err
	}
	etcd.Out, etcd.Err, server.Out, server.Err = etcdLog, etcdLog, serverLog, serverLog
	return env, nil
}

// startControllerManager starts the controllers that clusters cannot do without: they make deleted namespaces go away,
// delete what an owner leaves behind, and put together the roles view, edit and admin.
func (c *Cluster) startControllerManager() error {
	path, err := launcher(c.dir, c.binaries.ControllerManager)
	if err != nil {
		return err
	}
	output, err := c.log("kube-controller-manager")
	if err != nil {
		return err
	}
	c.manager, err = startProcess(path, output,
		"--kubeconfig="+c.Kubeconfig(),
		"--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,clusterrole-aggregation-controller",
		"--leader-elect=false",
		"--secure-port=0", // it serves nobody
		"--kube-api-qps=500", "--kube-api-burst=1000",
	)
	return err
}

// awaitControllerManager waits for the default service account, the sign that the controllers work.
func (c *Cluster) awaitControllerManager(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, startTimeout, true, func(ctx context.Context) (bool, error) {
		select {
		case <-c.manager.exited:
			return false, errors.New("it has exited")
		default:
		}
		key := client.ObjectKey{Namespace: "default", Name: "default"}
		return c.client.Get(ctx, key, &corev1.ServiceAccount{}) == nil, nil
	})
	if err != nil {
		return fmt.Errorf("kube-controller-manager made no default service account: %w\n%s", err, c.logTails())
	}
	return nil
}

// log creates the file for a process's output.
func (c *Cluster) log(process string) (*os.File, error) {
	f, err := os.Create(filepath.Join(c.LogDir(), process+".log"))
	if err != nil {
		return nil, err
	}
	c.logs = append(c.logs, f)
	return f, nil
}

// logTails returns the last lines of each process's output.
func (c *Cluster) logTails() string {
	const lines = 10
	var tails bytes.Buffer
	for _, f := range c.logs {
		data, err := os.ReadFile(f.Name())
		if err != nil || len(data) == 0 {
			continue
		}
		all := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		fmt.Fprintf(&tails, "last output of %s:\n%s\n", filepath.Base(f.Name()), bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
	}
	return tails.String()
}

// unlimited returns a copy of config without client-side rate limit.
func unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, 0
	return config
}
