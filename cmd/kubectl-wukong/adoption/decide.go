package adoption

import (
	"fmt"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// decide says what becomes of an address. Whether a machine gets a Wukong is decided afterwards, for all of its addresses
// together: until then ActionServe only says that nothing is against it.
func (p *planner) decide(g *group) {
	switch {
	case !g.claims[0].told():
		g.set(ActionUndecided, "%s", g.claims[0].unknown)
	case g.contested:
		g.set(ActionConflict, "")
	case p.leased(g):
	case g.contradiction != "":
		g.set(ActionConflict, "%s", g.contradiction)
	case p.spokenFor(g):
	case !p.rules.TrustGuests && !slices.ContainsFunc(g.claims, func(c *claim) bool { return c.source.trusted() }):
		g.set(ActionUndecided, untrusted)
	case g.owner.kind == machine && p.rules.As != AsReservations:
		g.set(ActionServe, "")
	default:
		p.reserve(g, "")
	}
}

const untrusted = "reported by its guest alone, who may say anything: add --trust-guests if that will do, or name it in a file"

func (g *group) set(a Action, format string, args ...any) {
	g.action, g.note = a, fmt.Sprintf(format, args...)
}

// leased decides about an address that somebody has a lease of.
func (p *planner) leased(g *group) bool {
	name, err := ipam.LeaseName(g.addr, g.segment.String())
	l := p.leases[name]
	if err != nil || l == nil || l.Spec.Phase == v1alpha1.LeaseReleased {
		return false
	}
	h := l.Spec.Holder
	switch {
	case h == nil:
		g.set(ActionConflict, "AddressLease %s is %s and names no holder", l.Name, l.Spec.Phase)
	case g.owner.same(owner{kind: existing, namespace: h.Namespace, wukong: h.Name, machine: h.VirtualMachine, network: h.Network}):
		g.set(ActionNone, "leased: AddressLease %s", l.Name)
	default:
		g.set(ActionConflict, "%s: AddressLease %s is %s for %s", from(g.claims), l.Name, l.Spec.Phase, render.HolderName(h.Namespace, h.Name, h.Network))
	}
	return true
}

// spokenFor decides about an address of which pools, reservations or the owner's own Wukong say enough.
func (p *planner) spokenFor(g *group) bool {
	var kept, out, excluded string
	for _, c := range p.declared.Find(g.segment.String(), g.addr) {
		switch c.Kind {
		case conflicts.Gateway, conflicts.DNSServer:
			g.set(ActionConflict, "%s: it is the %s of %s (%s)", from(g.claims), roles[c.Kind], c.Owner, c.Evidence)
			return true
		case conflicts.Excluded:
			excluded = c.Owner
		case conflicts.Reservation:
			switch {
			case c.For == "":
				out = c.Owner
			case g.owner.mayTake(c.For):
				kept = c.Owner
			default:
				g.set(ActionConflict, "%s: %s keeps it for %s", from(g.claims), c.Owner, c.For)
				return true
			}
		}
	}
	g.kept = kept != ""
	asks := slices.ContainsFunc(g.claims, func(c *claim) bool { return c.source == SourceSpec })
	against := out
	if against == "" {
		against = excluded
	}
	switch {
	case asks && against != "":
		g.set(ActionConflict, "the Wukong asks for it, and %s keeps it out of use: change one of them", against)
	case asks && !slices.ContainsFunc(g.claims, func(c *claim) bool { return c.legacy }):
		g.set(ActionNone, "the Wukong asks for it: the controller takes the lease")
	case against != "" && g.owner.kind == machine && p.rules.As == AsWukongs:
		g.set(ActionUndecided, "%s keeps it out of use, so no Wukong can have it: change that, or use --adopt-as auto", against)
	case against != "":
		g.set(ActionNone, "kept out of use by %s", against)
	case kept != "" && g.owner.kind != machine:
		g.set(ActionNone, "kept for it by %s", kept)
	default:
		return false
	}
	return true
}

var roles = map[conflicts.Kind]string{conflicts.Gateway: "next hop", conflicts.DNSServer: "DNS server"}

// mayTake says whether the owner is one for whom a reservation is.
func (o owner) mayTake(reserved string) bool {
	if o.wukong == "" {
		return false
	}
	whole := render.HolderName(o.namespace, o.wukong, "")
	return reserved == whole || (o.network == "" && strings.HasPrefix(reserved, whole+" network ")) ||
		reserved == render.HolderName(o.namespace, o.wukong, o.network)
}

// reserve decides for an AddressReservation: for the Wukong that has the address or is to have it, else out of use.
func (p *planner) reserve(g *group, remark string) {
	var holder *v1alpha1.ReservedFor
	note := "out of use"
	if g.owner.kind == existing || g.owner.kind == expected {
		holder = &v1alpha1.ReservedFor{Namespace: g.owner.namespace, Name: g.owner.wukong, Network: g.owner.network}
		note = "for " + g.owner.holder()
	}
	g.reservation = g.reserved(holder)
	if len(p.facts.Pools.All()) > 0 && len(p.facts.Pools.Covering(g.segment, g.addr)) == 0 {
		note += "; outside every pool"
	}
	g.set(ActionReserve, "%s%s", note, remark)
}

// reserved makes the AddressReservation for a holder, or out of use.
func (g *group) reserved(holder *v1alpha1.ReservedFor) *v1alpha1.AddressReservation {
	reason := "used by " + g.owner.String() + ", found by import"
	return answer.NewReservation("", segmentOf(g.segment), g.addr.String(), clipped(reason), holder)
}

// maxReason is the longest reason of an AddressReservation, in characters. The schema has the same bound.
const maxReason = 256

func clipped(text string) string {
	runes := []rune(answer.Printable(text))
	return string(runes[:min(len(runes), maxReason)])
}

// contradictions finds what sources that agree on an owner say differently.
func contradictions(groups []*group) {
	for _, g := range groups {
		first := g.claims[max(0, slices.IndexFunc(g.claims, func(c *claim) bool { return c.mac != "" }))]
		for _, c := range g.claims {
			if g.contradiction == "" && c.mac != "" && c.mac != first.mac && !g.contested {
				g.contradiction = fmt.Sprintf("%s says that its MAC address is %s, and %s says %s",
					from([]*claim{first}), first.mac, from([]*claim{c}), c.mac)
			}
		}
	}
	segments(groups)
	observations(groups)
}

// segments finds owners of whom sources say that they have one address on two segments.
func segments(groups []*group) {
	byAddress := map[string][]*group{}
	for _, g := range groups {
		if g.claims[0].told() && !g.contested {
			byAddress[g.addr.String()] = append(byAddress[g.addr.String()], g)
		}
	}
	for _, g := range groups {
		for _, other := range byAddress[g.addr.String()] {
			if g == other || g.contested || !g.claims[0].told() || !g.owner.same(other.owner) {
				continue
			}
			g.contradiction = fmt.Sprintf("%s says that it is on %s, and %s says on %s",
				from(g.claims), g.segment, from(other.claims), other.segment)
		}
	}
}

// observations finds networks that are declared to have an address and were seen with others only.
func observations(groups []*group) {
	type key struct {
		namespace, name, segment string
		v4                       bool
	}
	byOwner := map[key][]*group{}
	var order []key
	for _, g := range groups {
		o := g.owner
		if g.contested || o.kind == label || !g.claims[0].told() {
			continue
		}
		k := key{o.namespace, o.wukong, g.segment.String(), g.addr.Is4()}
		if o.kind == instance {
			k.name = "/" + o.machine
		}
		if byOwner[k] == nil {
			order = append(order, k)
		}
		byOwner[k] = append(byOwner[k], g)
	}
	for _, k := range order {
		for _, g := range byOwner[k] {
			if g.contradiction == "" {
				g.contradiction = unseen(g, byOwner[k])
			}
		}
	}
}

// unseen says which address was seen, or declared, instead of that of a group, or nothing.
func unseen(g *group, all []*group) string {
	all = slices.DeleteFunc(slices.Clone(all), func(o *group) bool { return !o.owner.same(g.owner) })
	var declared, seen []*group
	for _, o := range all {
		says := slices.ContainsFunc(o.claims, func(c *claim) bool { return c.source.declared() })
		shows := slices.ContainsFunc(o.claims, func(c *claim) bool { return !c.source.declared() })
		if says && shows {
			return "" // it has what it should have; more is no contradiction
		}
		if says {
			declared = append(declared, o)
		} else {
			seen = append(seen, o)
		}
	}
	if len(declared) == 0 || len(seen) == 0 {
		return ""
	}
	if slices.Contains(declared, g) {
		return fmt.Sprintf("%s says this, and %s says %s", from(g.claims), from(seen[0].claims), seen[0].addr)
	}
	return fmt.Sprintf("%s says this, and %s says %s", from(g.claims), from(declared[0].claims), declared[0].addr)
}
