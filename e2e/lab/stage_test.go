package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/cluster"
)

var lively = cluster.Shared{Options: cluster.Options{Without: []cluster.Component{cluster.Wukong, cluster.KubeVirt, cluster.Multus}}}

func TestMain(m *testing.M) { os.Exit(lively.Run(m)) }

// stage is a running lab with nodes of its own: a test's policies select them by the label stage.
type stage struct {
	*Lab
	t    *testing.T
	name string
}

// newStage starts a lab with that many nodes, named <name>-1 and so on.
func newStage(t *testing.T, name string, nodes int, opts Options) *stage {
	t.Helper()
	c := lively.ForTest(t)
	l, err := New(c.AdminConfig(), opts)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{l, t, name}
	for i := range nodes {
		s.join(i + 1)
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		for _, h := range l.all() {
			if err := l.RemoveNode(ctx, h.spec.Name); err != nil {
				t.Error(err)
			}
		}
		l.Stop()
		names, _ := l.store.policyNames(ctx)
		for _, policy := range names {
			s.erase(ctx, policy)
		}
	})
	return s
}

func (s *stage) node(i int) string { return fmt.Sprintf("%s-%d", s.name, i) }

func (s *stage) join(i int) {
	s.t.Helper()
	address := netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + i)})
	err := s.AddNode(s.t.Context(), NodeSpec{Name: s.node(i), Labels: map[string]string{"stage": s.name}, Address: address,
		NICs: []NIC{{Name: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(address, 24)},
			Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}, {Name: "eth1"}}})
	if err != nil {
		s.t.Fatal(err)
	}
}

const plainBridge = `
interfaces:
  - {name: eth1, type: ethernet, state: up}
  - {name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}
`

// apply creates a policy for the stage's nodes; more are further fields of its spec.
func (s *stage) apply(name, desired string, more map[string]any) {
	s.t.Helper()
	spec := map[string]any{"desiredState": state(s.t, desired), "nodeSelector": map[string]any{"stage": s.name}}
	maps.Copy(spec, more)
	u := blank(policyKind)
	u.SetName(name)
	u.Object["spec"] = spec
	if err := s.store.Create(s.t.Context(), u); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) erase(ctx context.Context, name string) {
	u := blank(policyKind)
	u.SetName(name)
	if err := s.store.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
		s.t.Error(err)
	}
}

// enactment reads one, or nil.
func (s *stage) enactment(i int, policy string) *enactment {
	u, e := blank(enactmentKind), &enactment{}
	err := s.store.Get(s.t.Context(), types.NamespacedName{Name: enactmentName(s.node(i), policy)}, u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = decode(u, e)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// verdict is the letters of a node's enactment, or "none".
func (s *stage) verdict(i int, policy string) string {
	e := s.enactment(i, policy)
	if e == nil {
		return "none"
	}
	if len(e.Status.Conditions) < len(enactmentTypes) {
		return "empty"
	}
	return letters(e.Status.Conditions, enactmentTypes)
}

// policyVerdict is the letters of a policy.
func (s *stage) policyVerdict(name string) string {
	p, err := s.store.policy(s.t.Context(), name)
	if err != nil {
		return err.Error()
	}
	if len(p.Status.Conditions) < len(policyTypes) {
		return "empty"
	}
	return letters(p.Status.Conditions, policyTypes)
}

// becomes waits until a reading is what is wanted.
func becomes[T comparable](t *testing.T, what string, want T, read func() T) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for got := read(); got != want; got = read() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %v, want %v", what, got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stays watches a reading for a moment in which handlers have done far more than they should.
func stays[T comparable](t *testing.T, what string, want T, read func() T) {
	t.Helper()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got := read(); got != want {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

func (s *stage) await(i int, policy, want string) {
	s.t.Helper()
	becomes(s.t, s.node(i)+"."+policy, want, func() string { return s.verdict(i, policy) })
}

func (s *stage) awaitPolicy(policy, want string) {
	s.t.Helper()
	becomes(s.t, policy, want, func() string { return s.policyVerdict(policy) })
}

// relabel sets a label of a node, or removes it when the value is empty.
func (s *stage) relabel(i int, key, value string) {
	s.t.Helper()
	v := `"` + value + `"`
	if value == "" {
		v = "null"
	}
	node := &corev1.Node{}
	node.Name = s.node(i)
	patch := client.RawPatch(types.MergePatchType, []byte(fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, key, v)))
	if err := s.store.Patch(s.t.Context(), node, patch); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) networkState(i int) *unstructured.Unstructured {
	u := blank(stateKind)
	if err := s.store.Get(s.t.Context(), types.NamespacedName{Name: s.node(i)}, u); err != nil {
		s.t.Fatal(err)
	}
	return u
}

// drain returns the kinds of all events so far about one policy on one node.
func (s *stage) drain(i int, policy string) []EventKind {
	s.t.Helper()
	var kinds []EventKind
	for {
		select {
		case e := <-s.Events():
			if e.Kind == HandlerError {
				s.t.Logf("the lab met %s: %s", e.Policy, e.Message)
			}
			if e.Node == s.node(i) && e.Policy == policy {
				kinds = append(kinds, e.Kind)
			}
		default:
			return kinds
		}
	}
}
