package guests

import (
	"cmp"
	"path"
	"strings"
)

// ReadNetworkd gives the facts of .network and .link files, by path, as netplan's generator or cloud-init writes them.
func ReadNetworkd(files map[string]string) Facts {
	var facts Facts
	for name, text := range files {
		switch in := sections(text); path.Ext(name) {
		case ".network":
			facts.addNetworkdFile(in)
		case ".link":
			if mtu := last(in, "Link", "MTUBytes"); mtu != "" {
				facts.add(last(in, "Link", "Name"), MTU, mtu)
			}
		}
	}
	return facts.sorted()
}

func (f *Facts) addNetworkdFile(in []section) {
	nic := last(in, "Match", "Name")
	if mac := cmp.Or(last(in, "Match", "PermanentMACAddress"), last(in, "Match", "MACAddress")); mac != "" {
		f.add(nic, MAC, strings.ToLower(mac))
	}
	if isNo(last(in, "Network", "IPv6AcceptRA")) {
		f.add(nic, NoRA, "")
	}
	if mtu := last(in, "Link", "MTUBytes"); mtu != "" {
		f.add(nic, MTU, mtu)
	}
	f.addEach(nic, Address, all(in, "Network", "Address"))
	f.addEach(nic, Address, all(in, "Address", "Address"))
	f.addEach(nic, DNS, strings.Fields(strings.Join(all(in, "Network", "DNS"), " ")))
	f.addEach(nic, Search, strings.Fields(strings.Join(all(in, "Network", "Domains"), " ")))
	dhcp := last(in, "Network", "DHCP")
	f.addDHCP(nic, "ipv4", dhcp == "ipv4" || dhcp == "yes", cmp.Or(last(in, "DHCPv4", "RouteMetric"), last(in, "DHCP", "RouteMetric")))
	f.addDHCP(nic, "ipv6", dhcp == "ipv6" || dhcp == "yes", last(in, "DHCPv6", "RouteMetric"))
	for _, gateway := range all(in, "Network", "Gateway") {
		f.addRoute(nic, route{via: gateway})
	}
	for _, s := range in {
		switch s.name {
		case "Route":
			f.addRoute(nic, route{s.value("Destination"), s.value("Gateway"), s.value("Metric"), s.value("Table"),
				s.value("GatewayOnLink") == "true" || s.value("GatewayOnLink") == "yes"})
		case "RoutingPolicyRule":
			f.add(nic, Rule, rule{s.value("From"), s.value("To"), s.value("Table"), s.value("Priority")}.String())
		}
	}
}
