package lab

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// State is the host as its NodeNetworkState shows it: interfaces sorted by name, routes, DNS. The veths of pods and VMs
// are no interfaces there, yet the port lists of their bridges name them.
func (h *Host) State() map[string]any {
	interfaces := []any{}
	for _, name := range h.Names() {
		iface := h.withLease(name)
		if section, ok := iface["bridge"].(map[string]any); ok {
			section["port"] = h.shownPorts(name, section["port"])
		}
		interfaces = append(interfaces, iface)
	}
	routes := []any{}
	for _, route := range h.routes {
		routes = append(routes, clone(route))
	}
	running := runtime.DeepCopyJSONValue(routes).([]any)
	dns := map[string]any{"config": clone(h.dns), "running": clone(h.dns)}
	return map[string]any{
		"dns-resolver": dns,
		"interfaces":   interfaces,
		"routes":       map[string]any{"config": routes, "running": append(running, h.learned()...)},
	}
}

func (h *Host) shownPorts(bridge string, configured any) []any {
	shown := []any{}
	for _, port := range mappings(configured) {
		if vlan, ok := port["vlan"].(map[string]any); ok && len(vlan) == 0 {
			delete(port, "vlan") // without vlan filtering a port has no such section
		}
		shown = append(shown, port)
	}
	for _, veth := range slices.Sorted(slices.Values(h.guests[bridge])) {
		shown = append(shown, map[string]any{"name": veth})
	}
	return shown
}
