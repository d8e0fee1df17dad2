package ipam

import (
	"math/bits"
	"strconv"
)

// Count is a number of addresses. It saturates: sums stay below 2^128, differences do not become negative. The zero value
// is none.
type Count struct{ n u128 }

// CountOf gives n as a Count.
func CountOf(n uint64) Count {
	return Count{u128{lo: n}}
}

// Add gives the sum.
func (c Count) Add(o Count) Count {
	return Count{c.n.add(o.n)}
}

// Sub gives the difference, none where o is larger.
func (c Count) Sub(o Count) Count {
	return Count{c.n.sub(o.n)}
}

// Compare is -1, 0 or 1 as c is less than, equal to or more than o.
func (c Count) Compare(o Count) int {
	return c.n.cmp(o.n)
}

// IsZero says that there is none.
func (c Count) IsZero() bool {
	return c == Count{}
}

// Uint64 gives the number, and whether it is exact: one that is too large becomes the largest uint64.
func (c Count) Uint64() (n uint64, exact bool) {
	if c.n.hi != 0 {
		return ^uint64(0), false
	}
	return c.n.lo, true
}

// maxDecimal is up to where numbers are written in full, the largest that JSON readers take exactly (RFC 8259 section 6).
const maxDecimal = 1 << 53

// String gives the decimal number up to 2^53. Above, nobody reads or compares the digits: "2^64" is exact, and "about
// 2^64" is the nearest power of two.
func (c Count) String() string {
	if c.n.hi == 0 && c.n.lo <= maxDecimal {
		return strconv.FormatUint(c.n.lo, 10)
	}
	power := c.n.bitLen() - 1
	if bits.OnesCount64(c.n.hi)+bits.OnesCount64(c.n.lo) == 1 {
		return "2^" + strconv.Itoa(power)
	}
	if c.n.bit(power - 1) { // at or above the middle between two powers
		power++
	}
	return "about 2^" + strconv.Itoa(power)
}
