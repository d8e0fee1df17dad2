package machines

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	kubevirtv1 "kubevirt.io/api/core/v1"
)

// sight is how much of a guest can be seen from outside at the moment.
type sight int

const (
	// domainOnly: no guest agent answers, so that addresses of the guest are not known.
	domainOnly sight = iota
	// withGap: the guest agent is connected, and one interface is missing from what is put together, as in a migration.
	withGap
	// whole: everything that the guest agent reports.
	whole
)

// reported is what an instance's status says about interfaces. turn changes the order of what has no order.
func reported(spec kubevirtv1.VirtualMachineInstanceSpec, guest Guest, podIP string, seen sight, turn int) []kubevirtv1.VirtualMachineInstanceNetworkInterface {
	var out []kubevirtv1.VirtualMachineInstanceNetworkInterface
	last := 0 // of those that KubeVirt knows
	for i, nic := range guest.NICs {
		if nic.Name != "" {
			last = i
		}
	}
	for i, nic := range guest.NICs {
		entry := kubevirtv1.VirtualMachineInstanceNetworkInterface{Name: nic.Name, MAC: nic.MAC, QueueCount: 1}
		network := networkOf(spec, nic.Name)
		if nic.Name != "" {
			entry.PodInterfaceName, entry.LinkState = podInterface(network), "up"
		}
		switch {
		case seen == domainOnly && nic.Name == "":
			continue // nobody else knows of it
		case seen == domainOnly:
			entry.InfoSource = sources(turn+i, "domain", "multus-status")
		case seen == withGap && i == last:
			continue
		default:
			entry.InterfaceName, entry.IPs = nic.Interface, addresses(nic)
			entry.InfoSource = sources(turn+i, "domain", "guest-agent", "multus-status")
			if nic.Name == "" {
				entry.InfoSource = "guest-agent"
			}
		}
		// An address of the pod wins over what the guest says.
		if network != nil && network.Pod != nil && podIP != "" {
			entry.IPs = []string{podIP}
		}
		if len(entry.IPs) > 0 {
			entry.IP = entry.IPs[0]
		}
		out = append(out, entry)
	}
	return out
}

// addresses are those of an interface as the guest agent lists them, its link-local one among them.
func addresses(nic GuestNIC) []string {
	var out []string
	for _, p := range nic.Addresses {
		out = append(out, p.Addr().String())
	}
	if local := linkLocal(nic.MAC); local != "" {
		out = append(out, local)
	}
	return out
}

// sources joins where information comes from, in an order that differs from turn to turn.
func sources(turn int, from ...string) string {
	n := turn % len(from)
	return strings.Join(slices.Concat(from[n:], from[:n]), ", ")
}

// podInterface is the name of the interface in the pod.
func podInterface(network *kubevirtv1.Network) string {
	if network == nil || network.Pod != nil {
		return "eth0"
	}
	return fmt.Sprintf("pod%x", sha256.Sum256([]byte(network.Name)))[:14]
}
