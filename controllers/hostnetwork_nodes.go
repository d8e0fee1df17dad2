package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// observe counts the nodes that have the network as it is declared now, and those that may still have anything of it.
func (r *HostNetworkReconciler) observe(_ context.Context, s *hostNetworkScope) error {
	inUse := networksProvisioned(s)
	for _, u := range s.catalog.Uplinks() {
		if u.Object.Spec.PhysicalNetwork != s.network.Spec.PhysicalNetwork {
			continue
		}
		target, _ := s.catalog.Revision(u.Object, inUse) // an uplink without one has its own status
		for i := range s.nodes {
			s.observeNode(u, target, &s.nodes[i])
		}
	}
	return nil
}

// networksProvisioned are the networks in use, with this one as it was just decided.
func networksProvisioned(s *hostNetworkScope) sets.Set[string] {
	out := sets.New[string]()
	for _, n := range s.catalog.HostNetworks() {
		if n.Object.Status.Provisioned {
			out.Insert(n.Object.Name)
		}
	}
	if s.network.Status.Provisioned {
		return out.Insert(s.network.Name)
	}
	return out.Delete(s.network.Name)
}

// observeNode looks at one node through one uplink. A node has the network on three proofs: its label, the proof of the
// revision that it is on, and that this revision says about the network what is declared now.
func (s *hostNetworkScope) observeNode(u *render.Uplink, target *render.Revision, node *corev1.Node) {
	labelled := node.Labels[v1alpha1.NetworkLabelPrefix+s.network.Name] == v1alpha1.NetworkLabelValue
	m := marksOf(node, u.Object.Name)
	if m.held() == "" {
		return
	}
	state, known := s.stateOf(u.Object, m.held())
	if labelled || (known && (s.catalog.Carries(u, s.known, state) || s.takesAway(u, state))) {
		s.holders++
	}
	if !labelled || !known || target == nil || m.Revision == "" || m.Applied != m.Revision || !selects(u.Object, node) {
		return
	}
	if hasFailed(s.enactments.of(render.PolicyName(u.Object.Name, m.Revision), node.Name)) {
		return
	}
	if s.catalog.BuiltAlike(u, s.known, state, target.State) {
		s.ready++
	}
}

// stateOf gives the content of a policy of the uplink, if it is intact.
func (s *hostNetworkScope) stateOf(u *v1alpha1.HostUplink, hash string) (nmstate.State, bool) {
	object, ok := s.policies[render.PolicyName(u.Name, hash)]
	if !ok || !owned(&object, u) {
		return nmstate.State{}, false
	}
	p := readPolicy(&object, u.Name)
	return p.state, p.intact
}

// takesAway says whether a revision takes the network's bridge or VLAN away.
func (s *hostNetworkScope) takesAway(u *render.Uplink, state nmstate.State) bool {
	top := s.known.TopInterface(u)
	return slices.ContainsFunc(state.Removed(), func(r nmstate.InterfaceRef) bool { return r.Name == top })
}

// problemsOn gathers the first problems of nodes from the uplinks that serve the network.
func problemsOn(uplinks []*v1alpha1.HostUplink) []v1alpha1.NodeProblem {
	var out []v1alpha1.NodeProblem
	for _, u := range uplinks {
		for _, p := range u.Status.Problems {
			p.Message = clip(fmt.Sprintf("HostUplink %s: %s", u.Name, p.Message))
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.NodeProblem) int {
		switch {
		case a.Node < b.Node:
			return -1
		case a.Node > b.Node:
			return 1
		}
		return 0
	})
	return out[:min(len(out), maxProblems)]
}
