package adoption

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// serve decides about machines that no Wukong serves, each with all of its addresses: a Wukong has all that its machine has,
// since the import never changes one later.
func (p *planner) serve(groups []*group) []*v1alpha1.Wukong {
	byMachine := map[string][]*group{}
	var order []string
	for _, g := range groups {
		if g.owner.kind != machine || g.contested {
			continue
		}
		key := g.owner.namespace + "/" + g.owner.machine
		if byMachine[key] == nil {
			order = append(order, key)
		}
		byMachine[key] = append(byMachine[key], g)
	}
	p.contestedToo(groups, byMachine)
	slices.Sort(order)
	var out []*v1alpha1.Wukong
	for _, key := range order {
		if w := p.serveMachine(byMachine[key]); w != nil {
			out = append(out, w)
		}
	}
	return out
}

// contestedToo adds addresses that a machine shares with others, which hold it back.
func (p *planner) contestedToo(groups []*group, byMachine map[string][]*group) {
	for _, g := range groups {
		if !g.contested {
			continue
		}
		var seen []string
		for _, c := range g.claims {
			key := c.owner.namespace + "/" + c.owner.machine
			if c.owner.kind == machine && byMachine[key] != nil && !slices.Contains(seen, key) {
				seen = append(seen, key)
				byMachine[key] = append(byMachine[key], g)
			}
		}
	}
}

// serveMachine gives the Wukong of one machine, or nil.
func (p *planner) serveMachine(groups []*group) *v1alpha1.Wukong {
	serve := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.action != ActionServe })
	if len(serve) == 0 {
		return nil
	}
	for _, g := range groups {
		if g.action == ActionConflict || g.action == ActionUndecided {
			for _, s := range serve {
				s.set(ActionUndecided, "waits for %s of the same machine", g.addr)
			}
			return nil
		}
	}
	w, problem := p.wukongFor(serve)
	if len(serve) < len(groups) {
		problem = "some of the machine's addresses are kept out of use"
	}
	switch {
	case problem == "":
		for _, g := range serve {
			g.keepFor(w)
		}
		if !slices.ContainsFunc(serve, (*group).selected) {
			return nil
		}
		return w
	case p.rules.As == AsWukongs:
		for _, g := range serve {
			g.set(ActionUndecided, "no Wukong can be made: %s", problem)
		}
	default:
		for _, g := range serve {
			p.reserve(g, "; no Wukong: "+problem)
		}
	}
	return nil
}

// keepFor has the address of a machine kept for its Wukong until that has the lease: at a first start the controller may come to
// somebody who takes any address of a pool before it comes to the Wukong.
func (g *group) keepFor(w *v1alpha1.Wukong) {
	g.set(ActionServe, "%s/%s, reserved for it", w.Namespace, w.Name)
	if g.kept {
		return
	}
	g.reservation = g.reserved(&v1alpha1.ReservedFor{Namespace: w.Namespace, Name: w.Name, Network: networkName(g.owner.network)})
}

// networkName is how a Wukong calls a network of a machine.
func networkName(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if name == v1alpha1.PodNetworkName {
		return "net-" + v1alpha1.PodNetworkName // the plain name means the pod network
	}
	return name
}

// wukongFor makes the Wukong that serves a machine as it is: it asks for the addresses that the machine has and delivers
// nothing to its guest. The text says why that cannot be.
func (p *planner) wukongFor(groups []*group) (*v1alpha1.Wukong, string) {
	o := groups[0].owner
	if problems := validation.IsDNS1123Label(o.machine); len(problems) > 0 {
		return nil, fmt.Sprintf("the name of the machine is none for a Wukong: %s", problems[0])
	}
	if p.directory.wukongs[o.namespace+"/"+o.wukong] != nil {
		return nil, fmt.Sprintf("there is a Wukong %s/%s already, for something else", o.namespace, o.wukong)
	}
	w := &v1alpha1.Wukong{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Wukong"},
		ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: o.wukong},
		Spec:       v1alpha1.WukongSpec{VirtualMachineName: o.machine, GuestConfig: v1alpha1.GuestConfigManual},
	}
	for _, network := range p.inOrder(o, groups) {
		of := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.owner.network != network })
		n, problem := p.networkFor(network, of)
		if problem != "" {
			return nil, problem
		}
		w.Spec.Networks = append(w.Spec.Networks, n)
	}
	return w, p.refused(w, groups)
}

// inOrder gives the networks of groups in the order in which the machine has them.
func (p *planner) inOrder(o owner, groups []*group) []string {
	var out []string
	for _, n := range p.directory.machines[o.namespace+"/"+o.machine].Spec.Networks {
		if slices.ContainsFunc(groups, func(g *group) bool { return g.owner.network == n.Name }) {
			out = append(out, n.Name)
		}
	}
	return out
}

// networkFor makes one network of a Wukong from all addresses of an interface.
func (p *planner) networkFor(name string, groups []*group) (v1alpha1.WukongNetwork, string) {
	out := v1alpha1.WukongNetwork{Name: networkName(name), IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic}}
	var problem string
	if out.HostNetwork, problem = p.hostNetworkOf(groups); problem != "" {
		return out, problem
	}
	if n, ok := p.facts.Catalog.HostNetwork(out.HostNetwork); ok && n.Trunk() {
		vlan := int32(groups[0].segment.VLAN)
		out.VLANID = &vlan
	}
	gateways := map[bool]bool{} // by family, true is IPv4: a default route of each
	for i, g := range groups {
		if g.segment != groups[0].segment {
			return out, fmt.Sprintf("%s and %s of one interface are on different segments", groups[0].addr, g.addr)
		}
		if mac := v1alpha1.MACAddress(g.mac()); mac != "" {
			out.MACAddress = &mac
		}
		prefix, gateway := p.subnetOf(g)
		if !prefix.IsValid() {
			return out, fmt.Sprintf("no pool covers %s, so the length of its subnet's prefix is not known: "+
				"declare an AddressPool, or name it in a file", g.addr)
		}
		address := v1alpha1.CIDR(prefix.String())
		a := v1alpha1.AdditionalAddress{Address: &address}
		if gateway.IsValid() && !gateways[gateway.Is4()] {
			gateways[gateway.Is4()] = true
			text := v1alpha1.Address(gateway.String())
			a.Gateway = &text
		}
		if i == 0 {
			out.IPConfig.Address, out.IPConfig.Gateway = a.Address, a.Gateway
			continue
		}
		out.IPConfig.AdditionalAddresses = append(out.IPConfig.AdditionalAddresses, a)
	}
	return out, ""
}

// mac is the MAC address of the interface, in lower case, or empty.
func (g *group) mac() string {
	for _, c := range g.claims {
		if c.mac != "" {
			return c.mac
		}
	}
	return ""
}

// subnetOf gives the address with the length of its subnet's prefix, and the gateway, as pools or else files say.
func (p *planner) subnetOf(g *group) (netip.Prefix, netip.Addr) {
	if pools := p.facts.Pools.Covering(g.segment, g.addr); len(pools) > 0 {
		return netip.PrefixFrom(g.addr, pools[0].Config.Subnet().Bits()), pools[0].Gateway
	}
	for _, c := range g.claims {
		if c.bits > 0 {
			return netip.PrefixFrom(g.addr, c.bits), netip.Addr{}
		}
	}
	return netip.Prefix{}, netip.Addr{}
}

// hostNetworkOf gives the HostNetwork that the interface is attached to, else the one on its segment that is open to the
// namespace.
func (p *planner) hostNetworkOf(groups []*group) (name, problem string) {
	for _, g := range groups {
		for _, c := range g.claims {
			if c.hostNetwork != "" {
				return c.hostNetwork, ""
			}
		}
	}
	segment, namespace := groups[0].segment, groups[0].owner.namespace
	var open []string
	for _, n := range p.facts.Catalog.HostNetworks() {
		if n.Problem == nil && n.OpenOn(p.namespace(namespace), segment) {
			open = append(open, n.Object.Name)
		}
	}
	switch len(open) {
	case 1:
		return open[0], ""
	case 0:
		return "", fmt.Sprintf("no HostNetwork on segment %s is open to namespace %s", segment, namespace)
	}
	return "", fmt.Sprintf("HostNetworks %s are on segment %s: say which one with --host-network", strings.Join(open, ", "), segment)
}

// refused says why the controller would not serve the Wukong as it is meant, or nothing.
func (p *planner) refused(w *v1alpha1.Wukong, groups []*group) string {
	request, invalid := render.ParseWukong(w)
	if len(invalid) > 0 {
		return invalid[0].Error()
	}
	for _, n := range request.Networks {
		in := p.selection(w, n)
		choice, refusal := p.facts.Catalog.Resolve(in)
		for _, a := range n.Addresses {
			if refusal != nil {
				break
			}
			refusal = p.facts.Pools.Admit(in, choice, a)
			i := slices.IndexFunc(groups, func(g *group) bool { return g.addr == a.Prefix.Addr() })
			if i >= 0 && groups[i].segment != choice.Segment {
				return fmt.Sprintf("HostNetwork %s is on segment %s, and the address on %s", choice.HostNetwork, choice.Segment, groups[i].segment)
			}
		}
		if refusal != nil {
			return refusal.Message
		}
	}
	return ""
}
