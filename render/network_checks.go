package render

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// checkNetworks decides which networks are usable. Of several that claim a bridge name, a segment, the uplink itself or the
// default, the oldest has it.
func (c *Catalog) checkNetworks() {
	defaults := map[v1alpha1.NetworkType]string{}
	held := holders{bridges: map[string]*HostNetwork{}, fabrics: map[v1alpha1.PhysicalNetworkName]*fabricHolders{}}
	for _, n := range c.networksByAge {
		spec := &n.Object.Spec
		c.place(n)
		n.Notices = networkNotices(n)
		n.Problem = first(clusterNameProblem(n.Object.Name), fabricProblem("spec.physicalNetwork", spec.PhysicalNetwork), vlanProblem("spec.vlan", spec.VLAN),
			mtuProblem(spec.MTU), networkKindProblem(n), c.trunkProblem(n), sriovProblem(spec.SRIOV), bridgeProblem(n), selectorProblem("spec", spec.AllowedNamespaces))
		for _, older := range held.rivals(n) {
			if n.Problem == nil {
				n.Problem = rivalProblem(n, older)
			}
		}
		if n.Problem == nil {
			held.add(n)
		}
		c.checkDefault(n, defaults)
	}
}

// holders are the usable networks by what only one can have, so that a younger one meets those alone that it may be in the way
// of.
type holders struct {
	bridges map[string]*HostNetwork
	fabrics map[v1alpha1.PhysicalNetworkName]*fabricHolders
}

type fabricHolders struct {
	// segments has, by VLAN, the networks that are no trunk.
	segments map[int]*HostNetwork
	trunks   []*HostNetwork
	// uplink has the uplink itself, and vfs sets the number of virtual functions.
	uplink, vfs *HostNetwork
}

func (h holders) add(n *HostNetwork) {
	if n.Bridge != "" {
		h.bridges[n.Bridge] = n
	}
	f := h.fabrics[n.Object.Spec.PhysicalNetwork]
	if f == nil {
		f = &fabricHolders{segments: map[int]*HostNetwork{}}
		h.fabrics[n.Object.Spec.PhysicalNetwork] = f
	}
	switch {
	case n.vfs() != nil:
		f.vfs = n
	case n.Trunk():
		f.trunks = append(f.trunks, n)
	case n.Type() != v1alpha1.NetworkSRIOV:
		f.segments[n.Segment.VLAN] = n
	}
	if n.onUplink() {
		f.uplink = n
	}
}

// rivals gives the networks that a younger one may be in the way of, in an order of their own.
func (h holders) rivals(n *HostNetwork) []*HostNetwork {
	var out []*HostNetwork
	add := func(older *HostNetwork) {
		if older != nil && !slices.Contains(out, older) {
			out = append(out, older)
		}
	}
	add(h.bridges[n.Bridge])
	f := h.fabrics[n.Object.Spec.PhysicalNetwork]
	if f == nil {
		return out
	}
	if n.Trunk() {
		for _, vlan := range slices.Sorted(maps.Keys(f.segments)) {
			add(f.segments[vlan])
		}
	} else {
		add(f.segments[n.Segment.VLAN])
	}
	for _, trunk := range f.trunks {
		add(trunk)
	}
	add(f.uplink)
	add(f.vfs)
	return out
}

// place decides the segment of a network, its tag on the wire, and the names of what is made for it.
func (c *Catalog) place(n *HostNetwork) {
	if n.bridged() {
		n.Bridge = BridgeName(n.Object)
	}
	if n.vlans = merged(n.Object.Spec.Trunk); n.Trunk() {
		return
	}
	n.Segment = c.Segment(n.Object)
	n.VLAN = c.tag(n)
	if !n.foreignAttachments() {
		n.NAD = NADName(n.Object.Name)
	}
}

// tag gives the VLAN tag of a network on the wire: the native VLAN of a fabric travels untagged.
func (c *Catalog) tag(n *HostNetwork) int {
	if n.Object.Spec.VLAN == nil || n.Segment.VLAN == c.native[n.Segment.Fabric] {
		return 0
	}
	return n.Segment.VLAN
}

func networkType(n *v1alpha1.HostNetwork) v1alpha1.NetworkType {
	if n.Spec.Type == "" {
		return v1alpha1.NetworkBridge
	}
	return n.Spec.Type
}

func networkKindProblem(n *HostNetwork) *Problem {
	spec := &n.Object.Spec
	kinds := []v1alpha1.NetworkType{v1alpha1.NetworkBridge, v1alpha1.NetworkOVS, v1alpha1.NetworkMacvlan, v1alpha1.NetworkSRIOV}
	switch {
	case !slices.Contains(kinds, n.Type()):
		return invalidSpec("spec.type", "%q is not a type of network: use bridge, ovs, macvlan or sriov", shown(string(spec.Type)))
	case spec.VLAN != nil && n.Trunk():
		return invalidSpec("spec.trunk", "give vlan or trunk, not both")
	case n.Trunk() && !n.bridged():
		return invalidSpec("spec.trunk", "needs type bridge or ovs, and the type is %s: give vlan, or change the type", n.Type())
	case spec.SRIOV != nil && n.Type() != v1alpha1.NetworkSRIOV:
		return invalidSpec("spec.sriov", "needs type sriov, and the type is %s: remove it, or change the type", n.Type())
	case spec.Macvlan != nil && n.Type() != v1alpha1.NetworkMacvlan:
		return invalidSpec("spec.macvlan", "needs type macvlan, and the type is %s: remove it, or change the type", n.Type())
	case spec.CNIType != "" && spec.CNIType != defaultCNI && spec.CNIType != "cnv-bridge":
		return invalidSpec("spec.cniType", "%q is not known: use bridge or cnv-bridge", shown(spec.CNIType))
	case spec.Macvlan != nil && spec.Macvlan.ResourceName != "" && !resourcePattern.MatchString(spec.Macvlan.ResourceName):
		return invalidSpec("spec.macvlan.resourceName", "%q is not the name of a resource: write it as domain/name", shown(spec.Macvlan.ResourceName))
	}
	return nil
}

var resourcePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)

// trunkProblem looks at the ranges of a trunk.
func (c *Catalog) trunkProblem(n *HostNetwork) *Problem {
	for i, r := range n.Object.Spec.Trunk {
		path := fmt.Sprintf("spec.trunk[%d]", i)
		if r.Min < 1 || r.Max > maxVLAN || r.Min > r.Max {
			return invalidSpec(path, "%d to %d is not a range of VLANs: use min and max from 1 to %d, min not greater than max", r.Min, r.Max, maxVLAN)
		}
		if p := selectorProblem(path, r.AllowedNamespaces); p != nil {
			return p
		}
	}
	native := c.native[string(n.Object.Spec.PhysicalNetwork)]
	if n.Type() == v1alpha1.NetworkOVS && native != 0 && n.carriesVLAN(native) {
		return invalidSpec("spec.trunk", "has VLAN %d, which is the nativeVlan of the fabric and travels untagged, and nmstate has no native VLAN for ports of Open vSwitch: leave it out of the ranges, or use type bridge", native)
	}
	return nil
}

// maxVFs is the largest number of virtual functions that is accepted.
const maxVFs = 256

func sriovProblem(s *v1alpha1.SRIOV) *Problem {
	switch {
	case s == nil:
		return nil
	case s.TotalVFs != nil && (*s.TotalVFs < 0 || *s.TotalVFs > maxVFs):
		return invalidSpec("spec.sriov.totalVFs", "%d is not a number of virtual functions: use 0 to %d", *s.TotalVFs, maxVFs)
	case s.ResourceName != "" && !resourcePattern.MatchString(s.ResourceName):
		return invalidSpec("spec.sriov.resourceName", "%q is not the name of a resource: write it as domain/name", shown(s.ResourceName))
	}
	return nil
}

func networkNotices(n *HostNetwork) []v1alpha1.FieldNotice {
	var out []v1alpha1.FieldNotice
	add := func(field, message string) {
		out = append(out, v1alpha1.FieldNotice{Field: field, Message: message})
	}
	spec := &n.Object.Spec
	if spec.Bridge != nil && !n.bridged() {
		add("spec.bridge", fmt.Sprintf("is not acted on: networks of type %s have no bridge", n.Type()))
	}
	if spec.CNIType != "" && n.Type() != v1alpha1.NetworkBridge {
		add("spec.cniType", fmt.Sprintf("is not acted on: networks of type %s have a plugin of their own", n.Type()))
	}
	for i, r := range spec.Trunk {
		if r.AllowedNamespaces != nil && r.AllowedNamespaces.MaxAddresses != nil {
			add(fmt.Sprintf("spec.trunk[%d].allowedNamespaces.maxAddresses", i), "is not acted on: bound the addresses of the whole network in spec.allowedNamespaces, or those of a pool")
		}
	}
	return out
}

func bridgeProblem(n *HostNetwork) *Problem {
	if !n.bridged() {
		return nil
	}
	problem := interfaceProblem(n.Bridge)
	if problem == "" {
		return nil
	}
	if n.Object.Spec.Bridge != nil && n.Object.Spec.Bridge.Name != "" {
		return invalidSpec("spec.bridge.name", "%s", problem)
	}
	return invalidSpec("spec.bridge.name", "is not given, and %s", problem)
}

func selectorProblem(path string, a *v1alpha1.AllowedNamespaces) *Problem {
	if a == nil || a.Selector == nil {
		return nil
	}
	if _, err := metav1.LabelSelectorAsSelector(a.Selector); err != nil {
		return invalidSpec(path+".allowedNamespaces.selector", "is not a label selector: %v", err)
	}
	return nil
}

// rivalProblem says why a network cannot be built beside an older one, or nil.
func rivalProblem(n, older *HostNetwork) *Problem {
	if n.Bridge != "" && n.Bridge == older.Bridge {
		return &Problem{Reason: v1alpha1.ReasonBridgeNameTaken, Path: "spec.bridge.name",
			Message: fmt.Sprintf("%q is the bridge of HostNetwork %q, which is older: create this one anew with another bridge name", n.Bridge, older.Object.Name)}
	}
	if n.Object.Spec.PhysicalNetwork != older.Object.Spec.PhysicalNetwork {
		return nil
	}
	if n.onUplink() && older.onUplink() && n.bridged() != older.bridged() {
		return portTaken(n, older)
	}
	if p := first(segmentTaken(n, older), vfsTaken(n, older)); p != nil {
		return p
	}
	if n.onUplink() && older.onUplink() {
		return portTaken(n, older)
	}
	return nil
}

// portTaken refuses a second use of the uplink itself: an interface is a port of one bridge only, and what has MACVTAPs on it is
// a port of none.
func portTaken(n, older *HostNetwork) *Problem {
	fix := "give this one a vlan, or use that one"
	if n.Trunk() {
		fix = "make it a HostNetwork with vlan for each VLAN, or give it an uplink and physicalNetwork of its own"
	}
	return &Problem{Reason: v1alpha1.ReasonUplinkPortTaken, Path: n.placePath(), Message: fmt.Sprintf(
		"needs the uplink itself %s, and HostNetwork %q, which is older, has it %s: %s", n.usesUplink(), older.Object.Name, older.usesUplink(), fix)}
}

func (n *HostNetwork) usesUplink() string {
	if n.bridged() {
		return "as the port of its bridge"
	}
	return "below its MACVTAPs"
}

// placePath is the field that says which frames the network carries.
func (n *HostNetwork) placePath() string {
	if n.Trunk() {
		return "spec.trunk"
	}
	return "spec.vlan"
}

// carried gives the VLANs of a network, untagged frames as VLAN 0.
func (n *HostNetwork) carried() []nmstate.VLANRange {
	if n.Trunk() {
		return n.vlans
	}
	return []nmstate.VLANRange{{Min: n.Segment.VLAN, Max: n.Segment.VLAN}}
}

// segmentTaken refuses a second way to one segment: an interface is a port of one bridge only, and the frames of a VLAN go to
// its sub-interface or to the trunk. Virtual functions are beside all that.
func segmentTaken(n, older *HostNetwork) *Problem {
	if n.Type() == v1alpha1.NetworkSRIOV || older.Type() == v1alpha1.NetworkSRIOV {
		return nil
	}
	common, found := firstCommon(n.carried(), older.carried())
	if !found {
		return nil
	}
	problem := &Problem{Reason: v1alpha1.ReasonSegmentTaken, Path: n.placePath()}
	segment := ipam.Segment{Fabric: string(n.Object.Spec.PhysicalNetwork), VLAN: common}
	switch {
	case n.Trunk():
		problem.Message = fmt.Sprintf("segment %s is served by HostNetwork %q, which is older, and a VLAN leads to one bridge only: leave the VLAN out of the ranges", segment, older.Object.Name)
	case older.Trunk():
		problem.Message = fmt.Sprintf("segment %s is served by the trunk of HostNetwork %q, which is older, and a sub-interface would take the VLAN away from it: let Wukongs pick it there by vlanId, or take it out of that trunk",
			segment, older.Object.Name)
	default:
		problem.Message = fmt.Sprintf("segment %s is served by HostNetwork %q, which is older, and an interface is a port of one bridge only: open that one to more namespaces, or give it aliases", segment, older.Object.Name)
	}
	return problem
}

// firstCommon gives the first VLAN that is in both lists.
func firstCommon(a, b []nmstate.VLANRange) (int, bool) {
	for _, x := range a {
		for _, y := range b {
			if lowest := max(x.Min, y.Min); lowest <= min(x.Max, y.Max) {
				return lowest, true
			}
		}
	}
	return 0, false
}

// vfsTaken refuses another number of virtual functions on the same NICs.
func vfsTaken(n, older *HostNetwork) *Problem {
	mine, theirs := n.vfs(), older.vfs()
	if mine == nil || theirs == nil || *mine == *theirs {
		return nil
	}
	return &Problem{Reason: v1alpha1.ReasonUplinkPortTaken, Path: "spec.sriov.totalVFs", Message: fmt.Sprintf(
		"%d is not the number of virtual functions that HostNetwork %q, which is older, sets on the same NICs (%d): use that number, or leave it out", *mine, older.Object.Name, *theirs)}
}

// vfs is the number of virtual functions that the network sets on NICs, or nil.
func (n *HostNetwork) vfs() *int {
	if n.Type() != v1alpha1.NetworkSRIOV || n.Object.Spec.SRIOV == nil {
		return nil
	}
	return intPtr(n.Object.Spec.SRIOV.TotalVFs)
}

// foreignAttachments says whether attachments to the network are made by somebody else, and named by Wukongs.
func (n *HostNetwork) foreignAttachments() bool {
	return n.Type() == v1alpha1.NetworkSRIOV && n.resourceName() == ""
}

// resourceName is the resource that a device plugin offers for the network, or empty.
func (n *HostNetwork) resourceName() string {
	spec := &n.Object.Spec
	switch {
	case n.Type() == v1alpha1.NetworkSRIOV && spec.SRIOV != nil:
		return spec.SRIOV.ResourceName
	case n.Type() == v1alpha1.NetworkMacvlan && spec.Macvlan != nil && spec.Macvlan.ResourceName != "":
		return spec.Macvlan.ResourceName
	case n.Type() == v1alpha1.NetworkMacvlan:
		return macvtapResources + n.Object.Name
	}
	return ""
}

// macvtapResources begins the names of the resources that the device plugin of macvtap-cni offers.
const macvtapResources = "macvtap.network.kubevirt.io/"

// checkDefault lets the oldest default of a type stand.
func (c *Catalog) checkDefault(n *HostNetwork, defaults map[v1alpha1.NetworkType]string) {
	if !n.Object.Spec.Default {
		return
	}
	kind := networkType(n.Object)
	oldest, found := defaults[kind]
	if !found {
		defaults[kind] = n.Object.Name
		return
	}
	n.Warnings = append(n.Warnings, Problem{Reason: v1alpha1.ReasonDefaultIgnored, Path: "spec.default",
		Message: fmt.Sprintf("is ignored: HostNetwork %q is older and is the default of type %s", oldest, kind)})
}
