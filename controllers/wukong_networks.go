package controllers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// networkStatuses has one entry per network of the spec, in its order. An address appears only with its lease.
func networkStatuses(s *wukongScope) []v1alpha1.WukongNetworkStatus {
	var out []v1alpha1.WukongNetworkStatus
	for _, n := range s.networks {
		st := v1alpha1.WukongNetworkStatus{Name: n.Name, Primary: n.Primary}
		if n.refusal != nil {
			st.Reason, st.Message = n.refusal.Reason, n.refusal.Message
			st.CandidateUplinks = n.candidates
		}
		if n.choice.Chosen() {
			st.HostNetwork, st.Segment, st.Bridge, st.NADName = n.choice.HostNetwork, n.choice.Segment.String(), n.choice.Bridge, n.choice.NADName
			st.Interface, st.MACAddress = n.Interface, n.mac
		}
		if n.host != nil {
			st.Nodes = n.host.Status.NodesSummary
		}
		addressStatuses(n, &st)
		if n.trouble != nil {
			st.Reason, st.Message = n.trouble.Reason, n.trouble.Message
		}
		st.NextHops = n.nextHops
		out = append(out, st)
	}
	return out
}

func addressStatuses(n *networkScope, st *v1alpha1.WukongNetworkStatus) {
	leased := 0
	for _, t := range n.slots {
		if t.lease == nil {
			continue
		}
		leased++
		prefix := netip.PrefixFrom(netip.MustParseAddr(t.lease.Spec.Address), int(t.lease.Spec.PrefixLength))
		since := t.lease.Spec.Since
		st.Addresses = append(st.Addresses, v1alpha1.WukongAddressStatus{Address: prefix.String(), Lease: t.lease.Name, Pool: t.lease.Spec.Pool, Since: &since})
	}
	st.Addresses = append(st.Addresses, n.kept...)
	if len(st.Addresses) > 0 {
		st.IPAddress, _, _ = strings.Cut(st.Addresses[0].Address, "/")
		st.IPAllocatedTime = st.Addresses[0].Since
	}
	st.IPAllocated = n.Static() && leased == len(n.Addresses)
}

func dashboardStatuses(networks []v1alpha1.WukongNetworkStatus) []v1alpha1.DashboardNetworkStatus {
	var out []v1alpha1.DashboardNetworkStatus
	for _, n := range networks {
		out = append(out, v1alpha1.DashboardNetworkStatus{Name: n.Name, Interface: n.Interface, IPAddress: n.IPAddress, MACAddress: n.MACAddress})
	}
	return out
}

func leasedAddresses(s *wukongScope) []string {
	var out []string
	for _, n := range s.wukong.Status.Networks {
		for _, a := range n.Addresses {
			out = append(out, a.Address)
		}
	}
	return out
}

// nodesSummary is that of the network that the fewest nodes have.
func nodesSummary(s *wukongScope) string {
	var least *v1alpha1.HostNetwork
	for _, n := range s.networks {
		if n.host != nil && (least == nil || n.host.Status.ReadyNodes < least.Status.ReadyNodes) {
			least = n.host
		}
	}
	if least == nil {
		return ""
	}
	return least.Status.NodesSummary
}

// setNodeNetworkReady answers: do the hosts have the networks? The node of the machine counts, or any eligible node while
// the machine has none.
func setNodeNetworkReady(s *wukongScope) Verdict {
	v := Verdict{State: Done, Reason: v1alpha1.ReasonNodeNetworkReady, Message: "the hosts have every network"}
	if !slices.ContainsFunc(s.networks, func(n *networkScope) bool { return n.Served() }) {
		v = Verdict{State: Done, Reason: v1alpha1.ReasonNoNetworks, Message: "no network of the Wukong needs anything on hosts"}
	}
	for _, n := range s.networks {
		if !n.Served() {
			continue
		}
		if got := hostVerdict(s, n); got.State != Done && (v.State == Done || got.State == Stalled) {
			v = got
		}
	}
	status := metav1.ConditionTrue
	if v.State != Done {
		status = metav1.ConditionFalse
	}
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionNodeNetworkReady, status, v.Reason, v.Message)
	return v
}

func hostVerdict(s *wukongScope, n *networkScope) Verdict {
	if n.host == nil {
		return Verdict{State: Working, Reason: v1alpha1.ReasonNodeNetworkProgressing, Message: fmt.Sprintf("network %s has no HostNetwork yet", n.Name)}
	}
	st := n.host.Status
	switch {
	case n.choice.Observed:
		return Verdict{State: Done} // hosts get nothing for it
	case st.ObservedGeneration != n.host.Generation || !st.Provisioned:
		return Verdict{State: Working, Reason: v1alpha1.ReasonNodeNetworkProgressing, Message: fmt.Sprintf("HostNetwork %s is about to be built on hosts", n.host.Name)}
	case s.node != nil:
		return nodeVerdict(s, n)
	case st.ReadyNodes > 0:
		return Verdict{State: Done}
	}
	if stalled := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionStalled); stalled != nil {
		return Verdict{State: Stalled, Reason: stalled.Reason, Message: fmt.Sprintf("HostNetwork %s: %s", n.host.Name, stalled.Message)}
	}
	return Verdict{State: Working, Reason: v1alpha1.ReasonNodeNetworkProgressing, Message: fmt.Sprintf("no node has HostNetwork %s yet", n.host.Name)}
}

// nodeVerdict is about the node that the machine runs on.
func nodeVerdict(s *wukongScope, n *networkScope) Verdict {
	for _, p := range n.host.Status.Problems {
		// A node that has the revision and would not get it today has the network all the same, and so has one that drifted and
		// kept the label, since machines can use the network there.
		kept := p.Progress == v1alpha1.NodeApplied && (p.Reason != v1alpha1.ReasonNodeDrifted || networkLabelled(s.node, n.host.Name))
		if p.Node == s.node.Name && p.Progress != v1alpha1.NodeApplying && !kept {
			return Verdict{State: Stalled, Reason: v1alpha1.ReasonNodeNetworkDegraded,
				Message: fmt.Sprintf("%s, where the machine runs, does not have HostNetwork %s: %s", s.node.Name, n.host.Name, p.Message)}
		}
	}
	if networkLabelled(s.node, n.host.Name) && proven(s, n) {
		return Verdict{State: Done}
	}
	return Verdict{State: Working, Reason: v1alpha1.ReasonNodeNotConfigured,
		Message: fmt.Sprintf("%s, where the machine runs, does not have HostNetwork %s yet", s.node.Name, n.host.Name)}
}

// proven says whether the revision that the node is on is the one that its enactment proved, for an uplink of the network. Where
// somebody else builds the network, its label is the proof.
func proven(s *wukongScope, n *networkScope) bool {
	if known, ok := s.offer.catalog.HostNetwork(n.host.Name); ok && known.Observed() {
		return true
	}
	return slices.ContainsFunc(s.offer.catalog.UplinksOf(n.host), func(u *v1alpha1.HostUplink) bool {
		if u.Spec.Management == v1alpha1.ManagementExternal {
			return selects(u, s.node)
		}
		revision := s.node.Labels[v1alpha1.UplinkLabelPrefix+u.Name]
		return revision != "" && revision == s.node.Annotations[v1alpha1.AppliedAnnotationPrefix+u.Name]
	})
}

func hostWorking(n *v1alpha1.HostNetwork) bool {
	return meta.IsStatusConditionTrue(n.Status.Conditions, v1alpha1.ConditionReconciling)
}
