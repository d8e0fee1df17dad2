package lab

import "time"

// EventKind says what happened on a simulated node.
type EventKind string

// What a lab tells.
const (
	NodeJoined      EventKind = "NodeJoined"
	NodeLeft        EventKind = "NodeLeft"
	NodeReady       EventKind = "NodeReady"
	NodeNotReady    EventKind = "NodeNotReady"
	NodeCutOff      EventKind = "NodeCutOff" // a policy took the address by which the node is reached
	StatePublished  EventKind = "StatePublished"
	PolicyApplying  EventKind = "PolicyApplying"
	PolicyRetrying  EventKind = "PolicyRetrying"
	PolicyApplied   EventKind = "PolicyApplied"
	PolicyFailed    EventKind = "PolicyFailed"
	PolicyWaiting   EventKind = "PolicyWaiting"
	PolicyAborted   EventKind = "PolicyAborted"
	NodeBroken      EventKind = "NodeBroken"
	NodeRepaired    EventKind = "NodeRepaired"
	NodeHung        EventKind = "NodeHung"
	NodeSlowed      EventKind = "NodeSlowed"
	NodeLingers     EventKind = "NodeLingers" // enactments of deleted policies stay
	HandlerStarted  EventKind = "HandlerStarted"
	HandlerStopped  EventKind = "HandlerStopped"
	HandlerError    EventKind = "HandlerError" // the simulation itself met an error and tries again
	HardwareChanged EventKind = "HardwareChanged"
)

var phaseEvents = map[phase]EventKind{
	phasePending: PolicyWaiting, phaseApplying: PolicyApplying, phaseRetrying: PolicyRetrying,
	phaseSucceeded: PolicyApplied, phaseFailed: PolicyFailed, phaseAborted: PolicyAborted,
}

// Event is one thing that happened on a simulated node. Policy and Message may be empty.
type Event struct {
	Time    time.Time
	Kind    EventKind
	Node    string
	Policy  string
	Message string
}

// eventBuffer is how many events wait for a slow reader before further ones are dropped.
const eventBuffer = 4096

// Events is the stream of what happens, for one reader. Events are dropped, never waited for, while nobody reads.
func (l *Lab) Events() <-chan Event { return l.events }

// CutOffs returns how often policies cut a node off from its cluster, since the lab was made.
func (l *Lab) CutOffs(node string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cutOffs[node]
}

func (l *Lab) tell(e Event) {
	e.Time = time.Now()
	if e.Kind == NodeCutOff {
		l.mu.Lock()
		l.cutOffs[e.Node]++
		l.mu.Unlock()
	}
	select {
	case l.events <- e:
	default:
	}
}
