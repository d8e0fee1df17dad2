package nmstate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// next is the revision that the node moves to.
func (n RolloutNode) next() string { return cmp.Or(n.Via, n.Want) }

// held is the revision that the node is on, or is being put on again.
func (n RolloutNode) held() string { return cmp.Or(n.Current, n.Renewing) }

// proven says whether the node is known to have the revision that it is on.
func (n RolloutNode) proven() bool {
	return n.Current != "" && (n.Proof == n.Current || n.Outcome == OutcomeApplied)
}

// InTransition says whether the node may be without its network: it is on a revision that nothing proves, or its handler gave
// up. A proven node on which nmstate applies the same revision again is not.
func (n RolloutNode) InTransition() bool {
	return n.held() != "" && !n.Dormant && (!n.proven() || n.Outcome.Failed())
}

// arrived says whether the node has what it wants, for good.
func (n RolloutNode) arrived() bool {
	return n.Want != "" && n.Current == n.Want && n.Via == "" && n.proven() && !n.Outcome.Failed()
}

// leftOut says whether the node was refused before anything changed on it.
func (n RolloutNode) leftOut() bool { return n.Refused != nil && n.held() == "" }

// PlanRollout plans the next step. It depends on its argument alone, and not on the order of the nodes.
//
// Nodes move by name, those in transition already first: moving them makes no further node unavailable, and a revision that
// repairs them must not wait for them. Towards one wanted revision at most Canary nodes are under way until Canary nodes have
// arrived. Taking a node off the uplink has no canary, since nothing remains that could prove it, but obeys MaxUnavailable.
// The bound counts nodes, failing ones included; they stop the rollout once they fill it. Repairs count, and wait for no canary.
func PlanRollout(in Rollout) Plan {
	nodes := slices.Clone(in.Nodes)
	slices.SortFunc(nodes, func(a, b RolloutNode) int {
		return cmp.Or(compareBool(b.InTransition(), a.InTransition()), cmp.Compare(a.Name, b.Name))
	})
	p := &planner{
		in: in, plan: Plan{Budget: budget(in)},
		arrived: map[string]int{}, underway: map[string]int{}, blocked: blocked{canary: map[string]int{}},
	}
	for _, n := range nodes {
		p.count(n)
	}
	for _, n := range nodes {
		p.step(n)
	}
	p.plan.Stopped = p.stop(nodes)
	p.sort()
	return p.plan
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// budget resolves MaxUnavailable. What cannot be read counts as one node.
func budget(in Rollout) int {
	eligible := 0
	for _, n := range in.Nodes {
		if !n.leftOut() {
			eligible++
		}
	}
	bound := in.MaxUnavailable.IntValue()
	if in.MaxUnavailable.Type == intstr.String {
		bound = 0
		if percent, err := intstr.GetScaledValueFromIntOrPercent(&in.MaxUnavailable, eligible, true); err == nil {
			bound = min(percent, eligible)
		}
	}
	return min(max(bound, 1), math.MaxInt32)
}

// planner carries the counts of one plan.
type planner struct {
	in   Rollout
	plan Plan
	// arrived and underway count nodes by the revision that they want.
	arrived, underway map[string]int
	blocked           blocked
}

// blocked counts nodes that could move but for the rollout itself.
type blocked struct {
	paused, budget int
	// canary counts by the revision that is wanted.
	canary map[string]int
}

func (p *planner) count(n RolloutNode) {
	if n.InTransition() {
		p.plan.InTransition++
	}
	switch {
	case n.arrived():
		p.arrived[n.Want]++
	case p.towards(n):
		p.underway[n.Want]++
	}
}

// towards says whether the node has left for what it wants and not arrived.
func (p *planner) towards(n RolloutNode) bool {
	return n.held() != "" && !n.Dormant && n.held() == n.next() && !n.arrived()
}

// step decides about one node: an action if there is one and it may be taken, and its progress.
func (p *planner) step(n RolloutNode) {
	if n.Current != "" && n.Outcome == OutcomeApplied && n.Proof != n.Current {
		p.plan.Proofs = append(p.plan.Proofs, NodeRevision{n.Name, n.Current})
		p.report(n, p.standing(n))
		return
	}
	if n.Current == n.next() && n.held() == n.Current {
		p.stay(n)
		return
	}
	p.move(n)
}

// stay handles a node that is where it goes: it may be time to try again.
func (p *planner) stay(n RolloutNode) {
	if n.Current == "" {
		// Not on the uplink, and not wanted there.
		return
	}
	mayRenew := n.Ready && n.Refused == nil && !p.in.Paused
	switch {
	case mayRenew && n.Outcome.Failed() && (n.RetryDue || n.RetryAsked):
		p.plan.Retries = append(p.plan.Retries, NodeRevision{n.Name, n.Current})
		p.report(n, NodeProgress{Progress: ProgressRetrying, Message: n.Message})
	case mayRenew && n.repairable() && p.used() < p.plan.Budget:
		// The revision proved itself here before, so this needs no canary.
		p.plan.Repairs = append(p.plan.Repairs, NodeRevision{n.Name, n.Current})
		p.plan.InTransition++
		p.report(n, NodeProgress{Progress: ProgressRetrying, Reason: NodeDrifted})
	default:
		p.report(n, p.standing(n))
	}
}

// repairable says whether the node is to be repaired and nothing is at work on it.
func (n RolloutNode) repairable() bool {
	return n.Repair && n.arrived() && n.Outcome == OutcomeApplied
}

// move handles a node that has to go elsewhere.
func (p *planner) move(n RolloutNode) {
	to := n.next()
	switch {
	case to == "" && !p.in.Paused:
		// Without a label nothing is applied: this is no transition.
		p.leave(n)
	case n.Refused != nil:
		p.report(n, NodeProgress{Progress: ProgressLeftOut, Reason: n.Refused.Reason, Message: n.Refused.Message})
	case !n.Ready:
		p.report(n, NodeProgress{Progress: ProgressWaiting, Reason: NodeNotReady, Message: "the node is not ready"})
	case n.Lingering && n.Renewing == to:
		p.report(n, NodeProgress{Progress: ProgressRetrying, Reason: NodeLingering, Message: n.Message})
	case n.Lingering:
		p.wait(n, NodeLingering, "waits until the handler has dropped the earlier enactment of the revision")
	case p.in.Paused:
		p.blocked.paused++
		p.wait(n, NodePaused, "the rollout is paused")
	case !p.canaryAllows(n):
		p.blocked.canary[n.Want]++
		p.wait(n, NodeQueued, "waits until the revision has proved itself on another node")
	case !n.InTransition() && p.used() >= p.plan.Budget:
		p.blocked.budget++
		p.wait(n, NodeQueued, fmt.Sprintf("waits for its turn: %d of %d nodes are in transition", p.used(), p.plan.Budget))
	default:
		p.act(n, to)
	}
}

// used is how much of the budget is taken.
func (p *planner) used() int { return p.plan.InTransition + max(0, p.in.BudgetUsed) }

func (p *planner) wait(n RolloutNode, reason, message string) {
	p.report(n, NodeProgress{Progress: ProgressWaiting, Reason: reason, Message: message})
}

func (p *planner) leave(n RolloutNode) {
	p.plan.Moves = append(p.plan.Moves, Move{Node: n.Name, From: n.Current})
	if n.InTransition() {
		p.plan.InTransition--
	}
	p.report(n, NodeProgress{Progress: ProgressApplying, Reason: NodeRemoving})
}

func (p *planner) act(n RolloutNode, to string) {
	p.plan.Moves = append(p.plan.Moves, Move{Node: n.Name, From: n.Current, To: to, Removes: to == n.Via})
	if !n.InTransition() {
		p.plan.InTransition++
	}
	if !p.towards(n) {
		p.underway[n.Want]++
	}
	status := NodeProgress{Progress: ProgressApplying}
	if to == n.Via {
		status.Reason = NodeRemoving
	}
	p.report(n, status)
}

// canaryAllows lets nodes towards a revision as long as fewer than Canary are under way, and all once Canary have arrived. A
// node that is under way goes on.
func (p *planner) canaryAllows(n RolloutNode) bool {
	if n.Want == "" || p.arrived[n.Want] >= p.in.Canary || p.towards(n) {
		return true
	}
	return p.arrived[n.Want]+p.underway[n.Want] < p.in.Canary
}

func (p *planner) report(n RolloutNode, status NodeProgress) {
	status.Name = n.Name
	p.plan.Nodes = append(p.plan.Nodes, status)
}

// standing is the progress of a node that stays on the revision that it is on.
func (p *planner) standing(n RolloutNode) NodeProgress {
	settled := n.proven() && n.Outcome != OutcomeMissing && n.Outcome != OutcomeRetrying
	switch {
	case n.Outcome.Failed():
		return NodeProgress{Progress: ProgressFailing, Reason: string(n.Outcome), Message: n.Message}
	case settled && n.arrived():
		return NodeProgress{Progress: ProgressApplied}
	case settled && n.Current == n.Via:
		return NodeProgress{Progress: ProgressApplying, Reason: NodeRemoving}
	case settled:
		return NodeProgress{Progress: ProgressWaiting, Reason: NodeQueued}
	case n.Outcome == OutcomeRetrying:
		return NodeProgress{Progress: ProgressRetrying, Message: n.Message}
	case !n.Ready:
		return NodeProgress{Progress: ProgressUnknown, Reason: NodeNotReady, Message: "the node is not ready"}
	case n.proven():
		return NodeProgress{Progress: ProgressUnknown, Reason: NodeEnactmentLost,
			Message: "the enactment is gone: check that a handler of kubernetes-nmstate runs on the node"}
	case n.Overdue:
		return NodeProgress{Progress: ProgressUnknown, Reason: NodeOverdue,
			Message: "the handler has not finished in time: check that kubernetes-nmstate runs on the node"}
	case n.Current == n.Via:
		return NodeProgress{Progress: ProgressApplying, Reason: NodeRemoving}
	}
	return NodeProgress{Progress: ProgressApplying}
}

// stop tells why nodes wait for more than time: the pause, a canary that failed, or failing nodes that fill the budget.
func (p *planner) stop(nodes []RolloutNode) *Stop {
	if p.blocked.paused > 0 {
		return &Stop{StoppedPaused, fmt.Sprintf("paused: %s for it to go on", nodesWait(p.blocked.paused))}
	}
	var failing, canaries []string
	waiting := p.blocked.budget
	for _, n := range nodes {
		if !n.Outcome.Failed() || !n.InTransition() || p.acts(n.Name) {
			continue
		}
		failing = append(failing, n.Name)
		if p.blocked.canary[n.Want] > 0 && p.towards(n) {
			canaries = append(canaries, n.Name)
		}
	}
	if len(canaries) > 0 {
		for _, count := range p.blocked.canary {
			waiting += count
		}
		return &Stop{StoppedCanary, fmt.Sprintf("the first node failed: repair %s; %s", some(canaries), nodesWait(waiting))}
	}
	if p.blocked.budget > 0 && len(failing) >= p.plan.Budget {
		return &Stop{StoppedNodes, fmt.Sprintf("%d failing nodes fill the budget of %d: repair %s; %s",
			len(failing), p.plan.Budget, some(failing), nodesWait(waiting))}
	}
	return nil
}

// acts says whether the plan has an action for the node.
func (p *planner) acts(node string) bool {
	isNode := func(r NodeRevision) bool { return r.Node == node }
	return slices.ContainsFunc(p.plan.Moves, func(m Move) bool { return m.Node == node }) ||
		slices.ContainsFunc(p.plan.Retries, isNode) || slices.ContainsFunc(p.plan.Repairs, isNode)
}

func nodesWait(n int) string {
	if n == 1 {
		return "1 node waits"
	}
	return fmt.Sprintf("%d nodes wait", n)
}

// some names a few nodes, in order.
func some(names []string) string {
	const most = 3
	slices.Sort(names)
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// sort puts every list in order of the nodes' names.
func (p *planner) sort() {
	byNode := func(a, b NodeRevision) int { return cmp.Compare(a.Node, b.Node) }
	slices.SortFunc(p.plan.Moves, func(a, b Move) int { return cmp.Compare(a.Node, b.Node) })
	slices.SortFunc(p.plan.Proofs, byNode)
	slices.SortFunc(p.plan.Retries, byNode)
	slices.SortFunc(p.plan.Repairs, byNode)
	slices.SortFunc(p.plan.Nodes, func(a, b NodeProgress) int { return cmp.Compare(a.Name, b.Name) })
}
