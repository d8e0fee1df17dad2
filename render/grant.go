package render

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Grant gives a copy of the request in which every address has its prefix. taken has, by Address.Path, those that were taken
// from pools; they get the prefix lengths that they have there.
//
// An address inherits the gateway of the pool that it names, and its network inherits DNS servers, search domains and routes,
// unless the Wukong says otherwise: any of its own dnsServers, searchDomains or routes replaces those of pools, and a pool's
// gateway or default route is left out where the network has a default route of that family already. An explicit address
// without ipPool inherits nothing. Next hops are checked again, now that all subnets are known.
func (p *Pools) Grant(req *Request, taken map[string]netip.Prefix) (*Request, field.ErrorList) {
	out := *req
	out.Networks = slices.Clone(req.Networks)
	var r parser
	for i := range out.Networks {
		n := &out.Networks[i]
		n.Addresses = slices.Clone(n.Addresses)
		if p.take(&r, n, taken) {
			p.inherit(n)
			r.recheck(n)
		}
	}
	if len(r.errs) == 0 {
		r.ownAddresses(out.Networks)
	}
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return &out, nil
}

// take fills in the prefixes of a network, and says whether it has all of them.
func (p *Pools) take(r *parser, n *Network, taken map[string]netip.Prefix) bool {
	complete := true
	for i := range n.Addresses {
		a := &n.Addresses[i]
		if a.Pool != "" && p.byName[a.Pool] == nil {
			r.errs = append(r.errs, &field.Error{Type: field.ErrorTypeNotFound, Field: a.Path, BadValue: shown(a.Pool), Detail: "there is no such AddressPool"})
			complete = false
			continue
		}
		if a.Explicit() {
			continue
		}
		if a.Prefix = taken[a.Path]; !a.Explicit() {
			r.errs = append(r.errs, &field.Error{Type: field.ErrorTypeRequired, Field: a.Path, BadValue: "",
				Detail: fmt.Sprintf("no address was taken from AddressPool %q yet", shown(a.Pool))})
			complete = false
		}
	}
	return complete
}

// inherit adds what the pools of a network say and the Wukong leaves open.
func (p *Pools) inherit(n *Network) {
	ownDNS, ownSearch, ownRoutes := len(n.DNS) > 0, len(n.Search) > 0, len(n.Routes) > 0
	for i := range n.Addresses {
		pool, ok := p.byName[n.Addresses[i].Pool]
		if !ok {
			continue
		}
		if !ownDNS {
			n.DNS = union(n.DNS, pool.DNS)
		}
		if !ownSearch {
			n.Search = union(n.Search, pool.Search)
		}
		if a := &n.Addresses[i]; !a.Gateway.IsValid() && pool.Gateway.IsValid() && n.takesDefault(pool.Gateway) {
			a.Gateway = pool.Gateway
		}
		if !ownRoutes {
			n.inheritRoutes(pool.Routes, sibling(n.Addresses[i].Path, poolField))
		}
	}
}

// takesDefault says whether the network can have a default route by a next hop: it has none of that family, or the same one.
func (n *Network) takesDefault(via netip.Addr) bool {
	return !slices.ContainsFunc(n.defaults(), func(d defaultRoute) bool { return d.via.Is4() == via.Is4() && d.via != via })
}

// inheritRoutes adds routes to where no route leads yet. Their path is that of the field that names the pool.
func (n *Network) inheritRoutes(routes []Route, path string) {
	// The list is a new one: the request that was parsed keeps its own.
	out := slices.Clone(n.Routes)
	for _, r := range routes {
		r.Path = path
		if r.To.Bits() == 0 && !n.takesDefault(r.Via) {
			continue
		}
		if !slices.ContainsFunc(out, func(o Route) bool { return o.To == r.To && sameMetric(o.Metric, r.Metric) }) {
			out = append(out, r)
		}
	}
	n.Routes = out
}

func sameMetric(a, b *int32) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// union adds what is not there yet, in a new list.
func union[T comparable](have, more []T) []T {
	out := slices.Clone(have)
	for _, v := range more {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// recheck asks what could not be asked before every prefix was known.
func (p *parser) recheck(n *Network) {
	path := field.NewPath(n.Path)
	for _, a := range n.Addresses {
		p.gateway(field.NewPath(sibling(a.Path, gatewayField)), a)
	}
	for _, r := range n.Routes {
		p.nextHop(field.NewPath(r.viaPath()), r, n)
	}
	p.oneDefaultPerFamily(path.Child("ipConfig"), n)
	p.checkMTU(path.Child("mtu"), *n)
}
