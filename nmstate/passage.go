package nmstate

import (
	"fmt"
	"slices"
)

// Passage is the way of a node from one revision to another.
type Passage struct {
	Current, Target State
	// Proof is that of Current.
	Proof Proof
	// Node is what the node reports; without a report nothing moves.
	Node Node
	// Retained names interfaces of Current that stay, although Target lacks them.
	Retained []string
}

// Revision gives the revision that the node passes through, and whether it needs one. It is the removal of Between, and moves
// the node's own addresses with it: from a NIC to the bridge that is to keep what it has (one without sections of addresses),
// and from a bridge that goes to the NIC that was its port.
//
// A node that is proven to have the target needs none. One that has not carried a move out yet stays with it: its report may be
// from the midst of it, and what nmstate undoes has to come back to a state that moves it.
func (p Passage) Revision() (State, bool) {
	if p.Proof == Proven && p.Current.Hash() == p.Target.Hash() {
		return State{}, false
	}
	if from, _, ok := p.Current.moves(); ok && p.Proof != Proven && !p.Node.TrafficOn(from).Carries {
		return p.Current.Canonical(), true
	}
	out, needed := Between(p.Current.without(p.Retained), p.Target, p.Proof)
	if !needed {
		out = p.Target.Canonical()
	}
	out = out.withoutFreed(p.Target, p.Node)
	from, to, ok := out.movement(p.Node)
	switch {
	case ok:
		return out.typed(p.Node).Moving(from, to, p.Node.TrafficOn(from)), true
	case needed:
		return out, true
	}
	return State{}, false
}

// without leaves interfaces out.
func (s State) without(names []string) State {
	out := s.Canonical()
	out.Interfaces = slices.DeleteFunc(out.Interfaces, func(i Interface) bool { return slices.Contains(names, i.Name) })
	return out
}

// withoutFreed leaves former ports alone that carry the node's own traffic by now: they are free already, and up. What target
// says of them stays.
func (s State) withoutFreed(target State, node Node) State {
	var out []Interface
	for _, i := range s.Interfaces {
		have, ok := node.Interface(i.Name)
		freed := ok && i.State == Up && have.State == Up && len(node.controllersOf(have)) == 0 && node.TrafficOn(i.Name).Carries
		if freed {
			if i, ok = target.Lookup(i.Name); !ok {
				continue
			}
		}
		out = append(out, i)
	}
	s.Interfaces = out
	return s
}

// typed writes the types of interfaces that the host has. nmstate writes "unknown" for one that is left out when it fills in
// templates, and warns of that word when it reads it again.
func (s State) typed(node Node) State {
	out := s.Canonical()
	for k := range out.Interfaces {
		i := &out.Interfaces[k]
		have, ok := node.Interface(i.Name)
		switch {
		case !ok || i.Type != AnyType:
		case have.Type == Veth:
			i.Type = Ethernet // the word for both
		case have.Type == Ethernet || have.Type == BondType:
			i.Type = have.Type
		}
	}
	return out
}

// movement finds out what the state has to move on the node.
func (s State) movement(node Node) (from, to string, ok bool) {
	for _, r := range s.Removed() {
		if r.Type != LinuxBridge || !node.TrafficOn(r.Name).Carries {
			continue
		}
		if port, ok := s.hostPort(node, r.Name); ok {
			if bridge, ok := s.keeperOf(port); ok {
				return r.Name, bridge, true
			}
			if !slices.Contains(s.portNames(), port) {
				return r.Name, port, true
			}
		}
	}
	for _, r := range s.Listed() {
		if bridge, ok := s.keeperOf(r.Name); ok && node.TrafficOn(r.Name).Carries {
			return r.Name, bridge, true
		}
	}
	return "", "", false
}

// hostPort gives the one interface of the host, listed by the state, that is a port of the bridge on the node.
func (s State) hostPort(node Node, bridge string) (string, bool) {
	have, _ := node.Interface(bridge)
	var found []string
	for _, r := range s.Listed() {
		i, _ := node.Interface(r.Name)
		if slices.Contains(have.Ports, r.Name) || i.Controller == bridge {
			found = append(found, r.Name)
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

// keeperOf gives the bridge that takes over what its port carries: a Linux bridge that filters nothing on the port, and whose
// own addresses the state leaves alone.
func (s State) keeperOf(port string) (string, bool) {
	for _, i := range s.Interfaces {
		if i.State != Up || i.Type != LinuxBridge || i.IPv4 != nil || i.IPv6 != nil || i.Bridge == nil || i.Bridge.Port == nil {
			continue
		}
		for _, p := range *i.Bridge.Port {
			if p.Name == port && (p.VLAN == nil || p.VLAN.Mode == "") {
				return i.Name, true
			}
		}
	}
	return "", false
}

// checkTrafficKept refuses what takes the node's own traffic away from an interface of ours without moving it elsewhere.
func checkTrafficKept(in TargetCheck) *Refusal {
	from, to, moves := in.Target.moves()
	if i, ok := in.Node.Interface(from); ok && moves {
		if a, ok := i.selfAssigned(in.NodeAddresses); ok {
			return refuse(RefusedUplinkCarriesNodeAddress,
				"%s has the node's address %s, which NetworkManager made for this interface alone, so that %s would get another one: give the node a static address, or one from DHCP, or use VLANs on the NIC",
				from, a, to)
		}
	}
	for _, want := range in.Target.Canonical().Interfaces {
		have, ok := in.Node.Interface(want.Name)
		if !ok || have.State == Absent || want.Name == from {
			continue
		}
		what, carries := in.carriedBy(have, want)
		switch {
		case carries && want.State == Absent:
			return refuse(RefusedBridgeCarriesTraffic,
				"%s, which is to be removed, has %s, and no NIC can take it over: keep its HostNetwork, or move that to another interface of the node", have.Name, what)
		case carries && slices.Contains(in.Target.Built(), want.Ref()):
			return refuse(RefusedBridgeCarriesTraffic,
				"%s has %s, and would lose it: set protect: Preserve on the HostUplink, or move that to another interface of the node", have.Name, what)
		}
	}
	return nil
}

// carriedBy names what of the node the interface carries and the entry takes away.
func (in TargetCheck) carriedBy(have NodeInterface, want Interface) (string, bool) {
	lost := func(is4 bool) bool {
		section := want.IPv6
		if is4 {
			section = want.IPv4
		}
		return want.State == Absent || section != nil && !section.Enabled
	}
	for _, p := range have.Addresses {
		if slices.Contains(in.NodeAddresses, p.Addr()) && lost(p.Addr().Is4()) {
			return fmt.Sprintf("the node's address %s", p.Addr()), true
		}
	}
	for _, r := range in.Node.DefaultRoutes {
		if r.Interface == have.Name && lost(r.Family == 4) {
			return fmt.Sprintf("the default route%s of the node", via(r)), true
		}
	}
	return "", false
}
