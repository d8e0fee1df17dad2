package nmstate

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Bounds on what one node may report. Real reports have 20 to 80 KB, some hundred interfaces and few addresses.
const (
	maxStateBytes    = 8 << 20
	maxInterfaces    = 4096
	maxAddresses     = 8192
	maxPorts         = 4096
	maxPortVLANs     = 16384
	maxRoutes        = 256
	maxDNSServers    = 64
	maxSkipped       = 20
	maxInterfaceName = 64
)

// ParseNodeState reads the currentState of a NodeNetworkState, in JSON. It never fails: an entry that cannot be read is left
// out and named in Skipped, and reports beyond the bounds are cut and marked Truncated. A report that is no object at all
// gives a Node that is not Known.
func ParseNodeState(currentState []byte) Node {
	c := cursor{data: currentState}
	if c.peek() == 0 && len(currentState) == c.pos {
		return Node{}
	}
	p := newStateReader()
	p.readState(&c)
	if c.fault() != nil {
		p = newStateReader()
		p.skip("currentState is not an object")
	}
	return p.node
}

// stateReader collects one node.
type stateReader struct {
	node      Node
	addresses int
	ports     int
	// portVLANs counts the VLANs and ranges of VLANs of port filters.
	portVLANs int
	// prefixes are the addresses of the interface that is being read.
	prefixes []netip.Prefix
	// words and macs are what many interfaces say alike, so that it is kept once; MAC addresses by how they are written.
	words, macs map[string]string
}

func newStateReader() *stateReader {
	return &stateReader{words: map[string]string{}, macs: map[string]string{}}
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

// readState reads the currentState where the cursor is.
func (p *stateReader) readState(c *cursor) {
	isNull := c.peek() == 'n'
	start := c.pos
	var routes, resolver []byte
	if c.open('{') {
		for c.more('}') {
			switch string(c.key()) {
			case "interfaces":
				p.readInterfaces(c)
			case "routes":
				routes = c.value()
			case "dns-resolver":
				resolver = c.value()
			default:
				c.value()
			}
		}
	} else if !isNull {
		p.skip("currentState is not an object")
	}
	if size := c.pos - start; size > maxStateBytes {
		p.node = Node{}
		p.truncate("the report has %d bytes, more than %d", size, maxStateBytes)
		return
	}
	p.readRoutes(routes)
	p.readDNS(resolver)
}

func (p *stateReader) readInterfaces(c *cursor) {
	// Of two lists the last counts.
	p.node, p.addresses, p.ports, p.portVLANs = Node{}, 0, 0, 0
	isNull := c.peek() == 'n'
	if !c.open('[') {
		if !isNull {
			p.skip("interfaces is not a list")
		}
		return
	}
	seen, count, cut := map[InterfaceRef]bool{}, 0, false
	for ; c.more(']'); count++ {
		if cut = len(p.node.Interfaces) == maxInterfaces; cut {
			c.value()
			continue
		}
		i, ok := p.readInterface(count, c)
		if !ok {
			continue
		}
		if seen[i.Ref()] {
			p.skip("interfaces[%d]: %s %q is reported twice", count, i.Type, i.Name)
			continue
		}
		seen[i.Ref()] = true
		p.node.Interfaces = append(p.node.Interfaces, i)
	}
	if cut {
		p.truncate("%d interfaces are reported, more than %d", count, maxInterfaces)
	}
	slices.SortFunc(p.node.Interfaces, func(a, b NodeInterface) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
}

func (p *stateReader) readInterface(k int, c *cursor) (NodeInterface, bool) {
	var f interfaceTexts
	_, ok := c.members(
		member{"name", &f.name}, member{"type", &f.kind}, member{"state", &f.state}, member{"mac-address", &f.mac},
		member{"mtu", &f.mtu}, member{"controller", &f.controller}, member{"ipv4", &f.v4}, member{"ipv6", &f.v6},
		member{"vlan", &f.vlan}, member{"mac-vlan", &f.macVLAN}, member{"mac-vtap", &f.macVTap},
		member{"bridge", &f.bridge}, member{"link-aggregation", &f.bond}, member{"vrf", &f.vrf}, member{"ethernet", &f.ethernet},
	)
	if !ok {
		p.skip("interfaces[%d] is not an object", k)
		return NodeInterface{}, false
	}
	name := chars(f.name)
	if !isInterfaceName(name) {
		p.skip("interfaces[%d].name cannot be an interface: %.60s", k, f.name)
		return NodeInterface{}, false
	}
	i := NodeInterface{
		Name:       string(name),
		Type:       InterfaceType(cmp.Or(p.word(f.kind), "unknown")),
		State:      InterfaceState(cmp.Or(p.word(f.state), "unknown")),
		MAC:        p.mac(f.mac),
		MTU:        number(f.mtu),
		Controller: p.interfaceName(f.controller),
	}
	p.readIP(&i, f.v4, f.v6)
	p.readSections(&i, &f)
	return i, true
}

// interfaceTexts are the members of an interface, as texts.
type interfaceTexts struct {
	name, kind, state, mac, mtu, controller, v4, v6, vlan, macVLAN, macVTap, bridge, bond, vrf, ethernet []byte
}

func (p *stateReader) readIP(i *NodeInterface, v4, v6 []byte) {
	var dhcp4, dhcp6, autoconf, list4, list6 []byte
	members(v4, member{"dhcp", &dhcp4}, member{"address", &list4})
	members(v6, member{"dhcp", &dhcp6}, member{"autoconf", &autoconf}, member{"address", &list6})
	i.DHCPv4, i.DHCPv6, i.Autoconf = isTrue(dhcp4), isTrue(dhcp6), isTrue(autoconf)
	p.prefixes = p.prefixes[:0]
	if p.readAddresses(i.Name, list4) {
		p.readAddresses(i.Name, list6)
	}
	i.Addresses = append(i.Addresses, p.prefixes...)
}

// readAddresses is false when there are too many.
func (p *stateReader) readAddresses(name string, list []byte) bool {
	c := cursor{data: list}
	for ok := c.open('['); ok && c.more(']'); {
		prefix, text, ok := address(&c)
		if !ok {
			p.skip("%s: cannot read address %.80s", name, text)
			continue
		}
		if p.addresses == maxAddresses {
			p.truncate("more than %d addresses are reported", maxAddresses)
			return false
		}
		p.addresses++
		p.prefixes = append(p.prefixes, prefix)
	}
	return true
}

func (p *stateReader) readSections(i *NodeInterface, f *interfaceTexts) {
	var base []byte
	if i.Type == VLANType {
		var id []byte
		members(f.vlan, member{"base-iface", &base}, member{"id", &id})
		i.VLANBase, i.VLANID = p.interfaceName(base), number(id)
	}
	for _, section := range [][]byte{f.macVLAN, f.macVTap} {
		var base []byte
		if members(section, member{"base-iface", &base}) {
			i.Parent = p.interfaceName(base)
		}
	}
	for _, section := range [][]byte{f.bridge, f.bond, f.vrf} {
		p.readPorts(i, section, maxStack)
	}
	slices.Sort(i.Ports)
	i.Ports = slices.Compact(i.Ports)
	var mode, functions, total []byte
	if members(f.bond, member{"mode", &mode}) {
		i.BondMode = p.word(mode)
	}
	members(f.ethernet, member{"sr-iov", &functions})
	members(functions, member{"total-vfs", &total})
	i.TotalVFs = max(0, number(total))
}

// readPorts reads names, objects with a name, and the bonds inside an Open vSwitch bridge. Each level of nesting is scanned
// once more than the one around it, so that there is a bound on them.
func (p *stateReader) readPorts(i *NodeInterface, section []byte, depth int) {
	if depth == 0 {
		return
	}
	var ports []byte
	members(section, member{"port", &ports})
	c := cursor{data: ports}
	for ok := c.open('['); ok && c.more(']'); {
		if p.ports == maxPorts {
			p.truncate("more than %d ports are reported", maxPorts)
			return
		}
		var name, bond, vlan []byte
		text, isObject := c.members(member{"name", &name}, member{"link-aggregation", &bond}, member{"vlan", &vlan})
		if !isObject {
			name = text
		}
		if name := p.interfaceName(name); name != "" {
			p.ports++
			i.Ports = append(i.Ports, name)
			p.readPortFilter(i, name, vlan)
		}
		p.readPorts(i, bond, depth-1)
	}
}

// readPortFilter reads the VLANs of a port; without a mode there is no filter.
func (p *stateReader) readPortFilter(i *NodeInterface, port string, vlan []byte) {
	var mode, tag, native, tagged []byte
	members(vlan, member{"mode", &mode}, member{"tag", &tag}, member{"enable-native", &native}, member{"trunk-tags", &tagged})
	f := PortFilter{Port: port, Mode: p.word(mode), Tag: max(0, number(tag)), Native: isTrue(native)}
	if f.Mode == "" {
		return
	}
	c := cursor{data: tagged}
	for ok := c.open('['); ok && c.more(']'); {
		if p.portVLANs == maxPortVLANs {
			p.truncate("more than %d VLANs of ports are reported", maxPortVLANs)
			break
		}
		p.portVLANs++
		var id, span, lowest, highest []byte
		c.members(member{"id", &id}, member{"id-range", &span})
		if members(span, member{"min", &lowest}, member{"max", &highest}) {
			f.Tagged = append(f.Tagged, VLANRange{Min: number(lowest), Max: number(highest)})
			continue
		}
		f.Tagged = append(f.Tagged, VLANRange{Min: number(id), Max: number(id)})
	}
	i.PortFilters = append(i.PortFilters, f)
}

func (p *stateReader) readRoutes(routes []byte) {
	var running, config []byte
	members(routes, member{"running", &running}, member{"config", &config})
	var out []Route
	for _, list := range [][]byte{running, config} {
		c := cursor{data: list}
		for ok := c.open('['); ok && c.more(']'); {
			r, ok := p.defaultRoute(&c)
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
	p.readRouted(config)
}

// readRouted finds the interfaces through which there are configured routes.
func (p *stateReader) readRouted(config []byte) {
	names := map[string]bool{}
	c := cursor{data: config}
	for ok := c.open('['); ok && c.more(']'); {
		var through []byte
		c.members(member{"next-hop-interface", &through})
		if name := p.interfaceName(through); name != "" {
			names[name] = true
		}
	}
	if len(names) > maxInterfaces {
		p.truncate("configured routes leave through %d interfaces, more than %d", len(names), maxInterfaces)
		return
	}
	p.node.RoutedInterfaces = slices.Sorted(maps.Keys(names))
}

func (p *stateReader) readDNS(resolver []byte) {
	var running, config []byte
	members(resolver, member{"running", &running}, member{"config", &config})
	var out []netip.Addr
	for _, section := range [][]byte{running, config} {
		var servers []byte
		members(section, member{"server", &servers})
		c := cursor{data: servers}
		for ok := c.open('['); ok && c.more(']'); {
			a, ok := addr(c.value())
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
func (p *stateReader) defaultRoute(c *cursor) (Route, bool) {
	var to, through, gateway, metric, table []byte
	c.members(member{"destination", &to}, member{"next-hop-interface", &through}, member{"next-hop-address", &gateway},
		member{"metric", &metric}, member{"table-id", &table})
	destination, err := netip.ParsePrefix(text(to))
	if err != nil || destination.Bits() != 0 {
		return Route{}, false
	}
	r := Route{Interface: p.interfaceName(through), Family: 6, Metric: max(0, number(metric)), Table: max(0, number(table))}
	if destination.Addr().Is4() {
		r.Family = 4
	}
	r.Gateway, _ = addr(gateway)
	if r.Gateway.IsValid() && r.Gateway.IsUnspecified() {
		r.Gateway = netip.Addr{}
	}
	return r, r.Interface != ""
}

// address reads {ip, prefix-length}. It gives the text of what it read, too.
func address(c *cursor) (netip.Prefix, []byte, bool) {
	var ip, length []byte
	raw, _ := c.members(member{"ip", &ip}, member{"prefix-length", &length})
	a, ok := addr(ip)
	bits, err := strconv.Atoi(text(length))
	if !ok || err != nil {
		return netip.Prefix{}, raw, false
	}
	prefix := netip.PrefixFrom(a, bits)
	return prefix, raw, prefix.IsValid()
}

// addr reads an address without its zone; IPv4-mapped forms are refused.
func addr(raw []byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text(raw))
	if err != nil || a.Is4In6() {
		return netip.Addr{}, false
	}
	return a.WithZone(""), true
}

// word gives a short lowercase word, such as a type, a state or a mode.
func (p *stateReader) word(raw []byte) string {
	s := chars(raw)
	if len(s) > 32 || bytes.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) {
		return "unknown"
	}
	return p.once(s)
}

// interfaceName gives the name of an interface that others have to do with, or nothing.
func (p *stateReader) interfaceName(raw []byte) string {
	s := chars(raw)
	if !isInterfaceName(s) {
		return ""
	}
	return p.once(s)
}

// once gives one string for all that are equal.
func (p *stateReader) once(s []byte) string {
	kept, ok := p.words[string(s)]
	if !ok {
		kept = string(s)
		p.words[kept] = kept
	}
	return kept
}

// isInterfaceName says whether an interface can have the name. Open vSwitch bridges may exceed the kernel's 15 bytes.
func isInterfaceName(s []byte) bool {
	if len(s) == 0 || string(s) == "." || string(s) == ".." || len(s) > maxInterfaceName {
		return false
	}
	return !bytes.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' })
}

func (p *stateReader) mac(raw []byte) string {
	s := chars(raw)
	kept, ok := p.macs[string(s)]
	if !ok {
		if hw, err := net.ParseMAC(string(s)); err == nil {
			kept = hw.String()
		}
		p.macs[string(s)] = kept
	}
	return kept
}

func number(raw []byte) int {
	n, err := strconv.Atoi(text(raw))
	if err != nil {
		return 0
	}
	return n
}

func isTrue(raw []byte) bool { return string(raw) == "true" }
