package nmstate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Difference is one thing that a node shows otherwise than a revision asked for it.
type Difference struct {
	// Interface is the one that the revision lists, or stands on.
	Interface string
	// Broken says that machines cannot use the network through the interface; otherwise a setting differs.
	Broken bool
	// Message is one line that names the interface, what is there and what was asked.
	Message string
}

// Differences gives what the node shows otherwise than want asks for it, ordered by interface, what is broken first. A report
// that is missing or cut differs in nothing: missing evidence is no evidence.
//
// Further ports of a bridge, such as those of running machines, are no difference, nor is what the report leaves out.
func Differences(want State, have Node) []Difference {
	if !have.Known() || have.Truncated {
		return nil
	}
	var out []Difference
	for _, i := range want.Canonical().Interfaces {
		c := comparison{want: want, have: have, entry: i}
		c.compare()
		out = append(out, c.found...)
	}
	out = append(out, missingBases(want, have)...)
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), compareBool(b.Broken, a.Broken), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}

// DifferencesOf gives those of the differences that are about the interface top or what it stands on in want: its ports, the
// base of a VLAN, and so on downwards. So the part of one network is told from that of another.
func DifferencesOf(want State, have Node, top string) []Difference {
	stack := want.stackUnder(top)
	return slices.DeleteFunc(Differences(want, have), func(d Difference) bool { return !stack[d.Interface] })
}

// StandsOn says whether an interface is top itself or something that it stands on in the state.
func (s State) StandsOn(top, name string) bool { return s.stackUnder(top)[name] }

// stackUnder gives the names of the interface and of all that it stands on.
func (s State) stackUnder(top string) map[string]bool {
	stack, next := map[string]bool{}, []string{top}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if stack[name] {
			continue
		}
		stack[name] = true
		for _, i := range s.Interfaces {
			if i.Name == name {
				next = append(next, i.below()...)
			}
		}
	}
	return stack
}

// below gives the names of the interfaces that the entry stands on.
func (i Interface) below() []string {
	out := i.Ports()
	if i.VLAN != nil {
		out = append(out, i.VLAN.BaseIface)
	}
	return out
}

// missingBases looks for what VLANs stand on that the state does not list: it has to be up, and that is all.
func missingBases(want State, have Node) []Difference {
	var out []Difference
	for _, i := range want.Interfaces {
		if i.State != Up || i.VLAN == nil {
			continue
		}
		if _, listed := want.Lookup(i.VLAN.BaseIface); listed {
			continue
		}
		c := comparison{want: want, have: have, entry: Interface{Name: i.VLAN.BaseIface, State: Up}}
		c.compare()
		out = append(out, c.found...)
	}
	return out
}

// comparison collects the differences of one entry.
type comparison struct {
	want  State
	have  Node
	entry Interface
	found []Difference
}

func (c *comparison) broken(format string, args ...any) {
	c.found = append(c.found, Difference{Interface: c.entry.Name, Broken: true, Message: clean(fmt.Sprintf(format, args...))})
}

func (c *comparison) differs(format string, args ...any) {
	c.found = append(c.found, Difference{Interface: c.entry.Name, Message: clean(fmt.Sprintf(format, args...))})
}

func (c *comparison) compare() {
	have, exists := c.have.interfaceOf(c.entry.Ref())
	exists = exists && have.State != Absent
	switch {
	case c.entry.State == Absent:
		if exists && sameKind(c.entry.Type, have.Type) {
			c.differs("%s (%s) is still there, and was to be removed", have.Name, have.Type)
		}
	case c.entry.State == Down:
		if exists && have.State == Up {
			c.differs("%s is up, not down", have.Name)
		}
	case !exists:
		c.broken("%s is missing: %s was asked for", c.entry.Name, kindText(c.entry.Type))
	case !sameKind(c.entry.Type, have.Type):
		c.broken("%s is of type %s, not %s", have.Name, have.Type, c.entry.Type)
	default:
		c.compareUp(have)
	}
}

// compareUp compares an interface that is there with an entry that wants it up.
func (c *comparison) compareUp(have NodeInterface) {
	want := c.entry
	if have.State != Up {
		c.broken("%s is %s, not up: %s", have.Name, have.State, downAdvice(have.State))
	}
	if want.MTU != nil && have.MTU != 0 && have.MTU != *want.MTU {
		c.differs("%s has MTU %d, not %d", have.Name, have.MTU, *want.MTU)
	}
	if v := want.VLAN; v != nil && have.VLANBase != "" && (have.VLANBase != v.BaseIface || have.VLANID != v.ID) {
		c.broken("%s is VLAN %d on %s, not VLAN %d on %s", have.Name, have.VLANID, have.VLANBase, v.ID, v.BaseIface)
	}
	if b := want.LinkAggregation; b != nil && have.BondMode != "" && have.BondMode != b.Mode {
		c.differs("%s has bond mode %s, not %s", have.Name, have.BondMode, b.Mode)
	}
	if e := want.Ethernet; e != nil && e.SRIOV != nil && have.TotalVFs < e.SRIOV.TotalVFs {
		c.found = append(c.found, Difference{Interface: want.Name, Broken: have.TotalVFs == 0,
			Message: fmt.Sprintf("%s has %d virtual functions, not %d", have.Name, have.TotalVFs, e.SRIOV.TotalVFs)})
	}
	c.compareAddresses(have)
	for _, p := range want.Ports() {
		c.comparePort(have, p)
	}
	c.compareFilters(have)
}

// compareAddresses looks for addresses where the entry wants none. Link-local ones come by themselves.
func (c *comparison) compareAddresses(have NodeInterface) {
	for _, family := range []struct {
		section *IP
		is      func(netip.Addr) bool
	}{{c.entry.IPv4, netip.Addr.Is4}, {c.entry.IPv6, netip.Addr.Is6}} {
		if family.section == nil || family.section.Enabled {
			continue
		}
		for _, p := range have.Addresses {
			if family.is(p.Addr()) && relevanceOf(p.Addr()) == Counts {
				c.differs("%s has the address %s, and was to have none", have.Name, p)
				break
			}
		}
	}
}

// comparePort says that a port is missing, unless it is missing from the node, which its own entry says.
func (c *comparison) comparePort(have NodeInterface, port string) {
	if slices.Contains(have.Ports, port) {
		return
	}
	nic, exists := c.have.Interface(port)
	_, listed := c.want.Lookup(port)
	switch {
	case !exists || nic.State == Absent:
		if !listed {
			c.broken("%s lacks its port %s, which is missing", have.Name, port)
		}
		return
	case nic.Controller == have.Name:
		return
	}
	for _, other := range c.have.controllersOf(nic) {
		c.broken("%s lacks its port %s, which is a port of the %s %s", have.Name, port, other.Type, other.Name)
		return
	}
	c.broken("%s lacks its port %s, which is a port of nothing", have.Name, port)
}

// interfaceOf finds an interface by name, and by type where Open vSwitch gives one name to two.
func (n Node) interfaceOf(r InterfaceRef) (NodeInterface, bool) {
	found, ok := n.Interface(r.Name)
	if ok && found.Type != r.Type {
		for _, i := range n.Interfaces {
			if i.Ref() == r {
				return i, true
			}
		}
	}
	return found, ok
}

// sameKind says whether an interface of the type that a node reports can be what was asked for: nmstate takes a veth for a
// NIC.
func sameKind(want, have InterfaceType) bool {
	return want == AnyType || want == have || have == "unknown" || want == Ethernet && have == Veth
}

func kindText(t InterfaceType) string {
	if t == AnyType {
		return "an interface of any type"
	}
	return "an interface of type " + string(t)
}
