package render

import (
	"fmt"
	"net/netip"
	"slices"

	"sigs.k8s.io/yaml"
)

// The types below are the part of cloud-init's network config version 2, which is netplan's, that is written. What they leave
// out is left out on purpose: a renderer, globs and driver matches are not portable, and gateway4 and gateway6 are
// deprecated since netplan 0.103.

type netConfig struct {
	Version   int                 `json:"version"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

type ethernet struct {
	Match         match          `json:"match"`
	SetName       string         `json:"set-name"`
	DHCP4         *bool          `json:"dhcp4,omitempty"`
	DHCP6         *bool          `json:"dhcp6,omitempty"`
	DHCP4Override *dhcpOverrides `json:"dhcp4-overrides,omitempty"`
	AcceptRA      *bool          `json:"accept-ra,omitempty"`
	MTU           int            `json:"mtu,omitempty"`
	Addresses     []string       `json:"addresses,omitempty"`
	Routes        []netRoute     `json:"routes,omitempty"`
	RoutingPolicy []routingRule  `json:"routing-policy,omitempty"`
	Nameservers   *nameservers   `json:"nameservers,omitempty"`
}

type match struct {
	MACAddress string `json:"macaddress"`
}

type dhcpOverrides struct {
	RouteMetric int `json:"route-metric"`
}

type netRoute struct {
	To     string `json:"to"`
	Via    string `json:"via,omitempty"`
	OnLink bool   `json:"on-link,omitempty"`
	Metric *int   `json:"metric,omitempty"`
	Scope  string `json:"scope,omitempty"`
	Table  int    `json:"table,omitempty"`
}

type nameservers struct {
	Addresses []string `json:"addresses,omitempty"`
	Search    []string `json:"search,omitempty"`
}

// NetworkData gives the network configuration of a guest as cloud-init's NoCloud data source reads it: version 2, without the
// outer "network" key, which NoCloud understands since cloud-init 22.2 only. All interfaces are listed, those with DHCP too,
// since cloud-init configures no other ones. It is empty without interfaces. It is an error when an address was not taken from
// its pool yet: nothing may be delivered before every address is known.
func NetworkData(nics []NIC) (string, error) {
	if len(nics) == 0 {
		return "", nil
	}
	c, err := config(nics)
	if err != nil {
		return "", err
	}
	out, err := yaml.Marshal(c)
	return string(out), err
}

// Netplan gives the same configuration as a complete netplan file.
func Netplan(nics []NIC) (string, error) {
	if len(nics) == 0 {
		return "", nil
	}
	c, err := config(nics)
	if err != nil {
		return "", err
	}
	out, err := yaml.Marshal(struct {
		Network netConfig `json:"network"`
	}{c})
	return string(out), err
}

func config(nics []NIC) (netConfig, error) {
	out := netConfig{Version: 2, Ethernets: map[string]ethernet{}}
	for _, n := range nics {
		if a := untaken(n.Network); a != nil {
			return netConfig{}, fmt.Errorf("%s: no address was taken from AddressPool %q yet", a.Path, a.Pool)
		}
		out.Ethernets[n.Interface] = n.ethernet()
	}
	return out, nil
}

func (n *NIC) ethernet() ethernet {
	out := ethernet{Match: match{MACAddress: n.Address}, SetName: n.Interface, MTU: n.MTU, Nameservers: n.nameservers()}
	yes, no := true, false
	if n.DHCP {
		out.DHCP4 = &yes
		if n.Metrics.IPv4 != 0 {
			out.DHCP4Override = &dhcpOverrides{RouteMetric: n.Metrics.IPv4}
		}
		if n.IgnoreRA {
			out.DHCP6, out.AcceptRA = &no, &no
		}
		return out
	}
	// Left unset, router advertisements add addresses, a second default route and DHCPv6.
	out.DHCP4, out.DHCP6, out.AcceptRA = &no, &no, &no
	for _, a := range n.ordered() {
		out.Addresses = append(out.Addresses, a.Prefix.String())
	}
	out.Routes = n.routes()
	if n.SourceRouting {
		table := n.tableRoutes(out.Routes)
		out.Routes, out.RoutingPolicy = append(out.Routes, table...), n.rules(table)
	}
	return out
}

func (n *NIC) nameservers() *nameservers {
	if len(n.DNS)+len(n.Search) == 0 {
		return nil
	}
	out := &nameservers{Search: n.Search}
	for _, server := range n.DNS {
		out.Addresses = append(out.Addresses, server.String())
	}
	return out
}

// ordered gives the addresses with IPv4 first: the family of the first one is the one whose default route may have a metric
// in every renderer.
func (n *NIC) ordered() []Address {
	var v4, v6 []Address
	for _, a := range n.Addresses {
		if a.Prefix.Addr().Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	return append(v4, v6...)
}

// routes gives the default routes, IPv4 first, and then the others in the order of the spec.
func (n *NIC) routes() []netRoute {
	var out []netRoute
	defaults := n.defaults()
	slices.SortStableFunc(defaults, func(a, b defaultRoute) int { return a.via.BitLen() - b.via.BitLen() })
	for _, d := range defaults {
		// "0.0.0.0/0", not "default": cloud-init before 25.3 fails on that word in every renderer but netplan's.
		out = append(out, netRoute{To: everywhere(d.via).String(), Via: d.via.String(), OnLink: n.needsOnLink(d.via, d.onLink), Metric: n.metric(d)})
	}
	for _, r := range n.Routes {
		if r.To.Bits() != 0 {
			out = append(out, netRoute{To: r.To.String(), Via: r.Via.String(), OnLink: n.needsOnLink(r.Via, r.OnLink), Metric: intPtr(r.Metric)})
		}
	}
	return out
}

// metric gives the metric of a default route: the one that the spec gives, or the one that its rank asks for.
func (n *NIC) metric(d defaultRoute) *int {
	if d.metric != nil {
		return intPtr(d.metric)
	}
	m := n.Metrics.IPv4
	if d.via.Is6() {
		m = n.Metrics.IPv6
	}
	if m == 0 {
		return nil
	}
	return &m
}

// needsOnLink leaves on-link out where a subnet covers the next hop: only netplan guests honour it.
func (n *NIC) needsOnLink(via netip.Addr, said bool) bool {
	if !said || (via.Is6() && via.IsLinkLocalUnicast()) {
		return false
	}
	return !slices.ContainsFunc(n.Addresses, func(a Address) bool { return a.Prefix.Contains(via) })
}
