package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// settlement decides who gets which address.
type settlement struct {
	p     *planner
	index conflicts.Index
	// order has the oldest Wukong first, and those of one age by namespace and name.
	order []*asking
	// spaces give out addresses of pools, by segment.
	spaces map[ipam.Segment]*ipam.Space
	// holdings are the addresses that a cluster has leased, by who holds them, and leased are all of them by segment.
	holdings map[holding][]netip.Addr
	leased   map[string][]netip.Addr
	// counts has how many addresses a namespace has of each quota.
	counts map[quotaOf]int
	// winners are the owners of what somebody else was refused for, and exceeded the quotas that somebody was refused for.
	winners  map[string]bool
	exceeded map[quotaOf]bool
}

// holding is a network of a Wukong, with the pool that an address of it was taken from.
type holding struct{ owner, pool, segment string }

type quotaOf struct {
	Quota
	namespace string
}

// asking is a Wukong that asks for addresses, and what becomes of it in one round.
type asking struct {
	*planned
	// taken has its addresses by the paths of their fields.
	taken map[string]netip.Prefix
	// counts has how many of them count against each quota, and counted how many of those are in the counts of the settlement.
	counts, counted map[quotaOf]int
	// refused: it gets no address.
	refused bool
	// drained: it was refused one from a pool, and is not asked again.
	drained  bool
	findings []Finding
}

// settle decides who gets each address, the oldest Wukong first, and those that are named before those from pools: whoever names
// one can take no other. A Wukong gets all of its addresses or none, so one that has to wait for an address, or for a HostNetwork,
// is in nobody's way.
func (p *planner) settle() {
	s := &settlement{p: p}
	for _, w := range p.wukongs {
		if !w.held {
			s.order = append(s.order, &asking{planned: w})
		}
	}
	slices.SortStableFunc(s.order, func(a, b *asking) int {
		return cmp.Or(a.since.Compare(b.since), a.object.compare(b.object))
	})
	s.gather()
	for again := true; again; {
		again = s.round()
	}
	for _, w := range s.order {
		p.findings = append(p.findings, w.findings...)
		if w.held = w.refused; !w.held {
			p.grant(w)
		}
	}
}

// grant completes a request with the addresses that it got.
func (p *planner) grant(w *asking) {
	request, errs := p.pools.Grant(w.request, w.taken)
	if len(errs) == 0 {
		w.request = request
		return
	}
	w.held = true
	for _, e := range errs {
		p.find(w.object, SeverityError, Problem{Reason: v1alpha1.ReasonInvalidSpec, Path: e.Field, Message: e.ErrorBody()})
	}
}

// gather brings together what stands in the way of addresses beside other Wukongs.
func (s *settlement) gather() {
	in := &s.p.in
	for _, pool := range s.p.pools.All() {
		s.index.Replace(objectOf("AddressPool", pool.Object).String(), PoolClaims(pool))
	}
	for _, r := range s.p.reservations {
		s.index.Replace(objectOf("AddressReservation", r.Object).String(), r.Claims())
	}
	s.hold(in.Held)
	for i := range in.Services {
		s.index.Replace(objectOf("Service", &in.Services[i]).String(), ServiceClaims(&in.Services[i]))
	}
	states := map[string]*nmstate.NodeNetworkState{}
	for i := range in.NodeStates {
		states[in.NodeStates[i].Name] = &in.NodeStates[i]
	}
	for i := range in.Nodes {
		n := &in.Nodes[i]
		s.index.Replace("node "+n.Name, NodeClaims(s.p.catalog, n.Name, n, states[n.Name]))
		delete(states, n.Name)
	}
	for name, state := range states {
		s.index.Replace("node "+name, NodeClaims(s.p.catalog, name, nil, state))
	}
}

// round gives every Wukong its addresses. It says whether that has to be done again: one that names addresses and gets none from
// a pool gives up those that it names, and others may have gone without them.
func (s *settlement) round() bool {
	s.spaces, s.counts = map[ipam.Segment]*ipam.Space{}, map[quotaOf]int{}
	s.winners, s.exceeded = map[string]bool{}, map[quotaOf]bool{}
	for _, w := range s.order {
		s.index.Replace(w.object.String(), nil)
		if !w.drained {
			w.taken, w.counts, w.counted = map[string]netip.Prefix{}, map[quotaOf]int{}, map[quotaOf]int{}
			w.refused, w.findings = false, nil
		}
	}
	for _, w := range s.order {
		if !w.drained {
			s.name(w)
		}
	}
	for _, w := range s.order {
		if w.refused {
			continue
		}
		mattered := s.matters(w)
		if s.draw(w); !w.refused {
			continue
		}
		s.withdraw(w)
		if w.drained = true; mattered {
			return true
		}
	}
	return false
}

// withdraw takes back what a Wukong has.
func (s *settlement) withdraw(w *asking) {
	s.index.Replace(w.object.String(), nil)
	for of, n := range w.counted {
		s.counts[of] -= n
	}
}

// matters says whether another Wukong could have fared differently without what this one names: it was refused for it, could have
// got it from a pool, or was over a bound that this one shares.
func (s *settlement) matters(w *asking) bool {
	for i, n := range w.request.Networks {
		if s.winners[HolderName(w.object.Namespace, w.object.Name, n.Name)] {
			return true
		}
		for _, a := range n.Addresses {
			prefix, taken := w.taken[a.Path]
			if !taken {
				continue
			}
			if slices.ContainsFunc(s.p.pools.bySegment[w.choices[i].Segment], func(p *Pool) bool { return p.Config.Contains(prefix.Addr()) }) {
				return true
			}
		}
	}
	for of := range w.counted {
		if s.exceeded[of] {
			return true
		}
	}
	return false
}

// name leases the addresses that a Wukong names, and its MAC addresses.
func (s *settlement) name(w *asking) {
	for i := range w.request.Networks {
		n := &w.request.Networks[i]
		if !w.choices[i].Chosen() {
			continue
		}
		if claim, ok := s.macClaim(w, i); ok {
			s.collide(w, n.Path+".macAddress", conflicts.Conflicts(claim, &s.index))
		}
		for _, a := range n.Addresses {
			if a.Explicit() {
				s.collide(w, a.Path, conflicts.Conflicts(claimOf(w.planned, i, a.Prefix.Addr()), &s.index))
				s.take(w, i, a, a.Prefix)
			}
		}
	}
	s.lease(w)
}

// draw leases the addresses that a Wukong takes from pools.
func (s *settlement) draw(w *asking) {
	for i, n := range w.request.Networks {
		for _, a := range n.Addresses {
			if a.Explicit() || !w.choices[i].Chosen() {
				continue
			}
			pool, _ := s.p.pools.Pool(a.Pool) // Admit found it
			if addr, ok := s.choose(w, i, pool); ok {
				s.take(w, i, a, netip.PrefixFrom(addr, pool.Config.Subnet().Bits()))
				continue
			}
			s.refuse(w, v1alpha1.ReasonPoolExhausted, a.Path,
				"AddressPool %q has no free address: it gives out %s, and all are in use or kept back. Ask the platform team to add ranges, or name another pool", a.Pool, pool.Config.Size())
		}
	}
	s.lease(w)
}

// choose gives the next address of a pool for a network. One that it holds comes first, then one that is reserved for it.
func (s *settlement) choose(w *asking, network int, pool *Pool) (netip.Addr, bool) {
	space := s.space(pool.Segment)
	hops := w.request.NextHops()
	skip := func(a netip.Addr) bool {
		if slices.Contains(hops, a) || w.has(network, a) {
			return true
		}
		return refuses(conflicts.Conflicts(claimOf(w.planned, network, a), &s.index))
	}
	if a, ok := s.held(w, network, pool, skip); ok {
		return a, true
	}
	kept := s.p.pools.Kept(pool, s.p.reservations, w.object.Namespace, w.object.Name, w.request.Networks[network].Name)
	if !kept.Size().IsZero() {
		const reserved = "" // no AddressPool has this name
		space.Attach(reserved, kept)
		defer space.Detach(reserved)
		if a, ok := space.Choose(reserved, skip); ok {
			return a, true
		}
	}
	return space.Choose(pool.Object.Name, skip)
}

// hold takes the leases of a cluster into account.
func (s *settlement) hold(leases []v1alpha1.AddressLease) {
	s.holdings, s.leased = map[holding][]netip.Addr{}, map[string][]netip.Addr{}
	for i := range leases {
		l := &leases[i]
		claim, ok := LeaseClaim(l)
		if !ok {
			continue
		}
		s.index.Replace(objectOf("AddressLease", l).String(), []conflicts.Claim{claim})
		of := holding{claim.Owner, l.Spec.Pool, l.Spec.Segment}
		s.holdings[of] = append(s.holdings[of], claim.Addr)
		s.leased[l.Spec.Segment] = append(s.leased[l.Spec.Segment], claim.Addr)
	}
	for of := range s.holdings {
		slices.SortFunc(s.holdings[of], netip.Addr.Compare)
	}
}

// held gives the lowest address that a network holds of a pool and that it may still take.
func (s *settlement) held(w *asking, network int, pool *Pool, skip func(netip.Addr) bool) (netip.Addr, bool) {
	of := holding{HolderName(w.object.Namespace, w.object.Name, w.request.Networks[network].Name), pool.Object.Name, w.choices[network].Segment.String()}
	for _, a := range s.holdings[of] {
		if !skip(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// has says whether the Wukong has an address on the segment of one of its networks already.
func (w *asking) has(network int, addr netip.Addr) bool {
	for i, n := range w.request.Networks {
		if w.choices[i].Segment != w.choices[network].Segment {
			continue
		}
		if slices.ContainsFunc(n.Addresses, func(a Address) bool { return w.taken[a.Path].Addr() == addr }) {
			return true
		}
	}
	return false
}

// take gives an address to a Wukong, within what its namespace may have.
func (s *settlement) take(w *asking, network int, a Address, prefix netip.Prefix) {
	for _, q := range s.p.pools.Quotas(w.choices[network], a) {
		of := quotaOf{q, w.object.Namespace}
		if w.counts[of]++; s.counts[of]-w.counted[of]+w.counts[of] > q.Max {
			s.exceeded[of] = true
			s.refuse(w, v1alpha1.ReasonAddressQuotaExceeded, a.Path,
				"%s lets a namespace have %d of its addresses, and %q has as many: give one up, or ask the platform team to raise maxAddresses", q.Object, q.Max, w.object.Namespace)
		}
	}
	w.taken[a.Path] = prefix
}

// space gives the space of a segment, with its pools.
func (s *settlement) space(segment ipam.Segment) *ipam.Space {
	space, ok := s.spaces[segment]
	if !ok {
		space = &ipam.Space{}
		s.spaces[segment] = space
		for _, pool := range s.p.pools.bySegment[segment] {
			space.Attach(pool.Object.Name, s.p.pools.Offer(pool, s.p.reservations))
		}
		for _, a := range s.leased[segment.String()] {
			space.Set(a, ipam.Use{Phase: ipam.Allocated})
		}
	}
	return space
}

// lease makes what a Wukong took its own, unless it was refused.
func (s *settlement) lease(w *asking) {
	if w.refused {
		return
	}
	for of, n := range w.counts {
		s.counts[of] += n - w.counted[of]
		w.counted[of] = n
	}
	var claims []conflicts.Claim
	for i, n := range w.request.Networks {
		if claim, ok := s.macClaim(w, i); ok {
			claim.Kind = conflicts.Lease
			claims = append(claims, claim)
		}
		for _, a := range n.Addresses {
			prefix, ok := w.taken[a.Path]
			if !ok {
				continue
			}
			claim := claimOf(w.planned, i, prefix.Addr())
			claim.Kind = conflicts.Lease
			claims = append(claims, claim)
			s.space(w.choices[i].Segment).Set(prefix.Addr(), ipam.Use{Phase: ipam.Allocated})
		}
	}
	s.index.Replace(w.object.String(), claims)
}

func claimOf(w *planned, network int, addr netip.Addr) conflicts.Claim {
	return conflicts.Claim{Segment: w.choices[network].Segment.String(), Addr: addr, Kind: conflicts.Request, Namespace: w.object.Namespace,
		Owner: HolderName(w.object.Namespace, w.object.Name, w.request.Networks[network].Name), Since: w.since}
}

// macClaim is the MAC address of one network. That of somebody else's machine is known to its cluster alone, unless it is given.
func (s *settlement) macClaim(w *asking, network int) (conflicts.Claim, bool) {
	n := w.request.Networks[network]
	if !w.choices[network].Chosen() || w.request.Foreign && n.MAC == "" {
		return conflicts.Claim{}, false
	}
	claim := claimOf(w.planned, network, netip.Addr{})
	claim.MAC = macOf(w.request, n, Options{ClusterName: s.p.in.ClusterName})
	return claim, true
}

// collide reports what is in the way of an address or a MAC address, and refuses the Wukong where that does.
func (s *settlement) collide(w *asking, path string, found []conflicts.Conflict) {
	for _, c := range found {
		if c.Severity == conflicts.Refuses {
			s.winners[c.Other.Owner] = true
			s.refuse(w, reasonOf(c), path, "%s", c)
			continue
		}
		w.findings = append(w.findings, s.p.finding(w.object, SeverityWarning, Problem{Reason: reasonOf(c), Path: path, Message: c.String()}))
	}
}

func reasonOf(c conflicts.Conflict) string {
	switch {
	case c.Asker.MAC != "":
		return v1alpha1.ReasonMACConflict
	case c.Other.Kind == conflicts.Lease:
		return v1alpha1.ReasonAddressInUse
	case c.Other.Kind == conflicts.Reservation:
		return v1alpha1.ReasonAddressReserved
	case c.Other.Kind == conflicts.Excluded:
		return v1alpha1.ReasonAddressExcluded
	}
	return v1alpha1.ReasonAddressConflict
}

func refuses(found []conflicts.Conflict) bool {
	return slices.ContainsFunc(found, func(c conflicts.Conflict) bool { return c.Severity == conflicts.Refuses })
}

func (s *settlement) refuse(w *asking, reason, path, format string, args ...any) {
	w.refused = true
	w.findings = append(w.findings, s.p.finding(w.object, SeverityError, Problem{Reason: reason, Path: path, Message: fmt.Sprintf(format, args...)}))
}
