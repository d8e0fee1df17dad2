package lab

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestANodeJoinsWithStateAndHandler(t *testing.T) {
	s := newStage(t, "join", 0, Options{})
	s.join(1) // late: the lab runs already
	node := &corev1.Node{}
	if err := s.store.Get(t.Context(), types.NamespacedName{Name: s.node(1)}, node); err != nil {
		t.Fatal(err)
	}
	if !isReady(node) || len(node.Spec.Taints) != 0 || node.Status.Addresses[1].Address != "10.0.0.11" {
		t.Errorf("node: %v %v %v", node.Status.Conditions, node.Spec.Taints, node.Status.Addresses)
	}
	pods := &corev1.PodList{}
	if err := s.store.List(t.Context(), pods, client.MatchingLabels{"component": handlerComponent}); err != nil || len(pods.Items) != 1 {
		t.Errorf("handler pods: %v, %d", err, len(pods.Items))
	}
	nns := s.networkState(1)
	if owner := nns.GetOwnerReferences(); len(owner) != 1 || owner[0].UID != node.UID {
		t.Errorf("owner of the NodeNetworkState: %v", owner)
	}
	shown, _, _ := unstructured.NestedMap(nns.Object, "status", "currentState")
	if diff := cmp.Diff(s.Host(s.node(1)).State(), shown); diff != "" {
		t.Errorf("the stored state differs from the host (-host +stored):\n%s", diff)
	}
}

func TestStateIsWrittenOnChangeOnly(t *testing.T) {
	s := newStage(t, "nns", 1, Options{StateRefresh: 20 * time.Millisecond})
	version := func() string { return s.networkState(1).GetResourceVersion() }
	stays(t, "an unchanged NodeNetworkState", version(), version)
	nns := s.networkState(1)
	nns.SetLabels(map[string]string{forceRefreshLabel: "1"})
	if err := s.store.Update(t.Context(), nns); err != nil {
		t.Fatal(err)
	}
	stays(t, "a refreshed but unchanged NodeNetworkState", version(), version)
	shows := func(nic string) func() bool {
		return func() bool {
			interfaces, _, _ := unstructured.NestedSlice(s.networkState(1).Object, "status", "currentState", "interfaces")
			return slices.ContainsFunc(mappings(interfaces), func(i map[string]any) bool { return text(i, "name") == nic })
		}
	}
	if err := s.Plug(s.node(1), NIC{Name: "eth7"}); err != nil {
		t.Fatal(err)
	}
	becomes(t, "eth7 shown", true, shows("eth7"))
	if err := s.Unplug(s.node(1), "eth1"); err != nil {
		t.Fatal(err)
	}
	becomes(t, "eth1 shown", false, shows("eth1"))
	if err := s.store.Delete(t.Context(), s.networkState(1)); err != nil {
		t.Fatal(err)
	}
	becomes(t, "a deleted NodeNetworkState", nil, func() error {
		return s.store.Get(t.Context(), types.NamespacedName{Name: s.node(1)}, blank(stateKind))
	})
}

func TestANotReadyNodeDoesNotCountAndItsEnactmentLingers(t *testing.T) {
	s := newStage(t, "lost", 2, Options{})
	s.apply("lost", plainBridge, nil)
	s.await(2, "lost", "TFFFF")
	if err := s.SetReady(t.Context(), s.node(2), NotReady); err != nil {
		t.Fatal(err)
	}
	s.apply("later", plainBridge, nil)
	s.await(1, "later", "TFFFF")
	s.awaitPolicy("later", "TFFF")
	if got := s.verdict(2, "later"); got != "none" {
		t.Errorf("the lost node enacted: %s", got)
	}
	s.erase(t.Context(), "lost")
	s.await(1, "lost", "none")
	stays(t, "the lost node's enactment", "TFFFF", func() string { return s.verdict(2, "lost") })
	if _, kept := s.Host(s.node(1)).Interface("br1"); !kept {
		t.Error("deleting the policy undid the bridge")
	}
	if err := s.SetReady(t.Context(), s.node(2), Ready); err != nil {
		t.Fatal(err)
	}
	s.await(2, "lost", "none")
	s.await(2, "later", "TFFFF")
}

func TestTakingThePrimaryNICCutsTheNodeOff(t *testing.T) {
	s := newStage(t, "primary", 1, Options{Attempts: 1})
	ready := func() bool {
		node := &corev1.Node{}
		if err := s.store.Get(t.Context(), types.NamespacedName{Name: s.node(1)}, node); err != nil {
			t.Fatal(err)
		}
		return isReady(node)
	}
	s.apply("primary", `{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth0}]}}]}`, nil)
	becomes(t, "ready", false, ready)
	s.await(1, "primary", "FTFFF")
	becomes(t, "ready after the rollback", true, ready)
	if got := s.CutOffs(s.node(1)); got != 1 {
		t.Errorf("%d cut-offs, want 1", got)
	}
	if host := s.Host(s.node(1)); !host.Holds(netip.MustParseAddr("10.0.0.11")) {
		t.Error("the rollback did not bring the address back")
	}
	if m := find(s.enactment(1, "primary").Status.Conditions, "Failing").Message; !strings.Contains(m, "rolling back") {
		t.Errorf("message: %s", m)
	}
}

func TestARemovedNodeTakesItsObjectsAlong(t *testing.T) {
	s := newStage(t, "leave", 2, Options{})
	s.apply("leave", plainBridge, nil)
	s.await(2, "leave", "TFFFF")
	if err := s.RemoveNode(t.Context(), s.node(2)); err != nil {
		t.Fatal(err)
	}
	s.await(2, "leave", "none")
	becomes(t, "its NodeNetworkState is gone", true, func() bool {
		return apierrors.IsNotFound(s.store.Get(t.Context(), types.NamespacedName{Name: s.node(2)}, blank(stateKind)))
	})
	if s.Host(s.node(2)) != nil {
		t.Error("the lab still has its host")
	}
}

func TestALostNodeRejoinsUnderItsNameWithItsHostAsItWas(t *testing.T) {
	s := newStage(t, "again", 2, Options{})
	s.apply("kept", plainBridge, map[string]any{"nodeSelector": map[string]any{"kept": "on"}})
	s.relabel(2, "kept", "on")
	s.await(2, "kept", "TFFFF")
	uid := func() string {
		node := &corev1.Node{}
		if err := s.store.Get(t.Context(), types.NamespacedName{Name: s.node(2)}, node); err != nil {
			t.Fatal(err)
		}
		return string(node.UID)
	}
	before := uid()
	if err := s.SetReady(t.Context(), s.node(2), NotReady); err != nil {
		t.Fatal(err)
	}
	if err := s.LoseNode(t.Context(), s.node(2)); err != nil {
		t.Fatal(err)
	}
	s.await(2, "kept", "none")
	if _, kept := s.Host(s.node(2)).Interface("br1"); !kept {
		t.Error("the lost node's host lost its bridge")
	}
	if err := s.Rejoin(t.Context(), s.node(2)); err != nil {
		t.Fatal(err)
	}
	if uid() == before {
		t.Error("the Node has its old UID")
	}
	becomes(t, "br1 in the state that the new Node owns", true, func() bool {
		nns := blank(stateKind)
		if err := s.store.Get(t.Context(), types.NamespacedName{Name: s.node(2)}, nns); err != nil {
			return false
		}
		interfaces, _, _ := unstructured.NestedSlice(nns.Object, "status", "currentState", "interfaces")
		return string(nns.GetOwnerReferences()[0].UID) == uid() &&
			slices.ContainsFunc(mappings(interfaces), func(i map[string]any) bool { return text(i, "name") == "br1" })
	})
	stays(t, "the label is gone with the old Node", "none", func() string { return s.verdict(2, "kept") })
	s.relabel(2, "kept", "on")
	s.await(2, "kept", "TFFFF")
	if err := s.LoseNode(t.Context(), s.node(2)); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveNode(t.Context(), s.node(2)); err != nil {
		t.Fatal(err)
	}
	if err := s.Rejoin(t.Context(), s.node(2)); err == nil || s.Host(s.node(2)) != nil {
		t.Errorf("a removed node has a host, and rejoins: %v", err)
	}
}

func TestEnactmentsOutliveTheirPolicyWhereNobodySeesTheDeletion(t *testing.T) {
	cases := map[string]struct{ away, back func(*stage) error }{
		"while the handler is down": {
			func(s *stage) error { return s.StopHandler(t.Context(), s.node(1)) },
			func(s *stage) error { return s.StartHandler(t.Context(), s.node(1)) },
		},
		"while the node is not ready": {
			func(s *stage) error { return s.SetReady(t.Context(), s.node(1), NotReady) },
			func(s *stage) error { return s.SetReady(t.Context(), s.node(1), Ready) },
		},
		"while the handler misses deletions": {
			func(s *stage) error { return s.Linger(s.node(1)) },
			func(s *stage) error { return s.Repair(s.node(1)) },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "outlive", 1, Options{})
			s.apply("outlive", plainBridge, nil)
			s.await(1, "outlive", "TFFFF")
			s.awaitPolicy("outlive", "TFFF")
			if err := c.away(s); err != nil {
				t.Fatal(err)
			}
			s.erase(t.Context(), "outlive")
			stays(t, "the enactment", "TFFFF", func() string { return s.verdict(1, "outlive") })
			if err := c.back(s); err != nil {
				t.Fatal(err)
			}
			s.await(1, "outlive", "none")
		})
	}
}
