package render

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// node gives the node of a name, or nil.
func (p *planner) node(name string) *corev1.Node {
	for i := range p.in.Nodes {
		if p.in.Nodes[i].Name == name {
			return &p.in.Nodes[i]
		}
	}
	return nil
}

// checkNodes tells which of the nodes that are known would be left out of a revision.
func (p *planner) checkNodes(u *v1alpha1.HostUplink, r *Revision) {
	states := slices.Clone(p.in.NodeStates)
	slices.SortFunc(states, func(a, b nmstate.NodeNetworkState) int { return strings.Compare(a.Name, b.Name) })
	for i := range states {
		name := states[i].Name
		node := p.node(name)
		if !slices.ContainsFunc(p.catalog.uplinksOn(nodeLabels(name, node)), func(on *Uplink) bool { return on.Object.Name == u.Name }) {
			continue
		}
		// An interface of a name that the revision creates is taken for one that it has made there already.
		target := r.State
		if first, needed := (nmstate.Passage{Target: target, Node: states[i].Node}).Revision(); needed {
			target = first
		}
		refusal := nmstate.CheckTarget(nmstate.TargetCheck{Node: states[i].Node, Target: target, NodeAddresses: NodeAddresses(node), Own: r.State.Built()})
		if refusal != nil {
			what := "would be left out"
			if u.Spec.Management == v1alpha1.ManagementExternal {
				what = "is not checked before a pipeline configures it"
			}
			p.find(objectOf("HostUplink", u), SeverityWarning, Problem{Reason: refusal.Reason,
				Message: fmt.Sprintf("node %q %s: %s", name, what, refusal.Message)})
		}
	}
}
