package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
)

// hostEvidence is about the HostNetworks of a Wukong. The node of its machine comes first.
func (f Facts) hostEvidence(e *Explanation, w *v1alpha1.Wukong) {
	for _, n := range w.Status.Networks {
		if n.HostNetwork == "" {
			continue
		}
		o := named(f.HostNetworks, "", n.HostNetwork)
		switch {
		case o == nil && f.Unread.Has(KindHostNetwork):
			e.unread(KindHostNetwork + "/" + n.HostNetwork)
			e.do("ask a platform engineer for: kubectl wukong why hostnetwork/" + n.HostNetwork)
		case o == nil:
			e.see(KindHostNetwork+"/"+n.HostNetwork, "", "there is no such HostNetwork")
		case !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady):
			f.networkEvidence(e, o, w.Status.NodeName)
		case w.Status.NodeName != "":
			f.nodeEvidence(e, o, w.Status.NodeName)
		}
	}
}

// nodeEvidence is about one node that lacks a HostNetwork which is Ready as a whole, such as a node that came later.
func (f Facts) nodeEvidence(e *Explanation, o *v1alpha1.HostNetwork, node string) {
	for _, name := range o.Status.Uplinks {
		u := named(f.HostUplinks, "", name)
		if u == nil {
			continue
		}
		for _, item := range f.nodes(u) {
			if item.Name == node && item.Ready != metav1.ConditionTrue {
				e.see("node "+node, "", "%s", strings.Join(nonEmpty(item.Reason, item.Message), ": "))
				e.do("see every node: kubectl wukong host status " + u.Name)
			}
		}
	}
}

// networkEvidence is about a HostNetwork and what serves it. first is the node that matters most.
func (f Facts) networkEvidence(e *Explanation, o *v1alpha1.HostNetwork, first string) {
	for _, name := range o.Status.Uplinks {
		if u := named(f.HostUplinks, "", name); u != nil {
			f.uplinkEvidence(e, u, first)
		} else if f.Unread.Has(KindHostUplink) {
			e.unread(KindHostUplink + "/" + name)
		}
	}
	ready := condition(o.Status.Conditions, v1alpha1.ConditionReady, o.Status.ObservedGeneration, o.Generation)
	e.see(KindHostNetwork+"/"+o.Name, moment(ready.LastTransitionTime.Time), "%s", strings.Join(nonEmpty(ready.Reason, ready.Message), ": "))
	if len(o.Status.UsedBy) > 0 {
		e.see(KindHostNetwork+"/"+o.Name, "", "used by %d: %s", o.Status.Users, few(o.Status.UsedBy))
	}
}

// uplinkEvidence is about the nodes of a HostUplink.
func (f Facts) uplinkEvidence(e *Explanation, u *v1alpha1.HostUplink, first string) {
	problems := slices.Clone(u.Status.Problems)
	slices.SortStableFunc(problems, func(a, b v1alpha1.NodeProblem) int {
		return cmp.Or(worse(a, first)-worse(b, first), cmp.Compare(a.Node, b.Node))
	})
	const most = 8
	failing, told := "", 0
	for _, p := range problems {
		// Whoever asks about a machine is not concerned with nodes that were never touched.
		if first == "" || worse(p, first) < untouched {
			if told++; told <= most {
				f.problemEvidence(e, u, p)
			}
		}
		if p.Progress == v1alpha1.NodeFailing {
			failing = cmp.Or(failing, p.Node)
		}
	}
	if told > most {
		e.see(KindHostUplink+"/"+u.Name, "", "%d more nodes have problems", told-most)
	}
	ready := condition(u.Status.Conditions, v1alpha1.ConditionReady, u.Status.ObservedGeneration, u.Generation)
	since := moment(ready.LastTransitionTime.Time)
	if u.Status.Revision != "" {
		e.see(KindHostUplink+"/"+u.Name, since, "rolls out %s: %s nodes", u.Status.Revision, cmp.Or(u.Status.NodesSummary, "no"))
	}
	if u.Status.LastGoodRevision != "" && u.Status.LastGoodRevision != u.Status.Revision {
		e.see(KindHostUplink+"/"+u.Name, "", "every node had %s", u.Status.LastGoodRevision)
	}
	switch {
	case u.Spec.Paused:
		e.see(KindHostUplink+"/"+u.Name, "", "spec.paused is true, so no node moves")
		e.do("let the change go on: kubectl wukong host resume " + u.Name)
	case failing != "":
		e.do("repair "+failing+", and have it try again at once: kubectl wukong host retry "+u.Name+" "+failing,
			"or go back to the last good revision; see first what that does: kubectl wukong host rollback "+u.Name+" --dry-run")
	}
	e.do("see every node: kubectl wukong host status " + u.Name)
}

// untouched is the place of nodes on which nothing changed.
const untouched = 3

// worse orders problems: the node that matters, then those that gave up.
func worse(p v1alpha1.NodeProblem, first string) int {
	switch {
	case p.Node == first:
		return 0
	case p.Progress == v1alpha1.NodeFailing, p.Progress == v1alpha1.NodeUnknown:
		return 1
	case p.Progress == v1alpha1.NodeRetrying:
		return 2
	}
	return untouched
}

// problemEvidence is about one node: the enactment where there is one, and else what the status says.
func (f Facts) problemEvidence(e *Explanation, u *v1alpha1.HostUplink, p v1alpha1.NodeProblem) {
	policy := cmp.Or(u.Status.Revision, u.Spec.ExternalPolicy)
	if enactment := f.enactment(p.Node, policy); enactment != nil && p.Progress != v1alpha1.NodeLeftOut && enactment.Message() != "" {
		f.enactmentEvidence(e, enactment)
		return
	}
	e.see("node "+p.Node, "", "%s: %s", cmp.Or(p.Reason, string(p.Progress)), p.Message)
}

// enactment is how a policy fares on a node, or nil.
func (f Facts) enactment(node, policy string) *nmstate.Enactment {
	at := slices.IndexFunc(f.Enactments, func(e nmstate.Enactment) bool { return e.NodeName() == node && e.Policy() == policy })
	if at < 0 {
		return nil
	}
	return &f.Enactments[at]
}

// enactmentEvidence says what the handler of a node says.
func (f Facts) enactmentEvidence(e *Explanation, enactment *nmstate.Enactment) {
	outcome, since := fate(enactment)
	text := fmt.Sprintf("generation %d of %s: %s", enactment.Status.PolicyGeneration, enactment.Policy(), outcome)
	if message := enactment.Message(); message != "" {
		text += ": " + message
		e.enactment = cmp.Or(e.enactment, enactment.Name)
	}
	e.see("node "+enactment.NodeName(), moment(since.Time), "%s", text)
}

// fate is what an enactment says, and since when.
func fate(e *nmstate.Enactment) (nmstate.Outcome, metav1.Time) {
	outcome := nmstate.Classify(nmstate.PolicyRef{Name: e.Policy(), Generation: e.Status.PolicyGeneration}, e)
	var since metav1.Time
	for _, c := range e.Status.Conditions {
		if c.Status == metav1.ConditionTrue && since.Before(&c.LastTransitionTime) {
			since = c.LastTransitionTime
		}
	}
	return outcome, since
}

// WhyUplink explains a HostUplink.
func (f Facts) WhyUplink(u *v1alpha1.HostUplink) *Explanation {
	e := begin(KindHostUplink+" "+u.Name, KindHostUplink+" "+u.Name, condition(u.Status.Conditions, v1alpha1.ConditionReady, u.Status.ObservedGeneration, u.Generation))
	f.uplinkEvidence(e, u, "")
	return e.conclude(reasons.Hosts)
}

// WhyHostNetwork explains a HostNetwork.
func (f Facts) WhyHostNetwork(o *v1alpha1.HostNetwork) *Explanation {
	e := begin(KindHostNetwork+" "+o.Name, KindHostNetwork+" "+o.Name, condition(o.Status.Conditions, v1alpha1.ConditionReady, o.Status.ObservedGeneration, o.Generation))
	f.networkEvidence(e, o, "")
	return e.conclude(reasons.Hosts, reasons.Selection)
}

// WhyPolicy explains how a policy fares on nodes, whoever made it. uplink is the HostUplink that it was made for, or empty.
func (f Facts) WhyPolicy(name, uplink string) *Explanation {
	e := &Explanation{TypeMeta: answer.Report("Explanation"), Object: KindPolicy + " " + name}
	byOutcome := map[nmstate.Outcome][]string{}
	enactments := slices.Clone(f.Enactments)
	slices.SortFunc(enactments, func(a, b nmstate.Enactment) int { return cmp.Compare(a.NodeName(), b.NodeName()) })
	total := 0
	for i := range enactments {
		enactment := &enactments[i]
		if enactment.Policy() != name {
			continue
		}
		total++
		outcome, _ := fate(enactment)
		byOutcome[outcome] = append(byOutcome[outcome], enactment.NodeName())
		if outcome != nmstate.OutcomeApplied {
			f.enactmentEvidence(e, enactment)
		}
	}
	applied := byOutcome[nmstate.OutcomeApplied]
	e.Headline = fmt.Sprintf("policy %s: %d of %d nodes have it", name, len(applied), total)
	if len(applied) > 0 {
		e.see("nodes", "", "%s: %s", nmstate.OutcomeApplied, few(applied))
	}
	switch {
	case total == 0:
		e.What = "no node has an enactment of it: no node matches its nodeSelector, or no handler runs there"
		e.Reason = v1alpha1.ReasonNoMatchingNodes
	case len(byOutcome[nmstate.OutcomeFailing])+len(byOutcome[nmstate.OutcomeAborted]) > 0:
		e.Reason = v1alpha1.ReasonNodeNetworkDegraded
	case len(applied) < total:
		e.Reason = v1alpha1.ReasonNodeNetworkProgressing
	default:
		e.Reason = v1alpha1.ReasonApplied
	}
	if uplink != "" {
		e.do("see its HostUplink: kubectl wukong why hostuplink/" + uplink)
	} else {
		e.do("wukong-network did not make it: ask whoever applies it")
	}
	if total > len(applied) {
		e.do("see the whole message: kubectl wukong why nncp/" + name + " --full")
	}
	return e.conclude(reasons.Hosts)
}

// WhyNode explains where one node stands with every HostUplink; nil where nothing is known of it.
func (f Facts) WhyNode(name string) *Explanation {
	e := &Explanation{TypeMeta: answer.Report("Explanation"), Object: "node " + name}
	known := named(f.Nodes, "", name) != nil
	var bad []string
	for i := range f.HostUplinks {
		u := &f.HostUplinks[i]
		for _, item := range f.nodes(u) {
			if item.Name != name {
				continue
			}
			known = true
			if item.Ready == metav1.ConditionTrue {
				e.see(KindHostUplink+"/"+u.Name, "", "has %s", cmp.Or(u.Status.Revision, u.Spec.ExternalPolicy))
				continue
			}
			bad = append(bad, u.Name)
			e.Reason = cmp.Or(e.Reason, item.Reason)
			e.see(KindHostUplink+"/"+u.Name, "", "%s", strings.Join(nonEmpty(item.Reason, item.Message), ": "))
			e.do("kubectl wukong why hostuplink/" + u.Name)
		}
	}
	for i := range f.Enactments {
		if f.Enactments[i].NodeName() == name {
			known = true
			f.enactmentEvidence(e, &f.Enactments[i])
		}
	}
	switch {
	case !known:
		return nil
	case len(bad) > 0:
		e.Headline = fmt.Sprintf("node %s is not as asked for by %s: %s", name, few(bad), e.Reason)
	case len(e.Evidence) == 0:
		e.Headline = "node " + name + ": no HostUplink selects it"
	default:
		e.Headline = "node " + name + " has all that HostUplinks ask for"
	}
	if _, ok := reasons.Find(e.Reason); !ok {
		e.Reason = ""
		return e
	}
	return e.conclude(reasons.Node, reasons.Hosts)
}
