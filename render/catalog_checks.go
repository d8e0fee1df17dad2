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
		return bondProblem(spec.Bond)
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
