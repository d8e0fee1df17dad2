package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// routes reads the further routes of a network.
func (p *parser) routes(path *field.Path, in []v1alpha1.Route, out *Network) {
	if len(in) > maxRoutes {
		p.errs = append(p.errs, field.TooMany(path, len(in), maxRoutes))
		return
	}
	seen := taken{}
	for i, r := range in {
		at := path.Index(i)
		route, ok := p.route(at, r)
		if !ok || !p.nextHop(at.Child("via"), route, out) {
			continue
		}
		p.unique(at.Child("to"), route.key(), seen, "give each destination once, or another metric")
		out.Routes = append(out.Routes, route)
	}
}

// key tells routes apart as the kernel does: by destination and metric.
func (r Route) key() string {
	if r.Metric == nil {
		return r.To.String()
	}
	return fmt.Sprintf("%s metric %d", r.To, *r.Metric)
}

func (p *parser) route(path *field.Path, in v1alpha1.Route) (Route, bool) {
	to, err := netip.ParsePrefix(string(in.To))
	if err != nil || to.Addr().Is4In6() {
		p.invalid(path.Child("to"), string(in.To), "write a prefix, such as 198.51.100.0/24 or 2001:db8::/32; 0.0.0.0/0 and ::/0 are default routes")
		return Route{}, false
	}
	if to != to.Masked() {
		p.invalid(path.Child("to"), string(in.To), "has host bits: write "+to.Masked().String())
		return Route{}, false
	}
	if in.Via == "" {
		p.errs = append(p.errs, field.Required(path.Child("via"), "write the address of the next hop"))
		return Route{}, false
	}
	via, ok := p.parseIP(path.Child("via"), in.Via)
	if !ok {
		return Route{}, false
	}
	if in.Metric != nil && *in.Metric < 0 {
		p.invalid(path.Child("metric"), *in.Metric, "use 0 or more")
		return Route{}, false
	}
	return Route{Path: path.String(), To: to, Via: via, OnLink: in.OnLink, Metric: in.Metric}, true
}

// nextHop checks that a guest can reach the next hop of a route, since the kernel or the guest's own renderer would else drop
// the route without a word.
func (p *parser) nextHop(path *field.Path, r Route, n *Network) bool {
	if r.Via.Is4() != r.To.Addr().Is4() {
		p.invalid(path, r.Via.String(), fmt.Sprintf("is not of the family of %s: write a next hop of the same family", r.To))
		return false
	}
	if slices.ContainsFunc(n.Addresses, func(a Address) bool { return !a.Explicit() }) {
		return true // which subnets the network has is known once its addresses are taken: Pools.Grant asks again
	}
	reach := ipam.OnSubnet
	if r.OnLink {
		reach = ipam.OnLink
	}
	var nearest *Address
	for i, a := range n.Addresses {
		if a.Prefix.Addr().Is4() != r.Via.Is4() {
			continue
		}
		if nearest == nil || a.Prefix.Contains(r.Via) {
			nearest = &n.Addresses[i]
		}
	}
	if nearest == nil {
		p.invalid(path, r.Via.String(), "the network has no address of this family: add one, or remove the route")
		return false
	}
	if err := ipam.CheckGateway(nearest.Prefix, r.Via, reach); err != nil {
		p.ipamError(path, err)
		return false
	}
	return true
}

// defaultRoute is one default route of a network.
type defaultRoute struct {
	via    netip.Addr
	onLink bool
	metric *int32
	path   string
}

// defaults gives the default routes of a network, those of addresses first. A route that repeats the gateway of an address
// says more about the same default route.
func (n Network) defaults() []defaultRoute {
	var out []defaultRoute
	add := func(d defaultRoute) {
		for i := range out {
			if out[i].via == d.via {
				out[i].metric, out[i].onLink = cmp.Or(d.metric, out[i].metric), d.onLink || out[i].onLink
				return
			}
		}
		out = append(out, d)
	}
	for _, a := range n.Addresses {
		if a.Gateway.IsValid() {
			add(defaultRoute{via: a.Gateway, path: a.Path})
		}
	}
	for _, r := range n.Routes {
		if r.To.Bits() == 0 {
			add(defaultRoute{via: r.Via, onLink: r.OnLink, metric: r.Metric, path: r.Path})
		}
	}
	return out
}

// oneDefaultPerFamily refuses two default routes of one family on one interface: renderers in guests keep one of them, and
// not all the same.
func (p *parser) oneDefaultPerFamily(path *field.Path, n *Network) {
	var first [2]string
	for _, d := range n.defaults() {
		family := 0
		if d.via.Is6() {
			family = 1
		}
		if first[family] != "" {
			p.invalid(path, d.via.String(), fmt.Sprintf("%s gives a second default route of its family, after %s: an interface has one, so remove either", d.path, first[family]))
			return
		}
		first[family] = d.path
	}
}
