package ipam

import (
	"net/netip"
	"strconv"
	"strings"

	"go4.org/netipx"
)

// ParseRange reads one entry of a pool's ranges or exclusions, or of a reservation: one address ("192.0.2.10"), its first
// and last address ("192.0.2.10-192.0.2.99"), or a prefix ("192.0.2.64/26").
//
// Refused are other spellings, as ParseAddress and ParseIP refuse them, ends of two families or in the wrong order, a
// prefix with host bits or of length 0, and ends that no machine can have: see unusable. Every error is an *InvalidError.
func ParseRange(s string) (netipx.IPRange, error) {
	if first, last, found := strings.Cut(s, "-"); found {
		return parseEnds(s, first, last)
	}
	if strings.Contains(s, "/") {
		return parsePrefix(s)
	}
	addr, err := parseEnd(s)
	if err != nil {
		return netipx.IPRange{}, err
	}
	return netipx.IPRangeFrom(addr, addr), nil
}

func parseEnds(s, first, last string) (netipx.IPRange, error) {
	from, err := parseEnd(first)
	if err != nil {
		return netipx.IPRange{}, err
	}
	if n, err := strconv.ParseUint(last, 10, 8); err == nil && from.Is4() {
		return netipx.IPRange{}, &InvalidError{Value: s, Problem: "has no address after the dash",
			Fix: "write both ends in full: " + first + "-" + withLastByte(from, byte(n)).String()}
	}
	to, err := parseEnd(last)
	if err != nil {
		return netipx.IPRange{}, err
	}
	if from.Is4() != to.Is4() {
		return netipx.IPRange{}, &InvalidError{Value: s, Problem: "begins with an " + family(from) + " address and ends with an " + family(to) + " one",
			Fix: "write two ends of one family"}
	}
	if to.Less(from) {
		return netipx.IPRange{}, &InvalidError{Value: s, Problem: "ends before it begins", Fix: "write " + to.String() + "-" + from.String()}
	}
	return netipx.IPRangeFrom(from, to), nil
}

func withLastByte(a netip.Addr, b byte) netip.Addr {
	octets := a.As4()
	octets[3] = b
	return netip.AddrFrom4(octets)
}

func parsePrefix(s string) (netipx.IPRange, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netipx.IPRange{}, explainAddress(s)
	}
	switch masked := p.Masked(); {
	case p.Addr().Is4In6():
		return netipx.IPRange{}, &InvalidError{Value: s, Problem: "is an IPv4 address in IPv6 form", Fix: "write " + unmapped(p)}
	case p.Bits() == 0:
		return netipx.IPRange{}, &InvalidError{Value: s, Problem: "has the prefix length 0, which is every address",
			Fix: "write the prefix that is meant, such as 192.0.2.64/26"}
	case p != masked:
		return netipx.IPRange{}, &InvalidError{Value: s, Problem: "has bits after its prefix length, and so may mean an address or a prefix",
			Fix: "write " + masked.String() + " for the prefix, or " + p.Addr().String() + " for the address alone"}
	}
	r := netipx.RangeOfPrefix(p)
	if err := checkEnds(s, r); err != nil {
		return netipx.IPRange{}, err
	}
	return r, nil
}

// parseEnd reads an address that begins or ends a range.
func parseEnd(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, explainEnd(s)
	}
	if addr.Is4In6() {
		return netip.Addr{}, &InvalidError{Value: s, Problem: "is an IPv4 address in IPv6 form", Fix: "write " + addr.Unmap().String()}
	}
	if addr.Zone() != "" {
		return netip.Addr{}, withoutZone(s)
	}
	if err := checkEnds(s, netipx.IPRangeFrom(addr, addr)); err != nil {
		return netip.Addr{}, err
	}
	return addr, nil
}

// checkEnds refuses a range that begins or ends with an address of no machine: it is a mistake, or says nothing.
func checkEnds(s string, r netipx.IPRange) error {
	for _, end := range [...]netip.Addr{r.From(), r.To()} {
		what := unusable(end)
		if what == "" {
			continue
		}
		problem := "is " + what + " and cannot be given to a machine"
		if r.From() != r.To() {
			problem = "contains " + end.String() + ", " + what + ", which cannot be given to a machine"
		}
		return &InvalidError{Value: s, Problem: problem, Fix: "write unicast addresses of the subnet"}
	}
	return nil
}
