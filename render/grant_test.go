package render_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func TestAdmit(t *testing.T) {
	pools := labPools(
		pool("web", "192.0.2.0/24", ranges("192.0.2.10-192.0.2.99", "192.0.2.200"), exclude("192.0.2.50", "192.0.2.250"), poolGateway("192.0.2.10"), poolAged(1)),
		pool("closed", "192.0.2.0/24", ranges("192.0.2.90-192.0.2.150"), opened("team-b"), poolAged(2)),
		pool("broken", "192.0.2.0/24", ranges("x"), exclude("192.0.2.7")),
		pool("data", "203.0.113.0/24", poolVLAN(100)),
		pool("strict", "198.51.100.0/24", poolVLAN(200)),
		pool("hidden", "198.51.100.0/24", poolVLAN(200), opened("team-b")),
	)
	const address, ipPool = at + ".ipConfig.address", at + ".ipConfig.ipPool"
	named := func(prefix, pool string) render.Address {
		return render.Address{Path: address, Pool: pool, Prefix: netip.MustParsePrefix(prefix)}
	}
	from := func(pool string) render.Address { return render.Address{Path: ipPool, Pool: pool} }
	cases := map[string]struct {
		network      string
		address      render.Address
		reason, path string
		// says and hides are in the message, and not in it.
		says, hides string
	}{
		"an address from a pool":                       {network: "lan", address: from("web")},
		"a pool that does not exist":                   {network: "lan", address: from("wbe"), reason: v1alpha1.ReasonPoolNotFound, path: ipPool, says: `"wbe": correct the name (such as web)`, hides: "closed"},
		"a pool that is not open":                      {network: "lan", address: from("closed"), reason: v1alpha1.ReasonPoolNotAllowed, path: ipPool, says: `not open to namespace "team-a"`, hides: "team-b"},
		"a pool with a problem":                        {network: "lan", address: from("broken"), reason: v1alpha1.ReasonInvalidSpec, path: ipPool, says: "its status says why"},
		"a pool of another segment":                    {network: "lan", address: from("data"), reason: v1alpha1.ReasonPoolSegmentMismatch, path: ipPool, says: `is for segment lab.100, and HostNetwork "lan" is segment lab`},
		"a pool where pools alone are used":            {network: "strict", address: from("strict")},
		"an explicit address where pools alone are":    {network: "strict", address: named("198.51.100.9/24", ""), reason: v1alpha1.ReasonPoolOnly, path: address, says: "(such as strict)", hides: "hidden"},
		"one beside ipPool where pools alone are":      {network: "strict", address: named("198.51.100.9/24", "strict"), reason: v1alpha1.ReasonPoolOnly, path: address},
		"an explicit address that no pool covers":      {network: "lan", address: named("10.0.0.5/24", "")},
		"one that a pool of another segment covers":    {network: "lan", address: named("203.0.113.5/28", "")},
		"one of the subnet outside all ranges":         {network: "lan", address: named("192.0.2.5/24", "")},
		"one in the ranges of an open pool":            {network: "lan", address: named("192.0.2.20/24", "")},
		"one in the ranges of an open and a closed":    {network: "lan", address: named("192.0.2.95/24", "")},
		"one in the ranges of a closed pool alone":     {network: "lan", address: named("192.0.2.120/24", ""), reason: v1alpha1.ReasonPoolNotAllowed, path: address, hides: "closed"},
		"one with another prefix length":               {network: "lan", address: named("192.0.2.5/25", ""), reason: v1alpha1.ReasonPrefixLengthMismatch, path: address, says: "write 192.0.2.5/24"},
		"one that a pool excludes":                     {network: "lan", address: named("192.0.2.250/24", ""), reason: v1alpha1.ReasonAddressExcluded, path: address, hides: "web"},
		"a pool with a problem forbids nothing":        {network: "lan", address: named("192.0.2.7/24", "")},
		"one of its pool":                              {network: "lan", address: named("192.0.2.20/24", "web")},
		"one of its pool that the pool excludes":       {network: "lan", address: named("192.0.2.50/24", "web"), reason: v1alpha1.ReasonAddressExcluded, path: address, says: "excludes 192.0.2.50"},
		"one of its pool that is the gateway":          {network: "lan", address: named("192.0.2.10/24", "web"), reason: v1alpha1.ReasonAddressExcluded, path: address, says: "gateway"},
		"one outside the ranges of its pool":           {network: "lan", address: named("192.0.2.5/24", "web"), reason: v1alpha1.ReasonAddressOutsidePool, path: address, says: "not in the ranges"},
		"one outside the subnet of its pool":           {network: "lan", address: named("10.0.0.5/24", "web"), reason: v1alpha1.ReasonAddressOutsidePool, path: address, says: "not in 192.0.2.0/24"},
		"one of its pool with another prefix length":   {network: "lan", address: named("192.0.2.20/16", "web"), reason: v1alpha1.ReasonPrefixLengthMismatch, path: address, says: "write 192.0.2.20/24"},
		"an address beside a pool that does not exist": {network: "lan", address: named("192.0.2.20/24", "nix"), reason: v1alpha1.ReasonPoolNotFound, path: ipPool},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n, ok := labCatalog().HostNetwork(c.network)
			if !ok {
				t.Fatal("no such network")
			}
			in := render.Selection{Namespace: render.NamespaceInfo{Name: "team-a"}, Wukong: "web"}
			got := pools.Admit(in, render.Choice{HostNetwork: c.network, Segment: n.Segment}, c.address)
			if got == nil {
				got = &render.Refusal{}
			}
			if diff := cmp.Diff([]string{c.reason, c.path}, []string{got.Reason, got.Path}); diff != "" {
				t.Errorf("reason and path (-want +got):\n%s%s", diff, got.Message)
			}
			if !strings.Contains(got.Message, c.says) || c.hides != "" && strings.Contains(got.Message, c.hides) {
				t.Errorf("want %q and not %q in %q", c.says, c.hides, got.Message)
			}
		})
	}
}

// granting are the pools of the cases of Grant.
func granting() *render.Pools {
	to := func(to v1alpha1.Subnet, via v1alpha1.Address) v1alpha1.Route { return v1alpha1.Route{To: to, Via: via} }
	search := func(d ...v1alpha1.DomainName) func(*v1alpha1.AddressPool) {
		return func(p *v1alpha1.AddressPool) { p.Spec.SearchDomains = d }
	}
	return labPools(
		pool("web", "192.0.2.0/24", poolGateway("192.0.2.1"), poolDNS("192.0.2.2"), search("example.com"), poolRoutes(to("198.51.100.0/24", "192.0.2.3"))),
		pool("db", "203.0.113.0/24", poolGateway("203.0.113.1"), poolDNS("192.0.2.2", "203.0.113.2"), search("example.net"), poolRoutes(to("198.51.100.0/24", "203.0.113.3"), to("10.0.0.0/8", "203.0.113.3"))),
		pool("six", "2001:db8::/64", poolGateway("fe80::1")),
		pool("routed", "10.9.0.0/16", poolRoutes(to("0.0.0.0/0", "10.9.0.1"))),
		pool("bare", "10.8.0.0/16"),
	)
}

func TestGrantInheritsWhatTheWukongLeavesOpen(t *testing.T) {
	type config = v1alpha1.IPConfig
	ipAddress := func(a v1alpha1.Address) *v1alpha1.Address { return &a }
	cidr := func(a v1alpha1.CIDR) *v1alpha1.CIDR { return &a }
	cases := map[string]struct {
		change func(*config)
		// want are addresses with their gateways, then DNS servers, search domains and routes.
		want []string
	}{
		"everything": {func(c *config) { c.IPPool = "web" },
			[]string{"192.0.2.10/24 192.0.2.1", "dns 192.0.2.2", "search example.com", "route 198.51.100.0/24 192.0.2.3"}},
		"nothing of a pool that says nothing": {func(c *config) { c.IPPool = "bare" }, []string{"10.8.0.10/16"}},
		"nothing without a pool":              {func(c *config) { c.Address = cidr("192.0.2.7/24") }, []string{"192.0.2.7/24"}},
		"everything beside an explicit address": {func(c *config) { c.Address, c.IPPool = cidr("192.0.2.7/24"), "web" },
			[]string{"192.0.2.7/24 192.0.2.1", "dns 192.0.2.2", "search example.com", "route 198.51.100.0/24 192.0.2.3"}},
		"no gateway where one is given": {func(c *config) { c.IPPool, c.Gateway = "six", ipAddress("fe80::9") }, []string{"2001:db8::a/64 fe80::9"}},
		"no gateway where another address has one": {func(c *config) {
			c.IPPool = "six"
			c.AdditionalAddresses = []v1alpha1.AdditionalAddress{{IPPool: "six", Gateway: ipAddress("fe80::9")}}
		}, []string{"2001:db8::a/64", "2001:db8::b/64 fe80::9"}},
		"no gateway where a route is the default": {func(c *config) {
			c.IPPool, c.Routes = "six", []v1alpha1.Route{{To: "::/0", Via: "fe80::7"}}
		}, []string{"2001:db8::a/64", "route ::/0 fe80::7"}},
		"the gateway beside a default route of the other family": {func(c *config) {
			c.IPPool, c.AdditionalAddresses = "six", []v1alpha1.AdditionalAddress{{IPPool: "routed"}}
		}, []string{"2001:db8::a/64 fe80::1", "10.9.0.11/16", "route 0.0.0.0/0 10.9.0.1"}},
		"own servers, domains and routes replace those of pools": {func(c *config) {
			c.IPPool, c.DNSServers, c.SearchDomains = "web", []v1alpha1.Address{"10.0.0.53"}, []v1alpha1.DomainName{"example.org"}
			c.Routes = []v1alpha1.Route{{To: "10.0.0.0/8", Via: "192.0.2.9"}}
		}, []string{"192.0.2.10/24 192.0.2.1", "dns 10.0.0.53", "search example.org", "route 10.0.0.0/8 192.0.2.9"}},
		"of two pools of a family the first gives the default route, and each destination has one route": {func(c *config) {
			c.IPPool, c.AdditionalAddresses = "web", []v1alpha1.AdditionalAddress{{IPPool: "db"}, {IPPool: "routed"}}
		}, []string{"192.0.2.10/24 192.0.2.1", "203.0.113.11/24", "10.9.0.12/16", "dns 192.0.2.2", "dns 203.0.113.2", "search example.com", "search example.net",
			"route 198.51.100.0/24 192.0.2.3", "route 10.0.0.0/8 203.0.113.3"}},
		"two addresses of one pool have one gateway": {func(c *config) {
			c.IPPool, c.AdditionalAddresses = "six", []v1alpha1.AdditionalAddress{{IPPool: "six"}}
		}, []string{"2001:db8::a/64 fe80::1", "2001:db8::b/64 fe80::1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			request := requestOf(t, c.change)
			before := requestOf(t, c.change)
			granted, errs := granting().Grant(request, takenFor(request))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if diff := cmp.Diff(before, request, byValue, cmp.AllowUnexported(render.Request{})); diff != "" {
				t.Errorf("the request changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, told(granted.Networks[0])); diff != "" {
				t.Errorf("granted (-want +got):\n%s", diff)
			}
			if _, err := render.Wukong(granted, []render.Choice{lanChoice}, render.Options{}); err != nil {
				t.Errorf("a granted request does not render: %v", err)
			}
		})
	}
}

func requestOf(t *testing.T, change func(*v1alpha1.IPConfig)) *render.Request {
	t.Helper()
	request, errs := render.ParseWukong(wukong(ip(func(c *v1alpha1.IPConfig) {
		*c = v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic}
		change(c)
	})))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return request
}

// takenFor takes the tenth address of each pool and those after it.
func takenFor(request *render.Request) map[string]netip.Prefix {
	taken := map[string]netip.Prefix{}
	for _, n := range request.Networks {
		for i, a := range n.Addresses {
			pool, ok := granting().Pool(a.Pool)
			if !ok || a.Explicit() {
				continue
			}
			bytes := pool.Config.Subnet().Addr().AsSlice()
			bytes[len(bytes)-1] = byte(10 + i)
			addr, _ := netip.AddrFromSlice(bytes)
			taken[a.Path] = netip.PrefixFrom(addr, pool.Config.Subnet().Bits())
		}
	}
	return taken
}

func told(n render.Network) []string {
	var out []string
	for _, a := range n.Addresses {
		text := a.Prefix.String()
		if a.Gateway.IsValid() {
			text += " " + a.Gateway.String()
		}
		out = append(out, text)
	}
	for _, s := range n.DNS {
		out = append(out, "dns "+s.String())
	}
	for _, s := range n.Search {
		out = append(out, "search "+s)
	}
	for _, r := range n.Routes {
		out = append(out, "route "+r.To.String()+" "+r.Via.String())
	}
	return out
}

func TestGrantChecksAgainWhatItKnowsNow(t *testing.T) {
	ipAddress := func(a v1alpha1.Address) *v1alpha1.Address { return &a }
	cases := map[string]struct {
		change     func(*v1alpha1.WukongNetwork)
		taken      map[string]netip.Prefix
		path, says string
	}{
		"a gateway of another subnet": {func(n *v1alpha1.WukongNetwork) {
			n.IPConfig.IPPool, n.IPConfig.Gateway = "web", ipAddress("203.0.113.1")
		}, nil,
			at + ".ipConfig.gateway", "is not in the subnet 192.0.2.0/24"},
		"a gateway of another subnet, of a further address": {func(n *v1alpha1.WukongNetwork) {
			n.IPConfig.IPPool, n.IPConfig.AdditionalAddresses = "bare", []v1alpha1.AdditionalAddress{{IPPool: "web", Gateway: ipAddress("203.0.113.1")}}
		}, nil, at + ".ipConfig.additionalAddresses[0].gateway", "is not in the subnet 192.0.2.0/24"},
		"a gateway of the other family": {func(n *v1alpha1.WukongNetwork) { n.IPConfig.IPPool, n.IPConfig.Gateway = "web", ipAddress("fe80::1") }, nil,
			at + ".ipConfig.gateway", "of the same family"},
		"a next hop out of reach": {func(n *v1alpha1.WukongNetwork) {
			n.IPConfig.IPPool, n.IPConfig.Routes = "web", []v1alpha1.Route{{To: "10.0.0.0/8", Via: "203.0.113.1"}}
		}, nil, at + ".ipConfig.routes[0].via", "is not in the subnet 192.0.2.0/24"},
		"a next hop of a family that the network does not have": {func(n *v1alpha1.WukongNetwork) {
			n.IPConfig.IPPool, n.IPConfig.Routes = "web", []v1alpha1.Route{{To: "2001:db8::/32", Via: "2001:db8::1"}}
		}, nil, at + ".ipConfig.routes[0].via", "no address of this family"},
		"an MTU that is too small for IPv6": {func(n *v1alpha1.WukongNetwork) { n.IPConfig.IPPool, n.MTU = "six", number(1000) }, nil, at + ".mtu", "too small for IPv6"},
		"a gateway that is taken as an address": {func(n *v1alpha1.WukongNetwork) {
			n.IPConfig.IPPool, n.IPConfig.Gateway = "bare", ipAddress("10.8.0.11")
			n.IPConfig.AdditionalAddresses = []v1alpha1.AdditionalAddress{{IPPool: "bare"}}
		}, nil, at + ".ipConfig.gateway", "own address"},
		"an address that is taken twice": {func(n *v1alpha1.WukongNetwork) {
			n.IPConfig.IPPool, n.IPConfig.AdditionalAddresses = "bare", []v1alpha1.AdditionalAddress{{IPPool: "bare"}}
		}, map[string]netip.Prefix{at + ".ipConfig.ipPool": netip.MustParsePrefix("10.8.0.9/16"), at + ".ipConfig.additionalAddresses[0].ipPool": netip.MustParsePrefix("10.8.0.9/16")},
			at + ".ipConfig.additionalAddresses[0].ipPool", "ask for each address once"},
		"a next hop of a pool that is an address of the machine": {func(n *v1alpha1.WukongNetwork) { n.IPConfig.IPPool = "web" },
			map[string]netip.Prefix{at + ".ipConfig.ipPool": netip.MustParsePrefix("192.0.2.3/24")}, at + ".ipConfig.ipPool", "own address"},
		"a pool that is gone":              {func(n *v1alpha1.WukongNetwork) { n.IPConfig.IPPool = "gone" }, nil, at + ".ipConfig.ipPool", "there is no such AddressPool"},
		"an address that is not taken yet": {func(n *v1alpha1.WukongNetwork) { n.IPConfig.IPPool = "web" }, map[string]netip.Prefix{}, at + ".ipConfig.ipPool", `no address was taken from AddressPool "web" yet`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			request, errs := render.ParseWukong(wukong(network(func(n *v1alpha1.WukongNetwork) {
				n.IPConfig = &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic}
				c.change(n)
			})))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if c.taken == nil {
				c.taken = takenFor(request)
			}
			granted, errs := granting().Grant(request, c.taken)
			if granted != nil || len(errs) != 1 || errs[0].Field != c.path || !strings.Contains(errs[0].Error(), c.says) {
				t.Errorf("want %q at %s, got %v", c.says, c.path, errs)
			}
		})
	}
}

func TestQuotas(t *testing.T) {
	bound := func(n int32) func(*v1alpha1.AddressPool) {
		return func(p *v1alpha1.AddressPool) {
			p.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: []string{"team-a"}, MaxAddresses: &n}
		}
	}
	catalog := render.NewCatalog(nil, []v1alpha1.HostNetwork{hostNetwork("free", "lab"), hostNetwork("bounded", "lab", vlan(9), func(n *v1alpha1.HostNetwork) { n.Spec.AllowedNamespaces.MaxAddresses = ptr[int32](7) })})
	pools := render.NewPools(catalog, []v1alpha1.AddressPool{pool("p", "192.0.2.0/24", bound(3)), pool("none", "192.0.2.0/24", poolVLAN(9), bound(0)), pool("unbounded", "198.51.100.0/24")})
	cases := map[string]struct {
		network, pool string
		want          []render.Quota
	}{
		"nothing bounds it":                  {"free", "unbounded", nil},
		"its pool bounds it":                 {"free", "p", []render.Quota{{Object: render.Object{Kind: "AddressPool", Name: "p"}, Max: 3}}},
		"network and pool bound it":          {"bounded", "none", []render.Quota{{Object: render.Object{Kind: "HostNetwork", Name: "bounded"}, Max: 7}, {Object: render.Object{Kind: "AddressPool", Name: "none"}}}},
		"the network bounds a named address": {"bounded", "", []render.Quota{{Object: render.Object{Kind: "HostNetwork", Name: "bounded"}, Max: 7}}},
		"a pool that is gone bounds nothing": {"free", "gone", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, pools.Quotas(render.Choice{HostNetwork: c.network}, render.Address{Pool: c.pool})); diff != "" {
				t.Errorf("quotas (-want +got):\n%s", diff)
			}
		})
	}
}
