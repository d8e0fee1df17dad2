package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is who sets the fields that Apply sets.
const fieldOwner = client.FieldOwner("cluster")

// Apply applies every object of a YAML stream as the administrator, server side, in order; namespaces come first.
func (c *Cluster) Apply(ctx context.Context, manifests []byte) error {
	objects, err := decode(manifests)
	if err != nil {
		return err
	}
	isNamespace := func(o *unstructured.Unstructured) int {
		if o.GetKind() == "Namespace" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return isNamespace(a) - isNamespace(b) })
	for _, object := range objects {
		err := c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), fieldOwner, client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), client.ObjectKeyFromObject(object), err)
		}
	}
	return nil
}

// ApplyFolder applies the YAML files of a folder, in the order of their names, without its sub-folders. A kustomization.yaml
// is no manifest and is left out: where it matters, use ApplyKustomization.
func (c *Cluster) ApplyFolder(ctx context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: no YAML files", folder)
	}
	var manifests bytes.Buffer
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		manifests.WriteString("\n---\n")
		manifests.Write(data)
	}
	return c.Apply(ctx, manifests.Bytes())
}

// ApplyKustomization applies what a kustomization folder builds, as kubectl apply -k does.
func (c *Cluster) ApplyKustomization(ctx context.Context, folder string) error {
	manifests, err := c.Kubectl(ctx, "kustomize", folder)
	if err != nil {
		return err
	}
	return c.Apply(ctx, manifests)
}

// decode splits a YAML stream into objects; empty documents are skipped.
func decode(manifests []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	var objects []*unstructured.Unstructured
	for i := 1; ; i++ {
		object := &unstructured.Unstructured{}
		switch err := decoder.Decode(&object.Object); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("document %d: %w", i, err)
		case len(object.Object) == 0:
			continue
		case object.GetKind() == "" || object.GetAPIVersion() == "":
			return nil, fmt.Errorf("document %d: no apiVersion or kind", i)
		}
		objects = append(objects, object)
	}
}
