package nmstate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// byMaps reads a currentState as ParseNodeState does, in the plainest way that encoding/json has, which is the reference for what
// the cursor finds. It scans each byte once for every level that it lies below.
func byMaps(currentState []byte) Node {
	p := mapReader{newStateReader()}
	top, ok := object(currentState)
	if !ok {
		if s := bytes.Trim(currentState, " \t\r\n"); len(s) > 0 && string(s) != "null" {
			p.skip("currentState is not an object")
		}
		return p.node
	}
	p.readInterfaces(top["interfaces"])
	routes, _ := object(top["routes"])
	resolver, _ := object(top["dns-resolver"])
	for _, key := range []string{"running", "config"} {
		entries, _ := list(routes[key])
		for _, entry := range entries {
			if r, ok := p.defaultRoute(entry); ok && !slices.Contains(p.node.DefaultRoutes, r) {
				p.node.DefaultRoutes = append(p.node.DefaultRoutes, r)
			}
			f, _ := object(entry)
			if name := p.interfaceName(f["next-hop-interface"]); key == "config" && name != "" && !slices.Contains(p.node.RoutedInterfaces, name) {
				p.node.RoutedInterfaces = append(p.node.RoutedInterfaces, name)
			}
		}
		section, _ := object(resolver[key])
		servers, _ := list(section["server"])
		for _, entry := range servers {
			if a, ok := addr(entry); ok && !slices.Contains(p.node.DNSServers, a) {
				p.node.DNSServers = append(p.node.DNSServers, a)
			}
		}
	}
	slices.SortFunc(p.node.DefaultRoutes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Metric, b.Metric),
			cmp.Compare(a.Interface, b.Interface), a.Gateway.Compare(b.Gateway))
	})
	slices.SortFunc(p.node.DNSServers, netip.Addr.Compare)
	slices.Sort(p.node.RoutedInterfaces)
	return p.node
}

type mapReader struct{ *stateReader }

func (p mapReader) readInterfaces(raw json.RawMessage) {
	entries, ok := list(raw)
	if !ok {
		p.skip("interfaces is not a list")
	}
	for k, entry := range entries {
		f, ok := object(entry)
		if !ok {
			p.skip("interfaces[%d] is not an object", k)
			continue
		}
		name := p.interfaceName(f["name"])
		if name == "" {
			p.skip("interfaces[%d].name cannot be an interface: %.60s", k, f["name"])
			continue
		}
		i := NodeInterface{Name: name, Type: InterfaceType(cmp.Or(p.word(f["type"]), "unknown")), State: InterfaceState(cmp.Or(p.word(f["state"]), "unknown")),
			MAC: p.mac(f["mac-address"]), MTU: number(f["mtu"]), Controller: p.interfaceName(f["controller"])}
		p.readIP(&i, f)
		p.readSections(&i, f)
		if slices.ContainsFunc(p.node.Interfaces, func(o NodeInterface) bool { return o.Ref() == i.Ref() }) {
			p.skip("interfaces[%d]: %s %q is reported twice", k, i.Type, i.Name)
			continue
		}
		p.node.Interfaces = append(p.node.Interfaces, i)
	}
	slices.SortFunc(p.node.Interfaces, func(a, b NodeInterface) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
}

func (p mapReader) readIP(i *NodeInterface, f map[string]json.RawMessage) {
	v4, _ := object(f["ipv4"])
	v6, _ := object(f["ipv6"])
	i.DHCPv4, i.DHCPv6, i.Autoconf = isTrue(v4["dhcp"]), isTrue(v6["dhcp"]), isTrue(v6["autoconf"])
	for _, family := range []map[string]json.RawMessage{v4, v6} {
		entries, _ := list(family["address"])
		for _, entry := range entries {
			f, _ := object(entry)
			a, ok := addr(f["ip"])
			bits, err := strconv.Atoi(text(f["prefix-length"]))
			if prefix := netip.PrefixFrom(a, bits); ok && err == nil && prefix.IsValid() {
				i.Addresses = append(i.Addresses, prefix)
			} else {
				p.skip("%s: cannot read address %.80s", i.Name, entry)
			}
		}
	}
}

func (p mapReader) readSections(i *NodeInterface, f map[string]json.RawMessage) {
	if vlan, ok := object(f["vlan"]); ok && i.Type == VLANType {
		i.VLANBase, i.VLANID = p.interfaceName(vlan["base-iface"]), number(vlan["id"])
	}
	for _, key := range []string{"mac-vlan", "mac-vtap"} {
		if section, ok := object(f[key]); ok {
			i.Parent = p.interfaceName(section["base-iface"])
		}
	}
	for _, key := range []string{"bridge", "link-aggregation", "vrf"} {
		i.Ports = append(i.Ports, p.portsOf(i, f[key], maxStack)...)
	}
	slices.Sort(i.Ports)
	i.Ports = slices.Compact(i.Ports)
	if bond, ok := object(f["link-aggregation"]); ok {
		i.BondMode = p.word(bond["mode"])
	}
	ethernet, _ := object(f["ethernet"])
	functions, _ := object(ethernet["sr-iov"])
	i.TotalVFs = max(0, number(functions["total-vfs"]))
}

func (p mapReader) filterOf(port string, vlan json.RawMessage) PortFilter {
	f, _ := object(vlan)
	out := PortFilter{Port: port, Mode: p.word(f["mode"]), Tag: max(0, number(f["tag"])), Native: isTrue(f["enable-native"])}
	tags, _ := list(f["trunk-tags"])
	for _, raw := range tags {
		tag, _ := object(raw)
		r := VLANRange{Min: number(tag["id"]), Max: number(tag["id"])}
		if span, ok := object(tag["id-range"]); ok {
			r = VLANRange{Min: number(span["min"]), Max: number(span["max"])}
		}
		out.Tagged = append(out.Tagged, r)
	}
	return out
}

func (p mapReader) portsOf(i *NodeInterface, section json.RawMessage, depth int) []string {
	if depth == 0 {
		return nil
	}
	f, _ := object(section)
	entries, _ := list(f["port"])
	var out []string
	for _, entry := range entries {
		port, isObject := object(entry)
		if isObject {
			entry = port["name"]
		}
		if name := p.interfaceName(entry); name != "" {
			out = append(out, name)
			if filter := p.filterOf(name, port["vlan"]); filter.Mode != "" {
				i.PortFilters = append(i.PortFilters, filter)
			}
		}
		out = append(out, p.portsOf(i, port["link-aggregation"], depth-1)...)
	}
	return out
}

func (p mapReader) defaultRoute(raw json.RawMessage) (Route, bool) {
	f, _ := object(raw)
	to, err := netip.ParsePrefix(text(f["destination"]))
	r := Route{Interface: p.interfaceName(f["next-hop-interface"]), Family: 6, Metric: max(0, number(f["metric"])), Table: max(0, number(f["table-id"]))}
	if to.Addr().Is4() {
		r.Family = 4
	}
	r.Gateway, _ = addr(f["next-hop-address"])
	if r.Gateway.IsValid() && r.Gateway.IsUnspecified() {
		r.Gateway = netip.Addr{}
	}
	return r, err == nil && to.Bits() == 0 && r.Interface != ""
}

func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var out map[string]json.RawMessage
	return out, json.Unmarshal(raw, &out) == nil && out != nil
}

// list reads a list; nothing and null are empty lists.
func list(raw json.RawMessage) ([]json.RawMessage, bool) {
	var out []json.RawMessage
	return out, len(raw) == 0 || json.Unmarshal(raw, &out) == nil
}

// reports writes reports as no node would: members are missing, out of order, repeated, written with escapes, or something else
// than they should be.
type reports struct{ *rand.Rand }

func (r reports) oneOf(texts ...string) string { return texts[r.IntN(len(texts))] }

func (r reports) space() string { return r.oneOf("", "", "", " ", "\n\t\r ") }

func (r reports) junk() string {
	return r.oneOf(`null`, `true`, `7`, `-1e3`, `""`, `"x"`, `"\ud800\n\u00e9"`, "\"\xff\"", `[]`, `{}`, `[null, 7, ["x"]]`, `{"name": {"a": [1]}}`)
}

// object writes members, which are given as key, value, key, value.
func (r reports) object(members ...string) string {
	var out []string
	for k := 0; k < len(members); k += 2 {
		key, value := members[k], members[k+1]
		switch r.IntN(40) {
		case 0, 1, 2, 3:
			continue
		case 4:
			key = fmt.Sprintf(`\u%04x%s`, key[0], key[1:])
		case 5:
			out = append(out, `"`+key+`":`+r.junk())
		case 6:
			value = r.junk()
		case 7:
			out = append(out, `"other":`+r.junk())
		}
		out = append(out, r.space()+`"`+key+`"`+r.space()+":"+r.space()+value+r.space())
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return "{" + strings.Join(out, ",") + "}"
}

func (r reports) list(entry func() string) string {
	var out []string
	for range r.IntN(4) {
		out = append(out, r.space()+entry()+r.space())
		if r.IntN(20) == 0 {
			out = append(out, r.junk())
		}
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (r reports) name() string {
	return r.oneOf(`"eth0"`, `"eth1"`, `"br-ex"`, `"bond0"`, `"bond0.7"`, `60e02`, `0`, `"a/b"`, `"é"`, `"e\u0074h0"`)
}

func (r reports) flag() string { return r.oneOf(`true`, `false`, `"true"`) }

func (r reports) ip() string {
	return r.oneOf(`"192.0.2.7"`, `"2001:db8::7"`, `"fe80::1%eth0"`, `"0.0.0.0"`, `"::"`, `"::ffff:192.0.2.7"`, `"192.0.2"`)
}

func (r reports) family() string {
	return r.object("enabled", r.flag(), "dhcp", r.flag(), "autoconf", r.flag(), "address", r.list(func() string {
		return r.object("ip", r.ip(), "prefix-length", r.oneOf(`24`, `"24"`, `64`, `2.5`))
	}))
}

func (r reports) ports(depth int) string {
	return r.object("port", r.list(func() string {
		if depth == 0 || r.IntN(3) == 0 {
			return r.name()
		}
		return r.object("name", r.name(), "link-aggregation", r.ports(depth-1), "vlan", r.filter())
	}))
}

func (r reports) vlan() string { return r.oneOf(`0`, `7`, `"9"`, `4095`, `-1`, `1.5`) }

func (r reports) filter() string {
	return r.object("mode", r.oneOf(`"access"`, `"trunk"`, `"T"`, `""`), "tag", r.vlan(), "enable-native", r.flag(), "trunk-tags", r.list(func() string {
		return r.object("id", r.vlan(), "id-range", r.object("min", r.vlan(), "max", r.vlan()))
	}))
}

func (r reports) bond() string {
	return r.object("mode", r.oneOf(`"802.3ad"`, `"active-backup"`, `1`, `"A B"`), "port", r.list(r.name))
}

func (r reports) functions() string { return r.object("sr-iov", r.object("total-vfs", r.vlan())) }

func (r reports) iface() string {
	return r.object("name", r.name(), "type", r.oneOf(`"vlan"`, `"ethernet"`, `"linux-bridge"`, `"A B"`), "state", r.oneOf(`"up"`, `"down"`),
		"mac-address", r.oneOf(`"02:00:00:00:00:01"`, `"02-00-00-00-00-AB"`, `"x"`), "mtu", r.oneOf(`1500`, `"1500"`, `1.5`),
		"controller", r.name(), "ipv4", r.family(), "ipv6", r.family(), "vlan", r.object("base-iface", r.name(), "id", `7`),
		"mac-vlan", r.object("base-iface", r.name()), "mac-vtap", r.object("base-iface", r.name()),
		"bridge", r.ports(3), "link-aggregation", r.bond(), "vrf", r.ports(0), "ethernet", r.functions())
}

func (r reports) route() string {
	return r.object("destination", r.oneOf(`"0.0.0.0/0"`, `"::/0"`, `"::ffff:0.0.0.0/0"`, `"192.0.2.0/24"`), "next-hop-interface", r.name(),
		"next-hop-address", r.ip(), "metric", r.oneOf(`1`, `-1`), "table-id", `254`)
}

func (r reports) state() string {
	dns := func() string { return r.object("server", r.list(r.ip)) }
	return r.space() + r.object("interfaces", r.list(r.iface), "routes", r.object("running", r.list(r.route), "config", r.list(r.route)),
		"dns-resolver", r.object("running", dns(), "config", dns())) + r.space()
}

func assertAsByMaps(t *testing.T, raw []byte) {
	t.Helper()
	got := ParseNodeState(raw)
	if want := byMaps(raw); !got.Truncated && !reflect.DeepEqual(want, got) {
		t.Errorf("%s\n(-want +got):\n%s", raw, gocmp.Diff(want, got, byValue))
	}
}

func TestReadingInOnePassFindsWhatReadingByMapsFinds(t *testing.T) {
	r := reports{rand.New(rand.NewPCG(1, 2))}
	var interfaces, addresses, ports, filters, routes, skipped int
	for range 1_000 {
		raw := []byte(r.state())
		assertAsByMaps(t, raw)
		n := ParseNodeState(raw)
		for _, i := range n.Interfaces {
			addresses, ports, filters = addresses+len(i.Addresses), ports+len(i.Ports), filters+len(i.PortFilters)
		}
		interfaces, routes, skipped = interfaces+len(n.Interfaces), routes+len(n.DefaultRoutes), skipped+len(n.Skipped)
		// Cut, it is no JSON.
		assertAsByMaps(t, raw[:r.IntN(len(raw))])
		if t.Failed() {
			return
		}
	}
	if min(interfaces, addresses, ports, filters, routes, skipped) < 500 {
		t.Errorf("%d interfaces, %d addresses, %d ports, %d filters, %d routes, %d lines skipped: the reports are too poor to tell much",
			interfaces, addresses, ports, filters, routes, skipped)
	}
}
