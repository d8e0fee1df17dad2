package ipam

import (
	"flag"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"testing"
)

// cycle is what taking and giving back an address costs a space: choose, take, and forget as a deleted record is forgotten.
func cycle(b *testing.B, s *Space) {
	b.ReportAllocs()
	for b.Loop() {
		a, ok := s.Choose("web", nil)
		if !ok {
			b.Fatal("the pool is full")
		}
		s.Set(a, allocated(0))
		s.Set(a, Use{})
	}
}

// filledSlash16 has a share of a /16 in use, in percent, with the free addresses spread all over it.
func filledSlash16(tb testing.TB, percent int) *Space {
	const size = 1<<16 - 2
	return crowded(tb, "10.0.0.0/16", size, size*percent/100)
}

// rowInSlash16 has a share of a /16 in use from its beginning, but for the first address: a search behind that one has to pass
// all of the others.
func rowInSlash16(tb testing.TB, percent int) *Space {
	const size = 1<<16 - 2
	s := crowded(tb, "10.0.0.0/16", size*percent/100, size*percent/100)
	s.Set(addr("10.0.0.1"), Use{})
	return s
}

func BenchmarkChooseBeforeARowInASlash16(b *testing.B) {
	for _, percent := range []int{5, 50, 95, 99} {
		b.Run(strconv.Itoa(percent)+"%", func(b *testing.B) { cycle(b, rowInSlash16(b, percent)) })
	}
}

func BenchmarkChooseInASlash16(b *testing.B) {
	for _, percent := range []int{0, 5, 50, 95, 99} {
		b.Run(strconv.Itoa(percent)+"%", func(b *testing.B) { cycle(b, filledSlash16(b, percent)) })
	}
}

func BenchmarkChooseInASlash64(b *testing.B) {
	b.Run("100000 in a row", func(b *testing.B) { cycle(b, crowded(b, "2001:db8::/64", 100_000, 100_000)) })
	b.Run("100000 with gaps", func(b *testing.B) { cycle(b, crowded(b, "2001:db8::/64", 150_000, 100_000)) })
}

// BenchmarkChooseTheOldestReleased is a pool in which every address was used: what is given back becomes a record, and goes
// to the end of the queue.
func BenchmarkChooseTheOldestReleased(b *testing.B) {
	for _, percent := range []int{5, 95} {
		b.Run(strconv.Itoa(percent)+"%", func(b *testing.B) {
			s := filledSlash16(b, percent)
			n := 0
			for a, ok := s.Choose("web", nil); ok && s.Use(a).Phase == ""; a, ok = s.Choose("web", nil) {
				s.Set(a, wasReleased(n))
				n++
			}
			b.ReportAllocs()
			for b.Loop() {
				a, ok := s.Choose("web", nil)
				if !ok {
					b.Fatal("the pool is full")
				}
				s.Set(a, allocated(n))
				s.Set(a, wasReleased(n))
				n++
			}
		})
	}
}

// BenchmarkChooseWithPools: the cost of an event grows with the pools of the segment, since each counts its addresses.
func BenchmarkChooseWithPools(b *testing.B) {
	for _, pools := range []int{1, 10, 100} {
		b.Run(strconv.Itoa(pools), func(b *testing.B) {
			s := filledSlash16(b, 50)
			for i := range pools - 1 {
				s.Attach(fmt.Sprintf("other-%d", i), pool(b, fmt.Sprintf("10.1.%d.0/24", i), "", ""))
			}
			cycle(b, s)
		})
	}
}

// BenchmarkChooseInAPoolOfManyRanges has a hole at every 64th address, as many as a pool may have.
func BenchmarkChooseInAPoolOfManyRanges(b *testing.B) {
	c := PoolConfig{Subnet: netip.MustParsePrefix("10.0.0.0/16")}
	for i := range MaxRanges {
		c.Exclude = append(c.Exclude, ranges(b, fmt.Sprintf("10.0.%d.%d", i/4, i%4*64+32))...)
	}
	p, err := NewPool(c)
	if err != nil {
		b.Fatal(err)
	}
	for _, percent := range []int{5, 95} {
		b.Run(strconv.Itoa(percent)+"%", func(b *testing.B) {
			s := filledSlash16(b, percent)
			s.Attach("web", p)
			cycle(b, s)
		})
	}
}

func BenchmarkNextInAFullSlash16(b *testing.B) {
	s := filledSlash16(b, 100)
	s.Set(addr("10.0.0.1"), Use{})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Next(netip.MustParsePrefix("10.0.0.0/16"), addr("10.0.0.2"), nil); !ok {
			b.Fatal("nothing is suggested")
		}
	}
}

// BenchmarkAttach counts the used addresses of a segment, as when a pool's ranges are changed.
func BenchmarkAttach(b *testing.B) {
	s := crowded(b, "2001:db8::/64", 150_000, 100_000)
	p := []Pool{pool(b, "2001:db8::/64", "", ""), pool(b, "2001:db8::/64", "", "2001:db8::1")}
	for i := 0; b.Loop(); i++ {
		s.Attach("web", p[i%2])
	}
}

// BenchmarkFill takes all addresses of a /16, and reports what one costs in time and memory.
func BenchmarkFill(b *testing.B) {
	p := pool(b, "10.0.0.0/16", "", "")
	n := 0
	for b.Loop() {
		var s Space
		s.Attach("web", p)
		n = 0
		for a, ok := s.Choose("web", nil); ok; a, ok = s.Choose("web", nil) {
			s.Set(a, allocated(0))
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/address")
	b.ReportMetric(float64(retained(func() *Space { return filledSlash16(b, 100) }))/float64(n), "B/address")
}

func BenchmarkNewPoolOfManyRanges(b *testing.B) {
	c := PoolConfig{Subnet: netip.MustParsePrefix("10.0.0.0/8")}
	for i := range MaxRanges {
		c.Ranges = append(c.Ranges, ranges(b, fmt.Sprintf("10.%d.%d.0/25", i/256, i%256))...)
		c.Exclude = append(c.Exclude, ranges(b, fmt.Sprintf("10.%d.%d.64", i/256, i%256))...)
	}
	for b.Loop() {
		if _, err := NewPool(c); err != nil {
			b.Fatal(err)
		}
	}
}

// TestChoosingCostsTheSameInAFullPool compares a /16 that is nearly full with one that is nearly empty. It says nothing about
// seconds. A search that goes from address to address costs 50 times as much behind a row in use.
func TestChoosingCostsTheSameInAFullPool(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	benchtime := flag.Lookup("test.benchtime")
	defer func(before string) { _ = benchtime.Value.Set(before) }(benchtime.Value.String())
	if err := benchtime.Value.Set("20ms"); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		fill  func(testing.TB, int) *Space
		limit float64
	}{
		"free addresses all over the pool":             {filledSlash16, 1.5},
		"one free address, and behind it a row in use": {rowInSlash16, 2.5}, // one level more to pass
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { compareCosts(t, c.fill(t, 5), c.fill(t, 95), c.limit) })
	}
}

// compareCosts measures both in short turns, so that what else the machine does falls on both, and compares the fastest turn
// of each, which it disturbed least. On a busy machine it takes more turns before it complains.
func compareCosts(t *testing.T, empty, full *Space, limit float64) {
	t.Helper()
	measure := func(s *Space) float64 {
		r := testing.Benchmark(func(b *testing.B) { cycle(b, s) })
		if r.AllocsPerOp() != 0 {
			t.Errorf("%d allocations", r.AllocsPerOp())
		}
		return float64(r.T.Nanoseconds()) / float64(r.N)
	}
	low, high := math.Inf(1), math.Inf(1)
	for turn := 0; turn < 15 || turn < 100 && high > low*limit; turn++ {
		low = min(low, measure(empty))
		high = min(high, measure(full))
	}
	t.Logf("%.0f ns at 5 %%, %.0f ns at 95 %%: %.2f times", low, high, high/low)
	if high > low*limit {
		t.Errorf("at 95 %% choosing costs %.2f times what it costs at 5 %%, want at most %.1f", high/low, limit)
	}
}
