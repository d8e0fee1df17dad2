package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Apply returns the host as it is after nmstate applied the desired state, or nmstate's error, which leaves the host as
// it was. Settings merge, port lists are replaced, absent removes, and a port loses its addresses.
func (h *Host) Apply(desired map[string]any) (*Host, error) {
	wanted, err := wantedInterfaces(clone(desired))
	if err != nil {
		return nil, err
	}
	next := h.clone()
	for _, w := range wanted { // what leaves goes first: a name may change its type
		switch text(w, "state") {
		case "absent":
			next.remove(text(w, "name"))
		case "down":
			next.bringDown(text(w, "name"))
		}
	}
	up := slices.DeleteFunc(wanted, func(w map[string]any) bool {
		return text(w, "state") == "absent" || text(w, "state") == "down" || text(w, "state") == "ignore"
	})
	if err := next.check(up); err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, w := range up {
		next.merge(w)
		asked[text(w, "name")] = true
	}
	for _, w := range up {
		next.attach(w, asked)
	}
	for _, w := range up {
		next.complete(text(w, "name"))
	}
	next.route(desired)
	return next, next.verify(up)
}

// check holds nmstate's objections that need the current state.
func (h *Host) check(up []map[string]any) error {
	for _, objections := range []func([]map[string]any) error{h.checkTypes, h.checkControllers, h.checkPorts, h.checkStack, h.checkKinds} {
		if err := objections(up); err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) checkTypes(up []map[string]any) error {
	for _, w := range up {
		name := text(w, "name")
		current, exists := h.interfaces[name]
		if text(w, "type") == "" && exists {
			w["type"] = current["type"]
		}
		switch {
		case text(w, "type") == "" || text(w, "type") == "unknown":
			return invalid("Failed to find unknown type interface %s in current state", name)
		case text(w, "type") == "ethernet" && !exists:
			return invalid("Ethernet interface %s does not exists", name)
		}
	}
	return nil
}

// knows says whether an interface exists, or will.
func (h *Host) knows(name string, up []map[string]any) bool {
	return h.interfaces[name] != nil || slices.ContainsFunc(up, func(w map[string]any) bool { return text(w, "name") == name })
}

func (h *Host) checkControllers(up []map[string]any) error {
	for _, w := range up {
		if target := text(w, "controller"); target != "" && !h.knows(target, up) {
			return invalid("Interface %s desired controller %s not found", text(w, "name"), target)
		}
	}
	return nil
}

func (h *Host) checkPorts(up []map[string]any) error {
	controllers := map[string]string{}
	for _, w := range up {
		name := text(w, "name")
		ports, _ := portsOf(w)
		for _, port := range ports {
			if other, taken := controllers[port]; taken {
				return invalid("Port %s is overbooked by two controller: %s, %s", port, name, other)
			}
			controllers[port] = name
			if !h.knows(port, up) && text(w, "type") != "ovs-bridge" {
				return invalid("Controller interface %s is holding unknown port %s", name, port)
			}
		}
	}
	for _, w := range up {
		_, isPort := controllers[text(w, "name")]
		if isPort && text(w, "type") != "ovs-interface" && (enabled(w, "ipv4") || enabled(w, "ipv6")) {
			return invalid("Interface %s cannot have IP enabled as it is attached to a controller where IP is not allowed",
				text(w, "name"))
		}
	}
	return nil
}

func (h *Host) checkStack(up []map[string]any) error {
	for _, w := range up {
		name := text(w, "name")
		if base, ok := dig(w, "vlan", "base-iface").(string); ok && !h.knows(base, up) {
			return invalid("Interface %s base interface %s not found", name, base)
		}
		if limit := number(h.interfaces[name], "max-mtu"); limit > 0 && number(w, "mtu") > limit {
			return invalid("Desired MTU %d for interface %s is bigger than maximum allowed MTU %d",
				number(w, "mtu"), name, limit)
		}
	}
	return nil
}

func enabled(iface map[string]any, family string) bool {
	on, _ := dig(iface, family, "enabled").(bool)
	return on
}

// merge puts the wanted settings over those of the interface: mappings merge, lists and values are replaced.
func (h *Host) merge(wanted map[string]any) {
	name := text(wanted, "name")
	if from := text(wanted, "copy-mac-from"); from != "" {
		wanted["mac-address"] = h.interfaces[from]["mac-address"]
		delete(wanted, "copy-mac-from")
	}
	if mac := text(wanted, "mac-address"); mac != "" {
		wanted["mac-address"] = strings.ToUpper(mac)
	}
	current := h.interfaces[name]
	if current == nil || text(current, "type") != text(wanted, "type") {
		current = map[string]any{}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		if section, ok := wanted[family].(map[string]any); ok && !enabled(wanted, family) {
			current[family] = map[string]any{"enabled": false} // disabling forgets the addresses
			delete(section, "address")
		}
	}
	forgetStatic(current, wanted)
	overlay(current, wanted)
	current["state"] = "up"
	h.interfaces[name] = current
	if target, ok := wanted["controller"].(string); ok {
		h.release(name)
		if target != "" {
			h.enlist(target, name)
			h.enslave(name, target)
		}
	}
}

// forgetStatic leaves no static IPv4 address where DHCP is turned on, and no dynamic one that a captured state repeats.
func forgetStatic(current, wanted map[string]any) {
	if dhcp, _ := dig(wanted, "ipv4", "dhcp").(bool); dhcp {
		delete(wanted["ipv4"].(map[string]any), "address")
		if section, ok := current["ipv4"].(map[string]any); ok {
			delete(section, "address")
		}
	}
}

func overlay(onto, from map[string]any) {
	for key, value := range from {
		inner, isMap := value.(map[string]any)
		existing, wasMap := onto[key].(map[string]any)
		if isMap && wasMap {
			overlay(existing, inner)
			continue
		}
		onto[key] = value
	}
}

// attach makes a controller's ports what its list says. A NIC that is let go and not asked for by itself goes down.
func (h *Host) attach(wanted map[string]any, asked map[string]bool) {
	ports, given := portsOf(wanted)
	if !given {
		return
	}
	name := text(wanted, "name")
	for _, other := range h.Names() {
		if text(h.interfaces[other], "controller") == name && !slices.Contains(ports, other) {
			h.free(other)
			if !asked[other] {
				h.idle(other)
			}
		}
	}
	for _, port := range ports {
		if h.interfaces[port] == nil { // an OVS internal port is made with its bridge
			h.interfaces[port] = map[string]any{"name": port, "type": "ovs-interface", "state": "up"}
		}
		if text(h.interfaces[port], "controller") != name {
			h.unlist(port, name)
		}
		h.enslave(port, name)
	}
}

// enslave makes an interface the port of a controller: it is up and has no IP settings of its own.
func (h *Host) enslave(port, controller string) {
	iface := h.interfaces[port]
	iface["controller"], iface["state"] = controller, "up"
	if text(iface, "type") != "ovs-interface" {
		delete(iface, "ipv4")
		delete(iface, "ipv6")
	}
}

// release takes an interface out of its controller.
func (h *Host) release(port string) {
	h.free(port)
	h.unlist(port, "")
}

// free ends that an interface is a port: it has its own MAC again.
func (h *Host) free(port string) {
	iface := h.interfaces[port]
	delete(iface, "controller")
	if mac := iface["permanent-mac-address"]; mac != nil {
		iface["mac-address"] = mac
		delete(iface, "permanent-mac-address")
	}
}

// idle is what becomes of a former port: NetworkManager leaves it down unless something asks for it, and an OVS internal
// port goes with its bridge.
func (h *Host) idle(port string) {
	iface := h.interfaces[port]
	if text(iface, "type") == "ovs-interface" {
		delete(h.interfaces, port)
		return
	}
	if iface["ipv4"] == nil {
		iface["ipv4"], iface["ipv6"] = map[string]any{"enabled": false}, map[string]any{"enabled": false}
		iface["state"] = "down"
	}
}

// enlist adds a port to a controller's port list.
func (h *Host) enlist(controller, port string) {
	iface := h.interfaces[controller]
	section, ok := portSections[text(iface, "type")]
	if !ok {
		return
	}
	options, ok := iface[section[0]].(map[string]any)
	if !ok {
		options = map[string]any{}
		iface[section[0]] = options
	}
	list, _ := options[section[1]].([]any)
	var entry any = map[string]any{"name": port}
	if text(iface, "type") == "bond" {
		entry = port
	}
	options[section[1]] = append(list, entry)
}

// unlist removes a port from the port lists of all controllers but one.
func (h *Host) unlist(port, except string) {
	for name, iface := range h.interfaces {
		section, ok := portSections[text(iface, "type")]
		if !ok || name == except {
			continue
		}
		list, ok := dig(iface, section[0], section[1]).([]any)
		if !ok {
			continue
		}
		iface[section[0]].(map[string]any)[section[1]] = slices.DeleteFunc(list, func(entry any) bool {
			m, _ := entry.(map[string]any)
			return entry == any(port) || text(m, "name") == port
		})
	}
}

// remove takes an interface away, with the VLANs on top of it. A physical one only goes down.
func (h *Host) remove(name string) {
	iface, ok := h.interfaces[name]
	if !ok {
		return
	}
	if text(iface, "type") == "ethernet" {
		h.bringDown(name)
		return
	}
	h.release(name)
	delete(h.interfaces, name)
	delete(h.guests, name)
	for _, other := range h.Names() {
		if text(h.interfaces[other], "controller") == name {
			h.free(other)
			h.idle(other)
		}
	}
	for _, other := range h.Names() {
		if dig(h.interfaces[other], "vlan", "base-iface") == any(name) {
			h.remove(other)
		}
	}
}

func (h *Host) bringDown(name string) {
	if iface, ok := h.interfaces[name]; ok {
		h.release(name)
		iface["state"] = "down"
		iface["ipv4"], iface["ipv6"] = map[string]any{"enabled": false}, map[string]any{"enabled": false}
	}
}

// complete fills in what the kernel and NetworkManager choose by themselves.
func (h *Host) complete(name string) {
	iface := h.interfaces[name]
	if text(iface, "type") == "ovs-bridge" {
		h.completeOVS(iface)
		return
	}
	ports, _ := portsOf(iface)
	below, _ := dig(iface, "vlan", "base-iface").(string)
	if below == "" && len(ports) > 0 {
		below = ports[0]
	}
	if text(iface, "mac-address") == "" {
		iface["mac-address"] = derivedMAC(name)
		if mac := text(h.interfaces[below], "mac-address"); mac != "" {
			iface["mac-address"] = mac
		}
	}
	if number(iface, "mtu") == 0 {
		iface["mtu"] = int64(1500)
		if mtu := number(h.interfaces[below], "mtu"); mtu != 0 {
			iface["mtu"] = mtu
		}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		if iface[family] == nil && text(iface, "controller") == "" {
			iface[family] = map[string]any{"enabled": false}
		}
	}
	switch text(iface, "type") {
	case "linux-bridge":
		completeBridge(iface)
	case "bond":
		h.completeBond(iface)
	case "ethernet":
		h.completeVFs(name)
	case "vlan":
		fill(iface, "vlan", map[string]any{"protocol": "802.1q", "registration-protocol": "none",
			"reorder-headers": true, "loose-binding": false})
	}
}

// fill completes a section without touching what is there.
func fill(iface map[string]any, section string, values map[string]any) {
	if existing, ok := iface[section].(map[string]any); ok {
		overlay(values, existing)
	}
	iface[section] = values
}

// route adds and removes routes and DNS, then forgets the routes of interfaces that lost their addresses.
func (h *Host) route(desired map[string]any) {
	for _, route := range mappings(dig(desired, "routes", "config")) {
		gone := text(route, "state") == "absent"
		h.routes = slices.DeleteFunc(h.routes, func(existing map[string]any) bool {
			for _, key := range []string{"destination", "next-hop-interface", "next-hop-address"} {
				if value, given := route[key]; (given || !gone) && existing[key] != value {
					return false
				}
			}
			return true
		})
		if !gone {
			added := clone(route)
			if added["table-id"] == nil {
				added["table-id"] = int64(254)
			}
			h.routes = append(h.routes, added)
		}
	}
	h.routes = slices.DeleteFunc(h.routes, func(route map[string]any) bool {
		return len(h.Addresses(text(route, "next-hop-interface"))) == 0
	})
	if config, ok := dig(desired, "dns-resolver", "config").(map[string]any); ok {
		overlay(h.dns, clone(config))
	}
}

// verify compares what came out with what was asked, as nmstate does after an apply.
func (h *Host) verify(up []map[string]any) error {
	for _, w := range up {
		name := text(w, "name")
		base, ok := dig(w, "vlan", "base-iface").(string)
		if limit := number(h.interfaces[base], "mtu"); ok && number(w, "mtu") > limit {
			return &nmstateError{"VerificationError", fmt.Sprintf(
				"Verification failure: %s.interface.mtu desire '%d', current '%d'", name, number(w, "mtu"), limit)}
		}
	}
	return nil
}
