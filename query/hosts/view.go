package hosts

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// View is a world with what follows from it.
type View struct {
	World
	Catalog *render.Catalog
	// inUse are the HostNetworks that hosts have, or get.
	inUse      sets.Set[string]
	states     map[string]*nmstate.NodeNetworkState
	nodes      map[string]*corev1.Node
	policies   map[string]policy
	enactments map[enactmentKey]*nmstate.Enactment
	machines   []machine
	foreign    []nmstate.ForeignPolicy
}

type enactmentKey struct{ policy, node string }

// policy is a NodeNetworkConfigurationPolicy that was made for a HostUplink.
type policy struct {
	object *nmstate.Policy
	state  nmstate.State
	// intact: it says what its name promises, and still carries its labels.
	intact bool
}

// NewView looks at a world.
func NewView(w World) *View {
	v := &View{World: w, Catalog: render.NewCatalog(w.HostUplinks, w.HostNetworks),
		states: map[string]*nmstate.NodeNetworkState{}, nodes: map[string]*corev1.Node{}, policies: map[string]policy{},
		enactments: map[enactmentKey]*nmstate.Enactment{}}
	for i := range w.NodeStates {
		v.states[w.NodeStates[i].Name] = &w.NodeStates[i]
	}
	for i := range w.Nodes {
		v.nodes[w.Nodes[i].Name] = &w.Nodes[i]
	}
	for i := range w.Policies {
		v.policies[w.Policies[i].Name] = readPolicy(&w.Policies[i])
	}
	for i := range w.Enactments {
		e := &w.Enactments[i]
		v.enactments[enactmentKey{e.Policy(), e.NodeName()}] = e
	}
	v.inUse = v.networksInUse()
	v.machines, v.foreign = v.findMachines(), v.foreignPolicies()
	return v
}

// readPolicy holds a policy against its own name.
func readPolicy(p *nmstate.Policy) policy {
	out := policy{object: p}
	_, out.state, out.intact = render.ReadPolicy(p, p.Labels[v1alpha1.UplinkLabel])
	return out
}

// networksInUse are those that the controller keeps on hosts, and those that would be built at once: always, or because a Wukong
// uses them.
func (v *View) networksInUse() sets.Set[string] {
	out := sets.New[string]()
	for i := range v.HostNetworks {
		if n := &v.HostNetworks[i]; n.Status.ObservedGeneration > 0 && n.Status.Provisioned {
			out.Insert(n.Name)
		}
	}
	plan, _ := render.Plan(v.Input)
	return out.Insert(plan.HostNetworks...)
}

// nodeNames are all nodes that are known, sorted.
func (v *View) nodeNames() []string {
	out := sets.New[string]()
	for name := range v.nodes {
		out.Insert(name)
	}
	for name := range v.states {
		out.Insert(name)
	}
	return sets.List(out)
}

// report is what a node reports; the zero value where it reports nothing.
func (v *View) report(node string) nmstate.Node {
	if s := v.states[node]; s != nil {
		return s.Node
	}
	return nmstate.Node{}
}

// labelsOf are the labels of a node. One that is known by its report alone has that of its name.
func (v *View) labelsOf(node string) labels.Set {
	if n := v.nodes[node]; n != nil {
		return n.Labels
	}
	return labels.Set{corev1.LabelHostname: node}
}

func (v *View) annotationsOf(node string) map[string]string {
	if n := v.nodes[node]; n != nil {
		return n.Annotations
	}
	return nil
}

// olderOn gives the HostUplink that has a node rather than this one, or nil.
func (v *View) olderOn(node string, u *render.Uplink) *render.Rival {
	if rival := v.Catalog.RivalOn(u, v.labelsOf(node), v.annotationsOf(node)); rival != nil && rival.Claims {
		return rival
	}
	return nil
}

// revisionOf gives the content of a revision of an uplink by its hash, from its policy, or as it is rendered now.
func (v *View) revisionOf(uplink, hash string) (nmstate.State, bool) {
	if hash == "" {
		return nmstate.State{}, false
	}
	if p, ok := v.policies[render.PolicyName(uplink, hash)]; ok && p.intact {
		return p.state, true
	}
	if u, ok := v.Catalog.Uplink(uplink); ok {
		if r, err := v.Catalog.Revision(u.Object, v.inUse); err == nil && r != nil && r.Hash == hash {
			return r.State, true
		}
	}
	return nmstate.State{}, false
}

// networksIn gives the HostNetworks that a state of an uplink provides, sorted.
func (v *View) networksIn(u *render.Uplink, state nmstate.State) []string {
	var out []string
	for _, n := range v.Catalog.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork == u.Object.Spec.PhysicalNetwork && v.Catalog.Carries(u, n, state) {
			out = append(out, n.Object.Name)
		}
	}
	return out
}

// passage gives the revision that a node passes through on its way from what it has to a target, and whether it needs one.
func (v *View) passage(u *render.Uplink, node string, had nmstate.State, target *render.Revision, proof nmstate.Proof) (*render.Revision, bool) {
	p := nmstate.Passage{Current: had, Proof: proof, Node: v.report(node), Retained: v.Catalog.Retained(u, had)}
	return render.PassageRevision(u.Object.Name, target, p)
}

// uplinkNames are the HostUplinks of views, sorted.
func uplinkNames(views ...*View) []string {
	out := map[string]bool{}
	for _, v := range views {
		for _, u := range v.Catalog.Uplinks() {
			out[u.Object.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}
