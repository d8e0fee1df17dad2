package render

import (
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// misfit says that a VLAN is not one of the HostNetwork that all other fields agree on, or nil. Nothing is told of a network that
// is not open to the namespace.
func misfit(in Selection, candidates []*HostNetwork, given []selector) *Refusal {
	if in.Network.VLANID == 0 {
		return nil
	}
	agreeing := slices.DeleteFunc(slices.Clone(candidates), func(n *HostNetwork) bool {
		return !Allowed(n.Object, in.Namespace) || slices.ContainsFunc(given, func(s selector) bool { return s.field != "vlanId" && !s.matches(n) })
	})
	others := slices.ContainsFunc(given, func(s selector) bool { return s.field != "vlanId" && s.field != "type" })
	if len(agreeing) != 1 || !others || agreeing[0].hasVLAN(in.Network.VLANID) || agreeing[0].Problem != nil {
		return nil
	}
	switch n := agreeing[0]; {
	case n.Trunk():
		return refuse(in, v1alpha1.ReasonHostNetworkNotFound, "vlanId", "HostNetwork %q does not carry VLAN %d: %s", n.Object.Name, in.Network.VLANID, n.offerVLANs(in))
	case n.Segment.VLAN == 0:
		return refuse(in, v1alpha1.ReasonHostNetworkAmbiguous, "vlanId", "HostNetwork %q has untagged frames and no VLAN %d: remove vlanId, or select another HostNetwork", n.Object.Name, in.Network.VLANID)
	}
	return nil
}

// offerVLANs says which VLANs of a trunk the namespace may pick.
func (n *HostNetwork) offerVLANs(in Selection) string {
	open := n.openVLANs(in.Namespace)
	if len(open) == 0 {
		return "no VLAN of it is open to namespace \"" + in.Namespace.Name + "\": ask the platform team to open one in the HostNetwork's trunk"
	}
	return "choose one of " + rangesText(open) + ", which are open to namespace \"" + in.Namespace.Name + "\""
}

// open prefers, of several networks that a VLAN matches, those that open it to the namespace.
func open(in Selection, candidates []*HostNetwork) []*HostNetwork {
	opened := slices.DeleteFunc(slices.Clone(candidates), func(n *HostNetwork) bool {
		return n.Trunk() && in.Network.VLANID != 0 && !n.opens(in.Namespace, in.Network.VLANID)
	})
	if len(opened) == 0 {
		return candidates
	}
	return opened
}

// vlanRefusal says why the VLAN of a trunk is not given to a network, or nil.
func vlanRefusal(in Selection, n *HostNetwork) *Refusal {
	if !n.Trunk() {
		return nil
	}
	vlan, name := n.vlanOf(in.Network), n.Object.Name
	named, byName := n.trunkNAD(in.Network.NADName)
	switch {
	case vlan == 0:
		return refuse(in, v1alpha1.ReasonInvalidSpec, "vlanId", "is required, because HostNetwork %q carries several VLANs: %s", name, n.offerVLANs(in))
	case byName && named != vlan:
		return refuse(in, v1alpha1.ReasonHostNetworkAmbiguous, "vlanId", "%d is not the VLAN of attachment %q, which is %d: correct or remove one of them", vlan, in.Network.NADName, named)
	case !n.carriesVLAN(vlan):
		return refuse(in, v1alpha1.ReasonHostNetworkNotFound, "vlanId", "HostNetwork %q does not carry VLAN %d: %s", name, vlan, n.offerVLANs(in))
	case !n.opens(in.Namespace, vlan):
		return refuse(in, v1alpha1.ReasonHostNetworkNotAllowed, "vlanId", "VLAN %d is not open to namespace %q: %s", vlan, in.Namespace.Name, n.offerVLANs(in))
	}
	return nil
}

// attachmentRefusal says that a network must name the attachment that somebody else made for it, or nil.
func attachmentRefusal(in Selection, n *HostNetwork) *Refusal {
	if !n.foreignAttachments() {
		return nil
	}
	const fix = "name one for virtual functions in this namespace with nadName, or ask the platform team for spec.sriov.resourceName"
	if in.Network.NADName == "" {
		return refuse(in, v1alpha1.ReasonInvalidSpec, "nadName", "is required, because HostNetwork %q makes no attachments: %s", n.Object.Name, fix)
	}
	return nil
}
