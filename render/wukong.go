package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// Keys of the Secret with what a guest is told, as KubeVirt reads them.
const (
	NetworkDataKey = "networkdata"
	UserDataKey    = "userdata"
)

// Options are what a Wukong does not say.
type Options struct {
	// ClusterName tells clusters apart that share a fabric: MAC addresses and machine identities are derived from it.
	ClusterName string
	// MACs has, by network, the MAC addresses that somebody else's machine has. Those that the spec gives come first.
	MACs map[string]string
}

// Objects is what is written for one Wukong. All of them are complete manifests.
type Objects struct {
	// NADs are the attachments that the machine needs, sorted by name.
	NADs []nadv1.NetworkAttachmentDefinition
	// Secret holds network data and user data; nil with guestConfig Manual, or when there is nothing to deliver. It is
	// immutable and its name follows from the request, except for somebody else's machine.
	Secret *corev1.Secret
	// VirtualMachine is nil when no machine is asked for, or when it is somebody else's.
	VirtualMachine *kubevirtv1.VirtualMachine
	// Delivered are the interfaces of the guest, in the order of the spec.
	Delivered []NIC
	// RequestHash stands for everything that the objects follow from. As long as it is the same, nothing needs to be written
	// again, also by a later version that renders differently.
	RequestHash string
}

// Wukong renders what is written for one Wukong. choices has one entry per network of the request, in its order; those of
// networks that are not Served are not looked at. It is an error when a served network has no choice: nothing may be
// delivered before every network of a machine is known.
func Wukong(req *Request, choices []Choice, opts Options) (Objects, error) {
	nics, err := deliver(req, choices, opts)
	if err != nil {
		return Objects{}, err
	}
	out := Objects{Delivered: nics, RequestHash: requestHash(req, nics, opts.ClusterName)}
	if out.NADs, err = attachments(req.Namespace, nics); err != nil {
		return Objects{}, err
	}
	if out.Secret, err = secret(req, nics); err != nil {
		return Objects{}, err
	}
	if req.Machine == nil {
		return out, nil
	}
	parts := machineParts{req: req, nics: nics, seed: opts.ClusterName, meta: objectMeta(req, req.VirtualMachine)}
	parts.meta.Annotations = map[string]string{v1alpha1.RequestAnnotation: out.RequestHash}
	if out.Secret != nil {
		parts.secret = out.Secret.Name
	}
	out.VirtualMachine = parts.virtualMachine()
	return out, nil
}

// netplan gives the netplan file of the guest, also where nothing is delivered.
func (o Objects) netplan() (string, error) {
	if o.Secret != nil {
		return netplanOf(o.Secret.StringData[NetworkDataKey]), nil
	}
	return Netplan(o.Delivered)
}

// ErrSameMAC says that two interfaces of a guest would have one MAC address: one that the spec gives, and one that is derived or
// that somebody else's machine has.
var ErrSameMAC = errors.New("the two interfaces have one MAC address")

// deliver decides the interfaces of a guest.
func deliver(req *Request, choices []Choice, opts Options) ([]NIC, error) {
	if len(choices) != len(req.Networks) {
		return nil, fmt.Errorf("Wukong %s/%s has %d networks and %d choices", req.Namespace, req.Name, len(req.Networks), len(choices))
	}
	var out []NIC
	for i, n := range req.Networks {
		nic := NIC{Network: n, Address: macOf(req, n, opts)}
		if n.Served() {
			if !choices[i].Chosen() {
				return nil, fmt.Errorf("Wukong %s/%s: %s has no HostNetwork yet", req.Namespace, req.Name, n.Path)
			}
			nic.Choice = choices[i]
		}
		if a := untaken(n); a != nil {
			return nil, fmt.Errorf("Wukong %s/%s: %s: no address was taken from AddressPool %q yet", req.Namespace, req.Name, a.Path, a.Pool)
		}
		if i := slices.IndexFunc(out, func(o NIC) bool { return o.Address == nic.Address }); i >= 0 {
			return nil, fmt.Errorf("%s and %s: %w, %s: give either another macAddress", out[i].Path, n.Path, ErrSameMAC, nic.Address)
		}
		out = append(out, nic)
	}
	setMetrics(out)
	setIgnoreRA(out)
	setShared(out)
	return out, nil
}

// untaken gives the first address of a network that is not known yet, or nil.
func untaken(n Network) *Address {
	for i := range n.Addresses {
		if !n.Addresses[i].Explicit() {
			return &n.Addresses[i]
		}
	}
	return nil
}

// macOf gives the MAC address of one network of a request: the one that the spec gives, or that somebody else's machine
// has, or the one that is derived from its name.
func macOf(req *Request, n Network, opts Options) string {
	if n.MAC != "" {
		return n.MAC
	}
	if mac := opts.MACs[n.Name]; mac != "" && req.Foreign {
		return strings.ToLower(mac)
	}
	return MAC(opts.ClusterName, req.Namespace, req.Name, n.Name)
}

func attachments(namespace string, nics []NIC) ([]nadv1.NetworkAttachmentDefinition, error) {
	var out []nadv1.NetworkAttachmentDefinition
	for _, n := range nics {
		if n.Pod || n.Choice.ForeignNAD || slices.ContainsFunc(out, func(d nadv1.NetworkAttachmentDefinition) bool { return d.Name == n.Choice.NADName }) {
			continue
		}
		nad, err := NAD(namespace, n.Choice)
		if err != nil {
			return nil, err
		}
		out = append(out, nad)
	}
	slices.SortFunc(out, func(a, b nadv1.NetworkAttachmentDefinition) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// secret renders what the guest is told. KubeVirt accepts at most 2048 bytes in the machine itself, so it is a Secret always.
func secret(req *Request, nics []NIC) (*corev1.Secret, error) {
	if req.Guest == v1alpha1.GuestConfigManual || (len(nics) == 0 && req.Machine == nil) {
		return nil, nil
	}
	network, err := NetworkData(nics)
	if err != nil {
		return nil, err
	}
	user, err := UserData(req.User)
	if err != nil {
		return nil, err
	}
	out := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: objectMeta(req, StableSecretName(req.Name)),
		Type:       corev1.SecretTypeOpaque,
		StringData: map[string]string{UserDataKey: user},
	}
	if network != "" {
		out.StringData[NetworkDataKey] = network
	}
	if !req.Foreign {
		yes := true
		out.Name, out.Immutable = SecretName(req.Name, guestHash(req, nics)), &yes
	}
	return out, nil
}

// objectMeta names an object of one Wukong, which owns it where it is known by a UID.
func objectMeta(req *Request, name string) metav1.ObjectMeta {
	out := metav1.ObjectMeta{
		Namespace: req.Namespace, Name: name,
		Labels: map[string]string{
			v1alpha1.ManagedByLabel: v1alpha1.ManagedBy,
			v1alpha1.WukongLabel:    labelValue(req.Name),
		},
	}
	if req.UID != "" {
		yes := true
		out.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Wukong", Name: req.Name, UID: req.UID, Controller: &yes}}
	}
	return out
}

// labelValue gives a name as the value of a label, shortened with a hash where it is too long for one.
func labelValue(name string) string {
	if len(name) <= MaxName {
		return name
	}
	hash := nmstate.Hash([]byte(name))
	return strings.TrimRight(name[:MaxName-len(hash)-1], "-.") + "-" + hash
}
