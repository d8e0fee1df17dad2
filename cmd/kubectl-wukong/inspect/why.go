package inspect

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
)

// Explanation says why something is as it is, and what to do.
type Explanation struct {
	metav1.TypeMeta `json:",inline"`
	// Object is what is explained, such as Wukong team-a/web.
	Object string `json:"object"`
	// Headline says it in one line.
	Headline string `json:"headline"`
	// Reason is one word of the vocabulary of reasons; empty where none applies.
	Reason string `json:"reason,omitempty"`
	// What says what is the case.
	What string `json:"what,omitempty"`
	// Evidence is what was seen, the nearest cause first.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Rule is by which rule it was decided.
	Rule string `json:"rule,omitempty"`
	// Fix are ways to change it, the nearest first.
	Fix []string `json:"fix,omitempty"`
	// Docs are pages to read on.
	Docs []string `json:"docs,omitempty"`
	// Full is the whole message of kubernetes-nmstate, where it was asked for.
	Full string `json:"full,omitempty"`

	// enactment is the name of the first one that says what went wrong.
	enactment string
}

// Enactment is the name of the enactment whose whole message says most; empty where none is among the evidence.
func (e *Explanation) Enactment() string { return e.enactment }

// Message is what an enactment of the facts says went wrong; empty where there is no such enactment.
func (f Facts) Message(enactment string) string {
	if found := named(f.Enactments, "", enactment); found != nil {
		for _, c := range found.Status.Conditions {
			if c.Status == metav1.ConditionTrue && (c.Type == nmstate.ConditionFailing || c.Type == nmstate.ConditionAborted) {
				return c.Message
			}
		}
	}
	return ""
}

// Evidence is one thing that was seen.
type Evidence struct {
	// Object is where, such as AddressLease/ip-192-0-2-10.lab.
	Object string `json:"object"`
	// Since is when it came to be so, in RFC 3339.
	Since string `json:"since,omitempty"`
	Text  string `json:"text"`
}

// begin makes an explanation of an object by a condition.
func begin(object, name string, c metav1.Condition) *Explanation {
	e := &Explanation{TypeMeta: answer.Report("Explanation"), Object: object, Reason: c.Reason, What: one(c.Message)}
	state := map[metav1.ConditionStatus]string{metav1.ConditionTrue: "is ready", metav1.ConditionFalse: "is not ready"}[c.Status]
	if state == "" {
		state = "may be ready or not"
	}
	e.Headline = strings.Join(nonEmpty(name+" "+state, c.Reason), ": ")
	return e
}

// see adds evidence. Equal lines are added once.
func (e *Explanation) see(object, since, format string, args ...any) {
	seen := Evidence{Object: object, Since: since, Text: one(fmt.Sprintf(format, args...))}
	if !slices.Contains(e.Evidence, seen) {
		e.Evidence = append(e.Evidence, seen)
	}
}

// unread says that something would be evidence that the caller may not read.
func (e *Explanation) unread(object string) { e.see(object, "", notReadable) }

// do adds ways to change it.
func (e *Explanation) do(ways ...string) {
	for _, way := range nonEmpty(ways...) {
		if !slices.Contains(e.Fix, way) {
			e.Fix = append(e.Fix, way)
		}
	}
}

// conclude adds what the vocabulary says about the reason, in the group where it is used here.
func (e *Explanation) conclude(groups ...reasons.Group) *Explanation {
	reason, known := reasons.Find(e.Reason)
	if !known {
		return e
	}
	use := reason.Use
	for _, g := range groups {
		if found, ok := reason.In(g); ok {
			use = found
			break
		}
	}
	if e.What == "" {
		e.What = plain(use.Meaning)
	}
	if e.Rule == "" {
		e.Rule = rules[e.Reason]
	}
	if use.Action != "nothing" {
		e.do(plain(use.Action))
	}
	e.Docs = append(e.Docs, reason.Page())
	if use.Link.Page != "" {
		e.Docs = append(e.Docs, "docs/"+use.Link.Page)
	}
	return e
}

// plain takes the marks of Markdown from a text.
func plain(text string) string { return strings.NewReplacer("`", "", "**", "").Replace(text) }

// rules say by which rule is decided what the reasons tell.
var rules = map[string]string{
	v1alpha1.ReasonAddressInUse:          "the first to lease an address keeps it; whoever holds it is not touched",
	v1alpha1.ReasonAddressCooling:        "an address rests after its release, so that nobody takes its new machine for the last one",
	v1alpha1.ReasonAddressConflict:       "what nodes, gateways, DNS servers and Services use is not leased; a lease that was there before stays",
	v1alpha1.ReasonAddressReserved:       "reserved addresses go to whom the reservation names, and to nobody else",
	v1alpha1.ReasonMACConflict:           "a MAC address may be on a segment once; who had it first keeps it",
	v1alpha1.ReasonAddressQuotaExceeded:  "a namespace holds at most maxAddresses of a HostNetwork or pool",
	v1alpha1.ReasonPoolExhausted:         "an address that comes free goes to whoever has waited longest",
	v1alpha1.ReasonPoolNotAllowed:        "a pool gives addresses to the namespaces that its allowedNamespaces name",
	v1alpha1.ReasonHostNetworkNotAllowed: "a HostNetwork is for the namespaces that its allowedNamespaces name",
	v1alpha1.ReasonHostNetworkAmbiguous:  "the fields that a network gives must agree on exactly one HostNetwork",
	v1alpha1.ReasonNodeNetworkDegraded:   "a node that fails is set back to what it had; other nodes move only as far as the rollout allows failures",
	v1alpha1.ReasonNodeDrifted:           "what somebody changed on a node stays, unless the HostNetwork sets repairDrift",
	v1alpha1.ReasonNodesFailing:          "no more nodes move than may be in transition, and failing ones count",
	v1alpha1.ReasonCanaryFailing:         "no other node moves before the first ones have proved the revision",
	v1alpha1.ReasonRolledBack:            "a revision that an engineer refused is not rolled out again",
	v1alpha1.ReasonRestartRequired:       "what a guest is told is fixed when its machine starts; running machines are not restarted",
	v1alpha1.ReasonInvalidSpec:           "what cannot work changes nothing: what was held or built before stays",
}

// WhyReason explains a word of the vocabulary; nil where it is none.
func WhyReason(word string) *Explanation {
	reason, known := reasons.Find(word)
	if !known {
		return nil
	}
	e := &Explanation{TypeMeta: answer.Report("Explanation"), Object: "reason " + word, Reason: word, Rule: rules[word], Docs: []string{reason.Page()}}
	uses := reason.Uses()
	e.Headline = word + ": " + state(uses[0].States)
	for i, use := range uses {
		where := string(use.Group)
		if use.Where != "" {
			where += ", " + plain(use.Where)
		}
		if i == 0 {
			e.What = plain(use.Meaning)
		} else {
			e.see(where, "", "%s", plain(use.Meaning))
		}
		if use.Action != "" {
			e.do(plain(use.Action))
		}
		if use.Link.Page != "" {
			e.Docs = append(e.Docs, "docs/"+use.Link.Page)
		}
	}
	if len(e.Fix) == 0 {
		e.do("nothing")
	}
	return e
}

// state says in words what a reason makes of Ready.
func state(states []reasons.State) string {
	var out []string
	for _, s := range states {
		out = append(out, map[reasons.State]string{reasons.OK: "all is well", reasons.Works: "wait, it comes by itself", reasons.Act: "a person has to act"}[s])
	}
	if len(out) == 0 {
		return "it does not decide about Ready"
	}
	return strings.Join(out, ", or ")
}

// Words are all words of the vocabulary, sorted.
func Words() []string {
	var out []string
	for _, r := range reasons.All() {
		out = append(out, r.Word)
	}
	slices.Sort(out)
	return out
}
