package lab

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition is nmstate's condition; it has no observedGeneration.
type Condition struct {
	Type               string                 `json:"type"`
	Status             corev1.ConditionStatus `json:"status"`
	Reason             string                 `json:"reason,omitempty"`
	Message            string                 `json:"message,omitempty"`
	LastHeartbeatTime  metav1.Time            `json:"lastHeartbeatTime"`
	LastTransitionTime metav1.Time            `json:"lastTransitionTime"`
}

// phase is what a handler says about one enactment, or all handlers together about a policy.
type phase int

const (
	phaseCreated phase = iota // also: the reset of a policy
	phasePending
	phaseApplying // also: a policy in progress
	phaseRetrying
	phaseSucceeded
	phaseFailed
	phaseAborted
	phaseIgnored // policies only
)

// The order in which the letters of a verdict are read.
var (
	enactmentTypes = []string{"Available", "Failing", "Progressing", "Pending", "Aborted"}
	policyTypes    = []string{"Available", "Degraded", "Progressing", "Ignored"}
)

// verdict is one row of nmstate's state tables: a letter (T, F, U) per condition type, and the reason. odd names the
// one condition whose reason nmstate's handler leaves out of step with the others.
type verdict struct {
	letters string
	reason  string
	odd     string
	oddly   string
}

var enactmentVerdicts = map[phase]verdict{
	phaseCreated:   {letters: "UUUUU"},
	phasePending:   {letters: "FFFTF", reason: "MaxUnavailableLimitReached"},
	phaseApplying:  {letters: "UUTFF", reason: "ConfigurationProgressing"},
	phaseRetrying:  {letters: "FTTFF", reason: "Retrying", odd: "Aborted", oddly: "SuccessfullyConfigured"},
	phaseSucceeded: {letters: "TFFFF", reason: "SuccessfullyConfigured"},
	phaseFailed:    {letters: "FTFFF", reason: "FailedToConfigure", odd: "Aborted", oddly: "SuccessfullyConfigured"},
	phaseAborted:   {letters: "FFFFT", reason: "ConfigurationAborted"},
}

var policyVerdicts = map[phase]verdict{
	phaseCreated:   {letters: "UUUU"},
	phaseApplying:  {letters: "UUTF", reason: "ConfigurationProgressing"},
	phaseSucceeded: {letters: "TFFF", reason: "SuccessfullyConfigured"},
	phaseFailed:    {letters: "FTFF", reason: "FailedToConfigure", odd: "Progressing", oddly: "ConfigurationProgressing"},
	phaseIgnored:   {letters: "FFFT", reason: "NoMatchingNode"},
}

// enactmentConditions moves an enactment's conditions to the phase.
func enactmentConditions(before []Condition, p phase, message string, now metav1.Time) []Condition {
	after := enactmentVerdicts[p].set(before, enactmentTypes, message, now)
	if p == phasePending { // the handler repeats the message of a wait on Progressing, which is False
		find(after, "Progressing").Message = message
	}
	return after
}

// policyConditions moves a policy's conditions to the phase. A reset forgets the earlier ones.
func policyConditions(before []Condition, p phase, message string, now metav1.Time) []Condition {
	if p == phaseCreated {
		before = nil
	}
	return policyVerdicts[p].set(before, policyTypes, message, now)
}

// set writes a verdict over the conditions; the message goes to those that are True. Heartbeats always move, transition
// times only with the status.
func (v verdict) set(before []Condition, types []string, message string, now metav1.Time) []Condition {
	after := append([]Condition(nil), before...)
	for i, kind := range types {
		c := find(after, kind)
		if c == nil {
			after = append(after, Condition{Type: kind})
			c = &after[len(after)-1]
		}
		status := map[byte]corev1.ConditionStatus{
			'T': corev1.ConditionTrue, 'F': corev1.ConditionFalse, 'U': corev1.ConditionUnknown,
		}[v.letters[i]]
		if c.Status != status {
			c.LastTransitionTime = now
		}
		c.Status, c.Reason, c.Message, c.LastHeartbeatTime = status, v.reason, "", now
		if kind == v.odd {
			c.Reason = v.oddly
		}
		if status == corev1.ConditionTrue {
			c.Message = message
		}
	}
	return after
}

func find(conditions []Condition, kind string) *Condition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}

// isTrue reports whether the condition exists and is True; a missing one counts as Unknown.
func isTrue(conditions []Condition, kind string) bool {
	c := find(conditions, kind)
	return c != nil && c.Status == corev1.ConditionTrue
}

// matchingNodes counts the nodes that fit a policy's selector and run a handler.
type matchingNodes struct{ all, ready int }

// judgePolicy computes what a policy's conditions must say from its enactments. Enactments of another generation count
// as unfinished, nodes that are NotReady do not count at all.
func judgePolicy(generation int64, nodes matchingNodes, enactments []enactment) (phase, string) {
	var available, failed, pending, aborted int
	for _, e := range enactments {
		if e.Status.PolicyGeneration != generation {
			continue
		}
		count := func(kind string, n *int) {
			if isTrue(e.Status.Conditions, kind) {
				*n++
			}
		}
		count("Available", &available)
		count("Failing", &failed)
		count("Pending", &pending)
		count("Aborted", &aborted)
	}
	finished := available + failed + aborted
	notReady := ""
	if n := nodes.all - nodes.ready; n > 0 {
		notReady = fmt.Sprintf(", %d nodes ignored due to NotReady state", n)
	}
	switch {
	case nodes.all == 0:
		return phaseIgnored, "Policy does not match any node"
	case failed+aborted > 0:
		message := fmt.Sprintf("%d/%d nodes failed to configure", failed, nodes.all)
		if aborted > 0 {
			message += fmt.Sprintf(", %d nodes aborted configuration", aborted)
		}
		return phaseFailed, message
	case finished < nodes.ready:
		return phaseApplying, fmt.Sprintf("Policy is progressing %d/%d nodes finished", finished, nodes.ready) + notReady
	case pending > 0:
		return phaseApplying, fmt.Sprintf("Policy is progressing %d/%d nodes finished, %d pending",
			finished, nodes.ready, pending) + notReady
	}
	return phaseSucceeded, fmt.Sprintf("%d/%d nodes successfully configured", available, nodes.all) + notReady
}
