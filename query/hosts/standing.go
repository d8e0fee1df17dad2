package hosts

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// marksOf is what a node says about one HostUplink. One that came back without any marks still has what it left with.
func (v *View) marksOf(node, uplink string) render.Marks {
	m := render.MarksOf(v.labelsOf(node), v.annotationsOf(node), uplink)
	if u, known := v.Catalog.Uplink(uplink); known && v.nodes[node] != nil && m.Held() == "" {
		for _, d := range u.Object.Status.Departed {
			if d.Node == node {
				m.Renewing = strings.TrimPrefix(d.Revision, render.PolicyName(uplink, ""))
			}
		}
	}
	return m
}

// Standing is where one node stands with one HostUplink.
type Standing struct {
	Node     string           `json:"node"`
	Progress nmstate.Progress `json:"progress"`
	Reason   string           `json:"reason,omitempty"`
	// Message is the one meaningful line.
	Message string `json:"message,omitempty"`
	// Revision is the policy that the node is on; empty for none.
	Revision string `json:"revision,omitempty"`
	// Networks are the HostNetworks that this revision builds.
	Networks []string `json:"networks,omitempty"`
	// Machines are the running machines of the node that are attached to them.
	Machines []Machine `json:"machines,omitempty"`
}

// standings gives where every node stands that a HostUplink selects, or that still has something of it, by name. It is planned
// as the controller plans, from what nodes, enactments and node states say now.
func (v *View) standings(u *render.Uplink, now time.Time) ([]Standing, *nmstate.Stop) {
	if u.Object.Spec.Management == v1alpha1.ManagementExternal {
		return v.externalStandings(u), nil
	}
	target := v.wanted(u)
	in := v.rollout(u)
	had := map[string]nmstate.State{}
	for _, name := range v.nodeNames() {
		if n, state, ok := v.rolloutNode(u, name, target, now); ok {
			in.Nodes = append(in.Nodes, n)
			had[name] = state
		}
	}
	in.BudgetUsed = v.busyElsewhere(u.Object.Name)
	plan := nmstate.PlanRollout(in)
	var out []Standing
	for _, p := range plan.Nodes {
		s := Standing{Node: p.Name, Progress: p.Progress, Reason: p.Reason, Message: p.Message,
			Networks: v.networksIn(u, had[p.Name])}
		if hash := v.marksOf(p.Name, u.Object.Name).Held(); hash != "" {
			s.Revision = render.PolicyName(u.Object.Name, hash)
		}
		s.Machines = v.attached(p.Name, s.Networks)
		out = append(out, v.told(u.Object, s, had[p.Name]))
	}
	return out, plan.Stopped
}

// told adds what concerns a node that has its revision: that it shows something else, or what only the controller knows.
func (v *View) told(u *v1alpha1.HostUplink, s Standing, had nmstate.State) Standing {
	if s.Progress != nmstate.ProgressApplied {
		return s
	}
	if drift := nmstate.Differences(had, v.report(s.Node)); len(drift) > 0 {
		s.Reason, s.Message = v1alpha1.ReasonNodeDrifted, drift[0].Message
	}
	if u.Status.ObservedGeneration != u.Generation {
		return s
	}
	for _, p := range u.Status.Problems {
		if p.Node == s.Node && p.Reason != "" {
			s.Reason, s.Message = p.Reason, p.Message
		}
	}
	return s
}

func (v *View) rollout(u *render.Uplink) nmstate.Rollout {
	in := nmstate.Rollout{Canary: 1, MaxUnavailable: intstr.FromString("10%"), Paused: u.Object.Spec.Paused}
	if c := u.Object.Spec.Rollout.Canary; c != nil {
		in.Canary = int(*c)
	}
	if m := u.Object.Spec.Rollout.MaxUnavailable; m != nil {
		in.MaxUnavailable = *m
	}
	return in
}

// wanted is the revision that nodes shall have: the one that the controller goes by, or the one that it would render.
func (v *View) wanted(u *render.Uplink) nmstate.State {
	prefix := render.PolicyName(u.Object.Name, "")
	if hash, ours := strings.CutPrefix(u.Object.Status.Revision, prefix); ours {
		if state, known := v.revisionOf(u.Object.Name, hash); known {
			return state
		}
	}
	r, err := v.Catalog.Revision(u.Object, v.inUse)
	if err != nil || r == nil || u.Object.Status.ObservedGeneration > 0 && u.Object.Status.Revision == "" {
		return nmstate.State{}
	}
	return r.State
}

// rolloutNode judges one node; false where the uplink has nothing to do with it. The state is what the node has.
func (v *View) rolloutNode(u *render.Uplink, name string, target nmstate.State, now time.Time) (nmstate.RolloutNode, nmstate.State, bool) {
	uplink := u.Object.Name
	m := v.marksOf(name, uplink)
	matches := render.Selects(u.Object, v.labelsOf(name))
	if !matches && m.Held() == "" {
		return nmstate.RolloutNode{}, nmstate.State{}, false
	}
	n := v.placed(name, uplink, m)
	had, _ := v.revisionOf(uplink, m.Held())
	e := v.enactments[enactmentKey{render.PolicyName(uplink, m.Revision), name}]
	n.Outcome, n.Message = v.outcome(uplink, m.Revision, e), e.Message()
	older := v.olderOn(name, u)
	if !matches || older != nil && m.Held() != "" {
		target = nmstate.State{}
	}
	next := target
	var want *render.Revision
	if len(target.Interfaces) > 0 {
		n.Want = target.Hash()
		want = &render.Revision{Uplink: uplink, Hash: n.Want, State: target}
	}
	proof := nmstate.Unproven
	if n.Current != "" && (n.Proof == n.Current || n.Outcome == nmstate.OutcomeApplied) {
		proof = nmstate.Proven
	}
	if want != nil || m.Held() != "" {
		if via, needed := v.passage(u, name, had, want, proof); needed {
			next, n.Via = via.State, via.Hash
		}
	}
	switch {
	case len(next.Interfaces) == 0:
	case older != nil && n.Want != "":
		n.Refused = older.Refusal()
	default:
		n.Refused = v.check(u, name, next, had)
	}
	n.Overdue = n.Current != "" && !n.Outcome.Final() && v.silent(m, e, now)
	return n, had, true
}

// placed is where a node is by its marks.
func (v *View) placed(node, uplink string, m render.Marks) nmstate.RolloutNode {
	n := nmstate.RolloutNode{Name: node, Ready: v.ready(node), Current: m.Revision, Renewing: m.Renewing, Proof: m.Applied}
	if n.Current == "" && n.Renewing == "" {
		n.Renewing = n.Proof // somebody took the label off, and the node still has what was proved
	}
	n.Dormant = n.Current == "" && render.MarksOf(v.labelsOf(node), v.annotationsOf(node), uplink).Renewing == ""
	return n
}

// check asks whether a node may get a state. had is what it has of this uplink.
func (v *View) check(u *render.Uplink, node string, next, had nmstate.State) *nmstate.Refusal {
	if refusal := nmstate.CheckForeign(v.foreign, v.labelsOf(node), next); refusal != nil {
		return refusal
	}
	own := append(had.Built(), had.Removed()...)
	if render.Lists(u.Object, v1alpha1.AdoptAnnotation, node) {
		own = append(own, next.Built()...)
	}
	return nmstate.CheckTarget(nmstate.TargetCheck{Node: v.report(node), Target: next, NodeAddresses: render.NodeAddresses(v.nodes[node]), Own: own})
}

func (v *View) outcome(uplink, hash string, e *nmstate.Enactment) nmstate.Outcome {
	p, exists := v.policies[render.PolicyName(uplink, hash)]
	switch {
	case hash == "" || !exists:
		return nmstate.OutcomeMissing
	case !p.intact:
		return nmstate.OutcomeStale
	}
	return nmstate.Classify(p.object.Ref(), e)
}

// silentAfter is how long a node may take without an answer, as the controller has it.
const silentAfter = 20 * time.Minute

func (v *View) silent(m render.Marks, e *nmstate.Enactment, now time.Time) bool {
	since := m.Since
	if since.IsZero() && e != nil {
		since = e.CreationTimestamp.Time
	}
	return !since.IsZero() && !now.IsZero() && now.After(since.Add(silentAfter))
}

// ready is the Ready condition. A node that is known by its report alone counts as ready.
func (v *View) ready(node string) bool {
	n := v.nodes[node]
	return n == nil || len(n.Status.Conditions) == 0 || slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// busyElsewhere counts the nodes that other HostUplinks have in transition.
func (v *View) busyElsewhere(uplink string) int {
	busy := 0
	for _, name := range v.nodeNames() {
		if slices.ContainsFunc(v.Catalog.Uplinks(), func(u *render.Uplink) bool {
			m := v.marksOf(name, u.Object.Name)
			e := v.enactments[enactmentKey{render.PolicyName(u.Object.Name, m.Revision), name}]
			return u.Object.Name != uplink && m.Held() != "" && (m.Applied != m.Revision || v.outcome(u.Object.Name, m.Revision, e).Failed())
		}) {
			busy++
		}
	}
	return busy
}
