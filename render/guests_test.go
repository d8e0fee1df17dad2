package render_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// more adds a network.
func more(n v1alpha1.WukongNetwork) func(*v1alpha1.Wukong) {
	return func(w *v1alpha1.Wukong) { w.Spec.Networks = append(w.Spec.Networks, n) }
}

// six is a network with an address for IPv6 alone.
func six(name string) v1alpha1.WukongNetwork {
	return static(name, "2001:db8:2::10/64", "2001:db8:2::1")
}

func servers(list ...v1alpha1.Address) func(*v1alpha1.Wukong) {
	return ip(func(c *v1alpha1.IPConfig) { c.DNSServers = list })
}

func search(list ...v1alpha1.DomainName) func(*v1alpha1.Wukong) {
	return ip(func(c *v1alpha1.IPConfig) { c.SearchDomains = list })
}

func sourceRouting(c *v1alpha1.IPConfig) { c.SourceRouting = true }

func TestWhatOnlySomeGuestsCanFollowIsTold(t *testing.T) {
	const on = at + ".ipConfig"
	cases := map[string]struct {
		change func(*v1alpha1.Wukong)
		// want has, for each notice, its field and a part of its text.
		want []string
	}{
		"every guest can have one address and a gateway":      {nil, nil},
		"every guest can have three servers and a domain":     {both(servers("192.0.2.53", "192.0.2.54", "192.0.2.55"), search("example.com")), nil},
		"every guest can have a route by a neighbour":         {route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2", OnLink: true}), nil},
		"every guest has a link-local address for a gateway":  {both(address("2001:db8::5/64"), route(v1alpha1.Route{To: "2001:db8:9::/48", Via: "fe80::1", OnLink: true})), nil},
		"a default route that leaves every subnet":            {both(gateway(""), route(v1alpha1.Route{To: "0.0.0.0/0", Via: "203.0.113.1", OnLink: true})), []string{on + ".routes[0] on-link"}},
		"a route that leaves every subnet":                    {route(v1alpha1.Route{To: "10.0.0.0/8", Via: "203.0.113.1", OnLink: true}), []string{on + ".routes[0] 203.0.113.1"}},
		"source routing":                                      {ip(sourceRouting), []string{on + ".sourceRouting netplan"}},
		"an IPv6 default route, by its version of cloud-init": {also("2001:db8::10/64", "2001:db8::1"), []string{on + ".additionalAddresses[0].address 23.1"}},
		"metrics, once":                   {more(static("b", "198.51.100.5/24", "198.51.100.1")), []string{on + ".address 24.4"}},
		"the metric of DHCP, and metrics": {more(v1alpha1.WukongNetwork{Name: "b"}), []string{on + ".address 24.4", "spec.networks[1] NetworkManager", "spec.networks[1] no default route by DHCP"}},
		"two networks with DHCP have no gateway to lose one to": {func(w *v1alpha1.Wukong) {
			w.Spec.Networks = []v1alpha1.WukongNetwork{{Name: "a"}, {Name: "b"}}
		}, []string{"spec.networks[0] NetworkManager"}},
		"two networks whose IPv6 default routes need no metric": {both(also("2001:db8::10/64", "2001:db8::1"), more(six("b"))), []string{on + ".additionalAddresses[0].address 23.1", "spec.networks[1].ipConfig.address 24.4"}},
		"a metric for IPv6 beside IPv4": {both(also("2001:db8::10/64", "2001:db8::1"), ip(func(c *v1alpha1.IPConfig) {
			c.Routes = []v1alpha1.Route{{To: "::/0", Via: "2001:db8::1", Metric: number(300)}}
		})), []string{on + ".additionalAddresses[0].address gets no network", on + ".additionalAddresses[0].address 23.1", on + ".additionalAddresses[0].address 24.4"}},
		"four DNS servers": {servers("192.0.2.53", "192.0.2.54", "192.0.2.55", "192.0.2.56"), []string{on + ".dnsServers first 3 of 4"}},
		"seven search domains, on two networks": {both(gateway(""), servers("192.0.2.53"), search("a", "b", "c", "d"), more(v1alpha1.WukongNetwork{Name: "b", IPConfig: &v1alpha1.IPConfig{
			Mode: v1alpha1.IPModeDHCP, DNSServers: []v1alpha1.Address{"192.0.2.53"}, SearchDomains: []v1alpha1.DomainName{"d", "e", "f", "g"}}})),
			[]string{"spec.networks[1].ipConfig.searchDomains 7 search domains"}},
		"six search domains, of which two networks repeat some": {both(gateway(""), servers("192.0.2.53"), search("a", "b", "c", "d"), more(v1alpha1.WukongNetwork{Name: "b", IPConfig: &v1alpha1.IPConfig{
			Mode: v1alpha1.IPModeDHCP, DNSServers: []v1alpha1.Address{"192.0.2.53"}, SearchDomains: []v1alpha1.DomainName{"d", "e", "f"}}})), nil},
		"a DNS server of a family that the network does not have": {servers("192.0.2.53", "2001:db8::53"), []string{on + ".dnsServers the family of 2001:db8::53"}},
		"a DNS server of either family for both families":         {both(gateway(""), also("2001:db8::10/64", ""), servers("192.0.2.53", "2001:db8::53")), nil},
		"a DNS server of IPv6 beside DHCP": {ip(func(c *v1alpha1.IPConfig) {
			*c = v1alpha1.IPConfig{Mode: v1alpha1.IPModeDHCP, DNSServers: []v1alpha1.Address{"2001:db8::53"}}
		}), []string{on + ".dnsServers NetworkManager"}},
		"search domains without a server": {search("example.com"), []string{on + ".searchDomains no DNS server"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := render.GuestDependent(objects(t, wukong(c.change), render.Options{}).Delivered)
			var fields, want []string
			for i, n := range got {
				fields = append(fields, n.Field)
				if len(n.Message) > 512 || len(n.Field) > 256 {
					t.Errorf("notice does not fit the schema: %+v", n)
				}
				if i < len(c.want) {
					if _, text, _ := strings.Cut(c.want[i], " "); !strings.Contains(n.Message, text) {
						t.Errorf("want …%s…, got %s", text, n.Message)
					}
				}
			}
			for _, w := range c.want {
				field, _, _ := strings.Cut(w, " ")
				want = append(want, field)
			}
			if diff := cmp.Diff(want, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSourceRoutingWithoutARouteFromThePoolIsTold(t *testing.T) {
	nic := render.NIC{Network: render.Network{Path: "spec.networks[0]", SourceRouting: true,
		Addresses: []render.Address{{Pool: "lab", Prefix: netip.MustParsePrefix("192.0.2.10/24")}}}}
	got := render.GuestDependent([]render.NIC{nic})
	if len(got) != 1 || got[0].Field != "spec.networks[0].ipConfig.sourceRouting" || !strings.Contains(got[0].Message, "has no effect") {
		t.Errorf("notices: %+v, want one that says that it has no effect", got)
	}
	nic.Addresses[0].Gateway = netip.MustParseAddr("192.0.2.1")
	for _, n := range render.GuestDependent([]render.NIC{nic}) {
		if strings.Contains(n.Message, "has no effect") {
			t.Errorf("with a gateway it has one, and the notice is: %s", n.Message)
		}
	}
}
