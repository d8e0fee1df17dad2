package ipam

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"
)

// Use is what is known about one address of a segment.
type Use struct {
	// Phase is that of the address's lease; empty for an address that was never used.
	Phase Phase
	// Since is when it entered the phase.
	Since time.Time
}

// Space knows which addresses of one segment are in use, and gives out addresses of the pools that are attached to it. Its
// memory follows the number of addresses that were used, not the size of pools. The zero Space is an empty one. It is not
// safe for concurrent use.
//
// A Space is a hint that makes choosing fast: what it gives is taken only once the lease could be created. What it answers
// depends on the pools and uses that it was told last, not on the order in which it was told them.
//
// An IPv4 address in IPv6 form counts as the IPv4 address, and a zone is passed over.
type Space struct {
	uses  map[u128]use
	known bitmap // the addresses that have a use
	taken bitmap // those of them that are not free
	free  int    // how many uses are Released
	pools []*attached
}

// attached is what a pool gives out, with what is counted of these addresses.
type attached struct {
	name     string
	given    []span
	size     Count
	phases   [phaseCount]int
	released queue
	// fresh is the lowest address of the pool that was never used, while there is one.
	fresh    u128
	hasFresh bool
}

// Attach makes Space give out addresses of p under a name. Attaching again under the same name replaces the pool. The cost
// follows the number of used addresses, unless the pool is the same as before.
func (s *Space) Attach(pool string, p Pool) {
	i, found := s.find(pool)
	if found && slices.Equal(s.pools[i].given, p.given) {
		return
	}
	a := &attached{name: pool, given: p.given, size: p.Size()}
	for x, u := range s.uses {
		if covers(p.given, x) {
			a.phases[u.phase]++
			if u.phase == phaseReleased {
				a.released.add(released{u.seconds, u.nanos, x})
			}
		}
	}
	a.fresh, a.hasFresh = s.nextFresh(p.given, u128{})
	if found {
		s.pools[i] = a
	} else {
		s.pools = slices.Insert(s.pools, i, a)
	}
}

// Detach forgets a pool. The uses of its addresses stay.
func (s *Space) Detach(pool string) {
	if i, found := s.find(pool); found {
		s.pools = slices.Delete(s.pools, i, i+1)
	}
}

// Set says what is known about an address from now on; a Use without a phase forgets it. A phase that this package does not
// know keeps the address as Allocated does.
func (s *Space) Set(a netip.Addr, u Use) {
	if !a.IsValid() {
		return
	}
	x, after := keyOf(a), useOf(u)
	before := s.uses[x]
	if before == after {
		return
	}
	s.record(x, before, after)
	for _, p := range s.pools {
		if covers(p.given, x) {
			s.count(p, x, before, after)
		}
	}
}

// record keeps the use of one address.
func (s *Space) record(x u128, before, after use) {
	if s.uses == nil {
		s.uses = map[u128]use{}
	}
	if after.phase == phaseNone {
		delete(s.uses, x)
		s.known.remove(x)
	} else {
		s.uses[x] = after
		if before.phase == phaseNone {
			s.known.add(x)
		}
	}
	if before.free() && !after.free() {
		s.taken.add(x)
	}
	if !before.free() && after.free() {
		s.taken.remove(x)
	}
	s.free += after.isReleased() - before.isReleased()
}

// count keeps what is known about a pool after the use of one of its addresses was recorded.
func (s *Space) count(p *attached, x u128, before, after use) {
	p.phases[before.phase]--
	p.phases[after.phase]++
	if before.phase == phaseReleased {
		p.released.remove(released{before.seconds, before.nanos, x})
	}
	if after.phase == phaseReleased {
		p.released.add(released{after.seconds, after.nanos, x})
	}
	switch {
	case after.phase == phaseNone && (!p.hasFresh || x.less(p.fresh)):
		p.fresh, p.hasFresh = x, true
	case after.phase != phaseNone && p.hasFresh && x == p.fresh:
		p.fresh, p.hasFresh = s.nextFresh(p.given, x.next())
	}
}

// nextFresh gives the lowest never-used address of a pool from x on.
func (s *Space) nextFresh(given []span, x u128) (u128, bool) {
	for _, sp := range given[from(given, x):] {
		if x.less(sp.first) {
			x = sp.first
		}
		if y, ok := s.known.nextOutside(x, sp.last); ok {
			return y, true
		}
	}
	return u128{}, false
}

// Use gives what Set was told last, with the time in UTC.
func (s *Space) Use(a netip.Addr) Use {
	if !a.IsValid() {
		return Use{}
	}
	return s.uses[keyOf(a)].public()
}

// Len is how many addresses are not free, those outside of pools included.
func (s *Space) Len() int {
	return len(s.uses) - s.free
}

// maxSkipped is how many addresses a search passes over for its caller: all of a /16. Larger ranges that cannot be used
// are taken from the pool instead; see Pool.Without.
const maxSkipped = 1 << 16

// Choose gives the next address of the pool: the lowest one that was never used, else the one that was released longest
// ago. skip, which may be nil, passes over addresses that the caller cannot use. ok is false when there is none, and when
// more than 65,536 were skipped. It changes nothing and allocates nothing; when skip is nil, its cost does not depend on
// how full the pool is.
func (s *Space) Choose(pool string, skip func(netip.Addr) bool) (a netip.Addr, ok bool) {
	i, found := s.find(pool)
	if !found {
		return netip.Addr{}, false
	}
	p := s.pools[i]
	left := maxSkipped
	for x, ok := p.fresh, p.hasFresh; ok && left >= 0; x, ok = s.nextFresh(p.given, x.next()) {
		if a := addrOf(x); skip == nil || !skip(a) {
			return a, true
		}
		left--
	}
	for _, block := range p.released.blocks {
		for _, r := range block {
			if left < 0 {
				return netip.Addr{}, false
			}
			if a := addrOf(r.addr); skip == nil || !skip(a) {
				return a, true
			}
			left--
		}
	}
	return netip.Addr{}, false
}

// Counts are how many addresses of a pool are in each phase.
type Counts struct {
	Allocated, Releasing, Cooling, Reserved, Released int
}

// Counts gives those of the addresses that the pool may give out; none for a pool that is not attached. They are kept as
// the uses change.
func (s *Space) Counts(pool string) Counts {
	i, found := s.find(pool)
	if !found {
		return Counts{}
	}
	n := s.pools[i].phases
	return Counts{Allocated: n[phaseAllocated], Releasing: n[phaseReleasing], Cooling: n[phaseCooling], Reserved: n[phaseReserved],
		Released: n[phaseReleased]}
}

// FreeIn is how many addresses of the pool are not in use: those never used, and those Released.
func (s *Space) FreeIn(pool string) Count {
	i, found := s.find(pool)
	if !found {
		return Count{}
	}
	n := s.pools[i].phases
	return s.pools[i].size.Sub(CountOf(uint64(n[phaseAllocated] + n[phaseReleasing] + n[phaseCooling] + n[phaseReserved])))
}

// Next gives the first address of the prefix behind after, going on at its beginning, that is neither in use nor reserved in
// its subnet nor skipped; after itself comes never. It is what to suggest to somebody whose choice is taken, and knows
// nothing of pools. It gives up as Choose does.
func (s *Space) Next(in netip.Prefix, after netip.Addr, skip func(netip.Addr) bool) (netip.Addr, bool) {
	if !in.IsValid() {
		return netip.Addr{}, false
	}
	whole := span{keyOf(in.Masked().Addr()), keyOf(netipx.PrefixLastIP(in))}
	left := maxSkipped
	if !in.Contains(after) {
		return s.suggest(whole, in, skip, &left)
	}
	x := keyOf(after)
	if a, ok := s.suggest(span{x.next(), whole.last}, in, skip, &left); ok {
		return a, true
	}
	return s.suggest(span{whole.first, x.sub(u128{lo: 1})}, in, skip, &left)
}

// suggest gives the first address of the span that may be suggested. The span may be empty, its end before its beginning. The
// very first and last numbers, which have no neighbours, are addresses of no machine.
func (s *Space) suggest(within span, in netip.Prefix, skip func(netip.Addr) bool, left *int) (netip.Addr, bool) {
	for x, ok := s.taken.nextOutside(within.first, within.last); ok && *left >= 0; x, ok = s.taken.nextOutside(x.next(), within.last) {
		a := addrOf(x)
		if reservedInSubnet(netip.PrefixFrom(a, in.Bits())) == "" && unusable(a) == "" && (skip == nil || !skip(a)) {
			return a, true
		}
		*left--
	}
	return netip.Addr{}, false
}

// find gives the place of a pool among those attached, which are in order of their names.
func (s *Space) find(pool string) (int, bool) {
	return slices.BinarySearchFunc(s.pools, pool, func(p *attached, name string) int { return cmp.Compare(p.name, name) })
}
