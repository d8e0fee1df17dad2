package nmstate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

// builtState builds an untagged bridge, a trunk over a bond, and a bridge over a VLAN.
func builtState() State {
	bridge := func(name, port string, vlan PortVLAN) Interface {
		return Interface{Name: name, Type: LinuxBridge, State: Up, MTU: ptr(1500), IPv4: &IP{}, IPv6: &IP{},
			Bridge: &Bridge{Port: &[]BridgePort{{Name: port, VLAN: &vlan}}}}
	}
	trunk := PortVLAN{Mode: "trunk", TrunkTags: []TrunkTag{{ID: ptr(10)}, {Range: &VLANRange{20, 30}}}}
	return State{Interfaces: []Interface{
		{Name: "eth1", Type: Ethernet, State: Up, MTU: ptr(1500), IPv4: &IP{}, IPv6: &IP{},
			Ethernet: &EthernetSection{SRIOV: &SRIOV{TotalVFs: 4}}},
		{Name: "bond1", Type: BondType, State: Up, LinkAggregation: &Bond{Mode: "802.3ad", Port: []string{"eth2", "eth3"}}},
		{Name: "eth2", Type: Ethernet, State: Up},
		{Name: "eth3", Type: AnyType, State: Up},
		{Name: "eth0.7", Type: VLANType, State: Up, VLAN: &VLAN{BaseIface: "eth0", ID: 7}},
		bridge("br-lan", "eth1", PortVLAN{}), bridge("br-trunk", "bond1", trunk), bridge("br-seven", "eth0.7", PortVLAN{}),
		{Name: "br-old", Type: LinuxBridge, State: Absent},
	}}
}

// builtNode shows all of builtState, with the NIC of a machine in br-lan.
func builtNode() []NodeInterface {
	return []NodeInterface{
		{Name: "bond1", Type: BondType, State: Up, BondMode: "802.3ad", Ports: []string{"eth2", "eth3"}, Controller: "br-trunk"},
		{Name: "br-lan", Type: LinuxBridge, State: Up, MTU: 1500, Ports: []string{"eth1", "veth7"}, Addresses: prefixes("fe80::1/64")},
		{Name: "br-other", Type: LinuxBridge, State: Up},
		{Name: "br-seven", Type: LinuxBridge, State: Up, MTU: 1500, Ports: []string{"eth0.7"}},
		{Name: "br-trunk", Type: LinuxBridge, State: Up, MTU: 1500, Ports: []string{"bond1", "veth9"}, PortFilters: []PortFilter{
			{Port: "bond1", Mode: "trunk", Tagged: []VLANRange{{10, 10}, {20, 30}}}, {Port: "veth9", Mode: "access", Tag: 10}}},
		{Name: "eth0", Type: Ethernet, State: Up, Addresses: prefixes("192.0.2.7/24")},
		{Name: "eth0.7", Type: VLANType, State: Up, VLANBase: "eth0", VLANID: 7, Controller: "br-seven"},
		{Name: "eth1", Type: Veth, State: Up, MTU: 1500, TotalVFs: 4, Controller: "br-lan"},
		{Name: "eth2", Type: Ethernet, State: Up, Controller: "bond1"},
		{Name: "eth3", Type: Ethernet, State: Up, Controller: "bond1"},
	}
}

// lines writes differences as they are compared, "!" before what is broken.
func lines(differences []Difference) []string {
	var out []string
	for _, d := range differences {
		mark := ""
		if d.Broken {
			mark = "! "
		}
		out = append(out, mark+d.Interface+": "+d.Message)
	}
	return out
}

func TestDifferences(t *testing.T) {
	cases := map[string]struct {
		change func(map[string]*NodeInterface)
		gone   []string
		want   []string
	}{
		"a node that shows what was asked for differs in nothing": {},
		"a bridge that is gone is broken": {gone: []string{"br-lan"},
			want: []string{"! br-lan: br-lan is missing: an interface of type linux-bridge was asked for"}},
		"a port that is gone is told once": {gone: []string{"eth1"},
			want: []string{"! eth1: eth1 is missing: an interface of type ethernet was asked for"}},
		"the base of a VLAN is looked at though it is not listed": {
			change: func(n map[string]*NodeInterface) { n["eth0"].State = Down },
			want:   []string{"! eth0: eth0 is down, not up: check its cable and its configuration"}},
		"an interface that NetworkManager lets go is broken": {
			change: func(n map[string]*NodeInterface) { n["br-lan"].State = Ignore },
			want:   []string{"! br-lan: br-lan is ignore, not up: let NetworkManager manage it"}},
		"an interface that is reported as absent is missing": {
			change: func(n map[string]*NodeInterface) { n["br-seven"].State = Absent },
			want:   []string{"! br-seven: br-seven is missing: an interface of type linux-bridge was asked for"}},
		"a bridge of Open vSwitch is no Linux bridge": {
			change: func(n map[string]*NodeInterface) { n["br-lan"].Type = OVSBridge },
			want:   []string{"! br-lan: br-lan is of type ovs-bridge, not linux-bridge"}},
		"a VLAN on another base with another id is broken": {
			change: func(n map[string]*NodeInterface) { n["eth0.7"].VLANBase, n["eth0.7"].VLANID = "eth1", 8 },
			want:   []string{"! eth0.7: eth0.7 is VLAN 8 on eth1, not VLAN 7 on eth0"}},
		"a port that left is broken": {
			change: func(n map[string]*NodeInterface) { n["br-lan"].Ports, n["eth1"].Controller = []string{"veth7"}, "" },
			want:   []string{"! br-lan: br-lan lacks its port eth1, which is a port of nothing"}},
		"a port that somebody took is broken": {
			change: func(n map[string]*NodeInterface) {
				n["bond1"].Ports, n["eth3"].Controller = []string{"eth2"}, "br-other"
			},
			want: []string{"! bond1: bond1 lacks its port eth3, which is a port of the linux-bridge br-other"}},
		"another MTU is a setting": {
			change: func(n map[string]*NodeInterface) { n["eth1"].MTU = 9000 },
			want:   []string{"eth1: eth1 has MTU 9000, not 1500"}},
		"another bond mode is a setting": {
			change: func(n map[string]*NodeInterface) { n["bond1"].BondMode = "active-backup" },
			want:   []string{"bond1: bond1 has bond mode active-backup, not 802.3ad"}},
		"fewer virtual functions are a setting": {
			change: func(n map[string]*NodeInterface) { n["eth1"].TotalVFs = 2 },
			want:   []string{"eth1: eth1 has 2 virtual functions, not 4"}},
		"no virtual functions are broken": {
			change: func(n map[string]*NodeInterface) { n["eth1"].TotalVFs = 0 },
			want:   []string{"! eth1: eth1 has 0 virtual functions, not 4"}},
		"an address where none was to be is a setting": {
			change: func(n map[string]*NodeInterface) {
				n["br-lan"].Addresses = prefixes("192.0.2.9/24", "fe80::1/64", "2001:db8::9/64")
			},
			want: []string{"br-lan: br-lan has the address 192.0.2.9/24, and was to have none",
				"br-lan: br-lan has the address 2001:db8::9/64, and was to have none"}},
		"what was to go and is there is told": {
			change: func(n map[string]*NodeInterface) {
				*n["br-other"] = NodeInterface{Name: "br-old", Type: LinuxBridge, State: Up}
			},
			want: []string{"br-old: br-old (linux-bridge) is still there, and was to be removed"}},
		"something else of the name of what was to go is no difference": {
			change: func(n map[string]*NodeInterface) {
				*n["br-other"] = NodeInterface{Name: "br-old", Type: Dummy, State: Up}
			}},
		"a trunk that lacks VLANs is broken, and one with more of them is not": {
			change: func(n map[string]*NodeInterface) {
				n["br-trunk"].PortFilters[0].Tagged = []VLANRange{{10, 10}, {22, 23}, {25, 30}, {40, 41}}
			},
			want: []string{"! br-trunk: port bond1 of br-trunk lacks VLANs 20-21, 24",
				"br-trunk: port bond1 of br-trunk carries VLANs 40-41, which were not asked for"}},
		"a trunk that filters nothing is broken": {
			change: func(n map[string]*NodeInterface) { n["br-trunk"].PortFilters = nil },
			want:   []string{"! br-trunk: br-trunk filters no VLANs on its port bond1: a trunk of VLANs 10, 20-30 was asked for"}},
		"a trunk with a native VLAN that nobody asked for is broken": {
			change: func(n map[string]*NodeInterface) {
				n["br-trunk"].PortFilters[0].Native, n["br-trunk"].PortFilters[0].Tag = true, 5
			},
			want: []string{"! br-trunk: port bond1 of br-trunk is a trunk of VLANs 10, 20-30 with native VLAN 5, not a trunk of VLANs 10, 20-30"}},
		"an untagged bridge with the filter of a port that has no vlan carries untagged frames": {
			change: func(n map[string]*NodeInterface) {
				n["br-lan"].PortFilters = []PortFilter{{Port: "eth1", Mode: "trunk", Tagged: []VLANRange{{2, 4094}}}}
			}},
		"an untagged bridge whose port belongs to another VLAN than machines is broken": {
			change: func(n map[string]*NodeInterface) {
				n["br-lan"].PortFilters = []PortFilter{{Port: "eth1", Mode: "access", Tag: 7}}
			},
			want: []string{"! br-lan: br-lan puts untagged frames of its port eth1 into VLAN 7, and those of machines into VLAN 1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			have, byName := builtNode(), map[string]*NodeInterface{}
			for k := range have {
				byName[have[k].Name] = &have[k]
			}
			if c.change != nil {
				c.change(byName)
			}
			have = slices.DeleteFunc(have, func(i NodeInterface) bool { return slices.Contains(c.gone, i.Name) })
			got := Differences(builtState(), Node{Interfaces: have})
			if diff := cmp.Diff(c.want, lines(got)); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingEvidenceIsNoDifference(t *testing.T) {
	for name, node := range map[string]Node{
		"no report":              {},
		"a report that was cut":  {Truncated: true, Interfaces: builtNode()[:1]},
		"a report without types": {Interfaces: withoutDetails(builtNode())},
	} {
		if got := Differences(builtState(), node); len(got) != 0 {
			t.Errorf("%s: %v", name, lines(got))
		}
	}
}

// withoutDetails drops what a report may leave out.
func withoutDetails(list []NodeInterface) []NodeInterface {
	for k := range list {
		list[k].Type, list[k].MTU, list[k].VLANBase, list[k].BondMode = "unknown", 0, "", ""
	}
	return list
}

func TestDifferencesOfOneNetworkAreThoseOfWhatItsBridgeStandsOn(t *testing.T) {
	node := Node{Interfaces: []NodeInterface{{Name: "lo", Type: Loopback, State: Up}}}
	for top, want := range map[string][]string{
		"br-lan":   {"br-lan", "eth1"},
		"br-trunk": {"bond1", "br-trunk", "eth2", "eth3"},
		"br-seven": {"br-seven", "eth0", "eth0.7"},
		"eth0.7":   {"eth0", "eth0.7"},
		"unknown":  nil,
	} {
		var got []string
		for _, d := range DifferencesOf(builtState(), node, top) {
			got = append(got, d.Interface)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", top, diff)
		}
	}
}

func TestAStateThatStandsOnItselfEnds(t *testing.T) {
	loop := State{Interfaces: []Interface{
		{Name: "a", Type: VLANType, State: Up, VLAN: &VLAN{BaseIface: "b", ID: 1}},
		{Name: "b", Type: VLANType, State: Up, VLAN: &VLAN{BaseIface: "a", ID: 1}},
	}}
	if got := DifferencesOf(loop, Node{Interfaces: []NodeInterface{{Name: "lo"}}}, "a"); len(got) != 2 {
		t.Errorf("got %v", lines(got))
	}
}

func TestVLANsAreWrittenAsRanges(t *testing.T) {
	for want, ranges := range map[string][]VLANRange{
		"none":                         {{0, 0}, {-5, -1}, {9, 3}},
		"1, 63-65, 4094":               {{4094, 9999}, {63, 64}, {65, 65}, {-3, 1}},
		"1-4094":                       {{1, 4094}},
		"1, 3, 5, 7, 9, 11 and 1 more": {{1, 1}, {3, 3}, {5, 5}, {7, 7}, {9, 9}, {11, 11}, {13, 13}},
	} {
		if got := fmt.Sprint(PortFilter{Tagged: ranges}.vlans()); got != want {
			t.Errorf("%v: got %q, want %q", ranges, got, want)
		}
	}
}
