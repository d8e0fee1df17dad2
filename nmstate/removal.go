package nmstate

import (
	"cmp"
	"slices"
)

// creates says whether listing such an interface makes it; a NIC is there already, or is not.
func creates(t InterfaceType) bool {
	return t == LinuxBridge || t == OVSBridge || t == VLANType || t == BondType
}

// Built gives what the state creates: the bridges, VLANs and bonds that it wants up, sorted; never a NIC.
//
// An entry for an interface that existed before the revision, such as a bond of the host that is used as uplink, must carry
// only what every kind of interface has: without its section (bridge, vlan, link-aggregation) it counts as not built.
func (s State) Built() []InterfaceRef {
	var out []InterfaceRef
	for _, i := range s.Interfaces {
		hasSection := i.Bridge != nil || i.VLAN != nil || i.LinkAggregation != nil
		if i.State == Up && creates(i.Type) && hasSection {
			out = append(out, i.Ref())
		}
	}
	return sortRefs(out)
}

// Removed gives what the state takes away, sorted.
func (s State) Removed() []InterfaceRef {
	var out []InterfaceRef
	for _, i := range s.Interfaces {
		if i.State == Absent {
			out = append(out, i.Ref())
		}
	}
	return sortRefs(out)
}

// Listed gives the interfaces that the state changes without creating them, sorted: NICs, and bonds of the host. No policy
// may list one that carries the node's own traffic.
func (s State) Listed() []InterfaceRef {
	built := s.Built()
	var out []InterfaceRef
	for _, i := range s.Interfaces {
		if i.State == Up && !slices.Contains(built, i.Ref()) {
			out = append(out, i.Ref())
		}
	}
	return sortRefs(out)
}

// Leftovers gives what a node that was on the revision current may still have and target does not: what current built, and,
// unless current is proven to be applied, what current should have taken away.
func Leftovers(current, target State, proof Proof) []InterfaceRef {
	rest := current.Built()
	if proof != Proven {
		rest = append(rest, current.Removed()...)
	}
	rest = slices.DeleteFunc(rest, func(r InterfaceRef) bool {
		_, listed := target.Lookup(r.Name)
		return listed
	})
	return sortRefs(rest)
}

// Proof says whether a node is known to have carried a revision out.
type Proof int

// Kinds of proof.
const (
	// Unproven: the node may have all, parts or nothing of the revision.
	Unproven Proof = iota
	// Proven: the node's enactment of the revision was Applied.
	Proven
)

// Removal gives target plus what makes the leftovers go: an absent entry for each, and each former port up without
// addresses, because a NIC that leaves a bridge would else stay down. What else target says of an interface stays as it says, and
// a NIC or anything of the cluster's own network is never made absent.
//
// ports are the interfaces, NICs or bonds of the host, that were ports of a leftover.
func Removal(target State, leftovers, ports []InterfaceRef) State {
	out := target.Canonical()
	for _, r := range leftovers {
		if _, listed := out.Lookup(r.Name); listed || !creates(r.Type) || ownedNames[r.Name] {
			continue
		}
		out.Interfaces = append(out.Interfaces, Interface{Name: r.Name, Type: r.Type, State: Absent})
	}
	for _, p := range ports {
		k := slices.IndexFunc(out.Interfaces, func(i Interface) bool { return i.Name == p.Name })
		if k < 0 {
			out.Interfaces = append(out.Interfaces, Interface{Name: p.Name, Type: p.Type, State: Up, IPv4: &IP{}, IPv6: &IP{}})
			continue
		}
		// One that the target lists for something else, such as its MTU, stays known as a former port: a node that has not
		// carried this removal out may be sent to another one.
		if i := &out.Interfaces[k]; i.State == Up && i.IPv4 == nil && i.IPv6 == nil {
			i.IPv4, i.IPv6 = &IP{}, &IP{}
		}
	}
	return out.Canonical()
}

// Between gives the removal revision that a node passes through on its way from current to target, and whether it needs one:
// a node that keeps everything that it has goes to target directly. The zero State as target takes everything back.
func Between(current, target State, proof Proof) (State, bool) {
	rest := Leftovers(current, target, proof)
	if len(rest) == 0 {
		return State{}, false
	}
	return Removal(target, rest, current.strippedPorts()), true
}

// strippedPorts gives the listed interfaces that are ports, or were: a port never keeps addresses, so they are disabled on it
// and stay so in the removal revision, unless they move back to it.
func (s State) strippedPorts() []InterfaceRef {
	ports := map[string]bool{}
	for _, i := range s.Interfaces {
		for _, p := range i.Ports() {
			ports[p] = true
		}
		if i.IPv4 != nil && (!i.IPv4.Enabled || i.IPv4.From != "") {
			ports[i.Name] = true
		}
	}
	return slices.DeleteFunc(s.Listed(), func(r InterfaceRef) bool { return !ports[r.Name] })
}

func sortRefs(refs []InterfaceRef) []InterfaceRef {
	slices.SortFunc(refs, func(a, b InterfaceRef) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	return slices.Compact(refs)
}
