package lab

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// NIC is a physical network interface of a simulated node.
type NIC struct {
	Name string
	// MAC in any notation; one is derived from node and name when empty.
	MAC string
	// MTU in bytes; 1500 when zero. The NIC carries up to 9000, whatever it is set to.
	MTU int64
	// Down leaves the NIC administratively down.
	Down bool
	// Addresses are set statically; none means that IP is disabled.
	Addresses []netip.Prefix
	// Gateways, at most one per family, become default routes over this NIC.
	Gateways []netip.Addr
	// DHCP is the lease that a DHCP server holds for the NIC's MAC, instead of Addresses: the NIC is set to DHCP, and
	// whatever has its MAC and reaches the server through it gets that address. Gateways are part of the lease.
	DHCP netip.Prefix
	// VFs is how many virtual functions the NIC can have; zero is a NIC without SR-IOV.
	VFs int64
}

// Host is the network of one simulated node: what is really there. Interfaces are kept as nmstate describes them.
// A Host is never changed once made: Apply and the other operations return another one.
type Host struct {
	interfaces map[string]map[string]any
	routes     []map[string]any
	dns        map[string]any
	guests     map[string][]string // bridge -> veths of pods and VMs, which nmstate ignores
	leases     []lease             // what DHCP servers know
	vfs        map[string]int64    // NIC -> how many virtual functions it can have
	noOVS      bool
}

// newHost builds the network that a node has before anything is enacted on it.
func newHost(spec NodeSpec) (*Host, error) {
	h := &Host{interfaces: map[string]map[string]any{}, dns: map[string]any{}, guests: map[string][]string{},
		vfs: map[string]int64{}, noOVS: spec.NoOVS}
	h.interfaces["lo"] = map[string]any{
		"name": "lo", "type": "loopback", "state": "up", "mtu": int64(65536), "mac-address": "00:00:00:00:00:00",
		"ipv4": ipSection([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}),
		"ipv6": ipSection([]netip.Prefix{netip.MustParsePrefix("::1/128")}),
	}
	for _, nic := range spec.NICs {
		h.plug(spec.Name, nic)
	}
	if len(spec.DNS) > 0 {
		servers := []any{}
		for _, server := range spec.DNS {
			servers = append(servers, server.String())
		}
		h.dns = map[string]any{"server": servers, "search": []any{}}
	}
	if spec.Existing == "" {
		return h, nil
	}
	existing, err := parseState(spec.Existing)
	if err != nil {
		return nil, fmt.Errorf("node %s: existing network: %w", spec.Name, err)
	}
	if h, err = h.Apply(existing); err != nil {
		return nil, fmt.Errorf("node %s: existing network: %w", spec.Name, err)
	}
	return h, nil
}

// plug adds a NIC in place.
func (h *Host) plug(node string, nic NIC) {
	iface := map[string]any{
		"name": nic.Name, "type": "ethernet", "state": "up", "mtu": int64(1500), "min-mtu": int64(68),
		"max-mtu": int64(9000), "mac-address": strings.ToUpper(nic.MAC), "accept-all-mac-addresses": false,
		"lldp": map[string]any{"enabled": false}, "ethernet": map[string]any{"auto-negotiation": false},
	}
	if nic.MAC == "" {
		iface["mac-address"] = derivedMAC(node, nic.Name)
	}
	if nic.MTU != 0 {
		iface["mtu"] = nic.MTU
	}
	if nic.Down {
		iface["state"] = "down"
	}
	iface["ipv4"] = ipSection(slices.DeleteFunc(slices.Clone(nic.Addresses), func(p netip.Prefix) bool { return p.Addr().Is6() }))
	iface["ipv6"] = ipSection(slices.DeleteFunc(slices.Clone(nic.Addresses), func(p netip.Prefix) bool { return p.Addr().Is4() }))
	if delete(h.vfs, nic.Name); nic.VFs > 0 {
		h.vfs[nic.Name] = nic.VFs
		overlay(iface, map[string]any{"ethernet": map[string]any{"sr-iov": map[string]any{"total-vfs": int64(0), "vfs": []any{}}}})
	}
	h.interfaces[nic.Name] = iface
	h.leases = slices.DeleteFunc(h.leases, func(l lease) bool { return l.nic == nic.Name })
	if nic.DHCP.IsValid() {
		iface["ipv4"] = map[string]any{"enabled": true, "dhcp": true}
		h.leases = append(h.leases, lease{nic.Name, text(iface, "mac-address"), nic.DHCP, nic.Gateways})
		return
	}
	for _, gateway := range nic.Gateways {
		h.routes = append(h.routes, defaultRoute(gateway, nic.Name))
	}
}

func defaultRoute(gateway netip.Addr, over string) map[string]any {
	destination := "0.0.0.0/0"
	if gateway.Is6() {
		destination = "::/0"
	}
	return map[string]any{"destination": destination, "next-hop-address": gateway.String(),
		"next-hop-interface": over, "metric": int64(100), "table-id": int64(254)}
}

func ipSection(addresses []netip.Prefix) map[string]any {
	if len(addresses) == 0 {
		return map[string]any{"enabled": false}
	}
	list := []any{}
	for _, p := range addresses {
		list = append(list, map[string]any{"ip": p.Addr().String(), "prefix-length": int64(p.Bits())})
	}
	section := map[string]any{"enabled": true, "dhcp": false, "address": list}
	if addresses[0].Addr().Is6() {
		section["autoconf"] = false
	}
	return section
}

// derivedMAC is a stable, locally administered address.
func derivedMAC(parts ...string) string {
	sum := fnv.New64a()
	sum.Write([]byte(strings.Join(parts, "/")))
	b := sum.Sum(nil)
	return fmt.Sprintf("52:54:00:%02X:%02X:%02X", b[5], b[6], b[7])
}

// Interface returns a copy of one interface in nmstate's form, and whether it exists.
func (h *Host) Interface(name string) (map[string]any, bool) {
	if _, ok := h.interfaces[name]; !ok {
		return nil, false
	}
	return h.withLease(name), true
}

// Names returns the names of all interfaces, sorted, without the veths that nmstate ignores.
func (h *Host) Names() []string { return slices.Sorted(maps.Keys(h.interfaces)) }

// Ports returns the names of the ports of a bridge or bond, guests' veths excluded.
func (h *Host) Ports(name string) []string {
	ports, _ := portsOf(h.interfaces[name])
	return ports
}

// Addresses returns the addresses of one interface, or none while it is not up.
func (h *Host) Addresses(name string) []netip.Prefix {
	if text(h.interfaces[name], "state") != "up" {
		return nil
	}
	iface := h.withLease(name)
	var out []netip.Prefix
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, address := range mappings(dig(iface, family, "address")) {
			bits, _ := address["prefix-length"].(int64)
			if ip, err := netip.ParseAddr(text(address, "ip")); err == nil {
				out = append(out, netip.PrefixFrom(ip, int(bits)))
			}
		}
	}
	return out
}

// Holds reports whether an interface that is up carries the address.
func (h *Host) Holds(address netip.Addr) bool {
	for name := range h.interfaces {
		for _, p := range h.Addresses(name) {
			if p.Addr() == address {
				return true
			}
		}
	}
	return false
}

func (h *Host) clone() *Host {
	out := &Host{interfaces: map[string]map[string]any{}, dns: clone(h.dns), guests: map[string][]string{},
		leases: slices.Clone(h.leases), vfs: maps.Clone(h.vfs), noOVS: h.noOVS}
	for name, iface := range h.interfaces {
		out.interfaces[name] = clone(iface)
	}
	for _, route := range h.routes {
		out.routes = append(out.routes, clone(route))
	}
	for bridge, veths := range h.guests {
		out.guests[bridge] = slices.Clone(veths)
	}
	return out
}

// The rest reads plain maps without panicking on any shape.

func clone(m map[string]any) map[string]any { return runtime.DeepCopyJSON(m) }

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func number(m map[string]any, key string) int64 {
	n, _ := m[key].(int64)
	return n
}

func dig(m map[string]any, path ...string) any {
	var at any = m
	for _, key := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[key]
	}
	return at
}

// mappings returns the mappings of a list; what is no mapping is left out.
func mappings(list any) []map[string]any {
	var out []map[string]any
	entries, _ := list.([]any)
	for _, entry := range entries {
		if m, ok := entry.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
