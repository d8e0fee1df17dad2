package adoption

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// Source is where a claim comes from.
type Source string

// Sources, the most trustworthy first.
const (
	// SourceSpec: a Wukong asks for the address, or publishes its lease.
	SourceSpec Source = "spec"
	// SourceFile: a file that whoever runs the import gave.
	SourceFile Source = "file"
	// SourceCluster: KubeVirt knows the address from the cluster's network plugins.
	SourceCluster Source = "cluster"
	// SourceStatus: NovaSphere's operator wrote it into the status of a Wukong. It had it from a guest.
	SourceStatus Source = "status"
	// SourceGuest: a guest agent reports it. Whoever is root in a guest decides what it says.
	SourceGuest Source = "guest"
)

var sources = []Source{SourceSpec, SourceFile, SourceCluster, SourceStatus, SourceGuest}

// trusted says whether more than a guest's word stands behind the source.
func (s Source) trusted() bool { return s != SourceStatus && s != SourceGuest }

// declared says whether the source says what should be, not what is.
func (s Source) declared() bool { return s == SourceSpec || s == SourceFile }

// kind is what an owner is.
type kind int

// Kinds of owners, the best known first.
const (
	// existing: a Wukong that exists.
	existing kind = iota
	// machine: a VirtualMachine that no Wukong serves.
	machine
	// instance: a VirtualMachineInstance without a VirtualMachine.
	instance
	// expected: a Wukong that does not exist yet.
	expected
	// label: whatever a file calls it.
	label
)

// owner is who has an address.
type owner struct {
	kind      kind
	namespace string
	// wukong is the name of the Wukong: the one that exists, or the one that there would be.
	wukong string
	// machine is the name of the machine, where one is known.
	machine string
	// network is the name of the network in the Wukong or in the machine, or empty.
	network string
	// text is what a file says of an owner that has no names of the cluster.
	text string
}

// String names the owner to people.
func (o owner) String() string {
	switch o.kind {
	case existing, expected:
		return render.Object{Kind: "Wukong", Namespace: o.namespace, Name: o.wukong}.String()
	case machine:
		return render.Object{Kind: "VirtualMachine", Namespace: o.namespace, Name: o.machine}.String()
	case instance:
		return render.Object{Kind: "VirtualMachineInstance", Namespace: o.namespace, Name: o.machine}.String()
	}
	return o.text
}

// holder names the network of the Wukong that has, or would have, the address.
func (o owner) holder() string {
	return strings.TrimSuffix(o.namespace+"/"+o.wukong+"/"+o.network, "/")
}

// same says whether two owners can be one. An owner that a file only calls something is whoever has that name.
func (o owner) same(other owner) bool {
	if o.kind == label && other.kind == label {
		return o.text == other.text
	}
	if o.kind == label {
		return other.called(o.text)
	}
	if other.kind == label {
		return o.called(other.text)
	}
	return o.is(other.namespace, other.wukong, other.machine) && (o.network == "" || other.network == "" || o.network == other.network)
}

// is says whether the owner is the Wukong or the machine of these names.
func (o owner) is(namespace, wukong, machine string) bool {
	return o.namespace == namespace && ((wukong != "" && o.wukong == wukong) || (machine != "" && o.machine == machine))
}

// called says whether people may mean the owner by a name.
func (o owner) called(name string) bool {
	for _, own := range []string{o.wukong, o.machine} {
		if own != "" && slices.Contains([]string{own, o.namespace + "/" + own, own + "." + o.namespace}, name) {
			return true
		}
	}
	return false
}

// claim is one source that says who has one address.
type claim struct {
	addr   netip.Addr
	owner  owner
	source Source
	// segment is known when it is not the zero value; otherwise unknown says why it is not.
	segment ipam.Segment
	unknown string
	// hostNetwork leads to the segment, where that is known.
	hostNetwork string
	// bits is the length of the subnet's prefix, or 0.
	bits int
	// mac is that of the interface, in lower case, or empty.
	mac string
	// line says where a file has it.
	line string
	// selected: whoever runs the import asked for it.
	selected bool
	// legacy: the owner is a Wukong that only NovaSphere's operator has looked at.
	legacy bool
}

func (c *claim) told() bool { return c.segment != ipam.Segment{} }

// byPlace orders claims by segment and address, then by owner and source. Claims whose segment is not known come last.
func byPlace(a, b *claim) int {
	return cmp.Or(cmp.Compare(boolRank(!a.told()), boolRank(!b.told())),
		strings.Compare(a.segment.Fabric, b.segment.Fabric), cmp.Compare(a.segment.VLAN, b.segment.VLAN), a.addr.Compare(b.addr),
		cmp.Compare(a.owner.kind, b.owner.kind), strings.Compare(a.owner.String(), b.owner.String()),
		strings.Compare(a.owner.network, b.owner.network), cmp.Compare(slices.Index(sources, a.source), slices.Index(sources, b.source)),
		strings.Compare(a.line, b.line), strings.Compare(a.mac, b.mac), cmp.Compare(a.bits, b.bits), strings.Compare(a.unknown, b.unknown))
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// usable gives the address in its usual form, if a machine of a network can have it: none of loopback, link-local, multicast
// or the like.
func usable(addr netip.Addr) (netip.Addr, bool) {
	addr = addr.Unmap().WithZone("")
	_, err := ipam.ParseAddress(netip.PrefixFrom(addr, addr.BitLen()).String())
	return addr, err == nil
}
