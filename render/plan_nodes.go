package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// node gives what is known about a node: its labels, at least the one with its name, and the addresses that the cluster
// knows it by.
func (p *planner) node(name string) (labels.Set, []netip.Addr) {
	set := labels.Set{corev1.LabelHostname: name}
	var addresses []netip.Addr
	for i := range p.in.Nodes {
		n := &p.in.Nodes[i]
		if n.Name != name {
			continue
		}
		for key, value := range n.Labels {
			set[key] = value
		}
		for _, a := range n.Status.Addresses {
			if addr, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP {
				addresses = append(addresses, addr)
			}
		}
	}
	return set, addresses
}

// uplinksOn gives the usable uplinks of a node: of several of one fabric or with one interface the oldest.
func (p *planner) uplinksOn(node string) []*Uplink {
	set, _ := p.node(node)
	fabrics, interfaces := map[v1alpha1.PhysicalNetworkName]bool{}, map[string]bool{}
	var out []*Uplink
	for _, u := range p.catalog.uplinksByAge {
		selector, err := metav1.LabelSelectorAsSelector(&u.Object.Spec.NodeSelector)
		if u.Problem != nil || err != nil || !selector.Matches(set) || fabrics[u.Object.Spec.PhysicalNetwork] || interfaces[u.Interface] {
			continue
		}
		fabrics[u.Object.Spec.PhysicalNetwork], interfaces[u.Interface] = true, true
		out = append(out, u)
	}
	return out
}

// fabricsOf gives, by interface, the fabrics that a node's uplinks lead to.
func (p *planner) fabricsOf(node string) map[string]nmstate.Fabric {
	out := map[string]nmstate.Fabric{}
	for _, u := range p.uplinksOn(node) {
		fabric := string(u.Object.Spec.PhysicalNetwork)
		out[u.Interface] = nmstate.Fabric{Name: fabric, NativeVLAN: p.catalog.native[fabric]}
	}
	return out
}

// checkNodes tells which of the nodes that are known would be left out of a revision.
func (p *planner) checkNodes(u *v1alpha1.HostUplink, r *Revision) {
	states := slices.Clone(p.in.NodeStates)
	slices.SortFunc(states, func(a, b nmstate.NodeNetworkState) int { return strings.Compare(a.Name, b.Name) })
	for i := range states {
		name := states[i].Name
		if !slices.ContainsFunc(p.uplinksOn(name), func(on *Uplink) bool { return on.Object.Name == u.Name }) {
			continue
		}
		_, addresses := p.node(name)
		// An interface of a name that the revision creates is taken for one that it has made there already.
		refusal := nmstate.CheckTarget(nmstate.TargetCheck{Node: states[i].Node, Target: r.State, NodeAddresses: addresses, Own: r.State.Built()})
		if refusal != nil {
			p.find(objectOf("HostUplink", u), SeverityWarning, Problem{Reason: refusal.Reason,
				Message: fmt.Sprintf("node %q would be left out: %s", name, refusal.Message)})
		}
	}
}
