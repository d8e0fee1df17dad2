package nmstate

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Outcome is how one policy fares on one node, in one word.
type Outcome string

// Outcomes.
const (
	// OutcomeMissing: the node has no enactment of the policy (yet): the label is new, or no handler runs there.
	OutcomeMissing Outcome = "Missing"
	// OutcomeStale: the enactment is about an earlier generation, or an earlier life, of the policy; or the handler has
	// just emptied it.
	OutcomeStale Outcome = "Stale"
	// OutcomeWaiting: nmstate itself holds the node back, by the policy's maxUnavailable.
	OutcomeWaiting Outcome = "Waiting"
	// OutcomeApplying: the handler is at work. It may take 20 minutes, probes and rollback included.
	OutcomeApplying Outcome = "Applying"
	// OutcomeRetrying: an attempt failed and was rolled back; the handler tries again, five times in all.
	OutcomeRetrying Outcome = "Retrying"
	// OutcomeApplied: the node has what the policy says.
	OutcomeApplied Outcome = "Applied"
	// OutcomeFailing: the handler gave up. It does nothing more until the enactment goes.
	OutcomeFailing Outcome = "Failing"
	// OutcomeAborted: the handler never started, because too many other nodes failed.
	OutcomeAborted Outcome = "Aborted"
	// OutcomeUnknown: the enactment says nothing yet.
	OutcomeUnknown Outcome = "Unknown"
)

// Final says whether the outcome stays until somebody acts.
func (o Outcome) Final() bool { return o == OutcomeApplied || o.Failed() }

// Failed says whether the handler gave up.
func (o Outcome) Failed() bool { return o == OutcomeFailing || o == OutcomeAborted }

// Condition types and reasons of policies and enactments that handlers write and the module of their API does not name.
const (
	// ConditionIgnored is a policy condition: True where no node that runs a handler matches the policy.
	ConditionIgnored = "Ignored"
	// ReasonNoMatchingNode is the reason of an ignored policy.
	ReasonNoMatchingNode = "NoMatchingNode"
	// ReasonRetrying is the reason of an enactment whose attempt failed.
	ReasonRetrying = "Retrying"
)

// Condition types of enactments.
const (
	ConditionAvailable   = "Available"
	ConditionFailing     = "Failing"
	ConditionProgressing = "Progressing"
	ConditionPending     = "Pending"
	ConditionAborted     = "Aborted"
)

// PolicyRef is the policy that an enactment is held against.
type PolicyRef struct {
	Name       string
	Generation int64
	// Created is the policy's creationTimestamp. An enactment that is older survived an earlier policy of this name. The
	// zero time skips the comparison.
	Created time.Time
}

// Classify gives the outcome of the policy on the enactment's node; nil means that there is no enactment. Conditions of types
// that it does not know are ignored, and contradictions never count as Applied.
func Classify(p PolicyRef, e *Enactment) Outcome {
	switch {
	case e == nil || (e.Policy() != "" && e.Policy() != p.Name):
		return OutcomeMissing
	case e.Status.PolicyGeneration != p.Generation || len(e.Status.Conditions) == 0:
		return OutcomeStale
	case !p.Created.IsZero() && !e.CreationTimestamp.IsZero() && e.CreationTimestamp.Time.Before(p.Created.Truncate(time.Second)):
		return OutcomeStale
	}
	return e.decide()
}

// decide reads the conditions in the order in which they outweigh each other. Handlers before v0.86 show for a moment the new
// generation of an edited policy with the old conditions. Our policies are never edited, and of others the node's report is asked, too.
func (e *Enactment) decide() Outcome {
	failing, progressing := e.isTrue(ConditionFailing), e.isTrue(ConditionProgressing)
	switch {
	case e.isTrue(ConditionAborted):
		return OutcomeAborted
	case failing && progressing:
		return OutcomeRetrying
	case failing:
		return OutcomeFailing
	case e.isTrue(ConditionAvailable) && !progressing && !e.isTrue(ConditionPending):
		return OutcomeApplied
	case e.isTrue(ConditionPending):
		return OutcomeWaiting
	case progressing:
		return OutcomeApplying
	default:
		return OutcomeUnknown
	}
}

func (e *Enactment) isTrue(condition string) bool {
	c, ok := e.condition(condition)
	return ok && c.Status == metav1.ConditionTrue
}

func (e *Enactment) condition(name string) (EnactmentCondition, bool) {
	for _, c := range e.Status.Conditions {
		if c.Type == name {
			return c, true
		}
	}
	return EnactmentCondition{}, false
}

// Message gives the headline of what went wrong, or an empty string.
func (e *Enactment) Message() string {
	if e == nil {
		return ""
	}
	for _, name := range []string{ConditionAborted, ConditionFailing} {
		if c, ok := e.condition(name); ok && c.Status == metav1.ConditionTrue {
			return Headline(c.Message)
		}
	}
	return ""
}
