package conflicts

import (
	"net/netip"
	"slices"
)

// entry is a claim as an Index keeps it. Most claims of a source differ in address and evidence alone, so they share the
// rest. A known address costs about 110 bytes beside the words of its evidence: 64 for this, 36 in the table, and 8 in its
// source. A claim that shares nothing, such as a lease with its holder, costs 208 more. BenchmarkMemory measures, with all
// words, 148 for an interface of a node and 457 for a lease that is a source of its own.
type entry struct {
	common   *Claim // the claim without the fields below; never changed
	addr     [16]byte
	evidence string
	record   string
	next     *entry // another one on the same address and segment
}

// entryOf shares the common part of claims by means of a map that the caller keeps, or shares nothing where that is nil.
func entryOf(c Claim, shared map[Claim]*Claim) *entry {
	e := &entry{addr: c.Addr.As16(), evidence: c.Evidence, record: c.Record}
	c.Addr, c.Evidence, c.Record = netip.Addr{}, "", ""
	if e.common = shared[c]; e.common != nil {
		return e
	}
	e.common = new(c)
	if shared != nil {
		shared[c] = e.common
	}
	return e
}

// commons gathers the common parts of entries, for new ones to share.
func commons(entries []*entry) map[Claim]*Claim {
	out := map[Claim]*Claim{}
	var last *Claim
	for _, e := range entries {
		if e.common != last {
			last = e.common
			out[*last] = last
		}
	}
	return out
}

func (e *entry) claim() Claim {
	c := *e.common
	c.Evidence, c.Record = e.evidence, e.record
	if c.MAC == "" {
		c.Addr = netip.AddrFrom16(e.addr).Unmap()
	}
	return c
}

// table finds entries by segment, and there by what they are on.
type table map[string]*segment

// segment has the entries of one segment, or those whose segment is not known.
type segment struct {
	addrs  map[[16]byte]*entry // single addresses; IPv4 in the form of IPv6, which no other address has in a normal claim
	macs   map[string]*entry
	ranges spans
}

func (t table) add(entries []*entry) {
	var touched []*segment
	for _, e := range entries {
		s := t[e.common.Segment]
		if s == nil {
			s = &segment{addrs: map[[16]byte]*entry{}, macs: map[string]*entry{}}
			t[e.common.Segment] = s
		}
		switch {
		case e.common.MAC != "":
			e.next, s.macs[e.common.MAC] = s.macs[e.common.MAC], e
		case !e.common.Last.IsValid():
			e.next, s.addrs[e.addr] = s.addrs[e.addr], e
		default:
			s.ranges = append(s.ranges, span{first: e.claim().Addr, last: e.common.Last, entry: e})
			if !slices.Contains(touched, s) {
				touched = append(touched, s)
			}
		}
	}
	for _, s := range touched {
		s.ranges.settle()
	}
}

func (t table) remove(entries []*entry) {
	gone := map[*segment]map[*entry]bool{} // of ranges
	for _, e := range entries {
		s := t[e.common.Segment]
		switch {
		case e.common.MAC != "":
			unchain(s.macs, e.common.MAC, e)
		case !e.common.Last.IsValid():
			unchain(s.addrs, e.addr, e)
		case gone[s] == nil:
			gone[s] = map[*entry]bool{e: true}
		default:
			gone[s][e] = true
		}
	}
	for s, ranges := range gone {
		s.ranges = slices.DeleteFunc(s.ranges, func(r span) bool { return ranges[r.entry] })
		s.ranges.settle()
	}
	for _, e := range entries {
		if s := t[e.common.Segment]; s != nil && len(s.addrs)+len(s.macs)+len(s.ranges) == 0 {
			delete(t, e.common.Segment)
		}
	}
}

// unchain takes an entry out of the chain of a key.
func unchain[K comparable](chains map[K]*entry, key K, gone *entry) {
	if chains[key] != gone {
		e := chains[key]
		for e.next != gone {
			e = e.next
		}
		e.next = gone.next
	} else if gone.next != nil {
		chains[key] = gone.next
	} else {
		delete(chains, key)
	}
	gone.next = nil
}

// meeting appends the entries that meet the probe, in no particular order.
func (t table) meeting(probe *Claim, out []*entry) []*entry {
	if probe.Segment != "" {
		return t[probe.Segment].meeting(probe, t[""].meeting(probe, out))
	}
	for _, s := range t {
		out = s.meeting(probe, out)
	}
	return out
}

func (s *segment) meeting(probe *Claim, out []*entry) []*entry {
	switch {
	case s == nil:
		return out
	case probe.MAC != "":
		return chained(s.macs[probe.MAC], out)
	case probe.Last.IsValid():
		out = s.within(probe, out)
	default:
		out = chained(s.addrs[probe.Addr.As16()], out)
	}
	return s.ranges.meeting(probe, out)
}

func chained(e *entry, out []*entry) []*entry {
	for ; e != nil; e = e.next {
		out = append(out, e)
	}
	return out
}

// within appends the entries on single addresses of a range: address by address, or, where the range is longer than what
// is known, by a walk through what is known.
func (s *segment) within(probe *Claim, out []*entry) []*entry {
	before, addr := len(out), probe.Addr
	for range s.addrs {
		out = chained(s.addrs[addr.As16()], out)
		if addr == probe.Last {
			return out
		}
		addr = addr.Next()
	}
	out = out[:before]
	for key, e := range s.addrs {
		if addr := netip.AddrFrom16(key).Unmap(); !addr.Less(probe.Addr) && !probe.Last.Less(addr) {
			out = chained(e, out)
		}
	}
	return out
}

// spans are ranges, sorted by their first address. They are an interval tree without pointers: the root of a slice is its
// middle, and its subtrees are the parts before and after it.
type spans []span

type span struct {
	first, last netip.Addr
	max         netip.Addr // the highest last address in the subtree
	entry       *entry
}

// settle makes the tree searchable after a change.
func (s spans) settle() {
	slices.SortFunc(s, func(a, b span) int { return a.first.Compare(b.first) })
	s.raise()
}

// raise computes max in the whole tree, and gives that of the root.
func (s spans) raise() netip.Addr {
	if len(s) == 0 {
		return netip.Addr{}
	}
	mid := len(s) / 2
	s[mid].max = s[mid].last
	for _, below := range []netip.Addr{s[:mid].raise(), s[mid+1:].raise()} {
		if s[mid].max.Less(below) {
			s[mid].max = below
		}
	}
	return s[mid].max
}

// meeting appends the entries of the ranges that share an address with the probe. The cost is logarithmic for each.
func (s spans) meeting(probe *Claim, out []*entry) []*entry {
	if len(s) == 0 {
		return out
	}
	mid := len(s) / 2
	if s[mid].max.Less(probe.Addr) {
		return out
	}
	out = s[:mid].meeting(probe, out)
	if probe.end().Less(s[mid].first) {
		return out
	}
	if !s[mid].last.Less(probe.Addr) {
		out = append(out, s[mid].entry)
	}
	return s[mid+1:].meeting(probe, out)
}
