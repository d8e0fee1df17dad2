package nmstate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// describe writes a plan as one line per node, so that tables can be read: the action if any, and the progress.
func describe(p Plan) string {
	actions := map[string]string{}
	for _, m := range p.Moves {
		actions[m.Node] = fmt.Sprintf("move %s>%s", m.From, m.To)
		if m.Removes {
			actions[m.Node] += " (removes)"
		}
	}
	for _, n := range p.Proofs {
		actions[n.Node] = "proof " + n.Revision
	}
	for _, n := range p.Retries {
		actions[n.Node] = "retry " + n.Revision
	}
	for _, n := range p.Repairs {
		actions[n.Node] = "repair " + n.Revision
	}
	var lines []string
	for _, n := range p.Nodes {
		line := n.Name + ": " + string(n.Progress)
		if n.Reason != "" {
			line += " " + n.Reason
		}
		if a := actions[n.Name]; a != "" {
			line += ", " + a
			delete(actions, n.Name)
		}
		lines = append(lines, line)
	}
	for node, a := range actions {
		lines = append(lines, "unreported "+node+": "+a)
	}
	if p.Stopped != nil {
		lines = append(lines, "stopped: "+p.Stopped.Reason)
	}
	return strings.Join(lines, "\n")
}

// Nodes in the situations that matter; T is the revision that is wanted.
func fresh(name string) RolloutNode {
	return RolloutNode{Name: name, Ready: true, Want: "T", Outcome: OutcomeMissing}
}

func on(name, revision string, outcome Outcome) RolloutNode {
	return RolloutNode{Name: name, Ready: true, Want: "T", Current: revision, Outcome: outcome}
}

func proven(name, revision string) RolloutNode {
	n := on(name, revision, OutcomeApplied)
	n.Proof = revision
	return n
}

// dormant is a node that had a revision before it left or lost its label.
func dormant(name, revision string) RolloutNode {
	n := fresh(name)
	n.Renewing, n.Dormant = revision, true
	return n
}

func with(n RolloutNode, change func(*RolloutNode)) RolloutNode {
	change(&n)
	return n
}

func TestPlanRollout(t *testing.T) {
	refused := &Refusal{Reason: RefusedUplinkMissing, Message: "no eth9"}
	notReady := func(n *RolloutNode) { n.Ready = false }
	asked := func(n *RolloutNode) { n.RetryAsked = true }
	drifted := func(n *RolloutNode) { n.Repair = true }
	cases := map[string]struct {
		in   Rollout
		want string
	}{
		"nothing to do for no nodes": {Rollout{Canary: 1}, ""},
		"the canary goes first, by name": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(3), Nodes: []RolloutNode{fresh("b"), fresh("a"), fresh("c")}},
			"a: Applying, move >T\nb: Waiting Queued\nc: Waiting Queued"},
		"nobody follows until the canary has arrived": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(3), Nodes: []RolloutNode{on("a", "T", OutcomeApplying), fresh("b")}},
			"a: Applying\nb: Waiting Queued"},
		"the proof is recorded and counts at once": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(1), Nodes: []RolloutNode{on("a", "T", OutcomeApplied), fresh("b"), fresh("c")}},
			"a: Applied, proof T\nb: Applying, move >T\nc: Waiting Queued"},
		"after the canary as many move as the budget allows": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(2), Nodes: []RolloutNode{proven("a", "T"), fresh("b"), fresh("c"), fresh("d")}},
			"a: Applied\nb: Applying, move >T\nc: Applying, move >T\nd: Waiting Queued"},
		"two canaries may go together, within the budget": {
			Rollout{Canary: 2, MaxUnavailable: intstr.FromInt32(5), Nodes: []RolloutNode{fresh("a"), fresh("b"), fresh("c")}},
			"a: Applying, move >T\nb: Applying, move >T\nc: Waiting Queued"},
		"without canary the budget alone counts": {
			Rollout{MaxUnavailable: intstr.FromInt32(2), Nodes: []RolloutNode{fresh("a"), fresh("b"), fresh("c")}},
			"a: Applying, move >T\nb: Applying, move >T\nc: Waiting Queued"},
		"a budget of nothing is one": {
			Rollout{Nodes: []RolloutNode{fresh("a"), fresh("b")}},
			"a: Applying, move >T\nb: Waiting Queued"},
		"a percentage is rounded up": {
			Rollout{MaxUnavailable: intstr.FromString("34%"), Nodes: []RolloutNode{fresh("a"), fresh("b"), fresh("c")}},
			"a: Applying, move >T\nb: Applying, move >T\nc: Waiting Queued"},
		"a percentage counts no node that is left out": {
			Rollout{MaxUnavailable: intstr.FromString("50%"), Nodes: []RolloutNode{fresh("a"), fresh("b"),
				with(fresh("c"), func(n *RolloutNode) { n.Refused = refused }), with(fresh("d"), func(n *RolloutNode) { n.Refused = refused })}},
			"a: Applying, move >T\nb: Waiting Queued\nc: LeftOut UplinkMissing\nd: LeftOut UplinkMissing"},
		"words that are no percentage count as one": {
			Rollout{MaxUnavailable: intstr.FromString("many"), Nodes: []RolloutNode{fresh("a"), fresh("b")}},
			"a: Applying, move >T\nb: Waiting Queued"},
		"what other uplinks have in transition counts": {
			Rollout{MaxUnavailable: intstr.FromInt32(2), BudgetUsed: 1, Nodes: []RolloutNode{fresh("a"), fresh("b")}},
			"a: Applying, move >T\nb: Waiting Queued"},
		"a node that is not ready waits and blocks nobody": {
			Rollout{Canary: 1, Nodes: []RolloutNode{with(fresh("a"), notReady), fresh("b")}},
			"a: Waiting NodeNotReady\nb: Applying, move >T"},
		"a node that stopped answering on the way still counts": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeApplying), notReady), fresh("b")}},
			"a: Unknown NodeNotReady\nb: Waiting Queued"},
		"a node whose handler does not finish is unknown": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeApplying), func(n *RolloutNode) { n.Overdue = true })}},
			"a: Unknown NoAnswer"},
		"a node that came back with what it had waits for its turn, and holds up nobody meanwhile": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(1), Nodes: []RolloutNode{dormant("a", "T"), on("b", "T", OutcomeApplying), fresh("c")}},
			"a: Waiting Queued\nb: Applying\nc: Waiting Queued"},
		"nodes that lost their labels are put back within the budget": {
			Rollout{MaxUnavailable: intstr.FromInt32(2), Nodes: []RolloutNode{dormant("a", "T"), dormant("b", "T"), dormant("c", "T")}},
			"a: Applying, move >T\nb: Applying, move >T\nc: Waiting Queued"},
		"a re-apply of a proven revision is no transition": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "T"), func(n *RolloutNode) { n.Outcome = OutcomeApplying }), fresh("b")}},
			"a: Applied\nb: Applying, move >T"},
		"a proven node whose enactment is gone is unknown": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "T"), func(n *RolloutNode) { n.Outcome = OutcomeMissing })}},
			"a: Unknown EnactmentMissing"},
		"a canary that fails stops the rollout": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(5), Nodes: []RolloutNode{on("a", "T", OutcomeFailing), fresh("b")}},
			"a: Failing Failing\nb: Waiting Queued\nstopped: CanaryFailing"},
		"failing nodes stop the rollout once they fill the budget": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(1), Nodes: []RolloutNode{proven("a", "T"), on("b", "T", OutcomeFailing), fresh("c")}},
			"a: Applied\nb: Failing Failing\nc: Waiting Queued\nstopped: NodesFailing"},
		"a proven node on which applying again fails fills it, too": {
			Rollout{MaxUnavailable: intstr.FromInt32(1), Nodes: []RolloutNode{
				with(proven("a", "T"), func(n *RolloutNode) { n.Outcome = OutcomeFailing }), fresh("b")}},
			"a: Failing Failing\nb: Waiting Queued\nstopped: NodesFailing"},
		"below that the rollout goes on": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(2), Nodes: []RolloutNode{proven("a", "T"), on("b", "T", OutcomeAborted), fresh("c")}},
			"a: Applied\nb: Failing Aborted\nc: Applying, move >T"},
		"a failing node is moved first, and for nothing": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(1), Nodes: []RolloutNode{proven("a", "S"), on("b", "S", OutcomeFailing)}},
			"a: Waiting Queued\nb: Applying, move S>T"},
		"a failing node is tried again when it is time": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeFailing), func(n *RolloutNode) { n.RetryDue = true })}},
			"a: Retrying, retry T"},
		"but not while it would fail the checks": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeFailing), func(n *RolloutNode) { n.RetryDue, n.Refused = true, refused })}},
			"a: Failing Failing"},
		"a failing node is tried again when somebody asks": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeFailing), asked)}}, "a: Retrying, retry T"},
		"asking retries no node that does not fail": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "T"), asked), with(on("b", "T", OutcomeApplying), asked), with(fresh("c"), asked)}},
			"a: Applied\nb: Applying\nc: Waiting Queued"},
		"asking does not help while the rollout is paused": {
			Rollout{Paused: true, Nodes: []RolloutNode{with(on("a", "T", OutcomeFailing), asked)}}, "a: Failing Failing"},
		"nor while the node would fail the checks": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeFailing), func(n *RolloutNode) { n.RetryAsked, n.Refused = true, refused })}},
			"a: Failing Failing"},
		"a node that drifted is repaired, without canary": {
			Rollout{Canary: 3, Nodes: []RolloutNode{with(proven("a", "T"), drifted)}}, "a: Retrying NodeDrifted, repair T"},
		"repairs obey the budget": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "T"), drifted), with(proven("b", "T"), drifted)}},
			"a: Retrying NodeDrifted, repair T\nb: Applied"},
		"a node under way comes before a repair": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "T"), drifted), on("b", "T", OutcomeApplying)}},
			"a: Applied\nb: Applying"},
		"what other uplinks have in transition counts for repairs, too": {
			Rollout{BudgetUsed: 1, Nodes: []RolloutNode{with(proven("a", "T"), drifted)}}, "a: Applied"},
		"nothing is repaired while the rollout is paused": {
			Rollout{Paused: true, Nodes: []RolloutNode{with(proven("a", "T"), drifted)}}, "a: Applied"},
		"nothing is repaired on a node that is not ready": {
			Rollout{Nodes: []RolloutNode{with(with(proven("a", "T"), drifted), notReady)}}, "a: Applied"},
		"nothing is repaired on a node that would fail the checks": {
			Rollout{Nodes: []RolloutNode{with(with(proven("a", "T"), drifted), func(n *RolloutNode) { n.Refused = refused })}}, "a: Applied"},
		"nothing is repaired while nmstate is at work": {
			Rollout{Nodes: []RolloutNode{with(with(proven("a", "T"), drifted), func(n *RolloutNode) { n.Outcome = OutcomeApplying })}}, "a: Applied"},
		"a node that moves on anyway needs no repair": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "S"), drifted)}}, "a: Applying, move S>T"},
		"the proof comes before the repair": {
			Rollout{Nodes: []RolloutNode{with(on("a", "T", OutcomeApplied), drifted)}}, "a: Applied, proof T"},
		"a repair is a renewal from then on": {
			Rollout{Canary: 1, Nodes: []RolloutNode{with(fresh("a"), func(n *RolloutNode) { n.Renewing, n.Repair = "T", true })}},
			"a: Applying, move >T"},
		"a renewal waits until the enactment is gone": {
			Rollout{Nodes: []RolloutNode{with(fresh("a"), func(n *RolloutNode) { n.Renewing, n.Lingering = "T", true }), fresh("b")}},
			"a: Retrying EnactmentLingers\nb: Waiting Queued"},
		"then the label comes back": {
			Rollout{Nodes: []RolloutNode{with(fresh("a"), func(n *RolloutNode) { n.Renewing = "T" }), fresh("b")}},
			"a: Applying, move >T\nb: Waiting Queued"},
		"a renewal ends when the node is wanted elsewhere": {
			Rollout{Nodes: []RolloutNode{with(fresh("a"), func(n *RolloutNode) { n.Renewing = "S" })}},
			"a: Applying, move >T"},
		"a renewal ends when the node is not wanted any more": {
			Rollout{Nodes: []RolloutNode{with(fresh("a"), func(n *RolloutNode) { n.Renewing, n.Want = "S", "" })}},
			"a: Applying Removing, move >"},
		"an enactment of an earlier time is waited for": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "S"), func(n *RolloutNode) { n.Lingering = true }), fresh("b")}},
			"a: Waiting EnactmentLingers\nb: Applying, move >T"},
		"a node that is refused keeps the revision that it has": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "S"), func(n *RolloutNode) { n.Refused = refused })}},
			"a: LeftOut UplinkMissing"},
		"a node that has the revision is not left out by a later refusal": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "T"), func(n *RolloutNode) { n.Refused = refused })}},
			"a: Applied"},
		"paused: nobody moves, proofs are recorded": {
			Rollout{Paused: true, MaxUnavailable: intstr.FromInt32(5), Nodes: []RolloutNode{on("a", "T", OutcomeApplied), fresh("b"),
				with(on("c", "T", OutcomeFailing), func(n *RolloutNode) { n.RetryDue = true }),
				with(proven("d", "S"), func(n *RolloutNode) { n.Want = "" })}},
			"a: Applied, proof T\nb: Waiting Paused\nc: Failing Failing\nd: Waiting Paused\nstopped: Paused"},
		"what must be given back is given back first": {
			Rollout{Nodes: []RolloutNode{with(proven("a", "S"), func(n *RolloutNode) { n.Via = "R" })}},
			"a: Applying Removing, move S>R (removes)"},
		"giving back takes its time": {
			Rollout{Nodes: []RolloutNode{with(on("a", "R", OutcomeApplying), func(n *RolloutNode) { n.Via = "R" })}},
			"a: Applying Removing"},
		"what is given back is proven first": {
			Rollout{Nodes: []RolloutNode{with(on("a", "R", OutcomeApplied), func(n *RolloutNode) { n.Via = "R" })}},
			"a: Applying Removing, proof R"},
		"then the node goes on": {
			Rollout{Nodes: []RolloutNode{proven("a", "R")}},
			"a: Applying, move R>T"},
		"giving back obeys the budget": {
			Rollout{Canary: 1, Nodes: []RolloutNode{
				with(proven("a", "S"), func(n *RolloutNode) { n.Want, n.Via = "", "R" }),
				with(proven("b", "S"), func(n *RolloutNode) { n.Want, n.Via = "", "R" })}},
			"a: Applying Removing, move S>R (removes)\nb: Waiting Queued"},
		"a label that means nothing any more goes, whatever the budget": {
			Rollout{Nodes: []RolloutNode{
				with(proven("a", "R"), func(n *RolloutNode) { n.Want = "" }), on("b", "T", OutcomeApplying)}},
			"a: Applying Removing, move R>\nb: Applying"},
		"a node that is not wanted and has nothing is not reported": {
			Rollout{Nodes: []RolloutNode{{Name: "a", Ready: true}}}, ""},
		"a retry of nmstate is shown as such": {
			Rollout{Nodes: []RolloutNode{on("a", "T", OutcomeRetrying)}}, "a: Retrying"},
		"going back finds nodes that are still there as canaries": {
			Rollout{Canary: 1, MaxUnavailable: intstr.FromInt32(2), Nodes: []RolloutNode{
				on("a", "S", OutcomeFailing), proven("b", "T"), proven("c", "S"), proven("d", "S")}},
			"a: Applying, move S>T\nb: Applied\nc: Applying, move S>T\nd: Waiting Queued"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, describe(PlanRollout(c.in))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStopNamesNodesAndWhatToDo(t *testing.T) {
	failing := on("node3", "T", OutcomeFailing)
	failing.Message = "InvalidArgument: no eth9"
	p := PlanRollout(Rollout{Canary: 1, Nodes: []RolloutNode{failing, fresh("node4"), fresh("node5")}})
	if p.Stopped == nil || p.Stopped.Message != "the first node failed: repair node3; 2 nodes wait" {
		t.Errorf("got %+v", p.Stopped)
	}
	if p.Nodes[0].Message != failing.Message {
		t.Errorf("the message is lost: %+v", p.Nodes[0])
	}
}
