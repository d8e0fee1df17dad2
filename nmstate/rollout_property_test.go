package nmstate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// world simulates hosts, handlers and a controller that writes every plan.
type world struct {
	t      *testing.T
	r      *rand.Rand
	nodes  []*simNode
	states map[string]State
	want   map[string]State
	in     Rollout
	// good makes every apply succeed.
	good bool
	// repairs counts those that were planned.
	repairs int
}

// simNode is one host: what it carries, and its enactments by revision.
type simNode struct {
	RolloutNode
	has        map[InterfaceRef]bool
	enactments map[string]Outcome
	// drifted: somebody took something off the host since the revision was applied last.
	drifted bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), states: map[string]State{}, want: map[string]State{}}
	for k := range 1 + w.r.IntN(9) {
		w.nodes = append(w.nodes, &simNode{
			RolloutNode: RolloutNode{Name: fmt.Sprintf("node%d", k), Ready: true},
			has:         map[InterfaceRef]bool{}, enactments: map[string]Outcome{},
		})
	}
	w.in.Canary = w.r.IntN(3)
	w.in.MaxUnavailable = intstr.FromInt32(int32(1 + w.r.IntN(3)))
	if w.r.IntN(2) == 0 {
		w.in.MaxUnavailable = intstr.FromString("30%")
	}
	return w
}

// retarget chooses what all nodes, or some, shall have.
func (w *world) retarget() {
	choices := []State{{}, untagged(), tagged(), {Interfaces: append(untagged().Interfaces, tagged().Interfaces...)}, trunk()}
	target := choices[w.r.IntN(len(choices))]
	for _, n := range w.nodes {
		w.want[n.Name] = target
		if w.r.IntN(10) == 0 {
			w.want[n.Name] = State{}
		}
	}
}

// revision gives the name of a state; wanting nothing has no revision.
func (w *world) revision(s State) string {
	if len(s.Interfaces) == 0 {
		return ""
	}
	w.states[s.Hash()] = s
	return s.Hash()
}

// gather does what a controller does before it plans.
func (w *world) gather() Rollout {
	in := w.in
	in.Nodes = nil
	for _, n := range w.nodes {
		target := w.want[n.Name]
		n.Want, n.Via = w.revision(target), ""
		proof := Unproven
		if n.Current != "" && n.Proof == n.Current {
			proof = Proven
		}
		if removal, needed := Between(w.states[n.held()], target, proof); needed {
			n.Via = w.revision(removal)
		}
		n.Outcome = OutcomeMissing
		if o, ok := n.enactments[n.Current]; ok && n.Current != "" {
			n.Outcome = o
		}
		_, n.Lingering = n.enactments[n.next()]
		n.Lingering = n.Lingering && n.Current != n.next()
		n.Repair = n.drifted && (w.good || w.r.IntN(2) == 0)
		in.Nodes = append(in.Nodes, n.RolloutNode)
	}
	return in
}

func (w *world) node(name string) *simNode {
	for _, n := range w.nodes {
		if n.Name == name {
			return n
		}
	}
	w.t.Fatalf("the plan names the unknown node %q", name)
	return nil
}

// write carries out a plan, and checks that it acts once per node.
func (w *world) write(p Plan) {
	seen := map[string]bool{}
	once := func(name string) *simNode {
		if seen[name] {
			w.t.Fatalf("%s has two actions in %s", name, describe(p))
		}
		seen[name] = true
		return w.node(name)
	}
	for _, m := range p.Moves {
		n := once(m.Node)
		n.Current, n.Renewing, n.Proof = m.To, "", ""
	}
	for _, r := range append(slices.Clone(p.Retries), p.Repairs...) {
		n := once(r.Node)
		n.Current, n.Renewing, n.Proof = "", r.Revision, ""
	}
	for _, r := range p.Proofs {
		n := once(r.Node)
		n.Proof = r.Revision
	}
}

// tick lets each handler do one thing, or nothing.
func (w *world) tick() {
	for _, n := range w.nodes {
		if w.r.IntN(3) == 0 || !n.Ready {
			continue
		}
		for revision := range n.enactments {
			if revision != n.Current {
				delete(n.enactments, revision)
			}
		}
		if n.Current == "" {
			continue
		}
		switch n.enactments[n.Current] {
		case "":
			n.enactments[n.Current] = OutcomeApplying
		case OutcomeApplying:
			n.finish(w.good || w.r.IntN(3) > 0, w.states[n.Current])
		}
		n.RetryDue, n.RetryAsked = w.r.IntN(3) == 0, w.r.IntN(5) == 0
	}
	if !w.good {
		n := w.nodes[w.r.IntN(len(w.nodes))]
		n.Ready = !n.Ready
		w.nodes[w.r.IntN(len(w.nodes))].drift(w.r)
		if w.r.IntN(10) == 0 {
			w.in.Paused = !w.in.Paused
		}
	}
}

// drift takes something off a host that has all of its revision.
func (n *simNode) drift(r *rand.Rand) {
	var has []InterfaceRef
	for ref := range n.has {
		has = append(has, ref)
	}
	if n.Current == "" || n.enactments[n.Current] != OutcomeApplied || len(has) == 0 {
		return
	}
	delete(n.has, sortRefs(has)[r.IntN(len(has))])
	n.drifted = true
}

// finish applies a revision, or fails and leaves a part of it behind, as a rollback that failed does.
func (n *simNode) finish(succeeds bool, s State) {
	if !succeeds {
		n.enactments[n.Current] = OutcomeFailing
		for _, r := range s.Built()[:len(s.Built())/2] {
			n.has[r] = true
		}
		return
	}
	n.enactments[n.Current] = OutcomeApplied
	n.drifted = false
	for _, r := range s.Built() {
		n.has[r] = true
	}
	for _, r := range s.Removed() {
		delete(n.has, r)
	}
}

func (w *world) inTransition() []string {
	var out []string
	for _, n := range w.gather().Nodes {
		if n.InTransition() {
			out = append(out, n.Name)
		}
	}
	return out
}

// arrivedOn counts the nodes that have a revision for good.
func arrivedOn(in Rollout, revision string) int {
	count := 0
	for _, n := range in.Nodes {
		if n.Want == revision && n.arrived() {
			count++
		}
	}
	return count
}

// checkPlan holds the plan against the rules, before it is written.
func (w *world) checkPlan(in Rollout, p Plan) {
	before := w.inTransition()
	shuffled := in
	shuffled.Nodes = slices.Clone(in.Nodes)
	w.r.Shuffle(len(shuffled.Nodes), func(i, j int) {
		shuffled.Nodes[i], shuffled.Nodes[j] = shuffled.Nodes[j], shuffled.Nodes[i]
	})
	if diff := cmp.Diff(p, PlanRollout(shuffled)); diff != "" {
		w.t.Fatalf("the plan depends on the order of the nodes:\n%s", diff)
	}
	towards := map[string]int{}
	for _, n := range in.Nodes {
		moves := slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Node == n.Name })
		if n.Want != "" && !n.arrived() && (moves || n.held() != "" && n.held() == n.next()) {
			towards[n.Want]++
		}
		if moves && n.next() != "" && (!n.Ready || n.Refused != nil || n.Lingering) {
			w.t.Fatalf("%+v is moved", n)
		}
	}
	w.checkRenewals(in, p)
	for _, m := range p.Moves {
		wanted := w.node(m.Node).Want
		if wanted != "" && arrivedOn(in, wanted) < in.Canary && towards[wanted] > max(in.Canary, w.underwayBefore(in, wanted)) {
			w.t.Fatalf("%d nodes move towards %s before %d canaries have arrived:\n%s", towards[wanted], wanted, in.Canary, describe(p))
		}
	}
	w.write(p)
	after := w.inTransition()
	if len(after) > max(p.Budget, len(before)) {
		w.t.Fatalf("%v are in transition, before it were %v, the budget is %d:\n%s", after, before, p.Budget, describe(p))
	}
	if len(after) != p.InTransition {
		w.t.Fatalf("the plan says %d in transition, there are %v:\n%s", p.InTransition, after, describe(p))
	}
}

// checkRenewals: what fails is retried, what drifted is repaired, and neither where the node or the uplink rests.
func (w *world) checkRenewals(in Rollout, p Plan) {
	if in.Paused && len(p.Moves)+len(p.Retries)+len(p.Repairs) > 0 {
		w.t.Fatalf("paused, and the plan acts:\n%s", describe(p))
	}
	for _, n := range in.Nodes {
		renewed := NodeRevision{n.Name, n.Current}
		if slices.Contains(p.Retries, renewed) && (!n.Outcome.Failed() || !n.RetryDue && !n.RetryAsked || !n.Ready) {
			w.t.Fatalf("%+v is retried", n)
		}
		if slices.Contains(p.Repairs, renewed) && (!n.Repair || !n.arrived() || !n.Ready) {
			w.t.Fatalf("%+v is repaired", n)
		}
	}
	w.repairs += len(p.Repairs)
}

func (w *world) underwayBefore(in Rollout, revision string) int {
	count := 0
	for _, n := range in.Nodes {
		if n.Want == revision && !n.arrived() && n.held() != "" && n.held() == n.next() {
			count++
		}
	}
	return count
}

// checkTruth holds what the controller believes against the hosts: a proven node has what its revision builds, and nothing that
// was ever built is forgotten.
func (w *world) checkTruth() {
	for _, n := range w.nodes {
		s := w.states[n.held()]
		if n.Current != "" && n.Proof == n.Current && !n.drifted {
			for _, r := range s.Built() {
				if !n.has[r] {
					w.t.Fatalf("%s is proven to have %s, and lacks %v", n.Name, n.Current, r)
				}
			}
		}
		known := append(s.Built(), s.Removed()...)
		for r := range n.has {
			if !slices.Contains(known, r) {
				w.t.Fatalf("%s on %q has %v, which is forgotten", n.Name, n.held(), r)
			}
		}
	}
}

func (w *world) settled() bool {
	for _, n := range w.gather().Nodes {
		if w.node(n.Name).drifted && n.Current != "" {
			return false
		}
		if n.Current != n.next() || n.Via != "" || n.Current != "" && n.Proof != n.Current || n.Renewing != "" {
			return false
		}
	}
	return true
}

func TestRolloutsKeepTheRulesAndEndWhenHostsAreWell(t *testing.T) {
	repairs := 0
	for seed := range uint64(120) {
		w := newWorld(t, seed)
		// Targets change while nodes fail, retry and come and go.
		for step := range 60 {
			if step%15 == 0 {
				w.retarget()
			}
			in := w.gather()
			w.checkPlan(in, PlanRollout(in))
			w.tick()
			w.checkTruth()
		}
		// From then on everything works.
		w.good, w.in.Paused = true, false
		for _, n := range w.nodes {
			n.Ready = true
		}
		for step := 0; !w.settled(); step++ {
			if step > 2000 {
				t.Fatalf("seed %d does not end:\n%s", seed, describe(PlanRollout(w.gather())))
			}
			in := w.gather()
			w.checkPlan(in, PlanRollout(in))
			w.tick()
			w.checkTruth()
		}
		w.checkEnd(seed)
		repairs += w.repairs
	}
	if repairs < 100 {
		t.Errorf("only %d repairs: the test says little about them", repairs)
	}
}

// checkEnd: every host has what it shall have and nothing else, and planning again does nothing.
func (w *world) checkEnd(seed uint64) {
	p := PlanRollout(w.gather())
	if len(p.Moves)+len(p.Proofs)+len(p.Retries)+len(p.Repairs) != 0 || p.Stopped != nil || p.InTransition != 0 {
		w.t.Fatalf("seed %d: a settled world gets a plan:\n%s", seed, describe(p))
	}
	for _, n := range w.nodes {
		want := w.want[n.Name].Built()
		var have []InterfaceRef
		for r := range n.has {
			have = append(have, r)
		}
		if diff := cmp.Diff(want, sortRefs(have)); diff != "" {
			w.t.Fatalf("seed %d: %s (-want +has):\n%s", seed, n.Name, diff)
		}
	}
}
