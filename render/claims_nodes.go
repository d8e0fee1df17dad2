package render

import (
	"fmt"
	"net"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// nodeClaims gathers what one node claims.
type nodeClaims struct {
	owner string
	state nmstate.Node
	// fabrics are what the node's uplinks lead to, by interface.
	fabrics  map[string]nmstate.Fabric
	observed []nmstate.ObservedAddress
	// segments are those found so far, by interface.
	segments map[string]string
	out      []conflicts.Claim
	// made are the claims of out without their evidence.
	made map[conflicts.Claim]bool
}

// NodeClaims are what a node has or uses: the addresses on its interfaces, those that the cluster knows it by and no interface
// shows, the next hops of its default routes, its DNS servers, and the MAC addresses of its interfaces. node and state may be
// nil where the cluster has none. Where an interface leads is known from the uplinks of the node; elsewhere the segment is
// unknown.
//
// What container networks and overlays have counts as nothing, and so do taps and veths of machines: the host has no address
// there, and their MAC addresses are no host's. An address on a bridge counts, also on one that carries machines: the addresses
// of machines are inside their guests, so that whoever has it there is the host.
func NodeClaims(c *Catalog, name string, node *corev1.Node, state *nmstate.NodeNetworkState) []conflicts.Claim {
	n := &nodeClaims{owner: "node " + name, fabrics: c.fabricsOn(nodeLabels(name, node)),
		segments: map[string]string{}, made: map[conflicts.Claim]bool{}}
	if state != nil {
		n.state, n.observed = state.Node, state.Node.Observed()
	}
	n.interfaces()
	if node != nil {
		n.addresses(node)
	}
	n.nextHops()
	n.resolvers()
	n.macs()
	return n.out
}

// segment gives the segment of an interface, or an empty text.
func (n *nodeClaims) segment(name string) string {
	text, known := n.segments[name]
	if known {
		return text
	}
	if s, ok := n.state.SegmentOf(name, n.fabrics); ok {
		text = ipam.Segment{Fabric: s.Fabric, VLAN: s.VLAN}.String()
	}
	n.segments[name] = text
	return text
}

func (n *nodeClaims) onInterface(name string) string {
	return fmt.Sprintf("interface %s of %s", name, n.owner)
}

func (n *nodeClaims) interfaces() {
	for _, o := range n.observed {
		if o.Relevance == nmstate.Counts {
			n.once(conflicts.Claim{Segment: n.segment(o.Interface), Addr: o.Prefix.Addr(), Kind: conflicts.NodeInterface,
				Evidence: n.onInterface(o.Interface)})
		}
	}
}

// addresses are those in the status of the node that none of its interfaces shows: an interface says on which segment an
// address is, and the node does not.
func (n *nodeClaims) addresses(node *corev1.Node) {
	shown := map[netip.Addr]bool{}
	for _, o := range n.observed {
		if o.Relevance == nmstate.Counts {
			shown[o.Prefix.Addr()] = true
		}
	}
	for _, a := range node.Status.Addresses {
		addr, err := netip.ParseAddr(a.Address)
		if err != nil || a.Type == corev1.NodeHostName || notOfMachines(addr) || shown[addr] {
			continue
		}
		n.once(conflicts.Claim{Addr: addr, Kind: conflicts.NodeAddress, Evidence: "status.addresses of " + n.owner})
	}
}

// nextHops are the gateways of default routes. Those through a container network or an overlay are not on a fabric.
func (n *nodeClaims) nextHops() {
	for _, r := range n.state.DefaultRoutes {
		if !r.Gateway.IsValid() || notOfMachines(r.Gateway) {
			continue
		}
		if i, ok := n.state.Interface(r.Interface); ok && i.ClusterInternal() {
			continue
		}
		n.once(conflicts.Claim{Segment: n.segment(r.Interface), Addr: r.Gateway, Kind: conflicts.Gateway,
			Evidence: fmt.Sprintf("default route through %s of %s", r.Interface, n.owner)})
	}
}

// resolvers are the DNS servers that the node asks.
func (n *nodeClaims) resolvers() {
	for _, server := range n.state.DNSServers {
		segment, relevant := n.resolverSegment(server)
		if notOfMachines(server) || !relevant {
			continue
		}
		n.once(conflicts.Claim{Segment: segment, Addr: server, Kind: conflicts.DNSServer, Evidence: "dns-resolver of " + n.owner})
	}
}

// resolverSegment gives the segment of the one interface whose subnet has the server. It is unknown for a server that is reached
// through a gateway, and where interfaces on several segments have the subnet. A server that only a container network or an
// overlay has is on no fabric.
func (n *nodeClaims) resolverSegment(server netip.Addr) (segment string, relevant bool) {
	internal, found := false, false
	for _, o := range n.observed {
		if !o.Prefix.Contains(server) {
			continue
		}
		switch {
		case o.Relevance == nmstate.ClusterInternal:
			internal = true
		case o.Relevance != nmstate.Counts:
		case found && segment != n.segment(o.Interface):
			return "", true
		default:
			segment, found = n.segment(o.Interface), true
		}
	}
	return segment, found || !internal
}

// macs are the MAC addresses of NICs, bonds and bridges, and of what lies on top of them with an address of its own. A bridge
// without an own one takes that of a port, which may be a machine's.
func (n *nodeClaims) macs() {
	ofMachines := map[string]bool{}
	for _, i := range n.state.Interfaces {
		if i.ClusterInternal() || i.Type == nmstate.Veth {
			ofMachines[i.MAC] = true
		}
	}
	for _, i := range n.state.Interfaces {
		mac, ok := unicastMAC(i.MAC)
		if !ok || i.State == nmstate.Absent || i.ClusterInternal() || !hasOwnMAC(i.Type) {
			continue
		}
		if i.Type == nmstate.LinuxBridge && ofMachines[mac] {
			continue
		}
		n.once(conflicts.Claim{Segment: n.segment(i.Name), MAC: mac, Kind: conflicts.NodeInterface, Evidence: n.onInterface(i.Name)})
	}
}

func hasOwnMAC(kind nmstate.InterfaceType) bool {
	switch kind {
	case nmstate.Ethernet, nmstate.BondType, nmstate.LinuxBridge, nmstate.VLANType, nmstate.MACVLAN:
		return true
	}
	return false
}

// once adds a claim unless the node has claimed the same thing for the same use on the segment.
func (n *nodeClaims) once(claim conflicts.Claim) {
	claim.Owner = n.owner
	same := claim
	same.Evidence = ""
	if !n.made[same] {
		n.made[same] = true
		n.out = append(n.out, claim)
	}
}

// unicastMAC gives a MAC address in lower case with colons, if it is one that an interface on a segment can have.
func unicastMAC(text string) (string, bool) {
	if len(text) > maxSelector {
		return "", false
	}
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != 6 || hw[0]&1 != 0 || hw.String() == "00:00:00:00:00:00" {
		return "", false
	}
	return hw.String(), true
}

// nodeLabels are those of a node, at least the one with its name.
func nodeLabels(name string, node *corev1.Node) labels.Set {
	set := labels.Set{corev1.LabelHostname: name}
	if node != nil {
		for key, value := range node.Labels {
			set[key] = value
		}
	}
	return set
}

// uplinksOn gives the usable uplinks of a node: of several of one fabric or with one interface the oldest.
func (c *Catalog) uplinksOn(node labels.Set) []*Uplink {
	fabrics, interfaces := map[v1alpha1.PhysicalNetworkName]bool{}, map[string]bool{}
	var out []*Uplink
	for _, u := range c.uplinksByAge {
		selector, err := metav1.LabelSelectorAsSelector(&u.Object.Spec.NodeSelector)
		if u.Problem != nil || err != nil || !selector.Matches(node) || fabrics[u.Object.Spec.PhysicalNetwork] || interfaces[u.Interface] {
			continue
		}
		fabrics[u.Object.Spec.PhysicalNetwork], interfaces[u.Interface] = true, true
		out = append(out, u)
	}
	return out
}

// fabricsOn gives, by interface, the fabrics that a node's uplinks lead to.
func (c *Catalog) fabricsOn(node labels.Set) map[string]nmstate.Fabric {
	out := map[string]nmstate.Fabric{}
	for _, u := range c.uplinksOn(node) {
		fabric := string(u.Object.Spec.PhysicalNetwork)
		out[u.Interface] = nmstate.Fabric{Name: fabric, NativeVLAN: c.native[fabric]}
	}
	return out
}
