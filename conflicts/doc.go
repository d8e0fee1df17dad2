// Package conflicts knows who holds or uses which address on which segment, and says who keeps it when two want one.
//
// Everything that has to do with an address is a Claim: a lease, a Wukong that asks, an address on a node's interface, a
// gateway, a Service. A claim is on one address, on a range (a reservation, what a pool excludes), or on a MAC address, for
// which the same rules hold. Whoever gathers the claims leaves out what is known not to matter (loopback, container bridges,
// link-local, a machine's own address on its own tap) and gives one owner one name.
//
// The package is values in, values out, on the standard library alone. It has no client, clock or logger, it reads no
// cluster objects, and it changes nothing: it moves nobody and releases nothing. Equal claims give equal answers in equal
// order, whatever order they came in.
//
// Start with rules.go, which states who keeps an address; then claim.go, index.go (claims that are replaced source by source),
// table.go (how they are found) and find.go (the answers).
package conflicts
