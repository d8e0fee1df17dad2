package controllers

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// member is a node that the HostUplink selects, or that still carries a mark of it.
type member struct {
	node    *corev1.Node
	marks   render.Marks
	matches bool
	// had is what the revision that the node holds says, without what shall stay when its network goes.
	had nmstate.State
	// next is the revision that the node goes to, or is on; nil is none.
	next      *render.Revision
	enactment *nmstate.Enactment
	// rivalled: another HostUplink keeps this one from the node.
	rivalled bool
	// drift is what the node shows otherwise than the revision that it was proved to have.
	drift []nmstate.Difference
	// abandoned: an engineer gave the node up, so that it goes without giving back what was built.
	abandoned bool
	rollout   nmstate.RolloutNode
}

// member judges one node; nil where the uplink has nothing to do with it.
func (r *HostUplinkReconciler) member(s *uplinkScope, node *corev1.Node) *member {
	m := &member{node: node, marks: s.marks(node), matches: selects(s.uplink, node)}
	if !m.matches && m.marks.Held() == "" {
		return nil
	}
	n := &m.rollout
	n.Name, n.Ready = node.Name, nodeReady(node)
	s.place(m)
	s.fate(m)
	s.route(m)
	s.findDrift(m)
	n.Repair = s.mayRepair(m)
	s.moveAgain(m)
	r.timing(s, m)
	return m
}

// marks are those of a node. One that came back without any still has what it left with.
func (s *uplinkScope) marks(node *corev1.Node) render.Marks {
	m := marksOf(node, s.uplink.Name)
	if m.Held() == "" {
		m.Renewing = s.departedWith(node.Name)
	}
	return m
}

// place finds out which revision the node is on. Where somebody took the label off, or wrote something else into it, the node
// still has what was proved, or was being renewed.
func (s *uplinkScope) place(m *member) {
	n := &m.rollout
	n.Current, n.Renewing, n.Proof = m.marks.Revision, m.marks.Renewing, m.marks.Applied
	if n.Current == "" && n.Renewing == "" {
		n.Renewing = n.Proof
	}
	if _, known := s.stateOf(n.Current); n.Current != "" && !known {
		for _, before := range []string{n.Renewing, n.Proof} {
			if _, known := s.stateOf(before); known && before != n.Current {
				n.Current, n.Renewing = "", before
				break
			}
		}
	}
	n.Dormant = n.Current == "" && marksOf(m.node, s.uplink.Name).Renewing == ""
	held := n.Current
	if held == "" {
		held = n.Renewing
	}
	if had, known := s.stateOf(held); known {
		m.had = had
	} else if held != "" {
		m.had = s.recall(m.node)
	}
}

// recall tells from the networks that a node was proved to have what a revision said whose policy somebody deleted.
func (s *uplinkScope) recall(node *corev1.Node) nmstate.State {
	revision, err := s.catalog.Revision(s.uplink, sets.New(networkLabels(node)...))
	if err != nil || revision == nil {
		return nmstate.State{}
	}
	return revision.State
}

// fate reads the enactment of the revision that the node is on.
func (s *uplinkScope) fate(m *member) {
	n := &m.rollout
	n.Outcome = nmstate.OutcomeMissing
	p, exists := s.policies[n.Current]
	if !exists || n.Current == "" {
		return
	}
	if !p.intact {
		// What was applied since somebody edited the policy proves nothing.
		n.Outcome, n.Proof = nmstate.OutcomeStale, ""
		return
	}
	m.enactment = s.enactments.of(p.object.Name, m.node.Name)
	n.Outcome = nmstate.Classify(p.object.Ref(), m.enactment)
	n.Message = m.enactment.Message()
}

// route sets where the node goes: to the target, over a removal if it has something that the target lacks; and whether it may.
func (s *uplinkScope) route(m *member) {
	n := &m.rollout
	want := s.target
	blocking := s.catalog.RivalOn(s.known, m.node.Labels, m.node.Annotations)
	m.rivalled = blocking != nil
	held := n.Current != "" || n.Renewing != ""
	if !m.matches || (blocking != nil && blocking.Claims && held) {
		want = nil
	}
	m.next = want
	if want != nil {
		n.Want = want.Hash
	}
	m.abandoned = abandoned(s.uplink, m.node.Name)
	if via := s.removal(m, want); via != nil && !m.abandoned {
		m.next, n.Via = via, via.Hash
	}
	if m.next == nil {
		return
	}
	if blocking != nil && want != nil {
		n.Refused = blocking.Refusal()
	} else {
		n.Refused = s.check(m)
	}
	n.Lingering = n.Current != m.next.Hash && s.enactments.of(m.next.Name, m.node.Name) != nil
}

// removal gives the revision by which the node gives back what want lacks, or moves its own addresses, or nil.
func (s *uplinkScope) removal(m *member, want *render.Revision) *render.Revision {
	n := m.rollout
	held := n.Current != "" || n.Renewing != ""
	if want == nil && !held {
		return nil
	}
	passage := nmstate.Passage{Current: m.had, Retained: s.catalog.Retained(s.known, m.had)}
	if n.Current != "" && (n.Proof == n.Current || n.Outcome == nmstate.OutcomeApplied) {
		passage.Proof = nmstate.Proven
	}
	if state := s.states[n.Name]; state != nil {
		passage.Node = state.Node
	}
	via, needed := render.PassageRevision(s.uplink.Name, want, passage)
	if !needed {
		return nil
	}
	s.render(via)
	return via
}

// moveAgain sends a node that was proved to have the revision, and whose NIC carries the node's own traffic again, through
// another move. The revision itself takes addresses off the NIC, so that it may not be carried out there once more; since the
// handler may do that at any time, this does not wait for repairDrift. It is done once, as every repair, or when the revision
// failed.
func (s *uplinkScope) moveAgain(m *member) {
	n := &m.rollout
	moved := len(m.drift) > 0 && m.marks.Repaired.IsZero()
	if n.Current == "" || n.Current != n.Want || n.Via != "" || m.abandoned || !(moved || n.Outcome.Failed()) {
		return
	}
	passage := nmstate.Passage{Current: m.had, Proof: nmstate.Unproven}
	if state := s.states[n.Name]; state != nil {
		passage.Node = state.Node
	}
	via, needed := render.PassageRevision(s.uplink.Name, m.next, passage)
	if !needed || via.Hash == n.Current || len(via.State.Capture) == 0 {
		return
	}
	s.render(via)
	m.next, n.Via, n.Repair = via, via.Hash, moved
	n.Refused = s.check(m)
	n.Lingering = s.enactments.of(via.Name, n.Name) != nil
}

// without leaves out what is to stay on hosts when its network goes.
func (s *uplinkScope) without(state nmstate.State) nmstate.State {
	retained := s.catalog.Retained(s.known, state)
	var out nmstate.State
	for _, i := range state.Interfaces {
		if !slices.Contains(retained, i.Name) {
			out.Interfaces = append(out.Interfaces, i)
		}
	}
	return out
}

// check asks whether the node may get, or keep, its next revision.
func (s *uplinkScope) check(m *member) *nmstate.Refusal {
	if refusal := nmstate.CheckForeign(s.foreign, m.node.Labels, m.next.State); refusal != nil {
		return refusal
	}
	in := nmstate.TargetCheck{Target: m.next.State, NodeAddresses: render.NodeAddresses(m.node), Own: append(m.had.Built(), m.had.Removed()...)}
	if render.Lists(s.uplink, v1alpha1.AdoptAnnotation, m.node.Name) || s.departedWith(m.node.Name) != "" {
		in.Own = append(in.Own, m.next.State.Built()...)
	}
	if state := s.states[m.node.Name]; state != nil {
		in.Node = state.Node
	}
	return nmstate.CheckTarget(in)
}

// timing says whether a failed node may be tried again by now, or whether its handler takes too long.
func (r *HostUplinkReconciler) timing(s *uplinkScope, m *member) {
	n := &m.rollout
	switch {
	case n.Outcome.Failed():
		due := failedAt(m.enactment).Add(r.Config.RetryAfter)
		if state := s.states[n.Name]; state != nil && state.LastUpdate.After(failedAt(m.enactment)) {
			due = failedAt(m.enactment).Add(r.Config.RetryAfter / 10)
		}
		n.RetryAsked = render.Lists(s.uplink, v1alpha1.RetryAnnotation, n.Name)
		n.RetryDue = s.reached(due)
	case n.Current != "" && !n.Outcome.Final():
		since := m.marks.Since
		if since.IsZero() && m.enactment != nil {
			since = m.enactment.CreationTimestamp.Time
		}
		n.Overdue = !since.IsZero() && s.reached(since.Add(r.Config.SilentAfter))
	}
}

// reached says whether the time has come, and otherwise asks for another look then.
func (s *uplinkScope) reached(t time.Time) bool {
	if !s.now.Before(t) {
		return true
	}
	s.again(t.Sub(s.now))
	return false
}
