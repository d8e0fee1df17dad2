package conflicts

import (
	"net/netip"
	"slices"
	"strings"
)

// entry is a claim as an Index keeps it. Most claims of a source differ in their address and evidence alone, so they share
// the rest: the 200 addresses of a node cost 64 bytes each beside the words of their evidence, and not 200.
type entry struct {
	common   *Claim // without the fields below; never changed
	addr     netip.Addr
	evidence string
	record   string
}

func (e *entry) claim() Claim {
	c := *e.common
	c.Addr, c.Evidence, c.Record = e.addr, e.evidence, e.record
	return c
}

// newEntry takes the common part from shared where it is there, and puts it there where it is not.
func newEntry(c Claim, shared map[Claim]*Claim) *entry {
	e := &entry{addr: c.Addr, evidence: c.Evidence, record: c.Record}
	c.Addr, c.Evidence, c.Record = netip.Addr{}, "", ""
	common, ok := shared[c]
	if !ok {
		common = new(c)
		shared[c] = common
	}
	e.common = common
	return e
}

// wholeEntry shares nothing: its common part is the whole claim.
func wholeEntry(c *Claim) *entry {
	return &entry{common: c, addr: c.Addr, evidence: c.Evidence, record: c.Record}
}

// commons gathers the common parts of entries, for new ones to share.
func commons(lists ...[]*entry) map[Claim]*Claim {
	out := map[Claim]*Claim{}
	var last *Claim
	for _, list := range lists {
		for _, e := range list {
			if e.common != last {
				last = e.common
				out[*last] = last
			}
		}
	}
	return out
}

// table finds entries by what they are on. The zero value is empty.
type table struct {
	addrs  map[netip.Addr][]*entry // on one address, sorted by segment and age
	macs   map[string][]*entry     // on one MAC address, sorted likewise
	ranges map[string]spans        // by segment
}

func (t *table) add(entries []*entry) {
	if t.addrs == nil {
		t.addrs, t.macs, t.ranges = map[netip.Addr][]*entry{}, map[string][]*entry{}, map[string]spans{}
	}
	var touched []string
	for _, e := range entries {
		switch segment := e.common.Segment; {
		case e.common.MAC != "":
			t.macs[e.common.MAC] = insert(t.macs[e.common.MAC], e)
		case !e.common.Last.IsValid():
			t.addrs[e.addr] = insert(t.addrs[e.addr], e)
		default:
			t.ranges[segment] = append(t.ranges[segment], span{first: e.addr, last: e.common.Last, entry: e})
			touched = append(touched, segment)
		}
	}
	t.settle(touched)
}

func (t *table) remove(entries []*entry) {
	var touched []string
	gone := map[*entry]bool{}
	for _, e := range entries {
		switch {
		case e.common.MAC != "":
			removeFrom(t.macs, e.common.MAC, e)
		case !e.common.Last.IsValid():
			removeFrom(t.addrs, e.addr, e)
		default:
			gone[e] = true
			touched = append(touched, e.common.Segment)
		}
	}
	slices.Sort(touched)
	touched = slices.Compact(touched)
	for _, segment := range touched {
		t.ranges[segment] = slices.DeleteFunc(t.ranges[segment], func(s span) bool { return gone[s.entry] })
	}
	t.settle(touched)
}

// settle makes the ranges of segments searchable again.
func (t *table) settle(segments []string) {
	slices.Sort(segments)
	for _, segment := range slices.Compact(segments) {
		ranges := t.ranges[segment]
		if len(ranges) == 0 {
			delete(t.ranges, segment)
			continue
		}
		slices.SortFunc(ranges, func(a, b span) int { return a.first.Compare(b.first) })
		ranges.settle()
	}
}

func insert(list []*entry, e *entry) []*entry {
	c := e.claim()
	at, _ := slices.BinarySearchFunc(list, c, func(l *entry, c Claim) int {
		if order := strings.Compare(l.common.Segment, c.Segment); order != 0 {
			return order
		}
		return byAge(l.claim(), c)
	})
	return slices.Insert(list, at, e)
}

func removeFrom[K comparable](lists map[K][]*entry, key K, e *entry) {
	list := lists[key]
	if at := slices.Index(list, e); at >= 0 {
		list = slices.Delete(list, at, at+1)
	}
	if len(list) == 0 {
		delete(lists, key)
		return
	}
	lists[key] = list
}

// meeting appends the entries that meet the probe, in no particular order.
func (t *table) meeting(probe *Claim, out []*entry) []*entry {
	switch {
	case probe.MAC != "":
		return onSegment(t.macs[probe.MAC], probe.Segment, out)
	case probe.Last.IsValid():
		out = t.within(probe, out)
	default:
		out = onSegment(t.addrs[probe.Addr], probe.Segment, out)
	}
	if probe.Segment == "" {
		for _, ranges := range t.ranges {
			out = ranges.meeting(probe, out)
		}
		return out
	}
	return t.ranges[probe.Segment].meeting(probe, t.ranges[""].meeting(probe, out))
}

// within appends the entries on single addresses of a range: address by address, or, where the range is longer than what
// is known, by a walk through what is known.
func (t *table) within(probe *Claim, out []*entry) []*entry {
	before, addr := len(out), probe.Addr
	for range t.addrs {
		out = onSegment(t.addrs[addr], probe.Segment, out)
		if addr == probe.Last {
			return out
		}
		addr = addr.Next()
	}
	out = out[:before]
	for addr, list := range t.addrs {
		if probe.Addr.Compare(addr) <= 0 && addr.Compare(probe.Last) <= 0 {
			out = onSegment(list, probe.Segment, out)
		}
	}
	return out
}

// onSegment appends those of a sorted list that are on the segment or may be.
func onSegment(list []*entry, segment string, out []*entry) []*entry {
	if segment == "" {
		return append(out, list...)
	}
	return append(append(out, run(list, "")...), run(list, segment)...)
}

// run gives the part of a sorted list that bears exactly this segment.
func run(list []*entry, segment string) []*entry {
	from, _ := slices.BinarySearchFunc(list, segment, func(e *entry, s string) int { return strings.Compare(e.common.Segment, s) })
	to := from
	for to < len(list) && list[to].common.Segment == segment {
		to++
	}
	return list[from:to]
}

// spans are the ranges of one segment, sorted by their first address. They are an interval tree without pointers: the root
// of a slice is its middle, and its subtrees are the halves beside it.
type spans []span

type span struct {
	first, last netip.Addr
	max         netip.Addr // the highest last address in the subtree
	entry       *entry
}

// settle computes max in the whole tree and gives that of the root. The cost is linear.
func (s spans) settle() netip.Addr {
	if len(s) == 0 {
		return netip.Addr{}
	}
	mid := len(s) / 2
	s[mid].max = s[mid].last
	for _, below := range []netip.Addr{s[:mid].settle(), s[mid+1:].settle()} {
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
