package render

import (
	"net/netip"
	"slices"
)

// Numbers of source routing. A guest's own image may have tables, too; those of the kernel are 0 and 253 to 255. They follow
// from the place of the network in the spec, as the name of the interface does, so that no network changes those of another.
const (
	// firstTable is the table of net0; that of net63 is 164.
	firstTable = 101
	// mainTable is the kernel's main table.
	mainTable = 254
	// policyStep lies between the priorities of the rules for what is near and of those for everything else: the first come
	// first, for all interfaces. Both lie between the kernel's local table (0) and its main one (32766).
	policyStep = 100
)

type routingRule struct {
	From     string `json:"from"`
	To       string `json:"to,omitempty"`
	Table    int    `json:"table"`
	Priority int    `json:"priority"`
}

// table gives the number of the routing table of an interface.
func (n *NIC) table() int { return firstTable + n.Index }

// setShared finds out which subnets of an interface another interface of the guest is on, too.
func setShared(nics []NIC) {
	for i := range nics {
		n := &nics[i]
		for _, subnet := range n.subnets() {
			if slices.ContainsFunc(nics, func(o NIC) bool { return o.Index != n.Index && o.on(subnet) }) {
				n.Shared = append(n.Shared, subnet)
			}
		}
	}
}

// subnets gives the subnets of the addresses, IPv4 first, each once. A single address is none.
func (n *NIC) subnets() []netip.Prefix {
	var out []netip.Prefix
	for _, a := range n.ordered() {
		if subnet := a.Prefix.Masked(); !subnet.IsSingleIP() && !slices.Contains(out, subnet) {
			out = append(out, subnet)
		}
	}
	return out
}

func (n *NIC) on(subnet netip.Prefix) bool {
	return slices.ContainsFunc(n.Addresses, func(a Address) bool { return a.Prefix.Overlaps(subnet) })
}

// tableRoutes repeats the routes of an interface in a table of its own. They keep their metrics, so that a renderer that
// ignores tables gets each route twice and not another one. A subnet is in the table only where it has to be: cloud-init's
// sysconfig renderer fails on a route without a next hop.
func (n *NIC) tableRoutes(routes []netRoute) []netRoute {
	out := slices.Clone(routes)
	for i := range out {
		out[i].Table = n.table()
	}
	for _, subnet := range n.Shared {
		out = append(out, netRoute{To: subnet.String(), Scope: "link", Table: n.table()})
	}
	return out
}

// rules have what comes from the addresses of the interface leave through it: for its subnets by the main table, where the
// kernel has them, else by its own table. A family of which that table has no route needs none.
func (n *NIC) rules(routes []netRoute) []routingRule {
	var near, far []routingRule
	for _, a := range n.ordered() {
		if !slices.ContainsFunc(routes, func(r netRoute) bool { return sameFamily(r.To, a.Prefix.Addr()) }) {
			continue
		}
		from := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()).String()
		if subnet := a.Prefix.Masked(); !subnet.IsSingleIP() && !slices.Contains(n.Shared, subnet) {
			near = append(near, routingRule{From: from, To: subnet.String(), Table: mainTable, Priority: n.table()})
		}
		far = append(far, routingRule{From: from, Table: n.table(), Priority: n.table() + policyStep})
	}
	return append(near, far...)
}

func sameFamily(prefix string, a netip.Addr) bool {
	p, err := netip.ParsePrefix(prefix)
	return err == nil && p.Addr().Is4() == a.Is4()
}
