// Package lab simulates cluster nodes that run kubernetes-nmstate's handler, in process, against a real API server.
//
// Each simulated node has a Host (interfaces, routes, DNS as nmstate describes them), publishes it as its
// NodeNetworkState, and enacts NodeNetworkConfigurationPolicies: it writes the enactments, retries, waits for a free
// slot, aborts, re-applies after a change of the node's labels, and computes the policy's conditions, in the same order
// and with the same quirks as the handler of kubernetes-nmstate v0.86. Applying a desired state changes the simulated
// host, so a policy that takes the node's primary NIC really cuts the node off.
//
// The simulator judges the software under test, so it imports none of its packages: it reads desired states as plain
// maps. It is no CNI, no kubelet and no scheduler, and it times nothing like the real handler does: see Options.
//
// Where a node's host is not simulated but real, NodeSpec.Machine stands in for it; captures are evaluated by the real
// nmstatectl, see Captures.
//
// Reading order: lab.go (what a test or the demo can do), members.go (nodes that come, go and return), control.go (nodes that
// fail, hang, are slow), enact.go (what a handler does about one policy), and the pure files that it asks: conditions.go,
// rollout.go, desired.go, host.go, lease.go, apply.go, options.go, state.go, message.go.
package lab
