package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// HostNetwork is a network that virtual machines may attach to: a segment of an L2 fabric, the bridge that leads to it on
// every node with an uplink to that fabric, and the namespaces that may use it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=hostnetworks,singular=hostnetwork,scope=Cluster,shortName=wknet,categories=wukong-network
// +kubebuilder:printcolumn:name="Segment",type=string,JSONPath=`.status.segment`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Bridge",type=string,JSONPath=`.status.bridge`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Nodes",type=string,JSONPath=`.status.nodesSummary`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.physicalNetwork`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 40 characters, because node labels and attachments carry it"
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 12 || (has(self.spec.bridge) && has(self.spec.bridge.name)) || !(self.spec.type in ['bridge', 'ovs'])",message="spec.bridge.name is required when metadata.name is longer than 12 characters, because the kernel allows 15 characters for br-NAME"
type HostNetwork struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the platform team declares.
	// +required
	Spec HostNetworkSpec `json:"spec"`

	// status is what is known.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status HostNetworkStatus `json:"status,omitempty"`
}

// HostNetworkList is a list of HostNetworks.
//
// +kubebuilder:object:root=true
type HostNetworkList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []HostNetwork `json:"items"`
}

// HostNetworkSpec declares a network.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.vlan) && has(self.trunk))",message="give vlan (one VLAN by a sub-interface) or trunk (a vlan-filtering bridge), not both"
// +kubebuilder:validation:XValidation:rule="has(self.vlan) == has(oldSelf.vlan) && (!has(self.vlan) || self.vlan == oldSelf.vlan) && has(self.trunk) == has(oldSelf.trunk)",message="vlan is immutable, because leases carry the segment that follows from it: create a new HostNetwork instead"
// +kubebuilder:validation:XValidation:rule="(has(self.bridge) && has(self.bridge.name)) == (has(oldSelf.bridge) && has(oldSelf.bridge.name))",message="bridge.name is immutable, because machines attach to it: create a new HostNetwork instead"
// +kubebuilder:validation:XValidation:rule="!has(self.trunk) || self.type in ['bridge', 'ovs']",message="trunk needs type bridge or ovs"
// +kubebuilder:validation:XValidation:rule="!has(self.sriov) || self.type == 'sriov'",message="sriov needs type sriov"
// +kubebuilder:validation:XValidation:rule="!has(self.macvlan) || self.type == 'macvlan'",message="macvlan needs type macvlan"
type HostNetworkSpec struct {
	// physicalNetwork is the L2 fabric, as HostUplinks name it. It is immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="physicalNetwork is immutable, because leases carry it: create a new HostNetwork instead"
	PhysicalNetwork PhysicalNetworkName `json:"physicalNetwork"`

	// type is the kind of attachment.
	// +optional
	// +kubebuilder:default=bridge
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="type is immutable, because machines attach by it: create a new HostNetwork instead"
	Type NetworkType `json:"type,omitempty"`

	// vlan makes the network one VLAN of the fabric, by a sub-interface of the uplink below the bridge. Absent, with no
	// trunk either, means untagged frames.
	// +optional
	VLAN *VLANID `json:"vlan,omitempty"`

	// trunk makes a vlan-filtering bridge that carries these VLANs, from which each Wukong picks one by vlanId.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Trunk []TrunkRange `json:"trunk,omitempty"`

	// bridge is the bridge on the hosts.
	// +optional
	Bridge *Bridge `json:"bridge,omitempty"`

	// sriov describes virtual functions; only with type sriov.
	// +optional
	SRIOV *SRIOV `json:"sriov,omitempty"`

	// macvlan describes attachments by MACVTAP; only with type macvlan.
	// +optional
	Macvlan *Macvlan `json:"macvlan,omitempty"`

	// mtu is the MTU of the bridge in bytes; absent means that of the uplink.
	// +optional
	// +kubebuilder:validation:Minimum=68
	// +kubebuilder:validation:Maximum=9216
	MTU *int32 `json:"mtu,omitempty"`

	// cniType is the type of the CNI plugin that attachments name: bridge (default) or cnv-bridge, its name on OpenShift.
	// +optional
	// +kubebuilder:validation:Enum=bridge;cnv-bridge
	CNIType string `json:"cniType,omitempty"`

	// allowedNamespaces opens the network to namespaces; nobody may use it unless said.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// explicitAddresses is Allowed (default) or PoolOnly (addresses come from pools alone).
	// +optional
	// +kubebuilder:default=Allowed
	ExplicitAddresses ExplicitAddresses `json:"explicitAddresses,omitempty"`

	// aliases are further names by which Wukongs may select this network.
	// +optional
	Aliases *Aliases `json:"aliases,omitempty"`

	// default makes this the network of Wukong networks of its type that select none. The oldest default is honoured.
	// +optional
	Default bool `json:"default,omitempty"`

	// provision is OnDemand (default: built at first use, kept until linger after the last) or Always.
	// +optional
	// +kubebuilder:default=OnDemand
	Provision Provision `json:"provision,omitempty"`

	// linger is how long an OnDemand network stays on hosts after its last use.
	// +optional
	// +kubebuilder:default="24h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == '0' || (self.matches('^([0-9]{1,6}([.][0-9]{1,6})?(ns|us|ms|s|m|h))+$') && duration(self) <= duration('8760h'))",message="must be a duration of at most a year (8760h), such as 90s, 5m or 24h"
	Linger *metav1.Duration `json:"linger,omitempty"`

	// repairDrift renews a revision on nodes whose state no longer shows what was built.
	// +optional
	RepairDrift bool `json:"repairDrift,omitempty"`

	// reclaimPolicy is Delete (default: what was built is taken back) or Retain (hosts stay as they are).
	// +optional
	// +kubebuilder:default=Delete
	ReclaimPolicy ReclaimPolicy `json:"reclaimPolicy,omitempty"`
}

// TrunkRange is a range of VLANs, open to namespaces.
//
// +kubebuilder:validation:XValidation:rule="self.min <= self.max",message="min must not be greater than max"
type TrunkRange struct {
	// min is the first VLAN.
	// +required
	Min VLANID `json:"min"`

	// max is the last VLAN.
	// +required
	Max VLANID `json:"max"`

	// allowedNamespaces narrows who may pick a VLAN of this range; absent means whoever may use the network.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`
}

// Bridge is a bridge on hosts.
type Bridge struct {
	// name is the name of the bridge; br-NAME of the HostNetwork when nothing is said. It is immutable.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="bridge.name is immutable, because machines attach to it: create a new HostNetwork instead"
	Name InterfaceName `json:"name,omitempty"`

	// stp turns the spanning tree protocol on.
	// +optional
	STP bool `json:"stp,omitempty"`
}

// Macvlan describes attachments by MACVTAP.
type Macvlan struct {
	// resourceName is the resource that the macvtap device plugin offers for the interface; macvtap.network.kubevirt.io/NAME
	// of the HostNetwork when nothing is said.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	ResourceName string `json:"resourceName,omitempty"`
}

// SRIOV describes virtual functions.
type SRIOV struct {
	// resourceName is the resource that the device plugin offers, such as openshift.io/fast. With it attachments are made;
	// without it a Wukong names one of its namespace by nadName.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	ResourceName string `json:"resourceName,omitempty"`

	// totalVFs sets the number of virtual functions of the uplink; absent leaves it to whoever sets it today.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=256
	TotalVFs *int32 `json:"totalVFs,omitempty"`
}

// Aliases are names by which manifests in the wild may call a network.
type Aliases struct {
	// bridgeNames are names that bridgeName of a Wukong may give.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[^\p{C}\p{Zl}\p{Zp}]*$`
	BridgeNames []string `json:"bridgeNames,omitempty"`

	// interfaces are names that physicalInterface of a Wukong may give.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[^\p{C}\p{Zl}\p{Zp}]*$`
	Interfaces []string `json:"interfaces,omitempty"`
}

// ExplicitAddresses says whether Wukongs may name addresses.
//
// +kubebuilder:validation:Enum=Allowed;PoolOnly
type ExplicitAddresses string

// Rules about explicit addresses.
const (
	// ExplicitAllowed: Wukongs may name addresses.
	ExplicitAllowed ExplicitAddresses = "Allowed"
	// ExplicitPoolOnly: addresses come from pools alone.
	ExplicitPoolOnly ExplicitAddresses = "PoolOnly"
)

// Provision says when a network is built on hosts.
//
// +kubebuilder:validation:Enum=OnDemand;Always
type Provision string

// Times of building.
const (
	// ProvisionOnDemand: at first use, until linger after the last.
	ProvisionOnDemand Provision = "OnDemand"
	// ProvisionAlways: as long as the HostNetwork exists.
	ProvisionAlways Provision = "Always"
)

// ReclaimPolicy says what happens to hosts when a network goes.
//
// +kubebuilder:validation:Enum=Delete;Retain
type ReclaimPolicy string

// Ways of going.
const (
	// ReclaimDelete takes back what was built.
	ReclaimDelete ReclaimPolicy = "Delete"
	// ReclaimRetain leaves hosts as they are.
	ReclaimRetain ReclaimPolicy = "Retain"
)

// HostNetworkStatus is what is known about a network.
type HostNetworkStatus struct {
	// observedGeneration is the generation that this status speaks of; -1 until the controller has looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// segment is the broadcast domain: the physical network, with .VLAN unless untagged. A trunk has one for each VLAN, written
	// as fabric.100-199,300.
	// +optional
	Segment string `json:"segment,omitempty"`

	// bridge is the name of the bridge on the hosts.
	// +optional
	Bridge string `json:"bridge,omitempty"`

	// uplinks are the HostUplinks that serve the network.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Uplinks []string `json:"uplinks,omitempty"`

	// users is the number of Wukongs and leases that use the network.
	// +optional
	Users int32 `json:"users,omitempty"`

	// usedBy are the first users, by name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	UsedBy []string `json:"usedBy,omitempty"`

	// vlansInUse are the VLANs of a trunk that users have picked, such as 100-103,150. They are not taken from hosts.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	VLANsInUse string `json:"vlansInUse,omitempty"`

	// provisioned says that hosts should have the network now.
	// +optional
	Provisioned bool `json:"provisioned,omitempty"`

	// lastUsed is when the last user went; absent while there is one.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	LastUsed *metav1.Time `json:"lastUsed,omitempty"`

	// eligibleNodes is the number of nodes that should have the network.
	// +optional
	EligibleNodes int32 `json:"eligibleNodes,omitempty"`

	// readyNodes is the number of nodes that have the network.
	// +optional
	ReadyNodes int32 `json:"readyNodes,omitempty"`

	// nodesSummary says how many of the eligible nodes have the network, such as 2/3.
	// +optional
	NodesSummary string `json:"nodesSummary,omitempty"`

	// problems are the first nodes, by name, that should have the network and do not, or were left out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Problems []NodeProblem `json:"problems,omitempty"`

	// notActedOn lists fields that are accepted but have no effect.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	NotActedOn []FieldNotice `json:"notActedOn,omitempty"`

	// conditions are Ready, Reconciling and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
