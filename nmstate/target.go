package nmstate

import (
	"fmt"
	"net/netip"
	"slices"
)

// TargetCheck is the question whether a node may get a revision.
type TargetCheck struct {
	// Node is what the node reports; the zero value means that it reports nothing.
	Node Node
	// Target is the revision.
	Target State
	// NodeAddresses and Own are those of UplinkCheck.
	NodeAddresses []netip.Addr
	Own           []InterfaceRef
}

// CheckTarget gives the first reason that speaks against a revision on a node, or nil. It asks CheckUplink about every
// interface that the revision lists or stacks on without creating it, so no revision can reach a node unasked; and it looks
// for VLANs that are taken under another name, and for frames too large for the uplink. What carries the node's own traffic may
// lose it only to where the revision moves it (see State.Moving).
//
// A revision that only takes things away is asked as well: former ports that the node lacks by now would make it fail.
func CheckTarget(in TargetCheck) *Refusal {
	built := in.Target.Built()
	if r := checkEvidence(in.Node); r != nil {
		return r
	}
	from, _, _ := in.Target.moves()
	for _, u := range in.Target.uplinks() {
		check := UplinkCheck{
			Node: in.Node, Uplink: u.name, Use: u.use, NodeAddresses: in.NodeAddresses,
			Own: in.Own, Creates: built, Preserve: u.name == from,
		}
		if r := CheckUplink(check); r != nil {
			return r
		}
	}
	if r := checkTrafficKept(in); r != nil {
		return r
	}
	return checkVLANs(in)
}

type uplinkUse struct {
	name string
	use  Use
}

// uplinks gives the interfaces of the host that the state touches, in order of the state.
func (s State) uplinks() []uplinkUse {
	var out []uplinkUse
	ports := s.portNames()
	for _, r := range s.Listed() {
		use := AsListed
		if slices.Contains(ports, r.Name) {
			use = AsPort
		}
		out = append(out, uplinkUse{r.Name, use})
	}
	for _, p := range ports {
		out = s.addUnlisted(out, uplinkUse{p, AsPort})
	}
	for _, i := range s.Canonical().Interfaces {
		if i.State == Up && i.VLAN != nil {
			out = s.addUnlisted(out, uplinkUse{i.VLAN.BaseIface, AsBase})
		}
	}
	return out
}

// portNames gives the ports of all bridges and bonds that the state wants up, in order of the state.
func (s State) portNames() []string {
	var out []string
	for _, i := range s.Canonical().Interfaces {
		if i.State == Up {
			out = append(out, i.Ports()...)
		}
	}
	return out
}

func (s State) addUnlisted(out []uplinkUse, u uplinkUse) []uplinkUse {
	_, listed := s.Lookup(u.name)
	if listed || slices.ContainsFunc(out, func(x uplinkUse) bool { return x.name == u.name }) {
		return out
	}
	return append(out, u)
}

func checkVLANs(in TargetCheck) *Refusal {
	for _, want := range in.Target.Canonical().Interfaces {
		if want.State != Up || want.VLAN == nil {
			continue
		}
		for _, have := range in.Node.Interfaces {
			sameVLAN := have.VLANBase == want.VLAN.BaseIface && have.VLANID == want.VLAN.ID
			if sameVLAN && have.Name != want.Name && have.State != Absent && !ours(in.Own, have.Name) {
				return refuse(RefusedVLANTaken,
					"VLAN %d on %s exists as %s, which was not built by this HostUplink: remove %s from the node, or use it as an uplink of its own",
					want.VLAN.ID, want.VLAN.BaseIface, have.Name, have.Name)
			}
		}
		if r := checkMTU(in, want); r != nil {
			return r
		}
	}
	return nil
}

// checkMTU compares with the interface below as it is: one that the revision lists with an MTU is changed with it.
func checkMTU(in TargetCheck, want Interface) *Refusal {
	if want.MTU == nil {
		return nil
	}
	if base, listed := in.Target.Lookup(want.VLAN.BaseIface); listed && (base.MTU != nil || slices.Contains(in.Target.Built(), base.Ref())) {
		return nil
	}
	base, ok := in.Node.Interface(want.VLAN.BaseIface)
	if !ok || base.MTU == 0 || base.MTU >= *want.MTU {
		return nil
	}
	return refuse(RefusedUplinkMTU, "%s has MTU %d, and %s on it shall have %d: set a smaller mtu, or raise that of %s",
		base.Name, base.MTU, want.Name, *want.MTU, base.Name)
}

// Validate tells what makes the state impossible on any host, or nil. Renderers call it on what they made.
func (s State) Validate() error {
	seen, portOf := map[string]bool{}, map[string]string{}
	for _, i := range s.Canonical().Interfaces {
		if err := i.validate(); err != nil {
			return err
		}
		if seen[i.Name] {
			return fmt.Errorf("interface %q is listed twice", i.Name)
		}
		seen[i.Name] = true
		for _, p := range i.Ports() {
			if other := portOf[p]; other != "" && i.State == Up {
				return fmt.Errorf("interface %q is a port of both %q and %q", p, other, i.Name)
			}
			portOf[p] = i.Name
		}
	}
	for _, i := range s.Interfaces {
		if err := s.validateStack(i); err != nil {
			return err
		}
	}
	return nil
}

// maxKernelName is the longest name of an interface in bytes; the kernel refuses more, and nmstate does not check.
const maxKernelName = 15

func (i Interface) validate() error {
	switch {
	case i.Name == "" || len(i.Name) > maxKernelName:
		return fmt.Errorf("interface name %q must have 1 to %d bytes", i.Name, maxKernelName)
	case i.State != Up && i.State != Down && i.State != Absent:
		return fmt.Errorf("interface %q: state %q must be up, down or absent", i.Name, i.State)
	case i.State == Absent && !creates(i.Type):
		return fmt.Errorf("interface %q: a %s is never made absent", i.Name, i.Type)
	case i.VLAN != nil && (i.VLAN.ID < 1 || i.VLAN.ID > 4094):
		return fmt.Errorf("interface %q: vlan.id %d must be 1 to 4094", i.Name, i.VLAN.ID)
	case i.MTU != nil && *i.MTU < 68:
		return fmt.Errorf("interface %q: mtu %d must be at least 68", i.Name, *i.MTU)
	}
	if i.Bridge == nil || i.Bridge.Port == nil {
		return nil
	}
	for _, p := range *i.Bridge.Port {
		if p.VLAN == nil {
			return fmt.Errorf("bridge %q: port %q needs a vlan section, at least an empty one: without it every VLAN is trunked", i.Name, p.Name)
		}
	}
	return nil
}

func (s State) validateStack(i Interface) error {
	if i.State != Up {
		return nil
	}
	if i.VLAN != nil {
		base, listed := s.Lookup(i.VLAN.BaseIface)
		switch {
		case listed && base.State != Up:
			return fmt.Errorf("VLAN %q: its base %q is %s", i.Name, base.Name, base.State)
		case listed && base.MTU != nil && i.MTU != nil && *i.MTU > *base.MTU:
			return fmt.Errorf("VLAN %q: mtu %d exceeds %d of its base %q", i.Name, *i.MTU, *base.MTU, base.Name)
		}
	}
	for _, p := range i.Ports() {
		port, listed := s.Lookup(p)
		switch {
		case !listed:
			return fmt.Errorf("%s %q: port %q must be listed itself, or a NIC that NetworkManager does not manage is skipped", i.Type, i.Name, p)
		case port.State != Up:
			return fmt.Errorf("%s %q: its port %q is %s", i.Type, i.Name, p, port.State)
		case port.IPv4 != nil && port.IPv4.Enabled || port.IPv6 != nil && port.IPv6.Enabled:
			return fmt.Errorf("%s %q: its port %q cannot keep addresses", i.Type, i.Name, p)
		}
	}
	return nil
}
