package cluster

import (
	"context"
	"errors"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ServerVersion gives the version of the API server, such as v1.37.2. Whoever is known to it may ask.
func (c *Cluster) ServerVersion() (string, error) {
	d, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return "", explain("get the version of the API server", err)
	}
	v, err := d.ServerVersion()
	if err != nil {
		return "", explain("get the version of the API server", err)
	}
	return v.GitVersion, nil
}

// Definitions gives all CustomResourceDefinitions.
func (c *Cluster) Definitions(ctx context.Context) ([]apiextensionsv1.CustomResourceDefinition, error) {
	list := func() *apiextensionsv1.CustomResourceDefinitionList {
		return &apiextensionsv1.CustomResourceDefinitionList{}
	}
	items := func(l *apiextensionsv1.CustomResourceDefinitionList) []apiextensionsv1.CustomResourceDefinition {
		return l.Items
	}
	return pages(ctx, c, "CustomResourceDefinitions", list, items)
}

// Deployments gives the Deployments of all namespaces.
func (c *Cluster) Deployments(ctx context.Context) ([]appsv1.Deployment, error) {
	list := func() *appsv1.DeploymentList { return &appsv1.DeploymentList{} }
	return pages(ctx, c, "Deployments", list, func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items })
}

// Pods gives the pods of a namespace that a label selector matches; "" means all namespaces.
func (c *Cluster) Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	parsed, err := labels.Parse(selector)
	if err != nil {
		return nil, err
	}
	list := func() *corev1.PodList { return &corev1.PodList{} }
	return pages(ctx, c, "Pods", list, func(l *corev1.PodList) []corev1.Pod { return l.Items },
		client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: parsed})
}

// LeaderLease gives a Lease by which replicas elect their leader, or nil where there is none.
func (c *Cluster) LeaderLease(ctx context.Context, namespace, name string) (*coordinationv1.Lease, error) {
	lease := &coordinationv1.Lease{}
	return orNil(lease, c.get(ctx, "Lease", client.ObjectKey{Namespace: namespace, Name: name}, lease))
}

// AdmissionRules gives all ValidatingAdmissionPolicies.
func (c *Cluster) AdmissionRules(ctx context.Context) ([]admissionv1.ValidatingAdmissionPolicy, error) {
	list := func() *admissionv1.ValidatingAdmissionPolicyList { return &admissionv1.ValidatingAdmissionPolicyList{} }
	items := func(l *admissionv1.ValidatingAdmissionPolicyList) []admissionv1.ValidatingAdmissionPolicy {
		return l.Items
	}
	return pages(ctx, c, "ValidatingAdmissionPolicies", list, items)
}

// AdmissionBindings gives all ValidatingAdmissionPolicyBindings.
func (c *Cluster) AdmissionBindings(ctx context.Context) ([]admissionv1.ValidatingAdmissionPolicyBinding, error) {
	list := func() *admissionv1.ValidatingAdmissionPolicyBindingList {
		return &admissionv1.ValidatingAdmissionPolicyBindingList{}
	}
	items := func(l *admissionv1.ValidatingAdmissionPolicyBindingList) []admissionv1.ValidatingAdmissionPolicyBinding {
		return l.Items
	}
	return pages(ctx, c, "ValidatingAdmissionPolicyBindings", list, items)
}

// NodeStateNames gives the metadata of all NodeNetworkStates, whose contents are large.
func (c *Cluster) NodeStateNames(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	return c.metadata(ctx, nodeStateKind, "NodeNetworkStates")
}

// PolicyNames gives the metadata of all NodeNetworkConfigurationPolicies.
func (c *Cluster) PolicyNames(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	return c.metadata(ctx, policyKind, "NodeNetworkConfigurationPolicies")
}

func (c *Cluster) metadata(ctx context.Context, kind schema.GroupVersionKind, kinds string) ([]metav1.PartialObjectMetadata, error) {
	list := func() *metav1.PartialObjectMetadataList {
		l := &metav1.PartialObjectMetadataList{}
		l.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		return l
	}
	return pages(ctx, c, kinds, list, func(l *metav1.PartialObjectMetadataList) []metav1.PartialObjectMetadata { return l.Items })
}

// reviews is how many questions about rights are asked at a time.
const reviews = 8

// Ask asks, for each of some rights, whether an account has it. account is NAMESPACE/NAME of a ServiceAccount, or empty for the
// caller. A question is an object that the API server does not keep.
func (c *Cluster) Ask(ctx context.Context, account string, rights []authorizationv1.ResourceAttributes) ([]bool, error) {
	c.options.Progress.Say("asking about %d rights", len(rights))
	defer c.options.Progress.Done()
	out, errs := make([]bool, len(rights)), make([]error, len(rights))
	var wait sync.WaitGroup
	turns := make(chan struct{}, reviews)
	for i := range rights {
		wait.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			out[i], errs[i] = c.ask(ctx, account, rights[i])
		})
	}
	wait.Wait()
	return out, firstOf(errs)
}

func (c *Cluster) ask(ctx context.Context, account string, right authorizationv1.ResourceAttributes) (bool, error) {
	if account == "" {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right}}
		err := c.client.Create(ctx, review)
		return review.Status.Allowed, explain("create SelfSubjectAccessReview", err)
	}
	namespace, name, _ := strings.Cut(account, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + namespace + ":" + name,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		ResourceAttributes: &right,
	}}
	err := c.client.Create(ctx, review)
	return review.Status.Allowed, explain("create SubjectAccessReview", err)
}

// firstOf gives the first error there is, so that one missing right is told once.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}
