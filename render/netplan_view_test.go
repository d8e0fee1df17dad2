package render_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/render"
)

// TestNetplanSeesWhatWasAskedFor compares, for some hundred random requests, what was asked for with the files that the real
// netplan makes of the document. It must not even warn.
func TestNetplanSeesWhatWasAskedFor(t *testing.T) {
	judge := parts.NetplanForTest(t)
	tries, accepted := 1000, 0
	if testing.Short() {
		tries = 100
	}
	dice := rand.New(rand.NewPCG(20, 26))
	for i := range tries {
		request, _ := render.ParseWukong(drawn(dice))
		if request == nil {
			continue // not everything that can be drawn works together
		}
		accepted++
		choices := make([]render.Choice, len(request.Networks))
		for j := range choices {
			choices[j] = lanChoice
		}
		out, err := render.Wukong(request, choices, render.Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := out.Secret.StringData[render.NetworkDataKey]
		files, err := judge.Generate(t.Context(), []byte(text))
		if err != nil {
			t.Fatalf("request %d: %v\n%s", i, err, text)
		}
		want := asked(out.Delivered)
		for name, v := range want {
			// netplan writes one line about DHCP for both families, its own metric where none is given, and servers of IPv4 first.
			if v.DHCP6 = ""; v.DHCP4 == "yes" {
				v.DHCPMetric = orElse(v.DHCPMetric, "100")
			}
			slices.SortStableFunc(v.DNS, func(a, b string) int { return strings.Count(a, ":") - strings.Count(b, ":") })
			want[name] = v
		}
		if diff := cmp.Diff(want, readUnits(t, files), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("request %d (-asked +netplan):\n%s\n%s", i, diff, text)
		}
	}
	if accepted < tries/5 {
		t.Errorf("only %d of %d requests are such that they render", accepted, tries)
	}
}

// drawn draws a Wukong of which most things work.
func drawn(dice *rand.Rand) *v1alpha1.Wukong {
	return wukong(func(w *v1alpha1.Wukong) {
		w.Spec.Networks = nil
		for i := range 1 + dice.IntN(4) {
			w.Spec.Networks = append(w.Spec.Networks, drawnNetwork(dice, i))
		}
	})
}

func drawnNetwork(dice *rand.Rand, i int) v1alpha1.WukongNetwork {
	maybe := func() bool { return dice.IntN(2) == 0 }
	n := v1alpha1.WukongNetwork{Name: fmt.Sprintf("n%d", i), Primary: i == 1 && maybe(), IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeDHCP}}
	if maybe() {
		n.MTU = number(1280 + dice.Int32N(8000))
	}
	if maybe() {
		mac := v1alpha1.MACAddress(fmt.Sprintf("52:54:%02x:%02X:%02x:%02d", dice.IntN(256), dice.IntN(256), dice.IntN(256), i))
		n.MACAddress = &mac
	}
	for j := range dice.IntN(4) {
		n.IPConfig.DNSServers = append(n.IPConfig.DNSServers, []v1alpha1.Address{"192.0.2.53", "2001:DB8::53", "198.51.100.53"}[j])
		n.IPConfig.SearchDomains = append(n.IPConfig.SearchDomains, []v1alpha1.DomainName{"on", "Example.com", "1.5"}[j])
	}
	if dice.IntN(5) == 0 {
		return n
	}
	n.IPConfig.Mode, n.IPConfig.SourceRouting = v1alpha1.IPModeStatic, maybe()
	four, six := drawnAddress(dice, i, false), drawnAddress(dice, i, true)
	first, more := four, []v1alpha1.AdditionalAddress{six}
	if maybe() {
		first, more = six, []v1alpha1.AdditionalAddress{four}
	}
	n.IPConfig.Address, n.IPConfig.Gateway = first.Address, first.Gateway
	if maybe() {
		n.IPConfig.AdditionalAddresses = more
	}
	for j := range dice.IntN(3) {
		n.IPConfig.Routes = append(n.IPConfig.Routes, drawnRoute(dice, i, j))
	}
	return n
}

// drawnAddress gives an address in a subnet that the network with the next number may be in, too.
func drawnAddress(dice *rand.Rand, i int, six bool) v1alpha1.AdditionalAddress {
	subnet, host := i-dice.IntN(2), 10+dice.IntN(200)
	address, gateway := v1alpha1.CIDR(fmt.Sprintf("10.%d.0.%d/%d", max(subnet, 0), host, []int{16, 24, 32, 31}[dice.IntN(4)])), v1alpha1.Address(fmt.Sprintf("10.%d.0.1", max(subnet, 0)))
	if six {
		address, gateway = v1alpha1.CIDR(fmt.Sprintf("2001:DB8:%d::%x/%d", max(subnet, 0), host, []int{64, 128}[dice.IntN(2)])), "fe80::1"
	}
	if dice.IntN(3) == 0 {
		gateway = ""
	}
	return v1alpha1.AdditionalAddress{Address: &address, Gateway: &gateway}
}

func drawnRoute(dice *rand.Rand, i, j int) v1alpha1.Route {
	r := v1alpha1.Route{
		To:     []v1alpha1.Subnet{"0.0.0.0/0", "::/0", v1alpha1.Subnet(fmt.Sprintf("172.16.%d.0/24", i*8+j)), "2001:db8:ffff::/48"}[dice.IntN(4)],
		Via:    v1alpha1.Address(fmt.Sprintf("10.%d.0.1", i)),
		OnLink: dice.IntN(3) > 0,
	}
	if r.To[1] == ':' || r.To[0] == '2' {
		r.Via = []v1alpha1.Address{"fe80::1", "2001:db8:eeee::1"}[dice.IntN(2)]
	}
	if dice.IntN(2) == 0 {
		r.Metric = number(dice.Int32N(300))
	}
	return r
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
