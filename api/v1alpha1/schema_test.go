package v1alpha1_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/config/crd"
	"novasphere.dev/wukong-network/e2e/cluster"
)

// The schema is tested where it is in force: on a real API server, which every test of this package shares.
var shared = cluster.Shared{Options: cluster.Options{Without: []cluster.Component{cluster.KubeVirt, cluster.Nmstate, cluster.Multus}}}

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }

// kinds are the kinds of this package, by the part of file names that stands for them.
var kinds = map[string]string{
	"wukong": "Wukong", "hostuplink": "HostUplink", "hostnetwork": "HostNetwork", "addresspool": "AddressPool",
	"addressreservation": "AddressReservation", "addresslease": "AddressLease",
}

// admin connects to the API server as its administrator. Fields that no schema has are errors, as kubectl asks for.
func admin(t *testing.T) client.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an API server, and -short is given")
	}
	c, err := client.New(shared.ForTest(t).AdminConfig(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, "Strict")
}

// objectOf reads one manifest.
func objectOf(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	all := objectsOf(t, []byte(manifest))
	if len(all) != 1 {
		t.Fatalf("%d objects, want one:\n%s", len(all), manifest)
	}
	return all[0]
}

func objectsOf(t *testing.T, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, manifests)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// full are the objects of a kind that together have every field.
func full(t *testing.T, kind string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "full", strings.ToLower(kind)+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return objectsOf(t, text)
}

// definition is the schema of a kind as it is shipped.
func definition(t *testing.T, kind string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	text, err := crd.Files.ReadFile("vm.novasphere.dev_" + plural(kind) + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := &apiextensionsv1.CustomResourceDefinition{}
	if err := sigsyaml.UnmarshalStrict(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func rootSchema(t *testing.T, kind string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	return definition(t, kind).Spec.Versions[0].Schema.OpenAPIV3Schema
}

func plural(kind string) string { return strings.ToLower(kind) + "s" }

// merge changes an object as a JSON merge patch does: null removes, lists are replaced.
func merge(object, patch map[string]any) {
	for key, value := range patch {
		inner, isMap := value.(map[string]any)
		have, both := object[key].(map[string]any)
		switch {
		case value == nil:
			delete(object, key)
		case isMap && both:
			merge(have, inner)
		default:
			object[key] = value
		}
	}
}

// patched gives a changed copy of an object. The patch is YAML.
func patched(t *testing.T, o *unstructured.Unstructured, patch string) *unstructured.Unstructured {
	t.Helper()
	var p map[string]any
	if err := sigsyaml.Unmarshal([]byte(patch), &p); err != nil {
		t.Fatalf("%v in patch:\n%s", err, patch)
	}
	out := o.DeepCopy()
	merge(out.Object, p)
	return out
}

// verdict compares what the API server said with what it should say: nothing, or an error that has the text.
func verdict(err error, refused string) error {
	switch {
	case refused == "" && err != nil:
		return fmt.Errorf("is refused, and must not be: %w", err)
	case refused != "" && err == nil:
		return fmt.Errorf("is accepted, and must be refused with %q", refused)
	case refused != "" && !strings.Contains(err.Error(), refused):
		return fmt.Errorf("is refused without %q: %w", refused, err)
	}
	return nil
}

// dryRun asks whether an object would be created.
func dryRun(t *testing.T, c client.Client, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	t.Helper()
	out := o.DeepCopy()
	return out, c.Create(t.Context(), out, client.DryRunAll)
}

// unmarshal reads JSON as clients of the API server do.
func unmarshal(raw []byte, into any) error {
	return kjson.UnmarshalCaseSensitivePreserveInts(raw, into)
}
