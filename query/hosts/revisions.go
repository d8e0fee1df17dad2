package hosts

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// Revisions gives the policies of the revisions that nodes shall be on, or that a pipeline shall apply, by name. A HostUplink that
// cannot be carried out has none.
func (v *View) Revisions() []nmstate.Policy {
	var out []nmstate.Policy
	for _, u := range v.Catalog.Uplinks() {
		r, err := v.Catalog.Revision(u.Object, v.inUse)
		if err != nil || r == nil {
			continue
		}
		if !u.External() {
			out = append(out, r.Policy(u.Object))
		} else if p, ok := r.ExternalPolicy(u.Object); ok {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b nmstate.Policy) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Steps says which nodes would move at a time if every node did as it was asked, by the rules of the controller: canary first, then
// as many as may be in transition. Nodes that stay are not in it.
func (u *UplinkPlan) Steps(known *render.Uplink) [][]string {
	in := nmstate.Rollout{Canary: 1, MaxUnavailable: intstr.FromString("10%")}
	rollout := known.Object.Spec.Rollout
	if rollout.Canary != nil {
		in.Canary = int(*rollout.Canary)
	}
	if rollout.MaxUnavailable != nil {
		in.MaxUnavailable = *rollout.MaxUnavailable
	}
	for _, n := range u.Nodes {
		node := nmstate.RolloutNode{Name: n.Node, Ready: true, Current: n.on, Proof: n.on, Outcome: nmstate.OutcomeApplied, Want: u.To}
		switch n.Verdict {
		case VerdictChanges:
		case VerdictUnchanged:
			node.Current, node.Proof = u.To, u.To
		default:
			continue
		}
		in.Nodes = append(in.Nodes, node)
	}
	var out [][]string
	for range in.Nodes {
		var step []string
		for _, move := range nmstate.PlanRollout(in).Moves {
			at := slices.IndexFunc(in.Nodes, func(n nmstate.RolloutNode) bool { return n.Name == move.Node })
			in.Nodes[at].Current, in.Nodes[at].Proof = move.To, move.To
			step = append(step, move.Node)
		}
		if len(step) == 0 {
			break
		}
		out = append(out, step)
	}
	return out
}
