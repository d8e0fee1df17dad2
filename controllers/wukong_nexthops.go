package controllers

import (
	"net/netip"
	"slices"

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
			if r.ledger.uses(nextHop{n.choice.Segment.String(), addr, role}) {
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

// nextHop is an address that nodes use as a gateway on a segment, or ask as a DNS server. A server need not be on the segment.
type nextHop struct {
	segment string
	addr    netip.Addr
	role    v1alpha1.NextHopRole
}

// uses says whether a node of the cluster uses the next hop.
func (l *ledger) uses(h nextHop) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users[h.anywhere()] > 0
}

// anywhere leaves out the segment of a DNS server.
func (h nextHop) anywhere() nextHop {
	if h.role == v1alpha1.RoleDNSServer {
		h.segment = ""
	}
	return h
}

// nextHopsOf gives what a node uses, each once.
func nextHopsOf(claims []conflicts.Claim) []nextHop {
	var out []nextHop
	for _, c := range claims {
		h := nextHop{c.Segment, c.Addr, v1alpha1.RoleGateway}
		switch c.Kind {
		case conflicts.Gateway:
		case conflicts.DNSServer:
			h.role = v1alpha1.RoleDNSServer
		default:
			continue
		}
		if h = h.anywhere(); !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// replaceNode puts what a node claims in the place of what it claimed before, and tells whom it concerns. Who is interested in a
// next hop hears of the first node that uses it and of the last one that no longer does, not of all between.
func (l *ledger) replaceNode(name string, claims []conflicts.Claim) {
	now := nextHopsOf(claims)
	l.mu.Lock()
	before := l.nextHops[name]
	var turned []netip.Addr
	for _, h := range now {
		if l.users[h]++; l.users[h] == 1 && !slices.Contains(before, h) {
			turned = append(turned, h.addr)
		}
	}
	for _, h := range before {
		if l.users[h]--; l.users[h] == 0 {
			delete(l.users, h)
			turned = append(turned, h.addr)
		}
	}
	if l.nextHops[name] = now; len(claims) == 0 {
		delete(l.nextHops, name)
	}
	hear := l.listeners.nextHops
	l.mu.Unlock()
	l.replace("Node/"+name, claims)
	for _, addr := range turned {
		for _, f := range hear {
			f(addr)
		}
	}
}

// claimants are the nodes that claim anything.
func (l *ledger) claimants() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]bool{}
	for name := range l.nextHops {
		out[name] = true
	}
	return out
}
