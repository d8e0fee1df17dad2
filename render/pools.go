package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// Pool is an AddressPool with what is known about it beside the catalog.
type Pool struct {
	Object *v1alpha1.AddressPool
	// Config is what may be given out. It is the zero value when subnet, ranges or exclude cannot be read.
	Config ipam.Pool
	// Segment is the canonical one: a native VLAN of the fabric makes its untagged frames that VLAN.
	Segment ipam.Segment
	// Gateway, DNS, Search and Routes are what requests inherit. Gateway is the zero value when the pool has none.
	Gateway netip.Addr
	DNS     []netip.Addr
	Search  []string
	Routes  []Route
	// Problem is nil when addresses can be taken.
	Problem *Problem
	// Warnings are about what does not keep addresses from being taken.
	Warnings []Problem

	// subnet and exclude are what could be read of them, also when there is a problem elsewhere.
	subnet  netip.Prefix
	exclude []netipx.IPRange
}

// Pools are the AddressPools on offer, checked once, with everything that depends on several of them decided. It does not
// depend on the order of its input, and is not changed after it was made.
type Pools struct {
	catalog *Catalog
	byName  map[string]*Pool
	// byAge has the oldest first, by creation time and then by name, and bySegment those of one segment likewise.
	byAge     []*Pool
	bySegment map[ipam.Segment][]*Pool
}

// NewPools checks pools. The objects are kept, not copied.
func NewPools(c *Catalog, pools []v1alpha1.AddressPool) *Pools {
	p := &Pools{catalog: c, byName: map[string]*Pool{}, bySegment: map[ipam.Segment][]*Pool{}}
	for i := range pools {
		pool := newPool(c, &pools[i])
		p.byName[pool.Object.Name] = pool
		p.byAge = append(p.byAge, pool)
	}
	slices.SortFunc(p.byAge, func(a, b *Pool) int { return byAge(a.Object, b.Object) })
	for _, pool := range p.byAge {
		p.bySegment[pool.Segment] = append(p.bySegment[pool.Segment], pool)
	}
	p.warn()
	return p
}

// All gives the pools by name.
func (p *Pools) All() []*Pool {
	out := slices.Clone(p.byAge)
	slices.SortFunc(out, func(a, b *Pool) int { return strings.Compare(a.Object.Name, b.Object.Name) })
	return out
}

// Pool gives the pool of that name.
func (p *Pools) Pool(name string) (*Pool, bool) {
	pool, ok := p.byName[name]
	return pool, ok
}

// Covering gives the usable pools of a segment whose subnet covers an address, the oldest first.
func (p *Pools) Covering(s ipam.Segment, a netip.Addr) []*Pool {
	var out []*Pool
	for _, pool := range p.bySegment[s] {
		if pool.Problem == nil && pool.subnet.Contains(a) {
			out = append(out, pool)
		}
	}
	return out
}

// Open says whether a namespace may use the pool, given that it may use a network on the segment.
func (p *Pool) Open(ns NamespaceInfo) bool {
	return p.Object.Spec.AllowedNamespaces == nil || lists(p.Object.Spec.AllowedNamespaces, ns)
}

// served says of a segment whether a usable HostNetwork leads to it.
func (c *Catalog) served() func(ipam.Segment) bool {
	segments, trunks := map[ipam.Segment]bool{}, []*HostNetwork{}
	for _, n := range c.networksByAge {
		switch {
		case n.Problem != nil:
		case n.Trunk():
			trunks = append(trunks, n)
		default:
			segments[n.Segment] = true
		}
	}
	return func(s ipam.Segment) bool {
		return segments[s] || slices.ContainsFunc(trunks, func(n *HostNetwork) bool { return n.On(s) })
	}
}

// warn tells of what several pools, or a pool and the catalog, say together. Of two pools the younger is told.
func (p *Pools) warn() {
	served := p.catalog.served()
	for _, pool := range p.byAge {
		if pool.Problem == nil && !served(pool.Segment) {
			pool.Warnings = append(pool.Warnings, Problem{Reason: v1alpha1.ReasonHostNetworkNotFound, Path: "spec.segment",
				Message: fmt.Sprintf("no HostNetwork serves segment %s, so nobody can use the addresses yet: declare one, or correct the segment", pool.Segment)})
		}
	}
	for _, s := range nested(p.byAge) {
		slices.SortFunc(s.older, func(a, b *Pool) int { return byAge(a.Object, b.Object) })
		s.pool.Warnings = append(s.pool.Warnings, overlaps(s.pool, s.older)...)
	}
}

// overlapping is a pool, and the older ones whose subnets overlap with its own.
type overlapping struct {
	pool  *Pool
	older []*Pool
}

// nested finds overlapping subnets. Of two prefixes that overlap one contains the other, so in the order of addresses, wider
// ones first, those that contain a prefix are the open ones on a stack: the cost follows the number of overlaps.
func nested(byAge []*Pool) []overlapping {
	age, order := map[*Pool]int{}, []*Pool{}
	for i, pool := range byAge {
		age[pool] = i
		if pool.Problem == nil {
			order = append(order, pool)
		}
	}
	slices.SortFunc(order, func(a, b *Pool) int {
		return cmp.Or(a.subnet.Addr().Compare(b.subnet.Addr()), cmp.Compare(a.subnet.Bits(), b.subnet.Bits()), cmp.Compare(age[a], age[b]))
	})
	older := map[*Pool][]*Pool{}
	var open []*Pool
	for _, pool := range order {
		for len(open) > 0 && !open[len(open)-1].subnet.Overlaps(pool.subnet) {
			open = open[:len(open)-1]
		}
		for _, o := range open {
			if age[o] < age[pool] {
				older[pool] = append(older[pool], o)
			} else {
				older[o] = append(older[o], pool)
			}
		}
		open = append(open, pool)
	}
	var out []overlapping
	for _, pool := range byAge {
		if len(older[pool]) > 0 {
			out = append(out, overlapping{pool, older[pool]})
		}
	}
	return out
}

// overlaps tells a pool of the oldest one with which it overlaps in each way.
func overlaps(pool *Pool, older []*Pool) []Problem {
	var out []Problem
	told := map[string]bool{}
	tell := func(reason, path, format string, args ...any) {
		if !told[reason] {
			told[reason] = true
			out = append(out, Problem{Reason: reason, Path: path, Message: fmt.Sprintf(format, args...)})
		}
	}
	for _, o := range older {
		name := o.Object.Name
		switch {
		case o.Segment != pool.Segment:
			tell(v1alpha1.ReasonSubnetOnTwoSegments, "spec.subnet",
				"%s is on segment %s here, and AddressPool %q, which is older, has %s on segment %s: correct one of them, unless the two networks are kept apart on purpose",
				pool.subnet, pool.Segment, name, o.subnet, o.Segment)
		case o.Config.Overlaps(pool.Config):
			tell(v1alpha1.ReasonPoolOverlap, "spec.ranges",
				"some of the addresses are given out by AddressPool %q, too, which is older: each address is leased once all the same; let ranges or exclude of one of them leave them out", name)
		}
		if o.Segment == pool.Segment && o.subnet.Bits() != pool.subnet.Bits() {
			tell(v1alpha1.ReasonPrefixLengthMismatch, "spec.subnet",
				"%s overlaps with %s of AddressPool %q, which is older, on one segment: guests would disagree on who is on the link; correct one of them", pool.subnet, o.subnet, name)
		}
	}
	return out
}
