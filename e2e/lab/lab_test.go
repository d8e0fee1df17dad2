package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
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

func TestAPolicyIsEnactedOnEveryMatchingNode(t *testing.T) {
	s := newStage(t, "enact", 2, Options{})
	s.apply("blue", plainBridge, nil)
	for i := 1; i <= 2; i++ {
		s.await(i, "blue", "TFFFF")
		if got := s.Host(s.node(i)).Ports("br1"); !slices.Equal(got, []string{"eth1"}) {
			t.Errorf("%s: ports of br1 are %v", s.node(i), got)
		}
	}
	s.awaitPolicy("blue", "TFFF")
	e := s.enactment(1, "blue")
	if diff := cmp.Diff(map[string]string{policyLabel: "blue", nodeLabel: s.node(1)}, e.Metadata.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if o := e.Metadata.OwnerReferences; len(o) != 1 || o[0].Kind != "Node" || e.Status.PolicyGeneration != 1 {
		t.Errorf("owner %v, generation %d", o, e.Status.PolicyGeneration)
	}
	port := mappings(dig(mappings(e.Status.DesiredState["interfaces"])[1], "bridge", "port"))[0]
	if text(port["vlan"].(map[string]any), "mode") != "trunk" {
		t.Errorf("no VLAN default was injected: %v", port)
	}
	if p, err := s.store.policy(t.Context(), "blue"); err != nil || len(p.Status.UnavailableNodeCountMap) != 0 {
		t.Errorf("slots left: %v %v", p.Status.UnavailableNodeCountMap, err)
	}
}

func TestAnEnactmentPassesThroughItsStates(t *testing.T) {
	s := newStage(t, "states", 1, Options{})
	watcher, err := client.NewWithWatch(s.cfg, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(enactmentKind)
	stream, err := watcher.Watch(t.Context(), list, client.MatchingLabels{policyLabel: "seen"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Stop()
	if err := s.Fail(s.node(1), Fault{Gone: "eth1", Attempts: 1}); err != nil {
		t.Fatal(err)
	}
	s.apply("seen", plainBridge, nil)
	var seen []string
	for timeout := time.After(30 * time.Second); len(seen) == 0 || seen[len(seen)-1] != "TFFFF"; {
		select {
		case event := <-stream.ResultChan():
			e := &enactment{}
			if err := decode(event.Object.(*unstructured.Unstructured), e); err != nil {
				t.Fatal(err)
			}
			now := "empty"
			if len(e.Status.Conditions) == len(enactmentTypes) {
				now = letters(e.Status.Conditions, enactmentTypes)
			}
			if len(seen) == 0 || seen[len(seen)-1] != now {
				seen = append(seen, now)
			}
		case <-timeout:
			t.Fatalf("not applied: states %v, events %v", seen, s.drain(1, "seen"))
		}
	}
	want := []string{"empty", "UUUUU", "empty", "UUTFF", "FTTFF", "UUTFF", "TFFFF"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestFailureIsFinalUntilTheEnactmentIsRenewed(t *testing.T) {
	s := newStage(t, "fail", 1, Options{Attempts: 3})
	if err := s.Fail(s.node(1), Fault{Gone: "eth1"}); err != nil {
		t.Fatal(err)
	}
	s.apply("red", plainBridge, map[string]any{"nodeSelector": map[string]any{"red": "on"}, "maxUnavailable": int64(2)})
	s.awaitPolicy("red", "FFFT")
	s.relabel(1, "red", "on")
	s.await(1, "red", "FTFFF")
	s.awaitPolicy("red", "FTFF")
	e := s.enactment(1, "red")
	message := find(e.Status.Conditions, "Failing").Message
	if !strings.Contains(message, "NmstateError: InvalidArgument: Ethernet interface eth1 does not exists\n") {
		t.Errorf("message: %s", message)
	}
	if got := e.Status.RetryCount["1"]; got != 3 {
		t.Errorf("retryCount is %d, want 3", got)
	}
	p, err := s.store.policy(t.Context(), "red")
	if err != nil || p.Status.UnavailableNodeCountMap["1"] != 1 {
		t.Errorf("the failed node's slot: %v %v", p.Status.UnavailableNodeCountMap, err)
	}
	events := &corev1.EventList{}
	if err := s.store.List(t.Context(), events, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
		return e.Reason == "ReconcileFailed" && e.InvolvedObject.Name == "red" && e.Type == corev1.EventTypeWarning
	}) {
		t.Error("no event ReconcileFailed on the policy")
	}

	if err := s.Repair(s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.relabel(1, "other", "label")
	stays(t, "a repaired node", "FTFFF", func() string { return s.verdict(1, "red") })
	s.relabel(1, "red", "")
	s.await(1, "red", "none")
	s.relabel(1, "red", "on")
	s.await(1, "red", "TFFFF")
}

// v0.87 frees the slots of a generation only when all of its nodes succeed (kubernetes-nmstate PR 1571).
func TestAFailedNodesSlotOutlivesItsEnactment(t *testing.T) {
	for name, c := range map[string]struct {
		release Release
		limit   any
		want    string
	}{
		"v0.87: the renewed node waits for ever":  {V087, "50%", "FFFTF"},
		"v0.87: also when all may work at a time": {V087, "100%", "FFFTF"},
		"v0.87: a number leaves slots over":       {V087, int64(1000), "TFFFF"},
		"later: the slot is taken back":           {After087, "50%", "TFFFF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "ghost", 1, Options{Attempts: 1, Release: c.release})
			if err := s.Fail(s.node(1), Fault{Gone: "eth1", Attempts: 1}); err != nil {
				t.Fatal(err)
			}
			s.apply("ghost", plainBridge, map[string]any{"nodeSelector": map[string]any{"ghost": "on"}, "maxUnavailable": c.limit})
			s.awaitPolicy("ghost", "FFFT")
			s.relabel(1, "ghost", "on")
			s.await(1, "ghost", "FTFFF")
			s.relabel(1, "ghost", "")
			s.await(1, "ghost", "none")
			s.relabel(1, "ghost", "on")
			s.await(1, "ghost", c.want)
			stays(t, "the renewed enactment", c.want, func() string { return s.verdict(1, "ghost") })
		})
	}
}

func TestANewGenerationOrAHandlerRestartTriesAgain(t *testing.T) {
	s := newStage(t, "again", 1, Options{Attempts: 2})
	if err := s.Fail(s.node(1), Fault{Error: "VerificationError: Verification failure: br1.interface.mtu", Attempts: 4}); err != nil {
		t.Fatal(err)
	}
	s.apply("again", plainBridge, nil)
	s.await(1, "again", "FTFFF")
	if err := s.StopHandler(t.Context(), s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.drain(1, "again")
	if err := s.StartHandler(t.Context(), s.node(1)); err != nil {
		t.Fatal(err)
	}
	becomes(t, "failed again after the restart", true, func() bool { return slices.Contains(s.drain(1, "again"), PolicyFailed) })
	becomes(t, "edit", nil, func() error { // a policy in the middle of a reset refuses edits
		u := blank(policyKind)
		if err := s.store.Get(t.Context(), types.NamespacedName{Name: "again"}, u); err != nil {
			t.Fatal(err)
		}
		u.Object["spec"].(map[string]any)["maxUnavailable"] = "1%"
		err := s.store.Update(t.Context(), u)
		if apierrors.IsForbidden(err) || apierrors.IsConflict(err) {
			return errAbandoned
		}
		return err
	})
	s.await(1, "again", "TFFFF")
	if got := s.enactment(1, "again").Status.PolicyGeneration; got != 2 {
		t.Errorf("generation %d, want 2", got)
	}
}

func TestFailedNodesKeepTheirSlotsAndTheRestAborts(t *testing.T) {
	s := newStage(t, "slots", 3, Options{Attempts: 2})
	for i := 1; i <= 3; i++ {
		if err := s.Fail(s.node(i), Fault{Gone: "eth1"}); err != nil {
			t.Fatal(err)
		}
	}
	s.apply("slots", plainBridge, map[string]any{"maxUnavailable": int64(1)})
	becomes(t, "verdicts", "FFFFT FFFFT FTFFF", func() string {
		all := []string{s.verdict(1, "slots"), s.verdict(2, "slots"), s.verdict(3, "slots")}
		slices.Sort(all)
		return strings.Join(all, " ")
	})
	s.awaitPolicy("slots", "FTFF")
	waited := 0
	for range len(s.Events()) {
		if event := <-s.Events(); event.Kind == PolicyWaiting {
			waited++
		}
	}
	if waited < 2 {
		t.Errorf("%d waits, want one of each other node at least", waited)
	}
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

func TestALabelChangeAppliesAllMatchingPoliciesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		opts Options
		want []EventKind
	}{
		"v0.87":          {Options{}, []EventKind{PolicyApplying, PolicyApplied}},
		"later handlers": {Options{Release: After087}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "relabel", 1, c.opts)
			s.apply("kept", plainBridge, nil)
			s.apply("left", `{interfaces: [{name: br2, type: linux-bridge, state: up}]}`, nil)
			s.await(1, "left", "TFFFF")
			s.await(1, "kept", "TFFFF")
			s.awaitPolicy("kept", "TFFF")
			s.drain(1, "kept")
			s.relabel(1, "color", "green")
			var got []EventKind
			becomes(t, "seen again", true, func() bool { got = append(got, s.drain(1, "kept")...); return len(got) >= len(c.want) })
			time.Sleep(300 * time.Millisecond)
			if got = append(got, s.drain(1, "kept")...); !slices.Equal(got, c.want) {
				t.Errorf("events %v, want %v", got, c.want)
			}
			s.relabel(1, "stage", "elsewhere")
			s.await(1, "left", "none")
			s.await(1, "kept", "none")
			s.awaitPolicy("left", "FFFT")
			if _, ok := s.Host(s.node(1)).Interface("br2"); !ok {
				t.Error("a node that no longer matches lost its bridge")
			}
		})
	}
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

func TestAHungNodeStaysInProgressAndWorksOnNothingElse(t *testing.T) {
	s := newStage(t, "hang", 1, Options{})
	if err := s.Hang(s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.apply("hang-a", plainBridge, nil)
	s.await(1, "hang-a", "UUTFF")
	s.awaitPolicy("hang-a", "UUTF")
	s.apply("hang-b", plainBridge, nil)
	stays(t, "the other policy", "none", func() string { return s.verdict(1, "hang-b") })
	if err := s.Repair(s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.await(1, "hang-a", "TFFFF")
	s.await(1, "hang-b", "TFFFF")
}

func TestACaptureThatCannotBeEvaluatedFailsAtOnce(t *testing.T) {
	s := newStage(t, "capture", 1, Options{})
	s.apply("capture", plainBridge, map[string]any{"capture": map[string]any{"nic": `interfaces.name=="eth1"`}})
	s.await(1, "capture", "FTFFF")
	if e := s.enactment(1, "capture"); len(e.Status.RetryCount) != 0 {
		t.Errorf("it was tried: %v", e.Status.RetryCount)
	}
}

func TestHandlersBefore086HaveNoReasonRetrying(t *testing.T) {
	s := newStage(t, "old", 1, Options{Release: Before086, Attempts: 2, MaxBackoff: 2 * time.Second, Backoff: 2 * time.Second})
	if err := s.Fail(s.node(1), Fault{Gone: "eth1"}); err != nil {
		t.Fatal(err)
	}
	s.apply("old", plainBridge, nil)
	s.await(1, "old", "FTTFF")
	if got := find(s.enactment(1, "old").Status.Conditions, "Failing").Reason; got != "FailedToConfigure" {
		t.Errorf("reason %s, want FailedToConfigure", got)
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
