package nmstate

// Fabric is the L2 network that an uplink of a node leads to.
type Fabric struct {
	Name string
	// NativeVLAN is the VLAN that untagged frames belong to, or zero.
	NativeVLAN int
}

// Segment is one broadcast domain. VLAN zero means the untagged frames of the fabric.
type Segment struct {
	Fabric string
	VLAN   int
}

// maxStack bounds how many interfaces are followed downwards; real stacks have three or four.
const maxStack = 8

// SegmentOf tells on which segment an interface of the node lies, given the fabrics that its uplinks lead to, by the uplinks'
// names. The uplink lies on the untagged segment, a VLAN on it on that VLAN, and what is stacked above lies where its lower
// interface does: a bridge or bond where its ports do, a MACVLAN where its parent does.
//
// It is false where that is not certain: for interfaces that no uplink leads to, bridges whose ports lie on different
// segments, VLANs inside VLANs, and ports of Open vSwitch, which may be tagged by flows. Callers take unknown for "may be the
// same".
func (n Node) SegmentOf(name string, uplinks map[string]Fabric) (Segment, bool) {
	s, ok := n.segmentOf(name, uplinks, maxStack)
	if !ok {
		return Segment{}, false
	}
	if s.VLAN == 0 {
		s.VLAN = uplinkNative(uplinks, s.Fabric)
	}
	return s, true
}

// uplinkNative is the native VLAN of a fabric, as one of its uplinks on the node gives it.
func uplinkNative(uplinks map[string]Fabric, fabric string) int {
	native := 0
	for _, f := range uplinks {
		if f.Name == fabric {
			native = max(native, f.NativeVLAN)
		}
	}
	return native
}

// segmentOf leaves untagged frames at zero, so that a VLAN on them is told from a VLAN on the native VLAN.
func (n Node) segmentOf(name string, uplinks map[string]Fabric, depth int) (Segment, bool) {
	if f, ok := uplinks[name]; ok {
		return Segment{Fabric: f.Name}, true
	}
	i, ok := n.Interface(name)
	if !ok || depth == 0 || i.State == Absent {
		return Segment{}, false
	}
	switch {
	case i.VLANBase != "":
		below, ok := n.segmentOf(i.VLANBase, uplinks, depth-1)
		if !ok || below.VLAN != 0 || i.VLANID < 1 || i.VLANID > 4094 {
			return Segment{}, false
		}
		return Segment{Fabric: below.Fabric, VLAN: i.VLANID}, true
	case i.Parent != "":
		return n.segmentOf(i.Parent, uplinks, depth-1)
	case i.Type == LinuxBridge || i.Type == BondType:
		return n.segmentOfPorts(i, uplinks, depth)
	}
	return Segment{}, false
}

// segmentOfPorts is the one segment that the ports lie on. Ports that lead to no uplink, such as running machines, tell
// nothing.
func (n Node) segmentOfPorts(i NodeInterface, uplinks map[string]Fabric, depth int) (Segment, bool) {
	found, known := Segment{}, false
	for _, port := range i.Ports {
		s, ok := n.segmentOf(port, uplinks, depth-1)
		if !ok {
			continue
		}
		if known && s != found {
			return Segment{}, false
		}
		found, known = s, true
	}
	return found, known
}
