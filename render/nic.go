package render

import (
	"cmp"
	"net/netip"
	"slices"
)

// NIC is one interface of a guest, with everything decided: what network data, machine, status and leases say of it.
type NIC struct {
	Network
	Choice Choice
	// Address is the MAC address of the interface, never empty.
	Address string
	// Metrics are the metrics of the default routes; 0 leaves them to the guest.
	Metrics Metrics
	// IgnoreRA: another interface has the default route for IPv6, so this one, which uses DHCP, does not listen to router
	// advertisements.
	IgnoreRA bool
	// Shared are those of its subnets that another interface of the guest is on, too.
	Shared []netip.Prefix
}

// Metrics are the metrics of the default routes of one interface, by family.
type Metrics struct{ IPv4, IPv6 int }

// Metrics of default routes. Guests give a route without one 100 (NetworkManager), 1024 (the kernel, IPv6) or 0 (the kernel,
// IPv4): below belowPlain it is preferred to one without, and from abovePlain on it is not.
const (
	metricStep = 100
	belowPlain = 10
	abovePlain = 2000
)

// setMetrics ranks default routes where two interfaces have one of a family: primary networks first, then in the order of
// the spec. Where only one has, no metric is given.
func setMetrics(nics []NIC) {
	order := make([]*NIC, 0, len(nics))
	for i := range nics {
		order = append(order, &nics[i])
	}
	slices.SortStableFunc(order, func(a, b *NIC) int { return cmp.Compare(rank(a.Primary), rank(b.Primary)) })
	v4 := slices.DeleteFunc(slices.Clone(order), func(n *NIC) bool { return !n.mayHaveDefault4() })
	v6 := slices.DeleteFunc(slices.Clone(order), func(n *NIC) bool { return !n.hasDefault(netip.Addr.Is6) })
	if len(v4) > 1 {
		given := givenMetrics(v4, netip.Addr.Is4)
		for i, n := range v4 {
			n.Metrics.IPv4 = given.next((i + 1) * metricStep)
		}
	}
	if len(v6) > 1 {
		setMetrics6(v6)
	}
}

// metrics are those that default routes have.
type metrics map[int]bool

// givenMetrics are those that the spec gives to default routes of a family.
func givenMetrics(nics []*NIC, family func(netip.Addr) bool) metrics {
	out := metrics{}
	for _, n := range nics {
		for _, d := range n.defaults() {
			if family(d.via) && d.metric != nil {
				out[int(*d.metric)] = true
			}
		}
	}
	return out
}

// next takes the first metric from m on that no default route has.
func (g metrics) next(m int) int {
	for g[m] {
		m++
	}
	g[m] = true
	return m
}

// setIgnoreRA decides about IPv6 on interfaces that use DHCP. Router advertisements say whether there is DHCPv6, and give
// addresses and a default route. Its metric is the kernel's, as that of a route without one is, and cannot be set in every
// guest: where the Wukong names a gateway for IPv6, none that is advertised elsewhere may compete with it.
func setIgnoreRA(nics []NIC) {
	if !slices.ContainsFunc(nics, func(n NIC) bool { return n.hasDefault(netip.Addr.Is6) }) {
		return
	}
	for i := range nics {
		nics[i].IgnoreRA = nics[i].DHCP
	}
}

// setMetrics6 ranks default routes for IPv6. The first interface with both families gets no metric, and those around it are
// ranked against that: cloud-init's NetworkManager renderer fails on a metric for a family that is not the first one of its
// interface (seen in cloud-init 25.1.4 to 26.2). With a second such interface nothing helps.
func setMetrics6(nics []*NIC) {
	given := givenMetrics(nics, netip.Addr.Is6)
	plain := slices.IndexFunc(nics, func(n *NIC) bool { return n.has(netip.Addr.Is4) })
	for i, n := range nics {
		switch {
		case plain < 0:
			n.Metrics.IPv6 = given.next((i + 1) * metricStep)
		case i < plain:
			n.Metrics.IPv6 = given.next(belowPlain + i)
		case i > plain:
			n.Metrics.IPv6 = given.next(abovePlain + (i-plain-1)*metricStep)
		}
	}
}

func rank(primary bool) int {
	if primary {
		return 0
	}
	return 1
}

// mayHaveDefault4 says whether the interface has a default route for IPv4, or may get one by DHCP.
func (n *NIC) mayHaveDefault4() bool { return n.DHCP || n.hasDefault(netip.Addr.Is4) }

func (n *NIC) hasDefault(family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(n.defaults(), func(d defaultRoute) bool { return family(d.via) })
}

// has says whether the interface has an address of a family.
func (n *NIC) has(family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(n.Addresses, func(a Address) bool { return family(a.Prefix.Addr()) })
}
