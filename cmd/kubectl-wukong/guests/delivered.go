package guests

import (
	"net"
	"net/netip"
	"slices"

	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/render"
)

// delivered is what a document says of interfaces.
type delivered struct {
	// known: the document could be read, or its name stands for what is asked for.
	known bool
	// addresses has those of each interface by its MAC address.
	addresses map[string][]netip.Prefix
}

// on gives the addresses of an interface.
func (d delivered) on(mac string) []netip.Prefix { return d.addresses[mac] }

// deliveredOf reads network data. Text that cannot be read says nothing.
func deliveredOf(networkData string) delivered {
	var content struct {
		Ethernets map[string]struct {
			Match struct {
				MACAddress string `json:"macaddress"`
			} `json:"match"`
			Addresses []string `json:"addresses"`
		} `json:"ethernets"`
	}
	if err := yaml.Unmarshal([]byte(networkData), &content); err != nil {
		return delivered{}
	}
	out := delivered{known: true, addresses: map[string][]netip.Prefix{}}
	for _, e := range content.Ethernets {
		mac, err := net.ParseMAC(e.Match.MACAddress)
		if err != nil {
			continue
		}
		for _, text := range e.Addresses {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				out.addresses[mac.String()] = append(out.addresses[mac.String()], prefix)
			}
		}
	}
	return out
}

// hasDelivered gives what the guest was told at the start of the running machine, or would be told at the next start while none
// runs. Where the document may not be read, the name of a Secret that was made for the request stands for its content.
func (f Facts) hasDelivered(asked []render.Asked) delivered {
	name := f.StartedSecret()
	if !f.runs() {
		name = f.DeliveredSecret()
	}
	if name == "" {
		return delivered{known: f.runs()}
	}
	if f.foreign() && len(f.Wukong.Status.PendingRestart) > 0 {
		return delivered{} // the name is the same, and the content was another one
	}
	if secret := f.Secrets[name]; secret != nil {
		return deliveredOf(string(secret.Data[render.NetworkDataKey]))
	}
	if f.foreign() || name != f.DeliveredSecret() {
		return delivered{}
	}
	out := delivered{known: true, addresses: map[string][]netip.Prefix{}}
	for _, a := range asked {
		out.addresses[a.MAC] = slices.Clone(a.Addresses)
	}
	return out
}

// runs says whether the machine has an instance that runs.
func (f Facts) runs() bool { return f.Instance != nil && f.Instance.Status.Phase == kubevirtv1.Running }

func (f Facts) foreign() bool { return f.Wukong.Spec.VirtualMachineName != "" }
