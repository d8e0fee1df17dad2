package render

import (
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// uplinkUse is what the networks of a revision do with the uplink interface itself.
type uplinkUse struct {
	// dedicated: it is the port of a bridge or the base of MACVTAPs, and so carries no addresses.
	dedicated bool
	// vfs is the number of virtual functions, or nil.
	vfs *int
}

func (use *uplinkUse) add(n *HostNetwork) {
	use.dedicated = use.dedicated || n.onUplink()
	if n.vfs() != nil {
		use.vfs = n.vfs()
	}
}

// entries gives the entries of the uplink: the bond that is built, with its ports, or what is there already. That one has no
// type, so that one revision serves nodes where it is a NIC and nodes where it is a bond; only a NIC has virtual functions.
// Below VLANs alone it is not listed, unless the uplink declares an MTU, so that an interface that carries the node's own
// traffic is not touched.
func (use uplinkUse) entries(u *Uplink) []nmstate.Interface {
	mtu := intPtr(u.Object.Spec.MTU)
	if bond := u.Object.Spec.Bond; bond != nil {
		return bondEntries(bond, mtu)
	}
	if !use.dedicated && use.vfs == nil && mtu == nil {
		return nil
	}
	out := nmstate.Interface{Name: u.Interface, Type: nmstate.AnyType, State: nmstate.Up, MTU: mtu}
	if use.dedicated {
		out.IPv4, out.IPv6 = &nmstate.IP{}, &nmstate.IP{}
	}
	if use.vfs != nil {
		out.Type, out.Ethernet = nmstate.Ethernet, &nmstate.EthernetSection{SRIOV: &nmstate.SRIOV{TotalVFs: *use.vfs}}
	}
	return []nmstate.Interface{out}
}

// bondEntries gives a bond and its ports. None of them has addresses: ports cannot, and the bond was made for machines.
func bondEntries(b *v1alpha1.Bond, mtu *int) []nmstate.Interface {
	section := &nmstate.Bond{Mode: b.Mode, Port: []string{}}
	for name, value := range b.Options {
		if section.Options == nil {
			section.Options = map[string]string{}
		}
		section.Options[name] = string(value)
	}
	out := []nmstate.Interface{{Name: string(b.Name), Type: nmstate.BondType, State: nmstate.Up, MTU: mtu,
		IPv4: &nmstate.IP{}, IPv6: &nmstate.IP{}, LinkAggregation: section}}
	for _, p := range b.Ports {
		section.Port = append(section.Port, string(p))
		out = append(out, nmstate.Interface{Name: string(p), Type: nmstate.AnyType, State: nmstate.Up, MTU: mtu, IPv4: &nmstate.IP{}, IPv6: &nmstate.IP{}})
	}
	return out
}

// layers gives what a network needs above the uplink: a VLAN sub-interface if it has a tag, and the bridge if it has one.
func (c *Catalog) layers(u *Uplink, n *HostNetwork) []nmstate.Interface {
	if n.Type() == v1alpha1.NetworkSRIOV {
		return nil
	}
	mtu := intPtr(n.Object.Spec.MTU)
	if mtu == nil {
		mtu = intPtr(u.Object.Spec.MTU)
	}
	var out []nmstate.Interface
	base := u.Interface
	if n.VLAN != 0 {
		base = VLANInterfaceName(u.Interface, n.VLAN)
		out = append(out, nmstate.Interface{Name: base, Type: nmstate.VLANType, State: nmstate.Up, MTU: mtu,
			IPv4: &nmstate.IP{}, IPv6: &nmstate.IP{}, VLAN: &nmstate.VLAN{BaseIface: u.Interface, ID: n.VLAN}})
	}
	if !n.bridged() {
		return out
	}
	stp := n.Object.Spec.Bridge != nil && n.Object.Spec.Bridge.STP
	bridge := nmstate.Interface{Name: n.Bridge, Type: n.bridgeType(), State: nmstate.Up, Bridge: &nmstate.Bridge{
		Options: &nmstate.BridgeOptions{STP: &nmstate.STP{Enabled: stp}},
		Port:    &[]nmstate.BridgePort{{Name: base, VLAN: c.portVLAN(n)}},
	}}
	if n.Type() == v1alpha1.NetworkBridge {
		// A bridge of Open vSwitch is no interface: it has neither addresses nor an MTU.
		bridge.MTU, bridge.IPv4, bridge.IPv6 = mtu, &nmstate.IP{}, &nmstate.IP{}
	}
	return append(out, bridge)
}

// portVLAN gives the VLANs of the port of a network's bridge. On a trunk these are the declared ones and no others; the native
// VLAN travels untagged. An empty section keeps kubernetes-nmstate from turning VLAN filtering on for a Linux bridge; a port
// of Open vSwitch without one carries everything.
func (c *Catalog) portVLAN(n *HostNetwork) *nmstate.PortVLAN {
	if !n.Trunk() {
		if n.Type() == v1alpha1.NetworkOVS {
			return nil
		}
		return &nmstate.PortVLAN{}
	}
	native := c.native[string(n.Object.Spec.PhysicalNetwork)]
	tagged := without(n.vlans, native)
	out := &nmstate.PortVLAN{Mode: "trunk", TrunkTags: trunkTags(tagged)}
	if n.carriesVLAN(native) {
		yes := true
		out.Tag, out.EnableNative = &native, &yes
	}
	if len(tagged) == 0 {
		// A trunk needs tags, and this one has nothing but its untagged frames.
		out.Mode, out.EnableNative = "access", nil
	}
	return out
}

// without leaves one VLAN out of ranges.
func without(ranges []nmstate.VLANRange, vlan int) []nmstate.VLANRange {
	var out []nmstate.VLANRange
	for _, r := range ranges {
		for _, part := range []nmstate.VLANRange{{Min: r.Min, Max: min(r.Max, vlan-1)}, {Min: max(r.Min, vlan+1), Max: r.Max}} {
			if part.Min <= part.Max {
				out = append(out, part)
			}
		}
	}
	return out
}

func trunkTags(ranges []nmstate.VLANRange) []nmstate.TrunkTag {
	var out []nmstate.TrunkTag
	for _, r := range ranges {
		if r.Min == r.Max {
			out = append(out, nmstate.TrunkTag{ID: &r.Min})
			continue
		}
		out = append(out, nmstate.TrunkTag{Range: &nmstate.VLANRange{Min: r.Min, Max: r.Max}})
	}
	return out
}

func intPtr(v *int32) *int {
	if v == nil {
		return nil
	}
	out := int(*v)
	return &out
}
