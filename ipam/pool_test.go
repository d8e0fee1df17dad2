package ipam

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"
)

// ranges reads texts as ParseRange does, separated by blanks.
func ranges(t testing.TB, texts string) []netipx.IPRange {
	t.Helper()
	var rs []netipx.IPRange
	for text := range strings.FieldsSeq(texts) {
		r, err := ParseRange(text)
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return rs
}

// pool makes one that is expected to be right.
func pool(t testing.TB, subnet, declared, exclude string, never ...string) Pool {
	t.Helper()
	c := PoolConfig{Subnet: netip.MustParsePrefix(subnet), Ranges: ranges(t, declared), Exclude: ranges(t, exclude)}
	for _, a := range never {
		c.Never = append(c.Never, netip.MustParseAddr(a))
	}
	p, err := NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// given writes what a pool gives out.
func given(p Pool) string {
	var texts []string
	for _, r := range p.Ranges() {
		texts = append(texts, shown(r))
	}
	return strings.Join(texts, " ")
}

func TestPoolGivesOut(t *testing.T) {
	cases := map[string]struct {
		subnet, ranges, exclude string
		never                   []string
		want, size              string
	}{
		"the whole subnet but for network and broadcast": {subnet: "192.0.2.0/24", want: "192.0.2.1-192.0.2.254", size: "254"},
		"both addresses of a /31":                        {subnet: "192.0.2.4/31", want: "192.0.2.4-192.0.2.5", size: "2"},
		"the one of a /32":                               {subnet: "192.0.2.4/32", want: "192.0.2.4", size: "1"},
		"two of a /30":                                   {subnet: "192.0.2.4/30", want: "192.0.2.5-192.0.2.6", size: "2"},
		"IPv6 but for the Subnet-Router anycast address": {subnet: "2001:db8::/64", want: "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff", size: "about 2^64"},
		"both addresses of a /127":                       {subnet: "2001:db8::/127", want: "2001:db8::-2001:db8::1", size: "2"},
		"the one of a /128":                              {subnet: "2001:db8::/128", want: "2001:db8::", size: "1"},
		"the upper half of an IPv6 subnet, exactly":      {subnet: "2001:db8::/64", ranges: "2001:db8:0:0:8000::/65", want: "2001:db8:0:0:8000::-2001:db8::ffff:ffff:ffff:ffff", size: "2^63"},
		"a /8":                                           {subnet: "10.0.0.0/8", want: "10.0.0.1-10.255.255.254", size: "16777214"},
		"ranges, in order, joined":                       {subnet: "192.0.2.0/24", ranges: "192.0.2.30-192.0.2.40 192.0.2.10 192.0.2.11-192.0.2.12 192.0.2.35-192.0.2.50", want: "192.0.2.10-192.0.2.12 192.0.2.30-192.0.2.50", size: "24"},
		"ranges without exclusions":                      {subnet: "192.0.2.0/24", ranges: "192.0.2.0/25", exclude: "192.0.2.16/28 192.0.2.3", want: "192.0.2.1-192.0.2.2 192.0.2.4-192.0.2.15 192.0.2.32-192.0.2.127", size: "110"},
		"neither gateway nor DNS servers":                {subnet: "192.0.2.0/28", never: []string{"192.0.2.1", "192.0.2.14", "198.51.100.1", "2001:db8::1"}, want: "192.0.2.2-192.0.2.13", size: "12"},
		"a gateway in another spelling is left out, too": {subnet: "192.0.2.0/29", never: []string{"::ffff:192.0.2.1"}, want: "192.0.2.2-192.0.2.6", size: "5"},
		"nothing when all of it is excluded":             {subnet: "192.0.2.0/29", exclude: "192.0.2.0/29", want: "", size: "0"},
		"a range of the network address alone":           {subnet: "192.0.2.0/24", ranges: "192.0.2.0", want: "", size: "0"},
		"no link-local address inside a large subnet":    {subnet: "169.0.0.0/8", want: "169.0.0.1-169.253.255.255 169.255.0.0-169.255.255.254", size: "16711678"},
		"no IPv4 address inside a large IPv6 subnet":     {subnet: "::/80", want: "::1:0:0-::fffe:ffff:ffff", size: "281466386776064"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := pool(t, c.subnet, c.ranges, c.exclude, c.never...)
			if diff := cmp.Diff(c.want, given(p)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if p.Size().String() != c.size || p.Subnet().String() != c.subnet {
				t.Errorf("size %s, want %s; subnet %s", p.Size(), c.size, p.Subnet())
			}
		})
	}
}

func TestNewPoolRefuses(t *testing.T) {
	subnet := netip.MustParsePrefix("192.0.2.0/24")
	many := slices.Repeat(ranges(t, "192.0.2.10"), MaxRanges+1)
	cases := map[string]struct {
		config PoolConfig
		err    string
	}{
		"no subnet":                      {PoolConfig{}, "is no subnet: write one such as 192.0.2.0/24 or 2001:db8::/64"},
		"a subnet with host bits":        {PoolConfig{Subnet: netip.MustParsePrefix("192.0.2.1/24")}, "has bits after its prefix length: write 192.0.2.0/24"},
		"every address":                  {PoolConfig{Subnet: netip.MustParsePrefix("0.0.0.0/0")}, "has the prefix length 0"},
		"a subnet in IPv6 form":          {PoolConfig{Subnet: netip.MustParsePrefix("::ffff:192.0.2.0/120")}, "is an IPv4 subnet in IPv6 form: write 192.0.2.0/24"},
		"a subnet of no machines":        {PoolConfig{Subnet: netip.MustParsePrefix("224.1.0.0/16")}, "has no address for a machine, since each of it is a multicast address"},
		"link-local addresses":           {PoolConfig{Subnet: netip.MustParsePrefix("fe80::/64")}, "each of it is a link-local address"},
		"a range outside":                {PoolConfig{Subnet: subnet, Ranges: ranges(t, "192.0.3.1")}, `"192.0.3.1" is not in the subnet 192.0.2.0/24: write addresses from 192.0.2.0 to 192.0.2.255`},
		"a range that ends outside":      {PoolConfig{Subnet: subnet, Ranges: ranges(t, "192.0.2.200-192.0.3.1")}, `"192.0.2.200-192.0.3.1" is not in the subnet`},
		"a range that begins outside":    {PoolConfig{Subnet: subnet, Ranges: ranges(t, "192.0.1.200-192.0.2.1")}, "is not in the subnet"},
		"a range around the subnet":      {PoolConfig{Subnet: subnet, Ranges: ranges(t, "192.0.0.0/16")}, "is not in the subnet"},
		"a range of the other family":    {PoolConfig{Subnet: subnet, Ranges: ranges(t, "2001:db8::1")}, "is not in the subnet"},
		"a range in IPv6 form":           {PoolConfig{Subnet: subnet, Ranges: []netipx.IPRange{netipx.MustParseIPRange("::ffff:192.0.2.1-::ffff:192.0.2.9")}}, "is not in the subnet"},
		"an exclusion outside":           {PoolConfig{Subnet: subnet, Exclude: ranges(t, "192.0.3.1")}, "is not in the subnet"},
		"a range that is none":           {PoolConfig{Subnet: subnet, Ranges: make([]netipx.IPRange, 1)}, "is no range of addresses"},
		"more than 1,024 ranges":         {PoolConfig{Subnet: subnet, Ranges: many}, `"1025" ranges are too many: write at most 1024`},
		"more than 1,024 exclusions":     {PoolConfig{Subnet: subnet, Exclude: many}, `"1025" exclusions are too many`},
		"an exclusion in reversed order": {PoolConfig{Subnet: subnet, Exclude: []netipx.IPRange{netipx.IPRangeFrom(netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.1"))}}, "is no range of addresses"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := NewPool(c.config)
			checkError(t, err, c.err)
			checkShowable(t, err)
			if !p.Size().IsZero() || p.Subnet().IsValid() {
				t.Errorf("refused, and still gives %s", given(p))
			}
		})
	}
}

func TestPoolSaysWhereAnAddressLies(t *testing.T) {
	p := pool(t, "192.0.2.0/24", "192.0.2.0-192.0.2.99", "192.0.2.50-192.0.2.150", "192.0.2.1")
	type place struct{ Contains, Excluded, InRanges bool }
	cases := map[string]struct {
		addr string
		want place
	}{
		"one that may be given out":                      {"192.0.2.2", place{Contains: true, InRanges: true}},
		"the last before the exclusion":                  {"192.0.2.49", place{Contains: true, InRanges: true}},
		"one that is excluded":                           {"192.0.2.50", place{Excluded: true, InRanges: true}},
		"one that is excluded outside of the ranges":     {"192.0.2.150", place{Excluded: true}},
		"the gateway":                                    {"192.0.2.1", place{InRanges: true}},
		"the network address":                            {"192.0.2.0", place{InRanges: true}},
		"one of the subnet alone":                        {"192.0.2.151", place{}},
		"one of another subnet":                          {"198.51.100.1", place{}},
		"one of the other family":                        {"2001:db8::1", place{}},
		"an IPv4 address in IPv6 form, which is another": {"::ffff:192.0.2.2", place{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := netip.MustParseAddr(c.addr)
			if diff := cmp.Diff(c.want, place{p.Contains(a), p.Excluded(a), p.InRanges(a)}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if p.Contains(netip.Addr{}) || (Pool{}).Contains(netip.MustParseAddr("192.0.2.2")) {
		t.Error("no address, or no pool, contains something")
	}
	if v6 := pool(t, "2001:db8::/64", "", ""); v6.Contains(netip.MustParseAddr("2001:db8::1%eth0")) {
		t.Error("an address with a zone is in a pool")
	}
}

func TestPoolsOverlapWhereBothGiveOut(t *testing.T) {
	cases := map[string]struct {
		a, b Pool
		want bool
	}{
		"one address in common":                        {pool(t, "192.0.2.0/24", "192.0.2.1-192.0.2.9", ""), pool(t, "192.0.2.0/24", "192.0.2.9-192.0.2.19", ""), true},
		"neighbours":                                   {pool(t, "192.0.2.0/24", "192.0.2.1-192.0.2.9", ""), pool(t, "192.0.2.0/24", "192.0.2.10-192.0.2.19", ""), false},
		"a subnet in a larger one":                     {pool(t, "192.0.2.0/24", "", ""), pool(t, "192.0.0.0/16", "", ""), true},
		"ranges between each other":                    {pool(t, "192.0.2.0/24", "192.0.2.1 192.0.2.3 192.0.2.5", ""), pool(t, "192.0.2.0/24", "192.0.2.2 192.0.2.4 192.0.2.6", ""), false},
		"the last of many":                             {pool(t, "192.0.2.0/24", "192.0.2.1 192.0.2.3 192.0.2.6", ""), pool(t, "192.0.2.0/24", "192.0.2.2 192.0.2.4 192.0.2.6", ""), true},
		"what is common is excluded by one of them":    {pool(t, "192.0.2.0/24", "", "192.0.2.0/25"), pool(t, "192.0.2.0/24", "192.0.2.0/25", ""), false},
		"two families":                                 {pool(t, "192.0.2.0/24", "", ""), pool(t, "2001:db8::/64", "", ""), false},
		"a pool that gives out nothing, and any other": {Pool{}, pool(t, "192.0.2.0/24", "", ""), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.a.Overlaps(c.b) != c.want || c.b.Overlaps(c.a) != c.want {
				t.Errorf("%v and %v, want %v", c.a.Overlaps(c.b), c.b.Overlaps(c.a), c.want)
			}
		})
	}
}

func TestPoolWithoutReservations(t *testing.T) {
	p := pool(t, "192.0.2.0/24", "192.0.2.10-192.0.2.19", "192.0.2.12")
	less := p.Without(append(ranges(t, "192.0.2.15-192.0.2.200 198.51.100.0/24 2001:db8::/64"), netipx.IPRange{}))
	if got, want := given(less), "192.0.2.10-192.0.2.11 192.0.2.13-192.0.2.14"; got != want {
		t.Errorf("gives out %s, want %s", got, want)
	}
	reserved := netip.MustParseAddr("192.0.2.15")
	if less.Excluded(reserved) || !less.InRanges(reserved) || less.Contains(reserved) {
		t.Error("a reservation is not an exclusion, and changes no ranges")
	}
	if got, want := given(p), "192.0.2.10-192.0.2.11 192.0.2.13-192.0.2.19"; got != want {
		t.Errorf("the pool itself became %s, want %s", got, want)
	}
	if given(p.Without(nil)) != given(p) {
		t.Error("without nothing, the pool is another")
	}
}

// TestPoolOfManyRanges: a pool at its bounds is made of as many pieces, not of as many addresses.
func TestPoolOfManyRanges(t *testing.T) {
	c := PoolConfig{Subnet: netip.MustParsePrefix("2001:db8::/64")}
	for i := range MaxRanges {
		c.Ranges = append(c.Ranges, ranges(t, fmt.Sprintf("2001:db8::%x:0:0/96", i+1))...)
		c.Exclude = append(c.Exclude, ranges(t, fmt.Sprintf("2001:db8::%x:8:0", i+1))...)
	}
	p, err := NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(p.Ranges()), MaxRanges+1; got != want { // neighbours but for the exclusions
		t.Errorf("%d pieces, want %d", got, want)
	}
	if n, exact := p.Size().Uint64(); !exact || n != MaxRanges*(1<<32-1) {
		t.Errorf("size %s", p.Size())
	}
}

// FuzzNewPool: whatever subnet, range, exclusion and gateway are given, the pool gives out addresses of machines in its subnet
// and ranges, in order and apart, or the error is fit for a status.
func FuzzNewPool(f *testing.F) {
	f.Add([]byte{192, 0, 2, 0}, 24, []byte{192, 0, 2, 10}, []byte{192, 0, 2, 99}, []byte{192, 0, 2, 64}, []byte{192, 0, 2, 70}, []byte{192, 0, 2, 1})
	v6 := netip.MustParseAddr("2001:db8::").AsSlice()
	f.Add(v6, 64, v6, netip.MustParseAddr("2001:db8::ffff").AsSlice(), v6, v6, netip.MustParseAddr("fe80::1").AsSlice())
	f.Add([]byte{128, 0, 0, 0}, 1, []byte{}, []byte{}, []byte{}, []byte{}, []byte{})
	f.Add(netip.MustParseAddr("::").AsSlice(), 1, []byte{}, []byte{}, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, subnet []byte, bits int, first, last, excludeFirst, excludeLast, never []byte) {
		addr := func(b []byte) netip.Addr { a, _ := netip.AddrFromSlice(b); return a }
		c := PoolConfig{Subnet: netip.PrefixFrom(addr(subnet), bits), Never: []netip.Addr{addr(never)}}
		if len(first) > 0 {
			c.Ranges = []netipx.IPRange{netipx.IPRangeFrom(addr(first), addr(last))}
		}
		if len(excludeFirst) > 0 {
			c.Exclude = []netipx.IPRange{netipx.IPRangeFrom(addr(excludeFirst), addr(excludeLast))}
		}
		p, err := NewPool(c)
		if err != nil {
			checkShowable(t, err)
			return
		}
		checkPool(t, p, c)
	})
}

// checkPool looks at the ends of what is given out, and at the addresses beside them.
func checkPool(t *testing.T, p Pool, c PoolConfig) {
	t.Helper()
	var before netip.Addr
	size := Count{}
	for _, r := range p.Ranges() {
		if before.IsValid() && !before.Next().Less(r.From()) {
			t.Errorf("%s does not come after %s", r, before)
		}
		before = r.To()
		size = size.Add(span{keyOf(r.From()), keyOf(r.To())}.size())
		for _, a := range []netip.Addr{r.From(), r.To()} {
			switch {
			case !p.Contains(a) || !p.InRanges(a) || p.Excluded(a) || !c.Subnet.Contains(a):
				t.Errorf("%s is given out: contains %v, in ranges %v, excluded %v", a, p.Contains(a), p.InRanges(a), p.Excluded(a))
			case unusable(a) != "" || reservedInSubnet(netip.PrefixFrom(a, c.Subnet.Bits())) != "":
				t.Errorf("%s of %s is given out", a, c.Subnet)
			case slices.Contains(c.Never, a):
				t.Errorf("%s is given out, and must not be", a)
			}
		}
		for _, a := range []netip.Addr{r.From().Prev(), r.To().Next()} {
			left := !p.InRanges(a) || p.Excluded(a) || unusable(a) != "" || slices.Contains(c.Never, a) ||
				reservedInSubnet(netip.PrefixFrom(a, c.Subnet.Bits())) != ""
			if p.Contains(a) || !left {
				t.Errorf("%s beside %s is left out for no reason", a, r)
			}
		}
	}
	if size != p.Size() {
		t.Errorf("size %s, and the ranges have %s", p.Size(), size)
	}
}
