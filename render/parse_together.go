package render

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ownAddresses refuses what several networks say together about the guest's own addresses: one address twice, and a next hop
// that the guest is itself. The kernel drops such routes, and no renderer says so.
func (p *parser) ownAddresses(networks []Network) {
	seen := taken{}
	for _, n := range networks {
		for _, a := range n.Addresses {
			if a.Explicit() {
				p.uniqueAt(a.Path, a.Prefix.Addr().String(), seen, "ask for each address once")
			}
		}
	}
	for _, n := range networks {
		for _, a := range n.Addresses {
			p.notOwn(sibling(a.Path, gatewayField), a.Gateway, seen)
		}
		for _, r := range n.Routes {
			p.notOwn(r.viaPath(), r.Via, seen)
		}
	}
}

func (p *parser) notOwn(path string, hop netip.Addr, own taken) {
	if at, found := own[hop.String()]; found {
		p.invalid(field.NewPath(path), hop.String(), fmt.Sprintf("is the machine's own address, by %s, and cannot be a next hop: write the address of the router", at))
	}
}

// viaPath is the path of the next hop, or that of the field that names the pool which gives the route.
func (r Route) viaPath() string {
	if strings.HasSuffix(r.Path, "."+poolField) {
		return r.Path
	}
	return r.Path + ".via"
}

// sameMetrics refuses two routes to one destination with one metric on two networks: a guest keeps the one that comes last.
// Default routes without a metric get different ones.
func (p *parser) sameMetrics(networks []Network) {
	seen := taken{}
	for _, n := range networks {
		own := taken{}
		for _, r := range n.Routes {
			if r.To.Bits() == 0 && r.Metric == nil {
				continue
			}
			if first, found := seen[r.key()]; found {
				p.invalid(field.NewPath(r.Path, "to"), r.key(), fmt.Sprintf("is the same as %s: a guest keeps one of the two routes, so give another metric, or remove either", first))
			}
			own[r.key()] = r.Path + ".to"
		}
		maps.Copy(seen, own)
	}
}
