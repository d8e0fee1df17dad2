package nmstate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForeignPoliciesAreReadLeniently(t *testing.T) {
	for name, test := range map[string]struct {
		state string
		want  map[string]bool
	}{
		"interfaces and the ports of bridges and bonds": {`
interfaces:
- {name: eth1, type: ethernet}
- {name: br1, bridge: {port: [{name: eth2}, {name: eth3}]}}
- {name: bond0, link-aggregation: {port: [eth4]}}`, map[string]bool{"eth1": true, "br1": true, "eth2": true, "eth3": true, "bond0": true, "eth4": true}},
		"the base of a VLAN is not named, since it is left as it is": {`{interfaces: [{name: eth1.5, vlan: {base-iface: eth1, id: 5}}]}`, map[string]bool{"eth1.5": true}},
		"one unreadable entry hides no other":                        {`{interfaces: [42, {name: eth1}, {name: br1, bridge: 7}]}`, map[string]bool{"eth1": true, "br1": true}},
		"a name that YAML takes for a number":                        {`{interfaces: [{name: 101}]}`, map[string]bool{"101": true}},
		"no list":                                                    {`{interfaces: {}}`, map[string]bool{}},
		"no YAML":                                                    {"\t{", map[string]bool{}},
		"nothing":                                                    {"", map[string]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ReadForeign("theirs", nil, []byte(test.state)).Interfaces); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStateThatNamesWhatSomebodyElsesPolicyConfiguresIsRefused(t *testing.T) {
	state := State{Interfaces: []Interface{{Name: "br-lab", Type: LinuxBridge, State: Up}, {Name: "eth1", Type: Ethernet, State: Up}}}
	for name, test := range map[string]struct {
		selector map[string]string
		desired  string
		want     *Refusal
	}{
		"a policy without selector reaches every node": {nil, `{interfaces: [{name: eth1}]}`, &Refusal{RefusedUplinkNamedByPolicy,
			`policy "theirs", which was not made here, configures eth1 on this node: take eth1 out of it, or the node out of its nodeSelector`}},
		"one that selects the node":        {map[string]string{"rack": "1"}, `{interfaces: [{name: br-lab}]}`, &Refusal{RefusedUplinkNamedByPolicy, `policy "theirs", which was not made here, configures br-lab on this node: take br-lab out of it, or the node out of its nodeSelector`}},
		"one that selects other nodes":     {map[string]string{"rack": "2"}, `{interfaces: [{name: eth1}]}`, nil},
		"one whose label the node lacks":   {map[string]string{"rack": "1", "zone": "a"}, `{interfaces: [{name: eth1}]}`, nil},
		"one that names something else":    {nil, `{interfaces: [{name: eth2}]}`, nil},
		"one that nobody can read":         {nil, "\t{", nil},
		"an empty value is a value to ask": {map[string]string{"zone": ""}, `{interfaces: [{name: eth1}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := CheckForeign([]ForeignPolicy{ReadForeign("theirs", test.selector, []byte(test.desired))}, map[string]string{"rack": "1"}, state)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzForeignPolicyNeverPanics(f *testing.F) {
	f.Add([]byte(`{interfaces: [{name: eth1, bridge: {port: [{name: x}]}}]}`))
	f.Add([]byte("interfaces:\n- name: {}\n"))
	f.Fuzz(func(_ *testing.T, raw []byte) { ReadForeign("theirs", nil, raw) })
}
