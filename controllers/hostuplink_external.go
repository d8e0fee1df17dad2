package controllers

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// A HostUplink with management External has a policy that a pipeline applies. Nothing is written for hosts: the policy's
// enactments are read as if it were a revision, and nodes get the labels of networks that they are seen to have.

// external says whether a pipeline applies the policy.
func (s *uplinkScope) external() bool {
	return s.uplink.Spec.Management == v1alpha1.ManagementExternal
}

// observeExternal tells from the pipeline's policy where each node stands.
func (s *uplinkScope) observeExternal(inUse sets.Set[string]) error {
	deleted := !s.uplink.DeletionTimestamp.IsZero()
	if deleted {
		s.inUseBy = s.labelledNetworks(inUse)
	}
	wanted, err := s.catalog.Revision(s.uplink, inUse)
	if err != nil && !deleted {
		problem := s.known.Problem
		if problem == nil {
			problem = &render.Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: err.Error()}
		}
		s.verdict = &Verdict{Stalled, problem.Reason, problem.String()}
		return errStop
	}
	if wanted != nil && (!deleted || len(s.inUseBy) > 0) {
		s.target = &render.Revision{Uplink: s.uplink.Name, Name: s.uplink.Spec.ExternalPolicy, State: wanted.State, Networks: wanted.Networks}
	}
	switch {
	case s.target == nil:
	case s.observed == nil:
		s.verdict = &Verdict{Stalled, v1alpha1.ReasonExternalPolicyMissing, fmt.Sprintf(
			"spec.externalPolicy: there is no NodeNetworkConfigurationPolicy %q: have the pipeline apply it (kubectl wukong render prints one that builds %s), or set management: Managed",
			s.uplink.Spec.ExternalPolicy, strings.Join(wanted.Networks, ", "))}
	case s.observed.madeHere:
		s.verdict = &Verdict{Stalled, v1alpha1.ReasonInvalidSpec, fmt.Sprintf(
			"spec.externalPolicy: %q is a revision that wukong-network made for a HostUplink, and deletes when that needs another: name a policy that a pipeline applies, or set management: Managed",
			s.uplink.Spec.ExternalPolicy)}
		s.observed = nil
	}
	for i := range s.nodes {
		node := &s.nodes[i]
		if m := s.externalMember(node); m != nil {
			s.members = append(s.members, m)
			s.plan.Nodes = append(s.plan.Nodes, s.externalProgress(m))
		}
	}
	return nil
}

// labelledNetworks gives the networks in use that nodes of the uplink are labelled with, sorted.
func (s *uplinkScope) labelledNetworks(inUse sets.Set[string]) []string {
	out := sets.New[string]()
	for i := range s.nodes {
		if !selects(s.uplink, &s.nodes[i]) {
			continue
		}
		for _, name := range networkLabels(&s.nodes[i]) {
			if n, exists := s.catalog.HostNetwork(name); exists && inUse.Has(name) && n.Object.Spec.PhysicalNetwork == s.uplink.Spec.PhysicalNetwork {
				out.Insert(name)
			}
		}
	}
	return sets.List(out)
}

// externalMember reads the enactment of the pipeline's policy on a node; nil where the uplink has nothing to do with it.
func (s *uplinkScope) externalMember(node *corev1.Node) *member {
	if !selects(s.uplink, node) && marksOf(node, s.uplink.Name).Held() == "" {
		return nil
	}
	m := &member{node: node, marks: marksOf(node, s.uplink.Name), matches: s.target != nil}
	m.rollout = nmstate.RolloutNode{Name: node.Name, Ready: nodeReady(node), Outcome: nmstate.OutcomeMissing}
	m.rivalled = s.catalog.RivalOn(s.known, node.Labels, node.Annotations) != nil
	if s.observed == nil || !s.observed.selects(node) {
		return m
	}
	m.enactment = s.enactments.of(s.observed.Name, node.Name)
	m.rollout.Outcome = nmstate.Classify(s.observed.ref, m.enactment)
	m.rollout.Message = m.enactment.Message()
	return m
}

// externalProgress says where a node stands, in the words of a rollout.
func (s *uplinkScope) externalProgress(m *member) nmstate.NodeProgress {
	n := render.PipelinesNode{Name: m.node.Name, Ready: m.rollout.Ready, Labels: m.node.Labels, Outcome: m.rollout.Outcome, Message: m.rollout.Message,
		Rival: s.catalog.RivalOn(s.known, m.node.Labels, m.node.Annotations)}
	if report := s.states[m.node.Name]; report != nil {
		n.Report = report.Node
	}
	if s.observed != nil {
		n.Policy, n.Selected = &s.observed.version, s.observed.selects(m.node)
	}
	out := s.known.ProgressOf(s.target, n)
	if out.Progress == nmstate.ProgressApplied && m.rollout.Outcome == nmstate.OutcomeApplied {
		return s.externalApplied(m, out)
	}
	return out
}

// proven is the version of the pipeline's policy that every eligible node was last seen to have carried out.
func (s *uplinkScope) proven(c v1alpha1.NodeCounts) *v1alpha1.PolicyVersion {
	switch {
	case !s.external() || s.observed == nil:
		return nil
	case c.Applied > 0 && c.Applied == eligible(c):
		return &s.observed.version
	}
	return s.before.Status.ProvenPolicy
}

// reportFollows is how long after an enactment a report of the node, renewed only when something changed, may still be one from
// before: two refreshes of the handler.
const reportFollows = 2 * time.Minute

// externalApplied looks whether a node that carried the policy out has what the networks in use need. A report from before that
// says neither yes nor no: the node is at work until a later one comes, or none comes because the policy changed nothing.
func (s *uplinkScope) externalApplied(m *member, out nmstate.NodeProgress) nmstate.NodeProgress {
	state := s.states[m.node.Name]
	if s.target == nil || state == nil {
		return out
	}
	found := nmstate.Differences(s.target.State, state.Node)
	if len(found) == 0 {
		return out
	}
	if wait := stillBefore(state, m.enactment, s.now); wait > 0 {
		s.again(wait)
		out.Progress, out.Message = nmstate.ProgressApplying, "the policy is carried out; the node's report is still from before"
		return out
	}
	m.drift = found
	return out
}

// stillBefore is how long a report that shows something else may still be one from before an enactment of a pipeline's policy.
func stillBefore(report *nmstate.NodeNetworkState, e *nmstate.Enactment, now time.Time) time.Duration {
	wait, counts := outdates(report, e, now)
	if follows := appliedAt(e).Add(reportFollows); !counts && wait == 0 && now.Before(follows) {
		return follows.Sub(now)
	}
	return wait
}
