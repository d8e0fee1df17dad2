package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// asks is a Wukong that asks for addresses on the default network, one network each.
func asks(namespace, name string, hour int, addresses ...v1alpha1.CIDR) v1alpha1.Wukong {
	return *wukong(func(w *v1alpha1.Wukong) {
		w.Namespace, w.Name, w.CreationTimestamp = namespace, name, day(hour)
		w.Spec.Networks = nil
		for i, a := range addresses {
			w.Spec.Networks = append(w.Spec.Networks, static(string(rune('a'+i)), a, ""))
		}
	})
}

func unresolved(w v1alpha1.Wukong) v1alpha1.Wukong {
	w.Spec.Networks = append(w.Spec.Networks, v1alpha1.WukongNetwork{Name: "z", HostNetwork: "nowhere"})
	return w
}

func TestAWukongGetsAllOfItsAddressesOrNone(t *testing.T) {
	const x, y, z = "10.0.0.5/24", "10.0.0.6/24", "10.0.0.7/24"
	cases := map[string]struct {
		wukongs []v1alpha1.Wukong
		// want are the leases, as address and holder.
		want []string
	}{
		"the oldest gets the address":                     {[]v1alpha1.Wukong{asks("a", "new", 9, x), asks("b", "old", 8, x)}, []string{"10.0.0.5 b/old"}},
		"at the same age the first by namespace gets it":  {[]v1alpha1.Wukong{asks("a-b", "x", 8, x), asks("a", "y", 8, x)}, []string{"10.0.0.5 a/y"}},
		"one that loses an address sits on no other":      {[]v1alpha1.Wukong{asks("a", "1", 1, x), asks("a", "2", 2, x, y), asks("a", "3", 3, y, z)}, []string{"10.0.0.5 a/1", "10.0.0.6 a/3", "10.0.0.7 a/3"}},
		"one that waits for a network sits on no address": {[]v1alpha1.Wukong{unresolved(asks("a", "1", 1, x)), asks("a", "2", 2, x)}, []string{"10.0.0.5 a/2"}},
		"one that cannot be read sits on no address":      {[]v1alpha1.Wukong{asks("a", "1", 1, x, "nonsense"), asks("a", "2", 2, x)}, []string{"10.0.0.5 a/2"}},
		"no namespace means default":                      {[]v1alpha1.Wukong{asks("", "1", 1, x), asks("default", "2", 2, x)}, []string{"10.0.0.5 default/1"}},
		"a Wukong that is given twice is one":             {[]v1alpha1.Wukong{asks("a", "1", 1, x), asks("a", "1", 2, y)}, []string{"10.0.0.5 a/1"}},
	}
	uplink, networks := render.StandIn("eth1")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, findings := render.Plan(render.Input{Wukongs: c.wukongs, HostUplinks: []v1alpha1.HostUplink{uplink}, HostNetworks: networks})
			var got []string
			for _, l := range out.Leases {
				got = append(got, l.Address.Addr().String()+" "+l.Namespace+"/"+l.Wukong)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
			if len(c.wukongs)-len(out.Netplans) != errorsOf(findings) {
				t.Errorf("%d of %d are rendered, and there are these findings: %v", len(out.Netplans), len(c.wukongs), findings)
			}
		})
	}
}

// errorsOf counts the Wukongs with an error, each once and a second one of a name too.
func errorsOf(findings []render.Finding) int {
	seen := map[render.Object]bool{}
	for _, f := range findings {
		if f.Severity == render.SeverityError {
			seen[f.Object] = true
		}
	}
	return len(seen)
}

func TestPlanLeavesItsInputAlone(t *testing.T) {
	uplink, networks := render.StandIn("eth1")
	in := render.Input{Wukongs: []v1alpha1.Wukong{asks("", "b", 1, "10.0.0.5/24"), asks("", "a", 1, "10.0.0.5/24"), asks("", "a", 1, "10.0.0.5/24")},
		HostUplinks: []v1alpha1.HostUplink{uplink}, HostNetworks: networks}
	before := []v1alpha1.Wukong{*in.Wukongs[0].DeepCopy(), *in.Wukongs[1].DeepCopy(), *in.Wukongs[2].DeepCopy()}
	render.Plan(in)
	if diff := cmp.Diff(before, in.Wukongs); diff != "" {
		t.Errorf("the input changed (-before +after):\n%s", diff)
	}
}

func TestFindingsSayWhereTheObjectWasRead(t *testing.T) {
	w := asks("a", "1", 1, "nonsense")
	_, findings := render.Plan(render.Input{Wukongs: []v1alpha1.Wukong{w}, Sources: map[render.Object]string{{Kind: "Wukong", Namespace: "a", Name: "1"}: "web.yaml"}})
	if len(findings) != 1 || findings[0].Source != "web.yaml" {
		t.Fatalf("findings: %v", findings)
	}
	const want = `web.yaml: error: Wukong a/1: spec.networks[0].ipConfig.address: `
	if got := findings[0].String(); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("want %s…, got %s", want, got)
	}
}
