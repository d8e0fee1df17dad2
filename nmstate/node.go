package nmstate

import (
	"net/netip"
	"slices"
	"strings"
)

// Node is what a NodeNetworkState says, reduced to what decisions need. The zero value means that nothing is known.
type Node struct {
	// Interfaces are sorted by name, then type.
	Interfaces []NodeInterface
	// DefaultRoutes are those of all routing tables, running and configured, sorted and without duplicates.
	DefaultRoutes []Route
	// RoutedInterfaces are those through which somebody configured routes, sorted.
	RoutedInterfaces []string
	// DNSServers are those in use and those configured, sorted and without duplicates.
	DNSServers []netip.Addr
	// Skipped names what was ignored and why, for people; at most maxSkipped lines.
	Skipped []string
	// Truncated says that a bound was reached, so that something that exists may be missing here.
	Truncated bool
}

// NodeInterface is one interface of a node.
type NodeInterface struct {
	Name string
	// Type is "unknown" where the node does not say.
	Type InterfaceType
	// State is up, down, ignore or absent; anything else is kept as it is reported.
	State InterfaceState
	// MAC is in lowercase with colons, or empty.
	MAC string
	// MTU is in bytes; zero where it is not reported.
	MTU int
	// Controller is the bridge, bond or VRF that the interface is a port of, or empty.
	Controller string
	// Addresses keep their host bits. They are in the order of the report.
	Addresses []netip.Prefix
	// DHCPv4, DHCPv6 and Autoconf say where addresses come from.
	DHCPv4, DHCPv6, Autoconf bool
	// VLANBase and VLANID are those of a VLAN sub-interface.
	VLANBase string
	VLANID   int
	// Parent is the interface below a MACVLAN or MACVTAP.
	Parent string
	// Ports are those of a bridge or a bond, sorted. A bridge also reports the interfaces of running machines.
	Ports []string
	// PortFilters are the VLAN filters of a bridge's ports, in the order of the report; a port without one is left out.
	PortFilters []PortFilter
	// BondMode is the mode of a bond, such as 802.3ad, or empty where it is not reported.
	BondMode string
	// TotalVFs is how many virtual functions a NIC has; zero where none are reported.
	TotalVFs int
}

// PortFilter says which VLANs pass a port of a bridge.
type PortFilter struct {
	Port string
	// Mode is access or trunk.
	Mode string
	// Tag is the VLAN of untagged frames, or zero. On a trunk it counts only with Native.
	Tag    int
	Native bool
	// Tagged are the VLANs of a trunk, in the order of the report.
	Tagged []VLANRange
}

// Route is a default route of a node.
type Route struct {
	Interface string
	// Gateway is the zero Addr for a route without next hop.
	Gateway netip.Addr
	// Family is 4 or 6.
	Family int
	// Metric is zero where it is not reported.
	Metric int
	// Table is the routing table; 254 is the main one, zero is not reported.
	Table int
}

// Known says whether the node reported anything: every real host has at least a loopback interface.
func (n Node) Known() bool { return len(n.Interfaces) > 0 }

// Interface finds an interface by name. Where Open vSwitch gives a bridge and its internal port one name, the port is meant,
// because the kernel knows only that one.
func (n Node) Interface(name string) (NodeInterface, bool) {
	k, ok := slices.BinarySearchFunc(n.Interfaces, name, func(i NodeInterface, name string) int { return strings.Compare(i.Name, name) })
	if !ok {
		return NodeInterface{}, false
	}
	for n.Interfaces[k].Type == OVSBridge && k+1 < len(n.Interfaces) && n.Interfaces[k+1].Name == name {
		k++
	}
	return n.Interfaces[k], true
}

// Ref gives the name and type of the interface.
func (i NodeInterface) Ref() InterfaceRef { return InterfaceRef{Name: i.Name, Type: i.Type} }

// Dynamic says whether the address comes from DHCP or router advertisements rather than from somebody's configuration.
func (i NodeInterface) Dynamic(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return i.DHCPv4
	}
	return i.DHCPv6 || i.Autoconf
}

// DeepCopy gives an independent copy.
func (n Node) DeepCopy() Node {
	out := n
	out.Interfaces = slices.Clone(n.Interfaces)
	for k := range out.Interfaces {
		out.Interfaces[k].Addresses = slices.Clone(out.Interfaces[k].Addresses)
		out.Interfaces[k].Ports = slices.Clone(out.Interfaces[k].Ports)
		out.Interfaces[k].PortFilters = slices.Clone(out.Interfaces[k].PortFilters)
		for f := range out.Interfaces[k].PortFilters {
			filter := &out.Interfaces[k].PortFilters[f]
			filter.Tagged = slices.Clone(filter.Tagged)
		}
	}
	out.DefaultRoutes = slices.Clone(n.DefaultRoutes)
	out.RoutedInterfaces = slices.Clone(n.RoutedInterfaces)
	out.DNSServers = slices.Clone(n.DNSServers)
	out.Skipped = slices.Clone(n.Skipped)
	return out
}
