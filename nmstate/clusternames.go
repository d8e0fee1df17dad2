package nmstate

import (
	"regexp"
	"strings"
)

// ownedNames are interfaces that container networks, Open vSwitch, kube-proxy and libvirt make for themselves.
var ownedNames = map[string]bool{
	"lo": true, "br-ex": true, "br-int": true, "br-tun": true, "br-local": true, "ovs-system": true, "ovn0": true,
	"docker0": true, "cni0": true, "cbr0": true, "lxcbr0": true, "lxdbr0": true, "kube-bridge": true, "kube-ipvs0": true,
	"kube-dummy-if": true, "nodelocaldns": true, "tunl0": true, "weave": true, "datapath": true, "mirror0": true,
	"egressip.calico": true, "vxlan.calico": true, "vxlan-v6.calico": true, "wireguard.cali": true, "wg-v6.cali": true,
}

// ownedPrefixes begin the names of such interfaces.
var ownedPrefixes = []string{
	"veth", "cali", "cilium_", "lxc", "flannel", "virbr", "vnet", "tap", "podman", "cni-", "genev_sys_", "vxlan_sys_",
	"ovn-k8s-", "ovn-", "ovs-", "patch-", "antrea-", "vethwe", "nerdctl", "ip6tnl", "gre0", "gretap0", "erspan0", "sit0",
	"ip_vti", "ip6_vti", "ip6gre", "teql",
}

// nicName is how kernels and udev name network cards.
var nicName = regexp.MustCompile(`^(eth[0-9]|en[opsxP]|em[0-9]|net[0-9])`)

// clusterOwned says whether an interface is part of the container network, an overlay, Open vSwitch or a local virtual network
// rather than of the host's own network.
//
// A veth pair counts unless it is named like a network card: so the NICs of nodes that are containers themselves (kind) are
// taken for what they stand for.
func clusterOwned(i NodeInterface) bool {
	switch i.Type {
	case Loopback, OVSBridge, OVSInterface, "vxlan", "geneve", "ipvlan", "tun", "ipip", "hsr", "xfrm":
		return true
	case Veth:
		return !nicName.MatchString(i.Name)
	}
	return ownedNames[i.Name] || hasOwnedPrefix(i.Name) || isDockerBridge(i.Name)
}

// isDockerBridge says whether the name is that of a network that somebody made with docker.
func isDockerBridge(name string) bool {
	id, ok := strings.CutPrefix(name, "br-")
	return ok && len(id) == 12 && strings.Trim(id, "0123456789abcdef") == ""
}

func hasOwnedPrefix(name string) bool {
	for _, p := range ownedPrefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
