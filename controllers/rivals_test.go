package controllers_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestASecondWriterOfTheStatusIsSaidAndNotFoughtOver(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "rival", 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	spoken := func(want bool) func() error {
		return func() error {
			if err := has(w, wk, "192.0.2.10")(); err != nil {
				return err
			}
			theirs := meta.FindStatusCondition(wk.Status.Conditions, "VolumesBound") != nil
			if is := len(wk.Status.NotActedOn) == 1 && wk.Status.NotActedOn[0].Field == "status"; is != want || theirs {
				return fmt.Errorf("of another writer: %v, its conditions: %v", wk.Status.NotActedOn, wk.Status.Conditions)
			}
			return nil
		}
	}
	// The operator of NovaSphere replaces the whole status with each of its passes.
	theirs := func() error {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil {
			return err
		}
		wk.Status = v1alpha1.WukongStatus{Phase: v1alpha1.PhaseRunning, Conditions: []metav1.Condition{
			{Type: "Ready", Status: metav1.ConditionTrue, Reason: "VMReady", LastTransitionTime: metav1.Now()},
			{Type: "VolumesBound", Status: metav1.ConditionTrue, Reason: "Bound", LastTransitionTime: metav1.Now()}}}
		return w.Admin.Status().Update(t.Context(), wk)
	}
	quiet(t, w)
	w.Requests.Reset()
	const passes = 50
	for range passes {
		eventually(t, theirs)
	}
	eventually(t, spoken(true))
	if held := heldBy(t, w, wk); len(held) != 1 {
		t.Errorf("it holds %v", held)
	}
	written := 0
	for _, write := range w.Requests.Writes() {
		if write.Namespace == ns && write.Resource == "wukongs/status" {
			written++
		}
	}
	if written > passes/2 {
		t.Errorf("for %d passes of the other writer the status was written %d times", passes, written)
	}
	eventually(t, spoken(false)) // once it is gone
}
