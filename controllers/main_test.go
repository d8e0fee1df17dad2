package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// Tests of this package share one control plane and one running controller, and keep apart by names: each has its own
// namespaces, fabric and nodes.
var shared cluster.Shared

func TestMain(m *testing.M) {
	level := slog.LevelError
	if os.Getenv("WUKONG_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	os.Exit(shared.Run(tests{m}))
}

// tests stops the controller before the cluster goes.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if running.stop == nil {
		return code
	}
	running.world.Lab.Stop()
	if err := running.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the controller:", err)
		return max(code, 1)
	}
	return code
}

// fast are the settings of the controller in tests: what takes minutes in production takes moments.
func fast() controllers.Config {
	cfg := controllers.DefaultConfig()
	cfg.MachineAfter = 4 * time.Second
	cfg.Cooldown, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = 2*time.Second, 3*time.Second, 10*time.Second, 200*time.Millisecond
	return cfg
}

var running struct {
	sync.Once
	world *world.World
	stop  func() error
	err   error
}

// theWorld gives the shared world with its controller running.
func theWorld(t *testing.T) *world.World {
	t.Helper()
	c := shared.ForTest(t)
	running.Do(func() {
		ctx := context.Background()
		if running.world, running.err = world.Start(ctx, c, lab.Options{}); running.err == nil {
			running.stop, running.err = running.world.RunController(ctx, fast(), answered.wrap)
		}
	})
	if running.err != nil {
		t.Fatal(running.err)
	}
	return running.world
}

// restart stops the shared controller, runs what is given meanwhile, and starts a new one.
func restart(t *testing.T, meanwhile func()) {
	t.Helper()
	if err := running.stop(); err != nil {
		t.Fatalf("stop the controller: %v", err)
	}
	meanwhile()
	var err error
	if running.stop, err = running.world.RunController(context.Background(), fast(), answered.wrap); err != nil {
		t.Fatalf("start the controller: %v", err)
	}
}

// eventually asks check until it is content, at most for patience.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	const patience = 2 * time.Minute
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// create stores objects, which are deleted when the test ends.
func create(t *testing.T, w *world.World, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := w.Admin.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
		t.Cleanup(func() { _ = w.Admin.Delete(context.Background(), o) })
	}
}

// fabricOf makes a fabric for one test: nodes with a free eth1, a HostUplink on it, and an untagged HostNetwork that is open
// to the namespaces.
func fabricOf(t *testing.T, w *world.World, name string, first byte, nodes int, namespaces ...string) *v1alpha1.HostNetwork {
	t.Helper()
	labNodes(t, w, name, first, nodes)
	uplink := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.HostUplinkSpec{
		PhysicalNetwork: v1alpha1.PhysicalNetworkName(name), Interface: "eth1",
		NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"fabric": name}}}}
	network := &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.HostNetworkSpec{
		PhysicalNetwork: v1alpha1.PhysicalNetworkName(name), Linger: &metav1.Duration{},
		AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: namespaces}}}
	create(t, w, uplink, network)
	return network
}

// labNodes adds nodes NAME-1, NAME-2, … with the label fabric=NAME.
func labNodes(t *testing.T, w *world.World, name string, first byte, count int) {
	t.Helper()
	for i := range count {
		spec := world.Node(fmt.Sprintf("%s-%d", name, i+1), first+byte(i))
		spec.Labels = map[string]string{"fabric": name}
		if err := w.Lab.AddNode(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Lab.RemoveNode(context.Background(), spec.Name) })
	}
}

// static is a Wukong with one network on a HostNetwork, with one address.
func static(namespace, name, hostNetwork, address string) *v1alpha1.Wukong {
	cidr := v1alpha1.CIDR(address)
	return &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.WukongSpec{
		Networks: []v1alpha1.WukongNetwork{{Name: "data", HostNetwork: hostNetwork,
			IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &cidr}}}}}
}

// ready says what keeps a Wukong from being Ready, with the given status and reason if reason is not empty.
func ready(w *world.World, obj *v1alpha1.Wukong, status metav1.ConditionStatus, reason string) func() error {
	return condition(w, obj, v1alpha1.ConditionReady, status, reason)
}

func condition(w *world.World, obj *v1alpha1.Wukong, typ string, status metav1.ConditionStatus, reason string) func() error {
	return func() error {
		if err := w.Admin.Get(context.Background(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		return wants(obj, obj.Status.Conditions, typ, status, reason)
	}
}

func wants(obj client.Object, conditions []metav1.Condition, typ string, status metav1.ConditionStatus, reason string) error {
	c := meta.FindStatusCondition(conditions, typ)
	switch {
	case c == nil:
		return fmt.Errorf("%s has no condition %s: %s", obj.GetName(), typ, summary(conditions))
	case c.ObservedGeneration != obj.GetGeneration():
		return fmt.Errorf("%s: %s is about generation %d, not %d", obj.GetName(), typ, c.ObservedGeneration, obj.GetGeneration())
	case c.Status != status || (reason != "" && c.Reason != reason):
		return fmt.Errorf("%s: want %s=%s %s, got %s", obj.GetName(), typ, status, reason, summary(conditions))
	}
	return nil
}

func summary(conditions []metav1.Condition) string {
	var out []string
	for _, c := range conditions {
		out = append(out, fmt.Sprintf("%s=%s %s %q", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(out, "; ")
}

// lease reads the lease of an address on a segment.
func lease(w *world.World, address, segment string) (*v1alpha1.AddressLease, error) {
	l := &v1alpha1.AddressLease{}
	return l, w.Admin.Get(context.Background(), client.ObjectKey{Name: leaseName(address, segment)}, l)
}

func leaseName(address, segment string) string {
	return "ip-" + strings.NewReplacer(".", "-", ":", "-").Replace(address) + "." + segment
}

func inPhase(w *world.World, address, segment string, phase v1alpha1.LeasePhase) func() error {
	return func() error {
		l, err := lease(w, address, segment)
		if err != nil {
			return err
		}
		if l.Spec.Phase != phase {
			return fmt.Errorf("%s is %s, want %s", l.Name, l.Spec.Phase, phase)
		}
		return nil
	}
}

// quiet waits until the controller has sent nothing for a while and fails the test if it never stops.
func quiet(t *testing.T, w *world.World) {
	t.Helper()
	const calm, patience = 1500 * time.Millisecond, 2 * time.Minute
	deadline := time.Now().Add(patience)
	last, since := len(w.Requests.Writes()), time.Now()
	for time.Since(since) < calm {
		if time.Now().After(deadline) {
			t.Fatalf("the controller writes without end: %v", w.Requests.Writes()[max(0, last-10):])
		}
		time.Sleep(50 * time.Millisecond)
		if n := len(w.Requests.Writes()); n != last {
			last, since = n, time.Now()
		}
	}
}

// rested waits until no lease rests: what ends by time alone is no answer to anything.
func rested(t *testing.T, w *world.World) {
	t.Helper()
	eventually(t, func() error {
		resting := &v1alpha1.AddressLeaseList{}
		err := w.Admin.List(t.Context(), resting, client.MatchingFields{"spec.phase": string(v1alpha1.LeaseCooling)})
		if err == nil && len(resting.Items) > 0 {
			err = fmt.Errorf("%s rests", resting.Items[0].Name)
		}
		return err
	})
}

// gone is content with the error of a read only when it says that the object does not exist.
func gone(err error) error {
	switch {
	case err == nil:
		return errors.New("the object is still there")
	case apierrors.IsNotFound(err):
		return nil
	}
	return err
}

var errWait = errors.New("not yet")

func namespaceLabelled(t *testing.T, w *world.World, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}}
	create(t, w, ns)
	return ns.Name
}
