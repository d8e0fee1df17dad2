package render

import "novasphere.dev/wukong-network/api/v1alpha1"

// Quota is a bound on how many addresses one namespace may hold of a HostNetwork or of an AddressPool.
type Quota struct {
	// Object is the HostNetwork or AddressPool.
	Object Object
	// Max is the number of addresses, 0 or more.
	Max int
}

// Quotas gives the bounds that an address counts against: that of its HostNetwork, and that of the pool that it is taken from or
// must belong to. An address that names no pool counts against none, also where the ranges of one have it.
func (p *Pools) Quotas(choice Choice, a Address) []Quota {
	var out []Quota
	add := func(o Object, allowed *v1alpha1.AllowedNamespaces) {
		if allowed != nil && allowed.MaxAddresses != nil {
			out = append(out, Quota{Object: o, Max: int(max(0, *allowed.MaxAddresses))})
		}
	}
	if n, ok := p.catalog.HostNetwork(choice.HostNetwork); ok {
		add(objectOf("HostNetwork", n.Object), n.Object.Spec.AllowedNamespaces)
	}
	if pool, ok := p.byName[a.Pool]; ok {
		add(objectOf("AddressPool", pool.Object), pool.Object.Spec.AllowedNamespaces)
	}
	return out
}
