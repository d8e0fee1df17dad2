package render

import (
	"cmp"
	"fmt"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
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

// nodeClaims are what the nodes that are known claim.
func (p *planner) nodeClaims() []conflicts.Claim {
	var out []conflicts.Claim
	seen := map[string]bool{}
	for i := range p.in.NodeStates {
		state := &p.in.NodeStates[i]
		seen[state.Name] = true
		out = append(out, NodeClaims(p.catalog, state.Name, p.node(state.Name), state)...)
	}
	for i := range p.in.Nodes {
		if n := &p.in.Nodes[i]; !seen[n.Name] {
			out = append(out, NodeClaims(p.catalog, n.Name, n, nil)...)
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
