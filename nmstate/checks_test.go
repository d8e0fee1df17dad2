package nmstate

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var workerAddress = []netip.Addr{netip.MustParseAddr("192.168.66.101")}

func TestCheckUplink(t *testing.T) {
	flat := []InterfaceRef{{"br-flat", LinuxBridge}}
	worker, ovn := nodeOf(t, "worker"), nodeOf(t, "ovn")
	cases := map[string]struct {
		in     UplinkCheck
		reason string
		says   []string
	}{
		"a free NIC may become a port": {UplinkCheck{Node: worker, Uplink: "eth1"}, "", nil},
		"a free NIC may carry VLANs":   {UplinkCheck{Node: worker, Uplink: "eth1", Use: AsBase}, "", nil},
		"the NIC of the node may carry VLANs": {
			UplinkCheck{Node: worker, Uplink: "eth0", Use: AsBase, NodeAddresses: workerAddress}, "", nil},
		"a NIC without report is refused, because missing evidence is no evidence": {
			UplinkCheck{Node: Node{}, Uplink: "eth1"}, RefusedNodeStateMissing, []string{"no NodeNetworkState"}},
		"a report that was cut is no evidence either": {
			UplinkCheck{Node: Node{Truncated: true, Skipped: []string{"too many"}, Interfaces: worker.Interfaces}, Uplink: "eth1"},
			RefusedNodeStateIncomplete, []string{"too many"}},
		"a NIC that is not there is refused, and others are offered": {
			UplinkCheck{Node: worker, Uplink: "eth9"}, RefusedUplinkMissing, []string{`"eth9"`, "these could serve: eth1"}},
		"a NIC that is down is refused": {UplinkCheck{Node: worker, Uplink: "eth3"}, RefusedUplinkDown, []string{"eth3 is down"}},
		"a former port may be down":     {UplinkCheck{Node: worker, Uplink: "eth3", Use: AsListed}, "", nil},
		"the NIC with the node's address is refused as a port": {
			UplinkCheck{Node: worker, Uplink: "eth0", NodeAddresses: workerAddress},
			RefusedUplinkCarriesNodeAddress, []string{"192.168.66.101", "use VLANs", "eth1"}},
		"the NIC with the node's address is refused when only listed": {
			UplinkCheck{Node: worker, Uplink: "eth0", Use: AsListed, NodeAddresses: workerAddress}, RefusedUplinkCarriesNodeAddress, nil},
		"a NIC is refused when the node's address is on a VLAN of it": {
			UplinkCheck{Node: worker, Uplink: "eth0", NodeAddresses: []netip.Addr{netip.MustParseAddr("10.66.0.101")}},
			RefusedUplinkCarriesNodeAddress, []string{"eth0.66"}},
		"the NIC with the default route is refused as a port": {
			UplinkCheck{Node: worker, Uplink: "eth0"}, RefusedUplinkCarriesDefaultRoute, []string{"via 192.168.66.2"}},
		"Preserve waives address and route": {
			UplinkCheck{Node: worker, Uplink: "eth0", NodeAddresses: workerAddress, Preserve: true}, "", nil},
		"a bond with an address that somebody configured is refused as a port": {
			UplinkCheck{Node: worker, Uplink: "bond0"}, RefusedUplinkCarriesAddress, []string{"10.70.0.101/24"}},
		"an address from DHCP does not refuse a NIC": {UplinkCheck{Node: ovn, Uplink: "enp4s0"}, "", nil},
		"a static address does":                      {UplinkCheck{Node: ovn, Uplink: "enp5s0"}, RefusedUplinkCarriesAddress, nil},
		"a port of somebody's bond is refused": {
			UplinkCheck{Node: worker, Uplink: "eth4"}, RefusedUplinkIsPort, []string{"bond bond0", "use bond0 as uplink"}},
		"a port of somebody's bond is refused for VLANs, too": {
			UplinkCheck{Node: worker, Uplink: "eth4", Use: AsBase}, RefusedUplinkIsPort, nil},
		"a port of somebody's bridge is refused": {UplinkCheck{Node: worker, Uplink: "eth2"}, RefusedUplinkIsPort, []string{"br-flat"}},
		"a port of our own bridge is fine":       {UplinkCheck{Node: worker, Uplink: "eth2", Own: flat, Creates: flat}, "", nil},
		"the internal port of br-ex is the cluster's": {
			UplinkCheck{Node: ovn, Uplink: "br-ex", Use: AsBase}, RefusedUplinkBelongsToCluster, nil},
		"what lies under br-ex is the cluster's": {
			UplinkCheck{Node: ovn, Uplink: "enp2s0", Use: AsBase}, RefusedUplinkBelongsToCluster, []string{"port of br-ex"}},
		"so is a NIC in a bond of br-ex that does not say so itself": {
			UplinkCheck{Node: ovn, Uplink: "enp3s0", Use: AsBase}, RefusedUplinkBelongsToCluster, []string{"port of br-ex"}},
		"loopback is the cluster's": {UplinkCheck{Node: worker, Uplink: "lo"}, RefusedUplinkBelongsToCluster, nil},
		"a CNI bridge is":           {UplinkCheck{Node: worker, Uplink: "cni0"}, RefusedUplinkBelongsToCluster, nil},
		"an overlay is":             {UplinkCheck{Node: worker, Uplink: "flannel.1"}, RefusedUplinkBelongsToCluster, nil},
		"a bridge of our name that we did not build is refused": {
			UplinkCheck{Node: worker, Uplink: "eth1", Creates: flat}, RefusedBridgeNameTaken, []string{`linux-bridge "br-flat"`}},
		"a NIC of that name, too": {
			UplinkCheck{Node: worker, Uplink: "eth1", Creates: []InterfaceRef{{"eth3", LinuxBridge}}}, RefusedBridgeNameTaken, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			assertRefusal(t, CheckUplink(c.in), c.reason, c.says...)
		})
	}
}

func assertRefusal(t *testing.T, got *Refusal, reason string, says ...string) {
	t.Helper()
	if got == nil {
		if reason != "" {
			t.Errorf("passed, want %s", reason)
		}
		return
	}
	if got.Reason != reason {
		t.Errorf("refused for %s (%s), want %q", got.Reason, got.Message, reason)
	}
	for _, s := range says {
		if !strings.Contains(got.Message, s) {
			t.Errorf("message %q does not hold %q", got.Message, s)
		}
	}
}

func TestANICThatIsNotManagedIsNotUp(t *testing.T) {
	n := ParseNodeState([]byte(`{"interfaces":[{"name":"eth1","type":"ethernet","state":"ignore"}]}`))
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "eth1"}), RefusedUplinkDown, "NetworkManager")
}

func TestANICWithMACVLANsMayCarryVLANsButBeNoPort(t *testing.T) {
	n := ParseNodeState([]byte(`{"interfaces":[{"name":"eth1","type":"ethernet","state":"up"},
		{"name":"mv0","type":"mac-vlan","state":"up","mac-vlan":{"base-iface":"eth1"}}]}`))
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "eth1"}), RefusedUplinkIsPort, "mac-vlan mv0")
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "eth1", Use: AsBase}), "")
}

func TestAVethNamedLikeANICIsTheNICOfANodeInAContainer(t *testing.T) {
	n := ParseNodeState([]byte(`{"interfaces":[{"name":"eth1","type":"veth","state":"up"},{"name":"veth12ab","type":"veth","state":"up"}]}`))
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "eth1"}), "")
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "veth12ab"}), RefusedUplinkBelongsToCluster)
	if diff := cmp.Diff([]string{"eth1"}, Candidates(n)); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
}

func TestCandidatesAreWhatNothingUsesYet(t *testing.T) {
	cases := map[string][]string{"worker": {"eth1"}, "ovn": {"enp4s0"}}
	for file, want := range cases {
		if diff := cmp.Diff(want, Candidates(nodeOf(t, file))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// No policy lists a NIC that carries a node's address or default route, unless Preserve is said; no node is moved to a
// revision that its NodeNetworkState has not passed.
func TestNoRevisionPassesThatListsANICOfTheNode(t *testing.T) {
	for _, file := range []string{"worker", "ovn"} {
		n := nodeOf(t, file)
		for _, i := range n.Interfaces {
			carries := len(n.stackOnCarriers(i)) > 0
			for shape, target := range map[string]State{
				"as port":   {Interfaces: []Interface{bridge("br-new", i.Name), port(i.Name)}},
				"as former": {Interfaces: []Interface{port(i.Name)}},
				"in a bond": {Interfaces: []Interface{{Name: "bond7", Type: BondType, State: Up,
					LinkAggregation: &Bond{Mode: "active-backup", Port: []string{i.Name}}}, port(i.Name)}},
				"in a bridge without being listed": {Interfaces: []Interface{bridge("br-new", i.Name)}},
			} {
				if CheckTarget(TargetCheck{Node: n, Target: target}) == nil && carries {
					t.Errorf("%s: %s %s passes", file, i.Name, shape)
				}
			}
		}
	}
}

// stackOnCarriers is an independent reading of the rule: the default routes through the NIC or a VLAN on it.
func (n Node) stackOnCarriers(nic NodeInterface) []Route {
	return slices.DeleteFunc(slices.Clone(n.DefaultRoutes), func(r Route) bool {
		above, _ := n.Interface(r.Interface)
		return r.Interface != nic.Name && above.VLANBase != nic.Name
	})
}

func TestCheckTargetAsksAboutEverythingThatTheRevisionTouches(t *testing.T) {
	worker := nodeOf(t, "worker")
	withMTU := func(s State, name string, mtu int) State {
		s = s.Canonical()
		for k := range s.Interfaces {
			if s.Interfaces[k].Name == name {
				s.Interfaces[k].MTU = &mtu
			}
		}
		return s
	}
	taken := State{Interfaces: []Interface{bridge("br-v66", "up66"), subInterface("eth0", "up66", 66)}}
	bondTarget := func(a, b string) State {
		s := bonded()
		for k := range s.Interfaces {
			if s.Interfaces[k].LinkAggregation != nil {
				s.Interfaces[k].Name, s.Interfaces[k].LinkAggregation.Port = "bond7", []string{a, b}
			}
			if s.Interfaces[k].VLAN != nil {
				s.Interfaces[k].VLAN.BaseIface = "bond7"
			}
		}
		s.Interfaces = append(slices.DeleteFunc(s.Interfaces, func(i Interface) bool { return i.Type == AnyType }), port(a), port(b))
		return s
	}
	mixed := State{Interfaces: append(untagged().Interfaces, tagged().Interfaces...)}
	removal, _ := Between(mixed, State{}, Proven)
	cases := map[string]struct {
		in     TargetCheck
		reason string
		says   string
	}{
		"a VLAN on a free NIC":              {TargetCheck{Node: worker, Target: tagged()}, "", ""},
		"a VLAN on a NIC that is not there": {TargetCheck{Node: nodeOf(t, "ovn"), Target: tagged()}, RefusedUplinkMissing, "eth1"},
		"a bridge of a name that is taken":  {TargetCheck{Node: worker, Target: untagged()}, RefusedBridgeNameTaken, "br-flat"},
		"a bridge that is ours":             {TargetCheck{Node: worker, Target: untagged(), Own: untagged().Built()}, "", ""},
		"a VLAN that exists under another name": {TargetCheck{Node: worker, Target: taken, NodeAddresses: workerAddress},
			RefusedVLANTaken, "VLAN 66 on eth0 exists as eth0.66"},
		"a VLAN that exists under another name and is ours": {
			TargetCheck{Node: worker, Target: taken, Own: []InterfaceRef{{"eth0.66", VLANType}}}, "", ""},
		"frames larger than the uplink's":        {TargetCheck{Node: worker, Target: withMTU(tagged(), "eth1.100", 9000)}, RefusedUplinkMTU, "eth1 has MTU 1500"},
		"frames as large as the uplink's":        {TargetCheck{Node: worker, Target: withMTU(tagged(), "eth1.100", 1500)}, "", ""},
		"a bond of a free NIC and one in use":    {TargetCheck{Node: worker, Target: bondTarget("eth1", "eth4")}, RefusedUplinkIsPort, "eth4"},
		"a bond of two NICs, one without a link": {TargetCheck{Node: worker, Target: bondTarget("eth1", "eth3")}, RefusedUplinkDown, "eth3"},
		"a bond with the NIC of the node": {TargetCheck{Node: worker, Target: bondTarget("eth0", "eth1"), NodeAddresses: workerAddress},
			RefusedUplinkCarriesNodeAddress, "eth0"},
		"taking everything back from a node without report": {TargetCheck{Target: removal}, RefusedNodeStateMissing, ""},
		"taking everything back":                            {TargetCheck{Node: worker, Target: removal, Own: mixed.Built()}, "", ""},
		"nothing at all":                                    {TargetCheck{Node: worker, Target: State{}}, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			assertRefusal(t, CheckTarget(c.in), c.reason, c.says)
		})
	}
}

func TestAMessageOffersAFewNICsOnly(t *testing.T) {
	var list []string
	for _, name := range []string{"eth1", "eth2", "eth3", "eth4", "eth5", "eth6", "eth7", "eth8"} {
		list = append(list, `{"name":"`+name+`","type":"ethernet","state":"up"}`)
	}
	n := ParseNodeState([]byte(`{"interfaces":[` + strings.Join(list, ",") + `]}`))
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "eth0"}), RefusedUplinkMissing,
		"these could serve: eth1, eth2, eth3, eth4, eth5, eth6 and 2 more")
}

func TestAPortIsRefusedOnItsOwnWordToo(t *testing.T) {
	n := ParseNodeState([]byte(`{"interfaces":[{"name":"eth1","type":"ethernet","state":"up","controller":"team0"}]}`))
	assertRefusal(t, CheckUplink(UplinkCheck{Node: n, Uplink: "eth1", Use: AsBase}), RefusedUplinkIsPort, "team0")
}
