package lab

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/parts"
)

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

func TestHandlersBefore086ShowANewGenerationWithTheOldConditions(t *testing.T) {
	for name, c := range map[string]struct {
		release Release
		want    string
	}{"before v0.86": {Before086, "TFFFF"}, "since": {V087, "empty"}} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "stale", 1, Options{Release: c.release})
			s.apply("stale", plainBridge, nil)
			s.await(1, "stale", "TFFFF")
			h, err := s.handler(s.node(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.StopHandler(t.Context(), s.node(1)); err != nil {
				t.Fatal(err)
			}
			node := &corev1.Node{}
			if err := s.store.Get(t.Context(), types.NamespacedName{Name: s.node(1)}, node); err != nil {
				t.Fatal(err)
			}
			p, err := s.store.policy(t.Context(), "stale")
			if err != nil {
				t.Fatal(err)
			}
			p.Metadata.Generation = 2
			if _, _, err := h.prepare(t.Context(), node, p); err != nil {
				t.Fatal(err)
			}
			if got := s.enactment(1, "stale").Status.PolicyGeneration; got != 2 || s.verdict(1, "stale") != c.want {
				t.Errorf("generation %d, %s; want 2, %s", got, s.verdict(1, "stale"), c.want)
			}
		})
	}
}

// preserving moves address and routes of the NIC with the default route to a bridge.
const preserving = `
interfaces:
  - name: "{{ capture.base.interfaces.0.name }}"
    type: ethernet
    state: up
    ipv4: {enabled: false}
    ipv6: {enabled: false}
  - name: br0
    type: linux-bridge
    state: up
    mac-address: "{{ capture.base.interfaces.0.mac-address }}"
    ipv4: "{{ capture.base.interfaces.0.ipv4 }}"
    bridge:
      options: {stp: {enabled: false}}
      port: [{name: "{{ capture.base.interfaces.0.name }}", vlan: {}}]
routes:
  config: "{{ capture.moved.routes.running }}"
`

func TestCapturesMoveTheNodesAddressAndStayAsTheyWereTakenFirst(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	s := newStage(t, "move", 1, Options{Capture: Captures(judge)})
	captures := map[string]any{
		"default-gw": `routes.running.destination=="0.0.0.0/0"`,
		"base":       `interfaces.name==capture.default-gw.routes.running.0.next-hop-interface`,
		"routes":     `routes.running.next-hop-interface==capture.default-gw.routes.running.0.next-hop-interface`,
		"moved":      `capture.routes | routes.running.next-hop-interface:="br0"`,
	}
	s.apply("move", preserving, map[string]any{"capture": captures})
	s.await(1, "move", "TFFFF")
	address := netip.MustParseAddr("10.0.0.11")
	if h := s.Host(s.node(1)); !slices.Contains(h.Addresses("br0"), netip.PrefixFrom(address, 24)) || len(h.routes) != 1 {
		t.Errorf("br0 has %v, routes %v", h.Addresses("br0"), h.routes)
	}
	// Applied again, with a host whose default route is now over the bridge, it must ask for the same.
	first := s.enactment(1, "move").Status.DesiredState
	s.drain(1, "move")
	s.relabel(1, "color", "green")
	becomes(t, "applied again", true, func() bool { return slices.Contains(s.drain(1, "move"), PolicyApplied) })
	if diff := cmp.Diff(first, s.enactment(1, "move").Status.DesiredState); diff != "" {
		t.Errorf("desired state (-first +again):\n%s", diff)
	}
	if got := s.CutOffs(s.node(1)); got != 0 {
		t.Errorf("%d cut-offs, want none", got)
	}
}
