package render

import (
	"encoding/json"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// defaultCNI is the CNI plugin of attachments to bridges; cnv-bridge is its name on OpenShift.
const defaultCNI = "bridge"

// bridgeConf is the configuration of the bridge plugin. The VLAN of a network is below its bridge, so the attachment names
// none. IPAM is empty because addresses are the guest's own; the plugin refuses disableContainerInterface with any.
type bridgeConf struct {
	CNIVersion                string   `json:"cniVersion"`
	Name                      string   `json:"name"`
	Type                      string   `json:"type"`
	Bridge                    string   `json:"bridge"`
	MTU                       int      `json:"mtu,omitempty"`
	MACSpoofCheck             bool     `json:"macspoofchk"`
	DisableContainerInterface bool     `json:"disableContainerInterface"`
	IPAM                      struct{} `json:"ipam"`
}

// NAD gives the attachment of a namespace to the HostNetwork of a choice. There is one for all Wukongs of the namespace, so
// no Wukong owns it.
func NAD(namespace string, c Choice) (nadv1.NetworkAttachmentDefinition, error) {
	conf, err := json.Marshal(bridgeConf{
		CNIVersion: "0.3.1", Name: c.NADName, Type: c.CNIType, Bridge: c.Bridge, MTU: c.MTU,
		MACSpoofCheck: true, DisableContainerInterface: true,
	})
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
	if c.UID != "" {
		out.Annotations = map[string]string{v1alpha1.OwnerUIDAnnotation: string(c.UID)}
	}
	return out, nil
}
