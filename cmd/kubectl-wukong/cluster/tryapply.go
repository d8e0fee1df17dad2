package cluster

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// TryApply has the API server apply an object of one of our kinds without keeping it, so that its schema, its rules and those of
// admission are asked. One that it does not accept is an Error with the cause Refused.
func (c *Cluster) TryApply(ctx context.Context, kind string, object client.Object) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	o := &unstructured.Unstructured{Object: content}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	unstructured.RemoveNestedField(o.Object, "status")
	unstructured.RemoveNestedField(o.Object, "metadata", "creationTimestamp")
	c.options.Progress.Say("trying %s %s", kind, o.GetName())
	defer c.options.Progress.Done()
	err = c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("kubectl-wukong"), client.ForceOwnership, client.DryRunAll)
	if err == nil {
		return nil
	}
	explained := &Error{Cause: causeOf(err), Text: err.Error(), Err: err}
	// Who says no by rule, and not for want of a right, is named in the answer.
	if explained.Cause == Forbidden && (strings.Contains(err.Error(), "ValidatingAdmissionPolicy") || strings.Contains(err.Error(), "admission webhook")) {
		explained.Cause = Refused
	}
	return explained
}
