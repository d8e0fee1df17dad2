package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// Selection is one network of a Wukong that looks for its HostNetwork.
type Selection struct {
	Namespace NamespaceInfo
	// Wukong is the name of the Wukong.
	Wukong  string
	Network Network
	// Bound is the name of the HostNetwork that was chosen before, or empty.
	Bound string
	// NADBridges has the bridge of each NetworkAttachmentDefinition of the namespace, by its name.
	NADBridges map[string]string
}

// Choice is the HostNetwork that a network of a Wukong attaches to, and for a trunk the VLAN of it. The zero Choice is none.
type Choice struct {
	// HostNetwork and UID identify it. UID is empty where it is not from a cluster.
	HostNetwork string
	UID         types.UID
	Segment     ipam.Segment
	// Type is the kind of attachment.
	Type v1alpha1.NetworkType
	// VLAN is the tag that the attachment sets, 0 for none: that of a trunk, or of a virtual function.
	VLAN int
	// Bridge is the bridge on hosts, NADName the attachment to it in the Wukong's namespace, CNIType that attachment's plugin.
	Bridge, NADName, CNIType string
	// ResourceName is the resource that a device plugin offers for the attachment, or empty.
	ResourceName string
	// ForeignNAD says that somebody else makes the attachment, so that none is rendered.
	ForeignNAD bool
	// Observed says that hosts get nothing for the network, so that no node is proved to have it.
	Observed bool
	// MTU is that of the network, in bytes, or 0 when nothing says.
	MTU int
}

// Chosen says whether there is a choice.
func (c Choice) Chosen() bool { return c.HostNetwork != "" }

// Refusal says why a network of a Wukong gets no HostNetwork. It names nothing but what the Wukong itself says and what its
// namespace may use, so that it can stand in the Wukong's status.
type Refusal struct {
	// Reason is one word of the vocabulary of reasons.
	Reason string
	// Path is the path of the field, such as spec.networks[0].bridgeName.
	Path string
	// Message says what is wrong and what to do.
	Message string
}

// Error gives path and message, so that a Refusal can be an error.
func (r *Refusal) Error() string { return r.Path + ": " + r.Message }

// Resolve finds the one HostNetwork that a network of a Wukong selects. All fields that are given must agree on it. With none
// given it is the one that was chosen before, or the one whose bridge NovaSphere's attachment of this network leads to, or
// the default of the network's type. A network that the namespace may not use is never chosen.
func (c *Catalog) Resolve(in Selection) (Choice, *Refusal) {
	given := c.selectors(in)
	var n *HostNetwork
	var refusal *Refusal
	if len(given) == 0 {
		n, refusal = c.unselected(in)
	} else {
		n, refusal = c.selected(in, given)
	}
	if refusal == nil {
		refusal = firstRefusal(usable(in, n), vlanRefusal(in, n), attachmentRefusal(in, n))
	}
	if refusal != nil {
		return Choice{}, refusal
	}
	return n.choice(in.Network), nil
}

// firstRefusal gives the first refusal that is one.
func firstRefusal(refusals ...*Refusal) *Refusal {
	for _, r := range refusals {
		if r != nil {
			return r
		}
	}
	return nil
}

// Choice gives the choice that a network made before, whether or not it would be made again; false where there is no such
// HostNetwork, or where it does not lead to that segment for the network.
func (c *Catalog) Choice(hostNetwork, segment string, network Network) (Choice, bool) {
	n, ok := c.networks[hostNetwork]
	if !ok {
		return Choice{}, false
	}
	out := n.choice(network)
	return out, out.Segment.String() == segment
}

// choice is what a network of a Wukong gets of a HostNetwork.
func (n *HostNetwork) choice(network Network) Choice {
	out := Choice{HostNetwork: n.Object.Name, UID: n.Object.UID, Segment: n.Segment, Type: n.Type(), Bridge: n.Bridge, NADName: n.NAD,
		ResourceName: n.resourceName(), ForeignNAD: n.foreignAttachments(), Observed: n.Observed(), MTU: n.MTU}
	switch {
	case n.Trunk():
		// Inside a bridge that filters, the native VLAN is one like the others: it is untagged on the wire alone.
		out.VLAN = n.vlanOf(network)
		out.Segment = ipam.Segment{Fabric: string(n.Object.Spec.PhysicalNetwork), VLAN: out.VLAN}
		out.NADName = TrunkNADName(n.Object.Name, out.VLAN)
	case n.Type() == v1alpha1.NetworkSRIOV:
		out.VLAN = n.VLAN
	}
	if out.ForeignNAD {
		out.NADName = network.NADName
	}
	if n.Type() == v1alpha1.NetworkBridge {
		out.CNIType = cmp.Or(n.Object.Spec.CNIType, defaultCNI)
	}
	return out
}

// vlanOf gives the VLAN of a trunk that a network of a Wukong picks, by its vlanId or by the name of an attachment that was made
// here; 0 for none.
func (n *HostNetwork) vlanOf(network Network) int {
	if network.VLANID != 0 {
		return network.VLANID
	}
	vlan, _ := n.trunkNAD(network.NADName)
	return vlan
}

// trunkNAD gives the VLAN of a trunk that an attachment leads to, by the attachment's name.
func (n *HostNetwork) trunkNAD(name string) (int, bool) {
	digits, ok := strings.CutPrefix(strings.TrimSuffix(name, "-"+n.Object.Name), "wukong")
	vlan, err := strconv.Atoi(digits)
	if !ok || err != nil || !n.Trunk() || name != TrunkNADName(n.Object.Name, vlan) {
		return 0, false
	}
	return vlan, n.carriesVLAN(vlan)
}

// selector is one given field, and what it selects.
type selector struct {
	field   string
	value   string
	matches func(*HostNetwork) bool
}

// selectors gives the fields that a network gives. The type alone selects nothing: it picks among the defaults.
func (c *Catalog) selectors(in Selection) []selector {
	net := in.Network
	var out []selector
	add := func(field, value string, matches func(*HostNetwork) bool) {
		if value != "" {
			out = append(out, selector{field: field, value: value, matches: matches})
		}
	}
	add("hostNetwork", net.HostNetwork, func(n *HostNetwork) bool { return n.Object.Name == net.HostNetwork })
	made := slices.ContainsFunc(c.networksByAge, func(n *HostNetwork) bool { return n.makesNAD(net.NADName) })
	add("nadName", net.NADName, func(n *HostNetwork) bool { return n.makesNAD(net.NADName) || !made && n.hasNAD(in) })
	add("bridgeName", net.BridgeName, func(n *HostNetwork) bool { return n.HasBridge(net.BridgeName) })
	add("physicalInterface", net.PhysicalInterface, func(n *HostNetwork) bool { return c.hasInterface(n, net.PhysicalInterface) })
	if net.VLANID != 0 {
		add("vlanId", fmt.Sprint(net.VLANID), func(n *HostNetwork) bool { return n.hasVLAN(net.VLANID) })
	}
	if len(out) > 0 {
		add("type", string(net.Type), func(n *HostNetwork) bool { return networkType(n.Object) == net.Type })
	}
	return out
}

// makesNAD says whether an attachment of that name is one that is made here for the HostNetwork.
func (n *HostNetwork) makesNAD(name string) bool {
	_, ok := n.trunkNAD(name)
	return ok || (name != "" && n.NAD == name)
}

// hasNAD says whether the attachment that a network gives, which was not made here, leads to the HostNetwork. One that leads to
// no bridge is taken for that of virtual functions where the Wukong says that it wants some.
func (n *HostNetwork) hasNAD(in Selection) bool {
	name := in.Network.NADName
	bridge, leads := in.NADBridges[name]
	if leads {
		return n.HasBridge(bridge)
	}
	wanted := in.Network.Type == v1alpha1.NetworkSRIOV || in.Network.HostNetwork == n.Object.Name
	return n.foreignAttachments() && wanted
}

// hasVLAN says whether the network has a VLAN of the fabric.
func (n *HostNetwork) hasVLAN(vlan int) bool {
	return n.Segment.VLAN == vlan || n.carriesVLAN(vlan)
}

// HasBridge says whether a bridge, by its name on hosts, is that of the network or an alias of it.
func (n *HostNetwork) HasBridge(name string) bool {
	if name == "" {
		return false
	}
	aliases := n.Object.Spec.Aliases
	return n.Bridge == name || (aliases != nil && slices.Contains(aliases.BridgeNames, name))
}

func (c *Catalog) hasInterface(n *HostNetwork, name string) bool {
	if a := n.Object.Spec.Aliases; a != nil && slices.Contains(a.Interfaces, name) {
		return true
	}
	return slices.ContainsFunc(c.uplinksByAge, func(u *Uplink) bool {
		return u.Problem == nil && u.Interface == name && u.Object.Spec.PhysicalNetwork == n.Object.Spec.PhysicalNetwork
	})
}

// selected finds the one network that all given fields agree on.
func (c *Catalog) selected(in Selection, given []selector) (*HostNetwork, *Refusal) {
	candidates := c.candidates(in)
	if refusal := misfit(in, candidates, given); refusal != nil {
		return nil, refusal
	}
	for _, s := range given {
		if !slices.ContainsFunc(candidates, s.matches) {
			return nil, refuse(in, v1alpha1.ReasonHostNetworkNotFound, s.field, "%s", notFound(s))
		}
	}
	for _, s := range given {
		candidates = slices.DeleteFunc(candidates, func(n *HostNetwork) bool { return !s.matches(n) })
	}
	if len(candidates) == 0 {
		return nil, refuse(in, v1alpha1.ReasonHostNetworkAmbiguous, "", "%s select no HostNetwork in common: correct or remove one of them", fields(given))
	}
	candidates = slices.DeleteFunc(candidates, func(n *HostNetwork) bool { return !Allowed(n.Object, in.Namespace) })
	if len(candidates) == 0 {
		return nil, refuse(in, v1alpha1.ReasonHostNetworkNotAllowed, given[0].field,
			"%s selects a network that is not open to namespace %q: ask the platform team to list the namespace in the HostNetwork's allowedNamespaces", fields(given), in.Namespace.Name)
	}
	candidates = narrow(in, open(in, candidates))
	if len(candidates) > 1 {
		return nil, refuse(in, v1alpha1.ReasonHostNetworkAmbiguous, given[0].field,
			"%s matches %d HostNetworks (%s): say which one with hostNetwork", fields(given), len(candidates), listed(candidates))
	}
	return candidates[0], nil
}

// candidates are the networks by name, without those that are going away unless the choice was made before.
func (c *Catalog) candidates(in Selection) []*HostNetwork {
	return slices.DeleteFunc(c.HostNetworks(), func(n *HostNetwork) bool {
		return !n.Object.DeletionTimestamp.IsZero() && n.Object.Name != in.Bound
	})
}

// narrow decides among several matches: the choice made before stays, and a physical interface without a VLAN means its
// untagged frames, as it always did in NovaSphere.
func narrow(in Selection, candidates []*HostNetwork) []*HostNetwork {
	if len(candidates) == 1 {
		return candidates
	}
	for _, n := range candidates {
		if n.Object.Name == in.Bound {
			return []*HostNetwork{n}
		}
	}
	if in.Network.Type == "" {
		candidates = plain(candidates)
	}
	if in.Network.PhysicalInterface == "" || in.Network.VLANID != 0 {
		return candidates
	}
	untagged := slices.DeleteFunc(slices.Clone(candidates), func(n *HostNetwork) bool { return n.VLAN != 0 || n.Trunk() })
	if len(untagged) == 1 {
		return untagged
	}
	return candidates
}

// plain prefers networks of type bridge, which a Wukong that gives no type always meant.
func plain(candidates []*HostNetwork) []*HostNetwork {
	out := slices.DeleteFunc(slices.Clone(candidates), func(n *HostNetwork) bool { return n.Type() != v1alpha1.NetworkBridge })
	if len(out) == 0 {
		return candidates
	}
	return out
}

// unselected finds the network of a Wukong's network that gives nothing but perhaps its type.
func (c *Catalog) unselected(in Selection) (*HostNetwork, *Refusal) {
	kind := in.Network.Type
	if kind == "" {
		kind = v1alpha1.NetworkBridge
	}
	if n, ok := c.networks[in.Bound]; ok && networkType(n.Object) == kind && Allowed(n.Object, in.Namespace) {
		return n, nil
	}
	candidates := c.candidates(in)
	if n := legacy(in, candidates); n != nil {
		return n, nil
	}
	var oldest *HostNetwork
	for _, n := range candidates {
		if n.Object.Spec.Default && networkType(n.Object) == kind && (oldest == nil || byAge(n.Object, oldest.Object) < 0) {
			oldest = n
		}
	}
	switch {
	case oldest == nil:
		return nil, refuse(in, v1alpha1.ReasonHostNetworkNotFound, "",
			"no HostNetwork is the default of type %s: name one with hostNetwork, or ask the platform team to declare one with default: true", kind)
	case !Allowed(oldest.Object, in.Namespace):
		return nil, refuse(in, v1alpha1.ReasonHostNetworkNotAllowed, "",
			"the default HostNetwork of type %s is not open to namespace %q: name another one with hostNetwork, or ask the platform team to list the namespace in its allowedNamespaces", kind, in.Namespace.Name)
	}
	return oldest, nil
}

// legacy finds the one network whose bridge the attachment that NovaSphere made for this network leads to.
func legacy(in Selection, candidates []*HostNetwork) *HostNetwork {
	bridge := in.NADBridges[LegacyNADName(in.Wukong, in.Network.Name)]
	candidates = slices.DeleteFunc(slices.Clone(candidates), func(n *HostNetwork) bool {
		return !n.HasBridge(bridge) || !Allowed(n.Object, in.Namespace)
	})
	if len(candidates) != 1 {
		return nil
	}
	return candidates[0]
}

// usable says why the network that was found cannot be used as the Wukong asks, or nil.
func usable(in Selection, n *HostNetwork) *Refusal {
	name := n.Object.Name
	switch {
	case n.Problem != nil:
		return refuse(in, n.Problem.Reason, "", "HostNetwork %q cannot be built: its status says why, ask the platform team to correct it", name)
	case n.MTU != 0 && in.Network.MTU > n.MTU:
		return refuse(in, v1alpha1.ReasonInvalidSpec, "mtu", "%d is larger than %d, the MTU of HostNetwork %q: lower it", in.Network.MTU, n.MTU, name)
	}
	return nil
}

func refuse(in Selection, reason, field, format string, args ...any) *Refusal {
	path := in.Network.Path
	if field != "" {
		path += "." + field
	}
	return &Refusal{Reason: reason, Path: path, Message: fmt.Sprintf(format, args...)}
}

func notFound(s selector) string {
	const ask = "or ask the platform team to declare a HostNetwork for it"
	value := fmt.Sprintf("%q", shown(s.value))
	switch s.field {
	case "hostNetwork":
		return "there is no HostNetwork " + value + ": correct the name, " + ask
	case "nadName":
		return "no attachment " + value + " of this namespace leads to the bridge of a HostNetwork: correct the name, " + ask
	case "physicalInterface":
		return "no HostNetwork has an uplink with interface " + value + ", or that alias: select one with hostNetwork, " + ask
	case "vlanId":
		return "no HostNetwork has VLAN " + s.value + ": correct it, " + ask
	case "type":
		return "no HostNetwork is of type " + s.value + ": correct it, " + ask
	}
	return "no HostNetwork has a bridge " + value + ", or that alias: select one with hostNetwork, " + ask
}

// fields names the given fields and their values.
func fields(given []selector) string {
	var out []string
	for _, s := range given {
		out = append(out, fmt.Sprintf("%s %q", s.field, shown(s.value)))
	}
	return strings.Join(out, " and ")
}

// listed names the first networks.
func listed(networks []*HostNetwork) string {
	const most = 4
	var names []string
	for _, n := range networks[:min(most, len(networks))] {
		names = append(names, n.Object.Name)
	}
	if len(networks) > most {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
