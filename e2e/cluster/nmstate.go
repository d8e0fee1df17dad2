package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	policyGroup    = "nmstate.io"
	policyResource = "nodenetworkconfigurationpolicies"
	policyKind     = "NodeNetworkConfigurationPolicy"

	// admissionTimeout bounds the wait until the API server uses new admission rules.
	admissionTimeout = 30 * time.Second
)

// policyRules refuse what kubernetes-nmstate's ValidatingAdmissionPolicy (v0.86) refuses. They look at the main resource
// only: handlers write status freely, and a policy can always be deleted.
func policyRules() *admissionregistrationv1.ValidatingAdmissionPolicy {
	forbidden, fail := metav1.StatusReasonForbidden, admissionregistrationv1.Fail
	return &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "nmstate-node-network-configuration-policies"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
					Rule: admissionregistrationv1.Rule{
						APIGroups: []string{policyGroup}, APIVersions: []string{"*"}, Resources: []string{policyResource},
					},
				},
			}}},
			Variables: []admissionregistrationv1.Variable{
				{Name: "update", Expression: `request.operation == 'UPDATE'`},
				{Name: "specChanged", Expression: `object.?spec != oldObject.?spec`},
				// The reason is empty until a handler has seen the policy, and after it has lost its status.
				{Name: "settled", Expression: `oldObject.?status.?conditions.orValue([]).exists(c, c.type == 'Available' && ` +
					`!(c.?reason.orValue('') in ['', 'ConfigurationProgressing']))`},
			},
			Validations: []admissionregistrationv1.Validation{{
				Expression:        `variables.update || !format.labelValue().validate(object.metadata.name).hasValue()`,
				MessageExpression: `'invalid policy name "' + object.metadata.name + '": must be a label value of at most 63 characters'`,
				Reason:            &forbidden,
			}, {
				Expression:        `!variables.update || !variables.specChanged || variables.settled`,
				MessageExpression: `'policy ' + object.metadata.name + ' is still in progress'`,
				Reason:            &forbidden,
			}, {
				Expression: `!variables.update || object.?spec.?capture == oldObject.?spec.?capture`,
				Message:    "spec.capture cannot be changed: delete the policy and create it again",
				Reason:     &forbidden,
			}, {
				Expression: `object.?spec.?nodeSelector.orValue({}).all(k, !format.qualifiedName().validate(k).hasValue() && ` +
					`!format.labelValue().validate(object.spec.nodeSelector[k]).hasValue())`,
				Message: "spec.nodeSelector: keys and values must be those of labels",
			}},
		},
	}
}

func policyRulesBinding(rules string) *admissionregistrationv1.ValidatingAdmissionPolicyBinding {
	return &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: rules},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        rules,
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
}

// installNmstateAdmission creates nmstate's admission rules and stamp, and waits until the API server applies them.
func (c *Cluster) installNmstateAdmission(ctx context.Context) error {
	rules := policyRules()
	for _, object := range []client.Object{rules, policyRulesBinding(rules.Name), c.stampConfiguration()} {
		if err := c.client.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) { // as after its kinds were removed
			return fmt.Errorf("create %T %s: %w", object, object.GetName(), err)
		}
	}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, admissionTimeout, true, c.admissionInEffect)
	if err != nil {
		return errors.Join(errors.New("nmstate's admission rules did not take effect"), err)
	}
	return nil
}

// admissionInEffect tries one policy that must be refused and one that must be stamped, without storing either.
func (c *Cluster) admissionInEffect(ctx context.Context) (bool, error) {
	tooLong := newPolicy(strings.Repeat("x", 64))
	if err := c.client.Create(ctx, tooLong, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "invalid policy name") {
		return false, nil
	}
	probe := newPolicy("probe")
	if err := c.client.Create(ctx, probe, client.DryRunAll); err != nil {
		return false, nil
	}
	return probe.GetAnnotations()[StampAnnotation] != "", nil
}

func newPolicy(name string) *unstructured.Unstructured {
	policy := &unstructured.Unstructured{}
	policy.SetAPIVersion(policyGroup + "/v1")
	policy.SetKind(policyKind)
	policy.SetName(name)
	return policy
}
