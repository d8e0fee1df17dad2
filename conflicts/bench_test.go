package conflicts

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// nth gives the addresses from 10.0.0.0 on.
func nth(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24+uint32(i))
	return netip.AddrFrom4(b)
}

// scattered gives numbers below n in an order in which no two neighbours are in the same piece of memory.
func scattered(i, n int) int { return i * 7919 % n }

// nodeClaims are what one node with so many interfaces says.
func nodeClaims(node, interfaces int) (string, []Claim) {
	owner := fmt.Sprintf("node node-%d", node)
	claims := make([]Claim, 0, interfaces)
	for i := range interfaces {
		claims = append(claims, Claim{Segment: "lab", Addr: nth(node*interfaces + i), Kind: NodeInterface, Owner: owner,
			Evidence: fmt.Sprintf("interface eth%d of %s", i, owner)})
	}
	return owner, claims
}

// manyNodes is an index of so many addresses, 200 of each node.
func manyNodes(addresses int) *Index {
	idx := &Index{}
	for n := range addresses / 200 {
		source, claims := nodeClaims(n, 200)
		idx.Replace(source, claims)
	}
	runtime.GC() // what building left behind is not to be paid by what is measured
	return idx
}

const million = 1_000_000

func BenchmarkConflictsAmongAMillionAddresses(b *testing.B) {
	idx := manyNodes(million)
	for name, bench := range map[string]struct {
		asker Claim
		first int
	}{
		"free":                   {wukong(Request, "team-a", "web", "lab", 0), 2 * million},
		"taken":                  {wukong(Request, "team-a", "web", "lab", 0), 0},
		"on another segment":     {wukong(Request, "team-a", "web", "dmz", 0), 0},
		"taken, segment unknown": {wukong(Request, "team-a", "web", "", 0), 0},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			asker := bench.asker
			for i := 0; b.Loop(); i++ {
				asker.Addr = nth(bench.first + scattered(i, million))
				Conflicts(asker, idx)
			}
		})
	}
}

// manyRanges is an index of 10,000 ranges on one segment, half of them inside a great one.
func manyRanges() *Index {
	idx := &Index{}
	ranges := []Claim{{Segment: "lab", Addr: nth(0), Last: nth(50_000), Kind: Reservation, Owner: "AddressReservation half"}}
	for i := range 10_000 {
		ranges = append(ranges, Claim{Segment: "lab", Addr: nth(10 * i), Last: nth(10*i + 4), Kind: Excluded, Owner: "AddressPool lab"})
	}
	idx.Replace("AddressPool lab", ranges)
	return idx
}

func BenchmarkReplaceBesideTenThousandRanges(b *testing.B) {
	idx := manyRanges()
	claim := Claim{Segment: "lab", Addr: nth(30_000), Last: nth(70_000), Kind: Reservation, Owner: "AddressReservation middle"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		claim.Last = nth(80_000 + i&1)
		if len(idx.Replace("AddressReservation middle", []Claim{claim}).Ranges) == 0 {
			b.Fatal("the change was not told")
		}
	}
}

func BenchmarkConflictsBesideTenThousandRanges(b *testing.B) {
	idx := manyRanges()
	for name, last := range map[string]int{"in no range": 50_005, "in one": 50_014, "in two": 4} {
		asker := wukong(Request, "team-a", "web", "lab", 0)
		asker.Addr = nth(last)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Conflicts(asker, idx)
			}
		})
	}
}

func BenchmarkReplaceOf200Interfaces(b *testing.B) {
	idx := manyNodes(million)
	source, claims := nodeClaims(17, 200)
	b.Run("nothing changes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !idx.Replace(source, claims).Empty() {
				b.Fatal("changed")
			}
		}
	})
	b.Run("one address comes and goes", func(b *testing.B) {
		b.ReportAllocs()
		for i := 1; b.Loop(); i++ {
			if len(idx.Replace(source, claims[i%2:]).Addrs) != 1 {
				b.Fatal("the change was not told")
			}
		}
	})
}

// BenchmarkMemory reports the bytes that a known address costs: on nodes with 200 interfaces each, and as leases of which
// each has a source and an owner of its own. The words of owners, evidence and records are part of it.
func BenchmarkMemory(b *testing.B) {
	const addresses = 100_000
	for name, fill := range map[string]func(idx *Index){
		"node interfaces": func(idx *Index) {
			for n := range addresses / 200 {
				source, claims := nodeClaims(n, 200)
				idx.Replace(source, claims)
			}
		},
		"leases": func(idx *Index) {
			for i := range addresses {
				record := fmt.Sprintf("AddressLease ip-%d.lab", i)
				idx.Replace(record, []Claim{{Segment: "lab", Addr: nth(i), Kind: Lease, Namespace: "team-a", Record: record,
					Owner: fmt.Sprintf("Wukong team-a/vm-%d network eth0", i)}})
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				idx := &Index{}
				fill(idx)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/addresses, "B/address")
				runtime.KeepAlive(idx)
			}
		})
	}
}

// fleet is so many Wukongs, each with one address on the segment, and the index that knows of their leases.
func fleet(n int) ([]v1alpha1.Wukong, *Index) {
	wukongs, idx := make([]v1alpha1.Wukong, n), &Index{}
	for i := range wukongs {
		w := &wukongs[i]
		w.ObjectMeta = metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%d", i%100), Name: fmt.Sprintf("vm-%d", i)}
		w.Status.Networks = []v1alpha1.WukongNetworkStatus{{Name: "eth0", Segment: "lab", IPAddress: nth(i).String(),
			Addresses: []v1alpha1.WukongAddressStatus{{Address: nth(i).String() + "/8"}}}}
		idx.Replace(w.Namespace+"/"+w.Name, []Claim{{Segment: "lab", Addr: nth(i), Kind: Lease, Namespace: w.Namespace, Owner: holderOf(w)}})
	}
	runtime.GC()
	return wukongs, idx
}

func holderOf(w *v1alpha1.Wukong) string {
	return fmt.Sprintf("Wukong %s/%s network eth0", w.Namespace, w.Name)
}

// scan is how it would be without an index: read the status of every Wukong, parse each address and compare it.
func scan(wukongs []v1alpha1.Wukong, segment string, addr netip.Addr) []*v1alpha1.Wukong {
	var found []*v1alpha1.Wukong
	for i := range wukongs {
		for _, n := range wukongs[i].Status.Networks {
			if n.Segment != segment {
				continue
			}
			for _, a := range n.Addresses {
				if p, err := netip.ParsePrefix(a.Address); err == nil && p.Addr() == addr {
					found = append(found, &wukongs[i])
				}
			}
		}
	}
	return found
}

// listed gives the Wukongs as a client with a cache does: each one copied.
func listed(wukongs []v1alpha1.Wukong) []v1alpha1.Wukong {
	out := make([]v1alpha1.Wukong, len(wukongs))
	for i := range wukongs {
		wukongs[i].DeepCopyInto(&out[i])
	}
	return out
}

// ways to find the holder of an address among the Wukongs of a fleet.
func ways(wukongs []v1alpha1.Wukong, idx *Index) map[string]func(b *testing.B) {
	asker := wukong(Request, "team-x", "late", "lab", 0)
	each := func(holders func(addr netip.Addr) int) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if holders(nth(scattered(i, len(wukongs)))) != 1 {
					b.Fatal("the holder was not found")
				}
			}
		}
	}
	return map[string]func(b *testing.B){
		"list and scan": each(func(addr netip.Addr) int { return len(scan(listed(wukongs), "lab", addr)) }),
		"scan alone":    each(func(addr netip.Addr) int { return len(scan(wukongs, "lab", addr)) }),
		"Conflicts":     each(func(addr netip.Addr) int { asker.Addr = addr; return len(Conflicts(asker, idx)) }),
		"Refused": each(func(addr netip.Addr) int {
			if asker.Addr = addr; Refused(asker, idx) {
				return 1
			}
			return 0
		}),
	}
}

func BenchmarkHolderAmong100000Wukongs(b *testing.B) {
	for name, way := range ways(fleet(100_000)) {
		b.Run(name, way)
	}
}

// TestALookupIsTenThousandTimesFasterThanAScan compares the two on one machine in one run, the fastest of some rounds of
// each. How long either takes depends on the machine and is only told.
func TestALookupIsTenThousandTimesFasterThanAScan(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	wukongs, idx := fleet(100_000)
	for i := range 5 {
		asker := wukong(Request, "team-x", "late", "lab", 0)
		asker.Addr = nth(scattered(i, len(wukongs)))
		holders, found := scan(listed(wukongs), "lab", asker.Addr), Conflicts(asker, idx)
		if len(holders) != 1 || len(found) != 1 || found[0].Other.Owner != holderOf(holders[0]) {
			t.Fatalf("%s: the scan finds %v, the index %v", asker.Addr, holders, found)
		}
	}
	fastest := map[string]float64{}
	for range 2 {
		for name, way := range ways(wukongs, idx) {
			r := testing.Benchmark(way)
			took := float64(r.T.Nanoseconds()) / float64(r.N)
			t.Logf("%s: %.0f ns", name, took)
			if best, ok := fastest[name]; !ok || took < best {
				fastest[name] = took
			}
		}
	}
	t.Logf("without the copies of the list it is %.0f times faster", fastest["scan alone"]/fastest["Conflicts"])
	if ratio := fastest["list and scan"] / fastest["Conflicts"]; ratio < 10_000 {
		t.Errorf("a lookup is %.0f times faster than a list with a scan, want at least 10000", ratio)
	} else {
		t.Logf("with them it is %.0f times faster", ratio)
	}
}

func TestALookupThatFindsNoConflictAllocatesNothing(t *testing.T) {
	idx := manyNodes(10_000)
	idx.Replace("AddressPool lab", []Claim{{Segment: "lab", Addr: nth(20_000), Last: nth(20_009), Kind: Excluded, Owner: "AddressPool lab"}})
	own := wukong(Lease, "team-a", "web", "lab", 0)
	own.Addr = nth(30_000)
	mac := own
	mac.Addr, mac.MAC = netip.Addr{}, "02:00:00:aa:bb:01"
	idx.Replace("AddressLease own", []Claim{own, mac})
	free, elsewhere := own, own
	free.Addr, elsewhere.Addr, elsewhere.Segment = nth(40_000), nth(0), "dmz"
	freeMAC := mac
	freeMAC.MAC = "02:00:00:aa:bb:02"
	for name, asker := range map[string]Claim{"free": free, "its own": own, "its own MAC": mac, "a free MAC": freeMAC, "taken elsewhere": elsewhere} {
		if n := testing.AllocsPerRun(100, func() {
			if Conflicts(asker, idx) != nil || Refused(asker, idx) {
				t.Fatal(name, "conflicts")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for name, find := range map[string]func() []Claim{
		"Find":    func() []Claim { return idx.Find("lab", free.Addr) },
		"FindMAC": func() []Claim { return idx.FindMAC("lab", freeMAC.MAC) },
	} {
		if n := testing.AllocsPerRun(100, func() { find() }); n != 0 || find() != nil {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
