package hosts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// asked is what Wukongs ask for on one segment that no HostNetwork serves yet.
type asked struct {
	nic  string // as they name it; empty where none does
	vlan int
	// The rest are sets.
	bridges, namespaces, wukongs map[string]bool
}

// suggestNetworks adds HostNetworks.
func (v *View) suggestNetworks(s *Suggestion) {
	taken := map[string]bool{}
	for _, n := range v.Catalog.HostNetworks() {
		taken[n.Object.Name] = true
	}
	wanted, skipped := v.askedFor()
	if skipped > 0 {
		s.Notes = append(s.Notes, SuggestionNote{"", plural(skipped, "network of Wukongs is", "networks of Wukongs are") + " of a type other than bridge: declare HostNetworks of that type"})
	}
	if len(wanted) == 0 {
		for _, u := range s.HostUplinks {
			v.untagged(s, string(u.Spec.PhysicalNetwork), taken)
		}
		return
	}
	for _, a := range wanted {
		fabric, note := v.fabricFor(s, a.nic)
		if fabric == "" {
			s.Notes = append(s.Notes, SuggestionNote{"", fmt.Sprintf("Wukongs ask for %s (%s), and no NIC could serve: declare a HostUplink first", a.words(), few(slices.Sorted(maps.Keys(a.wukongs))))})
			continue
		}
		v.network(s, a, fabric, note, taken)
	}
}

// askedFor gathers the networks of Wukongs that no HostNetwork serves, by NIC and VLAN, and counts those of other types.
func (v *View) askedFor() ([]*asked, int) {
	type segment struct {
		nic  string
		vlan int
	}
	found, others := map[segment]*asked{}, 0
	for i := range v.Wukongs {
		w := &v.Wukongs[i]
		request, _ := render.ParseWukong(w)
		if request == nil {
			continue
		}
		for _, n := range w.Spec.Networks {
			if n.Name == v1alpha1.PodNetworkName || n.HostNetwork != "" || n.NADName != "" || v.served(w, request, n.Name) {
				continue
			}
			if n.Type != "" && n.Type != v1alpha1.NetworkBridge {
				others++
				continue
			}
			key := segment{nic: n.PhysicalInterface}
			if n.VLANID != nil {
				key.vlan = int(*n.VLANID)
			}
			a := found[key]
			if a == nil {
				a = &asked{nic: key.nic, vlan: key.vlan, bridges: map[string]bool{}, namespaces: map[string]bool{}, wukongs: map[string]bool{}}
				found[key] = a
			}
			if n.BridgeName != "" {
				a.bridges[n.BridgeName] = true
			}
			a.namespaces[w.Namespace], a.wukongs[w.Namespace+"/"+w.Name] = true, true
		}
	}
	out := slices.Collect(maps.Values(found))
	slices.SortFunc(out, func(a, b *asked) int { return cmp.Or(cmp.Compare(a.nic, b.nic), cmp.Compare(a.vlan, b.vlan)) })
	return out, others
}

// served says whether a network of a Wukong finds its HostNetwork, or is refused for another reason than that there is none.
func (v *View) served(w *v1alpha1.Wukong, request *render.Request, network string) bool {
	for _, n := range request.Networks {
		if n.Name != network {
			continue
		}
		_, refusal := v.Catalog.Resolve(render.Selection{Namespace: v.namespace(w.Namespace), Wukong: w.Name, Network: n})
		return refusal == nil || refusal.Reason != v1alpha1.ReasonHostNetworkNotFound
	}
	return false
}

func (v *View) namespace(name string) render.NamespaceInfo {
	out := render.NamespaceInfo{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}
	for _, ns := range v.Namespaces {
		if ns.Name == name {
			for key, value := range ns.Labels {
				out.Labels[key] = value
			}
		}
	}
	return out
}

// fabricFor gives the fabric of an interface that Wukongs name: that of a HostUplink that is declared or suggested, or else the
// first there is.
func (v *View) fabricFor(s *Suggestion, nic string) (fabric, note string) {
	var all []string
	for _, u := range v.Catalog.Uplinks() {
		if u.Interface == nic {
			return string(u.Object.Spec.PhysicalNetwork), ""
		}
		all = append(all, string(u.Object.Spec.PhysicalNetwork))
	}
	for _, u := range s.HostUplinks {
		if string(u.Spec.Interface) == nic {
			return string(u.Spec.PhysicalNetwork), ""
		}
		all = append(all, string(u.Spec.PhysicalNetwork))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	switch {
	case len(all) == 0:
		return "", ""
	case len(all) > 1:
		return all[0], fmt.Sprintf("physicalNetwork: it cannot be seen which of %s is meant", strings.Join(all, ", "))
	case nic != "":
		return all[0], fmt.Sprintf("physicalNetwork: no HostUplink has %s, so this may be another one", nic)
	}
	return all[0], ""
}

func (a *asked) words() string {
	var parts []string
	if a.nic != "" {
		parts = append(parts, fmt.Sprintf("physicalInterface %q", a.nic))
	}
	if len(a.bridges) > 0 {
		var quoted []string
		for _, b := range slices.Sorted(maps.Keys(a.bridges)) {
			quoted = append(quoted, fmt.Sprintf("%q", b))
		}
		parts = append(parts, "bridgeName "+few(quoted))
	}
	if a.vlan != 0 {
		parts = append(parts, fmt.Sprintf("vlanId %d", a.vlan))
	}
	if len(parts) == 0 {
		return "a network without saying which"
	}
	return strings.Join(parts, ", ")
}

// maxNetwork is the length from which on a HostNetwork needs a name of its bridge beside its own.
const maxNetwork = 12

// maxNamed bounds lists of the suggested objects, as their schema does.
const maxNamed = 64

// network adds the HostNetwork of one segment.
func (v *View) network(s *Suggestion, a *asked, fabric, note string, taken map[string]bool) {
	for _, n := range v.Catalog.HostNetworks() {
		if string(n.Object.Spec.PhysicalNetwork) == fabric && n.VLAN == a.vlan && n.Problem == nil {
			s.Notes = append(s.Notes, SuggestionNote{"", fmt.Sprintf("Wukongs ask for %s (%s), and HostNetwork %q serves that segment: give it aliases", a.words(), few(slices.Sorted(maps.Keys(a.wukongs))), n.Object.Name)})
			return
		}
	}
	base := fabric
	if bridges := slices.Sorted(maps.Keys(a.bridges)); len(bridges) == 1 {
		base = strings.TrimPrefix(bridges[0], "br-")
	} else if a.vlan != 0 {
		base = fmt.Sprintf("%s-%d", fabric, a.vlan)
	}
	n := v.newNetwork(base, fabric, taken)
	if a.vlan != 0 {
		vlan := v1alpha1.VLANID(a.vlan)
		n.Spec.VLAN = &vlan
	}
	n.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: bounded(a.namespaces)}
	aliases := v1alpha1.Aliases{BridgeNames: bounded(a.bridges)}
	aliases.BridgeNames = slices.DeleteFunc(aliases.BridgeNames, func(b string) bool { return b == render.BridgeName(&n) })
	if a.nic != "" && !v.leads(s, a.nic, fabric) {
		aliases.Interfaces = []string{a.nic}
	}
	if len(aliases.BridgeNames)+len(aliases.Interfaces) > 0 {
		n.Spec.Aliases = &aliases
	}
	if a.nic == "" && len(a.bridges) == 0 && a.vlan == 0 {
		n.Spec.Default = true
	}
	s.HostNetworks = append(s.HostNetworks, n)
	object := "HostNetwork/" + n.Name
	s.Notes = append(s.Notes, SuggestionNote{object, fmt.Sprintf("%s for %s: %s", plural(len(a.wukongs), "Wukong asks", "Wukongs ask"), a.words(), few(slices.Sorted(maps.Keys(a.wukongs))))})
	if note != "" {
		s.Notes = append(s.Notes, SuggestionNote{object, note})
	}
}

// leads says whether a HostUplink of the fabric has the interface.
func (v *View) leads(s *Suggestion, nic, fabric string) bool {
	for _, u := range s.HostUplinks {
		if string(u.Spec.Interface) == nic && string(u.Spec.PhysicalNetwork) == fabric {
			return true
		}
	}
	return slices.ContainsFunc(v.Catalog.Uplinks(), func(u *render.Uplink) bool {
		return u.Interface == nic && string(u.Object.Spec.PhysicalNetwork) == fabric
	})
}

func bounded(set map[string]bool) []string {
	out := slices.Sorted(maps.Keys(set))
	return out[:min(len(out), maxNamed)]
}

// untagged adds a HostNetwork for the untagged frames of a fabric.
func (v *View) untagged(s *Suggestion, fabric string, taken map[string]bool) {
	n := v.newNetwork(fabric, fabric, taken)
	s.HostNetworks = append(s.HostNetworks, n)
	s.Notes = append(s.Notes, SuggestionNote{"HostNetwork/" + n.Name,
		"untagged frames; write vlan for a VLAN. Nobody may use it until allowedNamespaces says who"})
}

// newNetwork gives a HostNetwork whose bridge has a name that no node has yet.
func (v *View) newNetwork(base, fabric string, taken map[string]bool) v1alpha1.HostNetwork {
	n := v1alpha1.HostNetwork{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "HostNetwork"}}
	n.Spec.PhysicalNetwork = v1alpha1.PhysicalNetworkName(fabric)
	for name := plainName(base, maxNetwork-2); ; {
		n.Name = unused(name, taken)
		if !v.someNodeHas(render.BridgeName(&n)) {
			return n
		}
	}
}

func (v *View) someNodeHas(name string) bool {
	return slices.ContainsFunc(v.NodeStates, func(s nmstate.NodeNetworkState) bool {
		_, found := s.Node.Interface(name)
		return found
	})
}
