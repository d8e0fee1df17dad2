package adoption

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query/answer"
)

// rowClaim is what one line of a file claims.
func (p *planner) rowClaim(f *File, r Row) *claim {
	c := &claim{addr: r.Address, bits: r.Bits, source: SourceFile, owner: p.rowOwner(r), line: fmt.Sprintf("%s line %d", f.Name, r.Line)}
	if r.MAC != "" {
		mac, ok := answer.ParseMAC(r.MAC)
		if !ok {
			p.broken = append(p.broken, broken{address: r.Address.String(), owner: c.owner, source: SourceFile,
				selected: p.rules.selectsOwner(p.directory, c.owner), problem: fmt.Sprintf("%s: %q is no MAC address: correct it, or remove it", c.line, r.MAC)})
			return nil
		}
		c.mac = mac
	}
	c.selected = p.rules.selectsOwner(p.directory, c.owner)
	p.rowPlace(c, r)
	return c
}

// rowOwner finds out who a line means: a Wukong or a machine of the cluster, a Wukong to come where namespace and name can be
// those of one, else whoever people call by the name.
func (p *planner) rowOwner(r Row) owner {
	if r.Namespace == "" {
		if o, ok := p.hostsOwner(r.Names); ok {
			return o
		}
		return owner{kind: label, text: called(r)}
	}
	for _, name := range append(slices.Clone(r.Names), r.Machine) {
		if o, ok := p.known(r.Namespace, name, r.Network); ok && name != "" {
			return o
		}
	}
	name := r.Machine
	if len(r.Names) > 0 {
		name = r.Names[0]
	}
	wrong := len(validation.IsDNS1123Label(r.Namespace)) + len(validation.IsDNS1123Subdomain(name))
	if r.Network != "" {
		wrong += len(validation.IsDNS1123Label(r.Network))
	}
	if wrong > 0 {
		return owner{kind: label, text: called(r)}
	}
	return owner{kind: expected, namespace: r.Namespace, wukong: name, network: r.Network}
}

// called is what a line calls its owner.
func called(r Row) string {
	names := slices.DeleteFunc(append(slices.Clone(r.Names), r.Machine), func(s string) bool { return s == "" })
	switch {
	case len(names) == 0 && r.Namespace == "":
		return "somebody"
	case len(names) == 0:
		return "somebody in " + r.Namespace
	case r.Namespace != "":
		return r.Namespace + "/" + names[0]
	}
	return names[0]
}

// known finds a Wukong or a running machine.
func (p *planner) known(namespace, name, network string) (owner, bool) {
	key := namespace + "/" + name
	if w := p.directory.wukongs[key]; w != nil {
		return owner{kind: existing, namespace: namespace, wukong: name, machine: machineOf(w), network: network}, true
	}
	if w := p.directory.serving[key]; w != nil {
		return owner{kind: existing, namespace: namespace, wukong: w.Name, machine: name, network: network}, true
	}
	if vmi := p.directory.machines[key]; vmi != nil {
		o := p.directory.ownerOf(vmi)
		o.network = network
		return o, true
	}
	return owner{}, false
}

// hostsOwner reads the names of a hosts file as kubectl wukong ip list -o hosts writes them: WUKONG.NAMESPACE and then
// NETWORK.WUKONG.NAMESPACE. Any other names are just names.
func (p *planner) hostsOwner(names []string) (owner, bool) {
	if len(names) < 2 {
		return owner{}, false
	}
	dot := strings.LastIndexByte(names[0], '.')
	network, ok := strings.CutSuffix(names[1], "."+names[0])
	if dot < 0 || !ok || len(validation.IsDNS1123Label(network)) > 0 {
		return owner{}, false
	}
	namespace, name := names[0][dot+1:], names[0][:dot]
	if o, ok := p.known(namespace, name, network); ok {
		return o, true
	}
	if _, exists := p.facts.Namespaces[namespace]; !exists {
		return owner{}, false
	}
	return owner{kind: expected, namespace: namespace, wukong: name, network: network}, true
}

// rowPlace finds the segment of a line by its own columns.
func (p *planner) rowPlace(c *claim, r Row) {
	switch {
	case r.Segment != "":
		s, err := ipam.ParseSegment(r.Segment)
		if err != nil {
			c.unknown = c.line + ": segment " + err.Error()
			return
		}
		c.segment = canonical(p.facts.Catalog, s)
	case r.HostNetwork != "":
		n, ok := p.facts.Catalog.HostNetwork(r.HostNetwork)
		if !ok {
			c.unknown = fmt.Sprintf("%s: there is no HostNetwork %q", c.line, r.HostNetwork)
			return
		}
		if n.Trunk() {
			c.unknown = fmt.Sprintf("%s: HostNetwork %q carries several VLANs (%s): name the segment instead", c.line, r.HostNetwork, n.SegmentText())
			return
		}
		c.segment, c.hostNetwork = n.Segment, r.HostNetwork
	case r.Pool != "":
		pool, ok := p.facts.Pools.Pool(r.Pool)
		if !ok {
			c.unknown = fmt.Sprintf("%s: there is no AddressPool %q", c.line, r.Pool)
			return
		}
		c.segment = pool.Segment
	}
}

// settle finds the segments of claims that do not say it themselves: that of the same owner with the same address elsewhere,
// then, for lines of files, the one that a mapping says, or the one whose pools cover the address.
func (p *planner) settle(claims []*claim) {
	byAddress := map[string][]*claim{}
	for _, c := range claims {
		byAddress[c.addr.String()] = append(byAddress[c.addr.String()], c)
	}
	found := map[*claim]ipam.Segment{}
	for _, c := range claims {
		if c.told() || (c.source == SourceFile && c.unknown != "") {
			continue
		}
		var segments []ipam.Segment
		for _, other := range byAddress[c.addr.String()] {
			if other.told() && other.owner.same(c.owner) && !slices.Contains(segments, other.segment) {
				segments = append(segments, other.segment)
			}
		}
		if len(segments) == 1 {
			found[c] = segments[0]
		}
	}
	for c, s := range found {
		c.segment, c.unknown = s, ""
	}
	for _, c := range claims {
		if c.told() || c.unknown != "" {
			continue
		}
		if said, ok := p.rules.mapped("", ""); ok {
			c.segment, c.hostNetwork = said.segment, said.hostNetwork
		} else if s, ok := p.covered(c.addr); ok {
			c.segment = s
		} else {
			c.unknown = c.line + ": the segment is not known: add a column segment, or say it with --segment"
		}
	}
}
