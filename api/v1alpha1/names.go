package v1alpha1

// Labels, annotations and finalizers of this project.
const (
	// UplinkLabelPrefix, followed by the name of a HostUplink, is the node label whose value is the revision that the node
	// is on: the last part of the policy's name.
	UplinkLabelPrefix = "uplink.vm.novasphere.dev/"
	// AppliedAnnotationPrefix, followed by the name of a HostUplink, is the node annotation whose value is the last
	// revision that the node's enactment proved.
	AppliedAnnotationPrefix = "applied.uplink.vm.novasphere.dev/"
	// RenewAnnotationPrefix, followed by the name of a HostUplink, is the node annotation with the revision whose label was
	// taken off so that the node tries it again.
	RenewAnnotationPrefix = "renew.uplink.vm.novasphere.dev/"
	// SinceAnnotationPrefix, followed by the name of a HostUplink, is the node annotation that says when the label was
	// written, in RFC 3339; absent once the revision is proved.
	SinceAnnotationPrefix = "since.uplink.vm.novasphere.dev/"
	// RepairedAnnotationPrefix, followed by the name of a HostUplink, is the node annotation that says when the node was asked
	// to carry out its revision once more because it had drifted, in RFC 3339; absent once it has been well for a while.
	RepairedAnnotationPrefix = "repaired.uplink.vm.novasphere.dev/"
	// RetryAnnotation on a HostUplink lists failing nodes, separated by commas, or * for all, that shall try again now. The
	// controller acts once and takes it off.
	RetryAnnotation = "vm.novasphere.dev/retry"
	// RollbackAnnotation on a HostUplink is the name of the revision that an engineer does not want: while it is what the
	// HostUplink would roll out, nodes go to the last good revision instead. The controller takes it off once another one is
	// to be rolled out.
	RollbackAnnotation = "vm.novasphere.dev/rollback"
	// AdoptAnnotation on a HostUplink lists nodes, separated by commas, on which interfaces of the names that the revision
	// builds were built by this HostUplink in an earlier life of the node.
	AdoptAnnotation = "vm.novasphere.dev/adopt"
	// AbandonAnnotation on a HostUplink lists nodes, separated by commas, or * for all, that need not prove that they gave
	// back what was built: the way out for nodes that never answer again.
	AbandonAnnotation = "vm.novasphere.dev/abandon"
	// AskedAnnotation on an AddressLease is the generation of the Wukong that asked for the address last.
	AskedAnnotation = "vm.novasphere.dev/asked"
	// FreeAnnotation on an AddressLease is how an engineer frees a lease that is Releasing, Cooling or Reserved; its value
	// says who and why. The controller acts once, takes it off, and keeps an event.
	FreeAnnotation = "vm.novasphere.dev/free"
	// NetworkLabelPrefix, followed by the name of a HostNetwork, is the node label that says that the node has the
	// network. Virtual machines require it.
	NetworkLabelPrefix = "network.vm.novasphere.dev/"
	// NetworkLabelValue is the value of that label.
	NetworkLabelValue = "true"

	// UplinkLabel names, on policies, the HostUplink that they belong to.
	UplinkLabel = "vm.novasphere.dev/host-uplink"
	// SharedAliasesLabel on a HostNetwork says that other HostNetworks, open to other namespaces, have aliases of it too, so
	// that admission leaves it to the controller to say which one an alias means.
	SharedAliasesLabel = "vm.novasphere.dev/shared-aliases"
	// HostNetworkLabel names, on attachments, the HostNetwork that they lead to.
	HostNetworkLabel = "vm.novasphere.dev/host-network"
	// WukongLabel names, on Secrets and machines, the Wukong that they serve.
	WukongLabel = "vm.novasphere.dev/wukong"
	// ManagedByLabel and ManagedBy mark what the controller made.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "wukong-network"

	// OwnerUIDAnnotation is the UID of the cluster-scoped object that a policy or an attachment was made for. Ownership is
	// label and UID together, never a name.
	OwnerUIDAnnotation = "vm.novasphere.dev/owner-uid"
	// RequestAnnotation is, on a VirtualMachine, the request that it was last rendered for.
	RequestAnnotation = "vm.novasphere.dev/request"
	// GuestNetworkAnnotation is, on the template of a VirtualMachine and so on its instances, what the guest is told about its
	// network, without secrets.
	GuestNetworkAnnotation = "vm.novasphere.dev/guest-network"
	// NetworksAnnotation lists, on a policy, the HostNetworks that it builds, separated by commas.
	NetworksAnnotation = "vm.novasphere.dev/networks"

	// Finalizer is held by HostUplinks and HostNetworks until hosts have given back what was built. Wukongs carry none.
	Finalizer = "vm.novasphere.dev/hosts"
)
