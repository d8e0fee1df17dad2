package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// asked finds a request by its owner, which is one network of one Wukong.
type asked struct {
	wukong  *planned
	network int
}

// settle decides who gets each address. Whoever does not is told, and its network is lost.
func (p *planner) settle() {
	claims, owners := p.requests()
	claims = append(claims, p.nodeClaims()...)
	claims = append(claims, p.poolClaims()...)
	claims = append(claims, p.reservationClaims(claims)...)
	for _, c := range conflicts.FindAll(claims) {
		who, found := owners[c.Asker.Owner]
		if !found {
			continue
		}
		path := who.wukong.request.Networks[who.network].pathOf(c.Asker.Addr)
		if c.Severity != conflicts.Refuses {
			p.find(who.wukong.object, SeverityWarning, Problem{Reason: v1alpha1.ReasonAddressConflict, Path: path, Message: c.String()})
			continue
		}
		reason := v1alpha1.ReasonAddressInUse
		if c.Other.Kind != conflicts.Request {
			reason = v1alpha1.ReasonAddressConflict
		}
		who.wukong.lost.Insert(who.network)
		p.find(who.wukong.object, SeverityError, Problem{Reason: reason, Path: path, Message: c.String()})
	}
}

// requests are the addresses that Wukongs ask for on a segment that is known.
func (p *planner) requests() ([]conflicts.Claim, map[string]asked) {
	var out []conflicts.Claim
	owners := map[string]asked{}
	for _, w := range p.wukongs {
		since := p.since(w)
		for i, n := range w.request.Networks {
			if !w.choices[i].Chosen() {
				continue
			}
			owner := fmt.Sprintf("%s network %s", w.object, n.Name)
			owners[owner] = asked{wukong: w, network: i}
			for _, a := range n.Addresses {
				out = append(out, conflicts.Claim{Segment: w.choices[i].Segment.String(), Addr: a.Prefix.Addr(), Kind: conflicts.Request,
					Namespace: w.object.Namespace, Owner: owner, Since: since})
			}
		}
	}
	return out, owners
}

func (n Network) pathOf(addr netip.Addr) string {
	for _, a := range n.Addresses {
		if a.Prefix.Addr() == addr {
			return a.Path
		}
	}
	return n.Path
}

// nodeClaims are the addresses that nodes report. Where an interface leads is known from the uplinks; elsewhere it counts
// as every segment.
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
	return out
}

// poolClaims are the gateways and DNS servers of pools.
func (p *planner) poolClaims() []conflicts.Claim {
	var out []conflicts.Claim
	for i := range p.in.AddressPools {
		pool := &p.in.AddressPools[i]
		claim := conflicts.Claim{Segment: p.catalog.segmentOf(pool.Spec.Segment), Owner: "AddressPool " + pool.Name}
		if pool.Spec.Gateway != nil {
			out = appendClaim(out, claim, conflicts.Gateway, string(*pool.Spec.Gateway))
		}
		for _, server := range pool.Spec.DNSServers {
			out = appendClaim(out, claim, conflicts.DNSServer, string(server))
		}
	}
	return out
}

func appendClaim(out []conflicts.Claim, claim conflicts.Claim, kind conflicts.Kind, text string) []conflicts.Claim {
	addr, err := ipam.ParseIP(text)
	if err != nil {
		return out
	}
	claim.Addr, claim.Kind = addr, kind
	return append(out, claim)
}

func (c *Catalog) segmentOf(s v1alpha1.Segment) string {
	out := ipam.Segment{Fabric: string(s.PhysicalNetwork), VLAN: c.native[string(s.PhysicalNetwork)]}
	if s.VLAN != nil {
		out.VLAN = int(*s.VLAN)
	}
	return out.String()
}

// reservationClaims are reservations of the addresses that are asked for. A reserved range is never enumerated.
func (p *planner) reservationClaims(requests []conflicts.Claim) []conflicts.Claim {
	var out []conflicts.Claim
	for i := range p.in.AddressReservations {
		r := &p.in.AddressReservations[i]
		segment := p.catalog.segmentOf(r.Spec.Segment)
		for _, c := range requests {
			if c.Kind != conflicts.Request || c.Segment != segment || !covers(r.Spec.Addresses, c.Addr) || waitsFor(r.Spec.For, c.Owner) {
				continue
			}
			out = append(out, conflicts.Claim{Segment: segment, Addr: c.Addr, Kind: conflicts.Reservation,
				Owner: "AddressReservation " + r.Name, Evidence: r.Spec.Reason})
		}
	}
	return out
}

// covers says whether one of the ranges has the address. One that cannot be read covers nothing.
func covers(ranges []v1alpha1.AddressRange, addr netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(text v1alpha1.AddressRange) bool {
		if a, err := netip.ParseAddr(string(text)); err == nil {
			return a == addr
		}
		if prefix, err := netip.ParsePrefix(string(text)); err == nil {
			return prefix.Contains(addr)
		}
		r, err := netipx.ParseIPRange(string(text))
		return err == nil && r.Contains(addr)
	})
}

// waitsFor says whether a reservation is kept for the owner of a claim.
func waitsFor(holder *v1alpha1.ReservedFor, owner string) bool {
	if holder == nil {
		return false
	}
	wukong := Object{Kind: "Wukong", Namespace: holder.Namespace, Name: holder.Name}.String()
	if holder.Network == "" {
		return strings.HasPrefix(owner, wukong+" network ")
	}
	return owner == wukong+" network "+holder.Network
}
