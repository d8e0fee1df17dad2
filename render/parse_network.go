package render

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// Bounds that the schema has too, so that manifests that no API server has seen are held to them.
const (
	maxNetworks  = 64
	maxAddresses = 32
	maxServers   = 32
	maxRoutes    = 64
	maxLabel     = 63
	maxSelector  = 253
	minMTU       = 68
	maxMTU       = 9216
	minMTUv6     = 1280 // RFC 8200 section 5
	maxVLAN      = ipam.MaxVLAN
)

var (
	labelPattern  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	domainPattern = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$`)
	macPattern    = regexp.MustCompile(`^[0-9a-f]{2}(:[0-9a-f]{2}){5}$`)
)

// taken remembers where in a Wukong a value was first used.
type taken map[string]string

// networks reads spec.networks.
func (p *parser) networks() {
	path := specPath.Child("networks")
	if n := len(p.wukong.Spec.Networks); n > maxNetworks {
		p.errs = append(p.errs, field.TooMany(path, n, maxNetworks))
		return
	}
	names, macs, primary := taken{}, taken{}, ""
	for i := range p.wukong.Spec.Networks {
		at := path.Index(i)
		n := p.network(i, at)
		p.unique(at.Child("name"), n.Name, names, "give each network of the Wukong its own name")
		if n.MAC != "" {
			p.unique(at.Child("macAddress"), n.MAC, macs, "give each network its own MAC address")
		}
		if n.Primary && primary != "" {
			p.invalid(at.Child("primary"), true, primary+" is primary already: at most one network of a Wukong is")
		} else if n.Primary {
			primary = at.Child("primary").String()
		}
		p.req.Networks = append(p.req.Networks, n)
	}
	p.ownAddresses(p.req.Networks)
	p.sameMetrics(p.req.Networks)
}

// unique reports a value that an earlier field has.
func (p *parser) unique(path *field.Path, value string, seen taken, fix string) {
	p.uniqueAt(path.String(), value, seen, fix)
}

func (p *parser) uniqueAt(path, value string, seen taken, fix string) {
	if first, found := seen[value]; found {
		p.errs = append(p.errs, &field.Error{Type: field.ErrorTypeInvalid, Field: path, BadValue: shown(value),
			Detail: "is the same as " + first + ": " + fix})
		return
	}
	seen[value] = path
}

// network reads one network.
func (p *parser) network(i int, path *field.Path) Network {
	in := &p.wukong.Spec.Networks[i]
	out := Network{Index: i, Path: path.String(), Name: in.Name, Interface: GuestInterfaceName(i)}
	p.label(path.Child("name"), in.Name)
	if in.MACAddress != nil && *in.MACAddress != "" {
		out.MAC = p.mac(path.Child("macAddress"), string(*in.MACAddress))
	}
	if in.NodeIP != "" {
		p.notice(path.Child("nodeIP"), "is not acted on: hosts are configured by HostUplinks and HostNetworks")
	}
	if in.Name == v1alpha1.PodNetworkName {
		out.Pod, out.DHCP = true, true
		p.podNetwork(in, path)
		return out
	}
	p.selectors(in, path, &out)
	out.Primary = in.Primary
	out.MTU = p.mtu(path.Child("mtu"), in.MTU)
	p.addressing(in.IPConfig, path.Child("ipConfig"), &out)
	p.checkMTU(path.Child("mtu"), out)
	return out
}

// podNetwork reports what the pod network does not take from a Wukong.
func (p *parser) podNetwork(in *v1alpha1.WukongNetwork, path *field.Path) {
	if in.IPConfig != nil && in.IPConfig.Mode == v1alpha1.IPModeStatic {
		p.notice(path.Child("ipConfig"), `is not acted on: "default" is the pod network, and the cluster gives it its address. Give the network another name to attach it to a HostNetwork`)
	}
	if in.Primary {
		p.notice(path.Child("primary"), "is not acted on: this is the pod network itself")
	}
}

func (p *parser) label(path *field.Path, value string) {
	switch {
	case value == "":
		p.errs = append(p.errs, field.Required(path, "give it a name of lower-case letters, digits and dashes"))
	case len(value) > maxLabel:
		p.errs = append(p.errs, field.TooLong(path, shown(value), maxLabel))
	case !labelPattern.MatchString(value):
		p.invalid(path, value, "use lower-case letters, digits and dashes that begin and end with a letter or digit")
	}
}

// selectors reads what selects a HostNetwork. The texts are compared with names on offer and never written, so only their
// length is bounded.
func (p *parser) selectors(in *v1alpha1.WukongNetwork, path *field.Path, out *Network) {
	switch in.Type {
	case "", v1alpha1.NetworkBridge, v1alpha1.NetworkMacvlan, v1alpha1.NetworkSRIOV, v1alpha1.NetworkOVS:
		out.Type = in.Type
	default:
		p.errs = append(p.errs, field.NotSupported(path.Child("type"), shown(string(in.Type)).(string), []v1alpha1.NetworkType{
			v1alpha1.NetworkBridge, v1alpha1.NetworkMacvlan, v1alpha1.NetworkSRIOV, v1alpha1.NetworkOVS}))
	}
	for _, s := range []struct {
		name  string
		value string
		to    *string
	}{
		{"hostNetwork", in.HostNetwork, &out.HostNetwork},
		{"nadName", in.NADName, &out.NADName},
		{"bridgeName", in.BridgeName, &out.BridgeName},
		{"physicalInterface", in.PhysicalInterface, &out.PhysicalInterface},
	} {
		if len(s.value) > maxSelector {
			p.errs = append(p.errs, field.TooLong(path.Child(s.name), shown(s.value), maxSelector))
			continue
		}
		*s.to = s.value
	}
	if in.VLANID != nil {
		if *in.VLANID < 1 || *in.VLANID > maxVLAN {
			p.invalid(path.Child("vlanId"), *in.VLANID, "use a VLAN from 1 to 4094, or leave it out for untagged frames")
		} else {
			out.VLANID = int(*in.VLANID)
		}
	}
}

func (p *parser) mac(path *field.Path, text string) string {
	lower := strings.ToLower(text)
	hw, err := net.ParseMAC(lower)
	switch {
	case err != nil || !macPattern.MatchString(lower):
		p.invalid(path, text, "write a MAC address in colon form, such as 02:00:00:aa:bb:01")
	case hw[0]&1 != 0:
		p.invalid(path, text, "is a group address: write a unicast one, whose first number is even, such as 02:00:00:aa:bb:01")
	case lower == "00:00:00:00:00:00" || lower == reservedMAC:
		p.invalid(path, text, "is reserved: write another one, such as 02:00:00:aa:bb:01")
	default:
		return lower
	}
	return ""
}

func (p *parser) mtu(path *field.Path, mtu *int32) int {
	if mtu == nil {
		return 0
	}
	if *mtu < minMTU || *mtu > maxMTU {
		p.invalid(path, *mtu, fmt.Sprintf("use an MTU from %d to %d bytes", minMTU, maxMTU))
		return 0
	}
	return int(*mtu)
}

// checkMTU refuses what the kernel would answer by switching IPv6 off, without a word.
func (p *parser) checkMTU(path *field.Path, n Network) {
	v6 := slices.ContainsFunc(n.Addresses, func(a Address) bool { return a.Explicit() && a.Prefix.Addr().Is6() })
	if n.MTU != 0 && n.MTU < minMTUv6 && v6 {
		p.invalid(path, n.MTU, fmt.Sprintf("is too small for IPv6: use at least %d bytes, or remove the IPv6 addresses", minMTUv6))
	}
}

// parseIP reads an address that is not the guest's own. Empty texts, which old manifests have, count as not given.
func (p *parser) parseIP(path *field.Path, text v1alpha1.Address) (netip.Addr, bool) {
	if text == "" {
		return netip.Addr{}, false
	}
	addr, err := ipam.ParseIP(string(text))
	if err != nil {
		p.ipamError(path, err)
		return netip.Addr{}, false
	}
	return addr, true
}
