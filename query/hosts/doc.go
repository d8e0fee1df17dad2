// Package hosts makes answers about hosts out of objects that were read: which NICs could serve as uplinks, where each node
// stands, what a change of the manifests would change on each node and which machines would feel it, and what is connected to
// what. An answer is a value; it can write itself as text, and JSON and YAML come from the same value.
//
// It is pure: objects in, text out. It knows no cluster, no clock, no terminal and no flags, and runs no program: whoever asks
// for a plan hands in what compares a revision with a node. Reasons and progress are those of package nmstate, which the
// controller asks, too. Everything that it prints for people is stripped of what a terminal could take for a command.
//
// Where to start reading:
//
//   - world.go and view.go: what was read, and what follows from it for one HostUplink.
//   - standing.go: where one node stands.
//   - machines.go: which running machines are attached to what.
//   - suggest.go, status.go, plan.go, topology.go and rollback.go: one answer each.
//   - tree.go: how trees are written.
package hosts
