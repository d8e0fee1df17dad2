package lab

import "net/netip"

// lease is what a DHCP server holds for a NIC: it knows the MAC, and is reached through the NIC.
type lease struct {
	nic, mac string
	address  netip.Prefix
	gateways []netip.Addr
}

// leaseOf returns the lease that an interface gets, or nil. It must be up, ask for one, have the MAC, and reach the NIC.
func (h *Host) leaseOf(name string) *lease {
	iface := h.interfaces[name]
	if on, _ := dig(iface, "ipv4", "dhcp").(bool); !on || !enabled(iface, "ipv4") || text(iface, "state") != "up" {
		return nil
	}
	for i := range h.leases {
		l := &h.leases[i]
		if l.mac == text(iface, "mac-address") && h.carries(name, l.nic) {
			return l
		}
	}
	return nil
}

// carries reports whether frames of an interface leave through the NIC: it is the NIC, or one of its controllers.
func (h *Host) carries(name, nic string) bool {
	at := nic
	for range h.interfaces { // no chain is longer, and a circle ends
		if text(h.interfaces[at], "state") != "up" {
			return false
		}
		if at == name {
			return true
		}
		at = text(h.interfaces[at], "controller")
	}
	return false
}

// withLease returns a copy of an interface with what it got by DHCP.
func (h *Host) withLease(name string) map[string]any {
	iface := clone(h.interfaces[name])
	l := h.leaseOf(name)
	if l == nil {
		return iface
	}
	overlay(iface, map[string]any{"ipv4": map[string]any{
		"auto-dns": true, "auto-gateway": true, "auto-routes": true, "auto-route-table-id": int64(0),
		"address": []any{map[string]any{"ip": l.address.Addr().String(), "prefix-length": int64(l.address.Bits()),
			"valid-life-time": "3600sec", "preferred-life-time": "3600sec"}},
	}})
	return iface
}

// learned are the routes that came by DHCP: they are running, and configured nowhere.
func (h *Host) learned() []any {
	routes := []any{}
	for _, name := range h.Names() {
		if l := h.leaseOf(name); l != nil {
			for _, gateway := range l.gateways {
				routes = append(routes, defaultRoute(gateway, name))
			}
		}
	}
	return routes
}
