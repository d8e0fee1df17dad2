package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var noon = metav1.NewTime(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))

// letters shows conditions as the tables of nmstate's behaviour write them: Available, Failing, Progressing, ...
func letters(conditions []Condition, types []string) string {
	out := ""
	for _, kind := range types {
		out += string(find(conditions, kind).Status)[:1]
	}
	return out
}

func TestEnactmentConditions(t *testing.T) {
	cases := map[string]struct {
		phase   phase
		letters string
		reason  string
		aborted string
		said    []string // where the message stands
	}{
		"at creation everything is unknown without a reason": {phaseCreated, "UUUUU", "", "", nil},
		"pending tells of the limit, on Progressing too": {phasePending, "FFFTF", "MaxUnavailableLimitReached",
			"MaxUnavailableLimitReached", []string{"Progressing", "Pending"}},
		"applying leaves the outcome unknown": {phaseApplying, "UUTFF", "ConfigurationProgressing",
			"ConfigurationProgressing", []string{"Progressing"}},
		"retrying fails and progresses, and Aborted claims success": {phaseRetrying, "FTTFF", "Retrying",
			"SuccessfullyConfigured", []string{"Failing", "Progressing"}},
		"success": {phaseSucceeded, "TFFFF", "SuccessfullyConfigured", "SuccessfullyConfigured",
			[]string{"Available"}},
		"failed: Aborted claims success": {phaseFailed, "FTFFF", "FailedToConfigure", "SuccessfullyConfigured",
			[]string{"Failing"}},
		"aborted": {phaseAborted, "FFFFT", "ConfigurationAborted", "ConfigurationAborted",
			[]string{"Aborted"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := enactmentConditions(nil, c.phase, "message", noon)
			if diff := cmp.Diff(c.letters, letters(got, enactmentTypes)); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
			var said []string
			for _, condition := range got {
				want := c.reason
				if condition.Type == "Aborted" {
					want = c.aborted
				}
				if condition.Reason != want {
					t.Errorf("%s has reason %q, want %q", condition.Type, condition.Reason, want)
				}
				if condition.Message != "" {
					said = append(said, condition.Type)
				}
			}
			if diff := cmp.Diff(c.said, said); diff != "" {
				t.Errorf("message stands on (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTransitionTimeMovesWithTheStatusAndHeartbeatAlways(t *testing.T) {
	later := metav1.NewTime(noon.Add(time.Minute))
	first := enactmentConditions(nil, phaseRetrying, "1", noon)
	second := enactmentConditions(first, phaseFailed, "2", later)
	for kind, want := range map[string]metav1.Time{"Failing": noon, "Progressing": later} {
		if got := find(second, kind).LastTransitionTime; !got.Equal(&want) {
			t.Errorf("%s: transition at %s, want %s", kind, got, want)
		}
		if got := find(second, kind).LastHeartbeatTime; !got.Equal(&later) {
			t.Errorf("%s: heartbeat at %s, want %s", kind, got, later)
		}
	}
	if diff := cmp.Diff("FTTFF", letters(first, enactmentTypes)); diff != "" {
		t.Errorf("the earlier conditions were changed in place (-want +got):\n%s", diff)
	}
}

func TestPolicyConditions(t *testing.T) {
	cases := map[string]struct {
		phase       phase
		letters     string
		reason, odd string // odd is that of Progressing
	}{
		"reset":       {phaseCreated, "UUUU", "", ""},
		"progressing": {phaseApplying, "UUTF", "ConfigurationProgressing", "ConfigurationProgressing"},
		"success":     {phaseSucceeded, "TFFF", "SuccessfullyConfigured", "SuccessfullyConfigured"},
		"failed: Progressing keeps its own reason": {phaseFailed, "FTFF", "FailedToConfigure", "ConfigurationProgressing"},
		"no node": {phaseIgnored, "FFFT", "NoMatchingNode", "NoMatchingNode"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := policyConditions(policyConditions(nil, phaseSucceeded, "before", noon), c.phase, "m", noon)
			if diff := cmp.Diff(c.letters, letters(got, policyTypes)); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
			for _, condition := range got {
				want := c.reason
				if condition.Type == "Progressing" {
					want = c.odd
				}
				if condition.Reason != want {
					t.Errorf("%s has reason %q, want %q", condition.Type, condition.Reason, want)
				}
			}
		})
	}
}

// enacted is an enactment of generation 2 in a phase.
func enacted(p phase) enactment {
	return enactment{Status: enactmentStatus{PolicyGeneration: 2, Conditions: enactmentConditions(nil, p, "", noon)}}
}

func TestJudgePolicy(t *testing.T) {
	stale := enacted(phaseFailed)
	stale.Status.PolicyGeneration = 1
	cases := map[string]struct {
		nodes      matchingNodes
		enactments []enactment
		want       phase
		message    string
	}{
		"no matching node is ignored, whatever enactments linger": {matchingNodes{0, 0}, []enactment{enacted(phaseFailed)},
			phaseIgnored, "Policy does not match any node"},
		"one failure degrades although others progress": {matchingNodes{3, 3},
			[]enactment{enacted(phaseFailed), enacted(phaseApplying), enacted(phaseSucceeded)},
			phaseFailed, "1/3 nodes failed to configure"},
		"a retry degrades already": {matchingNodes{1, 1}, []enactment{enacted(phaseRetrying)},
			phaseFailed, "1/1 nodes failed to configure"},
		"an abort degrades": {matchingNodes{2, 2}, []enactment{enacted(phaseAborted), enacted(phaseFailed)},
			phaseFailed, "1/2 nodes failed to configure, 1 nodes aborted configuration"},
		"unfinished means progressing": {matchingNodes{2, 2}, []enactment{enacted(phaseSucceeded), enacted(phaseApplying)},
			phaseApplying, "Policy is progressing 1/2 nodes finished"},
		"another generation is unfinished": {matchingNodes{1, 1}, []enactment{stale},
			phaseApplying, "Policy is progressing 0/1 nodes finished"},
		"pending after the ready nodes finished is progressing": {matchingNodes{2, 1},
			[]enactment{enacted(phaseSucceeded), enacted(phasePending)}, phaseApplying,
			"Policy is progressing 1/1 nodes finished, 1 pending, 1 nodes ignored due to NotReady state"},
		"a NotReady node leaves the denominator": {matchingNodes{2, 1}, []enactment{enacted(phaseSucceeded)},
			phaseSucceeded, "1/2 nodes successfully configured, 1 nodes ignored due to NotReady state"},
		"all available": {matchingNodes{2, 2}, []enactment{enacted(phaseSucceeded), enacted(phaseSucceeded)},
			phaseSucceeded, "2/2 nodes successfully configured"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, message := judgePolicy(2, c.nodes, c.enactments)
			if got != c.want || message != c.message {
				t.Errorf("got phase %d %q, want %d %q", got, message, c.want, c.message)
			}
		})
	}
}
