//go:build linux

package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 60 * time.Second

// manifests declare an untagged network over eth1 of all nodes.
const manifests = `
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata: {name: racks}
spec:
  physicalNetwork: lab
  nodeSelector: {}
  interface: eth1
  rollout: {canary: 1, maxUnavailable: 100%}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostNetwork
metadata: {name: blue}
spec:
  physicalNetwork: lab
  provision: Always
  allowedNamespaces: {selector: {}}
`

// TestRevisionsRunOnARealKernel plays the whole loop: the controller writes revisions to a real API server, handlers give
// them to the real nmstatectl, and the kernel carries frames.
func TestRevisionsRunOnARealKernel(t *testing.T) {
	ctl := nmstatectlForTest(t)
	here := machine(t)
	s := newStage(t, fabricForTest(t, ctl))
	before := map[string]links{}
	for i, name := range []string{"node-a", "node-b", "node-c"} {
		s.join(name, byte(11+i), NIC{Name: "eth0", Address: own(11 + i), Gateway: gateway.Addr()}, NIC{Name: "eth1"})
		before[name] = s.links(name)
	}
	s.join("node-d", 14, NIC{Name: "eth0"}, NIC{Name: "eth1", Address: own(14), Gateway: gateway.Addr()})
	before["node-d"] = s.links("node-d")

	s.must(s.Cluster.Apply(s.ctx, []byte(manifests)))
	s.eventually("blue is on every node that can have it", func() string { return s.ready(3) })

	for _, name := range []string{"node-a", "node-b", "node-c"} {
		s.eventually("the bridge carries frames", func() string { return s.bridged(name) })
		if diff := cmp.Diff(before[name].address("eth0"), s.links(name).address("eth0")); diff != "" {
			t.Errorf("%s: its own address changed (-before +after):\n%s", name, diff)
		}
		s.answers(s.nodes[name].Namespace, gateway)
	}
	if diff := cmp.Diff(before["node-d"], s.links("node-d")); diff != "" {
		t.Errorf("node-d, whose uplink carries its address, was touched (-before +after):\n%s", diff)
	}
	s.answers(s.nodes["node-d"].Namespace, gateway)

	first, err := s.nodes["node-a"].Attach(s.ctx, "br-blue", guestOwn)
	s.must(err)
	second, err := s.nodes["node-b"].Attach(s.ctx, "br-blue", guestNext)
	s.must(err)
	s.answers(first, peer)
	s.answers(first, guestNext)
	s.answers(second, guestOwn)
	s.must(first.Close())
	s.must(second.Close())

	s.must(s.Admin.Delete(s.ctx, s.network()))
	s.must(s.Admin.Delete(s.ctx, s.uplink()))
	s.eventually("blue and racks are gone", func() string { return s.gone() })
	for name := range before {
		asBefore(t, name, before[name], s.nodes[name])
	}
	if diff := cmp.Diff(here, machine(t)); diff != "" {
		t.Errorf("this machine was touched (-before +after):\n%s", diff)
	}
}

// stage is the controller, a cluster, and nodes that are namespaces.
type stage struct {
	*world.World
	t      *testing.T
	ctx    context.Context
	fabric *Fabric
	nodes  map[string]*Node
}

func newStage(t *testing.T, f *Fabric) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := world.Start(ctx, shared.ForTest(t), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{World: w, t: t, ctx: ctx, fabric: f, nodes: map[string]*Node{}}
	cfg := controllers.DefaultConfig()
	cfg.Sweep = time.Second
	stop, err := s.RunController(ctx, cfg)
	s.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		for name := range s.nodes {
			if err := s.Lab.RemoveNode(ctx, name); err != nil {
				t.Error(err)
			}
		}
		s.Lab.Stop()
		cancel()
	})
	return s
}

// own is the address of a node by its last byte.
func own(last int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(last)}), gateway.Bits())
}

func (s *stage) join(name string, last byte, nics ...NIC) {
	s.t.Helper()
	s.nodes[name] = join(s.t, s.fabric, nics...)
	s.must(s.Lab.AddNode(s.ctx, lab.NodeSpec{Name: name, Address: own(int(last)).Addr(), Machine: s.nodes[name]}))
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) answers(from *Namespace, to netip.Prefix) {
	s.t.Helper()
	if err := from.Ping(to.Addr(), patience); err != nil {
		s.t.Error(err)
	}
}

// eventually waits until still returns nothing.
func (s *stage) eventually(what string, still func() string) {
	s.t.Helper()
	wrong := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if wrong = still(); wrong == "" {
			return
		}
	}
	s.t.Fatalf("not within %s: %s: %s", patience, what, wrong)
}

func (s *stage) network() *v1alpha1.HostNetwork {
	n := &v1alpha1.HostNetwork{}
	s.must(client.IgnoreNotFound(s.Admin.Get(s.ctx, types.NamespacedName{Name: "blue"}, n)))
	return n
}

func (s *stage) uplink() *v1alpha1.HostUplink {
	u := &v1alpha1.HostUplink{}
	s.must(client.IgnoreNotFound(s.Admin.Get(s.ctx, types.NamespacedName{Name: "racks"}, u)))
	return u
}

// ready says what keeps the network from being Ready on that many nodes.
func (s *stage) ready(nodes int) string {
	list := &corev1.NodeList{}
	s.must(s.Admin.List(s.ctx, list, client.MatchingLabels{v1alpha1.NetworkLabelPrefix + "blue": "true"}))
	conditions := s.network().Status.Conditions
	if len(list.Items) != nodes || !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) {
		return fmt.Sprintf("%d nodes have it, want %d: %v", len(list.Items), nodes, conditions)
	}
	return ""
}

// bridged says what keeps the kernel of a node from passing frames between the bridge and the uplink. The bridge is down for
// a moment when its revision is applied again.
func (s *stage) bridged(node string) string {
	now := s.links(node)
	if bridge, port := now.link("br-blue"), now.link("eth1"); bridge["operstate"] != "UP" || port["master"] != "br-blue" {
		return fmt.Sprintf("%s: br-blue is %v, eth1 is %v", node, bridge, port)
	}
	return ""
}

// gone says what is left of the declared objects and of their policies.
func (s *stage) gone() string {
	for name, obj := range map[string]client.Object{"blue": &v1alpha1.HostNetwork{}, "racks": &v1alpha1.HostUplink{}} {
		if err := s.Admin.Get(s.ctx, types.NamespacedName{Name: name}, obj); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("%T %s is there: %v", obj, name, err)
		}
	}
	return ""
}

func (s *stage) dump() {
	for _, args := range [][]string{{"get", "hostuplinks,hostnetworks,nncp,nnce", "-o", "wide"}, {"get", "nnce,nns", "-o", "yaml"}} {
		out, err := s.Cluster.Kubectl(s.ctx, args...)
		s.t.Logf("kubectl %v: %v\n%s", args, err, out)
	}
}

// links is what ip tells of a namespace: ip -json link, and ip -json address. Neither shows counters. The number of an
// interface (ifindex) is that of an interface that was there all the time, so nothing is masked.
type links struct{ Links, Addresses []map[string]any }

func (s *stage) links(node string) links {
	s.t.Helper()
	return linksOf(s.t, s.nodes[node])
}

func linksOf(t *testing.T, n *Node) links {
	t.Helper()
	var l links
	for what, into := range map[string]*[]map[string]any{"link": &l.Links, "address": &l.Addresses} {
		out, err := n.IP(t.Context(), "-json", what)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// asBefore checks that a node shows what it showed before. The carrier of a NIC that left a bridge may take a moment.
func asBefore(t *testing.T, name string, before links, n *Node) {
	t.Helper()
	diff := "nothing was compared"
	for end := time.Now().Add(10 * time.Second); diff != "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		diff = cmp.Diff(before, linksOf(t, n))
	}
	if diff != "" {
		t.Errorf("%s is not as it was (-before +after):\n%s", name, diff)
	}
}

func (l links) link(name string) map[string]any    { return named(l.Links, name) }
func (l links) address(name string) map[string]any { return named(l.Addresses, name) }

func named(list []map[string]any, name string) map[string]any {
	for _, entry := range list {
		if entry["ifname"] == name {
			return entry
		}
	}
	return nil
}

// machine is the names of the interfaces of the machine that this process runs on, which no test may change.
func machine(t *testing.T) []string {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	return names
}
