package equality_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

// Invariant 10: the controller, the CLI and the tests render with the same function, and the same input gives the same bytes.
func TestWhatIsRenderedOfflineIsWhatTheClusterGets(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	w := settled(t, c)
	rendered := renderSamples(t)
	if again := renderSamples(t); !bytes.Equal(rendered, again) {
		t.Error("the same input gave other bytes")
	}
	want := objects(t, rendered)
	if len(want) == 0 {
		t.Fatal("nothing was rendered")
	}
	counts := map[string]int{}
	for _, o := range want {
		counts[o.GetKind()]++
		have := &unstructured.Unstructured{}
		have.SetGroupVersionKind(o.GroupVersionKind())
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), have); err != nil {
			t.Errorf("rendered, but not in the cluster: %v", err)
			continue
		}
		if diff := cmp.Diff(content(t, o), content(t, have)); diff != "" {
			t.Errorf("%s %s/%s (-rendered +in the cluster):\n%s", o.GetKind(), o.GetNamespace(), o.GetName(), diff)
		}
	}
	for kind, count := range counts {
		if n := made(t, w, kind); n != count {
			t.Errorf("the controller made %d objects of kind %s, rendered are %d", n, kind, count)
		}
	}
}

// settled applies the samples and waits until the controller has done everything that it can without a running machine.
func settled(t *testing.T, c *cluster.Cluster) *world.World {
	t.Helper()
	w, err := world.Start(t.Context(), c, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Lab.Stop)
	for i, name := range []string{"node-a", "node-b"} {
		node := world.Node(name, byte(11+i))
		node.NICs = append(node.NICs, lab.NIC{Name: "eth3"}) // the samples build a bond of eth2 and eth3
		if err := w.Lab.AddNode(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	stop, err := w.RunController(context.Background(), controllers.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the controller: %v", err)
		}
	})
	if err := c.ApplyKustomization(t.Context(), filepath.Join(root(t), "config", "samples")); err != nil {
		t.Fatal(err)
	}
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := delivered(t.Context(), w)
		if err == nil {
			return w
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", patience, err)
		}
	}
}

func delivered(ctx context.Context, w *world.World) error {
	list := &v1alpha1.WukongList{}
	if err := w.Admin.List(ctx, list); err != nil {
		return err
	}
	for _, wk := range list.Items {
		for _, typ := range []string{v1alpha1.ConditionAddressesAllocated, v1alpha1.ConditionNodeNetworkReady, v1alpha1.ConditionGuestNetworkReady} {
			if !meta.IsStatusConditionTrue(wk.Status.Conditions, typ) {
				return fmt.Errorf("Wukong %s/%s is not %s: %+v", wk.Namespace, wk.Name, typ, wk.Status.Conditions)
			}
		}
	}
	u := &v1alpha1.HostUplink{}
	if err := w.Admin.Get(ctx, client.ObjectKey{Name: "workers"}, u); err != nil {
		return err
	}
	if !meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionReady) || u.Status.Nodes.Applied != 2 {
		return fmt.Errorf("HostUplink workers: %+v", u.Status)
	}
	if len(list.Items) == 0 {
		return errors.New("no Wukong was applied")
	}
	return nil
}

// renderSamples runs the command line as a user would.
func renderSamples(t *testing.T) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./cmd/kubectl-wukong", "render", "-f", "config/samples")
	command.Dir = root(t)
	var out, findings bytes.Buffer
	command.Stdout, command.Stderr = &out, &findings
	if err := command.Run(); err != nil {
		t.Fatalf("kubectl-wukong render: %v\n%s", err, findings.String())
	}
	return out.Bytes()
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := world.Repository()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func objects(t *testing.T, stream []byte) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(o)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
}

// content is what an object says: without what the API server adds, with a Secret's texts in the form that is stored. Owners
// are known only in a cluster.
func content(t *testing.T, o *unstructured.Unstructured) map[string]any {
	t.Helper()
	out := map[string]any{"labels": o.GetLabels(), "type": o.Object["type"], "immutable": o.Object["immutable"], "spec": o.Object["spec"]}
	annotations := o.GetAnnotations()
	for _, key := range []string{v1alpha1.OwnerUIDAnnotation, cluster.StampAnnotation} {
		delete(annotations, key)
	}
	if len(annotations) > 0 {
		out["annotations"] = annotations
	}
	if data, ok := o.Object["data"]; ok {
		out["data"] = data
	}
	if texts, ok, _ := unstructured.NestedStringMap(o.Object, "stringData"); ok {
		data := map[string]any{}
		for key, text := range texts {
			data[key] = base64.StdEncoding.EncodeToString([]byte(text))
		}
		out["data"] = data
	}
	return out
}

// made counts the objects of a kind that the controller marked as its own.
func made(t *testing.T, w *world.World, kind string) int {
	t.Helper()
	versions := map[string]string{"NodeNetworkConfigurationPolicy": "nmstate.io/v1", "NetworkAttachmentDefinition": "k8s.cni.cncf.io/v1",
		"Secret": "v1", "VirtualMachine": "kubevirt.io/v1"}
	version, ok := versions[kind]
	if !ok {
		t.Fatalf("kind %s is rendered and not counted here", kind)
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.FromAPIVersionAndKind(version, kind+"List"))
	if err := w.Admin.List(t.Context(), list, client.MatchingLabels{v1alpha1.ManagedByLabel: v1alpha1.ManagedBy}); err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}
