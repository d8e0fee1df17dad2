package render

import (
	"net/netip"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Quota is a bound on how many addresses one namespace may hold of a HostNetwork or of an AddressPool.
type Quota struct {
	// Object is the HostNetwork or AddressPool.
	Object Object
	// Max is the number of addresses, 0 or more.
	Max int
}

// Quotas gives the bounds that an address counts against, for a namespace that has or wants it: that of its HostNetwork, and
// that of the pool that it comes from. One that comes from none, because it was named, counts as one of the oldest pool that is
// open to the namespace and has it in its ranges: naming an address is no way around the bound of a pool.
func (p *Pools) Quotas(ns NamespaceInfo, choice Choice, pool string, a netip.Addr) []Quota {
	var out []Quota
	add := func(o Object, allowed *v1alpha1.AllowedNamespaces) {
		if allowed != nil && allowed.MaxAddresses != nil {
			out = append(out, Quota{Object: o, Max: int(max(0, *allowed.MaxAddresses))})
		}
	}
	if n, ok := p.catalog.HostNetwork(choice.HostNetwork); ok {
		add(objectOf("HostNetwork", n.Object), n.Object.Spec.AllowedNamespaces)
	}
	if pool == "" {
		pool = p.owner(ns, choice, a)
	}
	if from, ok := p.byName[pool]; ok {
		add(objectOf("AddressPool", from.Object), from.Object.Spec.AllowedNamespaces)
	}
	return out
}

// owner is the oldest pool that is open to the namespace and has the address in its ranges, or nothing.
func (p *Pools) owner(ns NamespaceInfo, choice Choice, a netip.Addr) string {
	for _, pool := range p.Covering(choice.Segment, a) {
		if pool.Config.InRanges(a) && pool.Open(ns) {
			return pool.Object.Name
		}
	}
	return ""
}
