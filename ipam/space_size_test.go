package ipam

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
)

// TestFillingASlash16LeavesNoGapAndNoDuplicate takes every address that a pool gives until it gives none, and once more after
// all were released.
func TestFillingASlash16LeavesNoGapAndNoDuplicate(t *testing.T) {
	var s Space
	p := pool(t, "10.0.0.0/16", "", "10.0.7.0/24", "10.0.0.1")
	s.Attach("web", p)
	want, _ := p.Size().Uint64()
	var first []netip.Addr
	for a, ok := s.Choose("web", nil); ok; a, ok = s.Choose("web", nil) {
		if len(first) > 0 && !first[len(first)-1].Less(a) {
			t.Fatalf("%s comes after %s", a, first[len(first)-1])
		}
		if !p.Contains(a) {
			t.Fatalf("%s is not of the pool", a)
		}
		first = append(first, a)
		s.Set(a, allocated(0))
	}
	if uint64(len(first)) != want || s.Len() != len(first) || !s.FreeIn("web").IsZero() {
		t.Fatalf("%d addresses were given out, %d are in use, %s are free; the pool has %d", len(first), s.Len(), s.FreeIn("web"), want)
	}
	rand.New(rand.NewPCG(9, 10)).Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
	for i, a := range first {
		s.Set(a, wasReleased(i))
	}
	for i, a := range first {
		got, ok := s.Choose("web", nil)
		if !ok || got != a {
			t.Fatalf("%d: %s is given again, want %s, the one released longest ago", i, got, a)
		}
		s.Set(a, allocated(-i))
	}
	checkChoice(t, &s, "web", "")
}

// crowded is a space with a pool of a subnet of which some addresses are in use, chosen at random among its first ones.
func crowded(t testing.TB, subnet string, among, used int) *Space {
	t.Helper()
	s := &Space{}
	s.Attach("web", pool(t, subnet, "", ""))
	first := keyOf(netip.MustParsePrefix(subnet).Addr())
	for _, i := range rand.New(rand.NewPCG(11, 12)).Perm(among)[:used] {
		s.Set(addrOf(first.add(u128{lo: uint64(i) + 1})), allocated(0))
	}
	return s
}

func TestChoosingAllocatesNothing(t *testing.T) {
	for _, subnet := range []string{"10.0.0.0/16", "2001:db8::/64"} {
		s := crowded(t, subnet, 65_000, 60_000)
		in := netip.MustParsePrefix(subnet)
		busy := in.Addr().Next()
		for s.Use(busy).Phase == "" {
			busy = busy.Next()
		}
		skips := 0
		skip := func(netip.Addr) bool { skips++; return skips%4 != 0 }
		n := testing.AllocsPerRun(200, func() {
			for _, f := range []func(netip.Addr) bool{nil, skip} {
				if _, ok := s.Choose("web", f); !ok {
					t.Fatal("nothing is chosen")
				}
				if _, ok := s.Next(in, busy, f); !ok {
					t.Fatal("nothing is suggested")
				}
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", subnet, n)
		}
	}
	// The oldest of those that were released, when nothing else is left.
	var s Space
	s.Attach("web", pool(t, "192.0.2.0/24", "", ""))
	for i := range 256 {
		s.Set(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), wasReleased(i))
	}
	if n := testing.AllocsPerRun(200, func() { s.Choose("web", func(a netip.Addr) bool { return a.As4()[3] < 200 }) }); n != 0 {
		t.Errorf("released addresses: %v allocations", n)
	}
	now := 256
	n := testing.AllocsPerRun(100, func() {
		for range 1000 { // several times around the pool
			a, _ := s.Choose("web", nil)
			s.Set(a, allocated(now))
			s.Set(a, wasReleased(now))
			now++
		}
	})
	if n != 0 {
		t.Errorf("taking and giving back 1,000 times: %v allocations", n)
	}
}

// TestMemoryFollowsUsedAddresses: with as many addresses in use, a pool of a /8 takes what one of a /16 does, and a /48 what a
// /64 does. Addresses that lie far apart share no words of the sets, and still cost a small multiple.
func TestMemoryFollowsUsedAddresses(t *testing.T) {
	const used = 40_000
	filled := func(subnet string) uint64 {
		return retained(func() *Space { return crowded(t, subnet, used*3/2, used) })
	}
	apart := func(subnet string, step u128) uint64 {
		return retained(func() *Space {
			s := &Space{}
			s.Attach("web", pool(t, subnet, "", ""))
			x := keyOf(netip.MustParsePrefix(subnet).Addr())
			for range used {
				x = x.add(step)
				s.Set(addrOf(x), allocated(0))
			}
			return s
		})
	}
	small4, small6 := filled("10.0.0.0/16"), filled("2001:db8::/64")
	t.Logf("%d addresses in use: /16 %d bytes, /64 %d bytes each", used, small4/used, small6/used)
	cases := map[string]struct {
		got, base uint64
		limit     float64
	}{
		"a /8 as a /16":          {filled("10.0.0.0/8"), small4, 1.1},
		"a /48 as a /64":         {filled("2001:db8::/48"), small6, 1.1},
		"a /8, far apart":        {apart("10.0.0.0/8", u128{lo: 400}), small4, 5},
		"a /48, far apart":       {apart("2001:db8::/48", u128{hi: 1, lo: 1 << 40}), small6, 5},
		"IPv6 as IPv4":           {small6, small4, 1.1},
		"a few in a /8 are less": {retained(func() *Space { return crowded(t, "10.0.0.0/8", 100, 50) }), small4, 0.02},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ratio := float64(c.got) / float64(c.base)
			t.Logf("%d bytes, %.2f times %d", c.got, ratio, c.base)
			if ratio > c.limit {
				t.Errorf("%.2f times as much, want at most %.2f", ratio, c.limit)
			}
		})
	}
}

// retained is how many bytes stay in use when a space is built.
func retained(build func() *Space) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := build()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(s)
	return after.HeapAlloc - min(after.HeapAlloc, before.HeapAlloc)
}
