package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// virtualWorker is a node with a NIC that can have virtual functions.
func virtualWorker() NodeSpec {
	spec := worker()
	spec.NICs[2].VFs = 8
	return spec
}

const existingBond = `
interfaces:
  - {name: bond0, type: bond, state: up, link-aggregation: {mode: active-backup, options: {miimon: "140"}, port: [eth1, eth2]}}
`

const nativeTrunk = `
interfaces:
  - {name: eth1, type: ethernet, state: up}
  - name: br-trunk
    type: linux-bridge
    state: up
    mac-address: "52:54:00:00:00:77"
    bridge:
      options: {stp: {enabled: false}}
      port:
        - {name: eth1, vlan: {mode: trunk, enable-native: true, tag: 5, trunk-tags: [{id: 101}, {id-range: {min: 200, max: 210}}]}}
`

const ovsBridge = `
interfaces:
  - {name: eth1, type: ethernet, state: up}
  - {name: br-ovs, type: ovs-bridge, state: up, bridge: {options: {stp: {enabled: false}}, port: [{name: eth1}, {name: ovs0}]}}
  - {name: ovs0, type: ovs-interface, state: up, ipv4: {enabled: true, dhcp: false, address: [{ip: 10.9.0.11, prefix-length: 24}]}}
`

func TestEveryKindOfHostNetworkIsBuilt(t *testing.T) {
	untyped := func(name string) string { return `{interfaces: [{name: ` + name + `, state: up, mtu: 1400}]}` }
	cases := map[string]struct {
		steps []string
		shows map[string]string
		gone  []string
	}{
		"a trunk with a native VLAN": {
			steps: []string{nativeTrunk},
			shows: map[string]string{"br-trunk": `{"mac-address":"52:54:00:00:00:77","bridge":{"port":[{"name":"eth1","vlan":
				{"mode":"trunk","enable-native":true,"tag":5,"trunk-tags":[{"id":101},{"id-range":{"min":200,"max":210}}]}}]}}`},
		},
		"a trunk says that it has no native VLAN": {
			steps: []string{trunkBridge},
			shows: map[string]string{"br-trunk": `{"bridge":{"port":[{"name":"eth1","vlan":{"mode":"trunk","enable-native":false}}]}}`},
		},
		"the ports of a bond have its MAC, and their own for later": {
			steps: []string{existingBond},
			shows: map[string]string{
				"bond0": `{"mac-address":"52:54:00:00:00:1B","link-aggregation":{"mode":"active-backup","options":{"miimon":"140"}}}`,
				"eth2":  `{"mac-address":"52:54:00:00:00:1B","permanent-mac-address":"52:54:00:00:00:2B"}`,
			},
		},
		"a removed bond gives them back": {
			steps: []string{existingBond, `{interfaces: [{name: bond0, state: absent}]}`},
			shows: map[string]string{"eth2": `{"mac-address":"52:54:00:00:00:2B","state":"down"}`},
			gone:  []string{"bond0"},
		},
		"an option of a bond changes and the others stay": {
			steps: []string{existingBond, `{interfaces: [{name: bond0, type: bond, state: up, link-aggregation: {options: {primary: eth2}}}]}`},
			shows: map[string]string{"bond0": `{"link-aggregation":{"mode":"active-backup","options":{"miimon":"140","primary":"eth2"},"port":["eth1","eth2"]}}`},
		},
		"a NIC is known by its name":  {steps: []string{untyped("eth2")}, shows: map[string]string{"eth2": `{"type":"ethernet","mtu":1400}`}},
		"a bond is known by its name": {steps: []string{existingBond, untyped("bond0")}, shows: map[string]string{"bond0": `{"type":"bond","mtu":1400}`}},
		"a bond that is known by its name carries a bridge": {
			steps: []string{existingBond, `{interfaces: [{name: bond0, state: up}, {name: br1, type: linux-bridge, state: up, bridge: {port: [{name: bond0, vlan: {}}]}}]}`},
			shows: map[string]string{"bond0": `{"type":"bond","controller":"br1","link-aggregation":{"port":["eth1","eth2"]}}`},
		},
		"an OVS bridge has no address of its own": {
			steps: []string{ovsBridge},
			shows: map[string]string{"br-ovs": `{"type":"ovs-bridge","bridge":{"options":{"fail-mode":""},"port":[{"name":"eth1"},{"name":"ovs0"}]}}`,
				"eth1": `{"controller":"br-ovs"}`, "ovs0": `{"type":"ovs-interface","ipv4":{"enabled":true}}`},
		},
		"its internal port goes with it": {
			steps: []string{ovsBridge, `{interfaces: [{name: br-ovs, type: ovs-bridge, state: absent}]}`},
			shows: map[string]string{"eth1": `{"state":"down"}`}, gone: []string{"br-ovs", "ovs0"},
		},
		"virtual functions come": {
			steps: []string{`{interfaces: [{name: eth2, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 2}}}]}`},
			shows: map[string]string{"eth2": `{"ethernet":{"auto-negotiation":false,"sr-iov":{"total-vfs":2,"vfs":[{"id":0},{"id":1}]}}}`, "eth2v1": `{"type":"ethernet"}`},
			gone:  []string{"eth2v2"},
		},
		"virtual functions go": {
			steps: []string{`{interfaces: [{name: eth2, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 2}}}]}`,
				`{interfaces: [{name: eth2, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 1}}}]}`},
			shows: map[string]string{"eth2": `{"ethernet":{"sr-iov":{"total-vfs":1,"vfs":[{"id":0}]}}}`, "eth2v0": `{}`}, gone: []string{"eth2v1"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := virtualWorker()
			spec.NICs[2].MAC = "52:54:00:00:00:2b"
			h := host(t, spec)
			for _, step := range c.steps {
				var err error
				if h, err = h.Apply(state(t, step)); err != nil {
					t.Fatal(err)
				}
			}
			for iface, want := range c.shows {
				got, ok := h.Interface(iface)
				if missing := subset(state(t, want), got); !ok || missing != "" {
					t.Errorf("%s exists %t: %s\n%v", iface, ok, missing, got)
				}
			}
			for _, iface := range c.gone {
				if _, ok := h.Interface(iface); ok {
					t.Errorf("%s is there", iface)
				}
			}
		})
	}
}

func TestAnOVSBridgeShowsNeitherMACNorMTU(t *testing.T) {
	h, err := host(t, worker()).Apply(state(t, ovsBridge))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := h.Interface("br-ovs")
	if diff := cmp.Diff([]string{"bridge", "name", "state", "type"}, sortedKeys(got)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestANodeThatLacksThePartRefuses(t *testing.T) {
	cases := map[string]struct{ desired, want string }{
		"a NIC without SR-IOV": {`{interfaces: [{name: eth1, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 2}}}]}`,
			"NotSupportedError: SR-IOV is not supported by interface eth1"},
		"more virtual functions than the NIC has": {`{interfaces: [{name: eth2, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 9}}}]}`,
			"VerificationError: Verification failure: eth2.interface.ethernet.sr-iov.total-vfs desire '9', current '0'"},
		"a node without Open vSwitch": {ovsBridge,
			"PluginFailure: Desired state contains OVS interfaces, but not able to connect OVS daemon at socket /run/openvswitch/db.sock"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := virtualWorker()
			spec.NoOVS = true
			if _, err := host(t, spec).Apply(state(t, c.desired)); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if _, err := host(t, worker()).Apply(state(t, `{interfaces: [{name: eth1, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 0}}}]}`)); err != nil {
		t.Errorf("no virtual functions on a NIC that has none: %v", err)
	}
}
