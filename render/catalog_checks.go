package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// maxClusterName is the longest name of a cluster-scoped object: node labels and policies carry it.
const maxClusterName = 40

var interfacePattern = regexp.MustCompile(`^[A-Za-z0-9_][-A-Za-z0-9_.]*$`)

// foreignNames are interfaces that the kernel, container networks or Open vSwitch own.
var (
	foreignNames = []string{"lo", "br-ex", "br-int", "br-tun", "ovs-system", "cni0", "docker0", "kube-ipvs0", "nodelocaldns",
		"flannel.1", "genev_sys_6081", "vxlan_sys_4789", "ovn-k8s-mp0", "ovn0", "all", "default", "bonding_masters"}
	foreignPrefixes = []string{"veth", "cali", "cilium_", "virbr"}
)

// interfaceProblem says why a text cannot be the name of an interface on hosts, or nothing.
func interfaceProblem(name string) string {
	switch {
	case name == "":
		return "write the name of an interface"
	case len(name) > MaxInterfaceName:
		return fmt.Sprintf("%q has %d characters, and the kernel allows %d: use a shorter name", shown(name), len(name), MaxInterfaceName)
	case !interfacePattern.MatchString(name):
		return fmt.Sprintf("%q is not the name of an interface: use letters, digits, dashes, dots and underscores", name)
	}
	if slices.Contains(foreignNames, name) || slices.ContainsFunc(foreignPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return fmt.Sprintf("%q is a name that the kernel, a container network or Open vSwitch owns: choose another interface", name)
	}
	return ""
}

func clusterNameProblem(name string) *Problem {
	if len(name) > maxClusterName || !labelPattern.MatchString(name) {
		return invalidSpec("metadata.name", "%q is not a DNS label of at most %d characters, which node labels and policies need: rename it", shown(name), maxClusterName)
	}
	return nil
}

func fabricProblem(path string, name v1alpha1.PhysicalNetworkName) *Problem {
	if err := (ipam.Segment{Fabric: string(name)}).Validate(); err != nil {
		return invalidSpec(path, "%v", err)
	}
	return nil
}

func mtuProblem(mtu *int32) *Problem {
	if mtu != nil && (*mtu < minMTU || *mtu > maxMTU) {
		return invalidSpec("spec.mtu", "%d is not an MTU: use %d to %d bytes", *mtu, minMTU, maxMTU)
	}
	return nil
}

func vlanProblem(path string, vlan *v1alpha1.VLANID) *Problem {
	if vlan != nil && (*vlan < 1 || *vlan > maxVLAN) {
		return invalidSpec(path, "%d is not a VLAN: use 1 to %d, or leave it out for untagged frames", *vlan, maxVLAN)
	}
	return nil
}

// first gives the first problem that is one.
func first(problems ...*Problem) *Problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

// checkUplinks decides which uplinks are usable, and the native VLAN of each fabric: the oldest usable uplink says it.
func (c *Catalog) checkUplinks() {
	decided := map[string]string{}
	for _, u := range c.uplinksByAge {
		spec := &u.Object.Spec
		u.Problem = first(clusterNameProblem(u.Object.Name), fabricProblem("spec.physicalNetwork", spec.PhysicalNetwork), uplinkKindProblem(spec),
			mtuProblem(spec.MTU), vlanProblem("spec.nativeVlan", spec.NativeVLAN), nodeSelectorProblem(spec))
		if u.Problem != nil {
			continue
		}
		fabric, native := string(spec.PhysicalNetwork), 0
		if spec.NativeVLAN != nil {
			native = int(*spec.NativeVLAN)
		}
		oldest, found := decided[fabric]
		if !found {
			decided[fabric], c.native[fabric] = u.Object.Name, native
			continue
		}
		if c.native[fabric] != native {
			u.Problem = &Problem{Reason: v1alpha1.ReasonNativeVLANMismatch, Path: "spec.nativeVlan",
				Message: fmt.Sprintf("%s is not that of HostUplink %q, which is older and decides for physical network %q (%s): create the uplink anew with the same nativeVlan, or with another physicalNetwork",
					vlanText(native), oldest, fabric, vlanText(c.native[fabric]))}
		}
	}
}

func vlanText(vlan int) string {
	if vlan == 0 {
		return "none"
	}
	return fmt.Sprint(vlan)
}

func uplinkKindProblem(spec *v1alpha1.HostUplinkSpec) *Problem {
	switch {
	case spec.Management == v1alpha1.ManagementExternal && spec.ExternalPolicy == "":
		return invalidSpec("spec.externalPolicy", "give the name of the NodeNetworkConfigurationPolicy to observe, or set management: Managed")
	case spec.Bond != nil && spec.Interface != "":
		return invalidSpec("spec.bond", "give either interface or bond")
	case spec.Bond != nil:
		return notYet("spec.bond", "bonds are not available yet: give an existing NIC as interface")
	}
	if problem := interfaceProblem(string(spec.Interface)); problem != "" {
		return invalidSpec("spec.interface", "%s", problem)
	}
	return nil
}

func nodeSelectorProblem(spec *v1alpha1.HostUplinkSpec) *Problem {
	if _, err := metav1.LabelSelectorAsSelector(&spec.NodeSelector); err != nil {
		return invalidSpec("spec.nodeSelector", "is not a label selector: %v", err)
	}
	return nil
}

// checkNetworks decides which networks are usable. Of several that claim a bridge name, a segment or the default, the oldest
// has it.
func (c *Catalog) checkNetworks() {
	bridges, segments, defaults := taken{}, taken{}, map[v1alpha1.NetworkType]string{}
	for _, n := range c.networksByAge {
		spec := &n.Object.Spec
		n.Segment = c.Segment(n.Object)
		n.VLAN = c.tag(n)
		n.Problem = first(clusterNameProblem(n.Object.Name), fabricProblem("spec.physicalNetwork", spec.PhysicalNetwork), vlanProblem("spec.vlan", spec.VLAN),
			mtuProblem(spec.MTU), networkKindProblem(spec), bridgeProblem(n), selectorProblem(spec.AllowedNamespaces))
		if n.Problem == nil {
			n.Problem = first(c.bridgeTaken(n, bridges), c.segmentTaken(n, segments))
		}
		if n.Problem == nil {
			bridges[n.Bridge], segments[n.Segment.String()] = n.Object.Name, n.Object.Name
		}
		c.checkDefault(n, defaults)
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

func networkKindProblem(spec *v1alpha1.HostNetworkSpec) *Problem {
	switch {
	case spec.Type != "" && spec.Type != v1alpha1.NetworkBridge:
		return notYet("spec.type", "type %q is not available yet: use bridge", shown(string(spec.Type)))
	case spec.VLAN != nil && len(spec.Trunk) > 0:
		return invalidSpec("spec.trunk", "give vlan or trunk, not both")
	case len(spec.Trunk) > 0:
		return notYet("spec.trunk", "trunks are not available yet: declare a HostNetwork with vlan for each VLAN")
	case spec.CNIType != "" && spec.CNIType != defaultCNI && spec.CNIType != "cnv-bridge":
		return invalidSpec("spec.cniType", "%q is not known: use bridge or cnv-bridge", shown(spec.CNIType))
	}
	return nil
}

func bridgeProblem(n *HostNetwork) *Problem {
	problem := interfaceProblem(n.Bridge)
	if problem == "" {
		return nil
	}
	if n.Object.Spec.Bridge != nil && n.Object.Spec.Bridge.Name != "" {
		return invalidSpec("spec.bridge.name", "%s", problem)
	}
	return invalidSpec("spec.bridge.name", "is not given, and %s", problem)
}

func selectorProblem(a *v1alpha1.AllowedNamespaces) *Problem {
	if a == nil || a.Selector == nil {
		return nil
	}
	if _, err := metav1.LabelSelectorAsSelector(a.Selector); err != nil {
		return invalidSpec("spec.allowedNamespaces.selector", "is not a label selector: %v", err)
	}
	return nil
}

func (c *Catalog) bridgeTaken(n *HostNetwork, bridges taken) *Problem {
	holder, found := bridges[n.Bridge]
	if !found {
		return nil
	}
	return &Problem{Reason: v1alpha1.ReasonBridgeNameTaken, Path: "spec.bridge.name",
		Message: fmt.Sprintf("%q is the bridge of HostNetwork %q, which is older: create this one anew with another bridge name", n.Bridge, holder)}
}

// segmentTaken refuses a second bridge for one segment: an interface is a port of one bridge only.
func (c *Catalog) segmentTaken(n *HostNetwork, segments taken) *Problem {
	holder, found := segments[n.Segment.String()]
	if !found {
		return nil
	}
	return &Problem{Reason: v1alpha1.ReasonSegmentTaken, Path: "spec.vlan", Message: fmt.Sprintf(
		"segment %s is served by HostNetwork %q, which is older, and an interface is a port of one bridge only: open that one to more namespaces, or give it aliases", n.Segment, holder)}
}

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

// checkServing decides what cannot be built on one uplink though both are usable, and the MTU of each network.
func (c *Catalog) checkServing() {
	for _, u := range c.uplinksByAge {
		names := map[string]string{u.Interface: "the uplink itself"}
		for _, n := range c.networksByAge {
			if !c.serves(u, n.Object) {
				continue
			}
			if p := servingProblem(u, n, names); p != nil {
				c.unserved[pair{u.Object.Name, n.Object.Name}] = *p
				continue
			}
			for _, name := range namesOn(u, n) {
				names[name] = fmt.Sprintf("HostNetwork %q", n.Object.Name)
			}
		}
	}
	for _, n := range c.networksByAge {
		n.MTU = c.mtu(n)
	}
}

// namesOn gives the interfaces that a network needs on an uplink.
func namesOn(u *Uplink, n *HostNetwork) []string {
	if n.VLAN == 0 {
		return []string{n.Bridge}
	}
	return []string{n.Bridge, VLANInterfaceName(u.Interface, n.VLAN)}
}

func servingProblem(u *Uplink, n *HostNetwork, names map[string]string) *Problem {
	if n.VLAN != 0 && VLANInterfaceName(u.Interface, n.VLAN) == n.Bridge {
		return &Problem{Reason: v1alpha1.ReasonBridgeNameTaken, Path: "spec.bridge.name",
			Message: fmt.Sprintf("%q is the VLAN below the bridge on nodes of HostUplink %q, so the network is not built there: create it anew with another bridge name", n.Bridge, u.Object.Name)}
	}
	for _, name := range namesOn(u, n) {
		if holder, found := names[name]; found {
			return &Problem{Reason: v1alpha1.ReasonBridgeNameTaken, Path: "spec.bridge.name",
				Message: fmt.Sprintf("interface %q is %s on nodes of HostUplink %q, so the network is not built there: create it anew with another bridge name", name, holder, u.Object.Name)}
		}
	}
	if mtu := n.Object.Spec.MTU; mtu != nil && u.Object.Spec.MTU != nil && *mtu > *u.Object.Spec.MTU {
		return invalidSpec("spec.mtu", "%d is larger than %d, the MTU of HostUplink %q, so the network is not built there: lower it, or raise that of the uplink", *mtu, *u.Object.Spec.MTU, u.Object.Name)
	}
	return nil
}

// mtu gives the MTU of a network: its own, or the smallest of its uplinks when each declares one.
func (c *Catalog) mtu(n *HostNetwork) int {
	if n.Object.Spec.MTU != nil {
		return int(*n.Object.Spec.MTU)
	}
	smallest := 0
	for _, u := range c.UplinksOf(n.Object) {
		if u.Spec.MTU == nil {
			return 0
		}
		if m := int(*u.Spec.MTU); smallest == 0 || m < smallest {
			smallest = m
		}
	}
	return smallest
}
