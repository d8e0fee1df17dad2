package v1alpha1

// This file is the one vocabulary of condition types and reasons. Conditions, events, findings of the command line and
// documentation use these words and no others.

// Condition types that every kind with a status has. Reconciling and Stalled are present only when they are True, and
// never both, as kstatus reads them.
const (
	// ConditionReady: everything asked for is true, on evidence of the current generation.
	ConditionReady = "Ready"
	// ConditionReconciling: the controller is at work or waits for something that comes by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled: a person has to act.
	ConditionStalled = "Stalled"
)

// Condition types of a Wukong, one per question that a person asks. True is good in all of them.
const (
	// ConditionAddressesAllocated: is every static address leased?
	ConditionAddressesAllocated = "AddressesAllocated"
	// ConditionConflictFree: does nobody else hold or use one of the addresses?
	ConditionConflictFree = "ConflictFree"
	// ConditionNodeNetworkReady: do the hosts have the networks?
	ConditionNodeNetworkReady = "NodeNetworkReady"
	// ConditionGuestNetworkReady: is the guest's network data delivered?
	ConditionGuestNetworkReady = "GuestNetworkReady"
	// ConditionGuestInSync: does the guest report the addresses that were asked for? Unknown without a guest agent.
	ConditionGuestInSync = "GuestInSync"
	// ConditionVirtualMachineReady: does the machine run?
	ConditionVirtualMachineReady = "VirtualMachineReady"
)

// Reasons that the spec alone explains.
const (
	// ReasonInvalidSpec: a field has a value that cannot work; the message has its path.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonNotSupportedYet: what is asked for is valid and has no effect, or cannot be printed. Only what is rendered offline says it.
	ReasonNotSupportedYet = "NotSupportedYet"
	// ReasonNoNetworks: the Wukong asks for no network beyond the pod network.
	ReasonNoNetworks = "NoNetworks"
)

// Reasons about selecting a HostNetwork.
const (
	// ReasonHostNetworkNotFound: no HostNetwork matches what the network gives.
	ReasonHostNetworkNotFound = "HostNetworkNotFound"
	// ReasonHostNetworkAmbiguous: more than one HostNetwork matches, or the selecting fields disagree.
	ReasonHostNetworkAmbiguous = "HostNetworkAmbiguous"
	// ReasonHostNetworkNotAllowed: the HostNetwork is not open to the namespace.
	ReasonHostNetworkNotAllowed = "HostNetworkNotAllowed"
)

// Reasons about addresses.
const (
	// ReasonAddressesAllocated: every static address is leased.
	ReasonAddressesAllocated = "AddressesAllocated"
	// ReasonNoStaticAddresses: no static address is asked for.
	ReasonNoStaticAddresses = "NoStaticAddresses"
	// ReasonAddressInUse: another holder has the lease of the address.
	ReasonAddressInUse = "AddressInUse"
	// ReasonAddressCooling: the address was released a moment ago and rests.
	ReasonAddressCooling = "AddressCooling"
	// ReasonAddressConflict: the address is seen or declared where it must not be, such as on a node.
	ReasonAddressConflict = "AddressConflict"
	// ReasonNoConflict: nothing is known to collide.
	ReasonNoConflict = "NoConflict"
	// ReasonAddressReserved: an AddressReservation keeps the address out of use, or for another holder.
	ReasonAddressReserved = "AddressReserved"
	// ReasonAddressQuotaExceeded: the namespace holds as many addresses of the HostNetwork or pool as it may.
	ReasonAddressQuotaExceeded = "AddressQuotaExceeded"
	// ReasonMACConflict: somebody else on the segment has the MAC address.
	ReasonMACConflict = "MACConflict"
)

// Reasons about pools and reservations.
const (
	// ReasonPoolNotFound: there is no AddressPool of the name.
	ReasonPoolNotFound = "PoolNotFound"
	// ReasonPoolNotAllowed: the pool is not open to the namespace.
	ReasonPoolNotAllowed = "PoolNotAllowed"
	// ReasonPoolOnly: the HostNetwork takes addresses from pools alone, and the Wukong names one.
	ReasonPoolOnly = "PoolOnly"
	// ReasonPoolSegmentMismatch: the pool is for another segment than the one that the network attaches to.
	ReasonPoolSegmentMismatch = "PoolSegmentMismatch"
	// ReasonPoolExhausted: the pool has no free address.
	ReasonPoolExhausted = "PoolExhausted"
	// ReasonAddressOutsidePool: the address is none that the pool may give out.
	ReasonAddressOutsidePool = "AddressOutsidePool"
	// ReasonAddressExcluded: a pool never gives the address out.
	ReasonAddressExcluded = "AddressExcluded"
	// ReasonPrefixLengthMismatch: the prefix length is not that of the subnet that a pool declares.
	ReasonPrefixLengthMismatch = "PrefixLengthMismatch"
	// ReasonPoolOverlap: an older pool of the segment gives out some of the addresses, too.
	ReasonPoolOverlap = "PoolOverlap"
	// ReasonSubnetOnTwoSegments: an older pool declares the subnet on another segment.
	ReasonSubnetOnTwoSegments = "SubnetOnTwoSegments"
	// ReasonLeasesOutside: leases hold addresses of the subnet that the pool does not give out.
	ReasonLeasesOutside = "LeasesOutside"
	// ReasonAddressesHeld: somebody held reserved addresses before they were reserved, and keeps them.
	ReasonAddressesHeld = "AddressesHeld"
	// ReasonPoolReady: addresses can be taken from the pool.
	ReasonPoolReady = "PoolReady"
	// ReasonReservationReady: the addresses are kept back.
	ReasonReservationReady = "ReservationReady"
)

// Reasons about hosts.
const (
	// ReasonNodeNetworkReady: the node of the machine, or an eligible node while it is unscheduled, has every network.
	ReasonNodeNetworkReady = "NodeNetworkReady"
	// ReasonNodeNetworkProgressing: nodes are being configured.
	ReasonNodeNetworkProgressing = "NodeNetworkProgressing"
	// ReasonNodeNetworkDegraded: a node gave up; the message has its one meaningful line.
	ReasonNodeNetworkDegraded = "NodeNetworkDegraded"
	// ReasonNodeNotConfigured: the node that the machine runs on does not have the network.
	ReasonNodeNotConfigured = "NodeNotConfigured"
	// ReasonNoEligibleNodes: no node passes the checks for the network.
	ReasonNoEligibleNodes = "NoEligibleNodes"
	// ReasonNoMatchingNodes: the node selector matches no node.
	ReasonNoMatchingNodes = "NoMatchingNodes"
	// ReasonNoUplink: no HostUplink leads to the physical network.
	ReasonNoUplink = "NoUplink"
	// ReasonNmstateMissing: kubernetes-nmstate is not installed.
	ReasonNmstateMissing = "NmstateMissing"
	// ReasonApplied: every eligible node has the revision.
	ReasonApplied = "Applied"
	// ReasonNotInUse: nothing uses the object, so hosts are not touched.
	ReasonNotInUse = "NotInUse"
	// ReasonPaused: changes of hosts are paused.
	ReasonPaused = "Paused"
	// ReasonNodesLeftOut: some nodes failed the checks and were not touched.
	ReasonNodesLeftOut = "NodesLeftOut"
	// ReasonRemoving: hosts are giving back what was built.
	ReasonRemoving = "Removing"
	// ReasonInUse: the object cannot go while somebody uses it.
	ReasonInUse = "InUse"
	// ReasonUplinkOverlap: an older HostUplink of the same physical network or interface has the node.
	ReasonUplinkOverlap = "UplinkOverlap"
	// ReasonNativeVLANMismatch: HostUplinks of one physical network disagree about its native VLAN.
	ReasonNativeVLANMismatch = "NativeVLANMismatch"
	// ReasonBridgeNameTaken: another HostNetwork, or something else on the host, has a bridge of this name.
	ReasonBridgeNameTaken = "BridgeNameTaken"
	// ReasonDefaultIgnored: an older HostNetwork is the default.
	ReasonDefaultIgnored = "DefaultIgnored"
	// ReasonNameTaken: an object of the name that is needed exists and belongs to somebody else.
	ReasonNameTaken = "NameTaken"
)

// Reasons for which a node is left out of a revision, before anything changes on it.
const (
	// ReasonNodeStateMissing: the node has no NodeNetworkState, and missing evidence is no evidence.
	ReasonNodeStateMissing = "NodeStateMissing"
	// ReasonUplinkMissing: the node reports no interface of the uplink's name.
	ReasonUplinkMissing = "UplinkMissing"
	// ReasonUplinkDown: the uplink is not up.
	ReasonUplinkDown = "UplinkDown"
	// ReasonUplinkCarriesNodeAddress: the uplink has the address by which the cluster knows the node.
	ReasonUplinkCarriesNodeAddress = "UplinkCarriesNodeAddress"
	// ReasonUplinkCarriesDefaultRoute: the node's default route leaves through the uplink.
	ReasonUplinkCarriesDefaultRoute = "UplinkCarriesDefaultRoute"
	// ReasonUplinkIsPort: the uplink is a port of something that is not ours.
	ReasonUplinkIsPort = "UplinkIsPort"
	// ReasonUplinkBelongsToCluster: the uplink is part of the cluster's own network.
	ReasonUplinkBelongsToCluster = "UplinkBelongsToCluster"
	// ReasonUplinkNamedByPolicy: a policy of somebody else names the uplink or the bridge.
	ReasonUplinkNamedByPolicy = "UplinkNamedByPolicy"
)

// Further reasons for which a node is left out, and reasons of its progress.
const (
	// ReasonNodeStateIncomplete: the node's NodeNetworkState is too large to be read whole, so something may be missing.
	ReasonNodeStateIncomplete = "NodeStateIncomplete"
	// ReasonUplinkCarriesAddress: somebody gave the uplink an address.
	ReasonUplinkCarriesAddress = "UplinkCarriesAddress"
	// ReasonUplinkMTUTooSmall: a network needs a larger MTU than the uplink has.
	ReasonUplinkMTUTooSmall = "UplinkMTUTooSmall"
	// ReasonVLANTaken: the VLAN exists on the uplink under another name and is not ours.
	ReasonVLANTaken = "VLANTaken"
	// ReasonNodeNotReady: the node does not answer, and is left alone until it does.
	ReasonNodeNotReady = "NodeNotReady"
	// ReasonQueued: the node waits for its turn.
	ReasonQueued = "Queued"
	// ReasonRetrying: an attempt failed and the node tries again.
	ReasonRetrying = "Retrying"
	// ReasonFailing: the node gave up.
	ReasonFailing = "Failing"
	// ReasonAborted: the handler gave up because other nodes of the policy did.
	ReasonAborted = "Aborted"
	// ReasonNoAnswer: the node's handler has not finished for longer than a try can take.
	ReasonNoAnswer = "NoAnswer"
	// ReasonEnactmentMissing: the node was configured, and its enactment is gone: no handler runs there, or it restarts.
	ReasonEnactmentMissing = "EnactmentMissing"
	// ReasonEnactmentLingers: the handler has not dropped an earlier enactment of the revision yet.
	ReasonEnactmentLingers = "EnactmentLingers"
	// ReasonCanaryFailing: the first nodes gave up, so no other node moves.
	ReasonCanaryFailing = "CanaryFailing"
	// ReasonNodesFailing: as many nodes gave up as may be in transition, so no other node moves.
	ReasonNodesFailing = "NodesFailing"
	// ReasonSegmentTaken: an older HostNetwork serves the segment, or a VLAN of it.
	ReasonSegmentTaken = "SegmentTaken"
	// ReasonUplinkPortTaken: an older HostNetwork needs the uplink itself, as the port of its bridge or below its MACVLANs.
	ReasonUplinkPortTaken = "UplinkPortTaken"
	// ReasonNodeDrifted: the node was proved to have the revision, and its NodeNetworkState shows something else.
	ReasonNodeDrifted = "NodeDrifted"
	// ReasonBridgeCarriesTraffic: what is to be taken away has the node's address or default route, and nothing can take it over.
	ReasonBridgeCarriesTraffic = "BridgeCarriesTraffic"
	// ReasonRolledBack: an engineer went back to the last good revision, and what is declared is not carried out.
	ReasonRolledBack = "RolledBack"
	// ReasonNodeNotSelected: the policy that a pipeline applies does not select the node.
	ReasonNodeNotSelected = "NodeNotSelected"
	// ReasonExternalPolicyMissing: the policy that a pipeline applies for an External HostUplink does not exist.
	ReasonExternalPolicyMissing = "ExternalPolicyMissing"
	// ReasonDefinitionsRemoved: the definitions of our kinds are being deleted, so hosts stay as they are.
	ReasonDefinitionsRemoved = "DefinitionsRemoved"
	// ReasonBindingPluginMissing: KubeVirt has no network binding plugin of the name that the attachment needs.
	ReasonBindingPluginMissing = "BindingPluginMissing"
)

// Reasons about the guest and its machine.
const (
	// ReasonGuestNetworkReady: the network data is delivered.
	ReasonGuestNetworkReady = "GuestNetworkReady"
	// ReasonGuestNetworkPending: the network data waits for something, such as an address.
	ReasonGuestNetworkPending = "GuestNetworkPending"
	// ReasonGuestDependent: what is delivered asks for something that only some guests can do.
	ReasonGuestDependent = "GuestDependent"
	// ReasonManual: nothing is delivered, as asked.
	ReasonManual = "Manual"
	// ReasonInSync: the guest reports what was asked for.
	ReasonInSync = "InSync"
	// ReasonDrifted: the guest reports other addresses than were asked for.
	ReasonDrifted = "Drifted"
	// ReasonNoGuestAgent: the guest runs no agent, so its addresses are not known.
	ReasonNoGuestAgent = "NoGuestAgent"
	// ReasonNotRunning: the machine does not run.
	ReasonNotRunning = "NotRunning"
	// ReasonRunning: the machine runs.
	ReasonRunning = "Running"
	// ReasonNoMachineRequested: without disks no machine is asked for.
	ReasonNoMachineRequested = "NoMachineRequested"
	// ReasonMachinePending: the machine was asked for and does not run yet.
	ReasonMachinePending = "MachinePending"
	// ReasonMachineNotFound: the VirtualMachine that virtualMachineName names does not exist.
	ReasonMachineNotFound = "MachineNotFound"
	// ReasonRestartRequired: the machine runs with an older request until it is restarted.
	ReasonRestartRequired = "RestartRequired"
	// ReasonKubeVirtMissing: KubeVirt is not installed.
	ReasonKubeVirtMissing = "KubeVirtMissing"
	// ReasonMultusMissing: Multus is not installed.
	ReasonMultusMissing = "MultusMissing"
)

// Reasons of Ready and of the record of a lease.
const (
	// ReasonNetworkReady: addresses, hosts and guest are as asked for.
	ReasonNetworkReady = "NetworkReady"
	// ReasonHolderDeleted: the Wukong that held the lease was deleted.
	ReasonHolderDeleted = "HolderDeleted"
	// ReasonFreed: an engineer freed the lease.
	ReasonFreed = "Freed"
	// ReasonAddressChanged: the Wukong that held the lease asks for another address.
	ReasonAddressChanged = "AddressChanged"
	// ReasonMACChanged: the holder goes on with another MAC address.
	ReasonMACChanged = "MACChanged"
	// ReasonLeaseAdopted: the lease was lost, and was restored from the status of the one who has the address.
	ReasonLeaseAdopted = "LeaseAdopted"
	// ReasonLeaseLost: the lease of a published address was lost, and could not be restored from the status.
	ReasonLeaseLost = "LeaseLost"
)

// Reasons of events about changes of the world.
const (
	// ReasonAddressLeased: an address was leased.
	ReasonAddressLeased = "AddressLeased"
	// ReasonAddressReleased: it was proved that nobody can use an address, and its lease was given up.
	ReasonAddressReleased = "AddressReleased"
	// ReasonCollisionFound: somebody else was found to use a leased address.
	ReasonCollisionFound = "CollisionFound"
	// ReasonCollisionGone: nobody else is seen to use a leased address any more.
	ReasonCollisionGone = "CollisionGone"
	// ReasonRevisionCreated: a policy for a new revision was created.
	ReasonRevisionCreated = "RevisionCreated"
	// ReasonRevisionDeleted: the policy of a revision that no node is on was deleted.
	ReasonRevisionDeleted = "RevisionDeleted"
	// ReasonNodeMoved: a node was moved to a revision.
	ReasonNodeMoved = "NodeMoved"
	// ReasonNodeApplied: a node has a revision.
	ReasonNodeApplied = "NodeApplied"
	// ReasonNodeRetried: a failing node was asked to try again.
	ReasonNodeRetried = "NodeRetried"
	// ReasonNodeRepaired: a node that drifted was asked to carry out its revision once more.
	ReasonNodeRepaired = "NodeRepaired"
	// ReasonNodeLeft: a node that had a revision is no longer a node of the cluster; what was built stays on its host.
	ReasonNodeLeft = "NodeLeft"
	// ReasonNodeReturned: a node that had left is back, with what was built on it.
	ReasonNodeReturned = "NodeReturned"
	// ReasonNodeAbandoned: an engineer gave a node up, and what was built there was not taken back.
	ReasonNodeAbandoned = "NodeAbandoned"
)
