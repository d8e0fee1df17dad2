package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"novasphere.dev/wukong-network/render"
)

// view is what somebody sees of one interface: the request, a reader of the document, or netplan in the files that it makes
// for systemd-networkd. Lists whose order says nothing are sorted.
type view struct {
	MAC, DHCP4, DHCPMetric string
	MTU                    string
	Addresses, DNS, Search []string
	Routes, Rules          []string
	AcceptRA, DHCP6        string
}

func (v view) sorted() view {
	slices.Sort(v.Routes)
	slices.Sort(v.Rules)
	return v
}

// way writes a route. Values that are not given are empty.
func way(to, via, onLink, metric, table, scope string) string {
	return fmt.Sprintf("%s via %s onlink %s metric %s table %s scope %s", to, via, onLink, metric, table, scope)
}

func rule(from, to, table, priority string) string {
	return fmt.Sprintf("from %s to %s table %s priority %s", from, to, table, priority)
}

// asked is what the request says of its interfaces. The metrics of default routes are those that were decided.
func asked(nics []render.NIC) map[string]view {
	out := map[string]view{}
	for i, n := range nics {
		v := view{MAC: n.Address, MTU: given(n.MTU), Search: n.Search, DHCP4: "no", DHCP6: "no", AcceptRA: "no"}
		for _, server := range n.DNS {
			v.DNS = append(v.DNS, server.String())
		}
		if n.DHCP {
			v.DHCP4, v.DHCPMetric = "yes", given(n.Metrics.IPv4)
			if !sixth(nics) {
				v.DHCP6, v.AcceptRA = "", ""
			}
		}
		for _, is4 := range []bool{true, false} {
			for _, a := range n.Addresses {
				if a.Prefix.Addr().Is4() == is4 {
					v.Addresses = append(v.Addresses, a.Prefix.String())
				}
			}
		}
		v.Routes = ways(n, "")
		if n.SourceRouting {
			sourceRouted(&v, nics, i)
		}
		out[n.Interface] = v.sorted()
	}
	return out
}

func given(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// sixth says whether an interface has a default route for IPv6.
func sixth(nics []render.NIC) bool {
	return slices.ContainsFunc(nics, func(n render.NIC) bool {
		return slices.ContainsFunc(n.Addresses, func(a render.Address) bool { return a.Gateway.Is6() }) ||
			slices.ContainsFunc(n.Routes, func(r render.Route) bool { return r.To.Bits() == 0 && r.To.Addr().Is6() })
	})
}

// ways are the routes that the request gives an interface, in one table.
func ways(n render.NIC, table string) []string {
	var out []string
	onLink := func(r render.Route) string {
		near := slices.ContainsFunc(n.Addresses, func(a render.Address) bool { return a.Prefix.Contains(r.Via) })
		if r.OnLink && !near && !(r.Via.Is6() && r.Via.IsLinkLocalUnicast()) {
			return "yes"
		}
		return ""
	}
	told := map[netip.Addr]bool{}
	for _, r := range n.Routes {
		metric := ""
		if r.Metric != nil {
			metric = strconv.Itoa(int(*r.Metric))
		} else if r.To.Bits() == 0 {
			metric = decided(n, r.Via)
		}
		if r.To.Bits() == 0 {
			told[r.Via] = true
		}
		out = append(out, way(r.To.String(), r.Via.String(), onLink(r), metric, table, ""))
	}
	for _, a := range n.Addresses {
		if !a.Gateway.IsValid() || told[a.Gateway] {
			continue
		}
		told[a.Gateway] = true
		to := "0.0.0.0/0"
		if a.Gateway.Is6() {
			to = "::/0"
		}
		out = append(out, way(to, a.Gateway.String(), "", decided(n, a.Gateway), table, ""))
	}
	return out
}

func decided(n render.NIC, via netip.Addr) string {
	if via.Is4() {
		return given(n.Metrics.IPv4)
	}
	return given(n.Metrics.IPv6)
}

// sourceRouted adds what source routing asks for: every route in a table of the interface, too, and rules that lead there.
func sourceRouted(v *view, nics []render.NIC, i int) {
	n := nics[i]
	table := strconv.Itoa(101 + n.Index)
	v.Routes = append(v.Routes, ways(n, table)...)
	shared := map[netip.Prefix]bool{}
	for _, a := range n.Addresses {
		for j, other := range nics {
			if j != i && a.Prefix.Bits() < a.Prefix.Addr().BitLen() && slices.ContainsFunc(other.Addresses, func(o render.Address) bool { return o.Prefix.Overlaps(a.Prefix) }) {
				shared[a.Prefix.Masked()] = true
			}
		}
	}
	for subnet := range shared {
		v.Routes = append(v.Routes, way(subnet.String(), "", "", "", table, "link"))
	}
	for _, a := range n.Addresses {
		family := func(r string) bool {
			return strings.Contains(r, "table "+table) && strings.Contains(strings.Fields(r)[0], ":") == a.Prefix.Addr().Is6()
		}
		if !slices.ContainsFunc(v.Routes, family) {
			continue
		}
		from := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()).String()
		if a.Prefix.Bits() < a.Prefix.Addr().BitLen() && !shared[a.Prefix.Masked()] {
			v.Rules = append(v.Rules, rule(from, a.Prefix.Masked().String(), "254", table))
		}
		v.Rules = append(v.Rules, rule(from, "", table, strconv.Itoa(201+n.Index)))
	}
}

// networkData is network data as a reader that knows nothing of ours sees it.
type networkData struct {
	Version   int
	Ethernets map[string]struct {
		Match     struct{ MACAddress string }
		SetName   string `yaml:"set-name"`
		DHCP4     *bool
		DHCP6     *bool
		AcceptRA  *bool `yaml:"accept-ra"`
		MTU       int
		Overrides struct {
			Metric int `yaml:"route-metric"`
		} `yaml:"dhcp4-overrides"`
		Addresses []string
		Routes    []struct {
			To, Via, Scope string
			OnLink         bool `yaml:"on-link"`
			Metric         *int
			Table          int
		}
		Policy []struct {
			From, To        string
			Table, Priority int
		} `yaml:"routing-policy"`
		Nameservers struct{ Addresses, Search []string }
	}
}

// readDocument reads network data with another YAML reader: one document, no key twice, none that is not expected.
func readDocument(t *testing.T, text string) map[string]view {
	t.Helper()
	reader := yaml.NewDecoder(bytes.NewBufferString(text))
	reader.KnownFields(true)
	var got networkData
	if err := reader.Decode(&got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := reader.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one document:\n%s", text)
	}
	if got.Version != 2 {
		t.Fatalf("version %d:\n%s", got.Version, text)
	}
	out := map[string]view{}
	for name, e := range got.Ethernets {
		if e.SetName != name {
			t.Errorf("%s is to be named %s", name, e.SetName)
		}
		v := view{MAC: e.Match.MACAddress, MTU: given(e.MTU), DHCP4: said(e.DHCP4), DHCP6: said(e.DHCP6), AcceptRA: said(e.AcceptRA),
			DHCPMetric: given(e.Overrides.Metric), Addresses: e.Addresses, DNS: e.Nameservers.Addresses, Search: e.Nameservers.Search}
		for _, r := range e.Routes {
			onLink, metric := "", ""
			if r.OnLink {
				onLink = "yes"
			}
			if r.Metric != nil {
				metric = strconv.Itoa(*r.Metric)
			}
			v.Routes = append(v.Routes, way(r.To, r.Via, onLink, metric, given(r.Table), r.Scope))
		}
		for _, p := range e.Policy {
			v.Rules = append(v.Rules, rule(p.From, p.To, given(p.Table), given(p.Priority)))
		}
		out[name] = v.sorted()
	}
	return out
}

func said(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	}
	return "no"
}

// readUnits reads the files that netplan makes for systemd-networkd, which is netplan's own view of a document.
func readUnits(t *testing.T, files map[string]string) map[string]view {
	t.Helper()
	out := map[string]view{}
	for file, text := range files {
		name, isNetwork := strings.CutSuffix(strings.TrimPrefix(file, "10-netplan-"), ".network")
		if !isNetwork {
			continue
		}
		sections := sectionsOf(text)
		one := func(section, key string) string { return strings.Join(sections[section][0][key], " ") }
		if one("Match", "Name") != name || !strings.Contains(files["10-netplan-"+name+".link"], "\nName="+name+"\n") {
			t.Errorf("%s is not named so:\n%s", name, text)
		}
		v := view{MAC: one("Match", "PermanentMACAddress"), MTU: one("Link", "MTUBytes"), DHCP4: "no", DHCPMetric: one("DHCP", "RouteMetric"),
			Addresses: sections["Network"][0]["Address"], DNS: sections["Network"][0]["DNS"], AcceptRA: one("Network", "IPv6AcceptRA")}
		if one("Network", "DHCP") == "ipv4" {
			v.DHCP4 = "yes"
		}
		if domains := one("Network", "Domains"); domains != "" {
			v.Search = strings.Fields(domains)
		}
		for _, r := range sections["Route"] {
			get := func(key string) string { return strings.Join(r[key], " ") }
			onLink := map[string]string{"true": "yes"}[get("GatewayOnLink")]
			v.Routes = append(v.Routes, way(get("Destination"), get("Gateway"), onLink, get("Metric"), get("Table"), get("Scope")))
		}
		for _, r := range sections["RoutingPolicyRule"] {
			get := func(key string) string { return strings.Join(r[key], " ") }
			v.Rules = append(v.Rules, rule(get("From"), get("To"), get("Table"), get("Priority")))
		}
		out[name] = v.sorted()
	}
	return out
}

// sectionsOf reads a unit: sections by name, each with the values of its keys. Routes and rules have what is empty left out,
// and every other section is there once, empty where the unit has none.
func sectionsOf(text string) map[string][]map[string][]string {
	out := map[string][]map[string][]string{}
	for _, name := range []string{"Match", "Link", "Network", "DHCP"} {
		out[name] = []map[string][]string{{}}
	}
	var current map[string][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, isSection := strings.CutPrefix(line, "[")
		name = strings.TrimSuffix(name, "]")
		key, value, _ := strings.Cut(line, "=")
		switch {
		case isSection && (name == "Route" || name == "RoutingPolicyRule"):
			current = map[string][]string{}
			out[name] = append(out[name], current)
		case isSection:
			if out[name] == nil {
				out[name] = []map[string][]string{{}}
			}
			current = out[name][0]
		case line != "":
			current[key] = append(current[key], value)
		}
	}
	return out
}
