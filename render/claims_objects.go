package render

import (
	"encoding/json"
	"net/netip"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/conflicts"
)

// Bounds on what one object may claim. Real objects have a handful.
const (
	maxServiceAddresses = 256
	maxGuestInterfaces  = 64
	maxGuestAddresses   = 64
	maxPodStatusBytes   = 256 << 10
	maxPodInterfaces    = 64
	maxPodAddresses     = 32
)

// objectClaims gathers what one object of a namespace claims. On which segment is not known.
type objectClaims struct {
	base conflicts.Claim
	left int
	out  []conflicts.Claim
}

func claimsOf(kind string, o metav1.Object, most int) *objectClaims {
	return &objectClaims{left: most, base: conflicts.Claim{Namespace: o.GetNamespace(), Owner: objectOf(kind, o).String(), Since: o.GetCreationTimestamp().Time}}
}

// address adds an address, if the text is one that a machine could have.
func (c *objectClaims) address(kind conflicts.Kind, text, evidence string) {
	addr, err := netip.ParseAddr(text)
	if err != nil || c.left == 0 {
		return
	}
	addr = addr.Unmap().WithZone("")
	if notOfMachines(addr) {
		return
	}
	claim := c.base
	claim.Kind, claim.Addr, claim.Evidence = kind, addr, evidence
	c.out, c.left = append(c.out, claim), c.left-1
}

// ServiceClaims are the addresses of a Service: those that the cluster assigned to it, and those that somebody wrote into its
// externalIPs, which only warn.
func ServiceClaims(s *corev1.Service) []conflicts.Claim {
	out := claimsOf("Service", s, maxServiceAddresses)
	for _, ip := range s.Spec.ClusterIPs {
		out.address(conflicts.Service, ip, "spec.clusterIPs")
	}
	if len(s.Spec.ClusterIPs) == 0 {
		out.address(conflicts.Service, s.Spec.ClusterIP, "spec.clusterIP")
	}
	for _, in := range s.Status.LoadBalancer.Ingress {
		out.address(conflicts.Service, in.IP, "status.loadBalancer.ingress")
	}
	for _, ip := range s.Spec.ExternalIPs {
		out.address(conflicts.ServiceExternalIP, ip, "spec.externalIPs")
	}
	return out.out
}

// MachineClaims are what a running machine reports of interfaces that no Wukong manages: addresses and MAC addresses. served has
// the MAC addresses, in lower case, that Wukongs have. A tenant writes the one and a guest the other, so both only warn. The pod
// network is the cluster's matter, and interfaces that the guest made for itself lead nowhere.
func MachineClaims(vmi *kubevirtv1.VirtualMachineInstance, served map[string]bool) []conflicts.Claim {
	if vmi.IsFinal() {
		return nil
	}
	attached := map[string]bool{}
	for _, n := range vmi.Spec.Networks {
		attached[n.Name] = n.Multus != nil
	}
	out := claimsOf("VirtualMachineInstance", vmi, maxGuestInterfaces*maxGuestAddresses)
	for k, i := range vmi.Status.Interfaces {
		if k == maxGuestInterfaces {
			break
		}
		mac, ok := unicastMAC(i.MAC)
		if !attached[i.Name] || served[mac] {
			continue
		}
		if ok {
			claim := out.base
			claim.Kind, claim.MAC, claim.Evidence = conflicts.GuestReport, mac, "status.interfaces"
			out.out = append(out.out, claim)
		}
		ips := i.IPs
		if len(ips) == 0 {
			ips = []string{i.IP}
		}
		for _, ip := range ips[:min(len(ips), maxGuestAddresses)] {
			out.address(conflicts.GuestReport, ip, "status.interfaces")
		}
	}
	return out.out
}

// PodClaims are the addresses that a pod has on further networks, by the annotation k8s.v1.cni.cncf.io/network-status that Multus
// writes. Whoever may edit a pod can write it, so they only warn. Entries that cannot be read are passed over, and so is the pod's
// default network. The pod of a machine claims nothing: its addresses are those of the machine.
func PodClaims(meta *metav1.PartialObjectMetadata) []conflicts.Claim {
	text := meta.Annotations[nadv1.NetworkStatusAnnot]
	if text == "" || len(text) > maxPodStatusBytes || meta.Labels[kubevirtv1.AppLabel] == "virt-launcher" {
		return nil
	}
	var entries []json.RawMessage
	if json.Unmarshal([]byte(text), &entries) != nil {
		return nil
	}
	out := claimsOf("Pod", meta, maxPodInterfaces*maxPodAddresses)
	for _, entry := range entries[:min(len(entries), maxPodInterfaces)] {
		var status struct {
			IPs     []json.RawMessage `json:"ips"`
			Default bool              `json:"default"`
		}
		if json.Unmarshal(entry, &status) != nil || status.Default {
			continue
		}
		for _, raw := range status.IPs[:min(len(status.IPs), maxPodAddresses)] {
			var ip string
			if json.Unmarshal(raw, &ip) == nil {
				out.address(conflicts.PodNetwork, ip, nadv1.NetworkStatusAnnot)
			}
		}
	}
	return out.out
}
