package nmstate

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// enactment has the conditions Available, Failing, Progressing, Pending and Aborted, each T, F or U, as handlers write them.
func enactment(generation int64, statuses, reason string) *Enactment {
	e := &Enactment{ObjectMeta: metav1.ObjectMeta{
		Name: "node1.p", Labels: map[string]string{PolicyLabel: "p", NodeLabel: "node1"}, CreationTimestamp: metav1.NewTime(noon),
	}}
	e.Status.PolicyGeneration = generation
	status := map[byte]metav1.ConditionStatus{'T': metav1.ConditionTrue, 'F': metav1.ConditionFalse, 'U': metav1.ConditionUnknown}
	types := []string{ConditionAvailable, ConditionFailing, ConditionProgressing, ConditionPending, ConditionAborted}
	for k, s := range strings.Split(statuses, "/") {
		if s == "-" {
			continue
		}
		e.Status.Conditions = append(e.Status.Conditions, EnactmentCondition{
			Type: types[k], Status: status[s[0]], Reason: reason, LastHeartbeatTime: metav1.NewTime(noon),
		})
	}
	return e
}

func TestClassifyReadsTheTableOfStates(t *testing.T) {
	ref := PolicyRef{Name: "p", Generation: 2}
	cases := map[string]struct {
		e     *Enactment
		want  Outcome
		final bool
	}{
		"no enactment":          {nil, OutcomeMissing, false},
		"created":               {enactment(2, "U/U/U/U/U", ""), OutcomeUnknown, false},
		"pending":               {enactment(2, "F/F/F/T/F", "MaxUnavailableLimitReached"), OutcomeWaiting, false},
		"applying":              {enactment(2, "U/U/T/F/F", "ConfigurationProgressing"), OutcomeApplying, false},
		"retrying":              {enactment(2, "F/T/T/F/F", "Retrying"), OutcomeRetrying, false},
		"success":               {enactment(2, "T/F/F/F/F", "SuccessfullyConfigured"), OutcomeApplied, true},
		"failed":                {enactment(2, "F/T/F/F/F", "FailedToConfigure"), OutcomeFailing, true},
		"aborted":               {enactment(2, "F/F/F/F/T", "ConfigurationAborted"), OutcomeAborted, true},
		"conditions empty":      {enactment(2, "-/-/-/-/-", ""), OutcomeStale, false},
		"older generation":      {enactment(1, "T/F/F/F/F", "SuccessfullyConfigured"), OutcomeStale, false},
		"newer generation":      {enactment(3, "T/F/F/F/F", "SuccessfullyConfigured"), OutcomeStale, false},
		"generation zero":       {enactment(0, "U/U/U/U/U", ""), OutcomeStale, false},
		"only one that is true": {enactment(2, "T/-/-/-/-", "SuccessfullyConfigured"), OutcomeApplied, true},
		"only an unknown one":   {enactment(2, "-/-/U/-/-", ""), OutcomeUnknown, false},

		"aborted outweighs failing":           {enactment(2, "F/T/F/F/T", ""), OutcomeAborted, true},
		"failing outweighs available":         {enactment(2, "T/T/F/F/F", ""), OutcomeFailing, true},
		"available while at work is not done": {enactment(2, "T/F/T/F/F", ""), OutcomeApplying, false},
		"available while pending is not done": {enactment(2, "T/F/F/T/F", ""), OutcomeWaiting, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := Classify(ref, c.e)
			if got != c.want || got.Final() != c.final {
				t.Errorf("got %s (final %t), want %s (final %t)", got, got.Final(), c.want, c.final)
			}
		})
	}
}

func TestClassifyTellsLivesOfAPolicyApart(t *testing.T) {
	cases := map[string]struct {
		ref      PolicyRef
		statuses string
		want     Outcome
	}{
		"an enactment older than the policy is of an earlier one": {
			PolicyRef{Name: "p", Generation: 2, Created: noon.Add(time.Second)}, "T/F/F/F/F", OutcomeStale},
		"an exhausted one that is older is of an earlier one, too": {
			PolicyRef{Name: "p", Generation: 2, Created: noon.Add(time.Second)}, "F/T/F/F/F", OutcomeStale},
		"one made in the same second is of this one": {
			PolicyRef{Name: "p", Generation: 2, Created: noon.Add(900 * time.Millisecond)}, "T/F/F/F/F", OutcomeApplied},
		"an enactment of another policy is none": {
			PolicyRef{Name: "q", Generation: 2}, "T/F/F/F/F", OutcomeMissing},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Classify(c.ref, enactment(2, c.statuses, "")); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestConditionsOfUnknownTypesChangeNothing(t *testing.T) {
	e := enactment(2, "T/F/F/F/F", "")
	e.Status.Conditions = append(e.Status.Conditions, EnactmentCondition{Type: "Finalizing", Status: metav1.ConditionTrue})
	if got := Classify(PolicyRef{Name: "p", Generation: 2}, e); got != OutcomeApplied {
		t.Errorf("got %s", got)
	}
}

func TestMessageComesFromTheConditionThatFailed(t *testing.T) {
	e := enactment(2, "F/T/F/F/F", "")
	for k := range e.Status.Conditions {
		e.Status.Conditions[k].Message = "about " + e.Status.Conditions[k].Type
	}
	if got := e.Message(); got != "about Failing" {
		t.Errorf("got %q", got)
	}
	if got := enactment(2, "T/F/F/F/F", "").Message(); got != "" {
		t.Errorf("a success says %q", got)
	}
	if got := (*Enactment)(nil).Message(); got != "" {
		t.Errorf("no enactment says %q", got)
	}
}
