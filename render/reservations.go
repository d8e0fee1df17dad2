package render

import (
	"go4.org/netipx"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
)

// Reservation is an AddressReservation with what is known about it beside the catalog.
type Reservation struct {
	Object *v1alpha1.AddressReservation
	// Segment is the canonical one, as that of a Pool.
	Segment ipam.Segment
	Ranges  []netipx.IPRange
	// For is the one holder that may take the addresses, as claims write it ("Wukong team-a/web", with " network eth0" where
	// one is named), or empty.
	For string
	// Problem is nil when all of the spec can be read. What can be read is kept back all the same.
	Problem *Problem
}

// NewReservation checks a reservation. The object is kept, not copied.
func NewReservation(c *Catalog, o *v1alpha1.AddressReservation) *Reservation {
	spec := &o.Spec
	out := &Reservation{Object: o, Segment: c.segment(spec.Segment.PhysicalNetwork, spec.Segment.VLAN)}
	var r parser
	path := specPath.Child("addresses")
	switch n := len(spec.Addresses); {
	case n == 0:
		r.errs = append(r.errs, field.Required(path, "write the addresses that are kept back"))
	case n > maxReserved:
		r.errs = append(r.errs, field.TooMany(path, n, maxReserved))
	}
	for i, text := range spec.Addresses[:min(len(spec.Addresses), maxReserved)] {
		if found, ok := r.addressRange(path.Index(i), text); ok {
			out.Ranges = append(out.Ranges, found)
		}
	}
	if f := spec.For; f != nil {
		r.label(specPath.Child("for", "namespace"), f.Namespace)
		if f.Name == "" {
			r.errs = append(r.errs, field.Required(specPath.Child("for", "name"), "write the name of the Wukong"))
		}
		out.For = HolderName(f.Namespace, f.Name, f.Network)
	}
	out.Problem = first(clusterNameProblem(o.Name), fabricProblem("spec.segment.physicalNetwork", spec.Segment.PhysicalNetwork),
		vlanProblem("spec.segment.vlan", spec.Segment.VLAN), firstError(r.errs))
	return out
}

// HolderName is how claims name a network of a Wukong: "Wukong team-a/web network eth0". Without a network it is the Wukong,
// which stands for each of its networks.
func HolderName(namespace, wukong, network string) string {
	name := Object{Kind: "Wukong", Namespace: namespace, Name: wukong}.String()
	if network == "" {
		return name
	}
	return name + " network " + network
}

// KeptFor says whether the reservation waits for this holder.
func (r *Reservation) KeptFor(namespace, wukong, network string) bool {
	f := r.Object.Spec.For
	return f != nil && f.Namespace == namespace && f.Name == wukong && (f.Network == "" || f.Network == network)
}

// Claims are the addresses that the reservation keeps back, a claim for each entry.
func (r *Reservation) Claims() []conflicts.Claim {
	var out []conflicts.Claim
	for _, a := range r.Ranges {
		claim := rangeClaim(r.Segment, a)
		claim.Kind, claim.Owner, claim.For = conflicts.Reservation, objectOf("AddressReservation", r.Object).String(), r.For
		claim.Since = r.Object.CreationTimestamp.Time
		out = append(out, claim)
	}
	return out
}

// ReservationClaims are the addresses that a reservation keeps back, and what is wrong with it, or nil. Entries that can be
// read are kept back also where others cannot. The reason is for whoever reads the object: it may name what tenants must not
// be told of.
func ReservationClaims(c *Catalog, r *v1alpha1.AddressReservation) ([]conflicts.Claim, *Problem) {
	reservation := NewReservation(c, r)
	return reservation.Claims(), reservation.Problem
}

func rangeClaim(segment ipam.Segment, r netipx.IPRange) conflicts.Claim {
	claim := conflicts.Claim{Segment: segment.String(), Addr: r.From()}
	if r.To() != r.From() {
		claim.Last = r.To()
	}
	return claim
}

// Offer gives what a pool may give out to anybody: its addresses without those that reservations keep back, and without those
// that other pools of the segment exclude or have as gateway or DNS server. It does not walk over what it leaves out.
func (p *Pools) Offer(pool *Pool, reservations []*Reservation) ipam.Pool {
	var without []netipx.IPRange
	for _, r := range reservations {
		if r.Segment == pool.Segment {
			without = append(without, r.Ranges...)
		}
	}
	for _, other := range p.bySegment[pool.Segment] {
		if other == pool {
			continue
		}
		without = append(without, other.exclude...)
		for _, a := range other.never() {
			without = append(without, netipx.IPRangeFrom(a, a))
		}
	}
	return pool.Config.Without(without)
}

// Kept gives the addresses of a pool that reservations keep for one holder.
func (p *Pools) Kept(pool *Pool, reservations []*Reservation, namespace, wukong, network string) ipam.Pool {
	var kept []netipx.IPRange
	for _, r := range reservations {
		if r.Segment == pool.Segment && r.KeptFor(namespace, wukong, network) {
			kept = append(kept, r.Ranges...)
		}
	}
	if len(kept) == 0 {
		return ipam.Pool{}
	}
	var others netipx.IPSetBuilder
	others.AddPrefix(pool.subnet)
	for _, r := range kept {
		others.RemoveRange(r)
	}
	set, err := others.IPSet()
	if err != nil {
		return ipam.Pool{}
	}
	return pool.Config.Without(set.Ranges())
}
