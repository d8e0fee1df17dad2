package guests

import (
	"net"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
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
	out := delivered{addresses: map[string][]netip.Prefix{}}
	if err := yaml.Unmarshal([]byte(networkData), &content); err != nil {
		return out
	}
	out.known = true
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
// runs: by the document itself, or where that may not be read, by the record that the instance carries, or by the name of a Secret
// that was made for what is asked for.
func (f Facts) hasDelivered(asked []render.Asked) delivered {
	name := f.StartedSecret()
	if !f.runs() {
		name = f.DeliveredSecret()
	}
	if name == "" {
		return delivered{known: f.runs()}
	}
	if secret := f.Secrets[name]; secret != nil {
		return f.without(deliveredOf(string(secret.Data[render.NetworkDataKey])), asked)
	}
	if f.runs() {
		if record, found := render.ReadGuestNetwork(f.Instance.Annotations, f.Instance.Spec.Volumes); found {
			return saying(record.Asked())
		}
	}
	if name != f.DeliveredSecret() {
		return delivered{}
	}
	return f.without(saying(asked), asked)
}

// without leaves out of a document what somebody else's machine cannot have read, because it began before its Secret had it.
func (f Facts) without(d delivered, asked []render.Asked) delivered {
	for _, a := range asked {
		d.addresses[a.MAC] = slices.DeleteFunc(d.addresses[a.MAC], func(p netip.Prefix) bool { return f.late(a.Network, p) })
	}
	return d
}

// late says whether an address came into the Secret of somebody else's machine after its instance had read that.
func (f Facts) late(network string, prefix netip.Prefix) bool {
	return slices.ContainsFunc(f.network(network).Addresses, func(a v1alpha1.WukongAddressStatus) bool {
		return a.Address == prefix.String() && f.afterRead(a.Since)
	})
}

// afterRead says whether something came into the Secret of somebody else's machine after its instance had read that.
func (f Facts) afterRead(at *metav1.Time) bool {
	if !f.foreign() || !f.runs() || at == nil || f.StartedSecret() != f.DeliveredSecret() {
		return false
	}
	read, started := render.SecretRead(f.Instance)
	return started && !read.IsZero() && at.After(read)
}

// saying is a document that says just this.
func saying(asked []render.Asked) delivered {
	out := delivered{known: true, addresses: map[string][]netip.Prefix{}}
	for _, a := range asked {
		out.addresses[a.MAC] = slices.Clone(a.Addresses)
	}
	return out
}

// runs says whether the machine has an instance that runs.
func (f Facts) runs() bool { return f.Instance != nil && f.Instance.Status.Phase == kubevirtv1.Running }

func (f Facts) foreign() bool { return f.Wukong.Spec.VirtualMachineName != "" }
