package ipam

import "net/netip"

// Reach says how a gateway is reached from the address that uses it.
type Reach int

const (
	// OnSubnet: the gateway lies in the subnet of the address. This is the zero value.
	OnSubnet Reach = iota
	// OnLink: the gateway is declared to be on the link although the subnet does not cover it.
	OnLink
)

// CheckGateway says what keeps gateway from being the next hop of a machine with the address addr (with its prefix
// length). It must be of the same family, a unicast address other than addr, and in the subnet, unless it is declared
// OnLink or is a link-local IPv6 address, which is how routers announce themselves (RFC 4861 section 4.2). The
// Subnet-Router anycast address is accepted: routers answer to it. Every error is an *InvalidError.
func CheckGateway(addr netip.Prefix, gateway netip.Addr, reach Reach) error {
	if err := checkPlain(gateway); err != nil {
		return err
	}
	value := gateway.String()
	if gateway.Is4() != addr.Addr().Is4() {
		return &InvalidError{Value: value, Problem: "is " + family(gateway) + " and cannot be the gateway of " + addr.String() + ", which is " + family(addr.Addr()),
			Fix: "write a gateway of the same family"}
	}
	if gateway == addr.Addr() {
		return &InvalidError{Value: value, Problem: "is the machine's own address and cannot be its gateway", Fix: "write the address of the router"}
	}
	linkLocal := gateway.IsLinkLocalUnicast()
	if what := unusable(gateway); what != "" && !linkLocal {
		return &InvalidError{Value: value, Problem: "is " + what + " and cannot be a gateway", Fix: "write the address of the router"}
	}
	if reach == OnLink || (linkLocal && gateway.Is6()) {
		return nil
	}
	return checkInSubnet(addr, gateway)
}

func checkInSubnet(addr netip.Prefix, gateway netip.Addr) error {
	if !addr.Contains(gateway) {
		return &InvalidError{Value: gateway.String(), Problem: "is not in the subnet " + addr.Masked().String() + " of the address",
			Fix: "write a gateway of that subnet, correct the prefix length of " + addr.String() + ", or declare the gateway on-link"}
	}
	if what := reservedInSubnet(netip.PrefixFrom(gateway, addr.Bits())); what != "" && gateway.Is4() {
		return &InvalidError{Value: gateway.String(), Problem: "is " + what + " of " + addr.Masked().String() + " and cannot be a gateway",
			Fix: "write the address of the router"}
	}
	return nil
}

func family(addr netip.Addr) string {
	if addr.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
