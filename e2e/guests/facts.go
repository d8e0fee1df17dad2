package guests

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind is what a fact is about.
type Kind string

// The kinds, with the form of their values.
const (
	MAC        Kind = "mac"         // 02:00:00:00:00:01, by which the NIC is found
	Address    Kind = "address"     // 192.0.2.10/24
	Route      Kind = "route"       // 0.0.0.0/0 via 192.0.2.1, in the main table
	Metric     Kind = "metric"      // 200 of 0.0.0.0/0 via 192.0.2.1
	OnLink     Kind = "on-link"     // 0.0.0.0/0 via 192.0.2.1
	TableRoute Kind = "table-route" // 0.0.0.0/0 via 192.0.2.1 in 102, or 192.0.2.0/24 direct in 102
	Rule       Kind = "rule"        // from 192.0.2.10/32 to 192.0.2.0/24 look in 102, priority 102
	DNS        Kind = "dns"         // 192.0.2.53
	Search     Kind = "search"      // example.com
	MTU        Kind = "mtu"         // 1400
	DHCP       Kind = "dhcp"        // ipv4 or ipv6
	DHCPMetric Kind = "dhcp-metric" // 100 of ipv4
	NoRA       Kind = "no-ra"       // router advertisements are ignored: on a NIC with IPv6, or without
)

// Fact is one thing that a network configuration says of a NIC, which is known by the name that it gets. Resolvers without a
// NIC are for all of them.
type Fact struct {
	NIC   string
	Kind  Kind
	Value string
}

// String gives the fact for messages.
func (f Fact) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s", f.NIC, f.Kind, f.Value))
}

// Facts are what a configuration says, in a fixed order and each once.
type Facts []Fact

func (f *Facts) add(nic string, kind Kind, value string) {
	*f = append(*f, Fact{nic, kind, value})
}

// addRoute adds what is to be said about a route. No via means a route without a gateway; no table, the main one.
func (f *Facts) addRoute(nic string, r route) {
	how := "direct"
	if r.via != "" {
		how = "via " + r.via
	}
	words := prefix(r.to, r.via) + " " + how
	if r.table != "" {
		f.add(nic, TableRoute, words+" in "+r.table)
		return
	}
	f.add(nic, Route, words)
	if r.metric != "" {
		f.add(nic, Metric, r.metric+" of "+words)
	}
	if r.onLink {
		f.add(nic, OnLink, words)
	}
}

type route struct {
	to, via, metric, table string
	onLink                 bool
}

// sorted completes and orders the facts, and drops those that occur twice.
func (f Facts) sorted() Facts {
	for i := range f {
		if f[i].Kind == NoRA {
			f[i].Value = "without IPv6 addresses"
			if f.hasIPv6(f[i].NIC) {
				f[i].Value = "with IPv6 addresses"
			}
		}
	}
	slices.SortFunc(f, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.NIC, b.NIC), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	return slices.Compact(f)
}

func (f Facts) hasIPv6(nic string) bool {
	return slices.ContainsFunc(f, func(a Fact) bool { return a.NIC == nic && a.Kind == Address && strings.Contains(a.Value, ":") })
}

// For gives facts in which a resolver for all NICs is one for those NICs for which a document asks for it.
func (f Facts) For(document Facts) Facts {
	var out Facts
	for _, fact := range f {
		before := len(out)
		for _, asked := range document {
			if fact.NIC == "" && asked.Kind == fact.Kind && asked.Value == fact.Value {
				out = append(out, asked)
			}
		}
		if len(out) == before {
			out = append(out, fact)
		}
	}
	return out.sorted()
}

// Without gives the facts that are not among the others.
func (f Facts) Without(others Facts) Facts {
	return slices.DeleteFunc(slices.Clone(f), func(fact Fact) bool { return slices.Contains(others, fact) })
}

// prefix writes a destination in one form. A word for everything, or nothing, is the default of the gateway's family.
func prefix(to, via string) string {
	if p, err := netip.ParsePrefix(to); err == nil {
		return p.String()
	}
	if to != "" && to != "default" {
		return to
	}
	if strings.Contains(via, ":") {
		return "::/0"
	}
	return "0.0.0.0/0"
}

// netplan is the part of netplan's format, and of cloud-init's version 2, that facts are read from.
type netplan struct {
	Ethernets map[string]struct {
		Match   struct{ MACAddress string }
		SetName string        `yaml:"set-name"`
		DHCP4O  dhcpOverrides `yaml:"dhcp4-overrides"`
		DHCP6O  dhcpOverrides `yaml:"dhcp6-overrides"`
		RA      *bool         `yaml:"accept-ra"`
		DHCP4   bool
		DHCP6   bool
		MTU     string
		Routes  []struct {
			To, Via, Metric, Table string
			OnLink                 bool `yaml:"on-link"`
		}
		Rules       []rule `yaml:"routing-policy"`
		Addresses   []string
		Nameservers struct {
			Addresses []string
			Search    []yaml.Node // which keep a domain null as it is written
		}
	}
}

type dhcpOverrides struct {
	Metric string `yaml:"route-metric"`
}

type rule struct {
	From, To, Table, Priority string
}

func (r rule) String() string {
	what := "from " + r.From
	if r.To != "" {
		what += " to " + r.To
	}
	return fmt.Sprintf("%s look in %s, priority %s", what, r.Table, r.Priority)
}

// ReadNetplan gives the facts of network data, version 2, or of a netplan file. Values are read as netplan reads them: as the
// text that is written, so that a domain on is no boolean.
func ReadNetplan(text []byte) (Facts, error) {
	var file struct {
		Network *netplan
		Plain   netplan `yaml:",inline"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	n := file.Network
	if n == nil {
		n = &file.Plain
	}
	var facts Facts
	for id, e := range n.Ethernets {
		nic := cmp.Or(e.SetName, id)
		facts.add(nic, MAC, strings.ToLower(e.Match.MACAddress))
		if e.RA != nil && !*e.RA {
			facts.add(nic, NoRA, "")
		}
		if e.MTU != "" {
			facts.add(nic, MTU, e.MTU)
		}
		facts.addEach(nic, Address, e.Addresses)
		facts.addEach(nic, DNS, e.Nameservers.Addresses)
		for _, domain := range e.Nameservers.Search {
			facts.add(nic, Search, domain.Value)
		}
		facts.addDHCP(nic, "ipv4", e.DHCP4, e.DHCP4O.Metric)
		facts.addDHCP(nic, "ipv6", e.DHCP6, e.DHCP6O.Metric)
		for _, r := range e.Routes {
			facts.addRoute(nic, route{r.To, r.Via, r.Metric, r.Table, r.OnLink})
		}
		for _, r := range e.Rules {
			facts.add(nic, Rule, r.String())
		}
	}
	return facts.sorted(), nil
}

func (f *Facts) addEach(nic string, kind Kind, values []string) {
	for _, v := range values {
		f.add(nic, kind, v)
	}
}

func (f *Facts) addDHCP(nic, family string, on bool, metric string) {
	if on {
		f.add(nic, DHCP, family)
	}
	if on && metric != "" {
		f.add(nic, DHCPMetric, metric+" of "+family)
	}
}
