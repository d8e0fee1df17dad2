package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Wukong is a virtual machine and the networks, with their static addresses, that it asks for. The controller takes a
// lease on each address, builds the host side of each network, delivers the guest's network data and renders the
// VirtualMachine. The schema is a superset of NovaSphere's: manifests written for it apply unchanged.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=wukongs,singular=wukong,scope=Namespaced,shortName=wk,categories=wukong-network
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Addresses",type=string,JSONPath=`.status.addresses`
// +kubebuilder:printcolumn:name="Nodes",type=string,JSONPath=`.status.nodes`
// +kubebuilder:printcolumn:name="Node",type=string,JSONPath=`.status.nodeName`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.virtualMachineName`
type Wukong struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for.
	// +required
	Spec WukongSpec `json:"spec"`

	// status is what is known.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status WukongStatus `json:"status,omitempty"`
}

// WukongList is a list of Wukongs.
//
// +kubebuilder:object:root=true
type WukongList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Wukong `json:"items"`
}

// WukongSpec is what a Wukong asks for.
type WukongSpec struct {
	// virtualMachineName names a VirtualMachine of this namespace that somebody else manages. It is observed and served
	// (leases, host networks, a Secret with its network data) and never changed; cpu, memory, disks and the like are then
	// not acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	VirtualMachineName string `json:"virtualMachineName,omitempty"`

	// guestConfig says how the guest learns its network: CloudInit (default) delivers network data; Manual delivers
	// nothing and only reports what the guest should have.
	// +optional
	GuestConfig GuestConfig `json:"guestConfig,omitempty"`

	// cpu is the number of virtual CPUs; 1 when nothing is said.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=512
	CPU int32 `json:"cpu,omitempty"`

	// memory is the memory of the guest, such as 4Gi; 1Gi when nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|Ei|K|M|G|T|P|E)?)?$`
	Memory string `json:"memory,omitempty"`

	// osImage is accepted for old manifests and not acted on: name an image on a disk instead.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	OSImage string `json:"osImage,omitempty"`

	// sshKeySecret names a Secret of this namespace whose values are authorized SSH keys of the guest's user. KubeVirt
	// reads it; the controller does not.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SSHKeySecret string `json:"sshKeySecret,omitempty"`

	// cloudInitUser is the user that cloud-init makes in the guest.
	// +optional
	CloudInitUser *CloudInitUser `json:"cloudInitUser,omitempty"`

	// networks are the guest's network interfaces, in order. Names are unique.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Networks []WukongNetwork `json:"networks,omitempty"`

	// disks are the guest's disks. Without any, no machine is asked for: the networks are prepared and that is all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Disks []Disk `json:"disks,omitempty"`

	// highAvailability says where the machine may run and what happens when it stops.
	// +optional
	HighAvailability *HighAvailability `json:"highAvailability,omitempty"`

	// startStrategy says when the machine is started.
	// +optional
	StartStrategy *StartStrategy `json:"startStrategy,omitempty"`

	// gpus are host devices that are passed to the guest.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	GPUs []GPU `json:"gpus,omitempty"`

	// restoreFromSnapshot is accepted for old manifests and not acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RestoreFromSnapshot string `json:"restoreFromSnapshot,omitempty"`
}

// GuestConfig says how a guest learns its network.
//
// +kubebuilder:validation:Enum=CloudInit;Manual
type GuestConfig string

// Ways in which a guest learns its network.
const (
	// GuestConfigCloudInit delivers network data by KubeVirt's cloud-init volume.
	GuestConfigCloudInit GuestConfig = "CloudInit"
	// GuestConfigManual delivers nothing.
	GuestConfigManual GuestConfig = "Manual"
)

// NetworkType is the kind of attachment.
//
// +kubebuilder:validation:Enum=bridge;macvlan;sriov;ovs
type NetworkType string

// Kinds of attachment.
const (
	// NetworkBridge attaches to a Linux bridge on the host.
	NetworkBridge NetworkType = "bridge"
	// NetworkMacvlan attaches beside the host's interface, by KubeVirt's macvtap binding plugin.
	NetworkMacvlan NetworkType = "macvlan"
	// NetworkSRIOV attaches a virtual function of the NIC.
	NetworkSRIOV NetworkType = "sriov"
	// NetworkOVS attaches to an Open vSwitch bridge on the host.
	NetworkOVS NetworkType = "ovs"
)

// PodNetworkName is the network name that means the pod network. It is left alone: no policy, attachment or lease.
const PodNetworkName = "default"

// WukongNetwork is one network interface of the guest. hostNetwork, type, bridgeName, physicalInterface, vlanId and nadName
// select a HostNetwork: all that are given must agree on exactly one. None of them ever reaches a host.
type WukongNetwork struct {
	// name identifies the network within the Wukong. "default" is the pod network.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// type is the kind of attachment; bridge when nothing is said.
	// +optional
	Type NetworkType `json:"type,omitempty"`

	// hostNetwork selects a HostNetwork by its name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	HostNetwork string `json:"hostNetwork,omitempty"`

	// nadName selects a HostNetwork by the name of a NetworkAttachmentDefinition of this namespace that attaches to its
	// bridge.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	NADName string `json:"nadName,omitempty"`

	// vlanId selects a HostNetwork by its VLAN, or one VLAN of a trunk.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4094
	VLANID *int32 `json:"vlanId,omitempty"`

	// bridgeName selects a HostNetwork by the name of its bridge or an alias of it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	BridgeName string `json:"bridgeName,omitempty"`

	// physicalInterface selects a HostNetwork by an interface of its uplinks or an alias of it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PhysicalInterface string `json:"physicalInterface,omitempty"`

	// macAddress is the MAC address of the interface; one that is derived from the Wukong's name and stays the same when
	// nothing is said.
	// +optional
	MACAddress *MACAddress `json:"macAddress,omitempty"`

	// mtu is the MTU that the guest sets, in bytes; absent leaves it to the guest, which learns that of the bridge.
	// +optional
	// +kubebuilder:validation:Minimum=68
	// +kubebuilder:validation:Maximum=9216
	MTU *int32 `json:"mtu,omitempty"`

	// ipConfig is the addressing of the guest. Without it the guest uses DHCP.
	// +optional
	IPConfig *IPConfig `json:"ipConfig,omitempty"`

	// primary says that this network takes the place of the pod network. At most one network of a Wukong is primary.
	// +optional
	Primary bool `json:"primary,omitempty"`

	// nodeIP is accepted for old manifests and not acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	NodeIP string `json:"nodeIP,omitempty"`
}

// IPMode says where a guest's addresses come from.
//
// +kubebuilder:validation:Enum=static;dhcp
type IPMode string

// Sources of a guest's addresses.
const (
	// IPModeStatic takes addresses that are leased here.
	IPModeStatic IPMode = "static"
	// IPModeDHCP leaves addressing to DHCP on the segment.
	IPModeDHCP IPMode = "dhcp"
)

// IPConfig is the addressing of one guest interface.
type IPConfig struct {
	// mode is static (an address is leased here) or dhcp (addressing is left to DHCP on the segment).
	// +required
	Mode IPMode `json:"mode"`

	// address is the static address with its prefix length, such as 192.0.2.10/24. Without it, one is taken from ipPool.
	// +optional
	Address *CIDR `json:"address,omitempty"`

	// gateway is the next hop of the default route.
	// +optional
	Gateway *Address `json:"gateway,omitempty"`

	// dnsServers are the guest's DNS servers on this interface.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	DNSServers []Address `json:"dnsServers,omitempty"`

	// searchDomains are the guest's DNS search domains on this interface.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	SearchDomains []DomainName `json:"searchDomains,omitempty"`

	// routes are further routes of the guest through this interface.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Routes []Route `json:"routes,omitempty"`

	// reserved keeps the address for this namespace, name and network when the Wukong is deleted.
	// +optional
	Reserved bool `json:"reserved,omitempty"`

	// ipPool names the AddressPool that an address is taken from, or that address must belong to when it is given.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	IPPool string `json:"ipPool,omitempty"`

	// sourceRouting makes the guest answer through the interface that was asked, by policy routing: each such interface has a
	// routing table of its own. Only guests that render their network with netplan do it.
	// +optional
	SourceRouting bool `json:"sourceRouting,omitempty"`

	// additionalAddresses are further addresses of the interface, of either family: this is how dual stack is written.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	AdditionalAddresses []AdditionalAddress `json:"additionalAddresses,omitempty"`
}

// All gives every address of the interface in the order of the spec: the one that ipConfig itself states first. It is empty for
// nil, and does not say whether the mode uses them.
func (c *IPConfig) All() []AdditionalAddress {
	if c == nil {
		return nil
	}
	first := AdditionalAddress{Address: c.Address, IPPool: c.IPPool, Gateway: c.Gateway, Reserved: c.Reserved}
	return append([]AdditionalAddress{first}, c.AdditionalAddresses...)
}

// AdditionalAddress is a further address of an interface: an explicit one, or one from a pool.
//
// +kubebuilder:validation:XValidation:rule="has(self.address) != has(self.ipPool)",message="give either address or ipPool"
type AdditionalAddress struct {
	// address is the static address with its prefix length.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Address *CIDR `json:"address,omitempty"`

	// ipPool names the AddressPool that the address is taken from.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	IPPool string `json:"ipPool,omitempty"`

	// gateway is the next hop of the default route of this family.
	// +optional
	Gateway *Address `json:"gateway,omitempty"`

	// reserved keeps the address for this namespace, name and network when the Wukong is deleted.
	// +optional
	Reserved bool `json:"reserved,omitempty"`
}

// CloudInitUser is the user that cloud-init makes in the guest.
type CloudInitUser struct {
	// name is the login name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Name string `json:"name"`

	// password is a password in clear text. Prefer passwordHash, or keys by sshKeySecret.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Password string `json:"password,omitempty"`

	// passwordHash is a password hash in crypt(3) form.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PasswordHash string `json:"passwordHash,omitempty"`

	// sudo is a sudoers rule, such as "ALL=(ALL) NOPASSWD:ALL".
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Sudo string `json:"sudo,omitempty"`

	// shell is the login shell.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Shell string `json:"shell,omitempty"`

	// groups are further groups of the user.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	Groups []string `json:"groups,omitempty"`

	// lockPasswd forbids logging in with a password.
	// +optional
	LockPasswd *bool `json:"lockPasswd,omitempty"`
}

// Disk is one disk of the guest.
type Disk struct {
	// name identifies the disk within the Wukong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// size is the capacity, such as 20Gi.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|Ei|K|M|G|T|P|E)?$`
	Size string `json:"size"`

	// storageClassName is the storage class of the volume; the cluster's default one when nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName string `json:"storageClassName,omitempty"`

	// boot says that the guest boots from this disk.
	// +optional
	Boot bool `json:"boot,omitempty"`

	// image is where the content comes from: docker://registry/image:tag or an http(s) URL. Without it the disk is blank.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Image string `json:"image,omitempty"`
}

// HighAvailability says where the machine may run and what happens when it stops.
type HighAvailability struct {
	// restartPolicy says whether a stopped machine is started again.
	// +optional
	// +kubebuilder:validation:Enum=Always;OnFailure;Never
	RestartPolicy string `json:"restartPolicy,omitempty"`

	// antiAffinity keeps machines of this namespace that ask for it on different nodes where possible.
	// +optional
	AntiAffinity bool `json:"antiAffinity,omitempty"`

	// nodeSelector restricts the machine to nodes with these labels.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(key, size(key) <= 317 && size(self[key]) <= 63)",message="nodeSelector must have keys and values of labels: a value has at most 63 characters"
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations let the machine run on tainted nodes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// StartStrategy says when the machine is started.
type StartStrategy struct {
	// runStrategy is KubeVirt's run strategy.
	// +optional
	// +kubebuilder:validation:Enum=Always;RerunOnFailure;Manual
	RunStrategy string `json:"runStrategy,omitempty"`

	// autoStart false leaves the machine stopped until somebody starts it, when runStrategy says nothing.
	// +optional
	AutoStart *bool `json:"autoStart,omitempty"`
}

// GPU is a host device that is passed to the guest.
type GPU struct {
	// name identifies the device within the Wukong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// deviceName is the resource name that the device plugin offers, such as nvidia.com/TU104GL_Tesla_T4.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	DeviceName string `json:"deviceName"`
}
