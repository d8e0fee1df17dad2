package render

import (
	"fmt"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// PipelinesNode is a node that an External uplink selects, or still has marks on, and what is known of the policy there.
type PipelinesNode struct {
	Name   string
	Ready  bool
	Labels map[string]string
	// Report is what the node reports; the zero value where it reports nothing.
	Report nmstate.Node
	// Rival keeps the uplink from the node; nil for none.
	Rival *Rival
	// Policy is nil where there is no policy of a pipeline. Selected says that it selects the node.
	Policy   *v1alpha1.PolicyVersion
	Selected bool
	// Outcome and Message are those of the policy's enactment on the node.
	Outcome nmstate.Outcome
	Message string
}

// ProgressOf puts where a node stands with the policy of a pipeline into the words of a rollout. The target is what the networks in
// use need; whether a node that carried the policy out shows that is not looked at here.
func (u *Uplink) ProgressOf(target *Revision, n PipelinesNode) nmstate.NodeProgress {
	out := nmstate.NodeProgress{Name: n.Name}
	policy := u.Object.Spec.ExternalPolicy
	switch outcome := n.Outcome; {
	case n.Rival != nil:
		out.Progress, out.Reason, out.Message = nmstate.ProgressLeftOut, n.Rival.Refusal().Reason, n.Rival.Refusal().Message
	case n.Policy == nil:
		out.Progress, out.Reason = nmstate.ProgressLeftOut, v1alpha1.ReasonExternalPolicyMissing
		out.Message = fmt.Sprintf("there is no policy %q of a pipeline: have the pipeline apply it", policy)
	case !n.Selected:
		out.Progress, out.Reason = nmstate.ProgressLeftOut, v1alpha1.ReasonNodeNotSelected
		out.Message = fmt.Sprintf("policy %q does not select the node: widen its nodeSelector, or narrow that of the HostUplink", policy)
	case outcome.Failed():
		out.Progress, out.Reason, out.Message = nmstate.ProgressFailing, string(outcome), n.Message
	case outcome == nmstate.OutcomeRetrying:
		out.Progress, out.Message = nmstate.ProgressRetrying, n.Message
	case outcome == nmstate.OutcomeApplied, u.appliesAgain(target, n):
		out.Progress = nmstate.ProgressApplied
	case outcome == nmstate.OutcomeWaiting:
		out.Progress, out.Reason, out.Message = nmstate.ProgressWaiting, nmstate.NodeQueued, "kubernetes-nmstate holds the node back, by the policy's maxUnavailable"
	case !n.Ready:
		out.Progress, out.Reason, out.Message = nmstate.ProgressUnknown, nmstate.NodeNotReady, "the node is not ready"
	case outcome == nmstate.OutcomeMissing:
		out.Progress, out.Reason, out.Message = nmstate.ProgressUnknown, nmstate.NodeEnactmentLost, "the policy selects the node and has no enactment there: check that a handler of kubernetes-nmstate runs on the node"
	default:
		out.Progress = nmstate.ProgressApplying
	}
	return out
}

// appliesAgain says whether the handler carries the policy out once more on a node that is proved to have it: handlers up to v0.87
// of kubernetes-nmstate do that whenever a label of the node changes, those that machines find networks by included. The proof is
// that every node was seen to have carried out this version of the policy. A node that the uplink got since then shows by the labels
// of the networks that it has carried it out, too; and all nodes have to report what the target says.
func (u *Uplink) appliesAgain(target *Revision, n PipelinesNode) bool {
	proven := u.Object.Status.ProvenPolicy
	again := n.Outcome == nmstate.OutcomeApplying || n.Outcome == nmstate.OutcomeWaiting
	if !again || target == nil || proven == nil || *proven != *n.Policy || !n.Report.Known() {
		return false
	}
	for _, network := range target.Networks {
		if n.Labels[v1alpha1.NetworkLabelPrefix+network] != v1alpha1.NetworkLabelValue {
			return false
		}
	}
	return len(nmstate.Differences(target.State, n.Report)) == 0
}
