package controllers

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// claimMACs says what is in the way of the MAC address of each network, and claims those that nothing refuses, so that of two
// Wukongs that come with one MAC address at the same time only one gets it. Nobody who has it already loses it.
func (r *WukongReconciler) claimMACs(s *wukongScope, held map[string]*v1alpha1.AddressLease) {
	l := r.ledger
	l.macs.Lock()
	defer l.macs.Unlock()
	var claims []conflicts.Claim
	for _, n := range s.networks {
		if n.mac == "" || !n.choice.Chosen() {
			continue
		}
		asker := r.asker(s, n)
		asker.MAC = n.mac
		if hasMAC(s, n, held) {
			asker.Kind = conflicts.Lease
		}
		if n.macConflicts = conflicts.Conflicts(asker, &l.claims); !refused(n.macConflicts) {
			asker.Kind = conflicts.Lease
			claims = append(claims, asker)
		}
	}
	l.replace(macSource(client.ObjectKeyFromObject(s.wukong)), claims)
}

// hasMAC says whether the network has its MAC address already: one of its leases says so or, where it has no addresses to lease,
// the status.
func hasMAC(s *wukongScope, n *networkScope, held map[string]*v1alpha1.AddressLease) bool {
	for _, l := range held {
		if h := l.Spec.Holder; h != nil && h.UID == s.wukong.UID && h.Network == n.Name && l.Spec.MAC == n.mac &&
			l.Spec.Phase == v1alpha1.LeaseAllocated && l.Spec.Segment == n.choice.Segment.String() {
			return true
		}
	}
	for _, c := range macClaims(s.before) {
		if !n.Static() && c.MAC == n.mac && c.Segment == n.choice.Segment.String() && c.Owner == render.HolderName(s.wukong.Namespace, s.wukong.Name, n.Name) {
			return true
		}
	}
	return false
}

// releaseMACs drops the MAC addresses of a Wukong that is gone.
func (l *ledger) releaseMACs(key types.NamespacedName) { l.replace(macSource(key), nil) }

func macSource(key types.NamespacedName) string { return "MAC/" + key.String() }

// leaseMAC takes in the MAC address of the machine that has, or may still have, the address of a lease.
func (l *ledger) leaseMAC(o *v1alpha1.AddressLease) {
	var claims []conflicts.Claim
	if claim, ok := render.LeaseMACClaim(o); ok {
		claims = append(claims, claim)
	}
	l.replace(leaseSource(o.Name), claims)
}

func leaseSource(name string) string { return "AddressLease/" + name }
