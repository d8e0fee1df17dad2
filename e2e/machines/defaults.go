package machines

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// defaultGrace is how long KubeVirt lets a guest shut down, in seconds.
const defaultGrace = 180

// filled is a template's spec as it is in an instance: with what KubeVirt fills in where the template says nothing. What it
// makes up, the identity of the firmware and MAC addresses, is taken from the running instance where there is one.
func filled(template, running kubevirtv1.VirtualMachineInstanceSpec) kubevirtv1.VirtualMachineInstanceSpec {
	out := *template.DeepCopy()
	if out.Domain.Machine == nil {
		out.Domain.Machine = &kubevirtv1.Machine{}
	}
	if out.Domain.Machine.Type == "" {
		out.Domain.Machine.Type = "q35"
	}
	if out.TerminationGracePeriodSeconds == nil {
		grace := int64(defaultGrace)
		out.TerminationGracePeriodSeconds = &grace
	}
	if out.Domain.Firmware == nil {
		out.Domain.Firmware = &kubevirtv1.Firmware{}
	}
	if out.Domain.Firmware.UUID == "" {
		out.Domain.Firmware.UUID = types.UID(uuid.NewString())
		if running.Domain.Firmware != nil {
			out.Domain.Firmware.UUID = running.Domain.Firmware.UUID
		}
	}
	attach := out.Domain.Devices.AutoattachPodInterface
	if len(out.Networks) == 0 && (attach == nil || *attach) {
		out.Networks = []kubevirtv1.Network{*kubevirtv1.DefaultPodNetwork()}
		out.Domain.Devices.Interfaces = []kubevirtv1.Interface{*kubevirtv1.DefaultMasqueradeNetworkInterface()}
	}
	for i := range out.Domain.Devices.Interfaces {
		if nic := &out.Domain.Devices.Interfaces[i]; nic.MacAddress == "" {
			nic.MacAddress = knownMAC(running, nic.Name)
		}
	}
	return out
}

// knownMAC is the MAC address that an interface has already, or a new one.
func knownMAC(running kubevirtv1.VirtualMachineInstanceSpec, name string) string {
	nics := running.Domain.Devices.Interfaces
	if i := slices.IndexFunc(nics, func(n kubevirtv1.Interface) bool { return n.Name == name }); i >= 0 {
		return nics[i].MacAddress
	}
	b := make([]byte, 5)
	_, _ = rand.Read(b) // it never fails
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4])
}
