package changes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

var (
	shared   cluster.Shared
	common   *stage
	commonly sync.Once
)

// tests are the tests of the package, after which the common stage is taken down.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if common == nil {
		return code
	}
	if err := common.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the stage:", err)
		return max(code, 1)
	}
	return code
}

func TestMain(m *testing.M) {
	// Controllers that crash on purpose complain a lot.
	ctrl.SetLogger(logr.Discard())
	if os.Getenv("WUKONG_TEST_LOG") != "" {
		ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	os.Exit(shared.Run(tests{m}))
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 90 * time.Second

// stage is a world with machines. node-a and node-b have network lan, node-c has no NIC for it.
type stage struct {
	*world.World
	Machines *machines.Runner
	cancel   context.CancelFunc
	stop     func() error // the controller; nil while it is down
}

func fast() controllers.Config {
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = time.Second, 3*time.Second, 10*time.Second, 200*time.Millisecond
	return cfg
}

// newStage builds the hosts, which takes most of the time, and starts the controller.
func newStage(c *cluster.Cluster) (_ *stage, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stage{cancel: cancel}
	if s.World, err = world.Start(ctx, c, lab.Options{}); err != nil {
		return nil, err
	}
	only := world.Node("node-c", 'c')
	only.NICs = only.NICs[:1]
	for _, spec := range []lab.NodeSpec{world.Node("node-a", 'a'), world.Node("node-b", 'b'), only} {
		if err := s.Lab.AddNode(ctx, spec); err != nil {
			return nil, err
		}
	}
	if s.Machines, err = machines.New(c.AdminConfig(), machines.Options{}); err != nil {
		return nil, err
	}
	if err := s.Machines.Run(ctx); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	atOnce := "rollout: {canary: 0, maxUnavailable: 100%}"
	if err := c.Apply(ctx, []byte(world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}", atOnce)+
		world.HostNetwork("lan", "lan", "provision: Always")+world.HostNetwork("lan-100", "lan", "vlan: 100", "provision: Always"))); err != nil {
		return nil, err
	}
	_, err = c.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=90s", "hostnetworks", "--all")
	return s, err
}

// start starts the controller where it is down.
func (s *stage) start() (err error) {
	if s.stop == nil {
		s.stop, err = s.RunController(context.Background(), fast())
	}
	return err
}

// halt stops the controller where it runs.
func (s *stage) halt() error {
	if s.stop == nil {
		return nil
	}
	stop := s.stop
	s.stop = nil
	return stop()
}

func (s *stage) close() error {
	err := s.halt()
	s.Machines.Halt()
	s.Lab.Stop()
	s.cancel()
	return err
}

// trial is a test in a namespace of its own.
type trial struct {
	*stage
	t         *testing.T
	ctx       context.Context
	namespace string
}

// newTrial starts a test on the common stage.
func newTrial(t *testing.T) *trial {
	t.Helper()
	c := shared.ForTest(t)
	var err error
	commonly.Do(func() { common, err = newStage(c) })
	if err != nil || common == nil {
		t.Fatalf("the stage did not come up: %v", err)
	}
	r := &trial{stage: common, t: t, ctx: t.Context(), namespace: c.Namespace(t)}
	t.Cleanup(r.dump)
	return r
}

// dump logs what a failed test left behind.
func (r *trial) dump() {
	if !r.t.Failed() {
		return
	}
	for _, args := range [][]string{{"get", "wukongs,virtualmachines,virtualmachineinstances", "-n", r.namespace, "-o", "yaml", "--show-managed-fields=false"},
		{"get", "pods,secrets,net-attach-def", "-n", r.namespace}, {"get", "hostnetworks,addressleases", "-o", "wide"}} {
		out, err := r.Cluster.Kubectl(context.Background(), args...)
		r.t.Logf("kubectl %v: %v\n%s", args, err, out)
	}
}

func (r *trial) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// eventually waits until what returns an empty text; the last text says what was still wrong.
func (r *trial) eventually(what func() string) {
	r.t.Helper()
	world.Eventually(r.t, patience, world.Saying(what))
}

func (r *trial) apply(format string, args ...any) {
	r.t.Helper()
	r.must(r.Cluster.Apply(r.ctx, fmt.Appendf(nil, format, args...)))
}

// network is an entry of spec.networks that asks for a static address.
func network(name, hostNetwork, address string) string {
	return fmt.Sprintf("{name: %s, hostNetwork: %s, ipConfig: {mode: static, address: %q}}", name, hostNetwork, address)
}

// machine asks for a machine with these networks.
func (r *trial) machine(name string, networks ...string) {
	r.t.Helper()
	r.apply(`
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: %s, name: %s}
spec:
  cpu: 1
  memory: 1Gi
  disks: [{name: root, size: 1Gi, boot: true}]
  networks: [%s]
`, r.namespace, name, strings.Join(networks, ", "))
}

// running asks for a machine with an address on lan, and waits until it has it and says so.
func (r *trial) running(name, address string) types.NamespacedName {
	r.t.Helper()
	r.machine(name, network("lan", "lan", address))
	r.inSync(name)
	r.guestHas(name+"-vm", "lan", address)
	return r.vm(name)
}

// vm is the name of the machine of a Wukong.
func (r *trial) vm(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: r.namespace, Name: name + "-vm"}
}

func (r *trial) wukong(name string) *v1alpha1.Wukong {
	r.t.Helper()
	w := &v1alpha1.Wukong{}
	r.must(r.Admin.Get(r.ctx, types.NamespacedName{Namespace: r.namespace, Name: name}, w))
	return w
}

// says says what a condition lacks: status and reason, of the current generation. Empty texts fit everything.
func says(w *v1alpha1.Wukong, typ string, status metav1.ConditionStatus, reason string) string {
	c := meta.FindStatusCondition(w.Status.Conditions, typ)
	if c == nil {
		return fmt.Sprintf("%s has no %s", w.Name, typ)
	}
	if c.ObservedGeneration != w.Generation || c.Status != status || (reason != "" && c.Reason != reason) {
		return fmt.Sprintf("%s: %s is %s %s %q of generation %d; want %s %s of %d", w.Name, typ, c.Status, c.Reason, c.Message, c.ObservedGeneration,
			status, reason, w.Generation)
	}
	return ""
}

// is waits for a condition of a Wukong.
func (r *trial) is(name, typ string, status metav1.ConditionStatus, reason string) {
	r.t.Helper()
	r.eventually(func() string { return says(r.wukong(name), typ, status, reason) })
}

// inSync waits until a Wukong is Ready, with a guest that reports what was asked for.
func (r *trial) inSync(name string) {
	r.t.Helper()
	r.is(name, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync)
	r.is(name, v1alpha1.ConditionReady, metav1.ConditionTrue, "")
}

// guestHas waits until the guest of a machine really has exactly these addresses on an interface.
func (r *trial) guestHas(machine, nic string, want ...string) {
	r.t.Helper()
	key := types.NamespacedName{Namespace: r.namespace, Name: machine}
	r.eventually(func() string {
		guest, booted := r.Machines.Guest(key)
		var have []string
		for _, p := range guest.NIC(nic).Addresses {
			have = append(have, p.String())
		}
		if !booted || !slices.Equal(have, want) {
			return fmt.Sprintf("the guest of %s has %v on %s, want %v; booted: %v, refused: %q, trouble: %v",
				machine, have, nic, want, booted, guest.Refused, r.Machines.Trouble(key))
		}
		return ""
	})
}

// asks has a Wukong ask for other networks.
func (r *trial) asks(name string, networks ...string) { r.t.Helper(); r.machine(name, networks...) }

// instance reads the instance of a machine, or nil.
func (r *trial) instance(key types.NamespacedName) *kubevirtv1.VirtualMachineInstance {
	r.t.Helper()
	vmi := &kubevirtv1.VirtualMachineInstance{}
	err := r.Admin.Get(r.ctx, key, vmi)
	if apierrors.IsNotFound(err) {
		return nil
	}
	r.must(err)
	return vmi
}

// phase reads the phase of the lease of an address on lan; empty where there is none.
func (r *trial) phase(address string) v1alpha1.LeasePhase {
	r.t.Helper()
	lease := &v1alpha1.AddressLease{}
	name := "ip-" + strings.ReplaceAll(netip.MustParseAddr(address).String(), ".", "-") + ".lan"
	err := r.Admin.Get(r.ctx, types.NamespacedName{Name: name}, lease)
	if apierrors.IsNotFound(err) {
		return ""
	}
	r.must(err)
	return lease.Spec.Phase
}

// leased waits until the lease of an address has one of these phases.
func (r *trial) leased(address string, phases ...v1alpha1.LeasePhase) {
	r.t.Helper()
	r.eventually(func() string {
		if got := r.phase(address); !slices.Contains(phases, got) {
			return fmt.Sprintf("the lease of %s is %q, want one of %v", address, got, phases)
		}
		return ""
	})
}

// freed waits until it was proved that nobody uses an address any more.
func (r *trial) freed(address string) {
	r.t.Helper()
	r.leased(address, v1alpha1.LeaseCooling, v1alpha1.LeaseReleased)
}

// staysLeased lets the controller look several times whether an address is in use, and fails when it lets it go.
func (r *trial) staysLeased(address string) {
	r.t.Helper()
	for since := time.Now(); time.Since(since) < 5*fast().Sweep; time.Sleep(20 * time.Millisecond) {
		if got := r.phase(address); got != v1alpha1.LeaseReleasing && got != v1alpha1.LeaseAllocated {
			r.t.Fatalf("the lease of %s is %q while a machine may still use the address", address, got)
		}
	}
}

// pods are the launcher pods of a machine.
func (r *trial) pods(key types.NamespacedName) []corev1.Pod {
	r.t.Helper()
	list := &corev1.PodList{}
	r.must(r.Admin.List(r.ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{kubevirtv1.AppLabel: "virt-launcher",
		kubevirtv1.DeprecatedVirtualMachineNameLabel: key.Name}))
	return list.Items
}

// gone says whether an object is no more.
func (r *trial) gone(obj client.Object, key types.NamespacedName) string {
	err := r.Admin.Get(r.ctx, key, obj)
	if apierrors.IsNotFound(err) {
		return ""
	}
	return errors.Join(fmt.Errorf("%T %s is still there", obj, key), err).Error()
}
