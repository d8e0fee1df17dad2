package render

import (
	"net"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
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
	// places are those found so far, by interface.
	places map[string]place
	out    []conflicts.Claim
	made   map[use]bool
}

// place is what the claims on the addresses of one interface have in common. An unknown segment is empty.
type place struct {
	segment  string
	evidence string
}

// use is what a node claims only once.
type use struct {
	segment string
	addr    netip.Addr
	mac     string
	kind    conflicts.Kind
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
	n := &nodeClaims{owner: "node " + name, fabrics: c.fabricsOn(nodeLabels(name, node))}
	if state != nil {
		n.state, n.observed = state.Node, state.Node.Observed()
	}
	size := n.size()
	n.out, n.made, n.places = make([]conflicts.Claim, 0, size), make(map[use]bool, size), make(map[string]place, len(n.state.Interfaces))
	n.interfaces()
	if node != nil {
		n.addresses(node)
	}
	n.nextHops()
	n.resolvers()
	n.macs()
	return n.out
}

// size is about how many claims there will be, so that room for them is made once.
func (n *nodeClaims) size() int {
	size := len(n.state.Interfaces) + len(n.state.DefaultRoutes) + len(n.state.DNSServers)
	for _, o := range n.observed {
		if o.Relevance == nmstate.Counts {
			size++
		}
	}
	return size
}

// on gives what claims on an interface have in common.
func (n *nodeClaims) on(name string) place {
	p, known := n.places[name]
	if known {
		return p
	}
	if s, ok := n.state.SegmentOf(name, n.fabrics); ok {
		p.segment = ipam.Segment{Fabric: s.Fabric, VLAN: s.VLAN}.String()
	}
	p.evidence = "interface " + name + " of " + n.owner
	n.places[name] = p
	return p
}

func (n *nodeClaims) interfaces() {
	for _, o := range n.observed {
		if o.Relevance == nmstate.Counts {
			p := n.on(o.Interface)
			n.once(conflicts.Claim{Segment: p.segment, Addr: o.Prefix.Addr(), Kind: conflicts.NodeInterface, Evidence: p.evidence})
		}
	}
}

// addresses are those in the status of the node that none of its interfaces shows: an interface says on which segment an
// address is, and the node does not.
func (n *nodeClaims) addresses(node *corev1.Node) {
	for _, a := range node.Status.Addresses {
		addr, err := netip.ParseAddr(a.Address)
		if err != nil || a.Type == corev1.NodeHostName || notOfMachines(addr) || n.shows(addr) {
			continue
		}
		n.once(conflicts.Claim{Addr: addr, Kind: conflicts.NodeAddress, Evidence: "status.addresses of " + n.owner})
	}
}

// shows says whether an interface has the address.
func (n *nodeClaims) shows(addr netip.Addr) bool {
	return slices.ContainsFunc(n.observed, func(o nmstate.ObservedAddress) bool {
		return o.Relevance == nmstate.Counts && o.Prefix.Addr() == addr
	})
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
		n.once(conflicts.Claim{Segment: n.on(r.Interface).segment, Addr: r.Gateway, Kind: conflicts.Gateway,
			Evidence: "default route through " + r.Interface + " of " + n.owner})
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
		case found && segment != n.on(o.Interface).segment:
			return "", true
		default:
			segment, found = n.on(o.Interface).segment, true
		}
	}
	return segment, found || !internal
}

// macs are the MAC addresses of NICs, bonds and bridges, and of what lies on top of them with an address of its own. A bridge
// without an own one takes that of a port, which may be a machine's.
func (n *nodeClaims) macs() {
	ofMachines := map[string]bool{}
	var ofHost []*nmstate.NodeInterface
	for k := range n.state.Interfaces {
		i := &n.state.Interfaces[k]
		internal := i.ClusterInternal()
		if internal || i.Type == nmstate.Veth {
			ofMachines[i.MAC] = true
		}
		if !internal && i.State != nmstate.Absent && hasOwnMAC(i.Type) {
			ofHost = append(ofHost, i)
		}
	}
	for _, i := range ofHost {
		mac, ok := unicastMAC(i.MAC)
		if !ok || i.Type == nmstate.LinuxBridge && ofMachines[mac] {
			continue
		}
		p := n.on(i.Name)
		n.once(conflicts.Claim{Segment: p.segment, MAC: mac, Kind: conflicts.NodeInterface, Evidence: p.evidence})
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
	same := use{claim.Segment, claim.Addr, claim.MAC, claim.Kind}
	if !n.made[same] {
		n.made[same] = true
		claim.Owner = n.owner
		n.out = append(n.out, claim)
	}
}

// unicastMAC gives a MAC address in lower case with colons, if it is one that an interface on a segment can have.
func unicastMAC(text string) (string, bool) {
	if len(text) > maxSelector {
		return "", false
	}
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != 6 || hw[0]&1 != 0 || [6]byte(hw) == [6]byte{} {
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
		if u.Problem != nil || !Selects(u.Object, node) || fabrics[u.Object.Spec.PhysicalNetwork] ||
			slices.ContainsFunc(u.Interfaces(), func(name string) bool { return interfaces[name] }) {
			continue
		}
		fabrics[u.Object.Spec.PhysicalNetwork] = true
		for _, name := range u.Interfaces() {
			interfaces[name] = true
		}
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
