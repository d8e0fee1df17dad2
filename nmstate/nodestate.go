package nmstate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bounds on what one node may report. Real reports have 20 to 80 KB, some hundred interfaces and few addresses.
const (
	maxStateBytes    = 8 << 20
	maxInterfaces    = 4096
	maxAddresses     = 8192
	maxPorts         = 4096
	maxRoutes        = 256
	maxDNSServers    = 64
	maxSkipped       = 20
	maxInterfaceName = 64
)

// ParseNodeState reads the currentState of a NodeNetworkState, in JSON. It never fails: an entry that cannot be read is left
// out and named in Skipped, and reports beyond the bounds are cut and marked Truncated. A report that is no object at all
// gives a Node that is not Known.
func ParseNodeState(currentState []byte) Node {
	p := &stateReader{}
	if len(currentState) > maxStateBytes {
		p.truncate("the report has %d bytes, more than %d", len(currentState), maxStateBytes)
		return p.node
	}
	top, ok := object(currentState)
	if !ok {
		if s := bytes.TrimSpace(currentState); len(s) > 0 && !bytes.Equal(s, []byte("null")) {
			p.skip("currentState is not an object")
		}
		return p.node
	}
	p.readInterfaces(top["interfaces"])
	p.readRoutes(top["routes"])
	p.readDNS(top["dns-resolver"])
	return p.node
}

// stateReader collects one node.
type stateReader struct {
	node      Node
	addresses int
	ports     int
}

func (p *stateReader) skip(format string, args ...any) {
	if len(p.node.Skipped) < maxSkipped {
		p.node.Skipped = append(p.node.Skipped, clean(fmt.Sprintf(format, args...)))
	}
}

func (p *stateReader) truncate(format string, args ...any) {
	if !p.node.Truncated {
		p.node.Truncated = true
		p.skip(format, args...)
	}
}

func (p *stateReader) readInterfaces(raw json.RawMessage) {
	entries, ok := array(raw)
	if !ok {
		p.skip("interfaces is not a list")
	}
	seen := map[InterfaceRef]bool{}
	for k, entry := range entries {
		if len(p.node.Interfaces) == maxInterfaces {
			p.truncate("%d interfaces are reported, more than %d", len(entries), maxInterfaces)
			break
		}
		i, ok := p.readInterface(k, entry)
		if !ok {
			continue
		}
		if seen[i.Ref()] {
			p.skip("interfaces[%d]: %s %q is reported twice", k, i.Type, i.Name)
			continue
		}
		seen[i.Ref()] = true
		p.node.Interfaces = append(p.node.Interfaces, i)
	}
	slices.SortFunc(p.node.Interfaces, func(a, b NodeInterface) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
}

func (p *stateReader) readInterface(k int, raw json.RawMessage) (NodeInterface, bool) {
	f, ok := object(raw)
	if !ok {
		p.skip("interfaces[%d] is not an object", k)
		return NodeInterface{}, false
	}
	name, ok := interfaceName(f["name"])
	if !ok {
		p.skip("interfaces[%d].name cannot be an interface: %.60s", k, f["name"])
		return NodeInterface{}, false
	}
	i := NodeInterface{
		Name:  name,
		Type:  InterfaceType(cmp.Or(word(f["type"]), "unknown")),
		State: InterfaceState(cmp.Or(word(f["state"]), "unknown")),
		MAC:   mac(f["mac-address"]),
		MTU:   number(f["mtu"]),
	}
	i.Controller, _ = interfaceName(f["controller"])
	p.readIP(&i, f)
	p.readSections(&i, f)
	return i, true
}

func (p *stateReader) readIP(i *NodeInterface, f map[string]json.RawMessage) {
	v4, _ := object(f["ipv4"])
	v6, _ := object(f["ipv6"])
	i.DHCPv4, i.DHCPv6, i.Autoconf = isTrue(v4["dhcp"]), isTrue(v6["dhcp"]), isTrue(v6["autoconf"])
	for _, family := range []map[string]json.RawMessage{v4, v6} {
		entries, _ := array(family["address"])
		for _, entry := range entries {
			prefix, ok := address(entry)
			if !ok {
				p.skip("%s: cannot read address %.80s", i.Name, entry)
				continue
			}
			if p.addresses == maxAddresses {
				p.truncate("more than %d addresses are reported", maxAddresses)
				return
			}
			p.addresses++
			i.Addresses = append(i.Addresses, prefix)
		}
	}
}

func (p *stateReader) readSections(i *NodeInterface, f map[string]json.RawMessage) {
	if vlan, ok := object(f["vlan"]); ok && i.Type == VLANType {
		i.VLANBase, _ = interfaceName(vlan["base-iface"])
		i.VLANID = number(vlan["id"])
	}
	for _, key := range []string{"mac-vlan", "mac-vtap"} {
		if section, ok := object(f[key]); ok {
			i.Parent, _ = interfaceName(section["base-iface"])
		}
	}
	if bridge, ok := object(f["bridge"]); ok {
		p.readPorts(i, bridge["port"])
	}
	if bond, ok := object(f["link-aggregation"]); ok {
		p.readPorts(i, bond["port"])
	}
	if vrf, ok := object(f["vrf"]); ok {
		p.readPorts(i, vrf["port"])
	}
	slices.Sort(i.Ports)
	i.Ports = slices.Compact(i.Ports)
}

// readPorts reads names, objects with a name, and the bonds inside an Open vSwitch bridge.
func (p *stateReader) readPorts(i *NodeInterface, raw json.RawMessage) {
	entries, _ := array(raw)
	for _, entry := range entries {
		if p.ports == maxPorts {
			p.truncate("more than %d ports are reported", maxPorts)
			return
		}
		port, isObject := object(entry)
		if isObject {
			entry = port["name"]
		}
		if name, ok := interfaceName(entry); ok {
			p.ports++
			i.Ports = append(i.Ports, name)
		}
		if bond, ok := object(port["link-aggregation"]); ok {
			p.readPorts(i, bond["port"])
		}
	}
}

func (p *stateReader) readRoutes(raw json.RawMessage) {
	routes, _ := object(raw)
	var out []Route
	for _, key := range []string{"running", "config"} {
		entries, _ := array(routes[key])
		for _, entry := range entries {
			r, ok := defaultRoute(entry)
			if !ok || slices.Contains(out, r) {
				continue
			}
			if len(out) == maxRoutes {
				p.truncate("more than %d default routes are reported", maxRoutes)
				break
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Route) int {
		return cmp.Or(
			cmp.Compare(a.Family, b.Family), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Metric, b.Metric),
			cmp.Compare(a.Interface, b.Interface), a.Gateway.Compare(b.Gateway),
		)
	})
	p.node.DefaultRoutes = out
}

func (p *stateReader) readDNS(raw json.RawMessage) {
	resolver, _ := object(raw)
	var out []netip.Addr
	for _, key := range []string{"running", "config"} {
		section, _ := object(resolver[key])
		servers, _ := array(section["server"])
		for _, entry := range servers {
			a, ok := addr(text(entry))
			if !ok || slices.Contains(out, a) {
				continue
			}
			if len(out) == maxDNSServers {
				p.truncate("more than %d DNS servers are reported", maxDNSServers)
				break
			}
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	p.node.DNSServers = out
}

// defaultRoute reads a route if it is a default route through an interface.
func defaultRoute(raw json.RawMessage) (Route, bool) {
	f, ok := object(raw)
	if !ok {
		return Route{}, false
	}
	destination, err := netip.ParsePrefix(text(f["destination"]))
	if err != nil || destination.Bits() != 0 {
		return Route{}, false
	}
	name, ok := interfaceName(f["next-hop-interface"])
	if !ok {
		return Route{}, false
	}
	r := Route{Interface: name, Family: 6, Metric: max(0, number(f["metric"])), Table: max(0, number(f["table-id"]))}
	if destination.Addr().Is4() {
		r.Family = 4
	}
	r.Gateway, _ = addr(text(f["next-hop-address"]))
	if r.Gateway.IsValid() && r.Gateway.IsUnspecified() {
		r.Gateway = netip.Addr{}
	}
	return r, true
}

// address reads {ip, prefix-length}.
func address(raw json.RawMessage) (netip.Prefix, bool) {
	f, ok := object(raw)
	if !ok {
		return netip.Prefix{}, false
	}
	a, ok := addr(text(f["ip"]))
	if !ok {
		return netip.Prefix{}, false
	}
	bits, err := strconv.Atoi(text(f["prefix-length"]))
	if err != nil {
		return netip.Prefix{}, false
	}
	prefix := netip.PrefixFrom(a, bits)
	return prefix, prefix.IsValid()
}

// addr reads an address without its zone; IPv4-mapped forms are refused.
func addr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Is4In6() {
		return netip.Addr{}, false
	}
	return a.WithZone(""), true
}

func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var out map[string]json.RawMessage
	if json.Unmarshal(raw, &out) != nil || out == nil {
		return nil, false
	}
	return out, true
}

// array reads a list; nothing and null are empty lists.
func array(raw json.RawMessage) ([]json.RawMessage, bool) {
	if len(raw) == 0 {
		return nil, true
	}
	var out []json.RawMessage
	return out, json.Unmarshal(raw, &out) == nil
}

// text gives a string, or a number as it is written: a name like 60e02 that lost its quotes on the way is still that name.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// word gives a short lowercase word, such as a type or a state.
func word(raw json.RawMessage) string {
	s := text(raw)
	if len(s) > 32 || strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}) {
		return "unknown"
	}
	return s
}

// interfaceName reads a name that an interface can have. Open vSwitch bridges may exceed the kernel's 15 bytes.
func interfaceName(raw json.RawMessage) (string, bool) {
	s := text(raw)
	if s == "" || s == "." || s == ".." || len(s) > maxInterfaceName {
		return "", false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }) {
		return "", false
	}
	return s, true
}

func number(raw json.RawMessage) int {
	n, err := strconv.Atoi(text(raw))
	if err != nil {
		return 0
	}
	return n
}

func isTrue(raw json.RawMessage) bool {
	return string(bytes.TrimSpace(raw)) == "true"
}

func mac(raw json.RawMessage) string {
	hw, err := net.ParseMAC(text(raw))
	if err != nil {
		return ""
	}
	return hw.String()
}
