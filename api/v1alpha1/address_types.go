package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AddressPool is a set of addresses of one family on one segment that Wukongs may draw from.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=addresspools,singular=addresspool,scope=Cluster,shortName=wkpool,categories=wukong-network
// +kubebuilder:printcolumn:name="Subnet",type=string,JSONPath=`.spec.subnet`
// +kubebuilder:printcolumn:name="Fabric",type=string,JSONPath=`.spec.segment.physicalNetwork`
// +kubebuilder:printcolumn:name="VLAN",type=integer,JSONPath=`.spec.segment.vlan`
// +kubebuilder:printcolumn:name="Total",type=string,JSONPath=`.status.total`
// +kubebuilder:printcolumn:name="Allocated",type=integer,JSONPath=`.status.allocated`
// +kubebuilder:printcolumn:name="Reserved",type=integer,JSONPath=`.status.reserved`
// +kubebuilder:printcolumn:name="Free",type=string,JSONPath=`.status.free`
// +kubebuilder:printcolumn:name="Missing",type=integer,JSONPath=`.status.missing`
// +kubebuilder:printcolumn:name="Conflicts",type=integer,JSONPath=`.status.conflicts`
// +kubebuilder:printcolumn:name="Cooling",type=integer,JSONPath=`.status.cooling`,priority=1
// +kubebuilder:printcolumn:name="Gateway",type=string,JSONPath=`.spec.gateway`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.segment.physicalNetwork`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 40 characters"
type AddressPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the platform team declares.
	// +required
	Spec AddressPoolSpec `json:"spec"`

	// status is what is known.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AddressPoolStatus `json:"status,omitempty"`
}

// AddressPoolList is a list of AddressPools.
//
// +kubebuilder:object:root=true
type AddressPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AddressPool `json:"items"`
}

// AddressPoolSpec declares a pool.
//
// +kubebuilder:validation:XValidation:rule="!isCIDR(self.subnet) || !has(self.ranges) || self.ranges.all(r, r.contains('/') ? cidr(self.subnet).containsCIDR(r) : r.contains('-') ? cidr(self.subnet).containsIP(r.substring(0, r.indexOf('-'))) && cidr(self.subnet).containsIP(r.substring(r.indexOf('-') + 1)) : cidr(self.subnet).containsIP(r))",message="ranges must lie in subnet"
// +kubebuilder:validation:XValidation:rule="!isCIDR(self.subnet) || !has(self.exclude) || self.exclude.all(r, r.contains('/') ? cidr(self.subnet).containsCIDR(r) : r.contains('-') ? cidr(self.subnet).containsIP(r.substring(0, r.indexOf('-'))) && cidr(self.subnet).containsIP(r.substring(r.indexOf('-') + 1)) : cidr(self.subnet).containsIP(r))",message="exclude must lie in subnet"
// +kubebuilder:validation:XValidation:rule="!isCIDR(self.subnet) || !has(self.gateway) || !isIP(self.gateway) || cidr(self.subnet).containsIP(self.gateway) || (ip(self.gateway).family() == 6 && ip(self.gateway).isLinkLocalUnicast() && cidr(self.subnet).ip().family() == 6)",message="gateway must lie in subnet, or be an IPv6 link-local address"
type AddressPoolSpec struct {
	// segment is the broadcast domain that the addresses are used on. It is immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="segment is immutable, because leases carry it: create a new AddressPool instead"
	Segment Segment `json:"segment"`

	// subnet is the prefix of the segment; addresses get its length. It is immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="subnet is immutable, because guests carry its length: create a new AddressPool instead"
	// +kubebuilder:validation:XValidation:rule="!isCIDR(self) || cidr(self).prefixLength() >= (cidr(self).ip().family() == 4 ? 8 : 64)",message="subnet must have a prefix length of at least 8 (IPv4) or 64 (IPv6), that of a subnet on one segment"
	Subnet Subnet `json:"subnet"`

	// ranges are the addresses that may be given out without being named; the whole subnet when nothing is said. An empty
	// list is refused, since it could be read either way.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1024
	Ranges []AddressRange `json:"ranges,omitempty"`

	// exclude are addresses that are never given out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	Exclude []AddressRange `json:"exclude,omitempty"`

	// gateway is the next hop that addresses of this pool inherit. It is never given out.
	// +optional
	Gateway *Address `json:"gateway,omitempty"`

	// dnsServers are what addresses of this pool inherit. They are never given out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	DNSServers []Address `json:"dnsServers,omitempty"`

	// searchDomains are what addresses of this pool inherit.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	SearchDomains []DomainName `json:"searchDomains,omitempty"`

	// routes are what addresses of this pool inherit.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Routes []Route `json:"routes,omitempty"`

	// allowedNamespaces opens the pool to namespaces; absent means whoever may use a network on the segment.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// cooldown is how long a released address rests before somebody else may have it.
	// +optional
	// +kubebuilder:default="5m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == '0' || (self.matches('^([0-9]{1,6}([.][0-9]{1,6})?(ns|us|ms|s|m|h))+$') && duration(self) <= duration('8760h'))",message="must be a duration of at most a year (8760h), such as 90s, 5m or 24h"
	Cooldown *metav1.Duration `json:"cooldown,omitempty"`
}

// AddressPoolStatus is what is known about a pool.
type AddressPoolStatus struct {
	// observedGeneration is the generation that this status speaks of; -1 until the controller has looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// total is the number of addresses that may be given out, as a decimal number or a power of two.
	// +optional
	Total string `json:"total,omitempty"`

	// allocated is the number of addresses that are held, those that are being released included.
	// +optional
	Allocated int64 `json:"allocated,omitempty"`

	// reserved is the number of addresses that wait for their holder, or that reservations keep out of use.
	// +optional
	Reserved int64 `json:"reserved,omitempty"`

	// cooling is the number of addresses that rest after their release.
	// +optional
	Cooling int64 `json:"cooling,omitempty"`

	// free is the number of addresses that can be given out now, as a decimal number or a power of two.
	// +optional
	Free string `json:"free,omitempty"`

	// missing is the number of addresses that Wukongs wait for and the pool cannot give.
	// +optional
	Missing int64 `json:"missing,omitempty"`

	// conflicts is the number of leases of the pool whose address collides with something.
	// +optional
	Conflicts int64 `json:"conflicts,omitempty"`

	// outside are the first leases, by name, that were taken from the pool and that it would not give out today, because its
	// ranges or exclusions changed. Their holders keep them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Outside []string `json:"outside,omitempty"`

	// conditions are Ready, Reconciling and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AddressReservation keeps addresses of a segment out of use, or for one holder to come. It is intent, made to be kept in
// Git; leases are state.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=addressreservations,singular=addressreservation,scope=Cluster,shortName=wkres,categories=wukong-network
// +kubebuilder:printcolumn:name="Fabric",type=string,JSONPath=`.spec.segment.physicalNetwork`
// +kubebuilder:printcolumn:name="VLAN",type=integer,JSONPath=`.spec.segment.vlan`
// +kubebuilder:printcolumn:name="Addresses",type=string,JSONPath=`.spec.addresses`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.segment.physicalNetwork`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 40 characters"
type AddressReservation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the platform team declares.
	// +required
	Spec AddressReservationSpec `json:"spec"`

	// status is what is known.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AddressReservationStatus `json:"status,omitempty"`
}

// AddressReservationList is a list of AddressReservations.
//
// +kubebuilder:object:root=true
type AddressReservationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AddressReservation `json:"items"`
}

// AddressReservationSpec declares a reservation.
type AddressReservationSpec struct {
	// segment is the broadcast domain of the addresses.
	// +required
	Segment Segment `json:"segment"`

	// addresses are kept back.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Addresses []AddressRange `json:"addresses"`

	// for names the one holder that may take them; absent means that they are out of use.
	// +optional
	For *ReservedFor `json:"for,omitempty"`

	// reason says to people why, such as "printer, 2nd floor", in one line.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[^\p{C}\p{Zl}\p{Zp}]*$`
	Reason string `json:"reason"`
}

// ReservedFor names a network of a Wukong that may not exist yet.
type ReservedFor struct {
	// namespace is the namespace of the Wukong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`

	// name is the name of the Wukong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// network is the name of the network within the Wukong; absent means any.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	Network string `json:"network,omitempty"`
}

// AddressReservationStatus is what is known about a reservation.
type AddressReservationStatus struct {
	// observedGeneration is the generation that this status speaks of; -1 until the controller has looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// held are the first leases, by name, of reserved addresses that somebody else holds. Their holders keep them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Held []string `json:"held,omitempty"`

	// conditions are Ready, Reconciling and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
