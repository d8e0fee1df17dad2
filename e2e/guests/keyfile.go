package guests

import (
	"cmp"
	"path"
	"regexp"
	"strings"
)

var (
	numberedAddress = regexp.MustCompile(`^address[0-9]+$`)
	numberedRoute   = regexp.MustCompile(`^route[0-9]+$`)
)

// ReadKeyfiles gives the facts of NetworkManager's keyfiles, by path, as cloud-init writes them: the name of the NIC is in
// the name of the connection. A connection without a method for IPv6 listens to router advertisements.
func ReadKeyfiles(files map[string]string) Facts {
	var facts Facts
	for name, text := range files {
		if path.Ext(name) != ".nmconnection" {
			continue
		}
		in := sections(text)
		nic := strings.TrimPrefix(last(in, "connection", "id"), "cloud-init ")
		if mac := last(in, "ethernet", "mac-address"); mac != "" {
			facts.add(nic, MAC, strings.ToLower(mac))
		}
		if mtu := last(in, "ethernet", "mtu"); mtu != "" {
			facts.add(nic, MTU, mtu)
		}
		for _, s := range in {
			if s.name == "ipv4" || s.name == "ipv6" {
				facts.addKeyfileFamily(nic, s)
			}
		}
	}
	return facts.sorted()
}

// addKeyfileFamily reads what is set for one family. Its route-metric is that of all routes that have none.
func (f *Facts) addKeyfileFamily(nic string, s section) {
	common := s.value("route-metric")
	method := s.value("method")
	f.addDHCP(nic, s.name, method == "auto" || method == "dhcp", common)
	if s.name == "ipv6" && method != "" && method != "auto" {
		f.add(nic, NoRA, "")
	}
	f.addEach(nic, DNS, listed(s.value("dns")))
	f.addEach(nic, Search, listed(s.value("dns-search")))
	for _, k := range s.keys {
		switch {
		case numberedAddress.MatchString(k[0]):
			address, gateway, _ := strings.Cut(k[1], ",")
			f.add(nic, Address, address)
			if gateway != "" {
				f.addRoute(nic, route{via: gateway, metric: common})
			}
		case numberedRoute.MatchString(k[0]):
			r := append(strings.Split(k[1], ","), "", "")
			options := s.value(k[0] + "_options")
			f.addRoute(nic, route{r[0], r[1], cmp.Or(r[2], common), option(options, "table"), option(options, "onlink") == "true"})
		}
	}
}

func listed(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ',' })
}

// option reads one of the options of a route, such as table=102,onlink=true.
func option(options, name string) string {
	for o := range strings.SplitSeq(options, ",") {
		if key, value, _ := strings.Cut(o, "="); key == name {
			return value
		}
	}
	return ""
}
