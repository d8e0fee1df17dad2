package render

import (
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// preserve leaves the addresses of bridges alone that may have taken over those of the uplink: nmstate keeps what an entry does
// not mention, so the steady revision can be applied before and after the move. The uplink may be a bond, too.
func preserve(u *Uplink, state *nmstate.State) {
	if u.Object.Spec.Protect != v1alpha1.ProtectPreserve {
		return
	}
	for k := range state.Interfaces {
		i := &state.Interfaces[k]
		switch {
		case i.Type == nmstate.LinuxBridge && slices.Contains(i.Ports(), u.Interface) && !filters(i):
			i.IPv4, i.IPv6 = nil, nil
		case i.Name == u.Interface && i.LinkAggregation == nil && i.Ethernet == nil:
			i.Type = nmstate.AnyType
		}
	}
}

// filters says whether a bridge filters VLANs. The host has no address there that would fit every VLAN.
func filters(i *nmstate.Interface) bool {
	return slices.ContainsFunc(*i.Bridge.Port, func(p nmstate.BridgePort) bool { return p.VLAN != nil && p.VLAN.Mode != "" })
}

// PassageRevision gives the revision that a node passes through on its way to target, or false where it can go to target
// directly: it takes away what target does not have, and moves the node's own addresses to the bridge of an uplink with protect:
// Preserve, or back from a bridge that goes. target nil takes everything back; it is the Target of the passage. The networks of
// the revision are those of target.
func PassageRevision(uplink string, target *Revision, passage nmstate.Passage) (*Revision, bool) {
	var networks []string
	passage.Target = nmstate.State{}
	if target != nil {
		passage.Target, networks = target.State, target.Networks
	}
	state, needed := passage.Revision()
	if !needed {
		return nil, false
	}
	return newRevision(uplink, state, networks), true
}
