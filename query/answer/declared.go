package answer

import (
	"net/netip"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// Declared is what platform teams say about addresses.
type Declared struct {
	Pools        *render.Pools
	Reservations []*render.Reservation

	catalog *render.Catalog
}

// NewDeclared checks pools and reservations. Uplinks say which VLAN untagged frames belong to; without them, pools and
// reservations of such a fabric's untagged segment are taken as they are written.
func NewDeclared(uplinks []v1alpha1.HostUplink, pools []v1alpha1.AddressPool, reservations []v1alpha1.AddressReservation) *Declared {
	catalog := render.NewCatalog(uplinks, nil)
	d := &Declared{Pools: render.NewPools(catalog, pools), catalog: catalog}
	for i := range reservations {
		d.Reservations = append(d.Reservations, render.NewReservation(catalog, &reservations[i]))
	}
	return d
}

// notes says what is declared about an address, on every segment.
func (d *Declared) notes(addr netip.Addr) []Note {
	var out []Note
	for _, pool := range d.Pools.All() {
		out = append(out, poolNotes(pool, addr)...)
	}
	for _, r := range d.Reservations {
		for _, claim := range r.Claims() {
			if !covers(claim, addr) {
				continue
			}
			note := Note{Segment: claim.Segment, Kind: NoteReservation, Object: "AddressReservation/" + r.Object.Name}
			note.Message = "kept out of use by AddressReservation " + r.Object.Name + ": " + r.Object.Spec.Reason
			if r.For != "" {
				note.Message = "kept for " + r.For + " by AddressReservation " + r.Object.Name + ": " + r.Object.Spec.Reason
			}
			out = append(out, note)
		}
	}
	return out
}

// poolNotes says what a pool says about an address.
func poolNotes(pool *render.Pool, addr netip.Addr) []Note {
	var out []Note
	name := pool.Object.Name
	note := func(segment string, kind NoteKind, message string) {
		out = append(out, Note{Segment: segment, Kind: kind, Object: "AddressPool/" + name, Message: message})
	}
	for _, claim := range render.PoolClaims(pool) {
		if !covers(claim, addr) {
			continue
		}
		switch claim.Kind {
		case conflicts.Gateway:
			note(claim.Segment, NoteGateway, "a next hop of AddressPool "+name+" ("+claim.Evidence+"), never given out")
		case conflicts.DNSServer:
			note(claim.Segment, NoteDNSServer, "a DNS server of AddressPool "+name+", never given out")
		case conflicts.Excluded:
			note(claim.Segment, NoteExcluded, "excluded by AddressPool "+name+", never given out")
		}
	}
	if pool.Problem != nil {
		return out
	}
	segment := pool.Segment.String()
	switch {
	case len(out) > 0 || !pool.Config.Subnet().Contains(addr):
	case pool.Config.Contains(addr):
		note(segment, NotePool, "in AddressPool "+name+" ("+pool.Config.Subnet().String()+")")
	case pool.Config.InRanges(addr):
		note(segment, NoteOutside, "in the subnet of AddressPool "+name+" ("+pool.Config.Subnet().String()+"), which does not give it out")
	default:
		note(segment, NoteOutside, "in the subnet of AddressPool "+name+" ("+pool.Config.Subnet().String()+"), outside its ranges")
	}
	return out
}

// covers says whether a claim is on an address, alone or as a part of a range.
func covers(claim conflicts.Claim, addr netip.Addr) bool {
	if !claim.Last.IsValid() {
		return claim.Addr == addr
	}
	return claim.Addr.BitLen() == addr.BitLen() && !addr.Less(claim.Addr) && !claim.Last.Less(addr)
}
