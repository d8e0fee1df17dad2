package controllers

import (
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// State is the kind of an outcome, which decides how kstatus reads the object.
type State int

const (
	// Working: the controller is at work, or waits for something that comes by itself.
	Working State = iota
	// Done: everything asked for is true.
	Done
	// Stalled: a person has to act.
	Stalled
)

// Verdict is the outcome of one reconcile of one object.
type Verdict struct {
	State   State
	Reason  string
	Message string
}

// setVerdict is the one writer of Ready, Reconciling and Stalled. Reconciling and Stalled are present only when True, and
// repeat the words of Ready, because tools print theirs.
func setVerdict(conditions *[]metav1.Condition, generation int64, v Verdict) {
	ready := metav1.ConditionFalse
	if v.State == Done {
		ready = metav1.ConditionTrue
	}
	setCondition(conditions, generation, v1alpha1.ConditionReady, ready, v.Reason, v.Message)
	for typ, state := range map[string]State{v1alpha1.ConditionReconciling: Working, v1alpha1.ConditionStalled: Stalled} {
		if v.State == state {
			setCondition(conditions, generation, typ, metav1.ConditionTrue, v.Reason, v.Message)
		} else {
			meta.RemoveStatusCondition(conditions, typ)
		}
	}
}

// setCondition sets one condition; its transition time moves only with its status.
func setCondition(conditions *[]metav1.Condition, generation int64, typ string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(conditions, metav1.Condition{Type: typ, Status: status, ObservedGeneration: generation,
		Reason: reason, Message: clip(message)})
}

// maxMessage bounds condition messages, in bytes: they are read in one line of a terminal.
const maxMessage = 512

// clip cuts s to maxMessage.
func clip(s string) string { return clipTo(s, maxMessage) }

// clipTo cuts s to a number of bytes at a character boundary, marking the cut.
func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// settle turns the end of a reconcile into its result. Losing a race, or an object that went meanwhile, is no error: the
// next look decides on newer data.
func settle(result ctrl.Result, err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: 50 * time.Millisecond}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return result, nil
}
