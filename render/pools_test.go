package render_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

var byValue = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// pool is open to whoever may use the untagged network of its fabric.
func pool(name string, subnet v1alpha1.Subnet, change ...func(*v1alpha1.AddressPool)) v1alpha1.AddressPool {
	p := v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.AddressPoolSpec{Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Subnet: subnet}}
	for _, c := range change {
		c(&p)
	}
	return p
}

func ranges(r ...v1alpha1.AddressRange) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.Spec.Ranges = r }
}

func exclude(r ...v1alpha1.AddressRange) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.Spec.Exclude = r }
}

func poolGateway(a v1alpha1.Address) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.Spec.Gateway = &a }
}

func poolDNS(a ...v1alpha1.Address) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.Spec.DNSServers = a }
}

func poolRoutes(r ...v1alpha1.Route) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.Spec.Routes = r }
}

func poolVLAN(id v1alpha1.VLANID) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.Spec.Segment.VLAN = &id }
}

func opened(namespaces ...string) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) {
		p.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: namespaces}
	}
}

func poolAged(hours int) func(*v1alpha1.AddressPool) {
	return func(p *v1alpha1.AddressPool) { p.CreationTimestamp = day(hours) }
}

// labCatalog has the networks lan (untagged), data (VLAN 100) and strict (VLAN 200, from pools alone) on fabric lab.
func labCatalog() *render.Catalog {
	strict := func(n *v1alpha1.HostNetwork) { n.Spec.ExplicitAddresses = v1alpha1.ExplicitPoolOnly }
	return render.NewCatalog([]v1alpha1.HostUplink{uplink("workers", "lab", "eth1")},
		[]v1alpha1.HostNetwork{hostNetwork("lan", "lab", isDefault), hostNetwork("data", "lab", vlan(100)), hostNetwork("strict", "lab", vlan(200), strict)})
}

func labPools(pools ...v1alpha1.AddressPool) *render.Pools {
	return render.NewPools(labCatalog(), pools)
}

func TestPoolProblems(t *testing.T) {
	many := make([]v1alpha1.AddressRange, 1025)
	for i := range many {
		many[i] = "192.0.2.9"
	}
	cases := map[string]struct {
		pool v1alpha1.AddressPool
		// path is where the problem is, and says a part of the message; both empty without one.
		path, says string
	}{
		"a whole subnet will do":                    {pool("p", "192.0.2.0/24"), "", ""},
		"everything may be given":                   {pool("p", "192.0.2.0/24", ranges("192.0.2.10-192.0.2.20", "192.0.2.64/26", "192.0.2.1"), exclude("192.0.2.12"), poolGateway("192.0.2.1"), poolDNS("192.0.2.2", "2001:db8::53", "127.0.0.53")), "", ""},
		"an IPv6 router may be a link-local one":    {pool("p", "2001:db8::/64", poolGateway("fe80::1")), "", ""},
		"the anycast address is a router's":         {pool("p", "2001:db8::/64", poolGateway("2001:db8::")), "", ""},
		"both addresses of a /31 can be used":       {pool("p", "192.0.2.2/31", poolGateway("192.0.2.2")), "", ""},
		"a pool that excludes all of it is drained": {pool("p", "192.0.2.0/30", exclude("192.0.2.0/30")), "", ""},
		"a next hop may be declared on the link":    {pool("p", "192.0.2.0/24", poolRoutes(v1alpha1.Route{To: "0.0.0.0/0", Via: "203.0.113.1", OnLink: true})), "", ""},
		"a name must fit a label":                   {pool("a.b", "192.0.2.0/24"), "metadata.name", `"a.b" is not a DNS label`},
		"a fabric is a label":                       {pool("p", "192.0.2.0/24", func(p *v1alpha1.AddressPool) { p.Spec.Segment.PhysicalNetwork = "LAB" }), "spec.segment.physicalNetwork", `"LAB" is not the name of a fabric`},
		"a VLAN has limits":                         {pool("p", "192.0.2.0/24", poolVLAN(4095)), "spec.segment.vlan", "4095 is not a VLAN"},
		"a subnet is a prefix":                      {pool("p", "192.0.2.1"), "spec.subnet", `"192.0.2.1": write a prefix`},
		"a subnet has no host bits":                 {pool("p", "192.0.2.1/24"), "spec.subnet", "has host bits: write 192.0.2.0/24"},
		"an IPv4 subnet is at least a /8":           {pool("p", "0.0.0.0/0"), "spec.subnet", "use a prefix length of at least 8"},
		"an IPv6 subnet is at least a /64":          {pool("p", "fd00::/8"), "spec.subnet", "use a prefix length of at least 64"},
		"loopback addresses are no machine's":       {pool("p", "127.0.0.0/8"), "spec.subnet", "a loopback address"},
		"a subnet in another form":                  {pool("p", "::ffff:192.0.2.0/120"), "spec.subnet", "write a prefix"},
		"the range that is wrong is named":          {pool("p", "192.0.2.0/24", ranges("192.0.2.1", "192.0.2.9-192.0.2.1")), "spec.ranges[1]", `"192.0.2.9-192.0.2.1": ends before it begins`},
		"a range lies in the subnet":                {pool("p", "192.0.2.0/24", ranges("192.0.2.200-192.0.3.9")), "spec.ranges[0]", `"192.0.2.200-192.0.3.9": is not in 192.0.2.0/24`},
		"a range is of the subnet's family":         {pool("p", "192.0.2.0/24", ranges("2001:db8::1")), "spec.ranges[0]", "is not in 192.0.2.0/24"},
		"an empty list of ranges could mean both":   {pool("p", "192.0.2.0/24", func(p *v1alpha1.AddressPool) { p.Spec.Ranges = []v1alpha1.AddressRange{} }), "spec.ranges", "leave ranges out to give out the whole subnet"},
		"ranges are bounded":                        {pool("p", "192.0.2.0/24", ranges(many...)), "spec.ranges", "must have at most 1024 items"},
		"an exclusion lies in the subnet":           {pool("p", "192.0.2.0/24", exclude("198.51.100.0/24")), "spec.exclude[0]", "is not in 192.0.2.0/24"},
		"a gateway is an address":                   {pool("p", "192.0.2.0/24", poolGateway("192.0.2.1/24")), "spec.gateway", "has a prefix length"},
		"a gateway is of the subnet's family":       {pool("p", "192.0.2.0/24", poolGateway("fe80::1")), "spec.gateway", "is IPv6"},
		"a gateway lies in the subnet":              {pool("p", "192.0.2.0/24", poolGateway("192.0.3.1")), "spec.gateway", "is not in the subnet 192.0.2.0/24"},
		"a gateway is not the network address":      {pool("p", "192.0.2.0/24", poolGateway("192.0.2.0")), "spec.gateway", "is the network address of 192.0.2.0/24"},
		"a DNS server is an address":                {pool("p", "192.0.2.0/24", poolDNS("192.0.2.2", "*alias")), "spec.dnsServers[1]", `"*alias": is not an address`},
		"a search domain is a name":                 {pool("p", "192.0.2.0/24", func(p *v1alpha1.AddressPool) { p.Spec.SearchDomains = []v1alpha1.DomainName{"a b"} }), "spec.searchDomains[0]", "write a domain name"},
		"a next hop lies in the subnet":             {pool("p", "192.0.2.0/24", poolRoutes(v1alpha1.Route{To: "198.51.100.0/24", Via: "203.0.113.1"})), "spec.routes[0].via", "is not in the subnet"},
		"a next hop is of its destination's family": {pool("p", "192.0.2.0/24", poolRoutes(v1alpha1.Route{To: "2001:db8::/64", Via: "192.0.2.1"})), "spec.routes[0].via", "is not of the family"},
		"a route is of the subnet's family":         {pool("p", "192.0.2.0/24", poolRoutes(v1alpha1.Route{To: "2001:db8::/64", Via: "2001:db8::1"})), "spec.routes[0].via", "no address of this family"},
		"there is one default route":                {pool("p", "192.0.2.0/24", poolGateway("192.0.2.1"), poolRoutes(v1alpha1.Route{To: "0.0.0.0/0", Via: "192.0.2.2"})), "spec.routes", "a second default route"},
		"a rest has limits":                         {pool("p", "192.0.2.0/24", func(p *v1alpha1.AddressPool) { p.Spec.Cooldown = &metav1.Duration{Duration: -time.Second} }), "spec.cooldown", "-1s is not a rest"},
		"a selector must be readable": {pool("p", "192.0.2.0/24", func(p *v1alpha1.AddressPool) {
			p.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b c"}}}
		}), "spec.allowedNamespaces.selector", "is not a label selector"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := labPools(c.pool).All()[0]
			problem := got.Problem
			if problem == nil {
				problem = &render.Problem{}
			} else if problem.Reason != v1alpha1.ReasonInvalidSpec {
				t.Errorf("reason %s", problem.Reason)
			}
			if problem.Path != c.path || !strings.Contains(problem.Message, c.says) {
				t.Errorf("want %q at %q, got %v", c.says, c.path, problem)
			}
			if got.Problem != nil && got.Config.Size().String() != "0" && strings.HasPrefix(c.path, "spec.ranges") {
				t.Errorf("a pool with a problem gives out %s addresses", got.Config.Size())
			}
		})
	}
}

func TestAPoolGivesOutNoAddressOfARouterOrServer(t *testing.T) {
	p := labPools(pool("p", "192.0.2.0/28", poolGateway("192.0.2.1"), poolDNS("192.0.2.2", "203.0.113.53"), exclude("192.0.2.5"),
		poolRoutes(v1alpha1.Route{To: "198.51.100.0/24", Via: "192.0.2.3"}))).All()[0]
	var got []string
	for _, r := range p.Config.Ranges() {
		got = append(got, r.String())
	}
	if diff := cmp.Diff([]string{"192.0.2.4-192.0.2.4", "192.0.2.6-192.0.2.14"}, got); diff != "" {
		t.Errorf("given out (-want +got):\n%s", diff)
	}
}

func TestAPoolLiesOnTheVLANThatUntaggedFramesAre(t *testing.T) {
	catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1", native(7))}, []v1alpha1.HostNetwork{hostNetwork("n", "lab")})
	pools := render.NewPools(catalog, []v1alpha1.AddressPool{pool("tagged", "192.0.2.0/24", poolVLAN(7)), pool("untagged", "198.51.100.0/24"), pool("other", "203.0.113.0/24", poolVLAN(8))})
	var got []string
	for _, p := range pools.All() {
		got = append(got, fmt.Sprintf("%s on %s, %d warnings", p.Object.Name, p.Segment, len(p.Warnings)))
	}
	want := []string{"other on lab.8, 1 warnings", "tagged on lab.7, 0 warnings", "untagged on lab.7, 0 warnings"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
}

func TestPoolWarnings(t *testing.T) {
	cases := map[string]struct {
		pools []v1alpha1.AddressPool
		// want are pool, reason and the pool that the message names.
		want []string
	}{
		"two pools divide a subnet":  {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24", ranges("192.0.2.1-192.0.2.9")), pool("b", "192.0.2.0/24", ranges("192.0.2.10-192.0.2.19"))}, nil},
		"an exclusion may divide it": {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24", exclude("192.0.2.64/26")), pool("b", "192.0.2.0/24", ranges("192.0.2.64/26"))}, nil},
		"the younger of two that overlap is told": {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24", poolAged(2)), pool("b", "192.0.2.0/24", ranges("192.0.2.9"), poolAged(1))},
			[]string{"a PoolOverlap b"}},
		"of the same age the second by name is told": {[]v1alpha1.AddressPool{pool("b", "192.0.2.0/24"), pool("a", "192.0.2.0/24")}, []string{"b PoolOverlap a"}},
		"the oldest of several is named": {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24", poolAged(3)), pool("b", "192.0.2.0/24", poolAged(2)), pool("c", "192.0.2.0/24", poolAged(1))},
			[]string{"a PoolOverlap c", "b PoolOverlap c"}},
		"one subnet on two segments": {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24"), pool("b", "192.0.2.0/25", poolVLAN(100))}, []string{"b SubnetOnTwoSegments a"}},
		"two lengths on one segment": {[]v1alpha1.AddressPool{pool("a", "10.0.0.0/8", ranges("10.1.0.0/16")), pool("b", "10.2.0.0/16")}, []string{"b PrefixLengthMismatch a"}},
		"a wider one that is younger": {[]v1alpha1.AddressPool{pool("a", "10.0.0.0/8", ranges("10.1.0.0/16"), poolAged(2)), pool("b", "10.2.0.0/16", poolAged(1)), pool("c", "10.3.0.0/16")},
			[]string{"a PrefixLengthMismatch c"}},
		"a pool with a problem overlaps with none": {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24", ranges("x")), pool("b", "192.0.2.0/24")}, nil},
		"nothing leads to the segment":             {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24", poolVLAN(300))}, []string{"a HostNetworkNotFound "}},
		"the families have nothing in common":      {[]v1alpha1.AddressPool{pool("a", "192.0.2.0/24"), pool("b", "2001:db8::/64")}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range labPools(c.pools...).All() {
				for _, w := range p.Warnings {
					_, rest, _ := strings.Cut(w.Message, `AddressPool "`)
					named, _, _ := strings.Cut(rest, `"`)
					got = append(got, p.Object.Name+" "+w.Reason+" "+named)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOverlapsAreThoseOfEveryPair compares with a search of all pairs.
func TestOverlapsAreThoseOfEveryPair(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var pools []v1alpha1.AddressPool
		for i := range 2 + r.IntN(8) {
			subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(4)), 0}), 14+r.IntN(11)).Masked()
			pools = append(pools, pool(string(rune('a'+i)), v1alpha1.Subnet(subnet.String()), poolAged(r.IntN(3))))
			if r.IntN(3) == 0 {
				poolVLAN(100)(&pools[i])
			}
		}
		got := labPools(pools...)
		for i := range pools {
			a, _ := got.Pool(pools[i].Name)
			overlap, elsewhere := false, false
			for k := range pools {
				b, _ := got.Pool(pools[k].Name)
				older := b.Object.CreationTimestamp.Before(&a.Object.CreationTimestamp) || b.Object.CreationTimestamp.Equal(&a.Object.CreationTimestamp) && b.Object.Name < a.Object.Name
				overlap = overlap || older && a.Segment == b.Segment && a.Config.Overlaps(b.Config)
				elsewhere = elsewhere || older && a.Segment != b.Segment && a.Config.Subnet().Overlaps(b.Config.Subnet())
			}
			said := map[string]bool{}
			for _, w := range a.Warnings {
				said[w.Reason] = true
			}
			if said[v1alpha1.ReasonPoolOverlap] != overlap || said[v1alpha1.ReasonSubnetOnTwoSegments] != elsewhere {
				t.Fatalf("%s: overlap %v, elsewhere %v, told %v", a.Object.Name, overlap, elsewhere, a.Warnings)
			}
		}
	}
}

func TestPoolsDoNotDependOnTheOrderOfTheInput(t *testing.T) {
	pools := []v1alpha1.AddressPool{pool("a", "192.0.2.0/24", poolAged(2)), pool("b", "192.0.2.0/25", poolAged(1)), pool("c", "192.0.2.0/24", poolVLAN(100)), pool("d", "192.0.2.128/25")}
	show := func(p *render.Pools) []string {
		var out []string
		for _, pool := range p.All() {
			out = append(out, fmt.Sprint(pool.Object.Name, pool.Segment, pool.Problem, pool.Warnings))
		}
		for _, pool := range p.Covering(ipam.Segment{Fabric: "lab"}, netip.MustParseAddr("192.0.2.9")) {
			out = append(out, pool.Object.Name)
		}
		return out
	}
	want := show(labPools(pools...))
	if got := want[len(want)-2:]; !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("covering, the oldest first: %v", got)
	}
	slices.Reverse(pools)
	if diff := cmp.Diff(want, show(labPools(pools...))); diff != "" {
		t.Errorf("reversed (-forwards +backwards):\n%s", diff)
	}
}

// FuzzPools: no pool or reservation makes them panic, and one without a problem gives out addresses of its subnet alone.
func FuzzPools(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"p"},"spec":{"segment":{"physicalNetwork":"lab"},"subnet":"192.0.2.0/24","ranges":["192.0.2.1-192.0.2.9"],"exclude":["192.0.2.64/26"],"gateway":"192.0.2.1","dnsServers":["::1"],"searchDomains":["a.b"],"routes":[{"to":"::/0","via":"fe80::1"}],"cooldown":"5m","addresses":["2001:db8::/65","10.0.0.1"],"for":{"namespace":"a","name":"b"}}}`))
	f.Add([]byte(`{"metadata":{"name":"p"},"spec":{"subnet":"::/0","ranges":[],"gateway":"x","allowedNamespaces":{"selector":{"matchExpressions":[{"operator":"x"}]}},"addresses":[""],"for":{}}}`))
	f.Add([]byte(`{"spec":{"subnet":"0.0.0.0/8","gateway":"0.0.0.0","routes":[{"to":"0.0.0.0/0","via":"0.0.0.1"}]}}`))
	catalog := labCatalog()
	f.Fuzz(func(t *testing.T, text []byte) {
		var p v1alpha1.AddressPool
		if json.Unmarshal(text, &p) == nil {
			pools := render.NewPools(catalog, []v1alpha1.AddressPool{p, p})
			got := pools.All()[0]
			checkProblem(t, got.Problem)
			for _, r := range got.Config.Ranges() {
				if !got.Config.Subnet().Contains(r.From()) || !got.Config.Subnet().Contains(r.To()) || got.Problem == nil && !r.IsValid() {
					t.Errorf("%s is given out of %s", r, got.Config.Subnet())
				}
			}
			render.PoolClaims(got)
			pools.Offer(got, nil)
		}
		var r v1alpha1.AddressReservation
		if json.Unmarshal(text, &r) == nil {
			claims, problem := render.ReservationClaims(catalog, &r)
			checkProblem(t, problem)
			if len(claims) > 256 || len(claims) > len(r.Spec.Addresses) || problem == nil && len(claims) != len(r.Spec.Addresses) {
				t.Errorf("%d claims of %d addresses, %v", len(claims), len(r.Spec.Addresses), problem)
			}
		}
	})
}

func checkProblem(t *testing.T, p *render.Problem) {
	t.Helper()
	if p != nil && (p.Reason == "" || p.Path == "" || strings.ContainsFunc(p.Message, func(r rune) bool { return r < ' ' })) {
		t.Errorf("a problem that cannot be shown: %+v", p)
	}
}
