package controllers

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// evidence is what is known about one HostNetwork on one node. Machines find nodes by a label, which is set on proof and taken
// off as soon as something speaks against it; in between it stays as it is.
type evidence int

const (
	// without: the node does not have the network.
	without evidence = iota
	// undecided: the node had it, and nothing speaks against it.
	undecided
	// proved: the node has it.
	proved
)

// evidenceOf says what is known about a network on a node once the node has the given marks.
func (s *uplinkScope) evidenceOf(m *member, n *render.HostNetwork, after render.Marks) evidence {
	switch {
	case s.external():
		return s.evidenceOfExternal(m, n)
	case n.Observed():
		return s.evidenceOfObserved(m, n)
	}
	state := m.had
	if after.Held() != marksOf(m.node, s.uplink.Name).Held() {
		state, _ = s.stateOf(after.Held())
	}
	outcome := m.rollout.Outcome
	switch {
	case !s.catalog.Carries(s.known, n, state):
		return without
	case broken(m.drift, state, n.TopInterface(s.known)):
		return without
	case after.Revision != "" && after.Applied == after.Revision && !outcome.Failed() && outcome != nmstate.OutcomeStale:
		return proved
	}
	return undecided
}

// evidenceOfExternal is that of a network whose policy a pipeline applies: the policy is carried out, and the report shows what
// the network stands on.
func (s *uplinkScope) evidenceOfExternal(m *member, n *render.HostNetwork) evidence {
	state := s.states[m.node.Name]
	switch {
	case !m.matches || m.enactment == nil || !s.inUse.Has(n.Object.Name):
		return without
	case state == nil || s.target == nil || !state.Node.Known():
		return undecided
	case !n.Observed() && !s.catalog.Carries(s.known, n, s.target.State):
		return undecided // it cannot be built as it is declared now: what was built before may still be there
	case slices.ContainsFunc(s.shows(m, n), func(d nmstate.Difference) bool { return d.Broken }):
		return without
	case m.rollout.Outcome == nmstate.OutcomeApplied:
		return proved
	}
	return undecided
}

// shows gives what a node shows otherwise than a network needs.
func (s *uplinkScope) shows(m *member, n *render.HostNetwork) []nmstate.Difference {
	node := s.states[m.node.Name].Node
	if n.Observed() {
		return nmstate.Differences(virtualFunctions(s.known), node)
	}
	return nmstate.DifferencesOf(s.target.State, node, n.TopInterface(s.known))
}

// evidenceOfObserved is that of virtual functions that somebody else makes: the report shows them.
func (s *uplinkScope) evidenceOfObserved(m *member, n *render.HostNetwork) evidence {
	state := s.states[m.node.Name]
	switch {
	case !m.matches || !s.inUse.Has(n.Object.Name):
		return without
	case state == nil || !state.Node.Known():
		return undecided
	case len(s.shows(m, n)) > 0:
		return without
	}
	return proved
}

// virtualFunctions is what a node must show for a network of virtual functions that somebody else makes.
func virtualFunctions(u *render.Uplink) nmstate.State {
	return nmstate.State{Interfaces: []nmstate.Interface{{Name: u.Interface, State: nmstate.Up,
		Ethernet: &nmstate.EthernetSection{SRIOV: &nmstate.SRIOV{TotalVFs: 1}}}}}
}

// labelNetworks adds to an edit the labels by which machines find the networks of the fabric on the node.
func (s *uplinkScope) labelNetworks(m *member, after render.Marks, edit *nodeEdit) {
	if m.rivalled && marksOf(m.node, s.uplink.Name).Held() == "" {
		return // another HostUplink has the node
	}
	for _, name := range networkLabels(m.node) {
		if _, exists := s.catalog.HostNetwork(name); !exists && (after.Held() != "" || marksOf(m.node, s.uplink.Name).Held() != "") {
			edit.label(v1alpha1.NetworkLabelPrefix+name, "")
		}
	}
	for _, n := range s.catalog.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork != s.uplink.Spec.PhysicalNetwork {
			continue
		}
		switch s.evidenceOf(m, n, after) {
		case without:
			edit.label(v1alpha1.NetworkLabelPrefix+n.Object.Name, "")
		case proved:
			edit.label(v1alpha1.NetworkLabelPrefix+n.Object.Name, v1alpha1.NetworkLabelValue)
		case undecided:
		}
	}
}

// driftSettles is how long a report that is as old as the proof, in whole seconds, may still be one from before.
const driftSettles = 5 * time.Second

// findDrift compares what the node shows with the revision that it was proved to have. A report from before the proof says
// nothing.
func (s *uplinkScope) findDrift(m *member) {
	n, state := &m.rollout, s.states[m.node.Name]
	proven := n.Current != "" && n.Outcome == nmstate.OutcomeApplied
	if !proven || state == nil || n.Via != "" {
		return
	}
	found := nmstate.Differences(m.had, state.Node)
	if len(found) == 0 {
		return
	}
	wait, counts := outdates(state, m.enactment, s.now)
	if wait > 0 {
		s.again(wait)
	}
	if counts {
		m.drift = found
	}
}

// mayRepair says whether a node that drifted is to be asked to carry its revision out once more: if the network that lost
// something wants it, and it was not asked already since it was last well. What undoes a repair would undo the next one, too.
func (s *uplinkScope) mayRepair(m *member) bool {
	if len(m.drift) == 0 || !m.marks.Repaired.IsZero() {
		return false
	}
	return slices.ContainsFunc(s.catalog.HostNetworks(), func(n *render.HostNetwork) bool {
		return n.Object.Spec.RepairDrift && s.catalog.Carries(s.known, n, m.had) &&
			slices.ContainsFunc(m.drift, func(d nmstate.Difference) bool { return m.had.StandsOn(n.TopInterface(s.known), d.Interface) })
	})
}

// outdates says whether a report is later than the proof of an enactment, so that it may speak against it, and how long to wait
// where that cannot be told yet.
func outdates(report *nmstate.NodeNetworkState, e *nmstate.Enactment, now time.Time) (wait time.Duration, yes bool) {
	applied, reported := appliedAt(e).Truncate(time.Second), report.LastUpdate.Truncate(time.Second)
	if e == nil || reported.Before(applied) {
		return 0, false
	}
	if settled := applied.Add(driftSettles); reported.Equal(applied) && now.Before(settled) {
		return settled.Sub(now), false
	}
	return 0, true
}

// broken says whether something is wrong with what an interface stands on in a state, so that machines cannot use it.
func broken(found []nmstate.Difference, state nmstate.State, top string) bool {
	return slices.ContainsFunc(found, func(d nmstate.Difference) bool { return d.Broken && state.StandsOn(top, d.Interface) })
}

// strays are the nodes with labels of networks that no HostUplink of the fabric has to do with, or any more.
func (s *uplinkScope) strays() []*corev1.Node {
	var out []*corev1.Node
	for i := range s.nodes {
		node := &s.nodes[i]
		if len(networkLabels(node)) == 0 {
			continue
		}
		cared := slices.ContainsFunc(s.catalog.Uplinks(), func(u *render.Uplink) bool {
			sameFabric := u.Object.Spec.PhysicalNetwork == s.uplink.Spec.PhysicalNetwork
			return sameFabric && (marksOf(node, u.Object.Name).Held() != "" || (u.Object.DeletionTimestamp.IsZero() && selects(u.Object, node)))
		})
		if !cared {
			out = append(out, node)
		}
	}
	return out
}

// strayEdit takes the labels of the fabric's networks off a node.
func (s *uplinkScope) strayEdit(node *corev1.Node) nodeEdit {
	var edit nodeEdit
	for _, name := range networkLabels(node) {
		if n, exists := s.catalog.HostNetwork(name); exists && n.Object.Spec.PhysicalNetwork == s.uplink.Spec.PhysicalNetwork {
			edit.label(v1alpha1.NetworkLabelPrefix+name, "")
		}
	}
	return edit
}
