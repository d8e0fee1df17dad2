package render_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	sigsyaml "sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// policy is the part of network data that source routing writes.
type policy struct {
	Ethernets map[string]struct {
		Routes []struct {
			To, Via, Scope string
			Table, Metric  int
		}
		Policy []struct {
			From, To        string
			Table, Priority int
		} `json:"routing-policy"`
	}
}

func policyOf(t *testing.T, change func(*v1alpha1.Wukong)) policy {
	t.Helper()
	text, err := render.NetworkData(objects(t, wukong(change), render.Options{}).Delivered)
	if err != nil {
		t.Fatal(err)
	}
	var out policy
	if err := sigsyaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// routed is a network with source routing.
func routed(name string, address v1alpha1.CIDR, gateway v1alpha1.Address) v1alpha1.WukongNetwork {
	out := static(name, address, gateway)
	out.IPConfig.SourceRouting = true
	return out
}

func TestANetworkThatIsAddedLeavesTheSourceRoutingOfOthersAsItIs(t *testing.T) {
	two := both(ip(sourceRouting), more(routed("b", "198.51.100.10/24", "198.51.100.1")))
	before := policyOf(t, two)
	after := policyOf(t, both(two, more(routed("c", "203.0.113.10/24", "203.0.113.1")), more(v1alpha1.WukongNetwork{Name: "d"})))
	if len(before.Ethernets) != 2 || len(before.Ethernets["net1"].Policy) == 0 {
		t.Fatalf("no policy: %+v", before)
	}
	for name, want := range before.Ethernets {
		if diff := cmp.Diff(want, after.Ethernets[name]); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
	}
}

func TestSourceRoutingFillsNoTableOfTheKernelsAndNoneTwice(t *testing.T) {
	got := policyOf(t, func(w *v1alpha1.Wukong) {
		w.Spec.Networks = nil
		for i := range 64 {
			w.Spec.Networks = append(w.Spec.Networks, routed(fmt.Sprintf("n%d", i), v1alpha1.CIDR(fmt.Sprintf("10.%d.0.10/16", i)), v1alpha1.Address(fmt.Sprintf("10.%d.0.1", i))))
		}
	})
	owners := map[int]string{}
	for name, e := range got.Ethernets {
		for _, r := range e.Routes {
			if r.Table == 0 {
				continue
			}
			if r.Table >= 253 && r.Table <= 255 {
				t.Errorf("%s has a route in table %d of the kernel", name, r.Table)
			}
			if owner, found := owners[r.Table]; found && owner != name {
				t.Errorf("%s and %s fill table %d", name, owner, r.Table)
			}
			owners[r.Table] = name
		}
		for _, p := range e.Policy {
			if p.Priority <= 0 || p.Priority >= 32766 {
				t.Errorf("%s has a rule of priority %d, which is not between the kernel's", name, p.Priority)
			}
		}
	}
	if len(owners) != 64 {
		t.Errorf("%d tables for 64 networks", len(owners))
	}
}

// TestARendererThatIgnoresTablesGetsNoOtherRoutes: cloud-init's other renderers write all routes into the main table.
func TestARendererThatIgnoresTablesGetsNoOtherRoutes(t *testing.T) {
	got := policyOf(t, both(ip(sourceRouting), also("2001:db8::10/64", "2001:db8::1"), route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2", Metric: number(7)}),
		more(routed("b", "198.51.100.10/24", "198.51.100.1"))))
	for name, e := range got.Ethernets {
		in := map[int]map[string]bool{}
		for _, r := range e.Routes {
			if in[r.Table] == nil {
				in[r.Table] = map[string]bool{}
			}
			in[r.Table][fmt.Sprint(r.To, r.Via, r.Scope, r.Metric)] = true
		}
		if len(in) != 2 {
			t.Errorf("%s has %d tables", name, len(in))
		}
		for table, routes := range in {
			if diff := cmp.Diff(in[0], routes); diff != "" {
				t.Errorf("%s table %d (-main +its own):\n%s", name, table, diff)
			}
		}
	}
}

func TestEveryInterfaceHasItsOwnMetric(t *testing.T) {
	metric := func(n *v1alpha1.WukongNetwork, m int32) v1alpha1.WukongNetwork {
		n.IPConfig.Routes = []v1alpha1.Route{{To: "0.0.0.0/0", Via: *n.IPConfig.Gateway, Metric: &m}}
		return *n
	}
	first, second := static("b", "198.51.100.10/24", "198.51.100.1"), static("c", "203.0.113.10/24", "203.0.113.1")
	got := policyOf(t, both(more(metric(&first, 100)), more(static("d", "10.0.0.10/24", "10.0.0.1")), more(metric(&second, 101))))
	want := map[string]int{"net0": 102, "net1": 100, "net2": 300, "net3": 101}
	for name, e := range got.Ethernets {
		if len(e.Routes) != 1 || e.Routes[0].Metric != want[name] {
			t.Errorf("%s: want metric %d, got %+v", name, want[name], e.Routes)
		}
	}
}

func TestAnIPv6DefaultRouteBesideIPv4HasNoMetricWhereThatCanBe(t *testing.T) {
	dual := func(name string, third int) v1alpha1.WukongNetwork {
		out := static(name, v1alpha1.CIDR(fmt.Sprintf("10.%d.0.10/16", third)), "")
		gateway, address := v1alpha1.Address("fe80::1"), v1alpha1.CIDR(fmt.Sprintf("2001:db8:%d::10/64", third))
		out.IPConfig.AdditionalAddresses = []v1alpha1.AdditionalAddress{{Address: &address, Gateway: &gateway}}
		return out
	}
	six := func(name string, third int) v1alpha1.WukongNetwork {
		return static(name, v1alpha1.CIDR(fmt.Sprintf("2001:db8:%d::10/64", third)), "fe80::1")
	}
	cases := map[string]struct {
		networks []v1alpha1.WukongNetwork
		want     []int
	}{
		"one default route":                            {[]v1alpha1.WukongNetwork{dual("a", 1), static("b", "192.0.2.10/24", "")}, []int{0}},
		"IPv6 alone has metrics":                       {[]v1alpha1.WukongNetwork{six("a", 1), six("b", 2)}, []int{100, 200}},
		"the first of two has both families":           {[]v1alpha1.WukongNetwork{dual("a", 1), six("b", 2)}, []int{0, 2000}},
		"the last of three has both families":          {[]v1alpha1.WukongNetwork{six("a", 1), six("b", 2), dual("c", 3)}, []int{10, 11, 0}},
		"of two with both families the first has none": {[]v1alpha1.WukongNetwork{six("a", 1), dual("b", 2), dual("c", 3)}, []int{10, 0, 2000}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := policyOf(t, func(w *v1alpha1.Wukong) { w.Spec.Networks = c.networks })
			for i, want := range c.want {
				for _, r := range got.Ethernets[fmt.Sprintf("net%d", i)].Routes {
					if r.To == "::/0" && r.Metric != want {
						t.Errorf("net%d: want %d, got %d", i, want, r.Metric)
					}
				}
			}
		})
	}
}
