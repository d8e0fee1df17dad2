// Package answer makes answers about addresses out of objects that were read: who has an address and who had it before, what
// is free, how full a pool is. An answer is a value; it can write itself as a table, and JSON and YAML come from the same
// value.
//
// It is pure: objects in, text out. It knows no cluster, no clock, no terminal and no flags. Everything that it prints for
// people is stripped of what a terminal could take for a command.
//
// Where to start reading:
//
//   - lease.go: what a lease says, in which order, since when and who before.
//   - who.go: the answer to "who has it".
//   - list.go: tables, CSV and hosts files of leases.
//   - pool.go, poolmap.go and next.go: pools, their maps, and what they give next.
//   - print.go: tables, and JSON and YAML as kubectl prints them.
package answer
