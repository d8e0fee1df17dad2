package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// Input is a set of manifests, such as a folder in Git, as if a cluster had them and nothing else. Of the status of a Wukong that is
// from a cluster two things count: the HostNetworks that were chosen before, and the MAC addresses of somebody else's machine.
type Input struct {
	Wukongs             []v1alpha1.Wukong
	HostUplinks         []v1alpha1.HostUplink
	HostNetworks        []v1alpha1.HostNetwork
	AddressPools        []v1alpha1.AddressPool
	AddressReservations []v1alpha1.AddressReservation
	// Namespaces give labels to namespaces. One that is not given has the label that every namespace has, its name.
	Namespaces []corev1.Namespace
	// NADBridges has, by namespace and name, the bridges of attachments that exist.
	NADBridges map[string]map[string]string
	// Services, where given, are in the way of addresses that they have.
	Services []corev1.Service
	// NodeStates and Nodes, where given, show which nodes would be left out, and which addresses nodes use.
	NodeStates []nmstate.NodeNetworkState
	Nodes      []corev1.Node
	// Held, where given, are the leases of a cluster: who holds an address keeps it, and nobody gets one that is not free yet.
	Held []v1alpha1.AddressLease
	// ClusterName is that of Options.
	ClusterName string
	// Sources says where an object was read, for findings.
	Sources map[Object]string
}

// Output is what would be written, sorted by namespace and name.
type Output struct {
	Policies []nmstate.Policy
	// HostNetworks are the names of those that hosts get, by these policies or by that of a pipeline.
	HostNetworks    []string
	NADs            []nadv1.NetworkAttachmentDefinition
	Secrets         []corev1.Secret
	VirtualMachines []kubevirtv1.VirtualMachine
	// Netplans are the guests' networks as complete netplan files, also where nothing is delivered.
	Netplans []GuestNetplan
	Leases   []PlannedLease
}

// GuestNetplan is the netplan file of one guest.
type GuestNetplan struct {
	Namespace, Wukong, VirtualMachine string
	Text                              string
	// Interfaces are those that Text configures.
	Interfaces []NIC
}

// PlannedLease is an address that would be leased.
type PlannedLease struct {
	// Name is that of the AddressLease.
	Name    string
	Address netip.Prefix
	Segment string
	// Pool is the AddressPool that the address is of; empty for one that the Wukong names without ipPool.
	Pool string
	// Namespace, Wukong and Network are the holder.
	Namespace, Wukong, Network string
}

// planned is one Wukong on its way through a plan.
type planned struct {
	object Object
	// request has all prefixes once the addresses are settled.
	request *Request
	// since is when the Wukong was created; the zero time where it is not from a cluster.
	since time.Time
	// known is what the status says of each network, by its name.
	known map[string]v1alpha1.WukongNetworkStatus
	// choices has one entry per network; the zero Choice where none was found.
	choices []Choice
	// held: the Wukong gets no address and nothing is rendered, for a reason that a finding gives.
	held bool
}

type planner struct {
	in      Input
	catalog *Catalog
	pools   *Pools
	// reservations are those that are given, checked.
	reservations []*Reservation
	wukongs      []*planned
	out          Output
	findings     []Finding
}

// Plan renders everything at once, without a cluster: what the controllers would write if the input were all there is, and
// what they would say. What a finding does not affect is rendered all the same. Of Wukongs that ask for one address on one
// segment the oldest gets it, and among those that no cluster has seen the first by namespace and name; the others get
// nothing. Pools give out the lowest free address in that order, once everybody has those that they name. The result does
// not depend on the order of the input.
func Plan(in Input) (Output, []Finding) {
	p := &planner{in: in}
	p.once()
	p.catalog = NewCatalog(p.in.HostUplinks, p.in.HostNetworks)
	p.reportCatalog()
	p.pools = NewPools(p.catalog, p.in.AddressPools)
	p.reportPools()
	p.parse()
	p.volumes()
	p.resolve()
	p.settle()
	for _, w := range p.wukongs {
		p.render(w)
	}
	p.policies()
	p.sort()
	return p.out, p.findings
}

// once drops objects that are given twice, since a cluster has one of each name.
func (p *planner) once() {
	seen := sets.Set[Object]{}
	fresh := func(o Object) bool {
		if seen.Has(o) {
			p.find(o, SeverityError, Problem{Reason: v1alpha1.ReasonNameTaken, Path: "metadata.name", Message: "is given twice: remove or rename one; the first is used"})
			return false
		}
		seen.Insert(o)
		return true
	}
	wukongs := slices.Clone(p.in.Wukongs)
	for i := range wukongs {
		wukongs[i].Namespace = cmp.Or(wukongs[i].Namespace, corev1.NamespaceDefault)
	}
	p.in.Wukongs = slices.DeleteFunc(wukongs, func(w v1alpha1.Wukong) bool { return !fresh(objectOf("Wukong", &w)) })
	p.in.HostUplinks = slices.DeleteFunc(slices.Clone(p.in.HostUplinks), func(u v1alpha1.HostUplink) bool { return !fresh(objectOf("HostUplink", &u)) })
	p.in.HostNetworks = slices.DeleteFunc(slices.Clone(p.in.HostNetworks), func(n v1alpha1.HostNetwork) bool { return !fresh(objectOf("HostNetwork", &n)) })
	p.in.AddressPools = slices.DeleteFunc(slices.Clone(p.in.AddressPools), func(a v1alpha1.AddressPool) bool { return !fresh(objectOf("AddressPool", &a)) })
	p.in.AddressReservations = slices.DeleteFunc(slices.Clone(p.in.AddressReservations), func(r v1alpha1.AddressReservation) bool { return !fresh(objectOf("AddressReservation", &r)) })
	p.in.Services = slices.DeleteFunc(slices.Clone(p.in.Services), func(s corev1.Service) bool { return !fresh(objectOf("Service", &s)) })
}

func (p *planner) reportCatalog() {
	for _, u := range p.catalog.Uplinks() {
		o := objectOf("HostUplink", u.Object)
		p.findIf(o, u.Problem)
		p.notices(o, u.Notices)
		for _, n := range p.catalog.HostNetworks() {
			if unserved := p.catalog.Unserved(u.Object.Name, n.Object.Name); unserved != nil {
				p.find(objectOf("HostNetwork", n.Object), SeverityWarning, *unserved)
			}
		}
	}
	for _, n := range p.catalog.HostNetworks() {
		o := objectOf("HostNetwork", n.Object)
		p.findIf(o, n.Problem)
		for _, w := range n.Warnings {
			p.find(o, SeverityWarning, w)
		}
		p.notices(o, n.Notices)
	}
}

// reportPools tells what is wrong with pools and reservations.
func (p *planner) reportPools() {
	for _, pool := range p.pools.All() {
		o := objectOf("AddressPool", pool.Object)
		p.findIf(o, pool.Problem)
		for _, w := range pool.Warnings {
			p.find(o, SeverityWarning, w)
		}
	}
	for i := range p.in.AddressReservations {
		r := NewReservation(p.catalog, &p.in.AddressReservations[i])
		p.findIf(objectOf("AddressReservation", r.Object), r.Problem)
		p.reservations = append(p.reservations, r)
	}
}

// parse reads every Wukong, by namespace and name.
func (p *planner) parse() {
	slices.SortFunc(p.in.Wukongs, func(a, b v1alpha1.Wukong) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	for i := range p.in.Wukongs {
		w := &p.in.Wukongs[i]
		o := objectOf("Wukong", w)
		request, errs := ParseWukong(w)
		for _, e := range errs {
			p.find(o, SeverityError, Problem{Reason: v1alpha1.ReasonInvalidSpec, Path: e.Field, Message: e.ErrorBody()})
		}
		if request == nil {
			continue
		}
		p.notices(o, request.Notices)
		p.wukongs = append(p.wukongs, &planned{object: o, request: request, since: w.CreationTimestamp.Time,
			known: networksOf(w), choices: make([]Choice, len(request.Networks))})
	}
}

// networksOf gives what the status of a Wukong says of its networks.
func networksOf(w *v1alpha1.Wukong) map[string]v1alpha1.WukongNetworkStatus {
	out := map[string]v1alpha1.WukongNetworkStatus{}
	for _, n := range w.Status.Networks {
		out[n.Name] = n
	}
	return out
}

// resolve finds the HostNetwork of every network.
func (p *planner) resolve() {
	for _, w := range p.wukongs {
		for i, n := range w.request.Networks {
			if !n.Served() {
				continue
			}
			selection := Selection{Namespace: p.namespace(w.object.Namespace), Wukong: w.object.Name, Network: n,
				Bound: w.known[n.Name].HostNetwork, NADBridges: p.in.NADBridges[w.object.Namespace]}
			choice, refusal := p.catalog.Resolve(selection)
			if refusal != nil {
				p.refused(w, refusal)
				continue
			}
			w.choices[i] = choice
			for _, a := range n.Addresses {
				if refusal := p.pools.Admit(selection, choice, a); refusal != nil {
					p.refused(w, refusal)
				}
			}
		}
	}
}

func (p *planner) refused(w *planned, refusal *Refusal) {
	w.held = true
	p.find(w.object, SeverityError, Problem{Reason: refusal.Reason, Path: refusal.Path, Message: refusal.Message})
}

func (p *planner) namespace(name string) NamespaceInfo {
	out := NamespaceInfo{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}
	for _, ns := range p.in.Namespaces {
		if ns.Name != name {
			continue
		}
		for key, value := range ns.Labels {
			out.Labels[key] = value
		}
	}
	return out
}

// render gives what is written for one Wukong, unless something holds it.
func (p *planner) render(w *planned) {
	if w.held {
		return
	}
	macs := map[string]string{}
	for name, n := range w.known {
		macs[name] = n.MACAddress
	}
	objects, err := Wukong(w.request, w.choices, Options{ClusterName: p.in.ClusterName, MACs: macs})
	if err != nil {
		p.find(w.object, SeverityError, Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: err.Error()})
		return
	}
	for _, nad := range objects.NADs {
		if !slices.ContainsFunc(p.out.NADs, func(d nadv1.NetworkAttachmentDefinition) bool {
			return d.Namespace == nad.Namespace && d.Name == nad.Name
		}) {
			p.out.NADs = append(p.out.NADs, nad)
		}
	}
	if objects.Secret != nil {
		p.out.Secrets = append(p.out.Secrets, *objects.Secret)
	}
	if objects.VirtualMachine != nil {
		p.out.VirtualMachines = append(p.out.VirtualMachines, *objects.VirtualMachine)
	}
	if w.request.Guest != v1alpha1.GuestConfigManual {
		for _, n := range GuestDependent(objects.Delivered) {
			p.find(w.object, SeverityNote, Problem{Reason: v1alpha1.ReasonGuestDependent, Path: n.Field, Message: n.Message})
		}
	}
	p.guest(w, objects)
}

// guest gives the netplan file and the leases of one Wukong.
func (p *planner) guest(w *planned, objects Objects) {
	nics := objects.Delivered
	text, err := objects.netplan()
	if err != nil {
		p.find(w.object, SeverityError, Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: err.Error()})
		return
	}
	if text != "" {
		p.out.Netplans = append(p.out.Netplans, GuestNetplan{Namespace: w.object.Namespace, Wukong: w.object.Name,
			VirtualMachine: w.request.VirtualMachine, Text: text, Interfaces: nics})
	}
	for _, n := range nics {
		for _, a := range n.Addresses {
			name, err := ipam.LeaseName(a.Prefix.Addr(), n.Choice.Segment.String())
			if err != nil {
				p.find(w.object, SeverityError, Problem{Reason: v1alpha1.ReasonInvalidSpec, Path: a.Path, Message: err.Error()})
				continue
			}
			p.out.Leases = append(p.out.Leases, PlannedLease{Name: name, Address: a.Prefix, Segment: n.Choice.Segment.String(), Pool: a.Pool,
				Namespace: w.object.Namespace, Wukong: w.object.Name, Network: n.Name})
		}
	}
}

// policies gives the revision of every uplink whose networks are in use.
func (p *planner) policies() {
	inUse := p.inUse()
	for _, n := range p.catalog.HostNetworks() {
		if n.Problem == nil && inUse.Has(n.Object.Name) && len(p.catalog.UplinksOf(n.Object)) == 0 {
			p.find(objectOf("HostNetwork", n.Object), SeverityError, Problem{Reason: v1alpha1.ReasonNoUplink, Path: "spec.physicalNetwork",
				Message: fmt.Sprintf("no HostUplink of physical network %q can build it, so no host gets the network: declare or correct one", n.Object.Spec.PhysicalNetwork)})
		}
	}
	for _, u := range p.catalog.Uplinks() {
		if u.Problem != nil {
			continue
		}
		revision, err := p.catalog.Revision(u.Object, inUse)
		if err != nil {
			p.find(objectOf("HostUplink", u.Object), SeverityError, Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: err.Error()})
			continue
		}
		if revision == nil {
			continue
		}
		p.out.HostNetworks = append(p.out.HostNetworks, revision.Networks...)
		p.checkNodes(u.Object, revision)
		p.policy(u, revision)
	}
}

// inUse are the HostNetworks of the Wukongs that have all that they need, and those that are always built.
func (p *planner) inUse() sets.Set[string] {
	out := sets.Set[string]{}
	for _, w := range p.wukongs {
		for _, c := range w.choices {
			if c.Chosen() && !w.held {
				out.Insert(c.HostNetwork)
			}
		}
	}
	for _, n := range p.catalog.HostNetworks() {
		if n.Object.Spec.Provision == v1alpha1.ProvisionAlways {
			out.Insert(n.Object.Name)
		}
	}
	return out
}

func (p *planner) sort() {
	slices.Sort(p.out.HostNetworks)
	p.out.HostNetworks = slices.Compact(p.out.HostNetworks)
	slices.SortFunc(p.out.Policies, func(a, b nmstate.Policy) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.out.NADs, func(a, b nadv1.NetworkAttachmentDefinition) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(p.out.Leases, func(a, b PlannedLease) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(p.findings, func(a, b Finding) int { return a.Object.compare(b.Object) })
}
