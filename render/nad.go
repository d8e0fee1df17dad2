package render

import (
	"encoding/json"
	"fmt"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// CNI plugins of attachments. cnv-bridge is the name of defaultCNI on OpenShift.
const (
	defaultCNI = "bridge"
	ovsCNI     = "ovs"
	macvtapCNI = "macvtap"
	sriovCNI   = "sriov"
)

// resourceAnnotation of an attachment names the resource that a device plugin offers for it; Multus and KubeVirt read it.
const resourceAnnotation = "k8s.v1.cni.cncf.io/resourceName"

// cniVersion is the oldest version of the CNI specification that all four plugins speak.
const cniVersion = "0.3.1"

// bridgeConf is the configuration of the bridge plugin. A VLAN is named for trunks alone: that of other networks is below their
// bridge. The port of a guest then has that VLAN and nothing of VLAN 1, which the plugin would leave on it. IPAM is empty
// because addresses are the guest's own; the plugin refuses disableContainerInterface with any.
type bridgeConf struct {
	CNIVersion                string   `json:"cniVersion"`
	Name                      string   `json:"name"`
	Type                      string   `json:"type"`
	Bridge                    string   `json:"bridge"`
	VLAN                      int      `json:"vlan,omitempty"`
	PreserveDefaultVLAN       *bool    `json:"preserveDefaultVlan,omitempty"`
	MTU                       int      `json:"mtu,omitempty"`
	MACSpoofCheck             bool     `json:"macspoofchk"`
	DisableContainerInterface bool     `json:"disableContainerInterface"`
	IPAM                      struct{} `json:"ipam"`
}

// ovsConf is the configuration of ovs-cni. Without a VLAN the port of a guest carries what the bridge does.
type ovsConf struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Bridge     string `json:"bridge"`
	VLAN       int    `json:"vlan,omitempty"`
	MTU        int    `json:"mtu,omitempty"`
}

// macvtapConf is the configuration of macvtap-cni, which gets the interface from its device plugin.
type macvtapConf struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	MTU        int    `json:"mtu,omitempty"`
}

// sriovConf is the configuration of sriov-cni, which gets the virtual function from its device plugin and sets the VLAN on it.
type sriovConf struct {
	CNIVersion string   `json:"cniVersion"`
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	VLAN       int      `json:"vlan,omitempty"`
	IPAM       struct{} `json:"ipam"`
}

// confOf is the configuration of the plugin of a choice.
func confOf(c Choice) any {
	switch c.Type {
	case v1alpha1.NetworkOVS:
		return ovsConf{CNIVersion: cniVersion, Name: c.NADName, Type: ovsCNI, Bridge: c.Bridge, VLAN: c.VLAN, MTU: c.MTU}
	case v1alpha1.NetworkMacvlan:
		return macvtapConf{CNIVersion: cniVersion, Name: c.NADName, Type: macvtapCNI, MTU: c.MTU}
	case v1alpha1.NetworkSRIOV:
		return sriovConf{CNIVersion: cniVersion, Name: c.NADName, Type: sriovCNI, VLAN: c.VLAN}
	}
	out := bridgeConf{CNIVersion: cniVersion, Name: c.NADName, Type: c.CNIType, Bridge: c.Bridge, VLAN: c.VLAN, MTU: c.MTU,
		MACSpoofCheck: true, DisableContainerInterface: true}
	if c.VLAN != 0 {
		no := false
		out.PreserveDefaultVLAN = &no
	}
	return out
}

// NAD gives the attachment of a namespace to the HostNetwork of a choice, and for a trunk to one VLAN of it. There is one for
// all Wukongs of the namespace, so no Wukong owns it. It is an error to ask for one that somebody else makes.
func NAD(namespace string, c Choice) (nadv1.NetworkAttachmentDefinition, error) {
	if c.ForeignNAD {
		return nadv1.NetworkAttachmentDefinition{}, fmt.Errorf("attachment %s/%s is made by somebody else: HostNetwork %q makes none", namespace, c.NADName, c.HostNetwork)
	}
	conf, err := json.Marshal(confOf(c))
	if err != nil {
		return nadv1.NetworkAttachmentDefinition{}, err
	}
	out := nadv1.NetworkAttachmentDefinition{
		TypeMeta: metav1.TypeMeta{APIVersion: "k8s.cni.cncf.io/v1", Kind: "NetworkAttachmentDefinition"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: c.NADName,
			Labels: map[string]string{
				v1alpha1.ManagedByLabel:   v1alpha1.ManagedBy,
				v1alpha1.HostNetworkLabel: c.HostNetwork,
			},
		},
		Spec: nadv1.NetworkAttachmentDefinitionSpec{Config: string(conf)},
	}
	annotate := func(key, value string) {
		if value == "" {
			return
		}
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[key] = value
	}
	annotate(v1alpha1.OwnerUIDAnnotation, string(c.UID))
	annotate(resourceAnnotation, c.ResourceName)
	return out, nil
}
