package nmstate

import "k8s.io/apimachinery/pkg/util/intstr"

// Rollout is the state of one HostUplink on its nodes, from which the next step is planned.
type Rollout struct {
	// Nodes are those that the uplink selects, and those that still carry one of its revisions. The order means nothing.
	Nodes []RolloutNode
	// Canary is how many nodes must have a revision before any other node moves towards it; zero is none.
	Canary int
	// MaxUnavailable bounds the nodes in transition: a number, or a percentage of the nodes that are not left out, rounded
	// up. It is at least one.
	MaxUnavailable intstr.IntOrString
	// BudgetUsed is how many nodes other HostUplinks have in transition. They count against the bound.
	BudgetUsed int
	// Paused stops every move. Proofs are still recorded.
	Paused bool
}

// RolloutNode is one node. Revisions are hashes; an empty one is none.
type RolloutNode struct {
	Name string
	// Ready is the node's Ready condition. A node that is not ready waits and blocks nobody.
	Ready bool
	// Refused is why the node must not get the revision that is next for it (Via, else Want), or nil.
	Refused *Refusal
	// Current is the revision that the node's label puts it on.
	Current string
	// Renewing is the revision whose label was taken off so that nmstate tries it again. Record it in the same write as
	// the removal of the label: without it, what the node has would be forgotten.
	Renewing string
	// Dormant says that Renewing is only what the node had before it left the cluster or lost its label. Nothing is under way
	// there: putting it back takes one more node out of service, and waits for its turn.
	Dormant bool
	// Proof is the last revision that an enactment proved since the label was last written: every change of the label
	// drops the record in the same write, or an earlier proof would speak for a later state of the host.
	Proof string
	// Outcome is that of the node's enactment of Current.
	Outcome Outcome
	// Lingering says that the node, while it is not on its next revision, has an enactment of it from an earlier time. It
	// would be taken for proof, or count its failures on, so the node waits until the handler has dropped it.
	Lingering bool
	// Message is the headline of a failing enactment.
	Message string
	// Overdue says that the enactment has had no final outcome for longer than a try can take.
	Overdue bool
	// RetryDue says that a failed node may be tried again by now.
	RetryDue bool
	// RetryAsked says that an engineer wants a failed node tried again now, whether it is time or not.
	RetryAsked bool
	// Repair says that the node, which has what it wants, shows something else (see Differences), and is to be set right now.
	// What a node shows changes nothing in a plan otherwise.
	Repair bool
	// Want is the revision that the node shall end on; empty takes it off the uplink.
	Want string
	// Via is the removal revision that the node passes through first, if it has something that Want lacks (see Between).
	Via string
}

// Progress is where a node stands.
type Progress string

// Progress of a node, in the words of the API.
const (
	ProgressLeftOut  Progress = "LeftOut"
	ProgressWaiting  Progress = "Waiting"
	ProgressApplying Progress = "Applying"
	ProgressRetrying Progress = "Retrying"
	ProgressApplied  Progress = "Applied"
	ProgressFailing  Progress = "Failing"
	ProgressUnknown  Progress = "Unknown"
)

// Reasons of a node's progress, besides those of its refusal.
const (
	// NodeNotReady: the node does not answer, and is left alone until it does.
	NodeNotReady = "NodeNotReady"
	// NodeQueued: the node waits for its turn.
	NodeQueued = "Queued"
	// NodeLingering: the handler has not dropped an earlier enactment of the revision yet.
	NodeLingering = "EnactmentLingers"
	// NodePaused: the rollout is paused.
	NodePaused = "Paused"
	// NodeOverdue: the handler has not finished for longer than a try can take.
	NodeOverdue = "NoAnswer"
	// NodeRemoving: the node gives back what it no longer needs.
	NodeRemoving = "Removing"
	// NodeDrifted: what was built on the node has changed, and is being set right.
	NodeDrifted = "NodeDrifted"
	// NodeEnactmentLost: the node was proven, and its enactment is gone: no handler runs there, or it restarts.
	NodeEnactmentLost = "EnactmentMissing"
)

// Plan is what to do now. Writing it and planning again, until it is empty, ends with every node on what it wants. A node
// gets at most one action.
type Plan struct {
	// Moves change labels.
	Moves []Move
	// Proofs are to be recorded: the node has the revision.
	Proofs []NodeRevision
	// Retries are to be started: take the label and the proof off and record Renewing, in one write. The label comes back by
	// a later Move.
	Retries []NodeRevision
	// Repairs are to be started, as Retries are, on nodes that have the revision and drifted from it.
	Repairs []NodeRevision
	// Nodes is the progress of all nodes, by name.
	Nodes []NodeProgress
	// Stopped says why nodes that wait do not move, or is nil while all is well.
	Stopped *Stop
	// Budget is how many nodes may be in transition, those of other HostUplinks included; InTransition how many are, after
	// the moves.
	Budget, InTransition int
}

// Move changes the label of a node, drops the proof, and ends a renewal, in one write.
type Move struct {
	Node string
	From string
	// To is the revision, or empty to take the label off.
	To string
	// Removes says that the node gives something back on the way: nothing may need it any more.
	Removes bool
}

// NodeRevision is a node and a revision.
type NodeRevision struct {
	Node     string
	Revision string
}

// NodeProgress is where one node stands, with a reason of one word and the line to show.
type NodeProgress struct {
	Name     string
	Progress Progress
	Reason   string
	Message  string
}

// Reasons for which a rollout stops.
const (
	StoppedPaused = "Paused"
	StoppedCanary = "CanaryFailing"
	StoppedNodes  = "NodesFailing"
)

// Stop is why a rollout does not go on by itself.
type Stop struct {
	Reason  string
	Message string
}
