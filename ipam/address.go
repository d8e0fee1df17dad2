package ipam

import (
	"net/netip"
	"strconv"
	"strings"

	"go4.org/netipx"
)

// ParseAddress reads a host address with the prefix length of its subnet, such as 192.0.2.10/24 or 2001:db8::10/64. The
// result keeps the host bits: its Addr is the address, its Masked the subnet.
//
// Refused are other spellings (zones, IPv4 in IPv6 form, leading zeros, netmasks), a prefix length of 0, and addresses
// that no host can use on a subnet: see unusable and reservedInSubnet. Every error is an *InvalidError.
func ParseAddress(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, explainAddress(s)
	}
	if err := checkHost(s, p); err != nil {
		return netip.Prefix{}, err
	}
	return p, nil
}

func checkHost(s string, p netip.Prefix) error {
	addr := p.Addr()
	if addr.Is4In6() {
		return &InvalidError{Value: s, Problem: "is an IPv4 address in IPv6 form", Fix: "write " + unmapped(p)}
	}
	if p.Bits() == 0 {
		return &InvalidError{Value: s, Problem: "has the prefix length 0, which is no subnet",
			Fix: "write the length of its subnet, such as " + withUsualBits(addr)}
	}
	if what := unusable(addr); what != "" {
		return &InvalidError{Value: s, Problem: "is " + what + " and cannot be given to a machine",
			Fix: "use a unicast address of the subnet"}
	}
	if what := reservedInSubnet(p); what != "" {
		return &InvalidError{Value: s, Problem: "is " + what + " of " + p.Masked().String() + " and cannot be given to a machine",
			Fix: "use an address between the first and the last of the subnet, or correct the prefix length"}
	}
	return nil
}

// ParseIP reads a plain address without a prefix length, as gateways and DNS servers are written. Loopback and link-local
// addresses are accepted, since a resolver or a next hop may have them; CheckGateway is stricter. Every error is an
// *InvalidError.
func ParseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, explainIP(s)
	}
	if addr.Is4In6() {
		return netip.Addr{}, &InvalidError{Value: s, Problem: "is an IPv4 address in IPv6 form", Fix: "write " + addr.Unmap().String()}
	}
	if addr.Zone() != "" {
		return netip.Addr{}, withoutZone(s)
	}
	if addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return addr, nil
	}
	if what := unusable(addr); what != "" {
		return netip.Addr{}, &InvalidError{Value: s, Problem: "is " + what + ", which no server or gateway has",
			Fix: "write the unicast address of the machine that is meant"}
	}
	return addr, nil
}

// special are the blocks whose addresses are never those of one machine on a subnet. Documentation prefixes are not among
// them: they are ordinary addresses to a host.
var special = []struct {
	block netip.Prefix
	what  string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), `an address of "this network" (RFC 1122 section 3.2.1.3)`},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the limited broadcast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address (RFC 1112 section 4)"},
	{netip.MustParsePrefix("::/128"), "the unspecified address"},
	{netip.MustParsePrefix("::1/128"), "the loopback address"},
	{netip.MustParsePrefix("::/96"), "an IPv4-compatible address (deprecated by RFC 4291 section 2.5.5.1)"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "an IPv4 address in IPv6 form"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

// unusable says what kind of address addr is when that kind is no unicast address of a machine, or nothing.
func unusable(addr netip.Addr) string {
	for _, s := range special {
		if s.block.Contains(addr) {
			return s.what
		}
	}
	return ""
}

// reservedInSubnet says which reserved address of its own subnet p is, or nothing.
//
// IPv4: the network and the broadcast address (RFC 1122 section 3.2.1.3), except on /31 (RFC 3021) and /32. IPv6: the
// all-zero host part is the Subnet-Router anycast address, which every router of the subnet answers to (RFC 4291 section
// 2.6.1), except on /127, where routers must not use it (RFC 6164), and /128, which has no host part. The top 128
// addresses of an IPv6 subnet, set aside by RFC 2526, are accepted: hosts treat them as ordinary ones.
func reservedInSubnet(p netip.Prefix) string {
	if p.Addr().BitLen()-p.Bits() < 2 {
		return ""
	}
	first := p.Addr() == p.Masked().Addr()
	switch {
	case first && p.Addr().Is4():
		return "the network address"
	case first:
		return "the Subnet-Router anycast address"
	case p.Addr().Is4() && p.Addr() == netipx.PrefixLastIP(p):
		return "the broadcast address"
	}
	return ""
}

// withUsualBits writes addr with the most usual prefix length of its family, as an example.
func withUsualBits(addr netip.Addr) string {
	if addr.Unmap().Is4() {
		return addr.Unmap().String() + "/24"
	}
	return addr.WithZone("").String() + "/64"
}

// unmapped writes an IPv4 address in IPv6 form as IPv4, keeping the prefix length where it has a meaning.
func unmapped(p netip.Prefix) string {
	if p.Bits() <= 96 {
		return withUsualBits(p.Addr())
	}
	return p.Addr().Unmap().String() + "/" + strconv.Itoa(p.Bits()-96)
}

func withoutZone(s string) *InvalidError {
	at := strings.IndexByte(s, '%')
	return &InvalidError{Value: s, Problem: "carries a zone", Fix: "remove " + quote(s[at:]) + ", the interface is known from the network"}
}
