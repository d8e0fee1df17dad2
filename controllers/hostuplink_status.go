package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/nmstate"
)

// maxProblems bounds the nodes that a status names.
const maxProblems = 32

// publish writes the status when it differs, with an event when Ready changed its reason.
func (r *HostUplinkReconciler) publish(ctx context.Context, s *uplinkScope) error {
	if s.before == nil {
		return nil
	}
	s.report()
	if wait := r.pace.keepProgress(s.before, s.uplink, s.now); wait > 0 {
		s.again(wait)
	}
	if err := patchStatus(ctx, r.Client, s.before, s.uplink); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.tellDeparted(ctx, s)
	metrics.Enacted(s.uplink.Name, metrics.Failed, newlyFailing(s.before.Status.Problems, s.uplink.Status.Problems))
	announce(r.Events, s.uplink, s.before.Status.Conditions, s.uplink.Status.Conditions)
	return nil
}

// report fills the status from what the steps found.
func (s *uplinkScope) report() {
	status := &s.uplink.Status
	status.ObservedGeneration = s.uplink.Generation
	if s.known != nil {
		status.Interface = s.known.Interface
		status.NotActedOn = s.known.Notices
	}
	if s.catalog != nil {
		status.Departed = s.departed
	}
	if s.verdict == nil || s.plan.Nodes != nil {
		status.Revision, status.Networks = "", nil
		if s.target != nil {
			status.Revision, status.Networks = s.target.Name, s.target.Networks
		}
		status.Nodes = countNodes(s)
		status.NodesSummary = ""
		if s.target != nil {
			status.NodesSummary = summary(status.Nodes)
		}
		status.Problems = problemsOf(s)
		status.LastGoodRevision = s.lastGood(status.Nodes)
		status.ProvenPolicy = s.proven(status.Nodes)
	}
	verdict := s.verdict
	if verdict == nil {
		v := uplinkVerdict(s)
		verdict = &v
	}
	setVerdict(&status.Conditions, s.uplink.Generation, *verdict)
}

// lastGood is the declared revision once every eligible node has it, and the one before until then.
func (s *uplinkScope) lastGood(c v1alpha1.NodeCounts) string {
	switch {
	case s.declared == nil:
		return ""
	case !s.rolledBack() && c.Applied > 0 && c.Applied == eligible(c):
		return s.declared.Name
	}
	return s.before.Status.LastGoodRevision
}

// countNodes counts the nodes that the selector matches, by progress.
func countNodes(s *uplinkScope) v1alpha1.NodeCounts {
	var c v1alpha1.NodeCounts
	matches := map[string]bool{}
	for i := range s.nodes {
		if selects(s.uplink, &s.nodes[i]) {
			matches[s.nodes[i].Name] = true
			c.Matching++
		}
	}
	for _, n := range s.plan.Nodes {
		if !matches[n.Name] {
			continue
		}
		switch n.Progress {
		case nmstate.ProgressLeftOut:
			c.LeftOut++
		case nmstate.ProgressWaiting:
			c.Waiting++
		case nmstate.ProgressApplying:
			c.Applying++
		case nmstate.ProgressRetrying:
			c.Retrying++
		case nmstate.ProgressApplied:
			c.Applied++
		case nmstate.ProgressFailing:
			c.Failing++
		case nmstate.ProgressUnknown:
			c.Unknown++
		}
	}
	for _, m := range s.members {
		if matches[m.node.Name] && len(m.drift) > 0 {
			c.Drifted++
		}
	}
	return c
}

// eligible is the number of nodes that shall have the revision.
func eligible(c v1alpha1.NodeCounts) int32 { return c.Matching - c.LeftOut }

func summary(c v1alpha1.NodeCounts) string { return fmt.Sprintf("%d/%d", c.Applied, eligible(c)) }

// problemsOf names the first nodes on which something is not as declared. Nodes that are at work, or wait for their turn, are
// no problem.
func problemsOf(s *uplinkScope) []v1alpha1.NodeProblem {
	members := map[string]*member{}
	for _, m := range s.members {
		members[m.node.Name] = m
	}
	var out []v1alpha1.NodeProblem
	for _, n := range s.plan.Nodes {
		p := v1alpha1.NodeProblem{Node: n.Name, Progress: v1alpha1.NodeProgress(n.Progress), Reason: n.Reason, Message: n.Message}
		switch n.Progress {
		case nmstate.ProgressFailing:
			p.Reason, p.Message = v1alpha1.ReasonNodeNetworkDegraded, advised(members[n.Name], n)
		case nmstate.ProgressRetrying:
			p.Reason, p.Message = cmp.Or(p.Reason, v1alpha1.ReasonNodeNetworkProgressing), advised(members[n.Name], n)
		case nmstate.ProgressLeftOut, nmstate.ProgressUnknown:
		default:
			m := members[n.Name]
			refused := m.rollout.Refused
			if n.Reason == nmstate.NodeNotReady || n.Reason == nmstate.NodeLingering {
				break
			}
			switch {
			case n.Progress == nmstate.ProgressApplied && len(m.drift) > 0:
				p.Reason, p.Message = v1alpha1.ReasonNodeDrifted, driftText(m.drift)
			case n.Progress == nmstate.ProgressApplied && refused != nil:
				// The node has the revision and keeps it, and would not get it today.
				p.Reason, p.Message = refused.Reason, refused.Message
			default:
				continue
			}
		}
		p.Message = clip(p.Message)
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b v1alpha1.NodeProblem) int { return strings.Compare(a.Node, b.Node) })
	return out[:min(len(out), maxProblems)]
}

// driftText says in one line what a node shows otherwise, the worst first.
func driftText(found []nmstate.Difference) string {
	worst := slices.IndexFunc(found, func(d nmstate.Difference) bool { return d.Broken })
	line := found[max(worst, 0)].Message
	if more := len(found) - 1; more > 0 {
		line += fmt.Sprintf(", and %d more", more)
	}
	return line
}

// advised adds to the one meaningful line of a failure where all of it is to be found.
func advised(m *member, n nmstate.NodeProgress) string {
	if m.enactment == nil {
		return n.Message
	}
	return fmt.Sprintf("%s (all of it: kubectl get nnce %s -o yaml)", n.Message, m.enactment.Name)
}

// uplinkVerdict is the outcome of a reconcile that went through.
func uplinkVerdict(s *uplinkScope) Verdict {
	if stuck := stuckVerdict(s); stuck != nil {
		return *stuck
	}
	c := s.uplink.Status.Nodes
	removing := s.removing()
	switch {
	case removing > 0 && s.target == nil:
		return Verdict{Working, v1alpha1.ReasonRemoving, fmt.Sprintf("%d nodes give back what was built%s", removing, s.because())}
	case !s.uplink.DeletionTimestamp.IsZero():
		return Verdict{Working, v1alpha1.ReasonRemoving, "policies are being deleted"}
	case c.Matching == 0:
		return Verdict{Stalled, v1alpha1.ReasonNoMatchingNodes, "nodeSelector matches no node: label nodes, or change it"}
	case s.target == nil:
		return Verdict{Done, v1alpha1.ReasonNotInUse, "no HostNetwork in use needs this uplink, so hosts are not touched"}
	case eligible(c) == 0:
		return Verdict{Stalled, v1alpha1.ReasonNoEligibleNodes, fmt.Sprintf("none of %d nodes passes the checks: %s", c.Matching, s.blame(nmstate.ProgressLeftOut, c))}
	case s.rolledBack():
		return Verdict{Stalled, v1alpha1.ReasonRolledBack, fmt.Sprintf("%s with the last good revision; %s was refused and is not rolled out: change what is declared, or take the annotation %s off",
			configured(c), s.declared.Name, v1alpha1.RollbackAnnotation)}
	case c.Applied < eligible(c) || removing > 0:
		return Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, configured(c) + s.because()}
	case c.LeftOut > 0:
		return Verdict{Done, v1alpha1.ReasonNodesLeftOut, fmt.Sprintf("%s; %d left out: %s", configured(c), c.LeftOut, s.blame(nmstate.ProgressLeftOut, c))}
	}
	return Verdict{Done, v1alpha1.ReasonApplied, configured(c)}
}

// stuckVerdict is the outcome where a person has to act, or a node that drifted is repaired; nil where all goes its way.
func stuckVerdict(s *uplinkScope) *Verdict {
	c := s.uplink.Status.Nodes
	switch {
	case len(s.inUseBy) > 0:
		return &Verdict{Stalled, v1alpha1.ReasonInUse, fmt.Sprintf("is deleted once nothing uses it: delete HostNetwork %s first, or narrow nodeSelector",
			strings.Join(s.inUseBy, ", "))}
	case s.refusedInVain():
		return &Verdict{Stalled, v1alpha1.ReasonRolledBack, fmt.Sprintf("annotation %s refuses the revision, and there is no other good one to go back to, so no node moves: change what is declared, or take it off (%s)",
			v1alpha1.RollbackAnnotation, configured(c))}
	case s.plan.Stopped != nil && s.plan.Stopped.Reason == nmstate.StoppedPaused:
		return &Verdict{Stalled, v1alpha1.ReasonPaused, fmt.Sprintf("%s (%s)", s.plan.Stopped.Message, configured(c))}
	case s.first(nmstate.ProgressFailing) != nil:
		return &Verdict{Stalled, v1alpha1.ReasonNodeNetworkDegraded, s.blame(nmstate.ProgressFailing, c)}
	case s.overdue():
		return &Verdict{Stalled, v1alpha1.ReasonNodeNetworkDegraded, s.blame(nmstate.ProgressUnknown, c)}
	case c.Drifted > 0 && s.target != nil:
		return s.driftVerdict(c)
	}
	return nil
}

// rolledBack says whether nodes go to the last good revision instead of the declared one.
func (s *uplinkScope) rolledBack() bool { return s.declared != nil && s.target != s.declared }

// refusedInVain says whether an engineer refused what is declared and nothing else is known to be good.
func (s *uplinkScope) refusedInVain() bool {
	return s.declared != nil && !s.rolledBack() && s.uplink.Annotations[v1alpha1.RollbackAnnotation] == s.declared.Name
}

func configured(c v1alpha1.NodeCounts) string { return summary(c) + " nodes configured" }

// removing counts nodes that give something back on the way to where they go.
func (s *uplinkScope) removing() int {
	count := 0
	for _, m := range s.members {
		held := m.rollout.Current != "" || m.rollout.Renewing != ""
		if held && (m.rollout.Via != "" || m.rollout.Want == "") {
			count++
		}
	}
	return count
}

// because names the first node that keeps the rest waiting, if there is one.
func (s *uplinkScope) because() string {
	if s.plan.Stopped != nil {
		return "; " + s.plan.Stopped.Message
	}
	if s.uplink.Status.Problems == nil {
		return ""
	}
	for _, p := range s.uplink.Status.Problems {
		if p.Progress != v1alpha1.NodeApplied && (p.Progress != v1alpha1.NodeLeftOut || s.target == nil) {
			return fmt.Sprintf("; %s: %s", p.Node, p.Message)
		}
	}
	return ""
}

func (s *uplinkScope) first(progress nmstate.Progress) *nmstate.NodeProgress {
	i := slices.IndexFunc(s.plan.Nodes, func(n nmstate.NodeProgress) bool { return n.Progress == progress })
	if i < 0 {
		return nil
	}
	return &s.plan.Nodes[i]
}

// driftVerdict is the outcome for nodes that no longer show what was built.
func (s *uplinkScope) driftVerdict(c v1alpha1.NodeCounts) *Verdict {
	state, fix := Stalled, "undo that on the node, or set repairDrift on its HostNetwork"
	switch {
	case s.external():
		fix = fmt.Sprintf("have policy %s build it", s.uplink.Spec.ExternalPolicy)
	case slices.ContainsFunc(s.members, func(m *member) bool { return m.rollout.Repair }):
		state, fix = Working, "it is repaired"
	case slices.ContainsFunc(s.members, func(m *member) bool { return len(m.drift) > 0 && !m.marks.Repaired.IsZero() }):
		fix = "it drifted again after a repair: find out what undoes it there"
	}
	return &Verdict{state, v1alpha1.ReasonNodeDrifted, fmt.Sprintf("%s; %s (%s)", s.blameDrift(), fix, configured(c))}
}

// blameDrift names the first node that drifted, and what it shows.
func (s *uplinkScope) blameDrift() string {
	for _, m := range s.members {
		if len(m.drift) > 0 {
			return fmt.Sprintf("%s: %s", m.node.Name, driftText(m.drift))
		}
	}
	return ""
}

// overdue says whether a handler has been silent for too long.
func (s *uplinkScope) overdue() bool {
	return slices.ContainsFunc(s.plan.Nodes, func(n nmstate.NodeProgress) bool {
		return n.Progress == nmstate.ProgressUnknown && n.Reason == nmstate.NodeOverdue
	})
}

// blame names the first node of such a progress, its message, and how far the others are.
func (s *uplinkScope) blame(progress nmstate.Progress, c v1alpha1.NodeCounts) string {
	n := s.first(progress)
	if n == nil {
		return configured(c)
	}
	if progress == nmstate.ProgressLeftOut {
		return fmt.Sprintf("%s: %s", n.Name, n.Message)
	}
	return fmt.Sprintf("%s: %s (%s)", n.Name, n.Message, configured(c))
}
