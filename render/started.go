package render

import (
	"encoding/json"
	"net/netip"
	"time"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// GuestNetwork is the record of what the guest of a machine is told about its network. It stands in the annotation
// v1alpha1.GuestNetworkAnnotation of the machine's template, from which KubeVirt copies it to each instance that it starts. So it
// can be known what a running instance was told, although its Secret cannot be read. It follows from the request alone and has
// no secrets.
type GuestNetwork struct {
	// Secret is the Secret that the record describes. An instance that runs another one has somebody else's record.
	Secret   string       `json:"secret"`
	Networks []nicRequest `json:"networks"`
}

// maxGuestNetwork bounds the record, in bytes, since annotations of an object share 256 KiB. A larger one is not kept.
const maxGuestNetwork = 16 << 10

// guestNetwork gives the record, or nothing.
func guestNetwork(secret string, nics []NIC) string {
	if secret == "" || len(nics) == 0 {
		return ""
	}
	out := GuestNetwork{Secret: secret}
	for i := range nics {
		out.Networks = append(out.Networks, nicOf(&nics[i]))
	}
	raw, err := json.Marshal(out)
	if err != nil || len(raw) > maxGuestNetwork {
		return ""
	}
	return string(raw)
}

// ReadGuestNetwork reads the record of an instance, or of a template, from its annotations and volumes. There is none where
// nothing was delivered, or where an earlier version delivered it.
func ReadGuestNetwork(annotations map[string]string, volumes []kubevirtv1.Volume) (GuestNetwork, bool) {
	var out GuestNetwork
	text := annotations[v1alpha1.GuestNetworkAnnotation]
	if text == "" || len(text) > maxGuestNetwork || json.Unmarshal([]byte(text), &out) != nil {
		return GuestNetwork{}, false
	}
	return out, out.Secret != "" && out.Secret == GuestSecret(volumes)
}

// GuestSecret gives the Secret that a machine is told by, or "".
func GuestSecret(volumes []kubevirtv1.Volume) string {
	for _, v := range volumes {
		switch source := v.CloudInitNoCloud; {
		case source == nil:
		case source.NetworkDataSecretRef != nil:
			return source.NetworkDataSecretRef.Name
		case source.UserDataSecretRef != nil:
			return source.UserDataSecretRef.Name
		}
	}
	return ""
}

// clockSlack is allowed between times that two programs wrote, in whole seconds.
const clockSlack = time.Second

// SecretRead says when an instance had read its Secret at the latest, which is when its pod started: a pod waits for a Secret that
// is not there yet. Where nothing tells when that was, it is as old as the instance. A Secret that keeps its name, as that of
// somebody else's machine does, may have got another content since.
func SecretRead(vmi *kubevirtv1.VirtualMachineInstance) (at time.Time, started bool) {
	for _, t := range vmi.Status.PhaseTransitionTimestamps {
		if t.Phase == kubevirtv1.Scheduled {
			return t.PhaseTransitionTimestamp.Add(clockSlack), true
		}
	}
	return vmi.CreationTimestamp.Time, vmi.Status.Phase == kubevirtv1.Scheduled || vmi.Status.Phase == kubevirtv1.Running
}

// Asked gives what the interfaces of the guest should have that was told so. What cannot be read is left out.
func (g GuestNetwork) Asked() []Asked {
	var out []Asked
	for _, n := range g.Networks {
		a := Asked{Network: n.Name, Interface: n.Interface, MAC: n.MAC}
		for _, address := range n.Addresses {
			if prefix, err := netip.ParsePrefix(address.Address); err == nil {
				a.Addresses = append(a.Addresses, prefix)
			}
		}
		out = append(out, a)
	}
	return out
}
