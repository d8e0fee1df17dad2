package ipam

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// u128 is a number of 128 bits: an address, or how many of them there are.
type u128 struct{ hi, lo uint64 }

var maxU128 = u128{^uint64(0), ^uint64(0)}

// keyOf gives the address as a number. IPv4 addresses are those of ::ffff:0:0/96 (RFC 4291 section 2.5.5.2), so that one
// order and one set hold both families; a zone is lost.
func keyOf(a netip.Addr) u128 {
	b := a.As16()
	return u128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// addrOf is the reverse of keyOf.
func addrOf(x u128) netip.Addr {
	if x.hi == 0 && x.lo>>32 == 0xffff {
		return netip.AddrFrom4([4]byte{byte(x.lo >> 24), byte(x.lo >> 16), byte(x.lo >> 8), byte(x.lo)})
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], x.hi)
	binary.BigEndian.PutUint64(b[8:], x.lo)
	return netip.AddrFrom16(b)
}

func (x u128) cmp(y u128) int {
	switch {
	case x == y:
		return 0
	case x.hi < y.hi || x.hi == y.hi && x.lo < y.lo:
		return -1
	}
	return 1
}

func (x u128) less(y u128) bool {
	return x.hi < y.hi || x.hi == y.hi && x.lo < y.lo
}

// add gives x+y, or the largest number where that is too large.
func (x u128) add(y u128) u128 {
	lo, carry := bits.Add64(x.lo, y.lo, 0)
	hi, carry := bits.Add64(x.hi, y.hi, carry)
	if carry != 0 {
		return maxU128
	}
	return u128{hi, lo}
}

// sub gives x-y, or 0 where that is negative.
func (x u128) sub(y u128) u128 {
	lo, borrow := bits.Sub64(x.lo, y.lo, 0)
	hi, borrow := bits.Sub64(x.hi, y.hi, borrow)
	if borrow != 0 {
		return u128{}
	}
	return u128{hi, lo}
}

// next gives x+1, or x where it is the largest number.
func (x u128) next() u128 {
	return x.add(u128{lo: 1})
}

// word gives x/64.
func (x u128) word() u128 {
	return u128{x.hi >> 6, x.hi<<58 | x.lo>>6}
}

// at gives x*64+bit, without what does not fit.
func (x u128) at(bit int) u128 {
	return u128{x.hi<<6 | x.lo>>58, x.lo<<6 | uint64(bit)}
}

func (x u128) bitLen() int {
	if x.hi != 0 {
		return 64 + bits.Len64(x.hi)
	}
	return bits.Len64(x.lo)
}

// bit says whether bit i is set, counted from the lowest.
func (x u128) bit(i int) bool {
	if i >= 64 {
		return x.hi>>(i-64)&1 != 0
	}
	return x.lo>>i&1 != 0
}
