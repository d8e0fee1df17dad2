package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// replaceEdited deletes policies that somebody edited while nodes are on them; they are made again, under the same name, when
// the handlers have dropped what they reported about the edited ones. What was proved about them is withdrawn before.
func (r *HostUplinkReconciler) replaceEdited(ctx context.Context, s *uplinkScope) error {
	for _, hash := range slices.Sorted(maps.Keys(s.policies)) {
		p := s.policies[hash]
		if p.intact || !p.object.DeletionTimestamp.IsZero() || !s.wanted(hash) {
			continue
		}
		for _, m := range s.members {
			if m.marks.Revision != hash || m.marks.Applied == "" {
				continue
			}
			withdrawn := marksOf(m.node, s.uplink.Name)
			withdrawn.Applied = ""
			var edit nodeEdit
			edit.mark(s.uplink.Name, withdrawn)
			if _, err := r.nodes.write(ctx, m.node, edit); err != nil {
				return err
			}
		}
		deleted, err := r.deletePolicy(ctx, p)
		if err != nil {
			return err
		}
		if deleted {
			r.tell(ctx, s, corev1.EventTypeWarning, v1alpha1.ReasonRevisionDeleted,
				"policy %s was edited by somebody else: it is made again as it was", p.object.Name)
		}
	}
	return nil
}

// wanted says whether a node holds the revision, or goes to it; or may come back with it, or be rolled back to it.
func (s *uplinkScope) wanted(hash string) bool {
	if s.uplink.DeletionTimestamp.IsZero() && s.remembered(render.PolicyName(s.uplink.Name, hash)) {
		return true
	}
	return (s.target != nil && s.target.Hash == hash) || slices.ContainsFunc(s.members, func(m *member) bool {
		return m.marks.Held() == hash || (m.next != nil && m.next.Hash == hash)
	})
}

// maxRemembered bounds the policies that are kept for departed nodes alone: every handler looks at every policy.
const maxRemembered = 4

// remembered says whether one of the nodes that departed last had the policy, or it is the last good one while the uplink is in
// use.
func (s *uplinkScope) remembered(policy string) bool {
	var kept []string
	for _, d := range s.departed {
		if !slices.Contains(kept, d.Revision) && len(kept) < maxRemembered {
			kept = append(kept, d.Revision)
		}
	}
	return slices.Contains(kept, policy) || (s.target != nil && s.before != nil && s.before.Status.LastGoodRevision == policy)
}

// createNeeded makes the policies that nodes move to, and those that somebody deleted under nodes that are on them.
func (r *HostUplinkReconciler) createNeeded(ctx context.Context, s *uplinkScope) error {
	for _, revision := range s.missing() {
		if s.enactments.remain(revision.Name) > 0 {
			// The handlers would take what they did for an earlier policy of this name for this one.
			continue
		}
		p, created, err := r.createPolicy(ctx, s.uplink, revision)
		var taken errNameTaken
		if errors.As(err, &taken) {
			s.verdict = &Verdict{Stalled, v1alpha1.ReasonNameTaken, taken.Error()}
			return errStop
		}
		if err != nil {
			return err
		}
		s.policies[revision.Hash] = p
		if created {
			r.tell(ctx, s, corev1.EventTypeNormal, v1alpha1.ReasonRevisionCreated, "policy %s: %s", revision.Name, purpose(revision))
		}
	}
	return nil
}

// missing gives the revisions whose policy is needed and not there, by hash.
func (s *uplinkScope) missing() []*render.Revision {
	need := map[string]*render.Revision{}
	add := func(hash string) {
		if _, exists := s.policies[hash]; !exists && s.rendered[hash] != nil {
			need[hash] = s.rendered[hash]
		}
	}
	for _, move := range s.plan.Moves {
		add(move.To)
	}
	for _, m := range s.members {
		add(m.rollout.Current)
	}
	var out []*render.Revision
	for _, hash := range slices.Sorted(maps.Keys(need)) {
		out = append(out, need[hash])
	}
	return out
}

// purpose says what a revision does, for people.
func purpose(revision *render.Revision) string {
	var parts []string
	if len(revision.Networks) > 0 {
		parts = append(parts, "builds "+strings.Join(revision.Networks, ", "))
	}
	if removed := revision.State.Removed(); len(removed) > 0 {
		parts = append(parts, "takes back "+interfaceNames(removed))
	}
	return strings.Join(parts, ", ")
}

func interfaceNames(refs []nmstate.InterfaceRef) string {
	var names []string
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// moveNodes writes the marks that follow from the plan: one patch for each node, and none where nothing differs.
func (r *HostUplinkReconciler) moveNodes(ctx context.Context, s *uplinkScope) error {
	for _, m := range s.members {
		after, note := s.markFor(m)
		edit := s.edit(m, after)
		written, err := r.nodes.write(ctx, m.node, edit)
		if err != nil {
			return err
		}
		if written && note.reason != "" {
			r.tell(ctx, s, note.kind, note.reason, "%s", note.message)
		}
	}
	for _, node := range s.strays() {
		if _, err := r.nodes.write(ctx, node, s.strayEdit(node)); err != nil {
			return err
		}
	}
	return nil
}

// note is an event about a node.
type note struct{ kind, reason, message string }

func normal(reason, format string, args ...any) note {
	return note{corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...)}
}

// markFor gives the marks that the plan asks for on one node, or those that it has.
func (s *uplinkScope) markFor(m *member) (render.Marks, note) {
	name := m.node.Name
	if s.external() && m.marks.Held() != "" {
		return render.Marks{}, normal(v1alpha1.ReasonNodeMoved, "node %s is left to policy %s, with what is built there", name, s.uplink.Spec.ExternalPolicy)
	}
	for _, move := range s.plan.Moves {
		if move.Node == name {
			return s.markMove(m, move)
		}
	}
	for _, proof := range s.plan.Proofs {
		if proof.Node == name {
			return render.Marks{Revision: proof.Revision, Applied: proof.Revision, Repaired: m.marks.Repaired},
				normal(v1alpha1.ReasonNodeApplied, "node %s has %s", name, render.PolicyName(s.uplink.Name, proof.Revision))
		}
	}
	for _, retry := range s.plan.Retries {
		if retry.Node == name {
			return render.Marks{Renewing: retry.Revision}, normal(v1alpha1.ReasonNodeRetried, "node %s is asked to try again: %s", name, m.rollout.Message)
		}
	}
	for _, repair := range s.plan.Repairs {
		if repair.Node == name {
			return render.Marks{Renewing: repair.Revision, Repaired: s.now},
				normal(v1alpha1.ReasonNodeRepaired, "node %s is asked to carry out its revision once more: %s", name, driftText(m.drift))
		}
	}
	after := marksOf(m.node, s.uplink.Name)
	if !after.Repaired.IsZero() && len(m.drift) == 0 && m.rollout.Outcome == nmstate.OutcomeApplied && s.reached(after.Repaired.Add(s.calm)) {
		after.Repaired = time.Time{} // it has been well for long enough: the next drift is another one
	}
	return after, note{}
}

func (s *uplinkScope) markMove(m *member, move nmstate.Move) (render.Marks, note) {
	name := m.node.Name
	if move.To == "" {
		if rest := s.leftBehind(m); rest != "" {
			return render.Marks{}, note{corev1.EventTypeWarning, v1alpha1.ReasonNodeAbandoned,
				fmt.Sprintf("node %s was given up; if it still lives, these interfaces stay there: %s", name, rest)}
		}
		return render.Marks{}, normal(v1alpha1.ReasonNodeMoved, "node %s is taken off the uplink", name)
	}
	if p, exists := s.policies[move.To]; !exists || !p.intact {
		return marksOf(m.node, s.uplink.Name), note{} // the policy cannot be made yet
	}
	after := render.Marks{Revision: move.To, Since: s.now}
	switch {
	case m.rollout.Repair && move.To == m.rollout.Via:
		after.Repaired = s.now
		return after, normal(v1alpha1.ReasonNodeRepaired, "node %s is moved to %s, because it shows something else: %s", name, render.PolicyName(s.uplink.Name, move.To), driftText(m.drift))
	case move.To == m.marks.Renewing, len(m.had.Capture) > 0:
		after.Repaired = m.marks.Repaired
	}
	return after,
		normal(v1alpha1.ReasonNodeMoved, "node %s is moved to %s", name, render.PolicyName(s.uplink.Name, move.To))
}

// leftBehind names what an abandoned node may still have.
func (s *uplinkScope) leftBehind(m *member) string {
	if !m.abandoned {
		return ""
	}
	return interfaceNames(nmstate.Leftovers(s.without(m.had), nmstate.State{}, nmstate.Unproven))
}

// edit turns marks into a change of the node, with the labels by which machines find the networks: they are taken off in the
// same write that moves the node to a revision without the network.
func (s *uplinkScope) edit(m *member, after render.Marks) nodeEdit {
	var edit nodeEdit
	before := marksOf(m.node, s.uplink.Name)
	if after != before {
		edit.mark(s.uplink.Name, after)
	}
	s.labelNetworks(m, after, &edit)
	return edit
}

// deleteUnneeded deletes policies that no node is on, and none goes to.
func (r *HostUplinkReconciler) deleteUnneeded(ctx context.Context, s *uplinkScope) error {
	for _, hash := range slices.Sorted(maps.Keys(s.policies)) {
		p := s.policies[hash]
		if s.wanted(hash) || !p.object.DeletionTimestamp.IsZero() {
			continue
		}
		deleted, err := r.deletePolicy(ctx, p)
		if err != nil {
			return err
		}
		if deleted {
			r.tell(ctx, s, corev1.EventTypeNormal, v1alpha1.ReasonRevisionDeleted, "policy %s: no node needs it any more", p.object.Name)
		}
	}
	return nil
}

// tell reports a change of the world once as an event and once in the log.
func (r *HostUplinkReconciler) tell(ctx context.Context, s *uplinkScope, kind, reason, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	log.FromContext(ctx).Info("Rollout went on", "reason", reason, "change", message)
	r.Events.Eventf(s.uplink, nil, kind, reason, "Rollout", "%s", clip(message))
	if result, counted := enacted[reason]; counted {
		metrics.Enacted(s.uplink.Name, result, 1)
	}
}
