// Package ipam decides about addresses: which text is a usable host address, how the object that locks an address is
// named, who may hold a lease next, and which address of a pool comes next.
//
// It is values in, values out. It has no client, clock, logger or state: the time is an argument, and a decision is a
// new value that the caller writes, with a create (which is the lock) or a compare-and-swap. It does not know what else
// uses an address on a segment; that is package conflicts.
//
// Start with lease.go (what a lease is, and its phases), then take.go (who may have it) and leave.go (how it becomes
// free again). pool.go and range.go say what a pool consists of, space.go what it gives next; bitmap.go and released.go make
// that fast. address.go and gateway.go turn text into checked net/netip values with errors fit for a status; names.go
// and segment.go hold names.
package ipam
