package controllers

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

func TestRivalOn(t *testing.T) {
	at := func(seconds int64) metav1.Time { return metav1.Time{Time: time.Unix(seconds, 0)} }
	uplink := func(name, fabric, nic string, created int64, change ...func(*v1alpha1.HostUplink)) *render.Uplink {
		u := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: at(created)},
			Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), Interface: v1alpha1.InterfaceName(nic)}}
		for _, c := range change {
			c(u)
		}
		return &render.Uplink{Object: u, Interface: nic}
	}
	elsewhere := func(u *v1alpha1.HostUplink) { u.Spec.NodeSelector.MatchLabels = map[string]string{"rack": "2"} }
	deleted := func(u *v1alpha1.HostUplink) { u.DeletionTimestamp = &metav1.Time{Time: time.Unix(9, 0)} }
	bond := func(u *v1alpha1.HostUplink) {
		u.Spec.Bond = &v1alpha1.Bond{Name: "bond0", Ports: []v1alpha1.InterfaceName{"eth0", "eth1"}}
	}
	self := uplink("self", "lab", "eth1", 5)
	for name, test := range map[string]struct {
		other  *render.Uplink
		labels map[string]string
		want   *rival
	}{
		"an older one of the fabric has the node":            {uplink("other", "lab", "eth2", 1), nil, &rival{"other", true}},
		"an older one of the interface has the node":         {uplink("other", "storage", "eth1", 1), nil, &rival{"other", true}},
		"another fabric and another interface do not matter": {uplink("other", "storage", "eth2", 1), nil, nil},
		"a bond of the NIC has the node":                     {uplink("other", "storage", "bond0", 1, bond), nil, &rival{"other", true}},
		"a younger one does not matter":                      {uplink("other", "lab", "eth2", 9), nil, nil},
		"among equals the name decides":                      {uplink("a", "lab", "eth2", 5), nil, &rival{"a", true}},
		"one that selects other nodes does not matter":       {uplink("other", "lab", "eth2", 1, elsewhere), nil, nil},
		"one that is being deleted claims nothing":           {uplink("other", "lab", "eth2", 1, deleted), nil, nil},
		"one that has not given the node back is waited for": {uplink("other", "lab", "eth2", 9), map[string]string{"uplink.vm.novasphere.dev/other": "r"}, &rival{"other", false}},
	} {
		t.Run(name, func(t *testing.T) {
			got := rivalOn(testNode(test.labels, nil), self, []*render.Uplink{test.other, self})
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(rival{})); diff != "" {
				t.Errorf("rival (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAbandonedNodesAreThoseThatTheAnnotationLists(t *testing.T) {
	for annotation, want := range map[string]bool{"": false, "node-a": true, "node-b, node-a": true, "*": true, "node-aa": false, " node-a ": true} {
		u := testUplink()
		u.Annotations = map[string]string{v1alpha1.AbandonAnnotation: annotation}
		if got := abandoned(u, "node-a"); got != want {
			t.Errorf("%q: %v, want %v", annotation, got, want)
		}
	}
}

func TestHostUplinkVerdict(t *testing.T) {
	progress := func(p nmstate.Progress, reason, message string) nmstate.NodeProgress {
		return nmstate.NodeProgress{Name: "node-c", Progress: p, Reason: reason, Message: message}
	}
	for name, test := range map[string]struct {
		counts v1alpha1.NodeCounts
		change func(*uplinkScope)
		want   Verdict
	}{
		"every node has the revision": {counts: v1alpha1.NodeCounts{Matching: 3, Applied: 3},
			want: Verdict{Done, v1alpha1.ReasonApplied, "3/3 nodes configured"}},
		"a node gave up": {counts: v1alpha1.NodeCounts{Matching: 3, Applied: 2, Failing: 1}, change: func(s *uplinkScope) {
			s.plan.Nodes = []nmstate.NodeProgress{progress(nmstate.ProgressFailing, "Failing", "Ethernet interface eth9 does not exist")}
		}, want: Verdict{Stalled, v1alpha1.ReasonNodeNetworkDegraded, "node-c: Ethernet interface eth9 does not exist (2/3 nodes configured)"}},
		"a handler is silent for too long": {counts: v1alpha1.NodeCounts{Matching: 3, Applied: 2, Unknown: 1}, change: func(s *uplinkScope) {
			s.plan.Nodes = []nmstate.NodeProgress{progress(nmstate.ProgressUnknown, nmstate.NodeOverdue, "silent")}
		}, want: Verdict{Stalled, v1alpha1.ReasonNodeNetworkDegraded, "node-c: silent (2/3 nodes configured)"}},
		"a node that is not ready is waited for": {counts: v1alpha1.NodeCounts{Matching: 3, Applied: 2, Unknown: 1}, change: func(s *uplinkScope) {
			s.plan.Nodes = []nmstate.NodeProgress{progress(nmstate.ProgressUnknown, nmstate.NodeNotReady, "the node is not ready")}
		}, want: Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "2/3 nodes configured"}},
		"some are left out, and the others serve": {counts: v1alpha1.NodeCounts{Matching: 3, Applied: 2, LeftOut: 1}, change: func(s *uplinkScope) {
			s.plan.Nodes = []nmstate.NodeProgress{progress(nmstate.ProgressLeftOut, "UplinkMissing", "no eth1")}
		}, want: Verdict{Done, v1alpha1.ReasonNodesLeftOut, "2/2 nodes configured; 1 left out: node-c: no eth1"}},
		"all are left out": {counts: v1alpha1.NodeCounts{Matching: 1, LeftOut: 1}, change: func(s *uplinkScope) {
			s.plan.Nodes = []nmstate.NodeProgress{progress(nmstate.ProgressLeftOut, "UplinkMissing", "no eth1")}
		}, want: Verdict{Stalled, v1alpha1.ReasonNoEligibleNodes, "none of 1 nodes passes the checks: node-c: no eth1"}},
		"nodes wait for a pause to end": {counts: v1alpha1.NodeCounts{Matching: 2, Waiting: 2}, change: func(s *uplinkScope) {
			s.plan.Stopped = &nmstate.Stop{Reason: nmstate.StoppedPaused, Message: "paused: 2 nodes wait for it to go on"}
		}, want: Verdict{Stalled, v1alpha1.ReasonPaused, "paused: 2 nodes wait for it to go on (0/2 nodes configured)"}},
		"no node matches": {want: Verdict{Stalled, v1alpha1.ReasonNoMatchingNodes, "nodeSelector matches no node: label nodes, or change it"}},
		"nothing needs it": {counts: v1alpha1.NodeCounts{Matching: 2}, change: func(s *uplinkScope) { s.target = nil },
			want: Verdict{Done, v1alpha1.ReasonNotInUse, "no HostNetwork in use needs this uplink, so hosts are not touched"}},
		"nothing needs it any more, and a node still has something": {counts: v1alpha1.NodeCounts{Matching: 2}, change: func(s *uplinkScope) {
			s.target, s.members = nil, []*member{{rollout: nmstate.RolloutNode{Current: "r1"}}}
		}, want: Verdict{Working, v1alpha1.ReasonRemoving, "1 nodes give back what was built"}},
		"a node still gives back what the target lacks": {counts: v1alpha1.NodeCounts{Matching: 2, Applied: 2}, change: func(s *uplinkScope) {
			s.members = []*member{{rollout: nmstate.RolloutNode{Current: "r1", Want: "r2", Via: "r3"}}}
		}, want: Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "2/2 nodes configured"}},
		"it is deleted while networks need it": {counts: v1alpha1.NodeCounts{Matching: 2, Applied: 2}, change: func(s *uplinkScope) { s.inUseBy = []string{"blue", "green"} },
			want: Verdict{Stalled, v1alpha1.ReasonInUse, "is deleted once nothing uses it: delete HostNetwork blue, green first, or narrow nodeSelector"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &uplinkScope{uplink: testUplink(), target: &render.Revision{}}
			s.uplink.Status.Nodes = test.counts
			if test.change != nil {
				test.change(s)
			}
			if diff := cmp.Diff(test.want, uplinkVerdict(s)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// removalStage is an uplink whose one node has blue and green, while only green is in use.
func removalStage(t *testing.T, change func(blue *v1alpha1.HostNetwork)) *uplinkScope {
	t.Helper()
	blue, green := testNetwork("blue", 100), testNetwork("green", 200)
	change(&blue)
	u := testUplink()
	catalog := render.NewCatalog([]v1alpha1.HostUplink{*u}, []v1alpha1.HostNetwork{blue, green})
	known, _ := catalog.Uplink("up")
	both, err := catalog.Revision(u, sets.New("blue", "green"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := catalog.Revision(u, sets.New("green"))
	if err != nil {
		t.Fatal(err)
	}
	s := &uplinkScope{uplink: u, catalog: catalog, known: known, target: target, rendered: map[string]*render.Revision{target.Hash: target},
		policies: map[string]policy{both.Hash: {hash: both.Hash, state: both.State, intact: true}}}
	s.members = []*member{{node: testNode(map[string]string{
		"uplink.vm.novasphere.dev/up": both.Hash, "network.vm.novasphere.dev/blue": "true", "network.vm.novasphere.dev/green": "true",
		"network.vm.novasphere.dev/elsewhere": "true", "network.vm.novasphere.dev/gone": "true",
	}, map[string]string{"applied.uplink.vm.novasphere.dev/up": both.Hash}), matches: true}}
	s.members[0].marks = marksOf(s.members[0].node, "up")
	s.place(s.members[0])
	return s
}

func TestANodeGivesBackWhatTheTargetLacks(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.HostNetwork)
		want   string
	}{
		"by a removal revision":        {func(*v1alpha1.HostNetwork) {}, "br-blue, eth1.100"},
		"but not what shall stay":      {func(n *v1alpha1.HostNetwork) { n.Spec.ReclaimPolicy = v1alpha1.ReclaimRetain }, ""},
		"under the name that it has":   {func(n *v1alpha1.HostNetwork) { n.Spec.Bridge = &v1alpha1.Bridge{Name: "br-data"} }, "br-data, eth1.100"},
		"and with the NIC left behind": {func(n *v1alpha1.HostNetwork) { n.Spec.VLAN = nil }, "br-blue"},
	} {
		t.Run(name, func(t *testing.T) {
			s := removalStage(t, test.change)
			got := ""
			if via := s.removal(s.members[0], s.target); via != nil {
				got = interfaceNames(via.State.Removed())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
		})
	}
}

// A node with its address on the NIC passes through a revision that moves it, and goes on once its report shows that.
func TestANodeThatLivesOnThePreservedNICPassesThroughAMove(t *testing.T) {
	u, lan := testUplink(), testNetwork("lan", 100)
	u.Spec.Protect, lan.Spec.VLAN = v1alpha1.ProtectPreserve, nil
	catalog := render.NewCatalog([]v1alpha1.HostUplink{*u}, []v1alpha1.HostNetwork{lan})
	target, err := catalog.Revision(u, sets.New("lan"))
	if err != nil || target == nil {
		t.Fatal(err)
	}
	bridge := target.State.Built()[0].Name
	on := func(name string) *nmstate.NodeNetworkState {
		return &nmstate.NodeNetworkState{Node: nmstate.Node{Interfaces: []nmstate.NodeInterface{
			{Name: name, Type: nmstate.Ethernet, State: nmstate.Up, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}}}}
	}
	known, _ := catalog.Uplink(u.Name)
	s := &uplinkScope{uplink: u, catalog: catalog, known: known, target: target, rendered: map[string]*render.Revision{target.Hash: target}}
	m := &member{node: testNode(nil, nil), matches: true}
	m.rollout.Name = m.node.Name
	s.states = map[string]*nmstate.NodeNetworkState{m.node.Name: on(string(u.Spec.Interface))}
	via := s.removal(m, target)
	if via == nil || via.Policy(u).Spec.Capture == nil {
		t.Fatalf("nothing moves: %+v", via)
	}
	m.had, m.rollout.Current = via.State, via.Hash
	if again := s.removal(m, target); again == nil || again.Hash != via.Hash {
		t.Errorf("under way it goes elsewhere: %+v", again)
	}
	s.states[m.node.Name] = on(bridge)
	if again := s.removal(m, target); again == nil || again.Hash != via.Hash {
		t.Errorf("without proof it goes on: %+v", again)
	}
	m.rollout.Proof = via.Hash
	if again := s.removal(m, target); again != nil {
		t.Errorf("with proof it does not go on: %+v", again)
	}
}

// A node with the revision whose address is on the NIC again must not be given the revision once more.
func TestANodeWhoseAddressIsBackOnThePreservedNICIsMovedAgainOnce(t *testing.T) {
	u, lan := testUplink(), testNetwork("lan", 100)
	u.Spec.Protect, lan.Spec.VLAN = v1alpha1.ProtectPreserve, nil
	catalog := render.NewCatalog([]v1alpha1.HostUplink{*u}, []v1alpha1.HostNetwork{lan})
	target, err := catalog.Revision(u, sets.New("lan"))
	if err != nil || target == nil {
		t.Fatal(err)
	}
	drift := []nmstate.Difference{{Interface: target.State.Built()[0].Name, Broken: true}}
	for name, test := range map[string]struct {
		on       string // has the address
		drift    []nmstate.Difference
		outcome  nmstate.Outcome
		repaired time.Time
		moves    bool
	}{
		"it drifted":                       {string(u.Spec.Interface), drift, nmstate.OutcomeApplied, time.Time{}, true},
		"it was moved again a moment ago":  {string(u.Spec.Interface), drift, nmstate.OutcomeApplied, time.Unix(1, 0), false},
		"the revision failed there":        {string(u.Spec.Interface), nil, nmstate.OutcomeFailing, time.Unix(1, 0), true},
		"nothing is known to have drifted": {string(u.Spec.Interface), nil, nmstate.OutcomeApplied, time.Time{}, false},
		"the address is on the bridge":     {drift[0].Interface, drift, nmstate.OutcomeApplied, time.Time{}, false},
		"the address is on another NIC":    {"eth7", drift, nmstate.OutcomeFailing, time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &uplinkScope{uplink: u, catalog: catalog, target: target, rendered: map[string]*render.Revision{target.Hash: target}}
			m := &member{node: testNode(nil, nil), matches: true, had: target.State, next: target, drift: test.drift, marks: marks{Repaired: test.repaired}}
			m.rollout = nmstate.RolloutNode{Name: m.node.Name, Current: target.Hash, Want: target.Hash, Proof: target.Hash, Outcome: test.outcome}
			s.states = map[string]*nmstate.NodeNetworkState{m.node.Name: {Node: nmstate.Node{Interfaces: []nmstate.NodeInterface{
				{Name: test.on, Type: nmstate.Ethernet, State: nmstate.Up, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}}}}}
			s.moveAgain(m)
			if moves := m.rollout.Via != ""; moves != test.moves || moves != (len(m.next.State.Capture) > 0) {
				t.Errorf("moves by %q: %v, want %v", m.rollout.Via, moves, test.moves)
			}
		})
	}
}

func TestTheNetworkLabelGoesInTheWriteThatMovesTheNode(t *testing.T) {
	s := removalStage(t, func(*v1alpha1.HostNetwork) {})
	m := s.members[0]
	via := s.removal(m, s.target)
	edit := s.edit(m, marks{Revision: via.Hash, Since: time.Unix(1, 0)})
	patch := string(edit.difference(m.node))
	for _, part := range []string{`"network.vm.novasphere.dev/blue":null`, `"uplink.vm.novasphere.dev/up":"` + via.Hash + `"`,
		`"applied.uplink.vm.novasphere.dev/up":null`, `"network.vm.novasphere.dev/gone":null`} {
		if !strings.Contains(patch, part) {
			t.Errorf("the patch lacks %s: %s", part, patch)
		}
	}
	if strings.Contains(patch, "green") {
		t.Errorf("the patch touches a network that stays: %s", patch)
	}
}

func TestANodeWhosePolicySomebodyDeletedIsKnownByItsProvenNetworks(t *testing.T) {
	s := removalStage(t, func(*v1alpha1.HostNetwork) {})
	s.policies = nil
	m := s.members[0]
	s.place(m)
	if via := s.removal(m, s.target); via == nil || interfaceNames(via.State.Removed()) != "br-blue, eth1.100" {
		t.Errorf("removal: %v, want one that takes br-blue and eth1.100 back", via)
	}
}
