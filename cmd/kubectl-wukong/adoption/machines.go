package adoption

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Bounds on what one machine may claim. Real machines have a handful.
const (
	maxInterfaces = 64
	maxAddresses  = 64
)

// directory knows who is who.
type directory struct {
	// wukongs has Wukongs, and machines running machines, by NAMESPACE/NAME.
	wukongs  map[string]*v1alpha1.Wukong
	machines map[string]*kubevirtv1.VirtualMachineInstance
	// serving has the Wukong of a machine, by the NAMESPACE/NAME of the machine.
	serving map[string]*v1alpha1.Wukong
}

func newDirectory(f Facts) directory {
	d := directory{wukongs: map[string]*v1alpha1.Wukong{}, serving: map[string]*v1alpha1.Wukong{},
		machines: map[string]*kubevirtv1.VirtualMachineInstance{}}
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		d.wukongs[w.Namespace+"/"+w.Name] = w
		if name := machineOf(w); name != "" {
			d.serving[w.Namespace+"/"+name] = w
		}
	}
	for i := range f.Machines {
		vmi := &f.Machines[i]
		d.machines[vmi.Namespace+"/"+vmi.Name] = vmi
	}
	return d
}

// machineOf is the name of the machine of a Wukong, or empty where it asks for none.
func machineOf(w *v1alpha1.Wukong) string {
	switch {
	case w.Spec.VirtualMachineName != "":
		return w.Spec.VirtualMachineName
	case w.Status.VMName != "":
		return w.Status.VMName
	case len(w.Spec.Disks) > 0:
		return render.VMName(w.Name)
	}
	return ""
}

// ownerOf gives the owner of the addresses of a running machine.
func (d directory) ownerOf(vmi *kubevirtv1.VirtualMachineInstance) owner {
	o := owner{kind: machine, namespace: vmi.Namespace, machine: vmi.Name, wukong: vmi.Name}
	if w := d.serving[vmi.Namespace+"/"+vmi.Name]; w != nil {
		o.kind, o.wukong = existing, w.Name
		return o
	}
	if by := metav1.GetControllerOf(vmi); by == nil || by.Kind != kubevirtv1.VirtualMachineGroupVersionKind.Kind {
		o.kind, o.wukong = instance, ""
	}
	return o
}

// machineClaims are the addresses that running machines have on networks that are not the cluster's pod network.
func (p *planner) machineClaims(vmi *kubevirtv1.VirtualMachineInstance) []*claim {
	if vmi.IsFinal() {
		return nil
	}
	attached := attachedTo(vmi)
	own := p.directory.ownerOf(vmi)
	var out []*claim
	for _, i := range vmi.Status.Interfaces[:min(len(vmi.Status.Interfaces), maxInterfaces)] {
		nad := attached[i.Name]
		if nad == "" {
			continue
		}
		namespace, name := vmi.Namespace, nad
		if ns, n, ok := strings.Cut(nad, "/"); ok {
			namespace, name = ns, n
		}
		mac, _ := answer.ParseMAC(i.MAC)
		where := p.attached(namespace, name)
		base := claim{owner: own, source: SourceGuest, mac: mac, segment: where.segment, hostNetwork: where.hostNetwork, unknown: where.unknown,
			selected: p.rules.selects(vmi)}
		base.owner.network = i.Name
		if own.kind == existing {
			p.ofWukong(&base, p.directory.wukongs[own.namespace+"/"+own.wukong])
		}
		if i.InfoSource != "" && !strings.Contains(i.InfoSource, kubevirtGuestAgent) {
			base.source = SourceCluster
		}
		for _, addr := range addressesOf(i, mac) {
			c := base
			c.addr = addr
			out = append(out, &c)
		}
	}
	return out
}

// kubevirtGuestAgent is part of infoSource where KubeVirt has the addresses from the guest agent (kubevirt/kubevirt,
// pkg/virt-launcher/virtwrap/api: InterfaceStatus). Without it they are those that network plugins gave.
const kubevirtGuestAgent = "guest-agent"

// attachedTo has the attachment of each network of a machine that is none of the pod network.
func attachedTo(vmi *kubevirtv1.VirtualMachineInstance) map[string]string {
	out := map[string]string{}
	for _, n := range vmi.Spec.Networks {
		if n.Multus != nil {
			out[n.Name] = n.Multus.NetworkName
		}
	}
	for _, i := range vmi.Spec.Domain.Devices.Interfaces {
		if i.Masquerade != nil {
			delete(out, i.Name) // the address is one inside the pod
		}
	}
	return out
}

// addressesOf gives the addresses of an interface that a machine can have been given: no loopback, link-local or multicast
// ones, and none that the guest made of its MAC address (RFC 4862).
func addressesOf(i kubevirtv1.VirtualMachineInstanceNetworkInterface, mac string) []netip.Addr {
	texts := i.IPs
	if len(texts) == 0 {
		texts = []string{i.IP}
	}
	var out []netip.Addr
	for _, text := range texts[:min(len(texts), maxAddresses)] {
		addr, err := netip.ParseAddr(text)
		if prefix, prefixErr := netip.ParsePrefix(text); err != nil && prefixErr == nil {
			addr, err = prefix.Addr(), nil
		}
		if err != nil {
			continue
		}
		if addr, ok := usable(addr); ok && !madeOf(addr, mac) && !slices.Contains(out, addr) {
			out = append(out, addr)
		}
	}
	return out
}

// madeOf says whether the last half of an address is the modified EUI-64 of a MAC address (RFC 4291 appendix A).
func madeOf(addr netip.Addr, mac string) bool {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 || !addr.Is6() {
		return false
	}
	a := addr.As16()
	return [8]byte(a[8:]) == [8]byte{hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5]}
}
