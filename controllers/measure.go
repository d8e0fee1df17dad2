package controllers

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers/metrics"
)

// measure counts what the status that was just written says for the first time.
func (r *WukongReconciler) measure(s *wukongScope) {
	r.stopwatch.Saw(metrics.Look{Key: client.ObjectKeyFromObject(s.wukong), UID: s.wukong.UID, Generation: s.wukong.Generation,
		Observed: s.before.Status.ObservedGeneration, Created: s.wukong.CreationTimestamp.Time, Now: s.now,
		Ready: meta.IsStatusConditionTrue(s.wukong.Status.Conditions, v1alpha1.ConditionReady)})
	for _, n := range s.networks {
		if n.trouble != nil && !n.leased() && !s.saidBefore(n) {
			metrics.Refused(n.poolOfTrouble(), n.trouble.Reason)
		}
	}
}

// saidBefore says whether the status gave the reason of the network's trouble before.
func (s *wukongScope) saidBefore(n *networkScope) bool {
	return slices.ContainsFunc(s.before.Status.Networks, func(st v1alpha1.WukongNetworkStatus) bool {
		return st.Name == n.Name && st.Reason == n.trouble.Reason
	})
}

// poolOfTrouble is the pool of the first address that the network does not have. It is empty for an address that the Wukong
// names, and for a pool that does not exist: what a tenant writes is no label.
func (n *networkScope) poolOfTrouble() string {
	for _, t := range n.slots {
		if t.lease == nil && t.pool != nil {
			return t.pool.Object.Name
		}
	}
	return ""
}

// enacted is how an event about a node counts.
var enacted = map[string]string{
	v1alpha1.ReasonNodeApplied: metrics.Applied, v1alpha1.ReasonNodeRetried: metrics.Retried, v1alpha1.ReasonNodeRepaired: metrics.Repaired,
}

// newlyFailing counts the nodes that gave up since the status was written last, among those that a status names.
func newlyFailing(before, after []v1alpha1.NodeProblem) int {
	count := 0
	for _, p := range after {
		failed := func(b v1alpha1.NodeProblem) bool { return b.Node == p.Node && b.Progress == p.Progress }
		if p.Progress == v1alpha1.NodeFailing && !slices.ContainsFunc(before, failed) {
			count++
		}
	}
	return count
}
