package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// decide finds the revision that nodes shall have, judges each node, and plans the next step.
func (r *HostUplinkReconciler) decide(_ context.Context, s *uplinkScope) error {
	if s.nmstateGone {
		return s.decideWithoutNmstate()
	}
	inUse, waiting := networksInUse(s.catalog, s.uplink)
	if waiting != "" {
		s.verdict = &Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, fmt.Sprintf("waits for what HostNetwork %q needs", waiting)}
		return errStop
	}
	s.inUse = inUse
	if s.external() {
		return s.observeExternal(inUse)
	}
	if err := s.aim(inUse); err != nil {
		return err
	}
	for i := range s.nodes {
		if m := r.member(s, &s.nodes[i]); m != nil {
			s.members = append(s.members, m)
		}
	}
	s.plan = nmstate.PlanRollout(s.rollout())
	return nil
}

// aim sets the target. A HostUplink that is being deleted has none, once no network needs it.
func (s *uplinkScope) aim(inUse sets.Set[string]) error {
	target, err := s.catalog.Revision(s.uplink, inUse)
	var problem *render.UplinkError
	if err != nil && !errors.As(err, &problem) {
		return err
	}
	deleted := !s.uplink.DeletionTimestamp.IsZero()
	if deleted {
		s.inUseBy = s.needed(inUse)
	}
	if err != nil && (!deleted || len(s.inUseBy) > 0) {
		// Nodes stay as they are until the spec can be carried out again.
		s.verdict = &Verdict{Stalled, problem.Problem.Reason, problem.Problem.String()}
		return errStop
	}
	if deleted && len(s.inUseBy) == 0 {
		return nil
	}
	s.declared, s.target = target, target
	if good := s.rollBack(target); good != nil {
		s.target = good
	} else if dropped := s.dropped(inUse, target); dropped != nil {
		s.verdict = dropped
		return errStop
	}
	s.render(s.target)
	return nil
}

// dropped stops everything when nodes have a network that is in use and can no longer be rendered: to go on would take it away
// under its users.
func (s *uplinkScope) dropped(inUse sets.Set[string], target *render.Revision) *Verdict {
	for _, name := range s.needed(inUse) {
		n, _ := s.catalog.HostNetwork(name)
		if target != nil && slices.Contains(target.Networks, name) {
			if missing := n.Misses(n.Object.Status.VLANsInUse); n.Trunk() && missing != "" {
				return &Verdict{Stalled, v1alpha1.ReasonInUse, fmt.Sprintf("HostNetwork %s: spec.trunk: VLAN %s is in use and in none of the ranges any more, so nodes stay as they are: put it back, or delete the Wukongs that use it", name, missing)}
			}
			continue
		}
		reason, message := v1alpha1.ReasonInvalidSpec, "cannot be built here any more"
		problem := s.catalog.Unserved(s.uplink.Name, name)
		if n != nil && n.Problem != nil {
			problem = n.Problem
		}
		if problem != nil {
			reason, message = problem.Reason, problem.String()
		}
		return &Verdict{Stalled, reason, fmt.Sprintf("HostNetwork %s is in use and cannot be built as it is now declared, so nodes stay as they are: %s", name, message)}
	}
	return nil
}

// needed gives the networks in use that nodes have from this uplink, sorted.
func (s *uplinkScope) needed(inUse sets.Set[string]) []string {
	out := sets.New[string]()
	for i := range s.nodes {
		hash := marksOf(&s.nodes[i], s.uplink.Name).Held()
		if state, known := s.stateOf(hash); known {
			out.Insert(s.networksIn(state)...)
		}
	}
	return sets.List(out.Intersection(inUse))
}

func (s *uplinkScope) render(revision *render.Revision) {
	if revision != nil {
		s.rendered[revision.Hash] = revision
	}
}

// stateOf gives the content of a revision, if it is known and can be trusted.
func (s *uplinkScope) stateOf(hash string) (nmstate.State, bool) {
	if revision, ok := s.rendered[hash]; ok {
		return revision.State, true
	}
	p, ok := s.policies[hash]
	return p.state, ok && p.intact
}

// networksIn gives the HostNetworks of the fabric that a state provides, sorted.
func (s *uplinkScope) networksIn(state nmstate.State) []string {
	var out []string
	for _, n := range s.catalog.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork == s.uplink.Spec.PhysicalNetwork && s.catalog.Carries(s.known, n, state) {
			out = append(out, n.Object.Name)
		}
	}
	return out
}

// rollout gathers what the plan depends on.
func (s *uplinkScope) rollout() nmstate.Rollout {
	in := nmstate.Rollout{Canary: 1, MaxUnavailable: intstr.FromString("10%"), Paused: s.uplink.Spec.Paused || s.refusedInVain()}
	if c := s.uplink.Spec.Rollout.Canary; c != nil {
		in.Canary = int(*c)
	}
	if m := s.uplink.Spec.Rollout.MaxUnavailable; m != nil {
		in.MaxUnavailable = *m
	}
	for _, m := range s.members {
		in.Nodes = append(in.Nodes, m.rollout)
	}
	in.BudgetUsed = s.busyElsewhere()
	return in
}

// busyElsewhere counts the nodes that other HostUplinks have in transition, by their marks and enactments.
func (s *uplinkScope) busyElsewhere() int {
	busy := 0
	for i := range s.nodes {
		node := &s.nodes[i]
		if slices.ContainsFunc(s.catalog.Uplinks(), func(u *render.Uplink) bool {
			return u.Object.Name != s.uplink.Name && inTransition(node, u.Object.Name, s.enactments)
		}) {
			busy++
		}
	}
	return busy
}

func inTransition(node *corev1.Node, uplink string, all enactments) bool {
	m := marksOf(node, uplink)
	if m.Held() == "" {
		return false
	}
	return m.Applied != m.Revision || hasFailed(all.of(render.PolicyName(uplink, m.Revision), node.Name))
}

// hasFailed says whether the handler gave up, whatever policy the enactment belongs to.
func hasFailed(e *nmstate.Enactment) bool {
	if e == nil {
		return false
	}
	return nmstate.Classify(nmstate.PolicyRef{Name: e.Policy(), Generation: e.Status.PolicyGeneration}, e).Failed()
}

// decideWithoutNmstate only lets nodes go that an engineer gave up: nothing can be configured or proved.
func (s *uplinkScope) decideWithoutNmstate() error {
	s.verdict = &Verdict{Stalled, v1alpha1.ReasonNmstateMissing, "kubernetes-nmstate is not installed, so hosts cannot be configured: install it"}
	if s.uplink.DeletionTimestamp.IsZero() {
		return errStop
	}
	for i := range s.nodes {
		m := &member{node: &s.nodes[i], marks: marksOf(&s.nodes[i], s.uplink.Name)}
		if m.marks.Held() == "" || !abandoned(s.uplink, m.node.Name) {
			continue
		}
		m.abandoned = true
		m.rollout = nmstate.RolloutNode{Name: m.node.Name, Current: m.marks.Revision, Renewing: m.marks.Held()}
		s.members = append(s.members, m)
	}
	s.plan = nmstate.PlanRollout(s.rollout())
	return nil
}
