package render

import (
	"bytes"
	"encoding/json"
	"fmt"

	goyaml "go.yaml.in/yaml/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Manifest gives an object as YAML that can be applied: without the status that some API types always write.
func Manifest(object any) ([]byte, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	plain, err := plainOf(raw)
	if err != nil {
		return nil, err
	}
	out, ok := plain.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is not an object", object)
	}
	delete(out, "status")
	return goyaml.Marshal(out)
}

// Objects gives all objects in the order of Manifests: policies, attachments, Secrets, machines.
func (o Output) Objects() []any {
	var objects []any
	for i := range o.Policies {
		objects = append(objects, &o.Policies[i])
	}
	for i := range o.NADs {
		objects = append(objects, &o.NADs[i])
	}
	for i := range o.Secrets {
		objects = append(objects, &o.Secrets[i])
	}
	for i := range o.VirtualMachines {
		objects = append(objects, &o.VirtualMachines[i])
	}
	return objects
}

// Manifests gives all objects as one stream of YAML documents: policies, attachments, Secrets, machines.
func (o Output) Manifests() ([]byte, error) {
	var out bytes.Buffer
	for i, object := range o.Objects() {
		text, err := Manifest(object)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// standInVLAN is that of the stand-in for type macvlan: the NIC itself is the port of a bridge already.
const standInVLAN = 4094

// StandIn gives one HostUplink on every node and two default HostNetworks on it, open to every namespace, for trying manifests of
// Wukongs where nothing else is declared: an untagged one of type bridge, and one of type macvlan on a VLAN.
func StandIn(nic string) (v1alpha1.HostUplink, []v1alpha1.HostNetwork) {
	const name = "stand-in"
	canary := int32(1)
	unavailable := intstr.FromString("10%")
	uplink := v1alpha1.HostUplink{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "HostUplink"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: name, Interface: v1alpha1.InterfaceName(nic), Protect: v1alpha1.ProtectRefuse,
			Management: v1alpha1.ManagementManaged, Rollout: v1alpha1.Rollout{Canary: &canary, MaxUnavailable: &unavailable}},
	}
	network := v1alpha1.HostNetwork{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "HostNetwork"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: name, Type: v1alpha1.NetworkBridge, Default: true,
			AllowedNamespaces: &v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{}}},
	}
	vlan := v1alpha1.VLANID(standInVLAN)
	macvtaps := *network.DeepCopy()
	macvtaps.Name, macvtaps.Spec.Type, macvtaps.Spec.VLAN = name+"-macvlan", v1alpha1.NetworkMacvlan, &vlan
	return uplink, []v1alpha1.HostNetwork{network, macvtaps}
}
