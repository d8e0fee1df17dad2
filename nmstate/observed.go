package nmstate

import (
	"net/netip"
	"slices"
)

// Relevance says whether an address on a node's interface can collide with an address of a machine, and if not, why.
type Relevance string

// Kinds of relevance.
const (
	// Counts: the address is in use on a network of the host, or may be.
	Counts Relevance = "Counts"
	// NotUnicast: unspecified, loopback, link-local or multicast: every node has the same ones.
	NotUnicast Relevance = "NotUnicast"
	// ClusterInternal: the interface belongs to the container network, an overlay or a local virtual network: its addresses
	// never appear on a fabric, and are often the same on every node.
	ClusterInternal Relevance = "ClusterInternal"
	// InterfaceAbsent: the interface is reported as absent.
	InterfaceAbsent Relevance = "InterfaceAbsent"
)

// ObservedAddress is an address that a node reports on an interface.
type ObservedAddress struct {
	Interface string
	Prefix    netip.Prefix
	Relevance Relevance
}

// Observed gives every address that the node reports, with its relevance, ordered by interface and address.
//
// An interface that is down counts: its address comes back with it. So does one that NetworkManager does not manage
// ("ignore"): keepalived, kube-vip and systemd-networkd hold real addresses there; what containers and overlays leave in that
// state is recognised by its name and type instead. Addresses in routes, resolvers and LLDP are not addresses of the node.
//
// The loopback interface counts too, for what is not a loopback address: routing protocols and load balancers announce
// addresses that sit there.
//
// br-ex and its like are an exception among the interfaces of Open vSwitch: OVN-Kubernetes moves the node's own address there,
// so internal ports (ovs-interface) count unless their name marks them as part of the overlay.
func (n Node) Observed() []ObservedAddress {
	count := 0
	for k := range n.Interfaces {
		count += len(n.Interfaces[k].Addresses)
	}
	if count == 0 {
		return nil
	}
	out := make([]ObservedAddress, 0, count)
	for k := range n.Interfaces {
		i := &n.Interfaces[k]
		if len(i.Addresses) == 0 {
			continue
		}
		first, relevance := len(out), i.relevance()
		for _, p := range i.Addresses {
			o := ObservedAddress{Interface: i.Name, Prefix: p, Relevance: relevance}
			if relevance != InterfaceAbsent && relevanceOf(p.Addr()) != Counts {
				o.Relevance = NotUnicast
			}
			out = append(out, o)
		}
		slices.SortFunc(out[first:], func(a, b ObservedAddress) int { return a.Prefix.Compare(b.Prefix) })
	}
	return out
}

// relevance is that of the unicast addresses of an interface.
func (i *NodeInterface) relevance() Relevance {
	switch {
	case i.State == Absent:
		return InterfaceAbsent
	case overlay(*i):
		return ClusterInternal
	}
	return Counts
}

func relevanceOf(a netip.Addr) Relevance {
	if a.IsUnspecified() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return NotUnicast
	}
	return Counts
}

// ClusterInternal says whether the interface belongs to the container network, an overlay, a local virtual network or a machine,
// so that its addresses never appear on a fabric.
func (i NodeInterface) ClusterInternal() bool { return overlay(i) }

// overlay says whether addresses of the interface stay inside the node or its overlay.
func overlay(i NodeInterface) bool {
	if i.Type == OVSInterface || i.Type == OVSBridge {
		return i.Name != "br-ex" && (ownedNames[i.Name] || hasOwnedPrefix(i.Name))
	}
	if i.Type == Loopback {
		return false
	}
	return i.Name != "br-ex" && clusterOwned(i)
}
