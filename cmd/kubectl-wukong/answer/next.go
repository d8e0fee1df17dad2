package answer

import (
	"net/netip"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// Next gives the addresses, at most count of them, that a pool would give out next to holders for whom nothing is reserved.
// leases are those of its segment.
func (d *Declared) Next(pool *render.Pool, leases []v1alpha1.AddressLease, count int) []netip.Addr {
	var space ipam.Space
	name := pool.Object.Name
	space.Attach(name, d.Pools.Offer(pool, d.Reservations))
	occupy(&space, leases)
	var out []netip.Addr
	for len(out) < count {
		a, ok := space.Choose(name, nil)
		if !ok {
			break
		}
		out = append(out, a)
		space.Set(a, ipam.Use{Phase: ipam.Allocated})
	}
	return out
}

// occupy tells a space which addresses are in use.
func occupy(space *ipam.Space, leases []v1alpha1.AddressLease) {
	for i := range leases {
		if a := addressOf(&leases[i]); a.IsValid() {
			space.Set(a, ipam.Use{Phase: ipam.Phase(leases[i].Spec.Phase), Since: leases[i].Spec.Since.Time})
		}
	}
}
