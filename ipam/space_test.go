package ipam

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// allocated is a use that began a number of minutes after noon.
func allocated(minutes int) Use {
	return Use{Allocated, noon.Add(time.Duration(minutes) * time.Minute)}
}

func wasReleased(minutes int) Use {
	return Use{Released, noon.Add(time.Duration(minutes) * time.Minute)}
}

// checkChoice compares what a pool gives next. Nothing is wanted as "".
func checkChoice(t *testing.T, s *Space, pool, want string, skip ...string) {
	t.Helper()
	a, ok := s.Choose(pool, func(a netip.Addr) bool { return slices.Contains(skip, a.String()) })
	got := ""
	if ok {
		got = a.String()
	}
	if got != want || ok != a.IsValid() {
		t.Errorf("%s gives %q, want %q", pool, got, want)
	}
}

func TestSpaceGivesNeverUsedAddressesFirstThenTheOldestReleased(t *testing.T) {
	var s Space
	s.Attach("web", pool(t, "192.0.2.0/29", "", "192.0.2.3", "192.0.2.1"))
	checkChoice(t, &s, "web", "192.0.2.2")
	checkChoice(t, &s, "web", "192.0.2.4", "192.0.2.2")

	s.Set(addr("192.0.2.2"), wasReleased(0))
	checkChoice(t, &s, "web", "192.0.2.4")
	s.Set(addr("192.0.2.4"), allocated(0))
	s.Set(addr("192.0.2.5"), Use{Cooling, noon})
	checkChoice(t, &s, "web", "192.0.2.6")

	s.Set(addr("192.0.2.6"), wasReleased(-1))
	checkChoice(t, &s, "web", "192.0.2.6")
	checkChoice(t, &s, "web", "192.0.2.2", "192.0.2.6")
	checkChoice(t, &s, "web", "", "192.0.2.6", "192.0.2.2")
	s.Set(addr("192.0.2.5"), wasReleased(-1)) // as long ago: the lower one
	checkChoice(t, &s, "web", "192.0.2.5")

	s.Set(addr("192.0.2.5"), Use{Reserved, noon})
	s.Set(addr("192.0.2.6"), Use{Releasing, noon})
	s.Set(addr("192.0.2.2"), allocated(1))
	checkChoice(t, &s, "web", "")
	want := Counts{Allocated: 2, Releasing: 1, Reserved: 1}
	if diff := cmp.Diff(want, s.Counts("web")); diff != "" || !s.FreeIn("web").IsZero() || s.Len() != 4 {
		t.Errorf("free %s, length %d, counts (-want +got)\n%s", s.FreeIn("web"), s.Len(), diff)
	}

	s.Set(addr("192.0.2.4"), Use{}) // forgotten: never used again
	checkChoice(t, &s, "web", "192.0.2.4")
}

func TestSpaceOfPoolsThatComeAndGo(t *testing.T) {
	var s Space
	checkChoice(t, &s, "web", "")
	s.Set(addr("192.0.2.1"), allocated(0))
	s.Set(addr("192.0.2.2"), wasReleased(0))
	s.Set(addr("203.0.113.7"), allocated(0)) // in no pool
	s.Attach("web", pool(t, "192.0.2.0/30", "", ""))
	if diff := cmp.Diff(Counts{Allocated: 1, Released: 1}, s.Counts("web")); diff != "" {
		t.Errorf("uses from before are not counted (-want +got)\n%s", diff)
	}
	checkChoice(t, &s, "web", "192.0.2.2")
	if s.Len() != 2 || s.FreeIn("web") != CountOf(1) {
		t.Errorf("length %d, want 2; free %s, want 1", s.Len(), s.FreeIn("web"))
	}
	s.Attach("web", pool(t, "192.0.2.0/29", "", ""))
	checkChoice(t, &s, "web", "192.0.2.3")
	s.Attach("web", pool(t, "192.0.2.0/29", "192.0.2.1", ""))
	checkChoice(t, &s, "web", "")
	s.Detach("web")
	s.Detach("none")
	checkChoice(t, &s, "web", "")
	if s.Counts("web") != (Counts{}) || !s.FreeIn("web").IsZero() || s.Len() != 2 {
		t.Error("a pool that was detached is still counted, or the uses went with it")
	}
}

func TestSpaceKeepsUses(t *testing.T) {
	cases := map[string]struct{ set, want Use }{
		"a time in another zone is the same time in UTC": {Use{Cooling, noon.In(time.FixedZone("", 3600))}, Use{Cooling, noon}},
		"parts of a second":                  {Use{Released, noon.Add(123456789)}, Use{Released, noon.Add(123456789)}},
		"no time":                            {Use{Phase: Allocated}, Use{Phase: Allocated}},
		"times before 1970":                  {Use{Allocated, time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC)}, Use{Allocated, time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC)}},
		"no phase is no use":                 {Use{Since: noon}, Use{}},
		"an unknown phase keeps the address": {Use{"Lent", noon}, Use{Allocated, noon}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var s Space
			for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
				s.Set(addr(a), c.set)
				if diff := cmp.Diff(c.want, s.Use(addr(a))); diff != "" {
					t.Errorf("%s (-want +got)\n%s", a, diff)
				}
			}
		})
	}
	var s Space
	s.Set(netip.Addr{}, allocated(0))
	s.Set(addr("::ffff:192.0.2.1"), allocated(0))
	if s.Len() != 1 || s.Use(netip.Addr{}) != (Use{}) || s.Use(addr("192.0.2.1")) != allocated(0) {
		t.Errorf("length %d, and 192.0.2.1 is %v", s.Len(), s.Use(addr("192.0.2.1")))
	}
}

func TestSpaceSuggestsTheNextAddress(t *testing.T) {
	var s Space
	for _, a := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.6", "2001:db8::1"} {
		s.Set(addr(a), allocated(0))
	}
	s.Set(addr("192.0.2.4"), wasReleased(0))
	s.Set(addr("192.0.2.8"), allocated(0))
	cases := map[string]struct {
		prefix, after, want string
		skip                []string
	}{
		"the one behind":                         {prefix: "192.0.2.0/24", after: "192.0.2.9", want: "192.0.2.10"},
		"not one in use":                         {prefix: "192.0.2.0/24", after: "192.0.2.1", want: "192.0.2.3"},
		"a record is free":                       {prefix: "192.0.2.0/24", after: "192.0.2.3", want: "192.0.2.4"},
		"not one that is skipped":                {prefix: "192.0.2.0/24", after: "192.0.2.3", want: "192.0.2.7", skip: []string{"192.0.2.4", "192.0.2.5"}},
		"from the beginning again, not reserved": {prefix: "192.0.2.0/24", after: "192.0.2.254", want: "192.0.2.3"},
		"from the last address of the subnet":    {prefix: "192.0.2.0/24", after: "192.0.2.255", want: "192.0.2.3"},
		"from the first address of the subnet":   {prefix: "192.0.2.0/24", after: "192.0.2.0", want: "192.0.2.3"},
		"from elsewhere: the first":              {prefix: "192.0.2.0/24", after: "198.51.100.1", want: "192.0.2.3"},
		"never the address itself":               {prefix: "192.0.2.4/30", after: "192.0.2.5", want: ""},
		"the other one of a /31":                 {prefix: "192.0.2.8/31", after: "192.0.2.8", want: "192.0.2.9"},
		"the lower one of a /31":                 {prefix: "192.0.2.4/31", after: "192.0.2.5", want: "192.0.2.4"},
		"a /32 has no other":                     {prefix: "192.0.2.9/32", after: "192.0.2.9", want: ""},
		"a prefix that keeps its host bits":      {prefix: "192.0.2.9/24", after: "192.0.2.9", want: "192.0.2.10"},
		"IPv6":                                   {prefix: "2001:db8::/64", after: "2001:db8::", want: "2001:db8::2"},
		"IPv6 from the end, not the anycast one": {prefix: "2001:db8::/64", after: "2001:db8::ffff:ffff:ffff:ffff", want: "2001:db8::2"},
		"no link-local address":                  {prefix: "169.254.0.0/15", after: "169.255.255.255", want: "169.255.0.0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, ok := s.Next(netip.MustParsePrefix(c.prefix), addr(c.after), func(a netip.Addr) bool { return slices.Contains(c.skip, a.String()) })
			got := ""
			if ok {
				got = a.String()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if a, ok := s.Next(netip.Prefix{}, addr("192.0.2.1"), nil); ok {
		t.Errorf("no prefix suggests %s", a)
	}
}

// TestSearchThatSkipsEverythingEnds: a caller that can use no address gets an answer, also from a /64.
func TestSearchThatSkipsEverythingEnds(t *testing.T) {
	var s Space
	s.Attach("v6", pool(t, "2001:db8::/64", "", ""))
	n := 0
	none := func(netip.Addr) bool { n++; return true }
	if a, ok := s.Choose("v6", none); ok || n != maxSkipped+1 {
		t.Errorf("%s, %v after %d addresses", a, ok, n)
	}
	n = 0
	if a, ok := s.Next(netip.MustParsePrefix("2001:db8::/64"), addr("2001:db8::1"), none); ok || n != maxSkipped+1 {
		t.Errorf("%s, %v after %d addresses", a, ok, n)
	}
	n = 0
	s.Attach("old", pool(t, "10.2.0.0/15", "", ""))
	for i := range uint64(1 << 17) {
		s.Set(addrOf(keyOf(addr("10.2.0.0")).add(u128{lo: i})), wasReleased(0))
	}
	if a, ok := s.Choose("old", none); ok || n != maxSkipped+1 {
		t.Errorf("%s, %v after %d released addresses", a, ok, n)
	}
	last := addr("10.0.255.254")
	s.Attach("v4", pool(t, "10.0.0.0/16", "", ""))
	if a, ok := s.Choose("v4", func(a netip.Addr) bool { return a != last }); !ok || a != last {
		t.Errorf("the last address of a /16 is not found: %s, %v", a, ok)
	}
}

// model is a Space that enumerates.
type model struct {
	uses  map[netip.Addr]Use
	pools map[string]Pool
}

func (m model) choose(pool string, skip func(netip.Addr) bool) (best netip.Addr, ok bool) {
	for _, r := range m.pools[pool].Ranges() {
		for a := r.From(); a.IsValid() && a.Compare(r.To()) <= 0; a = a.Next() {
			u := m.uses[a]
			switch {
			case skip != nil && skip(a):
			case u.Phase == "":
				return a, true
			case u.Phase == Released && (!ok || u.Since.Before(m.uses[best].Since)):
				best, ok = a, true
			}
		}
	}
	return best, ok
}

func (m model) counts(pool string) (c Counts, free int) {
	for _, r := range m.pools[pool].Ranges() {
		for a := r.From(); a.IsValid() && a.Compare(r.To()) <= 0; a = a.Next() {
			n := map[Phase]*int{Allocated: &c.Allocated, Releasing: &c.Releasing, Cooling: &c.Cooling, Reserved: &c.Reserved, Released: &c.Released}
			if p := m.uses[a].Phase; p != "" {
				*n[p]++
			}
			if p := m.uses[a].Phase; p == "" || p == Released {
				free++
			}
		}
	}
	return c, free
}

func (m model) taken(a netip.Addr) bool {
	p := m.uses[a].Phase
	return p != "" && p != Released
}

func (m model) next(in netip.Prefix, after netip.Addr, skip func(netip.Addr) bool) (netip.Addr, bool) {
	var behind, before []netip.Addr
	for a := in.Masked().Addr(); in.Contains(a); a = a.Next() {
		if m.taken(a) || skip != nil && skip(a) || reservedInSubnet(netip.PrefixFrom(a, in.Bits())) != "" || a == after {
			continue
		}
		if in.Contains(after) && after.Less(a) {
			behind = append(behind, a)
		} else {
			before = append(before, a)
		}
	}
	if all := append(behind, before...); len(all) > 0 {
		return all[0], true
	}
	return netip.Addr{}, false
}

// TestSpaceAnswersAsEnumeratingDoes runs random histories of pools of both families that overlap, come, go and change, and of
// uses in any order, and compares every answer with that of a model that enumerates.
func TestSpaceAnswersAsEnumeratingDoes(t *testing.T) {
	pools := []Pool{
		pool(t, "192.0.2.0/26", "", ""),
		pool(t, "192.0.2.0/26", "192.0.2.0-192.0.2.9 192.0.2.20-192.0.2.31 192.0.2.33", "192.0.2.24-192.0.2.26", "192.0.2.1"),
		pool(t, "192.0.2.0/24", "192.0.2.8-192.0.2.200", "192.0.2.64/28"),
		pool(t, "192.0.2.48/28", "", "192.0.2.48/28"),
		pool(t, "192.0.2.50/32", "", ""),
		pool(t, "2001:db8::/122", "", ""),
		pool(t, "2001:db8::/64", "2001:db8::20-2001:db8::90", "2001:db8::3f-2001:db8::41"),
		{},
	}
	prefixes := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/26"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.50/31"),
		netip.MustParsePrefix("2001:db8::/122"), netip.MustParsePrefix("2001:db8::/120")}
	names := []string{"b", "a", "c"}
	seen := map[string]int{}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		m := model{uses: map[netip.Addr]Use{}, pools: map[string]Pool{}}
		var s Space
		for range 600 {
			switch name := names[rnd.IntN(len(names))]; rnd.IntN(40) {
			case 0, 1:
				p := pools[rnd.IntN(len(pools))]
				s.Attach(name, p)
				m.pools[name] = p
			case 2:
				s.Detach(name)
				delete(m.pools, name)
			default:
				a, u := randomSet(rnd, &s, names)
				for range 1 + rnd.IntN(2) { // an event may come again
					s.Set(a, u)
				}
				m.uses[a] = u
			}
			checkAgainstModel(t, &s, m, names[rnd.IntN(len(names))], prefixes[rnd.IntN(len(prefixes))], randomSkip(rnd), seen)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
	for _, kind := range []string{"none", "fresh", "released", "next"} {
		if seen[kind] < 500 {
			t.Errorf("%d answers of the kind %s: the test does not see enough", seen[kind], kind)
		}
	}
}

// randomSet takes what a pool gives, or makes up any use of any address.
func randomSet(rnd *rand.Rand, s *Space, names []string) (netip.Addr, Use) {
	u := Use{[]Phase{Allocated, Allocated, Releasing, Cooling, Reserved, Released, Released, Released, ""}[rnd.IntN(9)], noon.Add(time.Duration(rnd.IntN(50)) * 100 * time.Millisecond)}
	if u.Phase == "" && rnd.IntN(2) == 0 {
		u.Since = time.Time{}
	}
	if a, ok := s.Choose(names[rnd.IntN(len(names))], nil); ok && rnd.IntN(2) == 0 {
		return a, u
	}
	last := byte(rnd.IntN(256))
	if rnd.IntN(3) == 0 {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: last}), u
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, last}), u
}

func randomSkip(rnd *rand.Rand) func(netip.Addr) bool {
	if rnd.IntN(2) == 0 {
		return nil
	}
	factor, every := 1+rnd.IntN(7), 2+rnd.IntN(4)
	return func(a netip.Addr) bool { return int(a.As16()[15])*factor%every != 0 }
}

func checkAgainstModel(t *testing.T, s *Space, m model, name string, in netip.Prefix, skip func(netip.Addr) bool, seen map[string]int) {
	t.Helper()
	got, ok := s.Choose(name, skip)
	want, wantOK := m.choose(name, skip)
	if got != want || ok != wantOK {
		t.Errorf("%s gives %s, %v, want %s, %v", name, got, ok, want, wantOK)
	}
	switch {
	case !ok:
		seen["none"]++
	case s.Use(got).Phase == Released:
		seen["released"]++
	default:
		seen["fresh"]++
	}
	wantCounts, free := m.counts(name)
	if diff := cmp.Diff(wantCounts, s.Counts(name)); diff != "" || s.FreeIn(name) != CountOf(uint64(free)) {
		t.Errorf("%s has %s free, want %d, and counts (-want +got)\n%s", name, s.FreeIn(name), free, diff)
	}
	taken := 0
	after := in.Addr()
	for a := range m.uses {
		if m.taken(a) {
			taken++
		}
	}
	if a, ok := s.Choose(name, nil); ok {
		after = a
	}
	if s.Len() != taken {
		t.Errorf("length %d, want %d", s.Len(), taken)
	}
	got, ok = s.Next(in, after, skip)
	want, wantOK = m.next(in, after, skip)
	if got != want || ok != wantOK {
		t.Errorf("behind %s in %s comes %s, %v, want %s, %v", after, in, got, ok, want, wantOK)
	}
	if ok {
		seen["next"]++
	}
}

// TestSpaceDoesNotDependOnOrder: the same pools and last uses give the same choices, in whatever order they became known.
func TestSpaceDoesNotDependOnOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	pools := map[string]Pool{"all": pool(t, "192.0.2.0/24", "", ""), "half": pool(t, "192.0.2.0/24", "192.0.2.0/25", ""), "six": pool(t, "2001:db8::/120", "", "")}
	type event struct {
		addr netip.Addr
		use  Use
	}
	var events []event
	for i := range 250 {
		events = append(events, event{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Use{phaseNames[rnd.IntN(int(phaseCount))], noon.Add(time.Duration(rnd.IntN(9)) * time.Second)}},
			event{netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}), Use{phaseNames[1+rnd.IntN(5)], noon}})
	}
	drain := func(order []int, attachAfter int) (out []string) {
		var s Space
		for n, i := range order {
			if n == attachAfter {
				for name, p := range pools {
					s.Attach(name, p)
				}
			}
			if rnd.IntN(4) == 0 {
				s.Set(events[i].addr, Use{phaseNames[rnd.IntN(int(phaseCount))], noon.Add(-time.Hour)}) // an older event
			}
			s.Set(events[i].addr, events[i].use)
		}
		for _, name := range []string{"half", "six", "all"} {
			for {
				a, ok := s.Choose(name, nil)
				if !ok {
					break
				}
				out = append(out, name+" "+a.String())
				s.Set(a, allocated(0))
			}
			out = append(out, fmt.Sprint(s.Counts(name), s.FreeIn(name), s.Len()))
		}
		return out
	}
	want := drain(rnd.Perm(len(events)), 0)
	if len(want) < 100 {
		t.Fatalf("%d choices: the test does not see enough", len(want))
	}
	for range 50 {
		order := rnd.Perm(len(events))
		if diff := cmp.Diff(want, drain(order, rnd.IntN(len(order)))); diff != "" {
			t.Fatalf("another order, other choices (-want +got)\n%s", diff)
		}
	}
}

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
