package gitops

import (
	"context"
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/runtime/conditions/check"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// told is a problem that only a person can solve: the first status of the generation has to tell it.
type told struct {
	id         id
	generation int64
	reason     string
}

// verdicts judges a recording: one line for each rule that a revision breaks.
func verdicts(ctx context.Context, tools *judges, recording []revision, problems []told) []string {
	past := newPast()
	var out []string
	open := map[told]bool{}
	for _, p := range problems {
		open[p] = true
	}
	for _, r := range recording {
		past.next(r)
		if r.deleted {
			continue
		}
		for _, wrong := range judged(ctx, tools, past, r) {
			out = append(out, fmt.Sprintf("revision %d, %s: %s", r.number, r.id, wrong))
		}
		for p := range open {
			if p.id != r.id || r.object.GetGeneration() != p.generation || observed(r.object) != p.generation {
				continue
			}
			delete(open, p)
			if wrong := tellsAtOnce(ctx, tools, r.object, p.reason); wrong != "" {
				out = append(out, fmt.Sprintf("revision %d, %s: %s", r.number, r.id, wrong))
			}
		}
	}
	for p := range open {
		out = append(out, fmt.Sprintf("%s has no status of generation %d", p.id, p.generation))
	}
	return out
}

func observed(object *unstructured.Unstructured) int64 {
	out, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	return out
}

// judged gives what is wrong with how tools read one revision of an object of ours.
func judged(ctx context.Context, tools *judges, past *past, r revision) []string {
	object := r.object
	if object.GroupVersionKind().Group != v1alpha1.GroupVersion.Group || object.GetKind() == "AddressLease" {
		return nil
	}
	j, err := tools.judge(ctx, object)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	current := j.kstatus == status.CurrentStatus
	if paused := j.argocd == Suspended; !paused && current != (j.argocd == Healthy) {
		out = append(out, fmt.Sprintf("kstatus reads %s, and Argo CD %s", j.kstatus, j.argocd))
	}
	if observed(object) == object.GetGeneration() {
		if fail := checked(ctx, object); fail != nil {
			out = append(out, fmt.Sprintf("breaks a rule of Flux: %s", fail))
		}
	}
	if !current {
		return out
	}
	if observed(object) != object.GetGeneration() {
		out = append(out, fmt.Sprintf("reads current in generation %d, and was observed in %d", object.GetGeneration(), observed(object)))
	}
	if err := past.evidence(r); err != nil {
		out = append(out, "reads current: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return out
}

// tellsAtOnce says what is wrong with the first status of a generation that has a problem.
func tellsAtOnce(ctx context.Context, tools *judges, object *unstructured.Unstructured, reason string) string {
	j, err := tools.judge(ctx, object)
	if err != nil {
		return err.Error()
	}
	ready := meta.FindStatusCondition(decoded[conditioned](object).Status.Conditions, v1alpha1.ConditionReady)
	if j.kstatus == status.FailedStatus && j.argocd == Degraded && ready != nil && ready.Reason == reason {
		return ""
	}
	return fmt.Sprintf("the first status of generation %d reads %s and %s, with %q; it should tell %s", object.GetGeneration(), j.kstatus, j.argocd, j.message, reason)
}

// conditioned is what the kinds have in common, as Flux's checker of conditions takes it.
type conditioned struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Status            struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		Conditions         []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// GetConditions gives the conditions of the status.
func (c *conditioned) GetConditions() []metav1.Condition { return c.Status.Conditions }

// DeepCopyObject is not needed: the checker only reads.
func (c *conditioned) DeepCopyObject() runtime.Object { return c }

// checked asks Flux's checker about the conditions of an object whose generation was observed.
func checked(ctx context.Context, object *unstructured.Unstructured) error {
	checker := check.NewChecker(nil, &check.Conditions{NegativePolarity: []string{v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling}})
	checker.DisableFetch = true
	fail, _ := checker.Check(ctx, decoded[conditioned](object))
	return fail
}
