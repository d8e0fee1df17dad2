package nmstate

import (
	"fmt"
	"slices"
	"strings"
)

// compareFilters compares the VLANs that pass the ports of a bridge with those that were asked for.
func (c *comparison) compareFilters(have NodeInterface) {
	if c.entry.Bridge == nil || c.entry.Bridge.Port == nil {
		return
	}
	for _, p := range *c.entry.Bridge.Port {
		if p.VLAN == nil || !slices.Contains(have.Ports, p.Name) {
			continue
		}
		filter, filtered := have.filterOf(p.Name)
		switch {
		case p.VLAN.Mode == "" && filtered && filter.untagged() > 1:
			c.broken("%s puts untagged frames of its port %s into VLAN %d, and those of machines into VLAN 1", have.Name, p.Name, filter.untagged())
		case p.VLAN.Mode == "" && filtered:
			// The handler makes every port that has no vlan a trunk. Untagged frames pass it all the same, in VLAN 1, which nmstate
			// does not report.
		case p.VLAN.Mode != "" && !filtered:
			c.broken("%s filters no VLANs on its port %s: %s was asked for", have.Name, p.Name, p.VLAN.filter().text())
		case p.VLAN.Mode != "":
			c.compareFilter(have.Name, p, filter)
		}
	}
}

func (c *comparison) compareFilter(bridge string, p BridgePort, have PortFilter) {
	want := p.VLAN.filter()
	if want.Mode != have.Mode || want.untagged() != have.untagged() {
		c.broken("port %s of %s is %s, not %s", p.Name, bridge, have.text(), want.text())
		return
	}
	wanted, there := want.vlans(), have.vlans()
	if missing := wanted.without(there); missing != (vlanSet{}) {
		c.broken("port %s of %s lacks VLANs %s", p.Name, bridge, missing)
	}
	if more := there.without(wanted); more != (vlanSet{}) {
		c.differs("port %s of %s carries VLANs %s, which were not asked for", p.Name, bridge, more)
	}
}

func (i NodeInterface) filterOf(port string) (PortFilter, bool) {
	for _, f := range i.PortFilters {
		if f.Port == port {
			return f, true
		}
	}
	return PortFilter{}, false
}

// filter gives the same in the words of a report.
func (v PortVLAN) filter() PortFilter {
	out := PortFilter{Mode: v.Mode, Native: v.EnableNative != nil && *v.EnableNative}
	if v.Tag != nil {
		out.Tag = *v.Tag
	}
	for _, t := range v.TrunkTags {
		out.Tagged = append(out.Tagged, VLANRange{Min: t.lowest(), Max: t.highest()})
	}
	return out
}

// untagged is the VLAN of untagged frames, or zero.
func (f PortFilter) untagged() int {
	if f.Mode == "trunk" && !f.Native {
		return 0
	}
	return f.Tag
}

// text gives "access on VLAN 5" or "a trunk of VLANs 10-20 with native VLAN 5".
func (f PortFilter) text() string {
	if f.Mode != "trunk" {
		return fmt.Sprintf("%s on VLAN %d", f.Mode, f.Tag)
	}
	text := "a trunk of VLANs " + f.vlans().String()
	if native := f.untagged(); native != 0 {
		text += fmt.Sprintf(" with native VLAN %d", native)
	}
	return text
}

func (f PortFilter) vlans() vlanSet {
	var out vlanSet
	for _, r := range f.Tagged {
		for id := max(r.Min, 1); id <= min(r.Max, 4094); id++ {
			out[id/64] |= 1 << (id % 64)
		}
	}
	return out
}

// vlanSet has one bit for each VLAN.
type vlanSet [64]uint64

func (s vlanSet) without(other vlanSet) vlanSet {
	for k := range s {
		s[k] &^= other[k]
	}
	return s
}

func (s vlanSet) has(id int) bool { return s[id/64]&(1<<(id%64)) != 0 }

// maxShownRanges bounds how many ranges of VLANs a message names.
const maxShownRanges = 6

// String gives "10, 20-29", or "none".
func (s vlanSet) String() string {
	var ranges []string
	for id := 1; id <= 4094; id++ {
		if !s.has(id) {
			continue
		}
		first := id
		for id < 4094 && s.has(id+1) {
			id++
		}
		if first == id {
			ranges = append(ranges, fmt.Sprint(id))
		} else {
			ranges = append(ranges, fmt.Sprintf("%d-%d", first, id))
		}
	}
	switch {
	case len(ranges) == 0:
		return "none"
	case len(ranges) > maxShownRanges:
		return fmt.Sprintf("%s and %d more", strings.Join(ranges[:maxShownRanges], ", "), len(ranges)-maxShownRanges)
	}
	return strings.Join(ranges, ", ")
}
