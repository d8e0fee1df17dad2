package hosts

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Desired is what a policy asks of a node.
type Desired struct {
	// State is the desired state, in JSON or YAML; with captures it may refer to them.
	State   []byte
	Capture map[string]string
}

// Judge knows what a node would do. The real one is nmstatectl.
type Judge interface {
	// Name says who judges, with a version.
	Name() string
	// Compare gives what would change on a node that reports this, or why the node would refuse. An error means that there is
	// no answer.
	Compare(want Desired, report []byte) (changes []Change, refusal string, err error)
}

// Plan is what would change on nodes.
type Plan struct {
	metav1.TypeMeta `json:",inline"`
	// ComparedBy says what compared desired states with nodes.
	ComparedBy string `json:"comparedBy"`
	// HostUplinks are those that nodes are on, or would be on, by name.
	HostUplinks []UplinkPlan `json:"hostUplinks"`
	// Removed are HostNetworks that would be deleted, by name.
	Removed []RemovedNetwork `json:"removed,omitempty"`
}

// RemovedNetwork is a HostNetwork that would be deleted.
type RemovedNetwork struct {
	Name string `json:"name"`
	// Users are the Wukongs that use it. The deletion waits for them.
	Users []string `json:"users,omitempty"`
}

// UplinkPlan is what would change on the nodes of one HostUplink.
type UplinkPlan struct {
	Name      string `json:"name"`
	Interface string `json:"interface"`
	// From and To are revisions; empty for none. From is what the controller rolls out today.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Networks are those of To.
	Networks []string `json:"networks,omitempty"`
	// Adds and Drops are the networks that To has beyond From, and lacks of it.
	Adds  []string `json:"adds,omitempty"`
	Drops []string `json:"drops,omitempty"`
	// Problem says why nothing can be rolled out, so that nodes stay as they are.
	Problem string `json:"problem,omitempty"`
	Paused  bool   `json:"paused,omitempty"`
	// External is the policy that a pipeline applies, so that nothing is rolled out here.
	External string `json:"external,omitempty"`
	// Removed says that the HostUplink would be deleted. The deletion waits while HostNetworks keep networks on its nodes.
	Removed bool       `json:"removed,omitempty"`
	Nodes   []NodePlan `json:"nodes"`
}

// NodePlan is what would change on one node.
type NodePlan struct {
	Node    string  `json:"node"`
	Verdict Verdict `json:"verdict"`
	// Reason and Message say why the node is left out, or would refuse.
	Reason  string   `json:"reason,omitempty"`
	Message string   `json:"message,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	// Drops are the networks that the node has now and would lose.
	Drops []string `json:"drops,omitempty"`
	// Machines are the running machines of the node that would feel it: what they are attached to changes or goes.
	Machines []Machine `json:"machines,omitempty"`

	// on is the revision that the node is on; empty for none.
	on string
}

// Verdict is what would become of a node.
type Verdict string

// Verdicts.
const (
	// VerdictChanges: something changes on the node.
	VerdictChanges Verdict = "Changes"
	// VerdictUnchanged: the node has all of it.
	VerdictUnchanged Verdict = "Unchanged"
	// VerdictLeftOut: the checks keep the node from it, so that it stays as it is.
	VerdictLeftOut Verdict = "LeftOut"
	// VerdictRefused: the node would be asked and would refuse.
	VerdictRefused Verdict = "Refused"
	// VerdictUnaffected: the HostUplink cannot be carried out, so that the node stays as it is.
	VerdictUnaffected Verdict = "Unaffected"
)

// Change is one interface that changes.
type Change struct {
	Interface string `json:"interface"`
	Action    Action `json:"action"`
	// Message says what it becomes, was, or how it changes.
	Message string `json:"message,omitempty"`
}

// Action is what happens to an interface.
type Action string

// Actions.
const (
	ActionCreate Action = "Create"
	ActionChange Action = "Change"
	ActionRemove Action = "Remove"
)

// comparedHere is what ComparedBy says without a judge.
const comparedHere = "kubectl wukong"

// PlanChange says what would change on nodes if the world were the other one. judge may be nil: then what nodes report is
// compared here, which knows fewer properties.
func (v *View) PlanChange(after *View, judge Judge) (*Plan, error) {
	p := &Plan{TypeMeta: metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "HostPlan"}, ComparedBy: comparedHere, HostUplinks: []UplinkPlan{}}
	if judge != nil {
		p.ComparedBy = judge.Name()
	}
	after = after.knowing(v)
	for _, name := range uplinkNames(v, after) {
		c := change{before: v, after: after, judge: judge, name: name}
		planned, err := c.uplinkPlan()
		if err != nil {
			return nil, err
		}
		if planned.From != "" || planned.To != "" || planned.Problem != "" || len(planned.Nodes) > 0 {
			p.HostUplinks = append(p.HostUplinks, planned)
		}
	}
	for _, n := range v.Catalog.HostNetworks() {
		if _, stays := after.Catalog.HostNetwork(n.Object.Name); !stays {
			p.Removed = append(p.Removed, RemovedNetwork{n.Object.Name, v.usersOf(n.Object.Name)})
		}
	}
	return p, nil
}

// change is the change of one HostUplink.
type change struct {
	before, after *View
	judge         Judge
	name          string
	// known is the uplink as it would be, or as it is where it would go; catalog is that which has it.
	known   *render.Uplink
	catalog *render.Catalog
	// stays says that the uplink would still be there.
	stays bool
	// target is nil for none.
	target *render.Revision
}

func (c *change) uplinkPlan() (UplinkPlan, error) {
	was, had := c.before.Catalog.Uplink(c.name)
	c.known, c.stays = c.after.Catalog.Uplink(c.name)
	c.catalog = c.after.Catalog
	if !c.stays {
		c.known, c.catalog = was, c.before.Catalog
	}
	out := UplinkPlan{Name: c.name, Interface: c.known.Interface, Paused: c.known.Object.Spec.Paused, Removed: !c.stays, External: c.known.Object.Spec.ExternalPolicy, Nodes: []NodePlan{}}
	var from []string
	if had && was.Object.Status.Revision != "" {
		state := c.before.wanted(was)
		if from = c.before.networksIn(was, state); len(state.Interfaces) > 0 {
			out.From = render.PolicyName(c.name, state.Hash())
		}
	}
	if err := c.aim(&out); err != nil {
		return out, err
	}
	if out.Problem == "" {
		out.Adds, out.Drops = lacking(out.Networks, from), lacking(from, out.Networks)
		out.Problem = c.dropped(out.Drops)
	}
	nodes := sets.New(append(c.before.nodeNames(), c.after.nodeNames()...)...)
	for _, node := range sets.List(nodes) {
		planned, involved, err := c.nodePlan(node, out.Problem)
		if err != nil {
			return out, err
		}
		if involved {
			out.Nodes = append(out.Nodes, planned)
		}
	}
	return out, nil
}

// aim sets the target, or says why there is none.
func (c *change) aim(out *UplinkPlan) error {
	if !c.stays {
		return nil
	}
	target, err := c.after.Catalog.Revision(c.known.Object, c.after.inUse)
	var problem *render.UplinkError
	switch {
	case errors.As(err, &problem):
		out.Problem = problem.Problem.Reason + ": " + problem.Problem.String()
	case err != nil:
		return err
	case target != nil:
		c.target, out.To, out.Networks = target, target.Name, target.Networks
	}
	return nil
}

// dropped says which network nodes have, that is in use and cannot be built as it would be declared. The controller leaves
// nodes as they are then, since to go on would take it away under its users.
func (c *change) dropped(drops []string) string {
	for _, name := range drops {
		n, exists := c.after.Catalog.HostNetwork(name)
		if !exists || !c.stays || !c.after.inUse.Has(name) {
			continue
		}
		problem := c.after.Catalog.Unserved(c.name, name)
		if n.Problem != nil {
			problem = n.Problem
		}
		if problem == nil {
			problem = &render.Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: "cannot be built here any more"}
		}
		return fmt.Sprintf("%s: HostNetwork %s is in use and cannot be built as it would be declared, so nodes stay as they are: %s", problem.Reason, name, problem)
	}
	return ""
}

// lacking gives what a has and b lacks.
func lacking(a, b []string) []string {
	return sets.List(sets.New(a...).Difference(sets.New(b...)))
}

// nodePlan is false for a node that the uplink has nothing to do with.
func (c *change) nodePlan(node, problem string) (NodePlan, bool, error) {
	out := NodePlan{Node: node, Verdict: VerdictUnchanged}
	held := c.before.marksOf(node, c.name).Held()
	if held != "" {
		out.on = render.PolicyName(c.name, held)
	}
	had, _ := c.before.revisionOf(c.name, held)
	matches := c.stays && render.Selects(c.known.Object, c.after.labelsOf(node))
	older := c.after.olderOn(node, c.known)
	if c.known.Object.Spec.Management == v1alpha1.ManagementExternal {
		return out, false, nil
	}
	if held == "" && (!matches || c.target == nil) {
		return out, matches && problem != "", nil
	}
	if problem != "" {
		out.Verdict, out.Message = VerdictUnaffected, "stays as it is"
		return out, true, nil
	}
	target, next := c.destination(node, held, had, matches, older != nil)
	if next == nil {
		return out, false, nil
	}
	c.drops(&out, had, target)
	own := had
	if held == "" {
		// What has the name of something that the revision builds is taken for built by it, where nothing says who built it.
		own = c.unclaimed(next.State)
	}
	refusal := c.after.check(c.known, node, next.State, own)
	if older != nil && target != nil {
		refusal = older.Refusal()
	}
	if refusal != nil {
		out.Verdict, out.Reason, out.Message, out.Drops = VerdictLeftOut, refusal.Reason, refusal.Message, nil
		return out, true, nil
	}
	if err := c.compare(&out, next); err != nil {
		return out, true, err
	}
	if out.Verdict == VerdictChanges {
		c.feel(&out, had)
	}
	return out, true, nil
}

// destination gives the revision that a node shall end on, and the one that it passes through first, or the same; nil is none.
func (c *change) destination(node, held string, had nmstate.State, matches, blocked bool) (target, next *render.Revision) {
	if matches && (!blocked || held == "") {
		target = c.target
	}
	if target == nil && held == "" {
		return nil, nil
	}
	if via, needed := c.after.passage(c.known, node, had, target, nmstate.Proven); needed {
		return target, via
	}
	return target, target
}

// unclaimed is the state itself where no node says what it carries, as in manifests without a cluster, and else nothing.
func (c *change) unclaimed(state nmstate.State) nmstate.State {
	if len(c.before.Policies) > 0 || slices.ContainsFunc(c.before.HostUplinks, func(u v1alpha1.HostUplink) bool { return u.UID != "" }) {
		return nmstate.State{}
	}
	return state
}

func (c *change) drops(out *NodePlan, had nmstate.State, target *render.Revision) {
	var stay []string
	if target != nil {
		stay = target.Networks
	}
	was, known := c.before.Catalog.Uplink(c.name)
	if known {
		out.Drops = lacking(c.before.networksIn(was, had), stay)
	}
}

// compare asks the judge, or compares here where there is none.
func (c *change) compare(out *NodePlan, next *render.Revision) error {
	policy := next.Policy(c.known.Object)
	report := c.after.Reports[out.Node]
	if c.judge == nil || report == nil {
		out.Changes = compareHere(next.State, c.after.report(out.Node))
	} else {
		changes, refusal, err := c.judge.Compare(Desired{policy.Spec.DesiredState.Raw, policy.Spec.Capture}, report)
		if err != nil {
			return err
		}
		if refusal != "" {
			out.Verdict, out.Message, out.Drops = VerdictRefused, refusal, nil
			return nil
		}
		out.Changes = changes
	}
	if len(out.Changes) > 0 {
		out.Verdict = VerdictChanges
	}
	return nil
}

// feel names the machines that are attached to what changes, or to what stands on it, or goes.
func (c *change) feel(out *NodePlan, had nmstate.State) {
	changed := sets.New[string]()
	for _, ch := range out.Changes {
		changed.Insert(ch.Interface)
	}
	uplink, known := c.before.Catalog.Uplink(c.name)
	if !known {
		uplink = c.known
	}
	var touched []string
	for _, n := range c.before.Catalog.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork != uplink.Object.Spec.PhysicalNetwork {
			continue
		}
		stack := append(c.before.Catalog.Interfaces(uplink, n, had), n.TopInterface(uplink), uplink.Interface)
		if changed.HasAny(stack...) || slices.Contains(out.Drops, n.Object.Name) {
			touched = append(touched, n.Object.Name)
		}
	}
	out.Machines = c.before.attached(out.Node, touched)
}
