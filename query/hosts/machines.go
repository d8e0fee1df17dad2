package hosts

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Machine is a running machine that is attached to a HostNetwork.
type Machine struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// HostNetwork is what it is attached to.
	HostNetwork string `json:"hostNetwork"`
	// Addresses are those that are leased for it there, or else those that its guest reports, sorted.
	Addresses []string `json:"addresses,omitempty"`
}

// String is namespace, name and network.
func (m Machine) String() string { return m.Namespace + "/" + m.Name + " (" + m.HostNetwork + ")" }

// machine is a Machine on its node.
type machine struct {
	Machine
	node string
}

// findMachines gives the attachments of all running instances to HostNetworks, sorted.
func (v *View) findMachines() []machine {
	networks := v.attachments()
	leased := v.leased()
	var out []machine
	for i := range v.Instances {
		vmi := &v.Instances[i]
		if vmi.Status.NodeName == "" || vmi.Status.Phase == kubevirtv1.Succeeded || vmi.Status.Phase == kubevirtv1.Failed {
			continue
		}
		for _, n := range vmi.Spec.Networks {
			if n.Multus == nil {
				continue
			}
			network, known := networks[attachmentKey(vmi.Namespace, n.Multus.NetworkName)]
			if !known {
				continue
			}
			addresses := leased[holding{vmi.Namespace, vmi.Name, network}]
			if len(addresses) == 0 {
				addresses = reported(vmi, n.Name)
			}
			out = append(out, machine{Machine{vmi.Namespace, vmi.Name, network, addresses}, vmi.Status.NodeName})
		}
	}
	slices.SortFunc(out, func(a, b machine) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.HostNetwork, b.HostNetwork), cmp.Compare(a.node, b.node))
	})
	return slices.CompactFunc(out, func(a, b machine) bool {
		return a.Namespace == b.Namespace && a.Name == b.Name && a.HostNetwork == b.HostNetwork && a.node == b.node
	})
}

// attachmentKey reads the network name of Multus: NAME, or NAMESPACE/NAME.
func attachmentKey(namespace, name string) objectKey {
	if ns, short, found := strings.Cut(name, "/"); found {
		return objectKey{ns, short}
	}
	return objectKey{namespace, name}
}

// attachments gives the HostNetwork that each attachment leads to: that of its label, or the one whose bridge it names.
func (v *View) attachments() map[objectKey]string {
	byBridge := map[string]string{}
	for _, n := range v.Catalog.HostNetworks() {
		if n.Problem == nil || n.Problem.Reason != v1alpha1.ReasonBridgeNameTaken {
			byBridge[n.Bridge] = n.Object.Name
		}
	}
	out := map[objectKey]string{}
	for i := range v.Attachments {
		nad := &v.Attachments[i]
		network := nad.Labels[v1alpha1.HostNetworkLabel]
		if network == "" {
			network = byBridge[BridgeOf(nad.Spec.Config)]
		}
		if network != "" {
			out[objectKey{nad.Namespace, nad.Name}] = network
		}
	}
	return out
}

// BridgeOf gives the bridge of a CNI configuration, of one plugin or of a list; empty where it names none.
func BridgeOf(config string) string {
	var plugin struct {
		Bridge  string `json:"bridge"`
		Plugins []struct {
			Bridge string `json:"bridge"`
		} `json:"plugins"`
	}
	if json.Unmarshal([]byte(config), &plugin) != nil {
		return ""
	}
	for _, p := range plugin.Plugins {
		plugin.Bridge = cmp.Or(plugin.Bridge, p.Bridge)
	}
	return plugin.Bridge
}

// holding is what leases are looked up by.
type holding struct{ namespace, machine, network string }

func (v *View) leased() map[holding][]string {
	machines := map[objectKey]string{}
	for i := range v.Wukongs {
		machines[objectKey{v.Wukongs[i].Namespace, v.Wukongs[i].Name}] = v.Wukongs[i].Status.VMName
	}
	out := map[holding][]string{}
	for i := range v.Leases {
		l := &v.Leases[i]
		h := l.Spec.Holder
		if h == nil || l.Spec.HostNetwork == "" || l.Spec.Phase != v1alpha1.LeaseAllocated {
			continue
		}
		name := cmp.Or(h.VirtualMachine, machines[objectKey{h.Namespace, h.Name}])
		key := holding{h.Namespace, name, l.Spec.HostNetwork}
		out[key] = append(out[key], l.Spec.Address)
	}
	for key := range out {
		sortAddresses(out[key])
	}
	return out
}

// reported are the addresses that the guest reports on a network, link-local ones left out.
func reported(vmi *kubevirtv1.VirtualMachineInstance, network string) []string {
	var out []string
	for _, i := range vmi.Status.Interfaces {
		if i.Name != network {
			continue
		}
		for _, text := range i.IPs {
			if a, err := netip.ParseAddr(text); err == nil && !a.IsLinkLocalUnicast() {
				out = append(out, a.String())
			}
		}
	}
	sortAddresses(out)
	return out
}

func sortAddresses(texts []string) {
	slices.SortFunc(texts, func(a, b string) int {
		x, errX := netip.ParseAddr(a)
		y, errY := netip.ParseAddr(b)
		if errX != nil || errY != nil {
			return cmp.Compare(a, b)
		}
		return x.Compare(y)
	})
}

// attached are the machines of a node on some HostNetworks.
func (v *View) attached(node string, networks []string) []Machine {
	var out []Machine
	for _, m := range v.machines {
		if m.node == node && slices.Contains(networks, m.HostNetwork) {
			out = append(out, m.Machine)
		}
	}
	return out
}
