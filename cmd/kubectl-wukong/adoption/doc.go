// Package adoption decides what becomes of the addresses that a cluster uses already: which are leased or kept back, which
// need an AddressReservation or a Wukong, and which nobody can decide about but a person.
//
// It is pure: objects and the text of files in, a plan out. It knows no cluster, no clock and no flags. The same input gives
// the same plan, whatever its order.
//
// Where to start reading:
//
//   - plan.go: from facts and rules to a plan.
//   - claims.go: who says that they have an address; machines.go, wukongs.go and rows.go make claims of what was read.
//   - file.go: comma separated values and hosts files.
//   - segments.go: on which segment an address is.
//   - decide.go: what becomes of an address, given all claims to it.
//   - serve.go: Wukongs for machines that nothing serves yet.
package adoption
