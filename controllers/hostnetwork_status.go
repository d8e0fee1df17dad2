package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// publish writes the status when it differs, with an event when Ready changed its reason.
func (r *HostNetworkReconciler) publish(ctx context.Context, s *hostNetworkScope) error {
	if s.before == nil {
		return nil
	}
	s.report()
	if wait := r.pace.keepCounts(s.before, s.network, s.now); wait > 0 {
		s.again(wait)
	}
	if err := patchStatus(ctx, r.Client, s.before, s.network); err != nil {
		return client.IgnoreNotFound(err)
	}
	announce(r.Events, s.network, s.before.Status.Conditions, s.network.Status.Conditions)
	return nil
}

// report fills the status from what the steps found.
func (s *hostNetworkScope) report() {
	status := &s.network.Status
	status.ObservedGeneration = s.network.Generation
	status.Segment = s.known.SegmentText()
	status.Bridge = s.known.Bridge
	status.Uplinks = nil
	status.EligibleNodes, status.ReadyNodes, status.NodesSummary, status.Problems = 0, 0, "", nil
	for _, u := range s.uplinks[:min(len(s.uplinks), maxUplinks)] {
		status.Uplinks = append(status.Uplinks, u.Name)
	}
	if status.Provisioned && len(s.uplinks) > 0 && !s.known.Observed() {
		for _, u := range s.uplinks {
			status.EligibleNodes += max(0, eligible(u.Status.Nodes))
		}
		status.ReadyNodes = s.ready
		status.NodesSummary = fmt.Sprintf("%d/%d", status.ReadyNodes, status.EligibleNodes)
		status.Problems = problemsOn(s.uplinks, s.drifts)
	}
	status.NotActedOn = s.known.Notices
	for _, w := range s.known.Warnings {
		status.NotActedOn = append(slices.Clone(status.NotActedOn), v1alpha1.FieldNotice{Field: w.Path, Message: w.Message})
	}
	setVerdict(&status.Conditions, s.network.Generation, networkVerdict(s))
}

// maxUplinks bounds the uplinks that a status names.
const maxUplinks = 64

// networkVerdict is the outcome of a reconcile of a HostNetwork.
func networkVerdict(s *hostNetworkScope) Verdict {
	status := s.network.Status
	deleted := !s.network.DeletionTimestamp.IsZero()
	switch {
	case deleted && len(s.users) > 0:
		return Verdict{Stalled, v1alpha1.ReasonInUse, fmt.Sprintf("is deleted once nobody uses it: %d use it, such as %s", len(s.users), strings.Join(status.UsedBy, ", "))}
	case s.known.Problem != nil && !deleted:
		return Verdict{Stalled, s.known.Problem.Reason, s.known.Problem.String()}
	case s.nmstateGone:
		return Verdict{Stalled, v1alpha1.ReasonNmstateMissing, "kubernetes-nmstate is not installed, so hosts cannot be configured: install it"}
	case !status.Provisioned && s.holders > 0:
		return Verdict{Working, v1alpha1.ReasonRemoving, fmt.Sprintf("%d nodes give the network back%s", s.holders, s.held())}
	case deleted:
		return Verdict{Working, v1alpha1.ReasonRemoving, "attachments are being deleted"}
	case len(s.uplinks) == 0:
		return s.withoutUplink()
	case s.known.Observed():
		return Verdict{Done, v1alpha1.ReasonApplied, "hosts get nothing for the network: somebody else makes its virtual functions"}
	case !status.Provisioned:
		return Verdict{Done, v1alpha1.ReasonNotInUse, "nobody uses the network, so hosts are not touched: it is built at first use"}
	}
	return provisionedVerdict(s)
}

// provisionedVerdict is the outcome for a network that hosts should have.
func provisionedVerdict(s *hostNetworkScope) Verdict {
	status := s.network.Status
	nodes := fmt.Sprintf("%d/%d nodes have the network", status.ReadyNodes, status.EligibleNodes)
	stuck := s.stuckUplink()
	switch {
	case !s.seenByUplinks() && stuck != nil:
		return *stuck
	case !s.seenByUplinks():
		return Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "waits for its HostUplinks"}
	case s.matching() == 0:
		return Verdict{Stalled, v1alpha1.ReasonNoMatchingNodes, fmt.Sprintf("HostUplink %s: nodeSelector matches no node", strings.Join(status.Uplinks, ", "))}
	case status.EligibleNodes == 0:
		return Verdict{Stalled, v1alpha1.ReasonNoEligibleNodes, "no node passes the checks" + s.first(v1alpha1.NodeLeftOut)}
	case len(s.drifts) > 0:
		return Verdict{Stalled, v1alpha1.ReasonNodeDrifted, fmt.Sprintf("%s: %s (%s)", s.drifts[0].Node, s.drifts[0].Message, nodes)}
	case status.ReadyNodes < status.EligibleNodes && stuck != nil:
		return *stuck
	case status.ReadyNodes < status.EligibleNodes:
		return Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, nodes}
	case s.leftOut() > 0:
		return Verdict{Done, v1alpha1.ReasonNodesLeftOut, fmt.Sprintf("%s; %d left out%s", nodes, s.leftOut(), s.first(v1alpha1.NodeLeftOut))}
	}
	return Verdict{Done, v1alpha1.ReasonApplied, nodes}
}

// withoutUplink says why no HostUplink serves the network.
func (s *hostNetworkScope) withoutUplink() Verdict {
	for _, u := range s.catalog.Uplinks() {
		if u.Object.Spec.PhysicalNetwork != s.network.Spec.PhysicalNetwork {
			continue
		}
		if p := s.whyNot(u); p != nil {
			return Verdict{Stalled, p.Reason, fmt.Sprintf("HostUplink %s: %s", u.Object.Name, p)}
		}
	}
	return Verdict{Stalled, v1alpha1.ReasonNoUplink, fmt.Sprintf("no HostUplink leads to physical network %q: declare one", s.network.Spec.PhysicalNetwork)}
}

func (s *hostNetworkScope) whyNot(u *render.Uplink) *render.Problem {
	if u.Problem != nil {
		return u.Problem
	}
	return s.catalog.Unserved(u.Object.Name, s.network.Name)
}

// seenByUplinks says whether the uplinks' counts are about what is declared now, with this network.
func (s *hostNetworkScope) seenByUplinks() bool {
	return !slices.ContainsFunc(s.uplinks, func(u *v1alpha1.HostUplink) bool {
		return u.Status.ObservedGeneration != u.Generation || !slices.Contains(u.Status.Networks, s.network.Name)
	})
}

func (s *hostNetworkScope) matching() int32 {
	var total int32
	for _, u := range s.uplinks {
		total += u.Status.Nodes.Matching
	}
	return total
}

func (s *hostNetworkScope) leftOut() int32 {
	var total int32
	for _, u := range s.uplinks {
		total += u.Status.Nodes.LeftOut
	}
	return total
}

// stuckUplink gives the verdict of the first uplink that needs a person.
func (s *hostNetworkScope) stuckUplink() *Verdict {
	for _, u := range s.uplinks {
		for _, c := range u.Status.Conditions {
			if c.Type == v1alpha1.ConditionStalled && !aboutOthers(c.Reason) {
				return &Verdict{Stalled, c.Reason, fmt.Sprintf("HostUplink %s: %s", u.Name, c.Message)}
			}
		}
	}
	return nil
}

// aboutOthers says whether an uplink is stalled for a reason that the network tells in its own words, or that is about another
// network.
func aboutOthers(reason string) bool {
	return reason == v1alpha1.ReasonNoMatchingNodes || reason == v1alpha1.ReasonNoEligibleNodes || reason == v1alpha1.ReasonNodeDrifted
}

// first names the first node of such a progress with its message.
func (s *hostNetworkScope) first(progress v1alpha1.NodeProgress) string {
	for _, p := range s.network.Status.Problems {
		if p.Progress == progress {
			return fmt.Sprintf(": %s: %s", p.Node, p.Message)
		}
	}
	return ""
}

// held says which uplink keeps nodes from giving the network back.
func (s *hostNetworkScope) held() string {
	for _, u := range s.catalog.Uplinks() {
		if u.Object.Spec.PhysicalNetwork != s.network.Spec.PhysicalNetwork {
			continue
		}
		for _, p := range u.Object.Status.Problems {
			if p.Progress != v1alpha1.NodeLeftOut && p.Progress != v1alpha1.NodeApplied {
				return fmt.Sprintf("; HostUplink %s: %s: %s", u.Object.Name, p.Node, p.Message)
			}
		}
	}
	return ""
}
