package render

import (
	"fmt"
	"net/netip"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// What cloud-init's renderers other than netplan's bear, over all interfaces of a guest: beyond it the one of the RHEL family
// (sysconfig) fails or leaves the rest out. Seen in cloud-init 22.4.2 and 25.1.4.
const (
	sysconfigServers = 3 // DNS servers of one interface
	sysconfigSearch  = 6 // search domains of the guest
)

// GuestDependent lists what is delivered and some guests cannot follow, with the guests that can: interface by interface, and
// in each its addresses, DNS, routes and source routing. cloud-init renders network data in the guest, with netplan (Debian,
// Ubuntu), NetworkManager (Fedora, newer RHEL), sysconfig (older RHEL) or systemd-networkd, and all but netplan leave parts
// out. Each statement was seen in cloud-init 22.4.2 or 25.1.4.
func GuestDependent(nics []NIC) []v1alpha1.FieldNotice {
	g := guests{gateway: slices.ContainsFunc(nics, func(n NIC) bool { return len(n.defaults()) > 0 })}
	for i := range nics {
		n := &nics[i]
		g.defaults(n)
		g.dns(n)
		g.routes(n)
		g.sourceRouting(n)
	}
	return g.out
}

// guests gathers what depends on the guest. What depends on the version of cloud-init alone is told once for a guest.
type guests struct {
	out []v1alpha1.FieldNotice
	// gateway: the document gives an interface a default route.
	gateway bool
	// search are the search domains of the interfaces so far.
	search []string
	told   struct{ metric, dhcpMetric, dhcpDefault, default6 bool }
}

func (g *guests) notice(path, format string, args ...any) {
	g.out = append(g.out, v1alpha1.FieldNotice{Field: path, Message: fmt.Sprintf(format, args...)})
}

// once tells what is worth telling once.
func (g *guests) once(told *bool, path, format string, args ...any) {
	if !*told {
		*told = true
		g.notice(path, format, args...)
	}
}

// defaults tells of the default routes of one interface.
func (g *guests) defaults(n *NIC) {
	if n.DHCP && n.Metrics.IPv4 != 0 {
		g.once(&g.told.dhcpMetric, n.Path, "metrics order the default routes of several networks, %d for that of DHCP: cloud-init leaves it out where it renders "+
			"with NetworkManager (Fedora, newer RHEL), so that such guests may prefer another one", n.Metrics.IPv4)
	}
	if n.DHCP && g.gateway {
		g.once(&g.told.dhcpDefault, n.Path, "a network has a gateway: guests with ifcfg files (RHEL family) then take no default route by DHCP")
	}
	for _, d := range n.defaults() {
		if n.needsOnLink(d.via, d.onLink) {
			g.onLink(d.path, d.via)
		}
		metric := n.metric(d)
		if d.via.Is6() {
			g.default6(n, d, metric)
		}
		if metric != nil {
			g.once(&g.told.metric, d.path, "metrics order default routes: cloud-init before 24.4 leaves them out where it does not render with netplan, "+
				"so that such guests may prefer any of them")
		}
	}
}

// default6 tells of a default route for IPv6.
func (g *guests) default6(n *NIC, d defaultRoute, metric *int) {
	if metric != nil && n.has(netip.Addr.Is4) {
		g.notice(d.path, "its IPv6 default route has metric %d beside IPv4 addresses: cloud-init fails on that where it renders with NetworkManager (Fedora, newer RHEL), "+
			"and the guest gets no network: give only one network an IPv6 gateway, or give the others no IPv4", *metric)
	}
	g.once(&g.told.default6, d.path, "cloud-init before 23.1 makes ::/64 of an IPv6 default route where it does not render with netplan: such guests need a newer one")
}

func (g *guests) onLink(path string, via netip.Addr) {
	g.notice(path, "the next hop %s is in no subnet of the network: only guests that render their network with netplan (Debian, Ubuntu) reach it; "+
		"cloud-init's other renderers leave on-link out, and the route is dropped", via)
}

// dns tells of DNS servers and search domains that do not fit everywhere.
func (g *guests) dns(n *NIC) {
	if len(n.DNS) > sysconfigServers {
		g.notice(n.Path+".ipConfig.dnsServers", "guests of the RHEL family use the first %d of %d DNS servers", sysconfigServers, len(n.DNS))
	}
	if i := slices.IndexFunc(n.DNS, func(server netip.Addr) bool { return !n.speaks(server) }); i >= 0 {
		g.notice(n.Path+".ipConfig.dnsServers", "the network has no address of the family of %s: cloud-init leaves such DNS servers out where it renders "+
			"with NetworkManager (Fedora, newer RHEL)", n.DNS[i])
	}
	if len(n.Search) == 0 {
		return
	}
	if g.search = union(g.search, n.Search); len(g.search) > sysconfigSearch {
		g.notice(n.Path+".ipConfig.searchDomains", "the guest has %d search domains up to here: cloud-init fails on more than %d where it renders "+
			"with sysconfig (RHEL family): remove some", len(g.search), sysconfigSearch)
	}
	if len(n.DNS) == 0 {
		g.notice(n.Path+".ipConfig.searchDomains", "the network has no DNS server: where cloud-init does not render with netplan, it stumbles over "+
			"search domains without one, and networks that follow may lose their DNS: add dnsServers")
	}
}

// routes tells of the routes other than default routes.
func (g *guests) routes(n *NIC) {
	for _, r := range n.Routes {
		if r.To.Bits() != 0 && n.needsOnLink(r.Via, r.OnLink) {
			g.onLink(r.Path, r.Via)
		}
	}
}

// sourceRouting tells of policy routing.
func (g *guests) sourceRouting(n *NIC) {
	at := n.Path + ".ipConfig.sourceRouting"
	pooled := func(a Address) bool { return a.Pool != "" }
	switch {
	case !n.SourceRouting:
		return
	case len(n.routes()) == 0 && len(n.Shared) == 0:
		if slices.ContainsFunc(n.Addresses, pooled) { // for others it is known before, and told of the request
			g.notice(at, "has no effect: neither the network nor its AddressPool gives a gateway or routes: add one of them")
		}
		return
	case len(n.Shared) > 0:
		g.notice(at, "another network of the machine is on subnet %s, too, which takes a route without next hop: only guests that render their network "+
			"with netplan (Debian, Ubuntu) do it, and cloud-init fails on it where it renders with sysconfig (RHEL family)", n.Shared[0])
		return
	}
	g.notice(at, "only guests that render their network with netplan (Debian, Ubuntu) do it: cloud-init's other renderers "+
		"leave the policy out, and the guest answers by its main routing table")
}

// speaks says whether the interface has an address of the family of another one, as far as is known beforehand.
func (n *NIC) speaks(a netip.Addr) bool {
	if n.DHCP {
		return a.Is4()
	}
	return n.has(func(own netip.Addr) bool { return own.Is4() == a.Is4() })
}
