// Package v1alpha1 holds the kinds that wukong-network serves: Wukong (a virtual machine and the static addresses it asks
// for), HostUplink and HostNetwork (what platform teams open to virtual machines), AddressPool and AddressReservation
// (intent about addresses) and AddressLease (who holds which address, written by the controller alone).
//
// The types carry the schema: every rule that one object alone can decide is an OpenAPI or CEL marker beside its field.
// They hold no logic beyond defaults that a schema cannot express. Start with wukong_types.go; conditions.go is the
// vocabulary of condition types and reasons that all of them, their events and the command line share.
//
// +kubebuilder:object:generate=true
// +groupName=vm.novasphere.dev
package v1alpha1
