package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

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

// observeNode looks at one node through one uplink. A node has the network on these proofs: its label, which is set on evidence
// and taken off when something speaks against it; and the proof of the revision that the node is on, and that this revision says
// about the network what is declared now. Where somebody else builds the network, the node's report has to show what is declared.
func (s *hostNetworkScope) observeNode(u *render.Uplink, target *render.Revision, node *corev1.Node) {
	labelled := networkLabelled(node, s.network.Name)
	if s.known.Observed() || u.External() {
		if selects(u.Object, node) && s.builtElsewhere(u, target, node) && labelled {
			s.ready++
		}
		return
	}
	m := marksOf(node, u.Object.Name)
	if m.Held() == "" {
		return
	}
	r := s.onRevision(u, target, m.Held())
	if labelled || r.holds {
		s.holders++
	}
	if !r.alike || m.Revision == "" || m.Applied != m.Revision || !selects(u.Object, node) {
		return
	}
	e := s.enactments.of(render.PolicyName(u.Object.Name, m.Revision), node.Name)
	if hasFailed(e) {
		return
	}
	if found := s.driftOn(u, r.state, node.Name, e); len(found) > 0 && s.noteDrift(u, node, found) {
		return
	}
	if labelled {
		s.ready++
	}
}

// builtElsewhere says whether nothing speaks against a network on a node that somebody else builds. The label alone is from what
// was declared before, right after an edit. What the node shows otherwise, although the pipeline's policy is carried out there, is
// drift.
func (s *hostNetworkScope) builtElsewhere(u *render.Uplink, target *render.Revision, node *corev1.Node) bool {
	report := s.states[node.Name]
	if s.known.Observed() || target == nil || report == nil {
		return true
	}
	found := nmstate.DifferencesOf(target.State, report.Node, s.known.TopInterface(u))
	if len(found) == 0 {
		return true
	}
	policy := s.policies[u.Object.Spec.ExternalPolicy]
	e := s.enactments.of(policy.Name, node.Name)
	if nmstate.Classify(policy.Ref(), e) != nmstate.OutcomeApplied {
		return false
	}
	if wait := stillBefore(report, e, s.now); wait > 0 {
		s.again(wait)
		return false
	}
	return !s.noteDrift(u, node, found)
}

// noteDrift notes what a node shows otherwise, and says whether machines cannot use the network there.
func (s *hostNetworkScope) noteDrift(u *render.Uplink, node *corev1.Node, found []nmstate.Difference) bool {
	s.drifts = append(s.drifts, v1alpha1.NodeProblem{Node: node.Name, Progress: v1alpha1.NodeApplied,
		Reason: v1alpha1.ReasonNodeDrifted, Message: clip(fmt.Sprintf("HostUplink %s: %s", u.Object.Name, driftText(found)))})
	return slices.ContainsFunc(found, func(d nmstate.Difference) bool { return d.Broken })
}

// again asks for another look after d, or earlier.
func (s *hostNetworkScope) again(d time.Duration) {
	if s.requeue == 0 || d < s.requeue {
		s.requeue = d
	}
}

// driftOn gives what a node shows otherwise than its revision says of what the network stands on.
func (s *hostNetworkScope) driftOn(u *render.Uplink, state nmstate.State, node string, e *nmstate.Enactment) []nmstate.Difference {
	report := s.states[node]
	if report == nil {
		return nil
	}
	found := nmstate.DifferencesOf(state, report.Node, s.known.TopInterface(u))
	if len(found) == 0 {
		return nil
	}
	wait, counts := outdates(report, e, s.now)
	if wait > 0 {
		s.again(wait)
	}
	if !counts {
		return nil
	}
	return found
}

// revisionKey names a revision of an uplink.
type revisionKey struct{ uplink, hash string }

// heldRevision is what a revision that nodes hold means for the network.
type heldRevision struct {
	// holds: it builds the network, or takes it away.
	holds bool
	// alike: it says about the network what is declared now.
	alike bool
	state nmstate.State
}

// onRevision reads a revision. Thousands of nodes are on one, so that each is read once.
func (s *hostNetworkScope) onRevision(u *render.Uplink, target *render.Revision, hash string) heldRevision {
	key := revisionKey{u.Object.Name, hash}
	if r, seen := s.revisions[key]; seen {
		return r
	}
	var r heldRevision
	if state, known := s.stateOf(u.Object, hash); known {
		r.state = state
		r.holds = s.catalog.Carries(u, s.known, state) || s.takesAway(u, state)
		r.alike = target != nil && s.catalog.BuiltAlike(u, s.known, state, target.State)
	}
	if s.revisions == nil {
		s.revisions = map[revisionKey]heldRevision{}
	}
	s.revisions[key] = r
	return r
}

// stateOf gives the content of a policy of the uplink, if it is intact.
func (s *hostNetworkScope) stateOf(u *v1alpha1.HostUplink, hash string) (nmstate.State, bool) {
	object, ok := s.policies[render.PolicyName(u.Name, hash)]
	if !ok || !render.Owns(u, &object) {
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

// problemsOn gathers the first problems of nodes from the uplinks that serve the network. Of nodes that drifted only those
// count whose drift is about the network.
func problemsOn(uplinks []*v1alpha1.HostUplink, drifts []v1alpha1.NodeProblem) []v1alpha1.NodeProblem {
	out := slices.Clone(drifts)
	for _, u := range uplinks {
		for _, p := range u.Status.Problems {
			if p.Reason == v1alpha1.ReasonNodeDrifted {
				continue
			}
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
