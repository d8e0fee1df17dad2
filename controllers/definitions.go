package controllers

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hostDefinitions are the definitions of the kinds that decide what hosts have.
var hostDefinitions = []string{"hostuplinks.vm.novasphere.dev", "hostnetworks.vm.novasphere.dev", "wukongs.vm.novasphere.dev"}

// definitionsLeaving says whether one of them is being deleted, read past the cache: its objects go with it, and nobody meant
// to take anything from hosts by that.
func definitionsLeaving(ctx context.Context, live client.Reader) (bool, error) {
	for _, name := range hostDefinitions {
		crd := &metav1.PartialObjectMetadata{}
		crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
		err := live.Get(ctx, client.ObjectKey{Name: name}, crd)
		if apierrors.IsNotFound(err) || (err == nil && !crd.DeletionTimestamp.IsZero()) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("definition %s: %w", name, err)
		}
	}
	return false, nil
}
