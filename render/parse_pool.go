package render

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"go4.org/netipx"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// Bounds of pools and reservations that the schema has too.
const (
	maxRanges   = 1024
	maxReserved = 256
	minSubnet4  = 8
	minSubnet6  = 64
	maxCooldown = 8760 * time.Hour
)

// newPool reads one pool. Everything that can be read is, also beside a problem, since what a pool keeps back is kept back
// until somebody says otherwise.
func newPool(c *Catalog, o *v1alpha1.AddressPool) *Pool {
	spec := &o.Spec
	out := &Pool{Object: o, Segment: c.segment(spec.Segment.PhysicalNetwork, spec.Segment.VLAN)}
	problem := out.read()
	out.Problem = first(clusterNameProblem(o.Name), fabricProblem("spec.segment.physicalNetwork", spec.Segment.PhysicalNetwork),
		vlanProblem("spec.segment.vlan", spec.Segment.VLAN), problem, selectorProblem("spec", spec.AllowedNamespaces), cooldownProblem(spec.Cooldown))
	return out
}

func cooldownProblem(d *metav1.Duration) *Problem {
	if d != nil && (d.Duration < 0 || d.Duration > maxCooldown) {
		return invalidSpec("spec.cooldown", "%s is not a rest: use 0 to a year (8760h), such as 5m", d.Duration)
	}
	return nil
}

// read reads what the spec says about addresses, and gives the first problem.
func (p *Pool) read() *Problem {
	spec := &p.Object.Spec
	var r parser
	p.subnet = r.subnet(specPath.Child("subnet"), spec.Subnet)
	if !p.subnet.IsValid() {
		return firstError(r.errs)
	}
	ranges := r.poolRanges(specPath.Child("ranges"), spec.Ranges, p.subnet)
	if spec.Ranges != nil && len(spec.Ranges) == 0 {
		r.errs = append(r.errs, field.Required(specPath.Child("ranges"), "write at least one range, or leave ranges out to give out the whole subnet"))
	}
	p.exclude = r.poolRanges(specPath.Child("exclude"), spec.Exclude, p.subnet)
	p.inherited(&r)
	config, err := ipam.NewPool(ipam.PoolConfig{Subnet: p.subnet, Ranges: ranges, Exclude: p.exclude, Never: p.never()})
	if err != nil {
		r.ipamError(specPath.Child("subnet"), err)
	}
	if len(r.errs) == 0 {
		p.Config = config
	}
	return firstError(r.errs)
}

// inherited reads what requests inherit, and checks that the subnet reaches it.
func (p *Pool) inherited(r *parser) {
	spec := &p.Object.Spec
	if spec.Gateway != nil {
		p.Gateway, _ = r.parseIP(specPath.Child("gateway"), *spec.Gateway)
	}
	p.DNS = r.dns(specPath.Child("dnsServers"), spec.DNSServers)
	p.Search = r.search(specPath.Child("searchDomains"), spec.SearchDomains)
	guest := Address{Path: specPath.Child("gateway").String(), Prefix: p.guest(), Gateway: p.Gateway}
	if !r.gateway(specPath.Child("gateway"), guest) {
		guest.Gateway, p.Gateway = netip.Addr{}, netip.Addr{}
	}
	n := Network{Addresses: []Address{guest}}
	r.routes(specPath.Child("routes"), spec.Routes, &n)
	r.oneDefaultPerFamily(specPath.Child("routes"), &n)
	p.Routes = n.Routes
}

// guest is an address of the subnet, with its length, that is no next hop: checks ask whether it reaches one.
func (p *Pool) guest() netip.Prefix {
	hops := []netip.Addr{p.Gateway}
	for _, r := range p.Object.Spec.Routes {
		via, _ := netip.ParseAddr(string(r.Via))
		hops = append(hops, via)
	}
	a := p.subnet.Addr()
	for slices.Contains(hops, a) && p.subnet.Contains(a.Next()) {
		a = a.Next()
	}
	return netip.PrefixFrom(a, p.subnet.Bits())
}

// never are the addresses of the subnet that routers and DNS servers have.
func (p *Pool) never() []netip.Addr {
	hops := append([]netip.Addr{p.Gateway}, p.DNS...)
	for _, r := range p.Routes {
		hops = append(hops, r.Via)
	}
	return slices.DeleteFunc(hops, func(a netip.Addr) bool { return !p.subnet.Contains(a) })
}

// subnet reads the prefix of a segment.
func (p *parser) subnet(path *field.Path, text v1alpha1.Subnet) netip.Prefix {
	subnet, err := netip.ParsePrefix(string(text))
	widest := minSubnet4
	if subnet.IsValid() && subnet.Addr().Is6() {
		widest = minSubnet6
	}
	switch {
	case err != nil || subnet.Addr().Is4In6():
		p.invalid(path, string(text), "write a prefix, such as 192.0.2.0/24 or 2001:db8::/64")
	case subnet != subnet.Masked():
		p.invalid(path, string(text), "has host bits: write "+subnet.Masked().String())
	case subnet.Bits() < widest:
		p.invalid(path, string(text), fmt.Sprintf("is wider than a subnet of one segment: use a prefix length of at least %d", widest))
	default:
		return subnet
	}
	return netip.Prefix{}
}

// poolRanges reads addresses of a subnet.
func (p *parser) poolRanges(path *field.Path, in []v1alpha1.AddressRange, subnet netip.Prefix) []netipx.IPRange {
	if len(in) > maxRanges {
		p.errs = append(p.errs, field.TooMany(path, len(in), maxRanges))
		return nil
	}
	var out []netipx.IPRange
	for i, text := range in {
		r, ok := p.addressRange(path.Index(i), text)
		if !ok {
			continue
		}
		if !subnet.Contains(r.From()) || !subnet.Contains(r.To()) {
			p.invalid(path.Index(i), string(text), fmt.Sprintf("is not in %s: write addresses of that subnet", subnet))
			continue
		}
		out = append(out, r)
	}
	return out
}

func (p *parser) addressRange(path *field.Path, text v1alpha1.AddressRange) (netipx.IPRange, bool) {
	r, err := ipam.ParseRange(string(text))
	if err != nil {
		p.ipamError(path, err)
		return netipx.IPRange{}, false
	}
	return r, true
}

func firstError(errs field.ErrorList) *Problem {
	if len(errs) == 0 {
		return nil
	}
	return invalidSpec(errs[0].Field, "%s", errs[0].ErrorBody())
}
