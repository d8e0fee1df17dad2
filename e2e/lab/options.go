package lab

import "fmt"

// This file holds what kinds of interfaces have of their own: virtual functions, trunks, bonds, Open vSwitch.

// checkKinds holds nmstate's objections to the sections of single kinds.
func (h *Host) checkKinds(up []map[string]any) error {
	for _, w := range up {
		for _, objections := range []func(map[string]any) error{h.checkVFs, h.checkBond, h.checkOVS, checkPortVLANs} {
			if err := objections(w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Host) checkVFs(w map[string]any) error {
	total, _ := dig(w, "ethernet", "sr-iov", "total-vfs").(int64)
	limit, able := h.vfs[text(w, "name")]
	switch {
	case total > 0 && !able:
		return &nmstateError{"NotSupportedError", "SR-IOV is not supported by interface " + text(w, "name")}
	case total > limit:
		current, _ := dig(h.interfaces[text(w, "name")], "ethernet", "sr-iov", "total-vfs").(int64)
		return &nmstateError{"VerificationError", fmt.Sprintf(
			"Verification failure: %s.interface.ethernet.sr-iov.total-vfs desire '%d', current '%d'", text(w, "name"), total, current)}
	}
	return nil
}

func (h *Host) checkBond(w map[string]any) error {
	if text(w, "type") != "bond" || text(h.interfaces[text(w, "name")], "type") == "bond" {
		return nil
	}
	if mode, _ := dig(w, "link-aggregation", "mode").(string); mode == "" {
		return invalid("Bond mode is mandatory for new bond interface: %s", text(w, "name"))
	}
	return nil
}

func (h *Host) checkOVS(w map[string]any) error {
	switch kind := text(w, "type"); {
	case kind != "ovs-bridge" && kind != "ovs-interface":
		return nil
	case h.noOVS:
		return &nmstateError{"PluginFailure", "Desired state contains OVS interfaces, but not able to connect OVS daemon at " +
			"socket /run/openvswitch/db.sock"}
	case kind == "ovs-bridge" && text(w, "mac-address") != "":
		return invalid("OVS Bridge %s can not hold MAC address, please set MAC address on OVS internal interface instead",
			text(w, "name"))
	}
	return nil
}

// checkPortVLANs holds the rules of VLAN filtering on the ports of a bridge.
func checkPortVLANs(w map[string]any) error {
	if text(w, "type") != "linux-bridge" {
		return nil
	}
	for _, port := range mappings(dig(w, "bridge", "port")) {
		vlan, _ := port["vlan"].(map[string]any)
		tags := mappings(vlan["trunk-tags"])
		native, _ := vlan["enable-native"].(bool)
		_, tagged := vlan["tag"]
		switch mode := text(vlan, "mode"); {
		case mode == "trunk" && len(tags) == 0:
			return invalid("Bridge VLAN filtering trunk mode cannot have empty trunk-tags")
		case mode == "trunk" && tagged && !native:
			return invalid("Bridge VLAN filtering `tag` cannot be use in trunk mode without `enable-native`")
		case mode == "access" && len(tags) > 0:
			return invalid("Bridge VLAN filtering access mode cannot have trunk-tags defined")
		case mode == "access" && native:
			return invalid("Bridge VLAN filtering `enable-native: true` cannot be set in access mode")
		}
		if err := checkTags(tags); err != nil {
			return err
		}
	}
	return nil
}

func checkTags(tags []map[string]any) error {
	seen := map[int64]bool{}
	for _, tag := range tags {
		first, last := number(tag, "id"), number(tag, "id")
		if span, ok := tag["id-range"].(map[string]any); ok {
			first, last = number(span, "min"), min(number(span, "max"), 4095)
		}
		for id := first; id <= last; id++ {
			if seen[id] {
				return invalid("Bridge VLAN trunk tag id=%d is overlapping with other tag id=%d", id, id)
			}
			seen[id] = true
		}
	}
	return nil
}

// completeBridge fills in what a bridge has unless said, and its trunk ports.
func completeBridge(iface map[string]any) {
	options := map[string]any{"stp": map[string]any{"enabled": true}, "group-forward-mask": int64(0),
		"mac-ageing-time": int64(300), "multicast-snooping": true}
	fill(iface, "bridge", map[string]any{"options": options, "port": []any{}})
	for _, port := range mappings(dig(iface, "bridge", "port")) {
		if vlan, _ := port["vlan"].(map[string]any); text(vlan, "mode") == "trunk" {
			fill(port, "vlan", map[string]any{"enable-native": false})
		}
	}
}

// completeBond gives the ports of a bond its MAC; each keeps its own for later.
func (h *Host) completeBond(iface map[string]any) {
	fill(iface, "link-aggregation", map[string]any{"options": map[string]any{}, "port": []any{}})
	ports, _ := portsOf(iface)
	for _, name := range ports {
		port := h.interfaces[name]
		if port == nil {
			continue
		}
		if port["permanent-mac-address"] == nil {
			port["permanent-mac-address"] = port["mac-address"]
		}
		port["mac-address"] = iface["mac-address"]
	}
}

// completeOVS fills in what an OVS bridge has unless said. It has no MAC, no MTU and no addresses: its internal port has.
func (h *Host) completeOVS(iface map[string]any) {
	fill(iface, "bridge", map[string]any{"port": []any{}, "options": map[string]any{
		"fail-mode": "", "mcast-snooping-enable": false, "rstp": false, "stp": map[string]any{"enabled": false}}})
	for _, key := range []string{"mtu", "ipv4", "ipv6"} {
		delete(iface, key)
	}
	ports, _ := portsOf(iface)
	for _, port := range ports {
		if text(h.interfaces[port], "type") == "ovs-interface" {
			h.complete(port)
		}
	}
}

// completeVFs makes the virtual functions of a NIC as many as it is told to have.
func (h *Host) completeVFs(nic string) {
	if _, able := h.vfs[nic]; !able {
		return
	}
	total, _ := dig(h.interfaces[nic], "ethernet", "sr-iov", "total-vfs").(int64)
	list := []any{}
	for id := range h.vfs[nic] {
		vf := fmt.Sprintf("%sv%d", nic, id)
		switch existing := h.interfaces[vf]; {
		case id >= total && existing != nil:
			existing["type"] = unplugged
			h.remove(vf)
		case id < total && existing == nil:
			h.plug(text(h.interfaces[nic], "mac-address"), NIC{Name: vf})
		}
		if id < total {
			list = append(list, map[string]any{"id": id, "mac-address": h.interfaces[vf]["mac-address"], "spoof-check": true,
				"trust": false, "min-tx-rate": int64(0), "max-tx-rate": int64(0), "vlan-id": int64(0), "qos": int64(0)})
		}
	}
	overlay(h.interfaces[nic], map[string]any{"ethernet": map[string]any{"sr-iov": map[string]any{"total-vfs": total, "vfs": list}}})
}
