package ipam

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCountIsWrittenForPeople(t *testing.T) {
	power := func(n int) Count {
		if n >= 64 {
			return Count{u128{hi: 1 << (n - 64)}}
		}
		return CountOf(1 << n)
	}
	one := CountOf(1)
	cases := map[string]struct {
		count Count
		want  string
	}{
		"none":                                {Count{}, "0"},
		"a few in decimal":                    {CountOf(254), "254"},
		"a /8 in decimal":                     {CountOf(1 << 24).Sub(CountOf(2)), "16777214"},
		"the last number in decimal":          {CountOf(1 << 53), "9007199254740992"},
		"above it about a power":              {CountOf(1<<53 + 1), "about 2^53"},
		"a whole /64 is an exact power":       {power(64), "2^64"},
		"a /64 without one is about it":       {power(64).Sub(one), "about 2^64"},
		"a /64 and one more is about it":      {power(64).Add(one), "about 2^64"},
		"half as much again counts up":        {power(64).Add(power(63)), "about 2^65"},
		"below half as much again":            {power(64).Add(power(63)).Sub(one), "about 2^64"},
		"a /1 of IPv6":                        {power(127), "2^127"},
		"a sum that is too large saturates":   {power(127).Add(power(127)), "about 2^128"},
		"a difference is never negative":      {CountOf(1).Sub(CountOf(2)), "0"},
		"a large difference is not, either":   {power(64).Sub(power(65)), "0"},
		"a difference across the two halves":  {power(64).Sub(power(64).Sub(one)), "1"},
		"the largest of 64 bits is about one": {CountOf(^uint64(0)), "about 2^64"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.count.String(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestCountsAddUpAsNumbersDo compares with numbers of any size.
func TestCountsAddUpAsNumbersDo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	most := new(big.Int).Sub(limit, big.NewInt(1))
	bigOf := func(c Count) *big.Int {
		n := new(big.Int).SetUint64(c.n.hi)
		return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(c.n.lo))
	}
	for range 10_000 {
		a := Count{u128{rnd.Uint64() >> rnd.IntN(65), rnd.Uint64() >> rnd.IntN(65)}}
		b := Count{u128{rnd.Uint64() >> rnd.IntN(65), rnd.Uint64() >> rnd.IntN(65)}}
		x, y := bigOf(a), bigOf(b)
		sum := new(big.Int).Add(x, y)
		if sum.Cmp(limit) >= 0 {
			sum = most
		}
		difference := new(big.Int).Sub(x, y)
		if difference.Sign() < 0 {
			difference = new(big.Int)
		}
		if bigOf(a.Add(b)).Cmp(sum) != 0 || bigOf(a.Sub(b)).Cmp(difference) != 0 || a.Compare(b) != x.Cmp(y) || a.IsZero() != (x.Sign() == 0) {
			t.Fatalf("%s and %s: sum %s, difference %s, order %d", x, y, bigOf(a.Add(b)), bigOf(a.Sub(b)), a.Compare(b))
		}
		n, exact := a.Uint64()
		if exact != x.IsUint64() || exact && n != x.Uint64() || !exact && n != ^uint64(0) {
			t.Fatalf("%s as uint64 is %d, %v", x, n, exact)
		}
		if text := a.String(); !strings.HasPrefix(text, "about ") && !strings.HasPrefix(text, "2^") && text != x.String() {
			t.Fatalf("%s is written %q", x, text)
		}
	}
}
