package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// settle decides who gets each address, the oldest Wukong first. A Wukong gets all of its addresses or none, so one that has
// to wait for an address, or for a HostNetwork, is in nobody's way.
func (p *planner) settle() {
	var idx conflicts.Index
	idx.Replace("nodes", p.nodeClaims())
	order := slices.Clone(p.wukongs)
	slices.SortStableFunc(order, func(a, b *planned) int {
		return cmp.Or(a.since.Compare(b.since), a.object.compare(b.object))
	})
	for _, w := range order {
		if w.held {
			continue
		}
		var claims []conflicts.Claim
		for i, n := range w.request.Networks {
			for _, a := range n.Addresses {
				if !w.choices[i].Chosen() {
					continue
				}
				claim := claimOf(w, i, a)
				p.collide(w, a, conflicts.Conflicts(claim, &idx))
				claim.Kind = conflicts.Lease
				claims = append(claims, claim)
			}
		}
		if !w.held {
			idx.Replace(w.object.String(), claims)
		}
	}
}

func claimOf(w *planned, network int, a Address) conflicts.Claim {
	return conflicts.Claim{Segment: w.choices[network].Segment.String(), Addr: a.Prefix.Addr(), Kind: conflicts.Request,
		Namespace: w.object.Namespace, Owner: fmt.Sprintf("%s network %s", w.object, w.request.Networks[network].Name), Since: w.since}
}

// collide reports what is in the way of an address, and holds the Wukong where that refuses it.
func (p *planner) collide(w *planned, a Address, found []conflicts.Conflict) {
	for _, c := range found {
		if c.Severity != conflicts.Refuses {
			p.find(w.object, SeverityWarning, Problem{Reason: v1alpha1.ReasonAddressConflict, Path: a.Path, Message: c.String()})
			continue
		}
		reason := v1alpha1.ReasonAddressConflict
		if c.Other.Kind == conflicts.Lease {
			reason = v1alpha1.ReasonAddressInUse
		}
		w.held = true
		p.find(w.object, SeverityError, Problem{Reason: reason, Path: a.Path, Message: c.String()})
	}
}

// nodeClaims are the addresses that nodes report, and those that the cluster knows them by. Where an interface leads is known
// from the uplinks; elsewhere it counts as every segment.
func (p *planner) nodeClaims() []conflicts.Claim {
	var out []conflicts.Claim
	for i := range p.in.NodeStates {
		state := &p.in.NodeStates[i]
		fabrics := p.fabricsOf(state.Name)
		for _, o := range state.Node.Observed() {
			if o.Relevance != nmstate.Counts {
				continue
			}
			segment := ""
			if s, ok := state.Node.SegmentOf(o.Interface, fabrics); ok {
				segment = ipam.Segment{Fabric: s.Fabric, VLAN: s.VLAN}.String()
			}
			out = append(out, conflicts.Claim{Segment: segment, Addr: o.Prefix.Addr(), Kind: conflicts.NodeInterface,
				Owner: "node " + state.Name, Evidence: fmt.Sprintf("interface %s of node %s", o.Interface, state.Name)})
		}
	}
	return append(out, p.nodeAddresses(out)...)
}

// nodeAddresses are the addresses in the status of nodes that no interface among the claims shows.
func (p *planner) nodeAddresses(shown []conflicts.Claim) []conflicts.Claim {
	var out []conflicts.Claim
	for i := range p.in.Nodes {
		n := &p.in.Nodes[i]
		owner := "node " + n.Name
		for _, a := range n.Status.Addresses {
			addr, err := netip.ParseAddr(a.Address)
			if err != nil || a.Type == corev1.NodeHostName {
				continue
			}
			if slices.ContainsFunc(shown, func(c conflicts.Claim) bool { return c.Owner == owner && c.Addr == addr }) {
				continue
			}
			out = append(out, conflicts.Claim{Addr: addr, Kind: conflicts.NodeAddress, Owner: owner, Evidence: "status.addresses of " + owner})
		}
	}
	return out
}

// pending reports the kinds that this version stores and does not act on.
func (p *planner) pending() {
	report := func(o Object, message string) {
		p.find(o, SeverityError, Problem{Reason: v1alpha1.ReasonNotSupportedYet, Message: message})
	}
	for i := range p.in.AddressPools {
		report(objectOf("AddressPool", &p.in.AddressPools[i]), "addresses are not taken from pools yet: give each Wukong an address")
	}
	for i := range p.in.AddressReservations {
		report(objectOf("AddressReservation", &p.in.AddressReservations[i]), "reserved addresses are not kept back yet: give none of them to a Wukong")
	}
}
