package nmstatectl

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/query/hosts"
)

func TestWhatARevertSaysIsReadAsChanges(t *testing.T) {
	tests := map[string]struct {
		desired, revert string
		want            []hosts.Change
	}{
		"what has the same value does not change": {
			`{interfaces: [{name: eth1, type: ethernet, state: up, mtu: 1500}]}`,
			`{interfaces: [{name: eth1, type: ethernet, state: up, mtu: 1500, controller: br0}]}`, nil},
		"nothing is reverted": {`{interfaces: [{name: eth1, type: ethernet, state: up}]}`, `{}`, nil},
		"a value that differs": {
			`{interfaces: [{name: eth1, type: ethernet, state: up, mtu: 9000, ipv6: {enabled: false}}]}`,
			`{interfaces: [{name: eth1, type: ethernet, state: up, mtu: 1500, ipv6: {enabled: true}}]}`,
			[]hosts.Change{{Interface: "eth1", Action: hosts.ActionChange, Message: "ipv6.enabled: true → false; mtu: 1500 → 9000"}}},
		"what a revert would make absent is made": {
			`{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1.5, vlan: {}}]}}, {name: eth1.5, type: vlan, state: up, vlan: {base-iface: eth1, id: 5}}]}`,
			`{interfaces: [{name: br0, type: linux-bridge, state: absent}, {name: eth1.5, type: vlan, state: absent}]}`,
			[]hosts.Change{{Interface: "br0", Action: hosts.ActionCreate, Message: "linux-bridge, port eth1.5"},
				{Interface: "eth1.5", Action: hosts.ActionCreate, Message: "VLAN 5 on eth1"}}},
		"what a revert would make again is removed": {
			`{interfaces: [{name: br0, type: linux-bridge, state: absent}]}`,
			`{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`,
			[]hosts.Change{{Interface: "br0", Action: hosts.ActionRemove, Message: "linux-bridge"}}},
		"an empty VLAN filter is none": {
			`{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1, vlan: {}}]}}]}`,
			`{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}]}`, nil},
		"another port, and another filter of one that stays": {
			`{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1, vlan: {mode: access, tag: 7}}, {name: eth2, vlan: {}}]}}]}`,
			`{interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1, vlan: {mode: access, tag: 5}}]}}]}`,
			[]hosts.Change{{Interface: "br0", Action: hosts.ActionChange, Message: "bridge.port: eth1 → eth1, eth2; bridge.port.eth1.vlan.tag: 5 → 7"}}},
		"an interface that changes with the others is named": {
			`{interfaces: []}`, `{interfaces: [{name: eth9, type: ethernet, state: up}]}`,
			[]hosts.Change{{Interface: "eth9", Action: hosts.ActionChange, Message: "is changed with the others"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := changesOf([]byte(test.desired), []byte(test.revert))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVersionsThatCannotValidateAreTooOld(t *testing.T) {
	for version, want := range map[string]bool{"2.2.51": false, "2.2.57": false, "2.3.0": false, "3.0.0": false, "2.2.50": true, "2.1.99": true, "": true, "2.2": true, "2.2.x": true} {
		if got := tooOld(version); got != want {
			t.Errorf("%q: too old is %v, want %v", version, got, want)
		}
	}
}

func FuzzChangesNeverPanic(f *testing.F) {
	f.Add(`{"interfaces":[{"name":"br0","bridge":{"port":[{"name":"eth1","vlan":{}}]}}]}`, `{"interfaces":[{"name":"br0","state":"absent"}]}`)
	f.Add(`{"interfaces":[{"name":1,"bridge":[],"vlan":7}]}`, `{"interfaces":[{"bridge":{"port":{}},"name":null}]}`)
	f.Fuzz(func(t *testing.T, desired, revert string) {
		_, _ = changesOf([]byte(desired), []byte(revert))
	})
}
