package conflicts

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	var idx Index
	onLab, onVLAN, unknown := node(NodeInterface, "lab"), node(Gateway, "lab.100"), node(Service, "")
	idx.Replace("one", []Claim{unknown, onVLAN, onLab, onLab, {Owner: "no address"}})
	idx.Replace("two", []Claim{onLab})
	cases := map[string]struct {
		segment string
		addr    netip.Addr
		want    []Claim
	}{
		"a segment finds its own claims and those of unknown segments, each once": {segment: "lab", addr: addr, want: []Claim{unknown, onLab}},
		"a segment without claims finds those of unknown segments":                {segment: "dmz", addr: addr, want: []Claim{unknown}},
		"an unknown segment finds all claims":                                     {segment: "", addr: addr, want: []Claim{unknown, onLab, onVLAN}},
		"an address that nobody claims finds nothing":                             {segment: "lab", addr: addr.Next()},
		"no address finds nothing":                                                {segment: "lab"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, idx.Find(c.segment, c.addr), equal); diff != "" {
				t.Errorf("Find (-want +got):\n%s", diff)
			}
		})
	}
	if idx.Len() != 3 {
		t.Errorf("Len = %d, want one for each segment, and one for the unknown: 3", idx.Len())
	}
}

func TestReplaceTellsWhichAddressesChanged(t *testing.T) {
	var idx Index
	here, there := node(NodeInterface, "lab"), node(NodeInterface, "lab")
	there.Addr = addr.Next()
	moved := here
	moved.Evidence = "interface eth2 of node node-a"
	steps := []struct {
		name   string
		claims []Claim
		want   []netip.Addr
	}{
		{"new claims change their addresses, in order", []Claim{there, here}, []netip.Addr{here.Addr, there.Addr}},
		{"a repetition changes nothing, in whatever order", []Claim{here, there, here}, nil},
		{"the time zone and the monotonic clock are no change", []Claim{here.since(time.Time{}.In(time.FixedZone("x", 3600))), there}, nil},
		{"another evidence changes its address", []Claim{moved, there}, []netip.Addr{here.Addr}},
		{"a claim that goes changes its address", []Claim{moved}, []netip.Addr{there.Addr}},
		{"no claims remove the source", nil, []netip.Addr{here.Addr}},
		{"a source that is gone goes without a change", nil, nil},
	}
	for _, s := range steps {
		if diff := cmp.Diff(s.want, idx.Replace("node-a", s.claims).Addrs, equal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
	}
	if idx.Len() != 0 || len(idx.sources) != 0 {
		t.Errorf("left behind: %d addresses, %d sources", idx.Len(), len(idx.sources))
	}
}

func TestReplaceTellsWhichRangesAndMACsChanged(t *testing.T) {
	var idx Index
	span := node(Excluded, "lab")
	span.Last = addr.Next()
	longer := span
	longer.Last = longer.Last.Next()
	one, two := node(NodeInterface, "lab").onMAC("02:00:00:aa:bb:01"), node(NodeInterface, "lab").onMAC("02:00:00:aa:bb:02")
	single := span
	single.Last = single.Addr
	backwards := span
	backwards.Last = addr.Prev()
	family := span
	family.Last = netip.MustParseAddr("2001:db8::1")
	steps := []struct {
		name   string
		claims []Claim
		want   Changes
	}{
		{"what comes is told, sorted", []Claim{two, span, one}, Changes{MACs: []string{one.MAC, two.MAC}, Ranges: []Claim{span}}},
		{"another spelling is no change", []Claim{two.onMAC("0200.00aa.bb02"), one.onMAC("02-00-00-AA-BB-01"), span}, Changes{}},
		{"a range that changes is told as it was and as it is", []Claim{longer, one, two}, Changes{Ranges: []Claim{span, longer}}},
		{"a range of one address is that address", []Claim{single, longer, one, two}, Changes{Addrs: []netip.Addr{addr}}},
		{"what is on nothing is left out", []Claim{single, longer, one, two, backwards, family, one.onMAC("02:00:00"), one.onMAC("")}, Changes{}},
		{"what goes is told", nil, Changes{Addrs: []netip.Addr{addr}, MACs: []string{one.MAC, two.MAC}, Ranges: []Claim{longer}}},
	}
	for _, s := range steps {
		got := idx.Replace("x", s.claims)
		if diff := cmp.Diff(s.want, got, equal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
		if want := cmp.Equal(s.want, Changes{}, equal); got.Empty() != want {
			t.Errorf("%s: Empty = %t", s.name, !want)
		}
	}
	if len(idx.table) != 0 {
		t.Errorf("left behind: %v", idx.table)
	}
}

func TestFindMAC(t *testing.T) {
	var idx Index
	lease, elsewhere := wukong(Lease, "team-a", "web", "lab", 1).onMAC("02:00:00:aa:bb:01"), node(NodeInterface, "dmz").onMAC("02:00:00:aa:bb:01")
	both := node(NodeInterface, "lab")
	both.MAC = "02:00:00:aa:bb:02"
	idx.Replace("x", []Claim{lease, elsewhere, both})
	if diff := cmp.Diff([]Claim{lease}, idx.FindMAC("lab", "02-00-00-AA-BB-01"), equal); diff != "" {
		t.Errorf("FindMAC (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Claim{elsewhere, lease}, idx.FindMAC("", "02:00:00:aa:bb:01"), equal); diff != "" {
		t.Errorf("FindMAC on an unknown segment (-want +got):\n%s", diff)
	}
	for _, mac := range []string{both.MAC, "", "02:00:00:aa:bb", "02:00:00:aa:bb:0g", "0200:00:aa:bb:01:", "::"} {
		if got := idx.FindMAC("lab", mac); got != nil {
			t.Errorf("FindMAC(%q) = %v", mac, got)
		}
	}
	if got := idx.Find("lab", addr); len(got) != 1 || got[0].MAC != "" {
		t.Errorf("a claim with both is not one on the address alone: %v", got)
	}
}

// TestTheIndexFindsWhatAScanFinds compares with the definition: every claim that meets the probe. The ranges are long and
// short, nested and overlapping, of both families, and come and go.
func TestTheIndexFindsWhatAScanFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	somewhere := func() netip.Addr {
		if r.IntN(3) == 0 {
			return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(r.IntN(256))})
		}
		return nth(r.IntN(500))
	}
	place := func(c Claim) Claim {
		if c.Addr = somewhere(); r.IntN(2) == 0 {
			c.Last = somewhere()
		}
		return c
	}
	var idx Index
	known := map[string][]Claim{}
	found := 0
	for range 400 {
		source := fmt.Sprint(r.IntN(20))
		known[source] = nil
		for i := range r.IntN(30) {
			known[source] = append(known[source], place(Claim{Segment: oneOf(r, "", "lab", "dmz"), Kind: Excluded, Owner: source, Evidence: fmt.Sprint(i)}))
		}
		idx.Replace(source, known[source])
		probe, ok := place(Claim{Segment: oneOf(r, "", "lab", "dmz")}).normal()
		if !ok {
			continue
		}
		var want []Claim
		for _, claims := range known {
			for _, c := range canonical(claims) {
				if c.meets(&probe) {
					want = append(want, c)
				}
			}
		}
		slices.SortFunc(want, func(a, b Claim) int { return byAge(&a, &b) })
		got := idx.find(probe)
		if !slices.Equal(want, got) {
			t.Fatalf("%s-%s on %q (-scan +index):\n%s", probe.Addr, probe.Last, probe.Segment, cmp.Diff(want, got, equal))
		}
		found += len(got)
	}
	if found < 1000 {
		t.Errorf("only %d claims were compared", found)
	}
}

func (c Claim) since(t time.Time) Claim { c.Since = t; return c }

func TestReplaceLeavesTheCallersClaimsAlone(t *testing.T) {
	var idx Index
	claims := []Claim{node(Gateway, "b"), node(Gateway, "a")}
	before := slices.Clone(claims)
	idx.Replace("x", claims)
	if diff := cmp.Diff(before, claims, equal); diff != "" {
		t.Errorf("the argument was changed (-want +got):\n%s", diff)
	}
	claims[0].Owner = "somebody else"
	if got := idx.Find("b", addr); len(got) != 1 || got[0].Owner != "node node-a" {
		t.Errorf("the index shares memory with its argument: %v", got)
	}
}

// replay applies random replacements to one index and gives it with what each source said last.
func replay(r *rand.Rand, steps int) (*Index, map[string][]Claim) {
	idx, last := &Index{}, map[string][]Claim{}
	for range steps {
		source := fmt.Sprintf("source-%d", r.IntN(5))
		last[source] = randomClaims(r, r.IntN(12))
		idx.Replace(source, last[source])
	}
	return idx, last
}

func TestAnIncrementalIndexEqualsARebuiltOne(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		got, last := replay(r, 1+r.IntN(30))
		var want Index
		for source, claims := range last {
			want.Replace(source, claims)
		}
		for i := range 6 {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			for _, segment := range []string{"", "lab", "lab.100", "dmz", "other"} {
				if w, g := want.Find(segment, a), got.Find(segment, a); !slices.Equal(w, g) {
					t.Fatalf("%s on %q (-rebuilt +incremental):\n%s", a, segment, cmp.Diff(w, g, equal))
				}
			}
		}
		for _, mac := range []string{"02:00:00:aa:bb:01", "02:00:00:aa:bb:02"} {
			if w, g := want.FindMAC("lab", mac), got.FindMAC("lab", mac); !slices.Equal(w, g) {
				t.Fatalf("%s (-rebuilt +incremental):\n%s", mac, cmp.Diff(w, g, equal))
			}
		}
		if want.Len() != got.Len() || len(want.table) != len(got.table) {
			t.Fatalf("%d addresses on %d segments, rebuilt %d on %d", got.Len(), len(got.table), want.Len(), len(want.table))
		}
	}
}

func TestReplaceTellsExactlyWhatFindSees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	idx, last := replay(r, 20)
	for range 300 {
		source := fmt.Sprintf("source-%d", r.IntN(5))
		before := snapshot(idx)
		fresh := randomClaims(r, r.IntN(12))
		changed := idx.Replace(source, fresh)
		after := snapshot(idx)
		for place := range after {
			told := slices.ContainsFunc(changed.Addrs, func(a netip.Addr) bool { return a.String() == place }) || slices.Contains(changed.MACs, place) ||
				slices.ContainsFunc(changed.Ranges, func(c Claim) bool {
					a, err := netip.ParseAddr(place)
					return err == nil && c.meets(&Claim{Addr: a})
				})
			if !slices.Equal(before[place], after[place]) && !told {
				t.Fatalf("%s changed and was not told", place)
			}
		}
		if same := slices.Equal(canonical(last[source]), canonical(fresh)); same != changed.Empty() {
			t.Fatalf("Empty = %t for %v after %v", changed.Empty(), fresh, last[source])
		}
		last[source] = fresh
	}
}

// snapshot is what can be found, by the address or MAC address.
func snapshot(idx *Index) map[string][]Claim {
	out := map[string][]Claim{}
	for i := range 6 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		out[a.String()] = idx.Find("", a)
	}
	for _, mac := range []string{"02:00:00:aa:bb:01", "02:00:00:aa:bb:02"} {
		out[mac] = idx.FindMAC("", mac)
	}
	return out
}

func FuzzConflictsNeverPanicAndAgree(f *testing.F) {
	f.Add("10.0.0.5", "", "", "lab", "10.0.0.1", "10.0.0.9", "", "", "Lease", "", int64(1), int64(2))
	f.Add("fe80::1%eth0", "", "", "lab", "::ffff:1.2.3.4", "::ffff:1.2.3.9", "", "\x00", "", "a", int64(-1), int64(1<<62))
	f.Add("", "", "02:00:00:aa:bb:01", "lab", "", "", "0200.00aa.bb01", "", "NodeInterface", "b", int64(0), int64(0))
	f.Add("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ":", "", "255.255.255.255", "0.0.0.0", "", "", "GuestReport", "", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, a, lastA, macA, segmentA, b, lastB, macB, segmentB, kind, keptFor string, sinceA, sinceB int64) {
		asker := Claim{Segment: segmentA, MAC: macA, Kind: Request, Owner: "a", Since: time.Unix(sinceA, 0)}
		other := Claim{Segment: segmentB, MAC: macB, Kind: Kind(kind), Owner: "b", For: keptFor, Since: time.Unix(sinceB, 0)}
		asker.Addr, _ = netip.ParseAddr(a)
		asker.Last, _ = netip.ParseAddr(lastA)
		other.Addr, _ = netip.ParseAddr(b)
		other.Last, _ = netip.ParseAddr(lastB)
		if asker.meets(&other) != other.meets(&asker) {
			t.Errorf("%+v meets %+v, and not the other way round", asker, other)
		}
		for _, c := range []Claim{asker, other} {
			if n, ok := c.normal(); ok && !n.meets(&n) {
				t.Errorf("%+v does not meet itself", n)
			} else if again, still := n.normal(); ok && (!still || again != n) {
				t.Errorf("%+v is not normal, %+v is", n, again)
			}
		}
		var idx Index
		idx.Replace("x", []Claim{other})
		var told []Conflict
		for _, c := range FindAll([]Claim{asker, other}) {
			if c.Asker.Owner == "a" {
				told = append(told, c)
			}
		}
		got := Conflicts(asker, &idx)
		if diff := cmp.Diff(told, got, equal); diff != "" {
			t.Errorf("the two searches disagree (-FindAll +Conflicts):\n%s", diff)
		}
		for _, c := range got {
			_, _ = c.String(), c.Tenant()
		}
		if !idx.Replace("x", []Claim{other}).Empty() {
			t.Errorf("a repetition is told as a change: %+v", other)
		}
		idx.Replace("x", nil)
		if len(idx.table) != 0 {
			t.Errorf("left behind: %v", idx.table)
		}
	})
}

func TestAnIndexServesSeveralGoroutines(t *testing.T) {
	var idx Index
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(9, uint64(i)))
			for range 200 {
				idx.Replace(fmt.Sprint(i), randomClaims(r, 10))
				Conflicts(wukong(Request, "ns-1", "w1", "lab", 0), &idx)
				idx.Len()
			}
			idx.Replace(fmt.Sprint(i), nil)
		})
	}
	wg.Wait()
	if idx.Len() != 0 {
		t.Errorf("%d addresses left", idx.Len())
	}
}
