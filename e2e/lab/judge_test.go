package lab

import (
	"encoding/json"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/e2e/parts"
)

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// existingNetwork is what a node may have before anything of ours.
const existingNetwork = `
interfaces:
  - {name: bond0, type: bond, state: up, link-aggregation: {mode: active-backup, options: {miimon: "140"}, port: [eth1, eth2]}}
  - {name: bond0.7, type: vlan, state: up, vlan: {base-iface: bond0, id: 7}, ipv4: {enabled: true, dhcp: false, address: [{ip: 10.7.0.11, prefix-length: 24}]}}
routes: {config: [{destination: 10.8.0.0/16, next-hop-address: 10.7.0.1, next-hop-interface: bond0.7}]}
`

func TestTheRealNmstatectlAcceptsTheStates(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	bonded := worker()
	bonded.Existing = existingNetwork
	cases := map[string]struct {
		spec            NodeSpec
		steps           []string
		desired, guests string
	}{
		"a bare node":                     {spec: NodeSpec{Name: "bare"}, desired: `{interfaces: []}`},
		"a node with uplinks":             {spec: worker(), desired: accessBridge},
		"a node with a bond and a VLAN":   {spec: bonded, desired: `{interfaces: [{name: bond0, type: bond, state: up}]}`},
		"a node with an access bridge":    {spec: worker(), steps: []string{accessBridge}, desired: accessBridge, guests: "br-v100"},
		"a node with a trunk bridge":      {spec: worker(), steps: []string{trunkBridge}, desired: trunkBridge},
		"a node whose bridge was removed": {spec: worker(), steps: []string{trunkBridge, `{interfaces: [{name: br-trunk, type: linux-bridge, state: absent}]}`}, desired: trunkBridge},
		"a node with a native trunk":      {spec: worker(), steps: []string{nativeTrunk}, desired: nativeTrunk},
		"a node with an OVS bridge":       {spec: worker(), steps: []string{ovsBridge}, desired: ovsBridge},
		"a node with virtual functions": {spec: virtualWorker(), steps: []string{`{interfaces: [{name: eth2, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 2}}}]}`},
			desired: `{interfaces: [{name: eth2, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 1}}}]}`},
		"a node with DHCP":                   {spec: dynamicWorker(), desired: dynamicBridge},
		"a node whose bridge has the lease":  {spec: dynamicWorker(), steps: []string{dynamicBridge}, desired: dynamicBridge},
		"a node whose bond is known by name": {spec: bonded, desired: `{interfaces: [{name: bond0, state: up}, {name: bond0.8, type: vlan, state: up, vlan: {base-iface: bond0, id: 8}}]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := host(t, c.spec)
			for _, step := range c.steps {
				var err error
				if h, err = h.Apply(state(t, step)); err != nil {
					t.Fatal(err)
				}
			}
			if c.guests != "" {
				h = h.withGuest(c.guests, "veth0123")
			}
			current := encoded(t, h.State())
			if _, err := judge.Format(t.Context(), current); err != nil {
				t.Error(err)
			}
			if err := judge.Validate(t.Context(), []byte(c.desired), current); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheRealNmstatectlObjectsInTheSameWords(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	port := func(vlan string) string {
		return `{interfaces: [{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1, vlan: ` + vlan + `}]}}]}`
	}
	for name, desired := range map[string]string{
		"a NIC that does not exist":  `{interfaces: [{name: eth9, type: ethernet, state: up}]}`,
		"a port that does not exist": `{interfaces: [{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth9}]}}]}`,
		"a port of two bridges": `{interfaces: [
			{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}},
			{name: br2, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`,
		"a port with an address": `{interfaces: [
			{name: eth1, type: ethernet, state: up, ipv4: {enabled: true, dhcp: true}},
			{name: br1, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`,
		"an MTU above what the NIC carries":     `{interfaces: [{name: eth1, type: ethernet, state: up, mtu: 9001}]}`,
		"an unknown controller":                 `{interfaces: [{name: eth1, type: ethernet, state: up, controller: br9}]}`,
		"an interface without a type":           `{interfaces: [{name: foo0, state: up}]}`,
		"a bond without a mode":                 `{interfaces: [{name: bond1, type: bond, state: up, link-aggregation: {port: [eth1]}}]}`,
		"a trunk without tags":                  port("{mode: trunk}"),
		"a trunk with a tag that is not native": port("{mode: trunk, tag: 5, trunk-tags: [{id: 7}]}"),
		"a trunk with a tag twice":              port("{mode: trunk, trunk-tags: [{id-range: {min: 5, max: 9}}, {id: 7}]}"),
		"an access port with trunk tags":        port("{mode: access, tag: 5, trunk-tags: [{id: 7}]}"),
		"an access port with a native VLAN":     port("{mode: access, tag: 5, enable-native: true}"),
		"a MAC on an OVS bridge":                `{interfaces: [{name: ovs1, type: ovs-bridge, state: up, mac-address: "52:54:00:00:00:77", bridge: {port: [{name: eth1}]}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			h := host(t, worker())
			_, mine := h.Apply(state(t, desired))
			if mine == nil {
				t.Fatal("the lab accepts it")
			}
			theirs := judge.Validate(t.Context(), []byte(desired), encoded(t, h.State()))
			_, words, _ := strings.Cut(mine.Error(), ": ")
			words, _, _ = strings.Cut(words, ": br") // it names the two bridges in any order
			if theirs == nil || !strings.Contains(theirs.Error(), words) {
				t.Errorf("the lab says %q; nmstatectl says: %v", words, theirs)
			}
		})
	}
}
