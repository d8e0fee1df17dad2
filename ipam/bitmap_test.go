package ipam

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBitmapFindsWhatASearchFinds fills a block of addresses beyond 64 cubed, so that all of the first four levels are in use,
// and opens and closes holes at random. The search must find the holes, and what lies behind the block.
func TestBitmapFindsWhatASearchFinds(t *testing.T) {
	const size = 300_000
	bases := map[string]u128{
		"at the beginning of all addresses":   {},
		"among IPv4 addresses":                {lo: 0xffff<<32 | 10<<24},
		"across the middle of IPv6 addresses": {hi: 0x20010db8_00000000, lo: ^uint64(0) - 1000},
		"at the end of all addresses":         maxU128.sub(u128{lo: size - 1}),
	}
	for name, base := range bases {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 4))
			var b bitmap
			for i := range uint64(size) {
				b.add(base.add(u128{lo: i}))
			}
			var holes []uint64 // in order
			for range 2000 {
				i := rnd.Uint64N(size)
				at, found := slices.BinarySearch(holes, i)
				if found {
					holes = slices.Delete(holes, at, at+1)
					b.add(base.add(u128{lo: i}))
				} else {
					holes = slices.Insert(holes, at, i)
					b.remove(base.add(u128{lo: i}))
				}
				first := rnd.Uint64N(size)
				last := min(size-1, first+rnd.Uint64N(size))
				at, _ = slices.BinarySearch(holes, first)
				want := at < len(holes) && holes[at] <= last
				got, ok := b.nextOutside(base.add(u128{lo: first}), base.add(u128{lo: last}))
				if ok != want || ok && got != base.add(u128{lo: holes[at]}) {
					t.Fatalf("from %d to %d among %d holes: %v, %v, want %v", first, last, len(holes), got, ok, want)
				}
			}
			end := base.add(u128{lo: size - 1})
			if got, ok := b.nextOutside(end, maxU128); ok != (end != maxU128) || ok && got != end.next() {
				t.Errorf("behind the block: %v, %v", got, ok)
			}
			for i := range uint64(size) {
				b.remove(base.add(u128{lo: i}))
			}
			if n := words(b); n != 0 {
				t.Errorf("an empty set keeps %d words", n)
			}
		})
	}
}

// words is how many words of 64 bits a set consists of.
func words(b bitmap) int {
	n := 0
	for _, level := range b.levels {
		n += len(level)
	}
	return n
}

// TestBitmapGrowsWithItsMembersAlone: an address that is far from others costs one word, and a full /16 little more than its
// bits.
func TestBitmapGrowsWithItsMembersAlone(t *testing.T) {
	var far, dense bitmap
	for i := range uint64(1000) {
		far.add(u128{hi: i << 50, lo: i << 40})
	}
	for i := range uint64(1 << 16) {
		dense.add(u128{lo: i})
	}
	if n := words(far); n != 1000 {
		t.Errorf("1,000 addresses that are far apart take %d words", n)
	}
	if n := words(dense); n != 1024+16+1 {
		t.Errorf("65,536 neighbours take %d words", n)
	}
}
