package lab

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// worker is a node with a primary NIC and two uplinks.
func worker() NodeSpec {
	return NodeSpec{
		Name: "worker-1", Address: netip.MustParseAddr("10.0.0.11"), DNS: []netip.Addr{netip.MustParseAddr("10.0.0.2")},
		NICs: []NIC{
			{Name: "eth0", MAC: "52:54:00:00:00:0a", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.11/24"),
				netip.MustParsePrefix("fd00::11/64")}, Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
			{Name: "eth1", MAC: "52:54:00:00:00:1b", MTU: 9000},
			{Name: "eth2"},
		},
	}
}

func host(t *testing.T, spec NodeSpec) *Host {
	t.Helper()
	h, err := newHost(spec)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func state(t *testing.T, text string) map[string]any {
	t.Helper()
	s, err := parseState(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const accessBridge = `
interfaces:
  - {name: eth1, type: ethernet, state: up, mtu: 1500, ipv4: {enabled: false}, ipv6: {enabled: false}}
  - {name: eth1.100, type: vlan, state: up, mtu: 1500, vlan: {base-iface: eth1, id: 100}}
  - name: br-v100
    type: linux-bridge
    state: up
    mtu: 1500
    ipv4: {enabled: false}
    ipv6: {enabled: false}
    bridge: {options: {stp: {enabled: false}}, port: [{name: eth1.100, vlan: {}}]}
`

const trunkBridge = `
interfaces:
  - {name: eth1, type: ethernet, state: up, ipv4: {enabled: false}, ipv6: {enabled: false}}
  - name: br-trunk
    type: linux-bridge
    state: up
    bridge: {port: [{name: eth1, vlan: {mode: trunk, trunk-tags: [{id: 101}]}}]}
`

func TestApplyChangesTheHost(t *testing.T) {
	cases := map[string]struct {
		steps []string
		shows map[string]string // what an interface must contain
		gone  []string
	}{
		"an access bridge over a VLAN is built": {
			steps: []string{accessBridge},
			shows: map[string]string{
				"br-v100":  `{"type":"linux-bridge","state":"up","mtu":1500,"mac-address":"52:54:00:00:00:1B","ipv4":{"enabled":false},"bridge":{"options":{"stp":{"enabled":false}},"port":[{"name":"eth1.100"}]}}`,
				"eth1.100": `{"controller":"br-v100","vlan":{"base-iface":"eth1","id":100}}`,
				"eth1":     `{"mtu":1500,"mac-address":"52:54:00:00:00:1B"}`,
			},
		},
		"a port list replaces the earlier one and the former port goes down": {
			steps: []string{trunkBridge, `{interfaces: [{name: br-trunk, type: linux-bridge, state: up, bridge: {port: [{name: eth2}]}}]}`},
			shows: map[string]string{"br-trunk": `{"bridge":{"port":[{"name":"eth2"}]}}`, "eth1": `{"state":"down"}`, "eth2": `{"controller":"br-trunk"}`},
		},
		"no port list keeps the ports": {
			steps: []string{trunkBridge, `{interfaces: [{name: br-trunk, type: linux-bridge, state: up, mtu: 1400}]}`},
			shows: map[string]string{"br-trunk": `{"mtu":1400,"bridge":{"port":[{"name":"eth1"}]}}`, "eth1": `{"controller":"br-trunk"}`},
		},
		"an empty port list releases all": {
			steps: []string{trunkBridge, `{interfaces: [{name: br-trunk, type: linux-bridge, state: up, bridge: {port: []}}]}`},
			shows: map[string]string{"br-trunk": `{"bridge":{"port":[]}}`, "eth1": `{"state":"down"}`},
		},
		"a port moves silently to another bridge": {
			steps: []string{trunkBridge, `{interfaces: [{name: br-new, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`},
			shows: map[string]string{"br-trunk": `{"bridge":{"port":[]}}`, "br-new": `{"bridge":{"port":[{"name":"eth1"}]}}`, "eth1": `{"controller":"br-new"}`},
		},
		"absent removes, and the former port stays down": {
			steps: []string{trunkBridge, `{interfaces: [{name: br-trunk, type: linux-bridge, state: absent}]}`},
			shows: map[string]string{"eth1": `{"state":"down","ipv4":{"enabled":false}}`},
			gone:  []string{"br-trunk"},
		},
		"absent removes, and a port that is listed stays up": {
			steps: []string{accessBridge, `{interfaces: [{name: br-v100, type: linux-bridge, state: absent}, {name: eth1.100, type: vlan, state: absent}, {name: eth1, type: ethernet, state: up}]}`},
			shows: map[string]string{"eth1": `{"state":"up"}`},
			gone:  []string{"br-v100", "eth1.100"},
		},
		"an interface that is left out stays": {
			steps: []string{accessBridge, `{interfaces: [{name: eth2, type: ethernet, state: up}]}`},
			shows: map[string]string{"br-v100": `{"state":"up"}`},
		},
		"the primary NIC as a port loses address and route": {
			steps: []string{`{interfaces: [{name: br-x, type: linux-bridge, state: up, bridge: {port: [{name: eth0}]}}]}`},
			shows: map[string]string{"eth0": `{"controller":"br-x"}`, "br-x": `{"mac-address":"52:54:00:00:00:0A"}`},
		},
		"a bond takes its ports": {
			steps: []string{`{interfaces: [{name: bond0, type: bond, state: up, link-aggregation: {mode: active-backup, port: [eth1, eth2]}}]}`},
			shows: map[string]string{"bond0": `{"mtu":9000,"link-aggregation":{"port":["eth1","eth2"]}}`, "eth2": `{"controller":"bond0"}`},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := host(t, worker())
			for _, step := range c.steps {
				var err error
				if h, err = h.Apply(state(t, step)); err != nil {
					t.Fatal(err)
				}
			}
			for iface, want := range c.shows {
				got, ok := h.Interface(iface)
				if !ok {
					t.Errorf("%s is missing", iface)
				}
				if missing := subset(state(t, want), got); missing != "" {
					t.Errorf("%s: %s\n%v", iface, missing, got)
				}
			}
			for _, iface := range c.gone {
				if _, ok := h.Interface(iface); ok {
					t.Errorf("%s is still there", iface)
				}
			}
		})
	}
}

// subset says what of want is not in got; mappings may hold more, lists of mappings too.
func subset(want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for key := range want {
			if missing := subset(want[key], got[key]); missing != "" {
				return key + ": " + missing
			}
		}
		return ""
	case []any:
		got, _ := got.([]any)
		if len(want) != len(got) {
			return cmp.Diff(want, got)
		}
		for i := range want {
			if missing := subset(want[i], got[i]); missing != "" {
				return missing
			}
		}
		return ""
	}
	return cmp.Diff(want, got)
}

func TestTakingThePrimaryNICTakesTheNodesAddress(t *testing.T) {
	h := host(t, worker())
	if !h.Holds(worker().Address) {
		t.Fatal("the node does not carry its address to begin with")
	}
	over, err := h.Apply(state(t, `{interfaces: [{name: eth0.7, type: vlan, state: up, vlan: {base-iface: eth0, id: 7}}]}`))
	if err != nil || !over.Holds(worker().Address) || len(over.routes) != 1 {
		t.Errorf("a VLAN on top of the primary NIC disturbed it: %v, routes %v", err, over.routes)
	}
	taken, err := h.Apply(state(t, `{interfaces: [{name: br-x, type: linux-bridge, state: up, bridge: {port: [{name: eth0}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if taken.Holds(worker().Address) || len(taken.routes) != 0 {
		t.Errorf("address held: %t, routes %v", taken.Holds(worker().Address), taken.routes)
	}
	moved, err := h.Apply(state(t, `
interfaces:
  - name: br-x
    type: linux-bridge
    state: up
    copy-mac-from: eth0
    ipv4: {enabled: true, dhcp: false, address: [{ip: 10.0.0.11, prefix-length: 24}]}
    bridge: {port: [{name: eth0}]}
routes: {config: [{destination: 0.0.0.0/0, next-hop-address: 10.0.0.1, next-hop-interface: br-x}]}
`))
	if err != nil || !moved.Holds(worker().Address) || len(moved.routes) != 1 {
		t.Errorf("moving the address to the bridge: %v, held %t, routes %v", err, moved.Holds(worker().Address), moved.routes)
	}
}

func TestApplyObjectsAsNmstateDoes(t *testing.T) {
	cases := map[string]struct{ desired, want string }{
		"a NIC that does not exist": {`{interfaces: [{name: eth9, type: ethernet, state: up}]}`,
			"InvalidArgument: Ethernet interface eth9 does not exists"},
		"a port that does not exist": {`{interfaces: [{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth9}]}}]}`,
			"InvalidArgument: Controller interface br1 is holding unknown port eth9"},
		"a VLAN on nothing": {`{interfaces: [{name: eth9.5, type: vlan, state: up, vlan: {base-iface: eth9, id: 5}}]}`,
			"InvalidArgument: Interface eth9.5 base interface eth9 not found"},
		"a port of two bridges": {`{interfaces: [
			{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}},
			{name: br2, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`,
			"InvalidArgument: Port eth1 is overbooked by two controller: br2, br1"},
		"a port with an address": {`{interfaces: [
			{name: eth1, type: ethernet, state: up, ipv4: {enabled: true, dhcp: true}},
			{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`,
			"InvalidArgument: Interface eth1 cannot have IP enabled as it is attached to a controller where IP is not allowed"},
		"a name of 16 bytes": {`{interfaces: [{name: br-0123456789abc, type: linux-bridge, state: up}]}`,
			"InvalidArgument: connection.interface-name: 'br-0123456789abc': interface name is longer than 15 characters"},
		"an MTU above what the NIC carries": {`{interfaces: [{name: eth1, type: ethernet, state: up, mtu: 9001}]}`,
			"InvalidArgument: Desired MTU 9001 for interface eth1 is bigger than maximum allowed MTU 9000"},
		"a VLAN's MTU above its base's": {`{interfaces: [{name: eth2.5, type: vlan, state: up, mtu: 9000, vlan: {base-iface: eth2, id: 5}}]}`,
			"VerificationError: Verification failure: eth2.5.interface.mtu desire '9000', current '1500'"},
		"an unknown section": {`{interface: []}`, "InvalidArgument: unknown field `interface`"},
		"an unknown controller": {`{interfaces: [{name: eth1, type: ethernet, state: up, controller: br9}]}`,
			"InvalidArgument: Interface eth1 desired controller br9 not found"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := host(t, worker())
			before := h.State()
			_, err := h.Apply(state(t, c.desired))
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if diff := cmp.Diff(before, h.State()); diff != "" {
				t.Errorf("a refused state changed the host (-before +after):\n%s", diff)
			}
		})
	}
}

func TestVLANDefaultsAreInjectedOnlyWhereVlanIsMissing(t *testing.T) {
	desired := state(t, `
interfaces:
  - {name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1}, {name: eth2, vlan: {}}]}}
  - {name: br2, type: linux-bridge, state: absent, bridge: {port: [{name: eth3}]}}
`)
	got, err := yaml.Marshal(withVLANDefaults(desired))
	if err != nil {
		t.Fatal(err)
	}
	want := `interfaces:
- bridge:
    port:
    - name: eth1
      vlan:
        mode: trunk
        trunk-tags:
        - id-range:
            max: 4094
            min: 2
    - name: eth2
      vlan: {}
  name: br1
  state: up
  type: linux-bridge
- bridge:
    port:
    - name: eth3
  name: br2
  state: absent
  type: linux-bridge
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStateShowsWhatNodeNetworkStatesShow(t *testing.T) {
	h, err := host(t, worker()).Apply(state(t, accessBridge))
	if err != nil {
		t.Fatal(err)
	}
	shown := h.withGuest("br-v100", "veth0123").State()
	var names []string
	for _, iface := range mappings(shown["interfaces"]) {
		names = append(names, text(iface, "name"))
		if mac := text(iface, "mac-address"); mac != strings.ToUpper(mac) || mac == "" {
			t.Errorf("%s has MAC %q, want upper case", text(iface, "name"), mac)
		}
		_, hasIP := iface["ipv4"]
		if isPort := text(iface, "controller") != ""; isPort == hasIP {
			t.Errorf("%s: port %t, IP section %t", text(iface, "name"), isPort, hasIP)
		}
	}
	if diff := cmp.Diff([]string{"br-v100", "eth0", "eth1", "eth1.100", "eth2", "lo"}, names); diff != "" {
		t.Errorf("interfaces, veths left out (-want +got):\n%s", diff)
	}
	bridge := mappings(shown["interfaces"])[0]
	if diff := cmp.Diff([]any{map[string]any{"name": "eth1.100"}, map[string]any{"name": "veth0123"}}, dig(bridge, "bridge", "port")); diff != "" {
		t.Errorf("ports, veths included (-want +got):\n%s", diff)
	}
	want := []any{map[string]any{"destination": "0.0.0.0/0", "next-hop-address": "10.0.0.1", "next-hop-interface": "eth0",
		"metric": int64(100), "table-id": int64(254)}}
	if diff := cmp.Diff(want, dig(shown, "routes", "running")); diff != "" {
		t.Errorf("running routes (-want +got):\n%s", diff)
	}
}

func TestMessagesHaveTheRealShape(t *testing.T) {
	message := applyFailure("worker-1", "InvalidArgument: Ethernet interface eth1 does not exists", noon.Time)
	if len(message) < 2000 {
		t.Errorf("the message has %d bytes, want kilobytes", len(message))
	}
	for _, want := range []string{
		"error reconciling NodeNetworkConfigurationPolicy on node worker-1 at desired state apply: \"\",\n",
		"\nNmstateError: InvalidArgument: Ethernet interface eth1 does not exists\n",
		": failed to execute nmstatectl apply --no-commit --timeout 480: exit status 1",
	} {
		if !strings.Contains(message, want) {
			t.Errorf("the message lacks %q:\n%s", want, message)
		}
	}
}

func TestFaultOfAGoneInterfaceHitsOnlyWhatNeedsIt(t *testing.T) {
	h := host(t, worker())
	fault := &Fault{Gone: "eth1", Attempts: 1}
	if got := fault.strike(h, state(t, `{interfaces: [{name: eth2, type: ethernet, state: up}]}`)); got != "" {
		t.Errorf("a state without eth1 was refused: %s", got)
	}
	want := "InvalidArgument: Ethernet interface eth1 does not exists"
	if got := fault.strike(h, state(t, accessBridge)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := fault.strike(h, state(t, accessBridge)); got != "" {
		t.Errorf("the fault outlived its attempts: %s", got)
	}
	if _, shown := h.Interface("eth1"); !shown {
		t.Error("the host no longer shows eth1")
	}
}

func FuzzApply(f *testing.F) {
	for _, seed := range []string{accessBridge, trunkBridge, "", "interfaces: 1", "interfaces: [1]", "{interfaces: [{name: a, type: vlan, state: up, vlan: {base-iface: a, id: 1}}]}",
		"{interfaces: [{name: lo, state: absent}], routes: {config: [{state: absent}]}, dns-resolver: {config: {server: [1.1.1.1]}}}",
		"{interfaces: [{name: eth1, type: linux-bridge, state: up, controller: eth1, bridge: {port: [{name: eth1}, 3]}}]}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		desired, err := parseState(text)
		if err != nil {
			return
		}
		h, err := newHost(worker())
		if err != nil {
			t.Fatal(err)
		}
		next, err := h.Apply(withVLANDefaults(desired))
		if err != nil {
			return
		}
		next.State()
		if _, err := next.Apply(desired); err != nil {
			t.Skip("applied once, refused twice") // e.g. a bridge named like a NIC
		}
	})
}
