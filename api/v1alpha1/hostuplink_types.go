package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// HostUplink says which interface of which nodes leads to which L2 fabric. It serves every HostNetwork of that fabric.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=hostuplinks,singular=hostuplink,scope=Cluster,shortName=wkuplink,categories=wukong-network
// +kubebuilder:printcolumn:name="Fabric",type=string,JSONPath=`.spec.physicalNetwork`
// +kubebuilder:printcolumn:name="Interface",type=string,JSONPath=`.status.interface`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Nodes",type=string,JSONPath=`.status.nodesSummary`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.physicalNetwork`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 40 characters, because node labels and policies carry it"
type HostUplink struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the platform team declares.
	// +required
	Spec HostUplinkSpec `json:"spec"`

	// status is what is known, node by node.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status HostUplinkStatus `json:"status,omitempty"`
}

// HostUplinkList is a list of HostUplinks.
//
// +kubebuilder:object:root=true
type HostUplinkList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []HostUplink `json:"items"`
}

// HostUplinkSpec declares an uplink.
//
// +kubebuilder:validation:XValidation:rule="has(self.interface) != has(self.bond)",message="give either interface or bond"
// +kubebuilder:validation:XValidation:rule="(has(self.management) && self.management == 'External') == has(self.externalPolicy)",message="give externalPolicy, the policy to observe, with management: External and only then"
// +kubebuilder:validation:XValidation:rule="has(self.nativeVlan) == has(oldSelf.nativeVlan) && (!has(self.nativeVlan) || self.nativeVlan == oldSelf.nativeVlan)",message="nativeVlan is immutable, because leases carry the segment that follows from it: create a new HostUplink instead"
type HostUplinkSpec struct {
	// physicalNetwork is the L2 fabric that the uplink leads to. It is immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="physicalNetwork is immutable, because leases carry it: create a new HostUplink instead"
	PhysicalNetwork PhysicalNetworkName `json:"physicalNetwork"`

	// nodeSelector matches the nodes that have this uplink. An empty selector ({}) matches every node. A node belongs to
	// at most one HostUplink of a physical network: the oldest keeps it.
	// +required
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 64) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 64)",message="nodeSelector must have at most 64 labels and 64 expressions"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchLabels) || self.matchLabels.all(key, size(key) <= 317 && size(self.matchLabels[key]) <= 63)",message="matchLabels must have keys and values of labels: a value has at most 63 characters"
	NodeSelector metav1.LabelSelector `json:"nodeSelector"`

	// interface is the NIC, or an existing bond, that leads to the fabric.
	// +optional
	Interface InterfaceName `json:"interface,omitempty"`

	// bond is built by the revision and then used as the uplink.
	// +optional
	Bond *Bond `json:"bond,omitempty"`

	// mtu is the MTU of the uplink in bytes; absent leaves it as it is.
	// +optional
	// +kubebuilder:validation:Minimum=68
	// +kubebuilder:validation:Maximum=9216
	MTU *int32 `json:"mtu,omitempty"`

	// nativeVlan is the VLAN that untagged frames belong to on this fabric. It makes the untagged segment and that VLAN
	// one. It is immutable.
	// +optional
	NativeVLAN *VLANID `json:"nativeVlan,omitempty"`

	// protect says what happens on a node whose uplink carries the node's address or default route: Refuse (default)
	// leaves the node out; Preserve moves addresses, routes and DNS to the bridge.
	// +optional
	// +kubebuilder:default=Refuse
	Protect Protect `json:"protect,omitempty"`

	// rollout says how many nodes change at a time.
	// +optional
	// +kubebuilder:default={}
	Rollout Rollout `json:"rollout,omitempty"`

	// management is Managed (default: policies are written by the controller) or External (a policy that a pipeline
	// applies is only observed).
	// +optional
	// +kubebuilder:default=Managed
	Management Management `json:"management,omitempty"`

	// externalPolicy is the name of the NodeNetworkConfigurationPolicy to observe when management is External.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ExternalPolicy string `json:"externalPolicy,omitempty"`

	// paused stops every change of hosts by this uplink; what is under way goes on.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// BondOption is the value of an option of the kernel's bonding driver, such as 100 or layer3+4.
//
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^[-A-Za-z0-9_.:+,/]*$`
type BondOption string

// Bond is a link aggregation.
//
// +kubebuilder:validation:XValidation:rule="!(self.name in self.ports)",message="name must not be one of the ports"
type Bond struct {
	// name is the name of the bond interface.
	// +required
	Name InterfaceName `json:"name"`

	// mode is the kernel's bonding mode.
	// +required
	// +kubebuilder:validation:Enum=balance-rr;active-backup;balance-xor;broadcast;802.3ad;balance-tlb;balance-alb
	Mode string `json:"mode"`

	// ports are the NICs of the bond.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []InterfaceName `json:"ports"`

	// options are further options of the kernel's bonding driver, such as miimon or lacp_rate.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(name, size(name) <= 32)",message="names of options have at most 32 characters"
	Options map[string]BondOption `json:"options,omitempty"`
}

// Protect says what happens to an uplink that the node itself lives on.
//
// +kubebuilder:validation:Enum=Refuse;Preserve
type Protect string

// Kinds of protection.
const (
	// ProtectRefuse leaves the node out.
	ProtectRefuse Protect = "Refuse"
	// ProtectPreserve moves the node's addresses, routes and DNS to the bridge.
	ProtectPreserve Protect = "Preserve"
)

// Management says who writes policies.
//
// +kubebuilder:validation:Enum=Managed;External
type Management string

// Kinds of management.
const (
	// ManagementManaged: the controller writes policies.
	ManagementManaged Management = "Managed"
	// ManagementExternal: a policy that somebody else applies is only observed.
	ManagementExternal Management = "External"
)

// Rollout says how many nodes change at a time.
type Rollout struct {
	// canary is the number of nodes that must have a new revision before any other node gets it.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	Canary *int32 `json:"canary,omitempty"`

	// maxUnavailable is how many nodes may be in transition at a time, over all HostUplinks: a number, or a percentage of
	// the nodes that this uplink matches, rounded up, at least 1.
	// +optional
	// +kubebuilder:default="10%"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^([1-9][0-9]?|100)%$') : int(self) >= 1 && int(self) <= 100000",message="must be a number from 1 to 100000, or a percentage from 1% to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

// HostUplinkStatus is what is known about an uplink.
type HostUplinkStatus struct {
	// observedGeneration is the generation that this status speaks of; -1 until the controller has looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// interface is the name of the uplink interface: the NIC or the bond.
	// +optional
	Interface string `json:"interface,omitempty"`

	// revision is the NodeNetworkConfigurationPolicy that nodes should be on; empty when no network needs the uplink.
	// +optional
	Revision string `json:"revision,omitempty"`

	// lastGoodRevision is the revision that every eligible node had last; a rollback goes to it.
	// +optional
	LastGoodRevision string `json:"lastGoodRevision,omitempty"`

	// provenPolicy is the version of externalPolicy that every eligible node was last seen to have carried out.
	// +optional
	ProvenPolicy *PolicyVersion `json:"provenPolicy,omitempty"`

	// departed are nodes that left the cluster with a revision, the latest first. One that comes back is known by it.
	// +optional
	// +listType=map
	// +listMapKey=node
	// +kubebuilder:validation:MaxItems=64
	Departed []DepartedNode `json:"departed,omitempty"`

	// networks are the HostNetworks that the revision builds.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Networks []string `json:"networks,omitempty"`

	// nodesSummary says how many of the eligible nodes have the revision, such as 2/3.
	// +optional
	NodesSummary string `json:"nodesSummary,omitempty"`

	// nodes counts nodes by progress.
	// +optional
	Nodes NodeCounts `json:"nodes,omitempty"`

	// problems are the first nodes, by name, that are left out, failing or silent.
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

// PolicyVersion is a policy as it was declared at one time.
type PolicyVersion struct {
	// uid is the UID of the policy.
	// +required
	UID types.UID `json:"uid"`

	// generation is that of the policy.
	// +required
	Generation int64 `json:"generation"`
}

// DepartedNode is a node that left the cluster while it had a revision.
type DepartedNode struct {
	// node is the name of the node.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Node string `json:"node"`

	// revision is the policy that the node was on.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision"`

	// since is when the node was missed.
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Since metav1.Time `json:"since"`
}
