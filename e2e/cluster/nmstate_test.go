package cluster

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// policyName makes a policy's name from the test's, as policies have no namespace.
func policyName(t *testing.T) string {
	name := strings.ToLower(t.Name())
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(name[max(0, len(name)-50):], "-")
}

// createPolicy stores a policy whose Available condition has the given reason; without a reason it has no status.
func createPolicy(t *testing.T, c client.Client, availableReason string) *unstructured.Unstructured {
	t.Helper()
	policy := newPolicy(policyName(t))
	setField(t, policy, "up", "spec", "desiredState", "interfaces")
	setField(t, policy, "capture.base", "spec", "capture", "base")
	if err := c.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), policy); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	if availableReason == "" {
		return policy
	}
	conditions := []any{map[string]any{"type": "Available", "status": "Unknown", "reason": availableReason}}
	setField(t, policy, conditions, "status", "conditions")
	if err := c.Status().Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

func setField(t *testing.T, object *unstructured.Unstructured, value any, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(object.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}

func changeSpec(t *testing.T, p *unstructured.Unstructured) {
	setField(t, p, "down", "spec", "desiredState", "interfaces")
}

func TestNmstateRefusesEditsAsItsAdmissionPolicyDoes(t *testing.T) {
	c := newClient(t, shared.ForTest(t).AdminConfig())
	for name, test := range map[string]struct {
		available string
		edit      func(*testing.T, *unstructured.Unstructured)
		want      string // part of the error; empty: accepted
	}{
		"a spec edit is refused before a handler has seen the policy":         {"", changeSpec, "is still in progress"},
		"a spec edit is refused while the policy progresses":                  {"ConfigurationProgressing", changeSpec, "is still in progress"},
		"a spec edit is accepted after success":                               {"SuccessfullyConfigured", changeSpec, ""},
		"a spec edit is accepted when the policy is degraded":                 {"FailedToConfigure", changeSpec, ""},
		"a spec edit is accepted when no node matches":                        {"NoMatchingNode", changeSpec, ""},
		"a metadata edit is accepted while the policy progresses":             {"ConfigurationProgressing", changeLabel, ""},
		"a capture edit is refused even after success":                        {"SuccessfullyConfigured", changeCapture, "capture cannot be changed"},
		"removing the capture is refused":                                     {"SuccessfullyConfigured", removeCapture, "capture cannot be changed"},
		"a node selector whose value is no label value is refused":            {"SuccessfullyConfigured", selectNode("a b"), "nodeSelector"},
		"a node selector whose value is a label value, even empty, is stored": {"SuccessfullyConfigured", selectNode(""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			policy := createPolicy(t, c, test.available)
			test.edit(t, policy)
			err := c.Update(t.Context(), policy)
			if test.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			if strings.Contains(test.want, "progress") && !apierrors.IsForbidden(err) {
				t.Errorf("got %v, want the reason Forbidden", apierrors.ReasonForError(err))
			}
		})
	}
}

func changeLabel(t *testing.T, p *unstructured.Unstructured) {
	setField(t, p, "b", "metadata", "labels", "a")
}

func changeCapture(t *testing.T, p *unstructured.Unstructured) {
	setField(t, p, "other", "spec", "capture", "base")
}

func removeCapture(_ *testing.T, p *unstructured.Unstructured) {
	unstructured.RemoveNestedField(p.Object, "spec", "capture")
}

func selectNode(value string) func(*testing.T, *unstructured.Unstructured) {
	return func(t *testing.T, p *unstructured.Unstructured) {
		setField(t, p, value, "spec", "nodeSelector", "example.org/uplink")
	}
}

func TestNmstateRefusesAPolicyWhoseNameIsNoLabelValue(t *testing.T) {
	c := newClient(t, shared.ForTest(t).AdminConfig())
	err := c.Create(t.Context(), newPolicy(strings.Repeat("a", 64)))
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "63") {
		t.Errorf("got %v, want Forbidden with the limit of 63 characters", err)
	}
}

func TestNmstateStampsEveryWriteOfAPolicySoThatNoUpdateIsWithoutEffect(t *testing.T) {
	c := newClient(t, shared.ForTest(t).AdminConfig())
	policy := createPolicy(t, c, "SuccessfullyConfigured")
	before := policy.DeepCopy()
	if before.GetAnnotations()[StampAnnotation] == "" {
		t.Fatal("creation did not stamp the policy")
	}
	if err := c.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	if policy.GetAnnotations()[StampAnnotation] == before.GetAnnotations()[StampAnnotation] {
		t.Error("an update that changes nothing left the stamp as it was")
	}
	if policy.GetResourceVersion() == before.GetResourceVersion() {
		t.Error("an update that changes nothing left the resource version as it was")
	}
	if policy.GetGeneration() != before.GetGeneration() {
		t.Error("the stamp changed the generation")
	}
}

func TestNmstateStatusFieldsOfNewerHandlersAreKept(t *testing.T) {
	c := newClient(t, shared.ForTest(t).AdminConfig())
	policy := createPolicy(t, c, "SuccessfullyConfigured")
	setField(t, policy, map[string]any{"3": int64(1)}, "status", "unavailableNodeCountMap")
	if err := c.Status().Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	if count, _, _ := unstructured.NestedInt64(policy.Object, "status", "unavailableNodeCountMap", "3"); count != 1 {
		t.Errorf("status.unavailableNodeCountMap[3] = %d, want 1", count)
	}
}

// The API server calls the webhook for status writes too, as kubernetes-nmstate asks for, but keeps nothing but the status.
func TestNmstateStampDoesNotReachAPolicyThroughItsStatus(t *testing.T) {
	c := newClient(t, shared.ForTest(t).AdminConfig())
	policy := createPolicy(t, c, "SuccessfullyConfigured")
	before := policy.DeepCopy()
	if err := c.Status().Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	if policy.GetResourceVersion() != before.GetResourceVersion() {
		t.Error("a status update that changes nothing changed the object")
	}
}
