package hosts

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/nmstate"
)

var shared cluster.Shared

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.UseDevMode(true)))
	os.Exit(shared.Run(m))
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 2 * time.Minute

// stage is a world for one test, with helpers that fail the test. Everything on it goes when the test ends.
type stage struct {
	*world.World
	t    *testing.T
	ctx  context.Context
	stop func() error
	cfg  controllers.Config
}

// newStage starts the controller and nodes named node-a, node-b and so on.
func newStage(t *testing.T, nodes int, opts lab.Options) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := world.Start(ctx, shared.ForTest(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	cfg := controllers.DefaultConfig()
	cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep, cfg.Cooldown = 20*time.Second, 5*time.Second, time.Second, time.Second
	s := &stage{World: w, t: t, ctx: ctx, cfg: cfg}
	t.Cleanup(func() { s.clear(); cancel() })
	for i := range nodes {
		s.join(nodeName(i))
	}
	s.run()
	return s
}

func nodeName(i int) string { return "node-" + string(rune('a'+i)) }

func (s *stage) join(name string) {
	s.t.Helper()
	s.must(s.Lab.AddNode(s.ctx, world.Node(name, name[len(name)-1])))
}

func (s *stage) run() {
	s.t.Helper()
	stop, err := s.RunController(s.ctx, s.cfg)
	s.must(err)
	s.stop = stop
}

func (s *stage) halt() {
	s.t.Helper()
	if s.stop != nil {
		s.must(s.stop())
		s.stop = nil
	}
}

// clear takes everything away, whatever state the test left it in: without the controller, finalizers are taken off by hand.
func (s *stage) clear() {
	if s.t.Failed() {
		s.dump()
	}
	s.halt()
	for _, list := range []client.ObjectList{&v1alpha1.WukongList{}, &v1alpha1.AddressLeaseList{}, &v1alpha1.HostNetworkList{}, &v1alpha1.HostUplinkList{},
		&nmstate.PolicyList{}} {
		s.must(s.Admin.List(s.ctx, list))
		s.must(meta.EachListItem(list, func(o runtime.Object) error {
			obj := o.(client.Object)
			if len(obj.GetFinalizers()) > 0 {
				patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
				if err := s.Admin.Patch(s.ctx, obj, patch); client.IgnoreNotFound(err) != nil {
					return err
				}
			}
			return client.IgnoreNotFound(s.Admin.Delete(s.ctx, obj))
		}))
	}
	nodes := &corev1.NodeList{}
	s.must(s.Admin.List(s.ctx, nodes))
	for _, n := range nodes.Items {
		s.must(s.Lab.RemoveNode(s.ctx, n.Name))
	}
	enactments := &nmstate.EnactmentList{}
	s.must(s.Admin.List(s.ctx, enactments))
	for i := range enactments.Items {
		s.must(client.IgnoreNotFound(s.Admin.Delete(s.ctx, &enactments.Items[i])))
	}
	states := &nmstate.NodeNetworkStateList{}
	s.must(s.Admin.List(s.ctx, states))
	for i := range states.Items {
		s.must(client.IgnoreNotFound(s.Admin.Delete(s.ctx, &states.Items[i])))
	}
}

// dump logs what a failed test left behind.
func (s *stage) dump() {
	for _, args := range [][]string{
		{"get", "hostuplinks,hostnetworks,nncp,nnce", "-o", "wide"},
		{"get", "nodes", "-o", `custom-columns=NAME:.metadata.name,LABELS:.metadata.labels,ANNOTATIONS:.metadata.annotations`},
		{"get", "nnce", "-o", `custom-columns=NAME:.metadata.name,STATUS:.status.conditions[*].type,STATUS:.status.conditions[*].status,RETRIES:.status.retryCount`},
		{"get", "events", "--sort-by=.metadata.creationTimestamp"},
	} {
		out, err := s.Cluster.Kubectl(s.ctx, args...)
		s.t.Logf("kubectl %v: %v\n%s", args, err, out)
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// apply applies manifests as a platform engineer would.
func (s *stage) apply(manifests string) {
	s.t.Helper()
	s.must(s.Cluster.Apply(s.ctx, []byte(manifests)))
}

// uplink is the manifest of a HostUplink of all nodes; more are further lines of its spec.
func uplink(name, nic string, more ...string) string {
	return world.HostUplink(name, "lab", nic, append([]string{"nodeSelector: {}"}, more...)...)
}

// network is the manifest of a HostNetwork that hosts always have; more are further lines of its spec.
func network(name string, more ...string) string {
	return world.HostNetwork(name, "lab", append([]string{"provision: Always"}, more...)...)
}

// atOnce lets all nodes change at the same time.
const atOnce = "rollout: {canary: 0, maxUnavailable: 100%}"

func (s *stage) get(obj client.Object, name string) client.Object {
	s.t.Helper()
	s.must(s.Admin.Get(s.ctx, types.NamespacedName{Name: name}, obj))
	return obj
}

func (s *stage) uplink(name string) *v1alpha1.HostUplink {
	s.t.Helper()
	return s.get(&v1alpha1.HostUplink{}, name).(*v1alpha1.HostUplink)
}

func (s *stage) network(name string) *v1alpha1.HostNetwork {
	s.t.Helper()
	return s.get(&v1alpha1.HostNetwork{}, name).(*v1alpha1.HostNetwork)
}

func (s *stage) node(name string) *corev1.Node {
	s.t.Helper()
	return s.get(&corev1.Node{}, name).(*corev1.Node)
}

// patch applies a merge patch as an administrator.
func (s *stage) patch(obj client.Object, patch string) {
	s.t.Helper()
	s.must(s.Admin.Patch(s.ctx, obj, client.RawPatch(types.MergePatchType, []byte(patch))))
}

// eventually waits until what returns an empty text; the last text says what was still wrong.
func (s *stage) eventually(what func() string) {
	s.t.Helper()
	world.Eventually(s.t, patience, world.Saying(what))
}

// ready says what a Ready condition lacks: status, reason and a part of the message, of the current generation.
func ready(obj client.Object, conditions []metav1.Condition, status metav1.ConditionStatus, reason, part string) string {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if c == nil {
		return obj.GetName() + " has no Ready"
	}
	if c.ObservedGeneration != obj.GetGeneration() || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, part) {
		return fmt.Sprintf("%s: Ready is %s %s %q of generation %d; want %s %s %q of %d", obj.GetName(), c.Status, c.Reason, c.Message,
			c.ObservedGeneration, status, reason, part, obj.GetGeneration())
	}
	return ""
}

func (s *stage) uplinkIs(name string, status metav1.ConditionStatus, reason, part string) {
	s.t.Helper()
	s.eventually(func() string {
		u := s.uplink(name)
		return ready(u, u.Status.Conditions, status, reason, part)
	})
}

func (s *stage) networkIs(name string, status metav1.ConditionStatus, reason, part string) {
	s.t.Helper()
	s.eventually(func() string {
		n := s.network(name)
		return ready(n, n.Status.Conditions, status, reason, part)
	})
}

// gone waits until an object does not exist.
func (s *stage) gone(obj client.Object, name string) {
	s.t.Helper()
	s.eventually(func() string {
		err := s.Admin.Get(s.ctx, types.NamespacedName{Name: name}, obj)
		if apierrors.IsNotFound(err) {
			return ""
		}
		return fmt.Sprintf("%T %s is still there: %v", obj, name, err)
	})
}

// has says whether a host really has an interface.
func (s *stage) has(node, iface string) bool {
	_, ok := s.Lab.Host(node).Interface(iface)
	return ok
}

func (s *stage) policies() []nmstate.Policy {
	s.t.Helper()
	list := &nmstate.PolicyList{}
	s.must(s.Admin.List(s.ctx, list))
	return list.Items
}

// mtu waits until an interface of a host has an MTU.
func (s *stage) mtu(node, iface, want string) {
	s.t.Helper()
	s.eventually(func() string {
		if i, _ := s.Lab.Host(node).Interface(iface); fmt.Sprint(i["mtu"]) != want {
			return fmt.Sprintf("%s of %s has mtu %v, want %s", iface, node, i["mtu"], want)
		}
		return ""
	})
}

// quiet waits until the controller has written nothing for a while, and then checks that it stays so.
func (s *stage) quiet() {
	s.t.Helper()
	s.eventually(func() string {
		s.Requests.Reset()
		time.Sleep(time.Second)
		if w := s.Requests.Writes(); len(w) > 0 {
			return fmt.Sprintf("the controller still writes: %v", w)
		}
		return ""
	})
}
