package conflicts

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
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
	if idx.Len() != 1 {
		t.Errorf("Len = %d, want 1", idx.Len())
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
		if want.Len() != got.Len() {
			t.Fatalf("Len = %d, rebuilt %d", got.Len(), want.Len())
		}
	}
}

func TestReplaceTellsExactlyWhatFindSees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	idx, _ := replay(r, 20)
	for range 300 {
		before := snapshot(idx)
		changed := idx.Replace(fmt.Sprintf("source-%d", r.IntN(5)), randomClaims(r, r.IntN(12)))
		after := snapshot(idx)
		for a := range after {
			if !slices.Equal(before[a], after[a]) && !slices.Contains(changed.Addrs, a) {
				t.Fatalf("%s changed and was not told", a)
			}
		}
	}
}

func snapshot(idx *Index) map[netip.Addr][]Claim {
	out := map[netip.Addr][]Claim{}
	for i := range 6 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		out[a] = idx.Find("", a)
	}
	return out
}

func FuzzConflictsNeverPanicAndAgree(f *testing.F) {
	f.Add("10.0.0.5", "lab", "10.0.0.5", "", "Lease", int64(1), int64(2))
	f.Add("fe80::1%eth0", "lab", "::ffff:1.2.3.4", "\x00", "", int64(-1), int64(1<<62))
	f.Fuzz(func(t *testing.T, a, segmentA, b, segmentB, kind string, sinceA, sinceB int64) {
		addrA, _ := netip.ParseAddr(a)
		addrB, _ := netip.ParseAddr(b)
		asker := Claim{Addr: addrA, Segment: segmentA, Kind: Request, Owner: "a", Since: time.Unix(sinceA, 0)}
		other := Claim{Addr: addrB, Segment: segmentB, Kind: Kind(kind), Owner: "b", Since: time.Unix(sinceB, 0)}
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

// million is an index of a million addresses from 1,000 nodes and what one of them says.
func million() (*Index, []Claim) {
	idx := &Index{}
	var claims []Claim
	for n := range 1000 {
		claims = make([]Claim, 0, 1000)
		owner := fmt.Sprintf("node node-%d", n)
		for i := range 1000 {
			claims = append(claims, Claim{Segment: "lab", Addr: nth(n*1000 + i), Kind: NodeInterface, Owner: owner,
				Evidence: "interface eth1 of " + owner})
		}
		idx.Replace(owner, claims)
	}
	runtime.GC() // what building left behind is not to be paid by what is measured
	return idx, claims
}

func nth(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24+uint32(i))
	return netip.AddrFrom4(b)
}

func BenchmarkFindAmongAMillionAddresses(b *testing.B) {
	idx, _ := million()
	for _, bench := range []struct {
		name   string
		offset int
	}{{"taken", 0}, {"free", 2_000_000}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				idx.Find("lab", nth(bench.offset+i*7919%1_000_000))
			}
		})
	}
}

func BenchmarkConflictsAmongAMillionAddresses(b *testing.B) {
	idx, _ := million()
	request := wukong(Request, "team-a", "web", "lab", 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		request.Addr = nth(i * 7919 % 1_000_000)
		Conflicts(request, idx)
	}
}

func BenchmarkReplaceOf200InterfacesThatChangesNothing(b *testing.B) {
	idx, claims := million()
	claims = claims[:200]
	idx.Replace("node node-999", claims)
	b.ReportAllocs()
	for b.Loop() {
		if !idx.Replace("node node-999", claims).Empty() {
			b.Fatal("changed")
		}
	}
}
