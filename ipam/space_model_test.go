package ipam

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
