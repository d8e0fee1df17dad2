// Package render turns what people declare into what is written: a Wukong into a Request, a Request and the HostNetworks that
// it selects into attachments, network data, user data and a VirtualMachine, and the HostNetworks in use on a HostUplink into
// the revision of its hosts.
//
// Everything here is a pure function of its arguments: no client, clock, logger or global state, and equal input gives equal
// bytes. The controllers, the command line and the tests call the same functions, so what is shown offline is what a cluster
// gets. No text of a Wukong ever reaches a revision: Wukongs select HostNetworks, and revisions are made from HostNetworks and
// HostUplinks alone.
//
// Where to start reading:
//
//   - request.go: the one step from text to checked values.
//   - catalog.go and resolve.go: what is on offer, and which HostNetwork a network of a Wukong selects.
//   - pools.go, admit.go and grant.go: the pools on offer, who may have an address of them, and what comes with it.
//   - claims_nodes.go and its neighbours: what the objects of a cluster claim, for package conflicts.
//   - revision.go: the desired state of the hosts of one HostUplink, and policies.go: the policy that says it, read back.
//   - nodes.go, marks.go and rivals.go: what nodes and HostUplinks say about each other, and which HostUplink has a node.
//   - wukong.go: everything that is written for one Wukong, from netdata.go, userdata.go, nad.go and machine.go.
//   - plan.go and settle.go: all of it at once, without a cluster.
package render
