package nmstate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// IP is the section of one address family.
type IP struct {
	Enabled bool
	// From is a template that stands for the section of another interface, captured on the node, or empty. Enabled is true
	// with it.
	From string
}

// Routes are the routes of a state.
type Routes struct {
	// Config is a template for the routes to have.
	Config string `json:"config"`
}

// ipSection is how an IP is written where it is no template.
type ipSection struct {
	Enabled bool `json:"enabled"`
}

// MarshalJSON writes the template, or the section.
func (i IP) MarshalJSON() ([]byte, error) {
	if i.From != "" {
		return json.Marshal(i.From)
	}
	return json.Marshal(ipSection{i.Enabled})
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else.
func (i *IP) UnmarshalJSON(raw []byte) error {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '"' {
		i.Enabled = true
		if err := json.Unmarshal(raw, &i.From); err != nil {
			return fmt.Errorf("template of addresses: %w", err)
		}
		if i.From == "" {
			return errors.New("a template of addresses is empty")
		}
		return nil
	}
	var section ipSection
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&section); err != nil {
		return fmt.Errorf("section of addresses: %w", err)
	}
	*i = IP{Enabled: section.Enabled}
	return nil
}

// captureText is what the capture adds to the text that is hashed; nothing where there is none.
func (s State) captureText() []byte {
	if len(s.Capture) == 0 {
		return nil
	}
	text, err := json.Marshal(s.Capture)
	if err != nil {
		return nil // a map of strings cannot fail to encode
	}
	return text
}

// Traffic is what of the node's own traffic an interface carries.
type Traffic struct {
	// Carries says that it has an address that counts, or a default route. Otherwise there is nothing to keep.
	Carries bool
	// IPv4 and IPv6 say that the family is in use there, or is configured by itself as soon as somebody answers.
	IPv4, IPv6 bool
	// Routes says that somebody configured routes through it.
	Routes bool
}

// TrafficOn tells what of the node's own traffic the interface carries by now; nothing where the node does not say. It does
// not ask who configured it: an address that the node got by itself moves with the others.
func (n Node) TrafficOn(name string) Traffic {
	i, ok := n.Interface(name)
	if !ok || n.Truncated || i.State == Absent {
		return Traffic{}
	}
	t := Traffic{IPv4: i.DHCPv4, IPv6: i.DHCPv6 || i.Autoconf, Routes: slices.Contains(n.RoutedInterfaces, name)}
	for _, p := range i.Addresses {
		if relevanceOf(p.Addr()) == Counts {
			t.use(p.Addr().Is4())
		}
	}
	for _, r := range n.DefaultRoutes {
		if r.Interface == name {
			t.use(r.Family == 4)
		}
	}
	return t
}

func (t *Traffic) use(is4 bool) {
	t.Carries = true
	t.IPv4 = t.IPv4 || is4
	t.IPv6 = t.IPv6 || !is4
}

// Names of captures.
const (
	captureNamed    = "named"
	captureIPv4     = "with-ipv4"
	captureIPv6     = "with-ipv6"
	captureRoutes   = "routes"
	captureRerouted = "rerouted"
)

// Moving gives the same state, by which the addresses and routes that the interface from carries move to the interface to,
// which the state lists. nmstate looks them up when it applies the state. A bridge takes the MAC address over as well, so that
// DHCP servers know it again. DNS servers need nothing: nmstate keeps those that are configured, and DHCP gives the others.
//
// nmstate fails, and changes nothing, where from has no such addresses any more. So a state that was applied already is never
// applied to what it has made itself.
func (s State) Moving(from, to string, traffic Traffic) State {
	out := s.Canonical()
	source := captureNamed
	out.Capture = map[string]string{captureNamed: fmt.Sprintf("interfaces.name==%q", from)}
	narrow := func(name, family string) {
		out.Capture[name] = fmt.Sprintf("capture.%s | interfaces.%s.enabled==true", source, family)
		source = name
	}
	if traffic.IPv4 {
		narrow(captureIPv4, "ipv4")
	}
	if traffic.IPv6 {
		narrow(captureIPv6, "ipv6")
	}
	if traffic.Routes {
		out.Capture[captureRoutes] = fmt.Sprintf("routes.config.next-hop-interface==%q", from)
		out.Capture[captureRerouted] = fmt.Sprintf("capture.%s | routes.config.next-hop-interface:=%q", captureRoutes, to)
		out.Routes = &Routes{Config: fmt.Sprintf("{{ capture.%s.routes.config }}", captureRerouted)}
	}
	property := func(name string) string { return fmt.Sprintf("{{ capture.%s.interfaces.0.%s }}", source, name) }
	for k := range out.Interfaces {
		i := &out.Interfaces[k]
		if i.Name != to {
			continue
		}
		if traffic.IPv4 {
			i.IPv4 = &IP{Enabled: true, From: property("ipv4")}
		}
		if traffic.IPv6 {
			i.IPv6 = &IP{Enabled: true, From: property("ipv6")}
		}
		if i.Type == LinuxBridge {
			i.MACAddress = property("mac-address")
		}
	}
	return out
}

// moves gives from where to where the state moves addresses, or false.
func (s State) moves() (from, to string, ok bool) {
	if _, err := fmt.Sscanf(s.Capture[captureNamed], "interfaces.name==%q", &from); err != nil {
		return "", "", false
	}
	for _, i := range s.Interfaces {
		if i.IPv4 != nil && i.IPv4.From != "" || i.IPv6 != nil && i.IPv6.From != "" {
			return from, i.Name, true
		}
	}
	return "", "", false
}

// selfAssigned gives one of the wanted addresses that the kernel or NetworkManager made from more than the MAC address of the
// interface, so that another interface gets another one.
func (i NodeInterface) selfAssigned(wanted []netip.Addr) (netip.Addr, bool) {
	for _, p := range i.Addresses {
		if i.Autoconf && p.Addr().Is6() && p.Bits() == 64 && slices.Contains(wanted, p.Addr()) && !fromMAC(p.Addr(), i.MAC) {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}

// fromMAC says whether the lower half of the address is the modified EUI-64 of the MAC address (RFC 4291, appendix A).
func fromMAC(a netip.Addr, mac string) bool {
	var m [6]byte
	if n, err := fmt.Sscanf(mac, "%02x:%02x:%02x:%02x:%02x:%02x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]); n != len(m) || err != nil {
		return false
	}
	bits := a.As16()
	return bytes.Equal(bits[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
}
