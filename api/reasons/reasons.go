package reasons

import (
	"slices"
	"strings"
)

// State says what a reason makes of the condition Ready.
type State string

const (
	// OK: Ready is True.
	OK State = "ok"
	// Works: Reconciling is True. Whatever is missing comes by itself.
	Works State = "works"
	// Act: Stalled is True. A person has to act.
	Act State = "act"
)

// Group is where a word is used: a chapter of docs/reasons.md.
type Group string

const (
	// Spec: the spec alone explains it.
	Spec Group = "The spec"
	// Selection: selecting a HostNetwork.
	Selection Group = "Selecting a HostNetwork"
	// Addresses: leasing an address.
	Addresses Group = "Addresses"
	// Pools: taking an address of a pool, on Wukongs.
	Pools Group = "Pools and reservations"
	// PoolObjects: on AddressPools and AddressReservations.
	PoolObjects Group = "AddressPools and AddressReservations"
	// Hosts: on HostUplinks and HostNetworks, and on the condition NodeNetworkReady of Wukongs.
	Hosts Group = "Hosts"
	// Node: one node, in status.problems of HostUplinks and HostNetworks.
	Node Group = "One node"
	// Standstill: why a rollout stands still, in kubectl wukong host status.
	Standstill Group = "A rollout that stands still"
	// Guest: the guest and its machine.
	Guest Group = "Guest and machine"
	// Events: events, and the history of leases.
	Events Group = "Leases and events"
)

// Groups gives the groups in the order of the page.
func Groups() []Group {
	return []Group{Spec, Selection, Addresses, Pools, PoolObjects, Hosts, Node, Standstill, Guest, Events}
}

// Link leads to a page that says more.
type Link struct {
	// Text is what the link is called.
	Text string
	// Page is a file of docs/, with an anchor where that helps: rollout.md#going-back.
	Page string
}

// Use is what a word means in one group. Texts begin in lower case, have no full stop at their end, and mark code as Markdown
// does, by backticks.
type Use struct {
	Group Group
	// States are what the word may make of Ready, most usual first; empty where it does not decide about Ready.
	States []State
	// Where is the progress of the node in group Node, and the kind of record in group Events; empty elsewhere.
	Where string
	// Meaning says what is the case.
	Meaning string
	// Action says what to do; empty when there is nothing to do.
	Action string
	// Link is empty when the page on reasons says it all.
	Link Link
}

// Reason is a word of the vocabulary with its first use in the order of the page.
type Reason struct {
	// Word is the value of a constant Reason… of api/v1alpha1.
	Word string
	Use
	// Also are further uses: the same word said of other objects.
	Also []Use
}

// Anchor is the name of the reason within docs/reasons.md: the word in lower case.
func (r Reason) Anchor() string { return strings.ToLower(r.Word) }

// Page is where the documentation explains the reason, as a path within the repository.
func (r Reason) Page() string { return "docs/reasons.md#" + r.Anchor() }

// Uses gives every use, the first one included.
func (r Reason) Uses() []Use { return append([]Use{r.Use}, r.Also...) }

// In gives the use of the word in a group, and whether there is one.
func (r Reason) In(g Group) (Use, bool) {
	for _, u := range r.Uses() {
		if u.Group == g {
			return u, true
		}
	}
	return Use{}, false
}

// Find looks a word up.
func Find(word string) (Reason, bool) {
	for _, r := range All() {
		if r.Word == word {
			return r, true
		}
	}
	return Reason{}, false
}

// All gives every reason, in the order of its first use on the page.
func All() []Reason {
	var out []Reason
	for _, rows := range [][]row{request, pools, hosts, nodes, guests, events} {
		for _, r := range rows {
			at := slices.IndexFunc(out, func(known Reason) bool { return known.Word == r.word })
			if at < 0 {
				out = append(out, Reason{Word: r.word, Use: r.use})
			} else {
				out[at].Also = append(out[at].Also, r.use)
			}
		}
	}
	return out
}

// row is a line of a table of the page.
type row struct {
	word string
	use  Use
}
