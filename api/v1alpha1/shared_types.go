package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Address is an IPv4 or IPv6 address in text form without a prefix, such as 192.0.2.1 or 2001:db8::1.
//
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule="size(self) == 0 || isIP(self)",message="must be an IPv4 or IPv6 address without a prefix, such as 192.0.2.1 or 2001:db8::1"
type Address string

// CIDR is an address with its prefix length, such as 192.0.2.10/24 or 2001:db8::10/64.
//
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule="size(self) == 0 || isCIDR(self)",message="must be an address with its prefix length, such as 192.0.2.10/24 or 2001:db8::10/64"
type CIDR string

// Subnet is a prefix without host bits, such as 192.0.2.0/24 or 2001:db8::/64.
//
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="must be a prefix without host bits, such as 192.0.2.0/24 or 2001:db8::/64"
type Subnet string

// AddressRange is one address (192.0.2.10), an inclusive range (192.0.2.10-192.0.2.99) or a prefix without host bits
// (192.0.2.64/26). Both ends of a range are of one family, the lower one first.
//
// CEL cannot compare addresses, and its budget allows computing the order of IPv4 alone: that of IPv6 ends is left to whoever
// acts on the range.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=79
// +kubebuilder:validation:Pattern=`^[^-]+(-[^-]+)?$`
// +kubebuilder:validation:XValidation:rule="self.contains('/') || self.contains('-') || isIP(self)",message="must be an address (192.0.2.10), a range (192.0.2.10-192.0.2.99) or a prefix (192.0.2.64/26)"
// +kubebuilder:validation:XValidation:rule="!self.contains('-') || (isIP(self.substring(0, self.indexOf('-'))) && isIP(self.substring(self.indexOf('-') + 1)))",message="both ends of a range must be addresses, such as 192.0.2.10-192.0.2.99"
// +kubebuilder:validation:XValidation:rule="!self.contains('/') || (isCIDR(self) && cidr(self) == cidr(self).masked())",message="a prefix must have no host bits, such as 192.0.2.64/26"
// +kubebuilder:validation:XValidation:rule="!(self.contains('.') && self.contains(':'))",message="both ends of a range must be of one family"
// +kubebuilder:validation:XValidation:rule="self.contains(':') || !self.contains('-') || !isIP(self.substring(0, self.indexOf('-'))) || !isIP(self.substring(self.indexOf('-') + 1)) || int(self.split('-')[0].split('.')[0]) * 16777216 + int(self.split('-')[0].split('.')[1]) * 65536 + int(self.split('-')[0].split('.')[2]) * 256 + int(self.split('-')[0].split('.')[3]) <= int(self.split('-')[1].split('.')[0]) * 16777216 + int(self.split('-')[1].split('.')[1]) * 65536 + int(self.split('-')[1].split('.')[2]) * 256 + int(self.split('-')[1].split('.')[3])",message="the lower end of a range comes first"
type AddressRange string

// DomainName is a DNS name in lower or upper case without a trailing dot, such as example.com.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*$`
type DomainName string

// InterfaceName is the name of a network interface as the Linux kernel accepts it, at most 15 bytes. Loopback and names
// that container networks and Open vSwitch own are refused.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=15
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_.]*$`
// +kubebuilder:validation:XValidation:rule="!(self in ['lo', 'br-ex', 'br-int', 'br-tun', 'ovs-system', 'cni0', 'docker0', 'kube-ipvs0', 'nodelocaldns', 'ovn0', 'br-local', 'cbr0', 'kube-bridge', 'kube-dummy-if', 'lxcbr0', 'lxdbr0', 'tunl0', 'weave', 'all', 'default', 'bonding_masters']) && !self.matches('^(veth|cali|cilium_|lxc|flannel|virbr|vnet|tap|k6t-|genev_sys_|vxlan_sys_|ovn-|ovs-|patch-|antrea-)')",message="is a name that the kernel, a container network or Open vSwitch owns: choose another interface name"
type InterfaceName string

// VLANID is an IEEE 802.1Q VLAN number.
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=4094
type VLANID int32

// MACAddress is a unicast MAC address in colon form, such as 02:00:00:aa:bb:01.
//
// +kubebuilder:validation:MaxLength=17
// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$') && self != '00:00:00:00:00:00'",message="must be a unicast MAC address in colon form, such as 02:00:00:aa:bb:01"
type MACAddress string

// PhysicalNetworkName names an L2 fabric.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type PhysicalNetworkName string

// Segment is one broadcast domain: the untagged frames of an L2 fabric, or one VLAN on it. It is the scope of collisions:
// one address on two segments is no collision.
type Segment struct {
	// physicalNetwork is the L2 fabric, as HostUplinks name it.
	// +required
	PhysicalNetwork PhysicalNetworkName `json:"physicalNetwork"`

	// vlan is the VLAN on that fabric; absent means its untagged frames.
	// +optional
	VLAN *VLANID `json:"vlan,omitempty"`
}

// AllowedNamespaces opens an object to namespaces: those that are listed and those that the selector matches. Nothing said
// means no namespace.
type AllowedNamespaces struct {
	// names lists namespaces by name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Names []string `json:"names,omitempty"`

	// selector matches namespaces by their labels. An empty selector ({}) matches every namespace.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 64) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 64)",message="selector must have at most 64 labels and 64 expressions"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// maxAddresses bounds how many addresses one namespace may hold here; absent means no bound.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxAddresses *int32 `json:"maxAddresses,omitempty"`
}

// Route is a route of a guest.
type Route struct {
	// to is the destination prefix; 0.0.0.0/0 and ::/0 are default routes.
	// +required
	To Subnet `json:"to"`

	// via is the next hop. It is of the family of to and lies on a subnet of the network, unless onLink says otherwise.
	// +required
	// +kubebuilder:validation:MinLength=1
	Via Address `json:"via"`

	// onLink says that the next hop is reachable on the link although no subnet covers it. Guests that do not render
	// their network with netplan may ignore it.
	// +optional
	OnLink bool `json:"onLink,omitempty"`

	// metric is the priority of the route; the lower one wins.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Metric *int32 `json:"metric,omitempty"`
}

// FieldNotice names a field that is accepted but not acted on, and why.
type FieldNotice struct {
	// field is the path of the field, such as spec.networks[1].type.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Field string `json:"field"`

	// message says what is not done and what to do instead.
	// +required
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message"`
}

// NodeProblem is a node on which something is not as declared.
type NodeProblem struct {
	// node is the name of the node.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Node string `json:"node"`

	// progress is where the node stands.
	// +optional
	Progress NodeProgress `json:"progress,omitempty"`

	// reason is one word of the vocabulary of reasons.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message is the one meaningful line, with what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// NodeProgress is where one node stands on the way to the revision that it should have.
//
// +kubebuilder:validation:Enum=LeftOut;Waiting;Applying;Retrying;Applied;Failing;Unknown
type NodeProgress string

// Progress of a node.
const (
	// NodeLeftOut: the node failed the checks before anything changed on it.
	NodeLeftOut NodeProgress = "LeftOut"
	// NodeWaiting: the node passed the checks and waits for its turn.
	NodeWaiting NodeProgress = "Waiting"
	// NodeApplying: the node is carrying out the revision.
	NodeApplying NodeProgress = "Applying"
	// NodeRetrying: an attempt failed and the node tries again.
	NodeRetrying NodeProgress = "Retrying"
	// NodeApplied: the node has the revision.
	NodeApplied NodeProgress = "Applied"
	// NodeFailing: the node gave up.
	NodeFailing NodeProgress = "Failing"
	// NodeUnknown: the node does not answer.
	NodeUnknown NodeProgress = "Unknown"
)

// NodeCounts counts nodes by progress.
type NodeCounts struct {
	// matching is the number of nodes that the selector matches.
	// +optional
	Matching int32 `json:"matching,omitempty"`
	// leftOut is the number of nodes that failed the checks and were not touched.
	// +optional
	LeftOut int32 `json:"leftOut,omitempty"`
	// waiting is the number of nodes that wait for their turn.
	// +optional
	Waiting int32 `json:"waiting,omitempty"`
	// applying is the number of nodes that carry out the revision.
	// +optional
	Applying int32 `json:"applying,omitempty"`
	// retrying is the number of nodes where an attempt failed and another one follows.
	// +optional
	Retrying int32 `json:"retrying,omitempty"`
	// applied is the number of nodes that have the revision.
	// +optional
	Applied int32 `json:"applied,omitempty"`
	// failing is the number of nodes that gave up.
	// +optional
	Failing int32 `json:"failing,omitempty"`
	// unknown is the number of nodes that do not answer.
	// +optional
	Unknown int32 `json:"unknown,omitempty"`
	// drifted is the number of nodes that have the revision and no longer show what it built. They are counted as applied, too.
	// +optional
	Drifted int32 `json:"drifted,omitempty"`
}
