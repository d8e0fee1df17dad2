package conflicts

import (
	"net/netip"
	"slices"
	"sync"
)

// Index holds claims by address, so that who has an address is known without a scan. Claims come from sources, such as
// one node's NodeNetworkState, and are replaced source by source. The zero value is empty and ready for use; it must not
// be copied once used, and is safe for use by several goroutines.
type Index struct {
	mu      sync.RWMutex
	sources map[string][]*entry // sorted by what they are on and by age; each source owns its entries
	table   table               // of all sources
}

// Changes are the places at which a Replace changed something, each list sorted and without repetition.
type Changes struct {
	// Addrs are single addresses of which a claim came or went.
	Addrs []netip.Addr
	// MACs are MAC addresses of which a claim came or went.
	MACs []string
	// Ranges are the claims on ranges that came or went. One that changed is there as it was and as it is.
	Ranges []Claim
}

// Empty says that nothing changed.
func (c Changes) Empty() bool {
	return len(c.Addrs) == 0 && len(c.MACs) == 0 && len(c.Ranges) == 0
}

// Replace puts claims in the place of everything that the source said before; no claims remove the source. Claims that are
// on nothing valid (no address, a range that ends before it begins, a MAC address that is none) are left out. It tells
// where a claim came or went: nowhere for a source that repeats itself. The cost grows with the claims of this source, not
// with the index; only where ranges come or go, it grows with the ranges of their segments.
func (x *Index) Replace(source string, claims []Claim) Changes {
	fresh := ordered(claims)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sources == nil {
		x.sources, x.table = map[string][]*entry{}, table{}
	}
	kept, came, went := merge(x.sources[source], fresh)
	if len(kept) == 0 {
		delete(x.sources, source)
	} else {
		x.sources[source] = kept
	}
	x.table.remove(went)
	x.table.add(came)
	return changes(came, went)
}

// merge compares two sorted lists. now repeats the claims of fresh, by the entries of old where old has them.
func merge(old []*entry, fresh []*Claim) (now, came, went []*entry) {
	now = make([]*entry, 0, len(fresh))
	var shared map[Claim]*Claim
	rest := old
	for _, claim := range fresh {
		order := 1 // of the next old entry against the fresh claim
		for ; len(rest) > 0; rest = rest[1:] {
			c := rest[0].claim()
			if order = byAddress(&c, claim); order >= 0 {
				break
			}
			went = append(went, rest[0])
		}
		if len(rest) > 0 && order == 0 {
			now, rest = append(now, rest[0]), rest[1:]
			continue
		}
		if shared == nil {
			shared = commons(old)
		}
		e := entryOf(*claim, shared)
		now, came = append(now, e), append(came, e)
	}
	return now, came, append(went, rest...)
}

func changes(lists ...[]*entry) Changes {
	var c Changes
	for _, e := range slices.Concat(lists...) {
		switch claim := e.claim(); {
		case claim.MAC != "":
			c.MACs = append(c.MACs, claim.MAC)
		case claim.Last.IsValid():
			c.Ranges = append(c.Ranges, claim)
		default:
			c.Addrs = append(c.Addrs, claim.Addr)
		}
	}
	slices.SortFunc(c.Addrs, netip.Addr.Compare)
	slices.SortFunc(c.Ranges, func(a, b Claim) int { return byAddress(&a, &b) })
	slices.Sort(c.MACs)
	c.Addrs, c.Ranges, c.MACs = slices.Compact(c.Addrs), slices.Compact(c.Ranges), slices.Compact(c.MACs)
	return c
}

// Find gives the claims on an address that are on the segment or may be, oldest first, each once: those on the address
// alone and those on a range that covers it. An empty segment gives all claims on the address.
func (x *Index) Find(segment string, addr netip.Addr) []Claim {
	return x.find(Claim{Segment: segment, Addr: addr})
}

// FindMAC gives the claims on a MAC address that are on the segment or may be, as Find does for an address.
func (x *Index) FindMAC(segment, mac string) []Claim {
	return x.find(Claim{Segment: segment, MAC: mac})
}

func (x *Index) find(probe Claim) []Claim {
	probe, ok := probe.normal()
	if !ok {
		return nil
	}
	var buffer [8]*entry
	x.mu.RLock()
	defer x.mu.RUnlock()
	found := x.table.meeting(&probe, buffer[:0])
	if len(found) == 0 {
		return nil
	}
	out := make([]Claim, 0, len(found))
	for _, e := range found {
		out = append(out, e.claim())
	}
	slices.SortFunc(out, func(a, b Claim) int { return byAge(&a, &b) })
	return slices.Compact(out)
}

// Len is the number of single addresses that somebody claims, each counted on every segment on which it is claimed. Ranges
// and MAC addresses are not counted.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := 0
	for _, s := range x.table {
		n += len(s.addrs)
	}
	return n
}
