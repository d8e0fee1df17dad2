package controllers

import (
	"context"
	"encoding/json"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// secrets writes Secrets and never sees what is in one: the controller may not get, list or watch any, and the API server is asked
// to answer writes with metadata alone. Whether a Secret is one of ours the API server tests itself, as a part of each patch.
type secrets struct{ api rest.Interface }

func newSecrets(rc *rest.Config, hc *http.Client) (*secrets, error) {
	c, err := corev1client.NewForConfigAndClient(rc, hc)
	if err != nil {
		return nil, err
	}
	return &secrets{c.RESTClient()}, nil
}

// operation is one step of a JSON patch. Where a test fails, nothing is changed, and the answer (422) says which test.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// firstOwner is where a Secret that is made here has its Wukong. Others add themselves behind it.
const firstOwner = "/metadata/ownerReferences/0"

// madeFor tests that a Secret was made here for a Wukong of the name of w: for w, or for one that is gone.
func madeFor(w *v1alpha1.Wukong, immutable bool) []operation {
	out := []operation{
		{"test", "/metadata/labels/app.kubernetes.io~1managed-by", v1alpha1.ManagedBy},
		{"test", firstOwner + "/kind", "Wukong"},
		{"test", firstOwner + "/name", w.Name},
		{"test", "/type", corev1.SecretTypeOpaque},
	}
	if immutable {
		out = append(out, operation{"test", "/immutable", true})
	}
	return out
}

func (s *secrets) create(ctx context.Context, secret *corev1.Secret) error {
	return s.ask(s.api.Post(), secret.Namespace).Body(secret).Do(ctx).Error()
}

// patch carries out all operations or none, and gives the metadata afterwards.
func (s *secrets) patch(ctx context.Context, key types.NamespacedName, operations []operation) (*metav1.PartialObjectMetadata, error) {
	body, err := json.Marshal(operations)
	if err != nil {
		return nil, err
	}
	result := s.ask(s.api.Patch(types.JSONPatchType), key.Namespace).Name(key.Name).Body(body).Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	out := &metav1.PartialObjectMetadata{}
	raw, err := result.Raw()
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	return out, err
}

// remove deletes the very Secret that was looked at.
func (s *secrets) remove(ctx context.Context, secret *metav1.PartialObjectMetadata) error {
	only := &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(secret.UID))}
	return s.ask(s.api.Delete(), secret.Namespace).Name(secret.Name).Body(only).Do(ctx).Error()
}

func (s *secrets) ask(request *rest.Request, namespace string) *rest.Request {
	return request.Namespace(namespace).Resource("secrets").SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
}
