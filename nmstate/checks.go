package nmstate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Reasons for which a node must not get a revision.
const (
	// RefusedNodeStateMissing: the node has no NodeNetworkState, and missing evidence is no evidence.
	RefusedNodeStateMissing = "NodeStateMissing"
	// RefusedNodeStateIncomplete: the report exceeds the bounds, so what it does not show may still be there.
	RefusedNodeStateIncomplete = "NodeStateIncomplete"
	// RefusedUplinkMissing: the node reports no interface of the uplink's name.
	RefusedUplinkMissing = "UplinkMissing"
	// RefusedUplinkDown: the uplink is not up, or NetworkManager does not manage it.
	RefusedUplinkDown = "UplinkDown"
	// RefusedUplinkCarriesNodeAddress: the uplink has the address by which the cluster knows the node.
	RefusedUplinkCarriesNodeAddress = "UplinkCarriesNodeAddress"
	// RefusedUplinkCarriesDefaultRoute: a default route of the node leaves through the uplink.
	RefusedUplinkCarriesDefaultRoute = "UplinkCarriesDefaultRoute"
	// RefusedUplinkCarriesAddress: somebody gave the uplink an address, which a port of a bridge would lose for good.
	RefusedUplinkCarriesAddress = "UplinkCarriesAddress"
	// RefusedUplinkIsPort: the uplink is a port of something that is not ours, or carries MACVLANs.
	RefusedUplinkIsPort = "UplinkIsPort"
	// RefusedUplinkBelongsToCluster: the uplink is part of the cluster's own network.
	RefusedUplinkBelongsToCluster = "UplinkBelongsToCluster"
	// RefusedUplinkMTU: the uplink carries smaller frames than a VLAN on it shall.
	RefusedUplinkMTU = "UplinkMTUTooSmall"
	// RefusedBridgeNameTaken: an interface of a name that the revision creates exists, and is not ours.
	RefusedBridgeNameTaken = "BridgeNameTaken"
	// RefusedVLANTaken: the VLAN exists on the uplink under another name, and is not ours.
	RefusedVLANTaken = "VLANTaken"
	// RefusedBridgeCarriesTraffic: what the revision takes away, or takes the addresses from, carries the node's own traffic.
	RefusedBridgeCarriesTraffic = "BridgeCarriesTraffic"
	// RefusedUplinkNamedByPolicy: a policy of somebody else configures an interface of the revision on the node.
	RefusedUplinkNamedByPolicy = "UplinkNamedByPolicy"
)

// Refusal says why a node must not get a revision.
type Refusal struct {
	// Reason is one word of those above.
	Reason string
	// Message says what was found where, and what to do. It does not name the node.
	Message string
}

// Use is what a revision does with an uplink.
type Use int

// Uses of an uplink.
const (
	// AsPort: the revision lists the interface and makes it a port of a bridge or a bond. It loses its addresses.
	AsPort Use = iota
	// AsListed: the revision lists the interface without making it a port, as a removal does with a former one. It may be
	// down, and must not carry the node's traffic either.
	AsListed
	// AsBase: VLAN sub-interfaces are put on top; the interface itself is not listed and keeps everything.
	AsBase
)

// UplinkCheck is the question whether a node's interface may serve as uplink.
type UplinkCheck struct {
	// Node is what the node reports; the zero value means that it reports nothing.
	Node   Node
	Uplink string
	Use    Use
	// NodeAddresses are those by which the cluster knows the node (InternalIP of its status).
	NodeAddresses []netip.Addr
	// Own is what the revisions that the node is on, or was on, have built there: it belongs to us.
	Own []InterfaceRef
	// Creates is what the new revision builds.
	Creates []InterfaceRef
	// Preserve says that the addresses and routes of the uplink move to the bridge, so that they refuse nothing. VLANs on the
	// uplink keep theirs: the kernel gives them their frames before the bridge sees any.
	Preserve bool
}

// CheckUplink gives the first reason that speaks against it, or nil. What lies under an interface of ours is judged as if
// ours were not there, so that a node that has the revision passes.
func CheckUplink(in UplinkCheck) *Refusal {
	if r := checkEvidence(in.Node); r != nil {
		return r
	}
	if r := checkNames(in); r != nil {
		return r
	}
	nic, ok := in.Node.Interface(in.Uplink)
	if !ok {
		return refuse(RefusedUplinkMissing, "the node has no interface %q; %s", in.Uplink, offer(in.Node))
	}
	if r := checkOwnership(in, nic); r != nil {
		return r
	}
	if nic.State != Up && in.Use != AsListed {
		return refuse(RefusedUplinkDown, "%s is %s, not up: %s", nic.Name, nic.State, downAdvice(nic.State))
	}
	if in.Use != AsBase && !in.Preserve {
		if r := checkTraffic(in, nic); r != nil {
			return r
		}
	}
	return checkMACVLANs(in, nic)
}

func refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func checkEvidence(n Node) *Refusal {
	switch {
	case n.Truncated:
		return refuse(RefusedNodeStateIncomplete,
			"the NodeNetworkState is larger than what is read, so its checks cannot be relied on: %s", strings.Join(n.Skipped, "; "))
	case !n.Known():
		return refuse(RefusedNodeStateMissing,
			"the node has no NodeNetworkState: check that a handler of kubernetes-nmstate runs there")
	}
	return nil
}

// checkNames refuses to take over what somebody else has made under a name that the revision uses.
func checkNames(in UplinkCheck) *Refusal {
	for _, r := range sortRefs(slices.Clone(in.Creates)) {
		i, exists := in.Node.Interface(r.Name)
		if !exists || i.State == Absent || ours(in.Own, r.Name) {
			continue
		}
		return refuse(RefusedBridgeNameTaken,
			"the node has a %s %q that was not built by this HostUplink: choose another name, or remove it from the node", i.Type, i.Name)
	}
	return nil
}

func ours(own []InterfaceRef, name string) bool {
	return slices.ContainsFunc(own, func(r InterfaceRef) bool { return r.Name == name })
}

func checkOwnership(in UplinkCheck, nic NodeInterface) *Refusal {
	if clusterOwned(nic) {
		return refuse(RefusedUplinkBelongsToCluster,
			"%s (%s) is part of the container network of the node; %s", nic.Name, nic.Type, offer(in.Node))
	}
	for _, above := range in.Node.controllersOf(nic) {
		if ours(in.Own, above.Name) {
			continue
		}
		if clusterOwned(above) {
			return refuse(RefusedUplinkBelongsToCluster,
				"%s is a port of %s, which belongs to the network of the cluster; %s", nic.Name, above.Name, offer(in.Node))
		}
		return refuse(RefusedUplinkIsPort,
			"%s is a port of the %s %s: use %s as uplink, or take the port off it", nic.Name, above.Type, above.Name, above.Name)
	}
	return nil
}

// checkMACVLANs refuses as a port what carries MACVLANs: the kernel lets only one of the two receive.
func checkMACVLANs(in UplinkCheck, nic NodeInterface) *Refusal {
	if in.Use != AsPort {
		return nil
	}
	if i, ok := in.Node.macvlanOn(nic); ok {
		return refuse(RefusedUplinkIsPort, "%s carries the %s %s, and cannot be a port beside that; %s",
			nic.Name, i.Type, i.Name, offer(in.Node))
	}
	return nil
}

func (n Node) macvlanOn(nic NodeInterface) (NodeInterface, bool) {
	for _, i := range n.Interfaces {
		if i.Parent == nic.Name && i.State != Absent {
			return i, true
		}
	}
	return NodeInterface{}, false
}

// controllersOf gives what an interface is a port of, by its own word or by that of the others; usually one or none.
func (n Node) controllersOf(nic NodeInterface) []NodeInterface {
	var out []NodeInterface
	for _, i := range n.Interfaces {
		if i.Name == nic.Name || i.State == Absent {
			continue
		}
		if slices.Contains(i.Ports, nic.Name) || i.Name == nic.Controller {
			out = append(out, i)
		}
	}
	if nic.Controller != "" && len(out) == 0 && nic.Controller != nic.Name {
		out = append(out, NodeInterface{Name: nic.Controller, Type: "unknown"})
	}
	return out
}

func downAdvice(s InterfaceState) string {
	if s == Ignore {
		return "let NetworkManager manage it"
	}
	return "check its cable and its configuration"
}

// checkTraffic refuses to take the node's own traffic away, on the NIC itself and on what is stacked on it.
func checkTraffic(in UplinkCheck, nic NodeInterface) *Refusal {
	stack := in.Node.stackOn(nic)
	advice := "use VLANs on it, or another NIC"
	if in.Use == AsListed {
		// Nothing is put on it, so its own settings are why it is listed.
		advice = "leave its mtu out of the HostUplink, or use another NIC"
	}
	for _, i := range stack {
		if a, ok := heldAddress(i, in.NodeAddresses); ok {
			return refuse(RefusedUplinkCarriesNodeAddress,
				"%s has the node's address %s: %s; %s", i.Name, a, advice, offer(in.Node))
		}
	}
	for _, i := range stack {
		if r, ok := in.Node.defaultRouteVia(i.Name); ok {
			return refuse(RefusedUplinkCarriesDefaultRoute,
				"the default route%s of the node leaves through %s: %s; %s",
				via(r), i.Name, advice, offer(in.Node))
		}
	}
	if p, ok := configuredAddress(nic); ok {
		return refuse(RefusedUplinkCarriesAddress,
			"%s has the address %s, which it would lose: take it off, or use VLANs on the NIC", nic.Name, p)
	}
	return nil
}

// configuredAddress gives an address that somebody configured. One from DHCP or router advertisements comes back by itself
// once the NIC is free again, and NICs often get one unasked.
func configuredAddress(i NodeInterface) (netip.Prefix, bool) {
	for _, p := range i.Addresses {
		if relevanceOf(p.Addr()) == Counts && !i.Dynamic(p) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// stackOn gives the NIC and the VLANs and MACVLANs on it.
func (n Node) stackOn(nic NodeInterface) []NodeInterface {
	out := []NodeInterface{nic}
	for _, i := range n.Interfaces {
		if (i.VLANBase == nic.Name || i.Parent == nic.Name) && i.State != Absent {
			out = append(out, i)
		}
	}
	return out
}

func heldAddress(i NodeInterface, wanted []netip.Addr) (netip.Addr, bool) {
	for _, p := range i.Addresses {
		if slices.Contains(wanted, p.Addr()) {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}

func (n Node) defaultRouteVia(name string) (Route, bool) {
	for _, r := range n.DefaultRoutes {
		if r.Interface == name {
			return r, true
		}
	}
	return Route{}, false
}

func via(r Route) string {
	if !r.Gateway.IsValid() {
		return ""
	}
	return " via " + r.Gateway.String()
}

// maxOffered bounds the NICs that a message offers.
const maxOffered = 6

func offer(n Node) string {
	names := Candidates(n)
	switch {
	case len(names) == 0:
		return "it has no NIC that could serve"
	case len(names) > maxOffered:
		return fmt.Sprintf("these could serve: %s and %d more", strings.Join(names[:maxOffered], ", "), len(names)-maxOffered)
	default:
		return "these could serve: " + strings.Join(names, ", ")
	}
}

// Candidates gives the NICs and bonds of a node that nothing uses yet, sorted: up, port of nothing, without addresses that
// somebody configured, without default route, and not part of the container network.
func Candidates(n Node) []string {
	var out []string
	for _, i := range n.Interfaces {
		isNIC := i.Type == Ethernet || i.Type == BondType || i.Type == Veth
		if isNIC && i.State == Up && !clusterOwned(i) && len(n.controllersOf(i)) == 0 && !n.inUse(i) {
			out = append(out, i.Name)
		}
	}
	return slices.Compact(out)
}

// inUse says whether the node itself lives on the interface or on what is stacked on it.
func (n Node) inUse(nic NodeInterface) bool {
	if _, ok := n.macvlanOn(nic); ok {
		return true
	}
	for _, i := range n.stackOn(nic) {
		if _, ok := n.defaultRouteVia(i.Name); ok {
			return true
		}
		if _, ok := configuredAddress(i); ok {
			return true
		}
	}
	return false
}
