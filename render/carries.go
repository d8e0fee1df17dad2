package render

import (
	"reflect"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// maxStack bounds how far a stack of interfaces is followed downwards: bridge, VLAN, bond and NIC are four.
const maxStack = 8

// Carries says whether a revision of an uplink provides a network in any form, also one that was declared before: its bridge
// is built, or the base of its MACVTAPs is up and no port, or the NIC has virtual functions. It is told from the interfaces,
// which nobody can edit without changing the name of the revision.
func (c *Catalog) Carries(u *Uplink, n *HostNetwork, state nmstate.State) bool {
	_, ok := c.topIn(u, n, state)
	return ok
}

// BuiltAlike says whether two revisions of an uplink provide a network and say the same of everything that it stands on:
// bridge, VLAN, bond and NIC.
func (c *Catalog) BuiltAlike(u *Uplink, n *HostNetwork, a, b nmstate.State) bool {
	topA, inA := c.topIn(u, n, a)
	topB, inB := c.topIn(u, n, b)
	if !inA || !inB {
		return false
	}
	return reflect.DeepEqual(stackIn(n, a, topA, maxStack), stackIn(n, b, topB, maxStack))
}

// Interfaces gives the names of the interfaces that a revision builds for a network, and of the ports of those, from the top
// down; none where the revision does not provide the network. A NIC below VLANs alone is none of them.
func (c *Catalog) Interfaces(u *Uplink, n *HostNetwork, state nmstate.State) []string {
	top, ok := c.topIn(u, n, state)
	if !ok {
		return nil
	}
	built := state.Built()
	var out []string
	for _, i := range stackIn(n, state, top, maxStack) {
		if slices.Contains(built, i.Ref()) {
			out = append(append(out, i.Name), i.Ports()...)
		}
	}
	return out
}

// Retained names the interfaces of a revision that stay on hosts when their networks go (reclaimPolicy Retain). A NIC may be
// among them, which is never taken away anyhow.
func (c *Catalog) Retained(u *Uplink, state nmstate.State) []string {
	var out []string
	for _, n := range c.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork == u.Object.Spec.PhysicalNetwork && n.Object.Spec.ReclaimPolicy == v1alpha1.ReclaimRetain {
			out = append(out, c.Interfaces(u, n, state)...)
		}
	}
	return out
}

// topIn finds the interface that machines attach to in a state.
func (c *Catalog) topIn(u *Uplink, n *HostNetwork, state nmstate.State) (string, bool) {
	switch {
	case n.Observed(), c.belongsToAnother(u, n):
		return "", false
	case n.bridged():
		return n.Bridge, slices.Contains(state.Built(), nmstate.InterfaceRef{Name: n.Bridge, Type: n.bridgeType()})
	case n.Type() == v1alpha1.NetworkSRIOV:
		nic, ok := state.Lookup(u.Interface)
		return u.Interface, ok && nic.State == nmstate.Up && nic.Ethernet != nil && nic.Ethernet.SRIOV != nil
	}
	return baseIn(u, n, state)
}

// belongsToAnother says whether the interface that machines would attach to is that of an older network, beside which this one
// cannot be built. Virtual functions of one NIC are shared.
func (c *Catalog) belongsToAnother(u *Uplink, n *HostNetwork) bool {
	if n.Problem == nil || n.Type() == v1alpha1.NetworkSRIOV {
		return false
	}
	return slices.ContainsFunc(c.HostNetworks(), func(other *HostNetwork) bool {
		return other.Problem == nil && other.Type() != v1alpha1.NetworkSRIOV && other.TopInterface(u) == n.TopInterface(u) &&
			(n.bridged() || other.Object.Spec.PhysicalNetwork == n.Object.Spec.PhysicalNetwork)
	})
}

// baseIn finds the base of the MACVTAPs of a network: the sub-interface of its VLAN, on whatever uplink it was made, or the
// uplink. An entry for the uplink that says nothing about addresses is there for its MTU alone.
func baseIn(u *Uplink, n *HostNetwork, state nmstate.State) (string, bool) {
	for _, i := range state.Interfaces {
		isVLAN := n.VLAN != 0 && i.VLAN != nil && i.VLAN.ID == n.VLAN
		isUplink := n.VLAN == 0 && i.Name == u.Interface && i.IPv4 != nil && !i.IPv4.Enabled
		if i.State == nmstate.Up && (isVLAN || isUplink) && !isPort(state, i.Name) {
			return i.Name, true
		}
	}
	return "", false
}

func isPort(state nmstate.State, name string) bool {
	return slices.ContainsFunc(state.Interfaces, func(i nmstate.Interface) bool {
		return i.State == nmstate.Up && slices.Contains(i.Ports(), name)
	})
}

// stackIn gives the entries of an interface and of all below it. Of what the revision does not build only that counts which
// the network feels: other networks of the uplink decide whether a NIC is listed, and as what.
func stackIn(n *HostNetwork, state nmstate.State, name string, depth int) []nmstate.Interface {
	entry, _ := state.Lookup(name)
	below := entry.Ports()
	if entry.VLAN != nil {
		below = append(below, entry.VLAN.BaseIface)
	}
	if !slices.Contains(state.Built(), entry.Ref()) {
		nic := nmstate.Interface{Name: name, MTU: entry.MTU}
		if n.Type() == v1alpha1.NetworkSRIOV {
			nic.Ethernet = entry.Ethernet
		}
		entry = nic
	}
	// The node's own addresses come and go beside what machines use (see PassageRevision).
	entry.IPv4, entry.IPv6, entry.MACAddress = nil, nil, ""
	out := []nmstate.Interface{entry}
	if depth == 0 {
		return out
	}
	for _, next := range below {
		out = append(out, stackIn(n, state, next, depth-1)...)
	}
	return out
}
