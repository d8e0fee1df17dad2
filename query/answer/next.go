package answer

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// NextAddresses are what a pool would give out next. Nothing is held by asking.
type NextAddresses struct {
	metav1.TypeMeta `json:",inline"`
	Pool            string `json:"pool"`
	// Addresses are in the order in which they would be given out; fewer than asked for where no more are free.
	Addresses []string `json:"addresses"`
	// Problem says why a pool gives out nothing at all.
	Problem string `json:"problem,omitempty"`
}

// NewNext makes an answer of the addresses that Next gives, or of the problem of a pool that gives out nothing.
func NewNext(pool *render.Pool, next []netip.Addr) *NextAddresses {
	out := &NextAddresses{TypeMeta: Report("NextAddresses"), Pool: pool.Object.Name, Addresses: []string{}}
	if pool.Problem != nil {
		out.Problem = pool.Problem.String()
	}
	for _, a := range next {
		out.Addresses = append(out.Addresses, a.String())
	}
	return out
}

// Next gives the addresses, at most count of them, that a pool would give out next to holders for whom nothing is reserved.
// leases are those of its segment, and inUse are addresses that others use there.
func (d *Declared) Next(pool *render.Pool, leases []v1alpha1.AddressLease, inUse []netip.Addr, count int) []netip.Addr {
	var space ipam.Space
	name := pool.Object.Name
	space.Attach(name, d.Pools.Offer(pool, d.Reservations))
	occupy(&space, leases)
	for _, a := range inUse {
		space.Set(a, ipam.Use{Phase: ipam.Allocated})
	}
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

// InUse gives the addresses that nodes have or use on the segment of a pool: on their interfaces, as next hops, as DNS servers.
// An interface that leads nobody knows where may lead there.
func (d *Declared) InUse(pool *render.Pool, nodes []corev1.Node, states []nmstate.NodeNetworkState) []netip.Addr {
	byName := map[string]*corev1.Node{}
	for i := range nodes {
		byName[nodes[i].Name] = &nodes[i]
	}
	var out []netip.Addr
	for i := range states {
		for _, claim := range render.NodeClaims(d.catalog, states[i].Name, byName[states[i].Name], &states[i]) {
			if claim.Addr.IsValid() && !claim.Last.IsValid() && (claim.Segment == "" || claim.Segment == pool.Segment.String()) {
				out = append(out, claim.Addr.Unmap().WithZone(""))
			}
		}
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
