package nmstate

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keeping is the steady revision of an uplink that preserves: a bridge over the NIC that leaves its own addresses alone.
func keeping(bridgeName, nic string) State {
	b := bridge(bridgeName, nic)
	b.IPv4, b.IPv6 = nil, nil
	p := port(nic)
	p.Type = AnyType
	return State{Interfaces: []Interface{b, p}}
}

func preserveNode(t testing.TB, name string) Node {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "preserve", "nodes", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return ParseNodeState(raw)
}

// policy writes what a policy has of a state.
func policy(t testing.TB, s State) []byte {
	t.Helper()
	var out bytes.Buffer
	raw, err := json.Marshal(map[string]any{"capture": s.Capture, "desiredState": json.RawMessage(s.Marshal())})
	if err == nil {
		err = json.Indent(&out, bytes.ReplaceAll(raw, []byte(`\u003e`), []byte(">")), "", "  ")
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

var preserveAddresses = []netip.Addr{netip.MustParseAddr("192.168.66.101"), netip.MustParseAddr("2001:db8::101")}

// passages are moves of a node's addresses. The part of a name before the dot is the node.
func passages() map[string]struct{ current, target State } {
	lan := keeping("br-lan", "eth0")
	vlan := State{Interfaces: []Interface{bridge("br-v7", "eth0.7"), subInterface("eth0", "eth0.7", 7)}}
	both := State{Interfaces: append(lan.Canonical().Interfaces, vlan.Interfaces...)}
	return map[string]struct{ current, target State }{
		"dhcp.to-bridge":                   {State{}, lan},
		"static.to-bridge":                 {State{}, lan},
		"dual-stack.to-bridge":             {State{}, lan},
		"bond.to-bridge":                   {State{}, keeping("br-lan", "bond0")},
		"static.to-bridge-without-vlan":    {vlan, lan},
		"dhcp-moved.back":                  {lan, State{}},
		"static-moved.back":                {lan, State{}},
		"dual-stack-moved.back":            {lan, State{}},
		"bond-moved.back":                  {keeping("br-lan", "bond0"), State{}},
		"static-moved.back-below-vlan":     {both, vlan},
		"static-moved.to-another-bridge":   {lan, keeping("br-new", "eth0")},
		"dual-stack-moved.back-from-moved": {lan.Moving("eth0", "br-lan", Traffic{Carries: true, IPv4: true}), State{}},
	}
}

func TestPassagesMoveWhatTheNodeCarries(t *testing.T) {
	for name, c := range passages() {
		t.Run(name, func(t *testing.T) {
			nodeName, _, _ := strings.Cut(name, ".")
			node := preserveNode(t, nodeName)
			got, needed := Passage{Current: c.current, Target: c.target, Proof: Proven, Node: node}.Revision()
			if !needed {
				t.Fatal("nothing moves")
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
			own := append(c.current.Built(), c.current.Removed()...)
			assertRefusal(t, CheckTarget(TargetCheck{Node: node, Target: got, Own: own, NodeAddresses: preserveAddresses}), "", "")
			file := filepath.Join("testdata", "preserve", name+".policy.json")
			if *update {
				if err := os.WriteFile(file, policy(t, got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(policy(t, got))); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
			again, err := Parse(got.Marshal(), got.Capture)
			if diff := cmp.Diff(got, again); diff != "" || err != nil || again.Hash() != got.Hash() {
				t.Errorf("it does not read back: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestTheCaptureIsPartOfTheName(t *testing.T) {
	s := keeping("br-lan", "eth0").Moving("eth0", "br-lan", Traffic{IPv4: true})
	changed := s.Canonical()
	changed.Capture[captureNamed] = `interfaces.name=="eth1"`
	without, err := Parse(s.Marshal(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hash() == changed.Hash() || s.Hash() == without.Hash() {
		t.Error("another capture, or none, has the same hash")
	}
	if s.Capture[captureNamed] != `interfaces.name=="eth0"` {
		t.Error("a change of the copy changes the original")
	}
}

func TestPassage(t *testing.T) {
	lan, none := keeping("br-lan", "eth0"), State{}
	static, moved := preserveNode(t, "static"), preserveNode(t, "static-moved")
	preserving, _ := Passage{Current: none, Target: lan, Proof: Proven, Node: static}.Revision()
	returning, _ := Passage{Current: lan, Target: none, Proof: Proven, Node: moved}.Revision()
	refusing := State{Interfaces: []Interface{bridge("br-lan", "eth0"), port("eth0")}}
	trunk := keeping("br-lan", "eth0")
	(*trunk.Interfaces[0].Bridge.Port)[0].VLAN = &PortVLAN{Mode: "trunk", TrunkTags: []TrunkTag{{ID: ptr(7)}}}
	plainRemoval, _ := Between(lan, none, Proven)
	midway := moved.DeepCopy()
	for k := range midway.Interfaces {
		midway.Interfaces[k].Addresses = nil
	}
	midway.DefaultRoutes = nil
	cases := map[string]struct {
		current, target State
		proof           Proof
		node            Node
		want            State
		needed          bool
	}{
		"a node that has the bridge goes on directly":              {lan, keeping("br-lan", "eth0"), Unproven, moved, none, false},
		"a moved node goes from the preserving revision on":        {preserving, lan, Proven, moved, none, false},
		"a move whose report is old stays":                         {preserving, lan, Proven, static, preserving, true},
		"a move that is under way is waited for":                   {preserving, lan, Unproven, midway, preserving, true},
		"a move that is not proven is waited for":                  {preserving, lan, Unproven, moved, preserving, true},
		"a move of a node that stopped reporting is waited for":    {preserving, lan, Unproven, Node{}, preserving, true},
		"a move that was undone is made again":                     {preserving, lan, Unproven, static, preserving, true},
		"a return that is under way is waited for":                 {returning, none, Unproven, midway, returning, true},
		"a return that was undone is made again":                   {returning, none, Unproven, moved, returning, true},
		"after the return nothing is left to do":                   {returning, none, Proven, static, none, false},
		"a proven node is left alone, whatever it shows":           {lan, lan, Proven, static, none, false},
		"a node whose repair is due moves once more":               {lan, lan, Unproven, static, preserving, true},
		"a bridge that shall have no addresses takes none over":    {none, refusing, Proven, static, none, false},
		"a bridge that filters VLANs takes none over":              {none, trunk, Proven, static, none, false},
		"a node without report takes nothing along":                {none, lan, Proven, Node{}, none, false},
		"a removal from a node without report moves nothing":       {lan, none, Proven, Node{}, plainRemoval, true},
		"a NIC that is free again keeps what it has by then":       {lan, none, Unproven, static, State{Interfaces: plainRemoval.Interfaces[1:]}, true},
		"a bridge without traffic is removed as ever":              {lan, none, Proven, midway, plainRemoval, true},
		"a revision with a NIC that carries nothing goes directly": {none, keeping("br-lan", "eth1"), Proven, static, none, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, needed := Passage{Current: c.current, Target: c.target, Proof: c.proof, Node: c.node}.Revision()
			if needed != c.needed {
				t.Fatalf("needed: %v", needed)
			}
			if diff := cmp.Diff(c.want.Canonical(), got.Canonical()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrafficOn(t *testing.T) {
	dual := Traffic{Carries: true, IPv4: true, IPv6: true, Routes: true}
	cases := map[string]struct {
		node, name string
		want       Traffic
	}{
		"DHCP and router advertisements": {"dhcp", "eth0", Traffic{Carries: true, IPv4: true, IPv6: true}},
		"static addresses and routes":    {"dual-stack", "eth0", dual},
		"a port":                         {"dual-stack-moved", "eth0", Traffic{}},
		"the bridge above it":            {"dual-stack-moved", "br-lan", dual},
		"a NIC without addresses":        {"static", "eth1", Traffic{}},
		"an interface that is not there": {"static", "eth9", Traffic{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, preserveNode(t, c.node).TrafficOn(c.name)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	waiting := Node{Interfaces: []NodeInterface{{Name: "eth0", State: Up, DHCPv4: true, Addresses: prefixes("fe80::1/64")}}}
	if got := waiting.TrafficOn("eth0"); got.Carries {
		t.Errorf("a NIC that waits for DHCP carries something: %+v", got)
	}
}

func TestCheckTargetKeepsTheTrafficOfTheNode(t *testing.T) {
	lan := keeping("br-lan", "eth0")
	static, moved := preserveNode(t, "static"), preserveNode(t, "static-moved")
	refusing := State{Interfaces: []Interface{bridge("br-lan", "eth0"), port("eth0")}}
	plainRemoval, _ := Between(lan, State{}, Proven)
	onVLAN := State{Interfaces: []Interface{bridge("br-lan", "eth0.7"), subInterface("eth0", "eth0.7", 7)}}
	vlanNode := moved.DeepCopy()
	for k := range vlanNode.Interfaces {
		if i := &vlanNode.Interfaces[k]; i.Name == "br-lan" {
			i.Ports = []string{"eth0.7"}
		} else if i.Name == "eth0" {
			i.Controller = ""
		}
	}
	vlanRemoval, _ := Passage{Current: onVLAN, Target: State{}, Proof: Proven, Node: vlanNode}.Revision()
	private := preserveNode(t, "dual-stack")
	for k := range private.Interfaces {
		private.Interfaces[k].Autoconf = true
	}
	preserving, _ := Passage{Current: State{}, Target: lan, Proof: Proven, Node: private}.Revision()
	autoconf := preserveNode(t, "dhcp")
	autoconfMove, _ := Passage{Current: State{}, Target: lan, Proof: Proven, Node: autoconf}.Revision()
	fromMAC := []netip.Addr{netip.MustParseAddr("2001:db8::5055:ff:fed1:5501")}
	cases := map[string]struct {
		node      Node
		target    State
		addresses []netip.Addr
		reason    string
		says      string
	}{
		"the steady revision may not take addresses off the NIC":       {static, lan, preserveAddresses, RefusedUplinkCarriesNodeAddress, "eth0 has the node's address"},
		"the steady revision is fine where the bridge has them":        {moved, lan, preserveAddresses, "", ""},
		"Refuse may not take them off the bridge":                      {moved, refusing, preserveAddresses, RefusedBridgeCarriesTraffic, "set protect: Preserve"},
		"nor a default route alone":                                    {moved, refusing, nil, RefusedBridgeCarriesTraffic, "the default route via 192.168.66.2"},
		"a removal may not take the bridge with them":                  {moved, plainRemoval, preserveAddresses, RefusedBridgeCarriesTraffic, "br-lan, which is to be removed, has the node's address 192.168.66.101"},
		"a bridge over a VLAN has nowhere to return to":                {vlanNode, vlanRemoval, preserveAddresses, RefusedBridgeCarriesTraffic, "no NIC can take it over"},
		"an address that NetworkManager made for the NIC cannot move":  {private, preserving, preserveAddresses, RefusedUplinkCarriesNodeAddress, "made for this interface alone"},
		"an address that follows from the MAC address moves":           {autoconf, autoconfMove, fromMAC, "", ""},
		"another address that NetworkManager made for the NIC is lost": {private, preserving, preserveAddresses[:1], "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			own := []InterfaceRef{{"br-lan", LinuxBridge}, {"eth0.7", VLANType}}
			assertRefusal(t, CheckTarget(TargetCheck{Node: c.node, Target: c.target, NodeAddresses: c.addresses, Own: own}), c.reason, c.says)
		})
	}
}

func TestANodeKeepsItsAddressesOnEveryPassage(t *testing.T) {
	for name, c := range passages() {
		nodeName, _, _ := strings.Cut(name, ".")
		node := preserveNode(t, nodeName)
		moving, _ := Passage{Current: c.current, Target: c.target, Proof: Proven, Node: node}.Revision()
		stripped := moving.Canonical()
		stripped.Capture, stripped.Routes = nil, nil
		for k := range stripped.Interfaces {
			i := &stripped.Interfaces[k]
			i.MACAddress = ""
			for _, section := range []**IP{&i.IPv4, &i.IPv6} {
				if *section != nil && (*section).From != "" {
					*section = &IP{}
				}
			}
		}
		own := append(c.current.Built(), c.current.Removed()...)
		r := CheckTarget(TargetCheck{Node: node, Target: stripped, Own: own, NodeAddresses: preserveAddresses})
		if r == nil || !slices.Contains([]string{RefusedBridgeCarriesTraffic, RefusedUplinkCarriesNodeAddress, RefusedUplinkCarriesDefaultRoute}, r.Reason) {
			t.Errorf("%s: without its capture it passes: %v", name, r)
		}
	}
}
