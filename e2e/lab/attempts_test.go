package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestFailureIsFinalUntilTheEnactmentIsRenewed(t *testing.T) {
	s := newStage(t, "fail", 1, Options{Attempts: 3})
	if err := s.Fail(s.node(1), Fault{Gone: "eth1"}); err != nil {
		t.Fatal(err)
	}
	s.apply("red", plainBridge, map[string]any{"nodeSelector": map[string]any{"red": "on"}, "maxUnavailable": int64(2)})
	s.awaitPolicy("red", "FFFT")
	s.relabel(1, "red", "on")
	s.await(1, "red", "FTFFF")
	s.awaitPolicy("red", "FTFF")
	e := s.enactment(1, "red")
	message := find(e.Status.Conditions, "Failing").Message
	if !strings.Contains(message, "NmstateError: InvalidArgument: Ethernet interface eth1 does not exists\n") {
		t.Errorf("message: %s", message)
	}
	if got := e.Status.RetryCount["1"]; got != 3 {
		t.Errorf("retryCount is %d, want 3", got)
	}
	p, err := s.store.policy(t.Context(), "red")
	if err != nil || p.Status.UnavailableNodeCountMap["1"] != 1 {
		t.Errorf("the failed node's slot: %v %v", p.Status.UnavailableNodeCountMap, err)
	}
	events := &corev1.EventList{}
	if err := s.store.List(t.Context(), events, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
		return e.Reason == "ReconcileFailed" && e.InvolvedObject.Name == "red" && e.Type == corev1.EventTypeWarning
	}) {
		t.Error("no event ReconcileFailed on the policy")
	}

	if err := s.Repair(s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.relabel(1, "other", "label")
	stays(t, "a repaired node", "FTFFF", func() string { return s.verdict(1, "red") })
	s.relabel(1, "red", "")
	s.await(1, "red", "none")
	s.relabel(1, "red", "on")
	s.await(1, "red", "TFFFF")
}

// v0.87 frees the slots of a generation only when all of its nodes succeed (kubernetes-nmstate PR 1571).
func TestAFailedNodesSlotOutlivesItsEnactment(t *testing.T) {
	for name, c := range map[string]struct {
		release Release
		limit   any
		want    string
	}{
		"v0.87: the renewed node waits for ever":  {V087, "50%", "FFFTF"},
		"v0.87: also when all may work at a time": {V087, "100%", "FFFTF"},
		"v0.87: a number leaves slots over":       {V087, int64(1000), "TFFFF"},
		"later: the slot is taken back":           {After087, "50%", "TFFFF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "ghost", 1, Options{Attempts: 1, Release: c.release})
			if err := s.Fail(s.node(1), Fault{Gone: "eth1", Attempts: 1}); err != nil {
				t.Fatal(err)
			}
			s.apply("ghost", plainBridge, map[string]any{"nodeSelector": map[string]any{"ghost": "on"}, "maxUnavailable": c.limit})
			s.awaitPolicy("ghost", "FFFT")
			s.relabel(1, "ghost", "on")
			s.await(1, "ghost", "FTFFF")
			s.relabel(1, "ghost", "")
			s.await(1, "ghost", "none")
			s.relabel(1, "ghost", "on")
			s.await(1, "ghost", c.want)
			stays(t, "the renewed enactment", c.want, func() string { return s.verdict(1, "ghost") })
		})
	}
}

func TestANewGenerationOrAHandlerRestartTriesAgain(t *testing.T) {
	s := newStage(t, "again", 1, Options{Attempts: 2})
	if err := s.Fail(s.node(1), Fault{Error: "VerificationError: Verification failure: br1.interface.mtu", Attempts: 4}); err != nil {
		t.Fatal(err)
	}
	s.apply("again", plainBridge, nil)
	s.await(1, "again", "FTFFF")
	if err := s.StopHandler(t.Context(), s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.drain(1, "again")
	if err := s.StartHandler(t.Context(), s.node(1)); err != nil {
		t.Fatal(err)
	}
	becomes(t, "failed again after the restart", true, func() bool { return slices.Contains(s.drain(1, "again"), PolicyFailed) })
	becomes(t, "edit", nil, func() error { // a policy in the middle of a reset refuses edits
		u := blank(policyKind)
		if err := s.store.Get(t.Context(), types.NamespacedName{Name: "again"}, u); err != nil {
			t.Fatal(err)
		}
		u.Object["spec"].(map[string]any)["maxUnavailable"] = "1%"
		err := s.store.Update(t.Context(), u)
		if apierrors.IsForbidden(err) || apierrors.IsConflict(err) {
			return errAbandoned
		}
		return err
	})
	s.await(1, "again", "TFFFF")
	if got := s.enactment(1, "again").Status.PolicyGeneration; got != 2 {
		t.Errorf("generation %d, want 2", got)
	}
}

func TestFailedNodesKeepTheirSlotsAndTheRestAborts(t *testing.T) {
	s := newStage(t, "slots", 3, Options{Attempts: 2})
	for i := 1; i <= 3; i++ {
		if err := s.Fail(s.node(i), Fault{Gone: "eth1"}); err != nil {
			t.Fatal(err)
		}
	}
	s.apply("slots", plainBridge, map[string]any{"maxUnavailable": int64(1)})
	becomes(t, "verdicts", "FFFFT FFFFT FTFFF", func() string {
		all := []string{s.verdict(1, "slots"), s.verdict(2, "slots"), s.verdict(3, "slots")}
		slices.Sort(all)
		return strings.Join(all, " ")
	})
	s.awaitPolicy("slots", "FTFF")
	waited := 0
	for range len(s.Events()) {
		if event := <-s.Events(); event.Kind == PolicyWaiting {
			waited++
		}
	}
	if waited < 2 {
		t.Errorf("%d waits, want one of each other node at least", waited)
	}
}

func TestASlowNodeTakesItsTimeAndTheOthersDoNot(t *testing.T) {
	s := newStage(t, "slow", 2, Options{ApplyTime: time.Millisecond})
	if err := s.Slow(s.node(1), time.Hour); err != nil {
		t.Fatal(err)
	}
	s.apply("slow", plainBridge, map[string]any{"maxUnavailable": int64(2)})
	s.await(2, "slow", "TFFFF")
	s.await(1, "slow", "UUTFF")
	stays(t, "the slow node", "UUTFF", func() string { return s.verdict(1, "slow") })
	if err := s.StopHandler(t.Context(), s.node(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Slow(s.node(1), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.StartHandler(t.Context(), s.node(1)); err != nil {
		t.Fatal(err)
	}
	s.await(1, "slow", "TFFFF")
}
