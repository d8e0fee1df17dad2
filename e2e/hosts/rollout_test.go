package hosts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/nmstate"
)

const (
	yes = metav1.ConditionTrue
	no  = metav1.ConditionFalse
)

func TestNetworkIsBuiltOnEveryNodeAndTakenBackOnDeletion(t *testing.T) {
	s := newStage(t, 3, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "3/3")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "3/3")
	for _, node := range []string{"node-a", "node-b", "node-c"} {
		if !s.has(node, "br-blue") || !s.has(node, "eth1.100") {
			t.Errorf("%s lacks br-blue or eth1.100", node)
		}
		if got := s.node(node).Labels[v1alpha1.NetworkLabelPrefix+"blue"]; got != v1alpha1.NetworkLabelValue {
			t.Errorf("%s: the network label is %q", node, got)
		}
	}
	if p := s.policies(); len(p) != 1 || p[0].Name != s.uplink("up").Status.Revision {
		t.Errorf("policies: %d, want the revision alone", len(p))
	}

	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	for _, node := range []string{"node-a", "node-b", "node-c"} {
		if s.has(node, "br-blue") || s.has(node, "eth1.100") {
			t.Errorf("%s still has br-blue or eth1.100", node)
		}
	}
	s.uplinkIs("up", yes, v1alpha1.ReasonNotInUse, "")
	s.clean("up", "node-a", "node-b", "node-c")
}

// clean checks that nothing of an uplink is left on nodes and in policies.
func (s *stage) clean(uplink string, nodes ...string) {
	s.t.Helper()
	s.eventually(func() string {
		for _, name := range nodes {
			n := s.node(name)
			for _, keys := range []map[string]string{n.Labels, n.Annotations} {
				for key := range keys {
					if strings.Contains(key, "novasphere.dev/") {
						return fmt.Sprintf("%s still carries %s", name, key)
					}
				}
			}
		}
		if left := s.policies(); len(left) > 0 {
			return fmt.Sprintf("policy %s is left", left[0].Name)
		}
		return ""
	})
}

func TestASecondReconcileOfAnUnchangedWorldWritesNothing(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100") + network("flat"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
	s.networkIs("flat", yes, v1alpha1.ReasonApplied, "2/2")
	s.quiet()
	// A restart looks at everything again.
	s.halt()
	s.Requests.Reset()
	s.run()
	s.quiet()
	if w := s.Requests.Writes(); len(w) > 0 {
		t.Errorf("writes after a restart: %v", w)
	}
}

func TestSecondNetworkIsAddedAndTakenBackWithoutTouchingTheFirst(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
	first := s.uplink("up").Status.Revision
	s.apply(network("green", "vlan: 200"))
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "2/2")
	s.must(s.Admin.Delete(s.ctx, s.network("green")))
	s.gone(&v1alpha1.HostNetwork{}, "green")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	for _, node := range []string{"node-a", "node-b"} {
		if s.has(node, "br-green") || s.has(node, "eth1.200") || !s.has(node, "br-blue") {
			t.Errorf("%s has %v", node, s.Lab.Host(node).Names())
		}
	}
	if got := s.uplink("up").Status.Revision; got != first {
		t.Errorf("the revision is %s, want %s again: the same networks are the same revision", got, first)
	}
}

func TestNodeWhosePrimaryNICIsTheUplinkIsLeftOutAndNamed(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.must(s.Lab.AddNode(s.ctx, nodeWithPrimary("node-p", "eth1")))
	s.apply(uplink("up", "eth1") + network("flat"))
	s.uplinkIs("up", yes, v1alpha1.ReasonNodesLeftOut, "2/2")
	s.networkIs("flat", yes, v1alpha1.ReasonNodesLeftOut, "node-p")
	u := s.uplink("up")
	if len(u.Status.Problems) != 1 || u.Status.Problems[0].Reason != v1alpha1.ReasonUplinkCarriesNodeAddress || u.Status.Problems[0].Progress != v1alpha1.NodeLeftOut {
		t.Errorf("problems: %+v", u.Status.Problems)
	}
	if s.Lab.CutOffs("node-p") > 0 || s.has("node-p", "br-flat") {
		t.Error("node-p was touched")
	}
}

// No policy lists a NIC that carries a node's address or default route; a VLAN on top of it is fine.
func TestVLANOnThePrimaryNICIsServed(t *testing.T) {
	s := newStage(t, 0, lab.Options{})
	s.must(s.Lab.AddNode(s.ctx, nodeWithPrimary("node-p", "eth1")))
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	for _, p := range s.policies() {
		state, err := nmstate.Parse(p.Spec.DesiredState.Raw, p.Spec.Capture)
		s.must(err)
		if _, listed := state.Lookup("eth1"); listed {
			t.Errorf("policy %s lists the primary NIC", p.Name)
		}
	}
	if s.Lab.CutOffs("node-p") > 0 {
		t.Error("node-p was cut off")
	}
}

func TestFailingNodeIsNamedAndTriedAgainWhenItChanges(t *testing.T) {
	s := newStage(t, 3, lab.Options{Attempts: 2})
	s.must(s.Lab.Fail("node-c", lab.Fault{Gone: "eth1"}))
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-c: ")
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "(2/3 nodes configured)")
	s.networkIs("blue", no, v1alpha1.ReasonNodeNetworkDegraded, "node-c")
	if got := s.network("blue").Status.NodesSummary; got != "2/3" {
		t.Errorf("nodes: %s, want 2/3: a broken node turns red what it breaks, and nothing else", got)
	}
	s.must(s.Lab.Repair("node-c"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "3/3")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "3/3")
}

// A handler of v0.86 does not give back the slot of a node that failed when its enactment goes.
func TestNodeThatFailsAgainAndAgainIsServedOnceItIsRepaired(t *testing.T) {
	s := newStage(t, 1, lab.Options{Attempts: 1})
	s.halt()
	s.cfg.RetryAfter = time.Second
	s.run()
	s.must(s.Lab.Fail("node-a", lab.Fault{Gone: "eth1"}))
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-a: ")
	tries := map[string]bool{}
	s.eventually(func() string {
		for _, e := range s.enactments() {
			tries[string(e.UID)] = true
		}
		if len(tries) < 4 {
			return fmt.Sprintf("%d tries, want 4", len(tries))
		}
		return ""
	})
	s.must(s.Lab.Repair("node-a"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
}

func (s *stage) enactments() []nmstate.Enactment {
	s.t.Helper()
	list := &nmstate.EnactmentList{}
	s.must(s.Admin.List(s.ctx, list))
	return list.Items
}

func TestCanaryThatFailsKeepsOtherNodesAsTheyAre(t *testing.T) {
	s := newStage(t, 3, lab.Options{Attempts: 1})
	s.must(s.Lab.Fail("node-a", lab.Fault{Gone: "eth1"}))
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-a: ")
	for _, node := range []string{"node-b", "node-c"} {
		if s.has(node, "br-blue") {
			t.Errorf("%s was configured although the canary failed", node)
		}
	}
	if got := s.uplink("up").Status.Nodes.Waiting; got != 2 {
		t.Errorf("waiting: %d, want 2", got)
	}
}

func TestAtMostMaxUnavailableNodesAreInTransition(t *testing.T) {
	s := newStage(t, 5, lab.Options{})
	for i := range 5 {
		s.must(s.Lab.Hang(nodeName(i)))
	}
	s.apply(uplink("up", "eth1", "rollout: {canary: 0, maxUnavailable: 2}") + network("blue", "vlan: 100"))
	s.eventually(func() string {
		if n := s.moved("up"); n != 2 {
			return fmt.Sprintf("%d nodes were moved, want 2", n)
		}
		return ""
	})
	s.quiet()
	if n := s.moved("up"); n != 2 {
		t.Errorf("%d nodes were moved, want 2", n)
	}
	for i := range 5 {
		s.must(s.Lab.Repair(nodeName(i)))
	}
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "5/5")
}

func (s *stage) moved(uplink string) int {
	count := 0
	for i := range 5 {
		if s.node(nodeName(i)).Labels[v1alpha1.UplinkLabelPrefix+uplink] != "" {
			count++
		}
	}
	return count
}

func TestPausedUplinkMovesNothing(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.apply(uplink("up", "eth1", "paused: true") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonPaused, "2 nodes wait")
	s.apply(uplink("up", "eth1", "paused: false") + network("blue", "vlan: 100"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
}

func TestDeletedUplinkGivesEverythingBack(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.apply(uplink("up", "eth1", atOnce) + network("flat"))
	s.networkIs("flat", yes, v1alpha1.ReasonApplied, "2/2")
	s.must(s.Admin.Delete(s.ctx, s.uplink("up")))
	s.uplinkIs("up", no, v1alpha1.ReasonInUse, "flat")
	s.must(s.Admin.Delete(s.ctx, s.network("flat")))
	s.gone(&v1alpha1.HostNetwork{}, "flat")
	s.gone(&v1alpha1.HostUplink{}, "up")
	s.clean("up", "node-a", "node-b")
	for _, node := range []string{"node-a", "node-b"} {
		if nic, _ := s.Lab.Host(node).Interface("eth1"); s.has(node, "br-flat") || nic["state"] != "up" {
			t.Errorf("%s: br-flat is left, or eth1 is %v", node, nic["state"])
		}
	}
}

func TestRetainedNetworkStaysOnHosts(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100", "reclaimPolicy: Retain") + network("green", "vlan: 200"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "1/1")
	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.must(s.Admin.Delete(s.ctx, s.network("green")))
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	s.gone(&v1alpha1.HostNetwork{}, "green")
	if !s.has("node-a", "br-blue") || !s.has("node-a", "eth1.100") || s.has("node-a", "br-green") {
		t.Errorf("node-a has %v", s.Lab.Host("node-a").Names())
	}
	s.clean("up", "node-a")
}

func TestNodeThatLeavesTheSelectorGivesBackAndOneThatJoinsGets(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	selector := func(value string) string {
		return strings.Replace(uplink("up", "eth1", atOnce), "nodeSelector: {}", "nodeSelector: {matchLabels: {kubernetes.io/hostname: "+value+"}}", 1)
	}
	s.apply(selector("node-a") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.apply(selector("node-b"))
	s.eventually(func() string {
		if s.has("node-a", "br-blue") || !s.has("node-b", "br-blue") {
			return "br-blue is not on node-b alone"
		}
		return ""
	})
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
}

func TestDeadNodeDelaysRemovalUntilItIsAbandoned(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.apply(uplink("up", "eth1", atOnce) + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
	s.must(s.Lab.SetReady(s.ctx, "node-b", lab.NotReady))
	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.uplinkIs("up", no, v1alpha1.ReasonRemoving, "node-b: the node is not ready")
	s.networkIs("blue", no, v1alpha1.ReasonRemoving, "node-b")
	s.patch(s.uplink("up"), `{"metadata":{"annotations":{"vm.novasphere.dev/abandon":"node-b"}}}`)
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	if s.has("node-a", "br-blue") || !s.has("node-b", "br-blue") {
		t.Error("node-a must have given back, node-b cannot have")
	}
}

func TestSilentHandlerIsReportedAfterALimit(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.must(s.Lab.StopHandler(s.ctx, "node-a"))
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkProgressing, "0/1")
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-a: the handler has not finished in time")
	s.must(s.Lab.StartHandler(s.ctx, "node-a"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
}

func TestOldestUplinkKeepsANode(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(uplink("zebra", "eth1") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	time.Sleep(1100 * time.Millisecond) // ages have seconds, and among equals the name decides
	s.apply(uplink("aardvark", "eth2"))
	s.uplinkIs("aardvark", no, v1alpha1.ReasonNoEligibleNodes, `HostUplink "zebra" is older`)
	s.uplinkIs("zebra", yes, v1alpha1.ReasonApplied, "1/1")
}

func TestEditedFieldOfANetworkIsRolledOut(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.apply(network("blue", "vlan: 100", "mtu: 1400"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	if bridge, _ := s.Lab.Host("node-a").Interface("br-blue"); fmt.Sprint(bridge["mtu"]) != "1400" {
		t.Errorf("Ready is True and br-blue has mtu %v", bridge["mtu"])
	}
	if got := len(s.policies()); got != 1 {
		s.eventually(func() string {
			if n := len(s.policies()); n != 1 {
				return fmt.Sprintf("%d policies, want 1: old revisions go when no node carries them", n)
			}
			return ""
		})
	}
}
