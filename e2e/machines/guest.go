package machines

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Guest is what a guest really has.
type Guest struct {
	// InstanceID is what cloud-init knows the machine by.
	InstanceID string
	// NetworkData and UserData are what the guest was given when its instance started, whether it followed them or not.
	NetworkData, UserData string
	// Refused says why cloud-init did not follow the network data; empty if it did, or did not look at it again.
	Refused string
	NICs    []GuestNIC
}

// GuestNIC is an interface of a guest.
type GuestNIC struct {
	// Name is that of the interface in the machine; empty where the guest made the interface itself.
	Name string
	MAC  string
	// Interface is its name in the guest.
	Interface string
	// Addresses are those that the guest has, without link-local ones.
	Addresses []netip.Prefix
}

// NIC gives the interface of a name.
func (g Guest) NIC(name string) GuestNIC {
	i := slices.IndexFunc(g.NICs, func(n GuestNIC) bool { return n.Name == name })
	if i < 0 {
		return GuestNIC{}
	}
	return g.NICs[i]
}

// disk is what cloud-init remembers on the disk of a machine from one boot to the next.
type disk struct {
	instanceID string
	everyBoot  bool
	plan       *plan // nil until network data was followed
}

// seed is what a guest reads at boot.
type seed struct{ instanceID, networkData, userData string }

// boot does what cloud-init does at boot: a new instance follows the network data. The same instance looks at it again only if
// the user data of its first boot said so. Network data that names an interface which is not there counts for none: what was
// there before stays.
func (d *disk) boot(s seed, hardware []GuestNIC) Guest {
	out := Guest{InstanceID: s.instanceID, NetworkData: s.networkData, UserData: s.userData}
	isNew := d.instanceID != s.instanceID
	if isNew {
		d.instanceID, d.everyBoot, d.plan = s.instanceID, appliesAtEveryBoot(s.userData), nil
	}
	if s.networkData != "" && (isNew || d.everyBoot) {
		if read, err := readPlan(s.networkData); err != nil {
			out.Refused = err.Error()
		} else if missing := read.missing(hardware); missing != "" {
			out.Refused = fmt.Sprintf("no interface has the MAC address %s", missing)
		} else {
			d.plan = read
		}
	}
	for i, nic := range hardware {
		nic.Interface = fmt.Sprintf("eth%d", i)
		if l := d.plan.link(nic.MAC); l != nil {
			nic.Addresses = slices.Clone(l.prefixes)
			if l.SetName != "" {
				nic.Interface = l.SetName
			}
		}
		out.NICs = append(out.NICs, nic)
	}
	return out
}

// missing gives a MAC address of the plan that no interface has.
func (p *plan) missing(hardware []GuestNIC) string {
	for _, id := range slices.Sorted(maps.Keys(p.Ethernets)) {
		mac := p.Ethernets[id].Match.MAC
		if !slices.ContainsFunc(hardware, func(n GuestNIC) bool { return strings.EqualFold(n.MAC, mac) }) {
			return mac
		}
	}
	return ""
}

// link gives what the plan says about the interface with a MAC address; a nil plan says nothing.
func (p *plan) link(mac string) *link {
	if p == nil {
		return nil
	}
	for _, l := range p.Ethernets {
		if strings.EqualFold(l.Match.MAC, mac) {
			return l
		}
	}
	return nil
}

// replug has a running guest see other hardware. What is plugged in gets no addresses until the next boot.
func (g *Guest) replug(hardware []GuestNIC) {
	has := func(nics []GuestNIC, name string) bool {
		return slices.ContainsFunc(nics, func(n GuestNIC) bool { return n.Name == name })
	}
	g.NICs = slices.DeleteFunc(g.NICs, func(n GuestNIC) bool { return !has(hardware, n.Name) })
	for _, nic := range hardware {
		if !has(g.NICs, nic.Name) {
			nic.Interface = "ens" + nic.Name
			g.NICs = append(g.NICs, nic)
		}
	}
}

// linkLocal is the address that an interface gives itself from its MAC address.
func linkLocal(mac string) string {
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 {
		return ""
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}).String()
}
