package guests

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strings"
)

// ReadSysconfig gives the facts of ifcfg, route and route6 files of the RHEL family, by path, and of the resolv.conf that
// cloud-init writes beside them.
func ReadSysconfig(files map[string]string) Facts {
	var facts Facts
	for name, text := range files {
		kind, nic, _ := strings.Cut(path.Base(name), "-")
		switch kind {
		case "ifcfg":
			facts.addIfcfg(nic, sections(text)[0])
		case "route":
			facts.addRoutes(nic, sections(text)[0])
		case "route6":
			facts.addRoutes6(nic, text)
		case "resolv.conf":
			facts.addResolvers(text)
		}
	}
	return facts.sorted()
}

func (f *Facts) addIfcfg(nic string, s section) {
	f.add(nic, MAC, strings.ToLower(s.value("HWADDR")))
	if isNo(s.value("IPV6_FORCE_ACCEPT_RA")) {
		f.add(nic, NoRA, "")
	}
	if mtu := s.value("MTU"); mtu != "" {
		f.add(nic, MTU, mtu)
	}
	for i := -1; ; i++ {
		suffix := ""
		if i >= 0 {
			suffix = fmt.Sprint(i)
		}
		address := s.value("IPADDR" + suffix)
		if address == "" && i > 0 {
			break
		}
		if address != "" {
			f.add(nic, Address, address+"/"+bits(s.value("NETMASK"+suffix), s.value("PREFIX"+suffix)))
		}
	}
	f.addEach(nic, Address, strings.Fields(s.value("IPV6ADDR")+" "+strings.Trim(s.value("IPV6ADDR_SECONDARIES"), `"`)))
	for i := 1; s.value(fmt.Sprint("DNS", i)) != ""; i++ {
		f.add(nic, DNS, s.value(fmt.Sprint("DNS", i)))
	}
	f.addEach(nic, Search, strings.Fields(strings.Trim(s.value("DOMAIN"), `"`)))
	f.addIfcfgDefaults(nic, s)
}

// addIfcfgDefaults reads default routes. The key METRIC, of network-scripts, is for IPv4, and so for what DHCP gives, too.
func (f *Facts) addIfcfgDefaults(nic string, s section) {
	metric := s.value("IPV4_ROUTE_METRIC")
	if metric == "" {
		metric = s.value("METRIC")
	}
	if gateway := s.value("GATEWAY"); gateway != "" {
		f.addRoute(nic, route{via: gateway, metric: metric})
	}
	if gateway := s.value("IPV6_DEFAULTGW"); gateway != "" {
		f.addRoute(nic, route{via: gateway, metric: s.value("IPV6_ROUTE_METRIC")})
	}
	f.addDHCP(nic, "ipv4", s.value("BOOTPROTO") == "dhcp", metric)
	f.addDHCP(nic, "ipv6", s.value("DHCPV6C") == "yes", s.value("IPV6_ROUTE_METRIC"))
	if isNo(s.value("DHCLIENT_SET_DEFAULT_ROUTE")) {
		f.add(nic, DHCP, "ipv4 without a default route")
	}
}

// bits gives the length of a prefix from a mask or, where there is none, the length that is given.
func bits(mask, length string) string {
	addr, err := netip.ParseAddr(mask)
	if err != nil || !addr.Is4() {
		return length
	}
	ones, _ := net.IPMask(addr.AsSlice()).Size()
	return fmt.Sprint(ones)
}

func (f *Facts) addRoutes(nic string, s section) {
	for i := 0; s.value(fmt.Sprint("ADDRESS", i)) != ""; i++ {
		to := s.value(fmt.Sprint("ADDRESS", i)) + "/" + bits(s.value(fmt.Sprint("NETMASK", i)), "")
		f.addRoute(nic, route{to: to, via: s.value(fmt.Sprint("GATEWAY", i)), metric: s.value(fmt.Sprint("METRIC", i))})
	}
}

// addRoutes6 reads lines such as "2001:db8::/48 via fe80::2 metric 5 dev net0".
func (f *Facts) addRoutes6(nic, text string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		r := route{to: words[0]}
		for i := 1; i+1 < len(words); i += 2 {
			switch words[i] {
			case "via":
				r.via = words[i+1]
			case "metric":
				r.metric = words[i+1]
			case "table":
				r.table = words[i+1]
			}
		}
		f.addRoute(nic, r)
	}
}

// addResolvers reads lines such as "nameserver 192.0.2.53".
func (f *Facts) addResolvers(text string) {
	for line := range strings.Lines(text) {
		switch words := append(strings.Fields(line), ""); words[0] {
		case "nameserver":
			f.add("", DNS, words[1])
		case "search":
			f.addEach("", Search, words[1:len(words)-1])
		}
	}
}
