package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// Type gives the kind of attachment.
func (n *HostNetwork) Type() v1alpha1.NetworkType { return networkType(n.Object) }

// Trunk says whether the network carries several VLANs, of which each Wukong picks one.
func (n *HostNetwork) Trunk() bool { return len(n.Object.Spec.Trunk) > 0 }

// Observed says whether hosts get nothing for the network: virtual functions that somebody else makes.
func (n *HostNetwork) Observed() bool {
	sriov := n.Object.Spec.SRIOV
	return n.Type() == v1alpha1.NetworkSRIOV && (sriov == nil || sriov.TotalVFs == nil)
}

// bridged says whether machines attach to a bridge.
func (n *HostNetwork) bridged() bool {
	return n.Type() == v1alpha1.NetworkBridge || n.Type() == v1alpha1.NetworkOVS
}

// bridgeType is the type of the bridge on hosts.
func (n *HostNetwork) bridgeType() nmstate.InterfaceType {
	if n.Type() == v1alpha1.NetworkOVS {
		return nmstate.OVSBridge
	}
	return nmstate.LinuxBridge
}

// onUplink says whether the network takes the uplink itself, not a VLAN on it: as the port of its bridge, or as the base of
// its MACVTAPs. An interface can be one of the two, once.
func (n *HostNetwork) onUplink() bool {
	return n.VLAN == 0 && n.Type() != v1alpha1.NetworkSRIOV
}

// TopInterface gives the interface that machines attach to on nodes of an uplink: the bridge, the VLAN or the uplink itself.
func (n *HostNetwork) TopInterface(u *Uplink) string {
	switch {
	case n.bridged():
		return n.Bridge
	case n.VLAN != 0 && n.Type() != v1alpha1.NetworkSRIOV:
		return VLANInterfaceName(u.Interface, n.VLAN)
	}
	return u.Interface
}

// merged gives the VLANs of ranges, in order, without overlaps and gaps between neighbours. Ranges that are none are left out.
func merged(ranges []v1alpha1.TrunkRange) []nmstate.VLANRange {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b v1alpha1.TrunkRange) int {
		return cmp.Or(cmp.Compare(a.Min, b.Min), cmp.Compare(a.Max, b.Max))
	})
	var out []nmstate.VLANRange
	for _, r := range sorted {
		lowest, highest := int(r.Min), int(r.Max)
		if lowest > highest {
			continue
		}
		if last := len(out) - 1; last >= 0 && lowest <= out[last].Max+1 {
			out[last].Max = max(out[last].Max, highest)
			continue
		}
		out = append(out, nmstate.VLANRange{Min: lowest, Max: highest})
	}
	return out
}

// rangesText writes ranges as 100-199,300.
func rangesText(ranges []nmstate.VLANRange) string {
	var out []string
	for _, r := range ranges {
		text := fmt.Sprint(r.Min)
		if r.Max > r.Min {
			text += fmt.Sprintf("-%d", r.Max)
		}
		out = append(out, text)
	}
	return strings.Join(out, ",")
}

// VLANsText writes VLANs as 100-103,150.
func VLANsText(vlans []int) string {
	var ranges []v1alpha1.TrunkRange
	for _, v := range vlans {
		ranges = append(ranges, v1alpha1.TrunkRange{Min: v1alpha1.VLANID(v), Max: v1alpha1.VLANID(v)})
	}
	return rangesText(merged(ranges))
}

// Misses gives those of some VLANs that the trunk does not carry. They are written as VLANsText does; what cannot be read is
// left out.
func (n *HostNetwork) Misses(vlans string) string {
	var out []int
	for _, part := range strings.Split(vlans, ",") {
		first, last, isRange := strings.Cut(part, "-")
		lowest, err := strconv.Atoi(first)
		highest := lowest
		if isRange && err == nil {
			highest, err = strconv.Atoi(last)
		}
		for v := lowest; err == nil && v <= min(highest, maxVLAN); v++ {
			if !n.carriesVLAN(v) {
				out = append(out, v)
			}
		}
	}
	return VLANsText(out)
}

// SegmentText writes the segments of the network: fabric, fabric.100, or fabric.100-199,300 for a trunk.
func (n *HostNetwork) SegmentText() string {
	if n.Trunk() {
		return string(n.Object.Spec.PhysicalNetwork) + "." + rangesText(n.vlans)
	}
	return n.Segment.String()
}

// On says whether the network leads to a segment.
func (n *HostNetwork) On(s ipam.Segment) bool {
	if !n.Trunk() {
		return n.Segment == s
	}
	return s.Fabric == string(n.Object.Spec.PhysicalNetwork) && n.carriesVLAN(s.VLAN)
}

// OpenOn says whether a namespace may use the network on a segment: the network is open to it, and so is the range of a trunk.
func (n *HostNetwork) OpenOn(ns NamespaceInfo, s ipam.Segment) bool {
	return n.On(s) && Allowed(n.Object, ns) && (!n.Trunk() || n.opens(ns, s.VLAN))
}

// carriesVLAN says whether a trunk has the VLAN in one of its ranges.
func (n *HostNetwork) carriesVLAN(vlan int) bool {
	return slices.ContainsFunc(n.vlans, func(r nmstate.VLANRange) bool { return r.Min <= vlan && vlan <= r.Max })
}

// openVLANs gives the VLANs of a trunk that a namespace may pick: of the ranges that are open to it, none where the network
// is not.
func (n *HostNetwork) openVLANs(ns NamespaceInfo) []nmstate.VLANRange {
	if !Allowed(n.Object, ns) {
		return nil
	}
	return merged(slices.DeleteFunc(slices.Clone(n.Object.Spec.Trunk), func(r v1alpha1.TrunkRange) bool {
		return r.AllowedNamespaces != nil && !lists(r.AllowedNamespaces, ns)
	}))
}

// opens says whether a namespace may pick a VLAN of a trunk.
func (n *HostNetwork) opens(ns NamespaceInfo, vlan int) bool {
	return slices.ContainsFunc(n.openVLANs(ns), func(r nmstate.VLANRange) bool { return r.Min <= vlan && vlan <= r.Max })
}
