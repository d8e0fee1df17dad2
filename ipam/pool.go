package ipam

import (
	"net/netip"
	"strconv"

	"go4.org/netipx"
)

// MaxRanges is how many ranges, and how many exclusions, a pool may have. The schema of AddressPool has the same bound.
const MaxRanges = 1024

// PoolConfig says what a pool consists of.
type PoolConfig struct {
	// Subnet is the prefix of the segment, without host bits.
	Subnet netip.Prefix
	// Ranges are the addresses that may be given out; the whole subnet when there are none. They may overlap.
	Ranges []netipx.IPRange
	// Exclude are addresses that are never given out.
	Exclude []netipx.IPRange
	// Never are single addresses that are never given out: the gateway, the DNS servers. They may lie anywhere.
	Never []netip.Addr
}

// Pool is a checked set of addresses of one family on one subnet. It is immutable, and what it costs follows the number of
// its ranges, never that of its addresses. The zero Pool has no address.
type Pool struct {
	subnet  netip.Prefix
	ranges  []span // as they were declared
	exclude []span
	given   []span // what may be given out
}

// NewPool checks c. Without being told, it leaves out the addresses that no host can have: the network and the broadcast
// address of an IPv4 subnet and the Subnet-Router anycast address of an IPv6 one, as reservedInSubnet says, and those that
// are no unicast addresses. A pool that gives out nothing is no error: an engineer may drain it by excluding all of it.
//
// Every error is an *InvalidError.
func NewPool(c PoolConfig) (Pool, error) {
	if err := checkSubnet(c.Subnet); err != nil {
		return Pool{}, err
	}
	if err := checkWithin(c.Subnet, "ranges", c.Ranges); err != nil {
		return Pool{}, err
	}
	if err := checkWithin(c.Subnet, "exclusions", c.Exclude); err != nil {
		return Pool{}, err
	}
	ranges := c.Ranges
	if len(ranges) == 0 {
		ranges = []netipx.IPRange{netipx.RangeOfPrefix(c.Subnet)}
	}
	var declared, excluded, given netipx.IPSetBuilder
	for _, r := range ranges {
		declared.AddRange(r)
		given.AddRange(r)
	}
	for _, r := range c.Exclude {
		excluded.AddRange(r)
		given.RemoveRange(r)
	}
	removeUnusable(&given, c.Subnet)
	for _, a := range c.Never {
		given.Remove(a.Unmap().WithZone(""))
	}
	return Pool{subnet: c.Subnet, ranges: spansOf(&declared), exclude: spansOf(&excluded), given: spansOf(&given)}, nil
}

// checkSubnet refuses what is no subnet of one segment.
func checkSubnet(p netip.Prefix) error {
	value := p.String()
	switch {
	case !p.IsValid():
		return &InvalidError{Value: value, Problem: "is no subnet", Fix: "write one such as 192.0.2.0/24 or 2001:db8::/64"}
	case p.Addr().Is4In6():
		return &InvalidError{Value: value, Problem: "is an IPv4 subnet in IPv6 form", Fix: "write " + unmapped(p)}
	case p.Bits() == 0:
		return &InvalidError{Value: value, Problem: "has the prefix length 0, which is no subnet", Fix: "write the length of the subnet, such as 192.0.2.0/24"}
	case p != p.Masked():
		return &InvalidError{Value: value, Problem: "has bits after its prefix length", Fix: "write " + p.Masked().String()}
	}
	for _, s := range special {
		if s.block.Bits() <= p.Bits() && s.block.Contains(p.Addr()) {
			return &InvalidError{Value: value, Problem: "has no address for a machine, since each of it is " + s.what,
				Fix: "write the subnet that the machines of the segment are in"}
		}
	}
	return nil
}

// checkWithin refuses too many ranges, and ranges that are not in the subnet. kind is the plural of what they are.
func checkWithin(subnet netip.Prefix, kind string, ranges []netipx.IPRange) error {
	if len(ranges) > MaxRanges {
		return &InvalidError{Value: strconv.Itoa(len(ranges)), Problem: kind + " are too many",
			Fix: "write at most " + strconv.Itoa(MaxRanges) + ", joining those that are neighbours"}
	}
	for _, r := range ranges {
		if !r.IsValid() {
			return &InvalidError{Value: r.String(), Problem: "is no range of addresses", Fix: "write one such as 192.0.2.10-192.0.2.99"}
		}
		if !subnet.Contains(r.From()) || !subnet.Contains(r.To()) {
			return &InvalidError{Value: shown(r), Problem: "is not in the subnet " + subnet.String(),
				Fix: "write addresses from " + subnet.Addr().String() + " to " + netipx.PrefixLastIP(subnet).String()}
		}
	}
	return nil
}

// shown writes a range as people do: an address when it is one.
func shown(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	return r.String()
}

func removeUnusable(b *netipx.IPSetBuilder, subnet netip.Prefix) {
	for _, end := range [...]netip.Addr{subnet.Addr(), netipx.PrefixLastIP(subnet)} {
		if reservedInSubnet(netip.PrefixFrom(end, subnet.Bits())) != "" {
			b.Remove(end)
		}
	}
	for _, s := range special {
		if subnet.Overlaps(s.block) {
			b.RemovePrefix(s.block)
		}
	}
}

// Without gives the pool without the ranges: addresses that something else keeps out of use, such as reservations. They
// are not counted as exclusions. Ranges that are invalid or elsewhere change nothing.
func (p Pool) Without(ranges []netipx.IPRange) Pool {
	if len(ranges) == 0 {
		return p
	}
	var given netipx.IPSetBuilder
	for _, r := range p.Ranges() {
		given.AddRange(r)
	}
	for _, r := range ranges {
		given.RemoveRange(r)
	}
	p.given = spansOf(&given)
	return p
}

// Subnet is the prefix that the addresses are in; addresses of the pool get its length.
func (p Pool) Subnet() netip.Prefix {
	return p.subnet
}

// Contains says whether a may be given out.
func (p Pool) Contains(a netip.Addr) bool {
	return in(p.given, a)
}

// Excluded says whether a lies in the exclusions.
func (p Pool) Excluded(a netip.Addr) bool {
	return in(p.exclude, a)
}

// InRanges says whether a lies in the declared ranges, whether or not it may be given out.
func (p Pool) InRanges(a netip.Addr) bool {
	return in(p.ranges, a)
}

// Size is how many addresses may be given out.
func (p Pool) Size() Count {
	var n Count
	for _, s := range p.given {
		n = n.Add(s.size())
	}
	return n
}

// Ranges are what may be given out, in order, without overlaps and neighbours.
func (p Pool) Ranges() []netipx.IPRange {
	ranges := make([]netipx.IPRange, 0, len(p.given))
	for _, s := range p.given {
		ranges = append(ranges, netipx.IPRangeFrom(addrOf(s.first), addrOf(s.last)))
	}
	return ranges
}

// Overlaps says whether there is an address that both pools may give out.
func (p Pool) Overlaps(o Pool) bool {
	a, b := p.given, o.given
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].last.less(b[0].first):
			a = a[1:]
		case b[0].last.less(a[0].first):
			b = b[1:]
		default:
			return true
		}
	}
	return false
}

// span is a range of addresses as numbers, both ends included.
type span struct{ first, last u128 }

// size saturates as Count does.
func (s span) size() Count {
	return Count{s.last.sub(s.first).next()}
}

// spansOf gives the set in order, without overlaps and neighbours. Invalid values that were to be removed are passed over.
func spansOf(b *netipx.IPSetBuilder) []span {
	set, _ := b.IPSet()
	var spans []span
	for _, r := range set.Ranges() {
		spans = append(spans, span{keyOf(r.From()), keyOf(r.To())})
	}
	return spans
}

// in looks for an address; one in another spelling (a zone, IPv4 in IPv6 form) is in no pool.
func in(spans []span, a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && covers(spans, keyOf(a))
}

func covers(spans []span, x u128) bool {
	i := from(spans, x)
	return i < len(spans) && !x.less(spans[i].first)
}

// from gives the index of the first span that does not end before x.
func from(spans []span, x u128) int {
	low, high := 0, len(spans)
	for low < high {
		middle := (low + high) / 2
		if spans[middle].last.less(x) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
