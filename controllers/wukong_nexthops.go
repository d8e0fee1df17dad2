package controllers

import (
	"net/netip"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
)

// maxNextHops bounds how many gateways and DNS servers a status has of one network.
const maxNextHops = 128

// lookAround notes, for the gateways and DNS servers of each network, whether nodes use them on its segment.
func (r *WukongReconciler) lookAround(s *wukongScope) {
	for _, n := range s.networks {
		if !n.choice.Chosen() || !n.Static() {
			continue
		}
		add := func(addr netip.Addr, role v1alpha1.NextHopRole) {
			st := v1alpha1.NextHopStatus{Address: addr.String(), Role: role, Seen: v1alpha1.NextHopUnknown}
			same := func(o v1alpha1.NextHopStatus) bool { return o.Address == st.Address && o.Role == st.Role }
			if !addr.IsValid() || len(n.nextHops) == maxNextHops || slices.ContainsFunc(n.nextHops, same) {
				return
			}
			if r.ledger.seen(n.choice.Segment.String(), addr, role) {
				st.Seen = v1alpha1.NextHopObserved
			}
			n.nextHops = append(n.nextHops, st)
		}
		for _, a := range n.Addresses {
			add(a.Gateway, v1alpha1.RoleGateway)
		}
		for _, route := range n.Routes {
			if route.To.Bits() == 0 {
				add(route.Via, v1alpha1.RoleGateway)
			}
		}
		for _, server := range n.DNS {
			add(server, v1alpha1.RoleDNSServer)
		}
	}
}

// seen says whether a node uses an address as a gateway on the segment, or asks it as a DNS server. A server need not be on
// the segment.
func (l *ledger) seen(segment string, addr netip.Addr, role v1alpha1.NextHopRole) bool {
	return slices.ContainsFunc(l.claims.Find(segment, addr), func(c conflicts.Claim) bool {
		switch {
		case !strings.HasPrefix(c.Owner, nodeOwner):
			return false
		case role == v1alpha1.RoleGateway:
			return c.Kind == conflicts.Gateway && c.Segment == segment
		}
		return c.Kind == conflicts.DNSServer
	})
}

// nodeOwner begins the owner of every claim that a node makes.
const nodeOwner = "node "

// flipped says whether an address has become the next hop or resolver of a first node, or is no longer that of any.
func (l *ledger) flipped(addr netip.Addr) bool {
	used := slices.ContainsFunc(l.claims.Find("", addr), func(c conflicts.Claim) bool {
		return strings.HasPrefix(c.Owner, nodeOwner) && (c.Kind == conflicts.Gateway || c.Kind == conflicts.DNSServer)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.nextHops[addr]
	if used {
		l.nextHops[addr] = true
	} else {
		delete(l.nextHops, addr)
	}
	return before != used
}
