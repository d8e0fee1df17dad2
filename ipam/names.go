package ipam

import (
	"net/netip"
	"strings"
)

// LeaseName gives the name of the AddressLease that locks addr on a segment: "ip-", the canonical address with dots and
// colons as dashes, a dot, and the segment ("ip-10-0-0-5.lab.100"). It is at most 88 bytes and never the same for two
// addresses or two segments: the address part of an IPv4 name has three dashes between decimal numbers, that of an IPv6
// name has a double dash or seven dashes, and only the segment has dots.
//
// A DNS label cannot end in a dash, so an address whose text ends in "::" gets a 0 there ("ip-2001-db8--0.lab"). No other
// address is written so: the canonical text shortens a 0 that follows two colons. The schema of AddressLease has the same
// rule.
func LeaseName(addr netip.Addr, segment string) (string, error) {
	if err := checkPlain(addr); err != nil {
		return "", err
	}
	if _, err := ParseSegment(segment); err != nil {
		return "", err
	}
	label := "ip-" + strings.NewReplacer(".", "-", ":", "-").Replace(addr.String())
	if strings.HasSuffix(label, "-") {
		label += "0"
	}
	return label + "." + segment, nil
}

// checkPlain refuses values that are not one canonical address: two spellings of one address would be two locks.
func checkPlain(addr netip.Addr) error {
	switch {
	case !addr.IsValid():
		return &InvalidError{Value: "", Problem: "is not an address", Fix: "write one such as 192.0.2.10 or 2001:db8::10"}
	case addr.Zone() != "":
		return &InvalidError{Value: addr.String(), Problem: "carries a zone",
			Fix: "remove the percent sign and what follows it: " + addr.WithZone("").String()}
	case addr.Is4In6():
		return &InvalidError{Value: addr.String(), Problem: "is an IPv4 address in IPv6 form",
			Fix: "write the IPv4 address " + addr.Unmap().String()}
	}
	return nil
}
