package guests

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// Facts is what was read about one guest.
type Facts struct {
	Wukong *v1alpha1.Wukong
	// Pools are the AddressPools that the Wukong names, as far as they could be read.
	Pools []v1alpha1.AddressPool
	// Machine and Instance are nil where there is none, or where it could not be read.
	Machine  *kubevirtv1.VirtualMachine
	Instance *kubevirtv1.VirtualMachineInstance
	// Secrets are those that could be read, by name.
	Secrets map[string]*corev1.Secret
	// Planned is the guest as it was planned from manifests, for a Wukong that no controller has looked at; else nil.
	Planned *render.GuestNetplan
	// ClusterName is the controller's flag of this name.
	ClusterName string
}

// MachineName gives the name of the machine of a Wukong.
func MachineName(w *v1alpha1.Wukong) string {
	if w.Spec.VirtualMachineName != "" {
		return w.Spec.VirtualMachineName
	}
	return render.VMName(w.Name)
}

// PoolNames gives the AddressPools that a Wukong names, each once, in the order of the spec.
func PoolNames(w *v1alpha1.Wukong) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, n := range w.Spec.Networks {
		for _, a := range n.IPConfig.All() {
			if !seen[a.IPPool] {
				seen[a.IPPool] = true
				out = append(out, a.IPPool)
			}
		}
	}
	return out
}

// DeliveredSecret gives the name of the Secret with what the guest is told at its next start; empty where nothing is delivered.
func (f Facts) DeliveredSecret() string { return f.Wukong.Status.NetworkDataSecret }

// StartedSecret gives the name of the Secret that the running instance was started with, or empty.
func (f Facts) StartedSecret() string {
	if f.Instance == nil {
		return ""
	}
	return networkSecretOf(f.Instance.Spec.Volumes)
}

// networkSecretOf gives the Secret from which cloud-init of a machine with these volumes takes its network data, or empty. A Secret
// with user data alone, as somebody else's machine may have, is none.
func networkSecretOf(volumes []kubevirtv1.Volume) string {
	for _, v := range volumes {
		if v.CloudInitNoCloud != nil && v.CloudInitNoCloud.NetworkDataSecretRef != nil {
			return v.CloudInitNoCloud.NetworkDataSecretRef.Name
		}
	}
	return ""
}

// SecretNames gives the Secrets that say what the guest was told, and is told next, each once.
func (f Facts) SecretNames() []string {
	var out []string
	for _, name := range []string{f.DeliveredSecret(), f.StartedSecret()} {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// AddSecret adds a Secret that was asked for; nil says that there is none.
func (f *Facts) AddSecret(name string, secret *corev1.Secret) {
	if f.Secrets == nil {
		f.Secrets = map[string]*corev1.Secret{}
	}
	f.Secrets[name] = secret
}
