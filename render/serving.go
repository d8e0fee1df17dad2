package render

import (
	"fmt"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// checkServing decides what cannot be built on one uplink though both are usable, and the MTU of each network.
func (c *Catalog) checkServing() {
	for _, u := range c.uplinksByAge {
		names := map[string]string{}
		for _, name := range u.Interfaces() {
			names[name] = "a port of the uplink"
		}
		names[u.Interface] = "the uplink itself"
		for _, n := range c.networksByAge {
			if !c.serves(u, n.Object) {
				continue
			}
			if p := servingProblem(u, n, names); p != nil {
				c.unserved[pair{u.Object.Name, n.Object.Name}] = *p
				continue
			}
			for _, name := range namesOn(u, n) {
				names[name] = fmt.Sprintf("HostNetwork %q", n.Object.Name)
			}
		}
	}
	for _, n := range c.networksByAge {
		n.MTU = c.mtu(n)
	}
}

// namesOn gives the interfaces that a network needs on an uplink.
func namesOn(u *Uplink, n *HostNetwork) []string {
	var out []string
	if n.bridged() {
		out = append(out, n.Bridge)
	}
	if n.VLAN != 0 && n.Type() != v1alpha1.NetworkSRIOV {
		out = append(out, VLANInterfaceName(u.Interface, n.VLAN))
	}
	return out
}

func servingProblem(u *Uplink, n *HostNetwork, names map[string]string) *Problem {
	if n.bridged() && n.VLAN != 0 && VLANInterfaceName(u.Interface, n.VLAN) == n.Bridge {
		return &Problem{Reason: v1alpha1.ReasonBridgeNameTaken, Path: "spec.bridge.name",
			Message: fmt.Sprintf("%q is the VLAN below the bridge on nodes of HostUplink %q, so the network is not built there: create it anew with another bridge name", n.Bridge, u.Object.Name)}
	}
	for _, name := range namesOn(u, n) {
		if holder, found := names[name]; found {
			return &Problem{Reason: v1alpha1.ReasonBridgeNameTaken, Path: "spec.bridge.name",
				Message: fmt.Sprintf("interface %q is %s on nodes of HostUplink %q, so the network is not built there: create it anew with another bridge name", name, holder, u.Object.Name)}
		}
	}
	if n.vfs() != nil && u.Object.Spec.Bond != nil {
		return invalidSpec("spec.sriov.totalVFs", "HostUplink %q is the bond %s, and only a NIC has virtual functions, so the network is not built there: declare a HostUplink with interface for the NIC", u.Object.Name, u.Interface)
	}
	return mtuOnUplink(u, n)
}

// bondMTU is that of a bond that nobody gives one.
const bondMTU = 1500

// mtuOnUplink refuses frames that the uplink cannot carry. An uplink without an MTU keeps the one that it has on the node: it is
// never raised for a network, and the node is asked instead. Only a bond that is built here is known to have the usual one.
func mtuOnUplink(u *Uplink, n *HostNetwork) *Problem {
	mtu, most := n.Object.Spec.MTU, u.Object.Spec.MTU
	switch {
	case mtu == nil:
		return nil
	case most != nil && *mtu > *most:
		return invalidSpec("spec.mtu", "%d is larger than %d, the MTU of HostUplink %q, so the network is not built there: lower it, or raise that of the uplink", *mtu, *most, u.Object.Name)
	case most == nil && u.Object.Spec.Bond != nil && *mtu > bondMTU:
		return invalidSpec("spec.mtu", "%d is larger than %d, the MTU of a new bond, so the network is not built on HostUplink %q: lower it, or declare spec.mtu of the uplink", *mtu, bondMTU, u.Object.Name)
	}
	return nil
}

// mtu gives the MTU of a network: its own, or the smallest of its uplinks when each declares one.
func (c *Catalog) mtu(n *HostNetwork) int {
	if n.Object.Spec.MTU != nil {
		return int(*n.Object.Spec.MTU)
	}
	smallest := 0
	for _, u := range c.UplinksOf(n.Object) {
		if u.Spec.MTU == nil {
			return 0
		}
		if m := int(*u.Spec.MTU); smallest == 0 || m < smallest {
			smallest = m
		}
	}
	return smallest
}
