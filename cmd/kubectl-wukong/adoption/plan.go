package adoption

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Facts are what a cluster has, and what files say. Objects are kept, not copied, and not changed.
type Facts struct {
	Catalog      *render.Catalog
	Pools        *render.Pools
	Reservations []*render.Reservation
	Leases       []v1alpha1.AddressLease
	Wukongs      []v1alpha1.Wukong
	Machines     []kubevirtv1.VirtualMachineInstance
	// Attachments has where NetworkAttachmentDefinitions lead, by NAMESPACE/NAME.
	Attachments map[string]Attachment
	// Namespaces has the labels of namespaces, by name.
	Namespaces map[string]map[string]string
	Files      []File
}

// As says what becomes of machines that no Wukong serves.
type As string

// Ways to adopt a machine.
const (
	// AsAuto: a Wukong where one can be made, else AddressReservations.
	AsAuto As = "auto"
	// AsWukongs: a Wukong, or nothing.
	AsWukongs As = "wukongs"
	// AsReservations: AddressReservations that keep its addresses out of use.
	AsReservations As = "reservations"
)

// Rules are what whoever runs the import decided.
type Rules struct {
	As As
	// TrustGuests takes what guests report for true.
	TrustGuests bool
	Mappings    []Mapping
	// Namespace selects owners of one namespace; empty means all. Selector selects Wukongs and machines by their labels; nil
	// means all, also owners that have none. What is not selected still counts for what collides.
	Namespace string
	Selector  labels.Selector
}

func (r Rules) selects(o metav1.Object) bool {
	return (r.Namespace == "" || o.GetNamespace() == r.Namespace) && (r.Selector == nil || r.Selector.Matches(labels.Set(o.GetLabels())))
}

// selectsOwner is selects for whom a file names.
func (r Rules) selectsOwner(d directory, o owner) bool {
	switch o.kind {
	case existing:
		return r.selects(d.wukongs[o.namespace+"/"+o.wukong])
	case machine, instance:
		return r.selects(d.machines[o.namespace+"/"+o.machine])
	}
	return r.Selector == nil && (r.Namespace == "" || o.namespace == r.Namespace)
}

// Action is what becomes of one address.
type Action string

// Actions.
const (
	// ActionReserve: an AddressReservation is to be made.
	ActionReserve Action = "reserve"
	// ActionServe: a Wukong is to be made, by which the controller takes the lease, and an AddressReservation for it until then.
	ActionServe Action = "create Wukong"
	// ActionNone: everything is done already.
	ActionNone Action = "none"
	// ActionConflict: sources contradict each other. Nothing is written.
	ActionConflict Action = "conflict"
	// ActionUndecided: something is not known. Nothing is written.
	ActionUndecided Action = "undecided"
)

// Entry is what becomes of one address of one owner.
type Entry struct {
	Address, Segment, Owner string
	Sources                 []Source
	Action                  Action
	Note                    string
}

// Plan is what an import does. Entries are sorted by segment and address; what has none comes last.
type Plan struct {
	Entries      []Entry
	Reservations []*v1alpha1.AddressReservation
	Wukongs      []*v1alpha1.Wukong
}

// Count is the number of entries with an action.
func (p *Plan) Count(a Action) int {
	n := 0
	for _, e := range p.Entries {
		if e.Action == a {
			n++
		}
	}
	return n
}

// Findings says whether a person has to decide something.
func (p *Plan) Findings() bool { return p.Count(ActionConflict)+p.Count(ActionUndecided) > 0 }

// Due says whether something is to be made.
func (p *Plan) Due() bool { return len(p.Reservations)+len(p.Wukongs) > 0 }

// Table gives one row per entry.
func (p *Plan) Table() answer.Table {
	t := answer.Table{Header: []string{"ADDRESS", "SEGMENT", "OWNER", "SOURCE", "ACTION", "NOTE"}}
	for _, e := range p.Entries {
		var from []string
		for _, s := range e.Sources {
			from = append(from, string(s))
		}
		t.Rows = append(t.Rows, []string{e.Address, e.Segment, e.Owner, strings.Join(from, ","), string(e.Action), e.Note})
	}
	return t
}

// planner gathers a plan.
type planner struct {
	facts     Facts
	rules     Rules
	directory directory
	// bridges has the bridges of attachments, by namespace and name.
	bridges map[string]map[string]string
	leases  map[string]*v1alpha1.AddressLease
	// declared are what pools and reservations say of addresses.
	declared conflicts.Index
	broken   []broken
}

// broken is what a source says and nobody can read.
type broken struct {
	address  string
	owner    owner
	source   Source
	selected bool
	problem  string
}

// NewPlan decides about every address.
func NewPlan(f Facts, r Rules) *Plan {
	p := &planner{facts: f, rules: r, directory: newDirectory(f), bridges: map[string]map[string]string{},
		leases: map[string]*v1alpha1.AddressLease{}}
	for key, a := range f.Attachments {
		namespace, name, _ := strings.Cut(key, "/")
		if p.bridges[namespace] == nil {
			p.bridges[namespace] = map[string]string{}
		}
		p.bridges[namespace][name] = a.Bridge
	}
	for i := range f.Leases {
		p.leases[f.Leases[i].Name] = &f.Leases[i]
	}
	for _, pool := range f.Pools.All() {
		p.declared.Replace("AddressPool/"+pool.Object.Name, render.PoolClaims(pool))
	}
	for _, reservation := range f.Reservations {
		p.declared.Replace("AddressReservation/"+reservation.Object.Name, reservation.Claims())
	}
	groups := p.group(p.claims())
	for _, g := range groups {
		p.decide(g)
	}
	wukongs := p.serve(groups)
	return p.plan(groups, wukongs)
}

// claims gathers what all sources say, sorted.
func (p *planner) claims() []*claim {
	var out []*claim
	for i := range p.facts.Wukongs {
		if w := &p.facts.Wukongs[i]; w.DeletionTimestamp.IsZero() {
			out = append(out, p.wukongClaims(w)...)
		}
	}
	for i := range p.facts.Machines {
		out = append(out, p.machineClaims(&p.facts.Machines[i])...)
	}
	for i := range p.facts.Files {
		f := &p.facts.Files[i]
		for _, row := range f.Rows {
			if c := p.rowClaim(f, row); c != nil {
				out = append(out, c)
			}
		}
		for _, bad := range f.Bad {
			p.broken = append(p.broken, broken{address: bad.Text, owner: owner{kind: label}, source: SourceFile,
				selected: p.rules.Namespace == "" && p.rules.Selector == nil, problem: fmt.Sprintf("%s line %d: %s", f.Name, bad.Line, bad.Problem)})
		}
	}
	p.settle(out)
	slices.SortStableFunc(out, byPlace)
	return out
}

// group is all that is claimed of one address on one segment; where the segment is not known, by one owner.
type group struct {
	addr    netip.Addr
	segment ipam.Segment
	claims  []*claim
	// owner is all that is known of the owner, if there is one.
	owner  owner
	action Action
	note   string
	// contested: there is more than one owner.
	contested bool
	// contradiction says how sources that agree on the owner contradict each other.
	contradiction string
	// kept: a reservation keeps it for the owner already.
	kept bool
	// reservation is set with ActionReserve, and with ActionServe unless the address is kept already.
	reservation *v1alpha1.AddressReservation
}

// group puts claims together that are on the same thing. They are sorted already.
func (p *planner) group(claims []*claim) []*group {
	var out []*group
	for _, c := range claims {
		last := len(out) - 1
		if last >= 0 && out[last].addr == c.addr && out[last].segment == c.segment && (c.told() || out[last].owner.same(c.owner)) {
			out[last].add(c)
			continue
		}
		g := &group{addr: c.addr, segment: c.segment}
		g.add(c)
		out = append(out, g)
	}
	contradictions(out)
	return out
}

func (g *group) add(c *claim) {
	g.contested = g.contested || slices.ContainsFunc(g.claims, func(o *claim) bool { return !o.owner.same(c.owner) })
	if len(g.claims) == 0 {
		g.owner = c.owner
	}
	if g.owner.network == "" && !g.contested {
		g.owner.network = c.owner.network
	}
	g.claims = append(g.claims, c)
}

func (g *group) selected() bool {
	return slices.ContainsFunc(g.claims, func(c *claim) bool { return c.selected })
}

// sourcesOf gives the sources of claims, the most trustworthy first.
func sourcesOf(claims []*claim) []Source {
	var out []Source
	for _, s := range sources {
		if slices.ContainsFunc(claims, func(c *claim) bool { return c.source == s }) {
			out = append(out, s)
		}
	}
	return out
}

// from says where a group was found.
func from(claims []*claim) string {
	var out []string
	for _, s := range sourcesOf(claims) {
		if s != SourceFile {
			out = append(out, string(s))
		}
	}
	for _, c := range claims {
		if c.line != "" && !slices.Contains(out, c.line) {
			out = append(out, c.line)
		}
	}
	return strings.Join(out, ", ")
}

// plan writes down what was decided about what was selected.
func (p *planner) plan(groups []*group, wukongs []*v1alpha1.Wukong) *Plan {
	out := &Plan{Wukongs: wukongs}
	for _, g := range groups {
		if !g.selected() {
			continue
		}
		out.Entries = append(out.Entries, g.entries()...)
		if g.reservation != nil {
			out.Reservations = append(out.Reservations, g.reservation)
		}
	}
	slices.SortStableFunc(p.broken, func(a, b broken) int {
		return cmp.Or(strings.Compare(a.owner.String(), b.owner.String()), strings.Compare(a.address, b.address))
	})
	for _, b := range p.broken {
		if b.selected {
			out.Entries = append(out.Entries, Entry{Address: b.address, Owner: b.owner.String(), Sources: []Source{b.source},
				Action: ActionUndecided, Note: b.problem})
		}
	}
	return out
}

// entries gives one entry, or, where several say that they have the address, one for each.
func (g *group) entries() []Entry {
	segment := ""
	if g.segment != (ipam.Segment{}) {
		segment = g.segment.String()
	}
	if !g.contested {
		return []Entry{{Address: g.addr.String(), Segment: segment, Owner: g.owner.String(), Sources: sourcesOf(g.claims),
			Action: g.action, Note: g.note}}
	}
	var out []Entry
	sides := g.sides()
	for i, side := range sides {
		var others []string
		for k, other := range sides {
			if k != i {
				others = append(others, fmt.Sprintf("%s (%s)", other[0].owner, from(other)))
			}
		}
		note := "also claimed by " + strings.Join(others, ", ")
		if line := from(side); slices.ContainsFunc(side, func(c *claim) bool { return c.line != "" }) {
			note = line + ": " + note
		}
		out = append(out, Entry{Address: g.addr.String(), Segment: segment, Owner: side[0].owner.String(), Sources: sourcesOf(side),
			Action: g.action, Note: note})
	}
	return out
}

// sides gives the claims of a contested address by owner.
func (g *group) sides() [][]*claim {
	var out [][]*claim
	for _, c := range g.claims {
		i := slices.IndexFunc(out, func(side []*claim) bool { return side[0].owner.same(c.owner) })
		if i < 0 {
			out = append(out, []*claim{c})
			continue
		}
		out[i] = append(out[i], c)
	}
	return out
}

// String gives the entry as one line.
func (e Entry) String() string {
	out := e.Address
	if e.Segment != "" {
		out += " on " + e.Segment
	}
	if e.Owner != "" {
		out += " of " + e.Owner
	}
	return answer.Printable(out + ": " + string(e.Action) + ": " + e.Note)
}
