package parts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// Desired states of the shapes that are rendered.
const (
	untagged = `
interfaces:
- {name: eth1, type: ethernet, state: up, mtu: 1500, ipv4: {enabled: false}, ipv6: {enabled: false}}
- name: br-fabric
  type: linux-bridge
  state: up
  mtu: 1500
  ipv4: {enabled: false}
  ipv6: {enabled: false}
  bridge:
    options: {stp: {enabled: false}}
    port: [{name: eth1, vlan: {}}]
`
	accessOverVLAN = `
interfaces:
- {name: eth1, type: ethernet, state: up, mtu: 1500, ipv4: {enabled: false}, ipv6: {enabled: false}}
- name: eth1.100
  type: vlan
  state: up
  mtu: 1500
  ipv4: {enabled: false}
  ipv6: {enabled: false}
  vlan: {base-iface: eth1, id: 100, reorder-headers: true}
- name: br-v100
  type: linux-bridge
  state: up
  mtu: 1500
  ipv4: {enabled: false}
  ipv6: {enabled: false}
  bridge:
    options: {stp: {enabled: false}}
    port: [{name: eth1.100, vlan: {}}]
`
	overBond = `
interfaces:
- {name: eno2, type: ethernet, state: up, mtu: 9000}
- {name: eno3, type: ethernet, state: up, mtu: 9000}
- name: bond0
  type: bond
  state: up
  mtu: 9000
  ipv4: {enabled: false}
  ipv6: {enabled: false}
  link-aggregation: {mode: active-backup, options: {miimon: "140"}, port: [eno2, eno3]}
- name: br-bond
  type: linux-bridge
  state: up
  mtu: 9000
  bridge:
    options: {stp: {enabled: false}}
    port: [{name: bond0, vlan: {}}]
`
	trunk = `
interfaces:
- {name: eth1, type: ethernet, state: up}
- name: br-trunk
  type: linux-bridge
  state: up
  bridge:
    options: {stp: {enabled: false}}
    port: [{name: eth1, vlan: {mode: trunk, trunk-tags: [{id: 101}, {id-range: {min: 200, max: 210}}]}}]
`
	removal = `
interfaces:
- {name: br-v100, type: linux-bridge, state: absent}
- {name: eth1.100, type: vlan, state: absent}
- {name: eth1, type: ethernet, state: up, ipv4: {enabled: false}, ipv6: {enabled: false}}
`
	bridgeByMAC = `
capture:
  nic: interfaces.mac-address=="52:54:00:00:10:02"
desiredState:
  interfaces:
  - {name: "{{ capture.nic.interfaces.0.name }}", type: ethernet, state: up}
  - name: br-fabric
    type: linux-bridge
    state: up
    bridge:
      options: {stp: {enabled: false}}
      port: [{name: "{{ capture.nic.interfaces.0.name }}", vlan: {}}]
`
)

// nodeState reads a NodeNetworkState's currentState of testdata.
func nodeState(t *testing.T, name string) []byte {
	t.Helper()
	state, err := os.ReadFile(filepath.Join("testdata", "nns", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestNmstatectlAcceptsTheShapesThatAreRendered(t *testing.T) {
	n := NmstatectlForTest(t)
	cases := map[string]struct{ state, node string }{
		"an untagged bridge over a free NIC":               {untagged, "two-nics"},
		"an access bridge over a VLAN of a free NIC":       {accessOverVLAN, "two-nics"},
		"an access bridge that is there already":           {accessOverVLAN, "bridged"},
		"a bridge over a new or existing bond":             {overBond, "bonded"},
		"a trunk bridge":                                   {trunk, "two-nics"},
		"the removal of a bridge and its VLAN":             {removal, "bridged"},
		"a removal of what is not there":                   {removal, "two-nics"},
		"a bridge port without the key vlan":               {strings.ReplaceAll(untagged, ", vlan: {}", ""), "two-nics"},
		"JSON instead of YAML":                             {asJSON(t, accessOverVLAN), "two-nics"},
		"a state that asks for nothing":                    {"{}", "one-nic"},
		"a VLAN sub-interface of the NIC with the address": {strings.ReplaceAll(vlanOnly, "eth1", "eth0"), "one-nic"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := n.Format(t.Context(), []byte(c.state)); err != nil {
				t.Error(err)
			}
			if _, err := n.GenerateConf(t.Context(), []byte(c.state)); err != nil {
				t.Error(err)
			}
			if err := n.Validate(t.Context(), []byte(c.state), nil); err != nil {
				t.Error(err)
			}
			if err := n.Validate(t.Context(), []byte(c.state), nodeState(t, c.node)); err != nil {
				t.Error(err)
			}
		})
	}
}

const vlanOnly = `
interfaces:
- {name: eth1.100, type: vlan, state: up, vlan: {base-iface: eth1, id: 100}}
- name: br-v100
  type: linux-bridge
  state: up
  bridge: {options: {stp: {enabled: false}}, port: [{name: eth1.100, vlan: {}}]}
`

func asJSON(t *testing.T, document string) string {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFormatRefusesWhatNmstateCannotRead(t *testing.T) {
	n := NmstatectlForTest(t)
	cases := map[string]struct{ from, to, want string }{
		"an unknown field on top":          {"interfaces:\n- {name: eth1,", "extra: 1\ninterfaces:\n- {name: eth1,", "unknown field `extra`"},
		"an unknown field of an interface": {"mtu: 1500, ipv4", "mtuu: 1500, ipv4", "unknown field `mtuu`"},
		"an unknown field of a port":       {"vlan: {}", "vlans: {}", "unknown field `vlans`"},
		"an unknown field of a VLAN":       {"base-iface", "base", "unknown field `base`"},
		"an unknown state":                 {"state: up", "state: on", "unknown variant `on`"},
		"a type that nmstate lacks":        {"type: linux-bridge", "type: bridge", "Unsupported interface type bridge"},
		"a VLAN id that is no number":      {"id: 100", "id: hundred", "invalid digit"},
		"a VLAN id beyond 16 bits":         {"id: 100", "id: 70000", "out of range"},
		"an interface without name":        {"name: eth1,", "", "missing field `name`"},
		"what is no YAML":                  {"[{name: eth1.100, vlan: {}}]", "[", "did not find expected node"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := n.Format(t.Context(), []byte(replaceOnce(t, accessOverVLAN, c.from, c.to)))
			wantRefusal(t, err, c.want)
		})
	}
}

func TestValidateRefusesWhatCannotBeApplied(t *testing.T) {
	n := NmstatectlForTest(t)
	twoBridges := untagged + strings.ReplaceAll(untagged[strings.Index(untagged, "- name: br-fabric"):], "br-fabric", "br-other")
	address := "ipv4: {enabled: true, address: [{ip: 192.0.2.7, prefix-length: 24}]}"
	cases := map[string]struct{ state, node, want string }{
		"a NIC that the node lacks":          {accessOverVLAN, "bonded", "interface eth1 does not exist"},
		"a port that the node lacks":         {replaceOnce(t, untagged, "port: [{name: eth1,", "port: [{name: eth7,"), "two-nics", "unknown port eth7"},
		"a port in two bridges":              {twoBridges, "", "overbooked"},
		"a port with an address":             {replaceOnce(t, untagged, "ipv4: {enabled: false}", address), "", "cannot have IP enabled"},
		"a port that is no interface itself": {replaceOnce(t, untagged, "- {name: eth1,", "- {name: eth2,"), "", "undefined port eth1"},
		"an MTU that the NIC cannot have":    {strings.ReplaceAll(untagged, "1500", "9500"), "two-nics", "maximum allowed MTU 9000"},
		"an IPv6 bridge with a tiny MTU": {
			replaceOnce(t, strings.ReplaceAll(untagged, "1500", "1200"), "  ipv6: {enabled: false}", "  ipv6: {enabled: true}"), "", "MTU should be >= 1280"},
		"a trunk port without tags":       {replaceOnce(t, untagged, "vlan: {}", "vlan: {mode: trunk}"), "", "empty trunk-tags"},
		"trunk tags that overlap":         {replaceOnce(t, trunk, "id: 101", "id: 205"), "", "overlapping"},
		"a bond without mode":             {replaceOnce(t, overBond, "mode: active-backup, ", ""), "", "Bond mode is mandatory"},
		"a capture that finds nothing":    {replaceOnce(t, bridgeByMAC, "10:02", "99:99"), "two-nics", "not found"},
		"an unknown type on a known node": {replaceOnce(t, untagged, "linux-bridge", "bridge"), "two-nics", "Unsupported interface type bridge"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var current []byte
			if c.node != "" {
				current = nodeState(t, c.node)
			}
			wantRefusal(t, n.Validate(t.Context(), []byte(c.state), current), c.want)
		})
	}
}

// What the judge lets pass is listed in the comment on Validate. A case that begins to fail here means that nmstate
// learned to check it.
func TestValidateDoesNotSeeWhatOthersMustCheck(t *testing.T) {
	n := NmstatectlForTest(t)
	cases := map[string]string{
		"a name of more than 15 bytes":              strings.ReplaceAll(untagged, "br-fabric", "br-abcdefghijklmn"),
		"VLAN id 4095":                              replaceOnce(t, accessOverVLAN, "id: 100", "id: 4095"),
		"a VLAN over a base that the node lacks":    replaceOnce(t, accessOverVLAN, "base-iface: eth1", "base-iface: eth7"),
		"an MTU above that of the base":             strings.Replace(accessOverVLAN, "mtu: 1500", "mtu: 1400", 1),
		"the removal of a NIC":                      replaceOnce(t, removal, "{name: eth1, type: ethernet, state: up, ipv4: {enabled: false}, ipv6: {enabled: false}}", "{name: eth1, type: ethernet, state: absent}"),
		"the NIC with the node's address as a port": strings.ReplaceAll(untagged, "eth1", "eth0"),
	}
	for name, state := range cases {
		t.Run(name, func(t *testing.T) {
			if err := n.Validate(t.Context(), []byte(state), nodeState(t, "two-nics")); err != nil {
				t.Errorf("nmstatectl %s checks this: correct the comment on Validate: %v", n.Version, err)
			}
		})
	}
}

func TestAPolicyIsNeverJudgedAgainstThisMachine(t *testing.T) {
	n := NmstatectlForTest(t)
	_, formatErr := n.Format(t.Context(), []byte(bridgeByMAC))
	_, confErr := n.GenerateConf(t.Context(), []byte(bridgeByMAC))
	for _, err := range []error{formatErr, confErr, n.Validate(t.Context(), []byte(bridgeByMAC), nil)} {
		if refusal := new(Refusal); err == nil || errors.As(err, &refusal) {
			t.Errorf("got %v, want an error about the caller's mistake", err)
		}
	}
}

func TestPolicyRendersCapturesForANode(t *testing.T) {
	n := NmstatectlForTest(t)
	if err := n.Validate(t.Context(), []byte(bridgeByMAC), nodeState(t, "two-nics")); err != nil {
		t.Error(err)
	}
	rendered, err := n.Policy(t.Context(), []byte(bridgeByMAC), nodeState(t, "two-nics"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(rendered); !strings.Contains(got, "- name: eth1") || strings.Contains(got, "capture") {
		t.Errorf("the capture is not replaced by eth1:\n%s", got)
	}
}

func TestRevertRemovesWhatTheStateAdds(t *testing.T) {
	n := NmstatectlForTest(t)
	reverted, err := n.Revert(t.Context(), []byte(accessOverVLAN), nodeState(t, "two-nics"))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := yaml.Unmarshal(reverted, &got); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(`
interfaces:
- {name: br-v100, type: linux-bridge, state: absent}
- {name: eth1.100, type: vlan, state: absent}
`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNodeStatesOfTestdataAreWhatNmstateReports(t *testing.T) {
	n := NmstatectlForTest(t)
	files, err := filepath.Glob("testdata/nns/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no node states in testdata: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			state := nodeState(t, name)
			formatted, err := n.Format(t.Context(), state)
			if err != nil {
				t.Fatal(err)
			}
			var got, want map[string]any
			if err := errors.Join(yaml.Unmarshal(formatted, &got), yaml.Unmarshal(state, &want)); err != nil {
				t.Fatal(err)
			}
			// nmstate reports LLDP neighbors and never reads them back.
			dropNeighbors(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("nmstate would write it otherwise (-testdata +nmstate)\n%s", diff)
			}
			if err := n.Validate(t.Context(), []byte("{}"), state); err != nil {
				t.Error(err)
			}
		})
	}
}

func dropNeighbors(state map[string]any) {
	interfaces, _ := state["interfaces"].([]any)
	for _, i := range interfaces {
		iface, _ := i.(map[string]any)
		if lldp, ok := iface["lldp"].(map[string]any); ok {
			delete(lldp, "neighbors")
		}
	}
}

// replaceOnce makes a bad document of a good one, and fails when the good one has changed so that nothing is replaced.
func replaceOnce(t *testing.T, document, from, to string) string {
	t.Helper()
	if !strings.Contains(document, from) {
		t.Fatalf("the document lacks %q:\n%s", from, document)
	}
	return strings.Replace(document, from, to, 1)
}

// wantRefusal fails unless err is a judge's refusal for the wanted reason.
func wantRefusal(t *testing.T, err error, reason string) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a Refusal", err)
	}
	if !strings.Contains(refusal.Reason, reason) {
		t.Errorf("refused because of %q, want %q", refusal.Reason, reason)
	}
}
