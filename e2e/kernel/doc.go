// Package kernel lets revisions run on a real kernel: network namespaces stand for nodes, their NICs are veth pairs into a
// fabric, and the real nmstatectl applies what the lab's handlers are told. It needs root, iproute2 and util-linux.
//
// Nothing outside its own namespaces is touched. They have no names: the kernel takes them away, with all that is in
// them, when the process that made them ends, however it ends.
//
// nmstatectl talks to the kernel here and not to NetworkManager (its option --kernel), which limits what is shown: it
// changes neither MTU nor IPv6 settings, filters no VLANs and rolls nothing back. testdata/kernel-refuses.yaml says what
// cannot be tried. Three things are done in NetworkManager's place: IPv6 is off, an interface that shall have no IPv4
// address loses those it has, and guests stay in their bridge.
//
// Guests boot on such a node: a Debian system on a disk in memory, whose cloud-init reads what is rendered for it, and whose
// systemd-networkd carries that out on NICs in bridges of the node. There is no machine around them and no systemd that
// starts them: they are namespaces too, and what a boot runs for the network is run one after the other.
//
// Start reading at Fabric in fabric.go; node.go is the host of the lab's handler, and boot.go
// what a guest does when it starts.
package kernel
