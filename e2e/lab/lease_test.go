package lab

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/parts"
)

// dynamicWorker is a node whose primary NIC gets its address by DHCP.
func dynamicWorker() NodeSpec {
	spec := worker()
	spec.NICs[0].Addresses, spec.NICs[0].DHCP = nil, netip.MustParsePrefix("10.0.0.11/24")
	return spec
}

const dynamicBridge = `
interfaces:
  - name: br0
    type: linux-bridge
    state: up
    mac-address: "52:54:00:00:00:0a"
    ipv4: {enabled: true, dhcp: true}
    bridge: {options: {stp: {enabled: false}}, port: [{name: eth0, vlan: {}}]}
`

func TestADHCPServerKnowsTheMAC(t *testing.T) {
	cases := map[string]struct {
		step string
		has  string // the interface that gets the address, or none
	}{
		"the NIC asks": {`{interfaces: []}`, "eth0"},
		"the NIC is set to a static address": {
			`{interfaces: [{name: eth0, type: ethernet, state: up, ipv4: {enabled: true, dhcp: false, address: [{ip: 10.0.0.99, prefix-length: 24}]}}]}`, ""},
		"the NIC is down":                        {`{interfaces: [{name: eth0, type: ethernet, state: down}]}`, ""},
		"a bridge with its MAC over it asks":     {dynamicBridge, "br0"},
		"a bridge that copies its MAC asks":      {`{interfaces: [{name: br0, type: linux-bridge, state: up, copy-mac-from: eth0, ipv4: {enabled: true, dhcp: true}, bridge: {port: [{name: eth0}]}}]}`, "br0"},
		"a bridge with another MAC asks":         {`{interfaces: [{name: br0, type: linux-bridge, state: up, mac-address: "52:54:00:00:00:99", ipv4: {enabled: true, dhcp: true}, bridge: {port: [{name: eth0}]}}]}`, ""},
		"a bridge with its MAC elsewhere asks":   {`{interfaces: [{name: eth0, type: ethernet, state: down}, {name: br0, type: linux-bridge, state: up, mac-address: "52:54:00:00:00:0a", ipv4: {enabled: true, dhcp: true}, bridge: {port: [{name: eth1}]}}]}`, ""},
		"a captured section repeats the address": {`{interfaces: [{name: br0, type: linux-bridge, state: up, copy-mac-from: eth0, ipv4: {enabled: true, dhcp: true, address: [{ip: 10.0.0.11, prefix-length: 24, valid-life-time: 3600sec}]}, bridge: {port: [{name: eth0}]}}]}`, "br0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h, err := host(t, dynamicWorker()).Apply(state(t, c.step))
			if err != nil {
				t.Fatal(err)
			}
			for _, iface := range h.Names() {
				want := []netip.Prefix{netip.MustParsePrefix("10.0.0.11/24")}
				if iface != c.has {
					want = nil
				}
				got := slices.DeleteFunc(h.Addresses(iface), func(p netip.Prefix) bool { return p.Addr() != dynamicWorker().Address })
				if !slices.Equal(want, got) {
					t.Errorf("%s has %v, want %v", iface, got, want)
				}
			}
			shown := h.State()
			if got := mappings(dig(shown, "routes", "config")); len(got) != 0 {
				t.Errorf("a learned route is configured: %v", got)
			}
			var want []map[string]any
			if c.has != "" {
				want = []map[string]any{defaultRoute(netip.MustParseAddr("10.0.0.1"), c.has)}
			}
			if diff := cmp.Diff(want, mappings(dig(shown, "routes", "running"))); diff != "" {
				t.Errorf("running routes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheRealNmstatectlMovesADynamicAddress(t *testing.T) {
	capture := Captures(parts.NmstatectlForTest(t))
	h := host(t, dynamicWorker())
	captures := map[string]string{
		"default-gw": `routes.running.destination=="0.0.0.0/0"`,
		"base":       `interfaces.name==capture.default-gw.routes.running.0.next-hop-interface`,
	}
	desired, err := capture(captures, map[string]any{"interfaces": state(t, preserving)["interfaces"]}, h.State())
	if err != nil {
		t.Fatal(err)
	}
	if h, err = h.Apply(desired); err != nil || !slices.Contains(h.Addresses("br0"), netip.MustParsePrefix("10.0.0.11/24")) {
		t.Errorf("br0: %v, %v", err, h.Addresses("br0"))
	}
	captures["base"] = `interfaces.name==capture.nothing.routes.running.0.next-hop-interface`
	if desired, err := capture(captures, state(t, preserving), h.State()); err == nil {
		t.Errorf("a capture of what is not captured gives %v", desired)
	}
}
