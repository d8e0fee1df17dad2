package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WukongStatus is what is known about a Wukong.
type WukongStatus struct {
	// observedGeneration is the generation that this status speaks of; -1 until the controller has looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase is a summary for dashboards; conditions are the truth.
	// +optional
	// +kubebuilder:validation:Enum=Pending;Creating;Running;Stopped;Error
	Phase WukongPhase `json:"phase,omitempty"`

	// vmName is the name of the VirtualMachine.
	// +optional
	VMName string `json:"vmName,omitempty"`

	// nodeName is the node that the machine runs on.
	// +optional
	NodeName string `json:"nodeName,omitempty"`

	// addresses are all leased addresses with their prefix lengths, separated by commas.
	// +optional
	Addresses string `json:"addresses,omitempty"`

	// nodes says how many of the eligible nodes have every network of the Wukong, such as 2/3.
	// +optional
	Nodes string `json:"nodes,omitempty"`

	// networkDataSecret is the Secret with the guest's network data and user data.
	// +optional
	NetworkDataSecret string `json:"networkDataSecret,omitempty"`

	// networkDataSince is when that Secret got its present content, where its name does not tell: the one for a machine that
	// somebody else manages. An instance that began earlier read something else.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	NetworkDataSince *metav1.Time `json:"networkDataSince,omitempty"`

	// formerSecrets are Secrets of earlier requests that the machine may still be started with, or runs with. They are deleted
	// once it runs with the present one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	FormerSecrets []string `json:"formerSecrets,omitempty"`

	// requestHash identifies the request that the delivered objects were made for.
	// +optional
	RequestHash string `json:"requestHash,omitempty"`

	// notActedOn lists fields that are accepted but have no effect.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	NotActedOn []FieldNotice `json:"notActedOn,omitempty"`

	// guestDependent lists fields that some guests cannot follow, with the guests that can.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	GuestDependent []FieldNotice `json:"guestDependent,omitempty"`

	// pendingRestart lists, line by line, what the running machine was started with and what is asked for now, where they
	// differ. It is empty once the machine runs with what is asked for, or does not run.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	PendingRestart []string `json:"pendingRestart,omitempty"`

	// conditions answer the questions that people ask: Ready, Reconciling, Stalled, AddressesAllocated, ConflictFree,
	// NodeNetworkReady, GuestNetworkReady, GuestInSync, VirtualMachineReady.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// networks has one entry per network of the spec, in its order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Networks []WukongNetworkStatus `json:"networks,omitempty"`

	// networkStatus repeats the addresses of networks in the place where dashboards of NovaSphere look for them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	NetworkStatus []DashboardNetworkStatus `json:"networkStatus,omitempty"`

	// volumes has one entry per disk of the spec.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Volumes []VolumeStatus `json:"volumes,omitempty"`
}

// WukongPhase is a summary of a Wukong for dashboards.
type WukongPhase string

// Phases of a Wukong.
const (
	// PhasePending: something is missing before the machine can be made.
	PhasePending WukongPhase = "Pending"
	// PhaseCreating: the machine was asked for and does not run yet.
	PhaseCreating WukongPhase = "Creating"
	// PhaseRunning: the machine runs, or none was asked for and the networks are ready.
	PhaseRunning WukongPhase = "Running"
	// PhaseStopped: the machine is stopped.
	PhaseStopped WukongPhase = "Stopped"
	// PhaseError: a person has to act.
	PhaseError WukongPhase = "Error"
)

// WukongNetworkStatus is what is known about one network of a Wukong.
type WukongNetworkStatus struct {
	// name is the name of the network in the spec.
	// +required
	Name string `json:"name"`

	// interface is the name of the interface in the guest.
	// +optional
	Interface string `json:"interface,omitempty"`

	// ipAddress is the first leased address, without its prefix length.
	// +optional
	IPAddress string `json:"ipAddress,omitempty"`

	// ipAllocated says that every address of the network is leased.
	// +optional
	IPAllocated bool `json:"ipAllocated,omitempty"`

	// ipAllocatedTime is when the first address was leased.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	IPAllocatedTime *metav1.Time `json:"ipAllocatedTime,omitempty"`

	// macAddress is the MAC address of the interface.
	// +optional
	MACAddress string `json:"macAddress,omitempty"`

	// nadName is the NetworkAttachmentDefinition that the machine attaches to.
	// +optional
	NADName string `json:"nadName,omitempty"`

	// primary says that this network takes the place of the pod network.
	// +optional
	Primary bool `json:"primary,omitempty"`

	// hostNetwork is the HostNetwork that was selected. The choice is kept as long as the spec and the HostNetwork allow it.
	// +optional
	HostNetwork string `json:"hostNetwork,omitempty"`

	// segment is the broadcast domain: the physical network, with .VLAN unless untagged.
	// +optional
	Segment string `json:"segment,omitempty"`

	// bridge is the host's bridge that the machine attaches to.
	// +optional
	Bridge string `json:"bridge,omitempty"`

	// addresses has one entry per address of the network.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Addresses []WukongAddressStatus `json:"addresses,omitempty"`

	// observedAddresses are the addresses that the guest reports on this interface, link-local ones left out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	ObservedAddresses []string `json:"observedAddresses,omitempty"`

	// unexpectedAddresses are those of observedAddresses that nobody asked for, on a network with static addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	UnexpectedAddresses []string `json:"unexpectedAddresses,omitempty"`

	// nextHops are the gateways and DNS servers of the network, and whether a node of the cluster uses them on its segment.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	NextHops []NextHopStatus `json:"nextHops,omitempty"`

	// nodes says how many of the eligible nodes have this network, such as 2/3.
	// +optional
	Nodes string `json:"nodes,omitempty"`

	// reason is one word of the vocabulary of reasons when the network is not ready.
	// +optional
	Reason string `json:"reason,omitempty"`

	// message says what is wrong with the network and what to do.
	// +optional
	Message string `json:"message,omitempty"`

	// candidateUplinks are interfaces that nodes report and that could serve as an uplink, when no HostNetwork was found.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	CandidateUplinks []string `json:"candidateUplinks,omitempty"`
}

// WukongAddressStatus is one address of a network.
type WukongAddressStatus struct {
	// address is the leased address with its prefix length.
	// +required
	Address string `json:"address"`

	// lease is the name of the AddressLease.
	// +optional
	Lease string `json:"lease,omitempty"`

	// pool is the AddressPool that the address was taken from.
	// +optional
	Pool string `json:"pool,omitempty"`

	// since is when the address was leased.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	Since *metav1.Time `json:"since,omitempty"`

	// guest says whether the guest reports the address on the interface: Present, Missing, or Unknown where it reports nothing
	// that counts.
	// +optional
	Guest GuestAddress `json:"guest,omitempty"`

	// guestSince is when that was first seen so.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="must be a time of RFC 3339, such as 2026-01-31T12:00:00Z"
	GuestSince *metav1.Time `json:"guestSince,omitempty"`
}

// GuestAddress says what a guest reports about an address that it should have.
//
// +kubebuilder:validation:Enum=Present;Missing;Unknown
type GuestAddress string

// What a guest reports about an address.
const (
	// GuestAddressPresent: the guest agent reports the address on the interface with the MAC address of the network.
	GuestAddressPresent GuestAddress = "Present"
	// GuestAddressMissing: the guest agent reports that interface without the address, or does not report the interface.
	GuestAddressMissing GuestAddress = "Missing"
	// GuestAddressUnknown: the machine does not run, or has no guest agent.
	GuestAddressUnknown GuestAddress = "Unknown"
)

// NextHopStatus is what is known about a gateway or a DNS server of a network.
type NextHopStatus struct {
	// address is that of the gateway or the server.
	// +required
	Address string `json:"address"`

	// role is Gateway or DNSServer.
	// +required
	Role NextHopRole `json:"role"`

	// seen is Observed when a node of the cluster uses the address in this role on the segment, else Unknown. Unknown is no
	// fault: hosts need not use what guests use.
	// +required
	Seen NextHopSeen `json:"seen"`
}

// NextHopRole is what an address is for a guest.
//
// +kubebuilder:validation:Enum=Gateway;DNSServer
type NextHopRole string

// Roles of next hops.
const (
	// RoleGateway: the next hop of a default route.
	RoleGateway NextHopRole = "Gateway"
	// RoleDNSServer: a server that the guest asks.
	RoleDNSServer NextHopRole = "DNSServer"
)

// NextHopSeen says whether nodes use a next hop.
//
// +kubebuilder:validation:Enum=Observed;Unknown
type NextHopSeen string

// What is known about a next hop.
const (
	// NextHopObserved: a node uses it on the segment.
	NextHopObserved NextHopSeen = "Observed"
	// NextHopUnknown: no node is known to use it there.
	NextHopUnknown NextHopSeen = "Unknown"
)

// DashboardNetworkStatus repeats one entry of networks for NovaSphere's dashboard, which reads them by index.
type DashboardNetworkStatus struct {
	// name is the name of the network in the spec.
	// +optional
	Name string `json:"name,omitempty"`
	// interface is the name of the interface in the guest.
	// +optional
	Interface string `json:"interface,omitempty"`
	// ipAddress is the first leased address, without its prefix length.
	// +optional
	IPAddress string `json:"ipAddress,omitempty"`
	// macAddress is the MAC address of the interface.
	// +optional
	MACAddress string `json:"macAddress,omitempty"`
}

// VolumeStatus is what is known about one disk.
type VolumeStatus struct {
	// name is the name of the disk in the spec.
	// +required
	Name string `json:"name"`
	// pvcName is the name of the PersistentVolumeClaim.
	// +optional
	PVCName string `json:"pvcName,omitempty"`
	// size is the capacity that was asked for.
	// +optional
	Size string `json:"size,omitempty"`
	// bound says that the claim is bound.
	// +optional
	Bound bool `json:"bound,omitempty"`
}
