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
	sources map[string][]*Claim     // sorted by address and age; each source owns its claims
	byAddr  map[netip.Addr][]*Claim // of all sources, sorted by age
}

// Replace puts claims in the place of everything that the source said before; no claims remove the source. Claims without
// a valid address are left out. It gives the addresses of which a claim came or went, in order: nothing for a source that
// repeats itself. The cost grows with the claims of this source, not with the index.
func (x *Index) Replace(source string, claims []Claim) []netip.Addr {
	fresh := canonical(claims)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sources == nil {
		x.sources, x.byAddr = map[string][]*Claim{}, map[netip.Addr][]*Claim{}
	}
	kept, came, went := merge(x.sources[source], fresh)
	if len(kept) == 0 {
		delete(x.sources, source)
	} else {
		x.sources[source] = kept
	}
	for _, c := range went {
		x.remove(c)
	}
	for _, c := range came {
		x.add(c)
	}
	return addresses(came, went)
}

// merge compares two sorted lists. now repeats the claims of fresh, by the pointers of old where old has them.
func merge(old []*Claim, fresh []Claim) (now, came, went []*Claim) {
	now = make([]*Claim, 0, len(fresh))
	for _, f := range fresh {
		for len(old) > 0 && byAddress(*old[0], f) < 0 {
			went, old = append(went, old[0]), old[1:]
		}
		if len(old) > 0 && *old[0] == f {
			now, old = append(now, old[0]), old[1:]
			continue
		}
		c := new(f)
		now, came = append(now, c), append(came, c)
	}
	return now, came, append(went, old...)
}

func (x *Index) add(c *Claim) {
	list := x.byAddr[c.Addr]
	at, _ := slices.BinarySearchFunc(list, c, func(a, b *Claim) int { return byAge(*a, *b) })
	x.byAddr[c.Addr] = slices.Insert(list, at, c)
}

func (x *Index) remove(c *Claim) {
	list := slices.DeleteFunc(x.byAddr[c.Addr], func(l *Claim) bool { return l == c })
	if len(list) == 0 {
		delete(x.byAddr, c.Addr)
		return
	}
	x.byAddr[c.Addr] = list
}

// addresses gives the addresses of claims, sorted, each once.
func addresses(lists ...[]*Claim) []netip.Addr {
	var out []netip.Addr
	for _, c := range slices.Concat(lists...) {
		out = append(out, c.Addr)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// Find gives the claims on an address that are on the segment or may be, oldest first, each once. An empty segment gives
// all claims on the address.
func (x *Index) Find(segment string, addr netip.Addr) []Claim {
	probe, ok := Claim{Segment: segment, Addr: addr}.normal()
	if !ok {
		return nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := x.byAddr[probe.Addr]
	if len(list) == 0 {
		return nil
	}
	out := make([]Claim, 0, len(list))
	for _, c := range list {
		if c.meets(probe) && (len(out) == 0 || out[len(out)-1] != *c) {
			out = append(out, *c)
		}
	}
	return out
}

// Len is the number of addresses that somebody claims.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byAddr)
}
