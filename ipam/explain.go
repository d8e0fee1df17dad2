package ipam

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// explainAddress says why s is no address with a prefix length. It looks for the mistakes that people make, the most
// telling first.
func explainAddress(s string) *InvalidError {
	for _, mistake := range []func(string) *InvalidError{empty, blanks, zone, noPrefix, netmask, leadingZeros, tooLong} {
		if e := mistake(s); e != nil {
			return e
		}
	}
	return &InvalidError{Value: s, Problem: "is not an address with a prefix length",
		Fix: "write it as 192.0.2.10/24 or 2001:db8::10/64"}
}

// explainIP says why s is no plain address.
func explainIP(s string) *InvalidError {
	if e := explainPlain(s); e != nil {
		return e
	}
	return &InvalidError{Value: s, Problem: "is not an address", Fix: "write it as 192.0.2.1 or 2001:db8::1"}
}

// explainEnd says why s is neither an address nor an end of a range.
func explainEnd(s string) *InvalidError {
	if e := explainPlain(s); e != nil {
		return e
	}
	return &InvalidError{Value: s, Problem: "is not an address of a range",
		Fix: "write one address, the first and the last, or a prefix: 192.0.2.10, 192.0.2.10-192.0.2.99 or 192.0.2.64/26"}
}

func explainPlain(s string) *InvalidError {
	for _, mistake := range []func(string) *InvalidError{blanks, hasPrefix, leadingZeros} {
		if e := mistake(s); e != nil {
			return e
		}
	}
	return nil
}

func empty(s string) *InvalidError {
	if s != "" {
		return nil
	}
	return &InvalidError{Value: s, Problem: "is no address", Fix: "write an address with its prefix length, such as 192.0.2.10/24"}
}

func blanks(s string) *InvalidError {
	bare := strings.TrimSpace(s)
	if bare == s || strings.ContainsFunc(bare, notOfAddresses) {
		return nil
	}
	return &InvalidError{Value: s, Problem: "has blanks around it", Fix: "write " + bare}
}

func notOfAddresses(r rune) bool {
	return !strings.ContainsRune("0123456789abcdefABCDEF.:/", r)
}

func zone(s string) *InvalidError {
	text, _, _ := strings.Cut(s, "/")
	if addr, err := netip.ParseAddr(text); err != nil || addr.Zone() == "" {
		return nil
	}
	return withoutZone(text)
}

func noPrefix(s string) *InvalidError {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return nil
	}
	return &InvalidError{Value: s, Problem: "has no prefix length",
		Fix: "write it with the length of its subnet, such as " + withUsualBits(addr)}
}

func hasPrefix(s string) *InvalidError {
	text, _, found := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(text)
	if !found || err != nil {
		return nil
	}
	return &InvalidError{Value: s, Problem: "has a prefix length, and an address alone is wanted here",
		Fix: "write " + addr.Unmap().WithZone("").String()}
}

func netmask(s string) *InvalidError {
	text, mask, _ := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.BitLen() != addr.BitLen() {
		return nil
	}
	e := &InvalidError{Value: s, Problem: "has a netmask where a prefix length is wanted", Fix: "write it as " + withUsualBits(addr)}
	if ones, size := net.IPMask(m.AsSlice()).Size(); size != 0 && ones != 0 {
		e.Fix = "write " + addr.String() + "/" + strconv.Itoa(ones)
	}
	return e
}

// leadingZeros finds numbers such as 010 or /08: some programs read them as octal, others as decimal.
func leadingZeros(s string) *InvalidError {
	text, bits, found := strings.Cut(s, "/")
	groups := strings.Split(text, ".")
	if len(groups) != 4 && !found {
		return nil
	}
	if len(groups) == 4 {
		for i, g := range groups {
			groups[i] = trimZeros(g)
		}
	}
	plain := strings.Join(groups, ".")
	if found {
		plain += "/" + trimZeros(bits)
	}
	if _, err := netip.ParsePrefix(plain); plain == s || (found && err != nil) {
		return nil
	}
	if _, err := netip.ParseAddr(plain); !found && err != nil {
		return nil
	}
	return &InvalidError{Value: s, Problem: "has a leading zero, which some programs read as octal",
		Fix: "write " + plain + " if decimal is meant"}
}

func trimZeros(s string) string {
	trimmed := strings.TrimLeft(s, "0")
	if trimmed == "" && s != "" {
		return "0"
	}
	return trimmed
}

func tooLong(s string) *InvalidError {
	text, bits, _ := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(bits, 10, 31)
	if err != nil || int(n) <= addr.BitLen() {
		return nil
	}
	return &InvalidError{Value: s, Problem: "has a prefix length above " + strconv.Itoa(addr.BitLen()),
		Fix: "write the length of its subnet, such as " + withUsualBits(addr)}
}
