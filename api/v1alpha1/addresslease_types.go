package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AddressLease says who holds one address on one segment. Its name is computed from both, so that creating it is the lock:
// the API server lets one caller succeed. The controller alone writes leases; people read them, and free one by an
// annotation. There is no status subresource: holder, phase and history change in one write.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=addressleases,singular=addresslease,scope=Cluster,shortName=wkip,categories=wukong-network
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.spec.address`
// +kubebuilder:printcolumn:name="Segment",type=string,JSONPath=`.spec.segment`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.spec.phase`
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.spec.holder.namespace`
// +kubebuilder:printcolumn:name="Holder",type=string,JSONPath=`.spec.holder.name`
// +kubebuilder:printcolumn:name="Network",type=string,JSONPath=`.spec.holder.network`,priority=1
// +kubebuilder:printcolumn:name="MAC",type=string,JSONPath=`.spec.mac`,priority=1
// +kubebuilder:printcolumn:name="Pool",type=string,JSONPath=`.spec.pool`,priority=1
// +kubebuilder:printcolumn:name="Conflict",type=string,JSONPath=`.spec.conflict`,priority=1
// +kubebuilder:printcolumn:name="Since",type=date,JSONPath=`.spec.since`
// +kubebuilder:selectablefield:JSONPath=`.spec.address`
// +kubebuilder:selectablefield:JSONPath=`.spec.segment`
// +kubebuilder:selectablefield:JSONPath=`.spec.pool`
// +kubebuilder:selectablefield:JSONPath=`.spec.phase`
// +kubebuilder:selectablefield:JSONPath=`.spec.hostNetwork`
// +kubebuilder:selectablefield:JSONPath=`.spec.holder.uid`
// +kubebuilder:selectablefield:JSONPath=`.spec.holder.namespace`
// +kubebuilder:selectablefield:JSONPath=`.spec.holder.name`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'ip-' + self.spec.address.replace('.', '-').replace(':', '-') + (self.spec.address.endsWith(':') ? '0.' : '.') + self.spec.segment",message="metadata.name must be ip-ADDRESS.SEGMENT with the address's dots and colons written as dashes, and a 0 after a trailing one"
type AddressLease struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the state of the lease.
	// +required
	Spec AddressLeaseSpec `json:"spec"`
}

// AddressLeaseList is a list of AddressLeases.
//
// +kubebuilder:object:root=true
type AddressLeaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AddressLease `json:"items"`
}

// AddressLeaseSpec is the state of a lease.
//
// +kubebuilder:validation:XValidation:rule="self.phase in ['Released', 'Cooling'] || has(self.holder)",message="a lease that is not Released or Cooling has a holder"
type AddressLeaseSpec struct {
	// address is the address in canonical form, without a prefix length. It is immutable.
	// +required
	// +kubebuilder:validation:MaxLength=39
	// +kubebuilder:validation:XValidation:rule="isIP(self) && ip.isCanonical(self)",message="must be an address in canonical form"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="address is immutable"
	Address string `json:"address"`

	// segment is the physical network, with .VLAN unless untagged. It is immutable.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.([1-9][0-9]{0,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-4]))?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="segment is immutable"
	Segment string `json:"segment"`

	// phase is where the lease stands.
	// +required
	Phase LeasePhase `json:"phase"`

	// holder has the address, or had it last while the lease is Releasing or Cooling, or may have it again while Reserved.
	// +optional
	Holder *LeaseHolder `json:"holder,omitempty"`

	// prefixLength is the prefix length that the holder uses with the address.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=128
	PrefixLength int32 `json:"prefixLength,omitempty"`

	// hostNetwork is the HostNetwork that the holder attaches to.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	HostNetwork string `json:"hostNetwork,omitempty"`

	// pool is the AddressPool that the address was taken from; empty for an address that the Wukong named.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Pool string `json:"pool,omitempty"`

	// mac is the MAC address of the holder's interface.
	// +optional
	// +kubebuilder:validation:MaxLength=17
	MAC string `json:"mac,omitempty"`

	// reserved keeps the address for its holder's namespace, name and network when the holder goes.
	// +optional
	Reserved bool `json:"reserved,omitempty"`

	// since is when the lease entered its phase.
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Since metav1.Time `json:"since"`

	// until is when a Cooling lease may be given to somebody else.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Until *metav1.Time `json:"until,omitempty"`

	// conflict is what collides with this address now, for engineers; absent when nothing is known to.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Conflict string `json:"conflict,omitempty"`

	// conflictSince is when the collision was found.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	ConflictSince *metav1.Time `json:"conflictSince,omitempty"`

	// history are the last holders, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	History []LeaseChange `json:"history,omitempty"`
}

// LeasePhase is where a lease stands.
//
// +kubebuilder:validation:Enum=Allocated;Releasing;Cooling;Reserved;Released
type LeasePhase string

// Phases of a lease.
const (
	// LeaseAllocated: the holder has the address.
	LeaseAllocated LeasePhase = "Allocated"
	// LeaseReleasing: the holder no longer asks for it, and it is not yet proved that no machine can use it.
	LeaseReleasing LeasePhase = "Releasing"
	// LeaseCooling: nobody uses it, and it rests before somebody else may have it.
	LeaseCooling LeasePhase = "Cooling"
	// LeaseReserved: nobody uses it, and it waits for its holder.
	LeaseReserved LeasePhase = "Reserved"
	// LeaseReleased: free; the object is kept as a record.
	LeaseReleased LeasePhase = "Released"
)

// ConflictWarning begins spec.conflict where the other side is something that tenants or guests say.
const ConflictWarning = "warning: "

// LeaseHolder identifies one network of one Wukong. The UID decides, not the name.
type LeaseHolder struct {
	// namespace is the namespace of the Wukong.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`

	// namespaceUID tells a namespace from one that was made again under its name.
	// +optional
	NamespaceUID types.UID `json:"namespaceUID,omitempty"`

	// name is the name of the Wukong.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid is the UID of the Wukong.
	// +required
	UID types.UID `json:"uid"`

	// network is the name of the network within the Wukong.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Network string `json:"network"`

	// virtualMachine is the name of the VirtualMachine that uses the address.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	VirtualMachine string `json:"virtualMachine,omitempty"`
}

// LeaseChange is one change of hands.
type LeaseChange struct {
	// holder is namespace/name of the Wukong and its network, such as team-a/web/eth0.
	// +required
	// +kubebuilder:validation:MaxLength=700
	Holder string `json:"holder"`

	// uid is the UID of the Wukong.
	// +optional
	UID types.UID `json:"uid,omitempty"`

	// mac is the MAC address of the holder's interface.
	// +optional
	// +kubebuilder:validation:MaxLength=17
	MAC string `json:"mac,omitempty"`

	// from is when the holder got the address.
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	From metav1.Time `json:"from"`

	// until is when it was proved free.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Until *metav1.Time `json:"until,omitempty"`

	// reason says why the holder lost it, in one word of the vocabulary of reasons.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
}
