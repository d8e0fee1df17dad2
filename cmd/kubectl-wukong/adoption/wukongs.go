package adoption

import (
	"net/netip"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// wukongClaims are the addresses that a Wukong asks for, publishes, or has in a status of NovaSphere's operator.
func (p *planner) wukongClaims(w *v1alpha1.Wukong) []*claim {
	request, invalid := render.ParseWukong(w)
	if len(invalid) > 0 {
		p.broken = append(p.broken, broken{
			owner: owner{kind: existing, namespace: w.Namespace, wukong: w.Name}, source: SourceSpec, selected: p.rules.selects(w),
			problem: "its spec is invalid: " + invalid[0].Error()})
		return nil
	}
	var out []*claim
	for _, n := range request.Networks {
		if !n.Served() {
			continue
		}
		where := p.placeOf(w, n)
		base := claim{owner: owner{kind: existing, namespace: w.Namespace, wukong: w.Name, machine: machineOf(w), network: n.Name}, source: SourceSpec,
			segment: where.segment, hostNetwork: where.hostNetwork, unknown: where.unknown, mac: macOf(w, n), selected: p.rules.selects(w), legacy: legacy(w)}
		for _, prefix := range asked(w, n) {
			c := base
			c.addr, c.bits = prefix.Addr(), prefix.Bits()
			out = append(out, &c)
		}
		if base.legacy {
			base.source = SourceStatus
			for _, addr := range reported(w, n) {
				c := base
				c.addr = addr
				out = append(out, &c)
			}
		}
	}
	return out
}

// legacy says whether only NovaSphere's operator has written the status.
func legacy(w *v1alpha1.Wukong) bool {
	st := &w.Status
	return st.ObservedGeneration <= 0 && (st.Phase != "" || len(st.Networks) > 0 || len(st.NetworkStatus) > 0)
}

// asked are the addresses that a network asks for by name, and those that were taken for it from pools.
func asked(w *v1alpha1.Wukong, n render.Network) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range n.Addresses {
		if a.Explicit() {
			out = append(out, a.Prefix)
		}
	}
	st := statusOf(w, n)
	if st == nil {
		return out
	}
	for _, a := range st.Addresses {
		prefix, err := netip.ParsePrefix(a.Address)
		if err == nil && a.Lease != "" && a.Pool != "" && !slices.Contains(out, prefix) {
			out = append(out, prefix)
		}
	}
	return out
}

// reported are the addresses of a network in a status of NovaSphere's operator: in networks, by name, and in networkStatus,
// where entries may have no names and are then in the order of the spec.
func reported(w *v1alpha1.Wukong, n render.Network) []netip.Addr {
	var texts []string
	if st := statusOf(w, n); st != nil {
		texts = append(texts, st.IPAddress)
	}
	for i, st := range w.Status.NetworkStatus {
		if st.Name == n.Name || (st.Name == "" && i == n.Index) {
			texts = append(texts, st.IPAddress)
		}
	}
	var out []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		if addr, ok := usable(addr); ok && !slices.Contains(out, addr) {
			out = append(out, addr)
		}
	}
	return out
}

func statusOf(w *v1alpha1.Wukong, n render.Network) *v1alpha1.WukongNetworkStatus {
	for i := range w.Status.Networks {
		if w.Status.Networks[i].Name == n.Name {
			return &w.Status.Networks[i]
		}
	}
	return nil
}

// macOf is the MAC address of a network, as far as the Wukong says it.
func macOf(w *v1alpha1.Wukong, n render.Network) string {
	if st := statusOf(w, n); n.MAC == "" && st != nil {
		mac, _ := answer.ParseMAC(st.MACAddress)
		return mac
	}
	return n.MAC
}

// placeOf finds where a network of a Wukong is: where its status says that it was put, else where it would be put, else
// where a mapping of its attachment says.
func (p *planner) placeOf(w *v1alpha1.Wukong, n render.Network) place {
	if st := statusOf(w, n); st != nil {
		host, known := p.facts.Catalog.HostNetwork(st.HostNetwork)
		if s, err := ipam.ParseSegment(st.Segment); err == nil && (!known || host.On(s)) {
			return place{segment: s, hostNetwork: st.HostNetwork}
		}
	}
	choice, refusal := p.facts.Catalog.Resolve(p.selection(w, n))
	if refusal == nil {
		return place{segment: choice.Segment, hostNetwork: choice.HostNetwork}
	}
	attachment := n.NADName
	if attachment == "" {
		attachment = render.LegacyNADName(w.Name, n.Name)
	}
	if said, ok := p.rules.mapped(w.Namespace, attachment); ok {
		return said
	}
	return place{unknown: refusal.Error()}
}

func (p *planner) selection(w *v1alpha1.Wukong, n render.Network) render.Selection {
	in := render.Selection{Namespace: p.namespace(w.Namespace), Wukong: w.Name, Network: n, NADBridges: p.bridges[w.Namespace]}
	if st := statusOf(w, n); st != nil {
		in.Bound = st.HostNetwork
	}
	return in
}

func (p *planner) namespace(name string) render.NamespaceInfo {
	return render.NamespaceInfo{Name: name, Labels: p.facts.Namespaces[name]}
}

// ofWukong completes a claim of the machine of a Wukong by what the Wukong says of the network: it is the one with the MAC
// address of the interface, else the one of the interface's name.
func (p *planner) ofWukong(c *claim, w *v1alpha1.Wukong) {
	c.legacy = legacy(w)
	request, invalid := render.ParseWukong(w)
	if len(invalid) > 0 {
		return
	}
	byMAC := func(n render.Network) bool { return c.mac != "" && macOf(w, n) == c.mac }
	i := slices.IndexFunc(request.Networks, byMAC)
	if i < 0 {
		i = slices.IndexFunc(request.Networks, func(n render.Network) bool { return n.Name == c.owner.network })
	}
	if i < 0 || !request.Networks[i].Served() {
		c.owner.network = ""
		return
	}
	c.owner.network = request.Networks[i].Name
	if where := p.placeOf(w, request.Networks[i]); where.unknown == "" {
		c.segment, c.hostNetwork, c.unknown = where.segment, where.hostNetwork, ""
	}
}
