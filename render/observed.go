package render

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Asked is what one interface of a guest should have.
type Asked struct {
	// Network is the name of the network in the spec, and of the interface in the machine.
	Network string
	// Interface is the name of the interface in the guest.
	Interface string
	// MAC is its MAC address, in lower case with colons, or empty while that of somebody else's machine is not known.
	MAC string
	// Addresses are its static addresses. Without any, as with DHCP, whatever the guest reports is right.
	Addresses []netip.Prefix
}

// AskedOf gives what interfaces should have, in their order.
func AskedOf(nics []NIC) []Asked {
	var out []Asked
	for _, n := range nics {
		a := Asked{Network: n.Name, Interface: n.Interface, MAC: n.Address}
		for _, address := range n.Addresses {
			if address.Explicit() {
				a.Addresses = append(a.Addresses, address.Prefix)
			}
		}
		out = append(out, a)
	}
	return out
}

// Report is what KubeVirt says about the guest of a machine. The zero value is that of a machine that does not run.
type Report struct {
	Running bool
	// Agent: the guest agent has told of interfaces. Without it what is absent means nothing.
	Agent bool
	// Migrating: the machine moves to another node, and what is absent means nothing until it is there.
	Migrating  bool
	Interfaces []ReportedInterface
}

// ReportedInterface is one interface of a report.
type ReportedInterface struct {
	// Network is the name of the interface in the machine; empty for one that the guest made by itself.
	Network string
	// MAC is in lower case with colons, or empty where it is not reported.
	MAC string
	// Addresses are sorted, without zones and prefix lengths. Link-local and loopback addresses are left out.
	Addresses []netip.Addr
	// Agent: the guest agent told of the interface, and not KubeVirt or Multus alone.
	Agent bool
}

// ReportOf reads the status of an instance, or nil. Text that is no address does not count.
func ReportOf(vmi *kubevirtv1.VirtualMachineInstance) Report {
	if vmi == nil || vmi.Status.Phase != kubevirtv1.Running {
		return Report{}
	}
	connected := slices.ContainsFunc(vmi.Status.Conditions, func(c kubevirtv1.VirtualMachineInstanceCondition) bool {
		return c.Type == kubevirtv1.VirtualMachineInstanceAgentConnected && c.Status == corev1.ConditionTrue
	})
	m := vmi.Status.MigrationState
	out := Report{Running: true, Migrating: m != nil && !m.Completed && !m.Failed}
	sourced := false
	for _, i := range vmi.Status.Interfaces {
		sourced = sourced || i.InfoSource != ""
		reported := ReportedInterface{Network: i.Name, MAC: lowerMAC(i.MAC), Agent: toldByAgent(i.InfoSource)}
		for _, text := range append([]string{i.IP}, i.IPs...) {
			if a, ok := reportedAddress(text); ok {
				reported.Addresses = append(reported.Addresses, a)
			}
		}
		slices.SortFunc(reported.Addresses, netip.Addr.Compare)
		reported.Addresses = slices.Compact(reported.Addresses)
		out.Agent = out.Agent || reported.Agent
		out.Interfaces = append(out.Interfaces, reported)
	}
	if !sourced && connected { // KubeVirt before 0.50 does not say who told it
		out.Agent = true
		for i := range out.Interfaces {
			out.Interfaces[i].Agent = true
		}
	}
	return out
}

// toldByAgent reads infoSource, a list whose order varies.
func toldByAgent(infoSource string) bool {
	return slices.ContainsFunc(strings.Split(infoSource, ","), func(s string) bool { return strings.TrimSpace(s) == "guest-agent" })
}

// reportedAddress reads an address that a guest reports, with or without a prefix length.
func reportedAddress(text string) (netip.Addr, bool) {
	text, _, _ = strings.Cut(text, "/")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	a = a.WithZone("").Unmap()
	return a, !a.IsLinkLocalUnicast() && !a.IsLoopback() && !a.IsUnspecified()
}

// lowerMAC gives a MAC address in lower case with colons, or "" when it is none.
func lowerMAC(text string) string {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		return ""
	}
	return mac.String()
}

// Observed is what a guest reports of one interface, beside what was asked for.
type Observed struct {
	Asked
	// Found are the addresses that the guest reports on the interface, sorted.
	Found []netip.Addr
	// Guest has one word per address that was asked for, in their order.
	Guest []v1alpha1.GuestAddress
	// Unexpected are those of Found that nobody asked for; none where no static address is asked for.
	Unexpected []netip.Addr

	reported  bool   // the guest agent reports the interface
	otherMAC  string // of the interface of this name, where it has another one
	elsewhere map[netip.Addr]string
}

// Observe compares what was asked for with what a guest reports, per address. Interfaces are matched by MAC address, and by
// name where the report has none. An address is Missing only where the guest agent speaks: silence is Unknown.
func Observe(asked []Asked, r Report) []Observed {
	var out []Observed
	for _, a := range asked {
		out = append(out, observe(a, asked, r))
	}
	return out
}

func observe(a Asked, all []Asked, r Report) Observed {
	out := Observed{Asked: a}
	own, shared := matching(a, r)
	for _, i := range own {
		out.Found = append(out.Found, i.Addresses...)
		out.reported = true
	}
	slices.SortFunc(out.Found, netip.Addr.Compare)
	out.Found = slices.Compact(out.Found)
	for _, prefix := range a.Addresses {
		addr := prefix.Addr().Unmap()
		has := slices.Contains(out.Found, addr) ||
			slices.ContainsFunc(shared, func(i ReportedInterface) bool { return slices.Contains(i.Addresses, addr) })
		switch {
		case has:
			out.Guest = append(out.Guest, v1alpha1.GuestAddressPresent)
		case r.Running && r.Agent && !r.Migrating && (a.MAC != "" || out.reported):
			out.Guest = append(out.Guest, v1alpha1.GuestAddressMissing)
			out.misplaced(addr, all, r)
		default:
			out.Guest = append(out.Guest, v1alpha1.GuestAddressUnknown)
		}
	}
	for _, addr := range out.Found {
		if len(a.Addresses) > 0 && !slices.ContainsFunc(a.Addresses, func(p netip.Prefix) bool { return p.Addr().Unmap() == addr }) {
			out.Unexpected = append(out.Unexpected, addr)
		}
	}
	return out
}

// matching gives the reported interfaces that are the one that was asked for, and those that the guest made on top of it, such as
// a bridge with its MAC address: an address there answers all the same, and a further one is the guest's own affair.
func matching(a Asked, r Report) (own, shared []ReportedInterface) {
	for _, i := range r.Interfaces {
		switch {
		case !i.Agent:
		case i.Network == a.Network && (i.MAC == "" || a.MAC == ""), i.MAC != "" && i.MAC == a.MAC && i.Network != "":
			own = append(own, i)
		case i.MAC != "" && i.MAC == a.MAC:
			shared = append(shared, i)
		}
	}
	if len(own) == 0 {
		return shared, nil
	}
	return own, shared
}

// misplaced remembers what explains that an address is missing.
func (o *Observed) misplaced(addr netip.Addr, all []Asked, r Report) {
	for _, i := range r.Interfaces {
		if i.Network == o.Network && i.MAC != "" && i.MAC != o.MAC {
			o.otherMAC = i.MAC
		}
		if i.Agent && slices.Contains(i.Addresses, addr) {
			if o.elsewhere == nil {
				o.elsewhere = map[netip.Addr]string{}
			}
			o.elsewhere[addr] = placeOf(i, all)
		}
	}
}

// placeOf names a reported interface by what was asked for. Names that a guest gives are not repeated.
func placeOf(i ReportedInterface, all []Asked) string {
	for _, a := range all {
		if (i.MAC != "" && i.MAC == a.MAC) || (i.MAC == "" && i.Network == a.Network) {
			return fmt.Sprintf("on %s of network %s", a.Interface, a.Network)
		}
	}
	if i.MAC == "" {
		return "on another interface"
	}
	return "on an interface with MAC address " + i.MAC
}

// Difference is an address that a guest should have and does not report.
type Difference struct {
	Network string
	Address netip.Prefix
	// Message says what the guest reports instead, in one sentence.
	Message string
}

// Differences gives the addresses that are missing, in the order of the spec.
func Differences(observed []Observed) []Difference {
	var out []Difference
	for i := range observed {
		o := &observed[i]
		for at, guest := range o.Guest {
			if guest == v1alpha1.GuestAddressMissing {
				out = append(out, Difference{Network: o.Network, Address: o.Addresses[at], Message: o.explain(o.Addresses[at])})
			}
		}
	}
	return out
}

func (o *Observed) explain(prefix netip.Prefix) string {
	where := o.Interface
	if o.MAC != "" {
		where += " with MAC address " + o.MAC
	}
	lacks := fmt.Sprintf("network %s: the guest does not report %s on %s", o.Network, prefix, where)
	place, moved := o.elsewhere[prefix.Addr().Unmap()]
	switch {
	case moved:
		return fmt.Sprintf("%s: it has it %s", lacks, place)
	case !o.reported && o.otherMAC != "":
		return fmt.Sprintf("%s: its interface %s has MAC address %s", lacks, o.Network, o.otherMAC)
	case !o.reported:
		return lacks + ": it reports no such interface"
	case len(o.Found) > 0:
		return fmt.Sprintf("%s: it reports %s there", lacks, Listed(o.Found))
	}
	return lacks + ": it reports no address there"
}

// maxListed bounds how many addresses a sentence names.
const maxListed = 4

// Listed names addresses in a sentence: the first few, and how many there are beside them.
func Listed(addresses []netip.Addr) string {
	var out []string
	for _, a := range addresses[:min(len(addresses), maxListed)] {
		out = append(out, a.String())
	}
	text := strings.Join(out, ", ")
	if more := len(addresses) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
