package render

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// ipamError reports what package ipam says about a value.
func (p *parser) ipamError(path *field.Path, err error) {
	var bad *ipam.InvalidError
	if errors.As(err, &bad) {
		p.invalid(path, bad.Value, bad.Problem+": "+bad.Fix)
		return
	}
	p.errs = append(p.errs, field.InternalError(path, err))
}

// addressing reads ipConfig. Without it the guest uses DHCP.
func (p *parser) addressing(in *v1alpha1.IPConfig, path *field.Path, out *Network) {
	if in == nil {
		out.DHCP = true
		return
	}
	out.DNS = p.dns(path.Child("dnsServers"), in.DNSServers)
	out.Search = p.search(path.Child("searchDomains"), in.SearchDomains)
	switch in.Mode {
	case v1alpha1.IPModeDHCP:
		out.DHCP = true
		p.ignoredByDHCP(in, path)
	case v1alpha1.IPModeStatic:
		p.static(in, path, out)
	case "":
		p.errs = append(p.errs, field.Required(path.Child("mode"), "write static or dhcp"))
	default:
		p.errs = append(p.errs, field.NotSupported(path.Child("mode"), shown(string(in.Mode)).(string),
			[]v1alpha1.IPMode{v1alpha1.IPModeStatic, v1alpha1.IPModeDHCP}))
	}
}

func (p *parser) ignoredByDHCP(in *v1alpha1.IPConfig, path *field.Path) {
	const message = "is not acted on in mode dhcp: write mode static to use it"
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"address", in.Address != nil && *in.Address != ""},
		{"gateway", in.Gateway != nil && *in.Gateway != ""},
		{"routes", len(in.Routes) > 0},
		{"reserved", in.Reserved},
		{"ipPool", in.IPPool != ""},
		{"sourceRouting", in.SourceRouting},
		{"additionalAddresses", len(in.AdditionalAddresses) > 0},
	} {
		if f.given {
			p.notice(path.Child(f.name), message)
		}
	}
}

// static reads the addresses, gateways and routes of a static network.
func (p *parser) static(in *v1alpha1.IPConfig, path *field.Path, out *Network) {
	out.SourceRouting = in.SourceRouting
	first := in.All()[0]
	if !explicit(first) && in.IPPool == "" {
		p.errs = append(p.errs, field.Required(path.Child("address"),
			"mode static needs an address with its prefix length, such as 192.0.2.10/24, or an ipPool to take one from"))
	} else {
		p.address(path, first, out)
	}
	if n := len(in.AdditionalAddresses); n > maxAddresses {
		p.errs = append(p.errs, field.TooMany(path.Child("additionalAddresses"), n, maxAddresses))
		return
	}
	for i, a := range in.AdditionalAddresses {
		at := path.Child("additionalAddresses").Index(i)
		if explicit(a) == (a.IPPool != "") {
			p.errs = append(p.errs, field.Required(at, "give either address or ipPool"))
			continue
		}
		p.address(at, a, out)
	}
	p.routes(path.Child("routes"), in.Routes, out)
	p.oneDefaultPerFamily(path, out)
	if out.SourceRouting && len(out.defaults())+len(out.Routes) == 0 && !slices.ContainsFunc(out.Addresses, func(a Address) bool { return a.Pool != "" }) {
		p.notice(path.Child("sourceRouting"), "is not acted on: the network has neither a gateway nor routes, so nothing can be routed through it")
	}
}

// Names of fields beside each other.
const (
	gatewayField = "gateway"
	poolField    = "ipPool"
)

// sibling gives the path of the field of that name beside another one.
func sibling(path, name string) string { return path[:strings.LastIndexByte(path, '.')+1] + name }

// explicit says whether an address is named. Empty texts, which old manifests have, count as not given.
func explicit(a v1alpha1.AdditionalAddress) bool { return a.Address != nil && *a.Address != "" }

// address reads one address: a named one, which may have to belong to a pool, or else one from a pool.
func (p *parser) address(path *field.Path, in v1alpha1.AdditionalAddress, out *Network) {
	a := Address{Path: path.Child("ipPool").String(), Pool: in.IPPool, Reserved: in.Reserved}
	if in.Gateway != nil {
		a.Gateway, _ = p.parseIP(path.Child("gateway"), *in.Gateway)
	}
	if len(in.IPPool) > maxSelector {
		p.errs = append(p.errs, field.TooLong(path.Child("ipPool"), shown(in.IPPool), maxSelector))
		return
	}
	if explicit(in) {
		at := path.Child("address")
		prefix, err := ipam.ParseAddress(string(*in.Address))
		if err != nil {
			p.ipamError(at, err)
			return
		}
		a.Path, a.Prefix = at.String(), prefix
		if !p.gateway(path.Child("gateway"), a) {
			return
		}
	}
	out.Addresses = append(out.Addresses, a)
}

// gateway checks the gateway of an address whose prefix is known.
func (p *parser) gateway(path *field.Path, a Address) bool {
	if !a.Gateway.IsValid() {
		return true
	}
	if err := ipam.CheckGateway(a.Prefix, a.Gateway, ipam.OnSubnet); err != nil {
		p.gatewayError(path, a.Prefix, a.Gateway, err)
		return false
	}
	return true
}

// gatewayError adds to what package ipam says how an off-link gateway is written in a Wukong.
func (p *parser) gatewayError(path *field.Path, prefix netip.Prefix, gateway netip.Addr, err error) {
	var bad *ipam.InvalidError
	if errors.As(err, &bad) && gateway.Is4() == prefix.Addr().Is4() && !prefix.Contains(gateway) {
		p.invalid(path, bad.Value, fmt.Sprintf("%s: write a gateway of that subnet, correct the prefix length of %s, or give a route to %s with onLink instead",
			bad.Problem, prefix, everywhere(gateway)))
		return
	}
	p.ipamError(path, err)
}

// dns reads DNS servers. A repeated one is kept once.
func (p *parser) dns(path *field.Path, in []v1alpha1.Address) []netip.Addr {
	if len(in) > maxServers {
		p.errs = append(p.errs, field.TooMany(path, len(in), maxServers))
		return nil
	}
	var out []netip.Addr
	for i, text := range in {
		if addr, ok := p.parseIP(path.Index(i), text); ok && !slices.Contains(out, addr) {
			out = append(out, addr)
		}
	}
	return out
}

// search reads DNS search domains. A repeated one is kept once.
func (p *parser) search(path *field.Path, in []v1alpha1.DomainName) []string {
	if len(in) > maxServers {
		p.errs = append(p.errs, field.TooMany(path, len(in), maxServers))
		return nil
	}
	var out []string
	for i, d := range in {
		domain := strings.ToLower(string(d))
		if len(domain) > maxSelector || !domainPattern.MatchString(domain) {
			p.invalid(path.Index(i), string(d), "write a domain name without a trailing dot, such as example.com")
			continue
		}
		if !slices.Contains(out, domain) {
			out = append(out, domain)
		}
	}
	return out
}

// everywhere is the destination of a default route of the family of addr.
func everywhere(addr netip.Addr) netip.Prefix {
	if addr.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
