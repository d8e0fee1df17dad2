package commands_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
)

// TestHostScripts runs the commands about hosts on an API server that has the objects of the scripts without a cluster, and no
// controller. Scripts begin as the operator, whose rights are those of config/rbac. as NAME goes on as the reader, or as
// nobody.
func TestHostScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	settle(t, c)
	play{
		folder: "testdata/host/script", begin: "operator", accounts: []string{"operator", "reader", "nobody"},
		setup: func(e *testscript.Env) error {
			e.Setenv("WUKONG_NMSTATECTL", "none")
			return nil
		},
	}.run(t, c)
}

// settle makes the objects with their status, and the accounts with their roles.
func settle(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	roles(t, c, "host_roles.yaml")
	for _, name := range []string{"team-a", "team-b"} {
		if err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	const reader, operator = "wukong-network-host-reader", "wukong-network-host-operator"
	for account, bound := range map[string][]string{"operator": {reader, operator}, "reader": {reader}, "nobody": nil} {
		if err := c.Account(t.Context(), "team-a", account, bound...); err != nil {
			t.Fatal(err)
		}
	}
	placeAll(t, admin, filepath.Join("hosts", "cluster.yaml"))
}

// placeAll makes the objects that the scripts without a cluster work on.
func placeAll(t *testing.T, admin client.Client, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), "cmd", "kubectl-wukong", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var uplink string
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := documents.Decode(o); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if annotations := o.GetAnnotations(); annotations[v1alpha1.OwnerUIDAnnotation] != "" {
			annotations[v1alpha1.OwnerUIDAnnotation] = uplink
			o.SetAnnotations(annotations)
		}
		place(t, admin, o)
		if o.GetKind() == "HostUplink" {
			uplink = string(o.GetUID())
		}
	}
}

// place creates an object and gives it its status, as if a controller had looked at this generation.
func place(t *testing.T, admin client.Client, o *unstructured.Unstructured) {
	t.Helper()
	status, hasStatus := o.Object["status"].(map[string]any)
	for _, field := range []string{"uid", "generation", "creationTimestamp"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	if err := admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if !hasStatus {
		return
	}
	if _, observed := status["observedGeneration"]; observed {
		status["observedGeneration"] = o.GetGeneration()
	}
	o.Object["status"] = status
	if o.GetKind() == "VirtualMachineInstance" {
		// The definition of the kind has no subresource of the status.
		if err := admin.Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := admin.Status().Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}
