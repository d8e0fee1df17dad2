package render_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

func preserving(u *v1alpha1.HostUplink) { u.Spec.Protect = v1alpha1.ProtectPreserve }

// livesOn is a node with its address and default route on the interface, and with a NIC that is a port of it, if it is a bridge.
func livesOn(name, port string) nmstate.Node {
	n := nmstate.Node{
		Interfaces: []nmstate.NodeInterface{{Name: name, Type: nmstate.Ethernet, State: nmstate.Up,
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}},
		DefaultRoutes:    []nmstate.Route{{Interface: name, Family: 4, Gateway: netip.MustParseAddr("192.0.2.1")}},
		RoutedInterfaces: []string{name},
	}
	if port != "" {
		n.Interfaces[0].Type, n.Interfaces[0].Ports = nmstate.LinuxBridge, []string{port}
		n.Interfaces = append(n.Interfaces, nmstate.NodeInterface{Name: port, Type: nmstate.Ethernet, State: nmstate.Up, Controller: name})
	}
	return n
}

func TestAPreservingUplinkLeavesTheAddressesOfItsBridgeAlone(t *testing.T) {
	networks := []v1alpha1.HostNetwork{hostNetwork("lan", "lab"), hostNetwork("data", "lab", vlan(100))}
	u := uplink("u", "lab", "eth1", preserving)
	c := render.NewCatalog([]v1alpha1.HostUplink{u}, networks)
	if known, _ := c.Uplink("u"); len(known.Notices) != 0 {
		t.Errorf("it is said to have no effect: %v", known.Notices)
	}
	r := revision(t, c, "u", "lan", "data")
	want := []string{"eth1  up no-ip", "eth1.100 vlan up no-ip", "br-data linux-bridge up no-ip", "br-lan linux-bridge up"}
	if diff := cmp.Diff(want, shape(r.State)); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	if r.State.Capture != nil {
		t.Error("the steady revision moves something")
	}
}

func TestANetworkIsBuiltAlikeWhileTheNodesAddressesMove(t *testing.T) {
	networks := []v1alpha1.HostNetwork{hostNetwork("lan", "lab")}
	c := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1", preserving)}, networks)
	u, _ := c.Uplink("u")
	n, _ := c.HostNetwork("lan")
	steady := revision(t, c, "u", "lan")
	moving, needed := render.PassageRevision("u", steady, nmstate.Passage{Node: livesOn("eth1", "")})
	if !needed || !c.BuiltAlike(u, n, moving.State, steady.State) {
		t.Errorf("moving %v and steady %v build different networks", moving, steady)
	}
	mtu := int32(1400)
	u.Object.Spec.MTU = &mtu
	if other := revision(t, c, "u", "lan"); c.BuiltAlike(u, n, moving.State, other.State) {
		t.Error("another MTU is alike")
	}
}

func TestPassageRevisionsMoveTheNodesOwnAddresses(t *testing.T) {
	networks := []v1alpha1.HostNetwork{hostNetwork("lan", "lab"), hostNetwork("data", "lab", vlan(100))}
	catalog := func(change ...func(*v1alpha1.HostUplink)) *render.Catalog {
		return render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1", change...)}, networks)
	}
	keeping, refusing := revision(t, catalog(preserving), "u", "lan"), revision(t, catalog(), "u", "lan")
	cases := map[string]struct {
		target   *render.Revision
		passage  nmstate.Passage
		from, to string
	}{
		"to the bridge": {keeping, nmstate.Passage{Node: livesOn("eth1", "")}, "eth1", "br-lan"},
		"back from the bridge, also if the uplink refuses by now": {nil,
			nmstate.Passage{Current: refusing.State, Proof: nmstate.Proven, Node: livesOn("br-lan", "eth1")}, "br-lan", "eth1"},
		"not to a bridge of an uplink that refuses":      {refusing, nmstate.Passage{Node: livesOn("eth1", "")}, "", ""},
		"not back from a bridge that stays (Retain)":     {nil, nmstate.Passage{Current: keeping.State, Retained: []string{"br-lan", "eth1"}, Node: livesOn("br-lan", "eth1")}, "", ""},
		"not where another NIC has the node's addresses": {keeping, nmstate.Passage{Node: livesOn("eth0", "")}, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, needed := render.PassageRevision("u", c.target, c.passage)
			if needed != (c.from != "") {
				t.Fatalf("needed: %v", needed)
			}
			if !needed {
				return
			}
			u := uplink("u", "lab", "eth1", preserving)
			p := got.Policy(&u)
			if p.Spec.Capture["named"] != `interfaces.name=="`+c.from+`"` {
				t.Errorf("the policy captures %v", p.Spec.Capture)
			}
			to, _ := got.State.Lookup(c.to)
			if to.IPv4 == nil || to.IPv4.From == "" {
				t.Errorf("%s takes nothing over: %+v", c.to, to)
			}
			back, err := nmstate.Parse(p.Spec.DesiredState.Raw, p.Spec.Capture)
			if err != nil || back.Hash() != got.Hash || p.Name != render.PolicyName("u", got.Hash) {
				t.Errorf("the policy %s does not read back as its revision: %v", p.Name, err)
			}
			p.Spec.Capture["named"] = "changed"
			if got.State.Hash() != got.Hash {
				t.Error("the policy shares the capture of the revision")
			}
		})
	}
}
