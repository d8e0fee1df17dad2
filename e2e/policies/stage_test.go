package policies

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

var shared cluster.Shared

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	os.Exit(shared.Run(tests{m}))
}

// tests stops the lab, which holds watches, before the cluster goes.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if prepared.world != nil {
		prepared.world.Lab.Stop()
	}
	return code
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 2 * time.Minute

var prepared struct {
	sync.Once
	world *world.World
	err   error
}

// theWorld is one world for all tests, with the permissions and the policies of config/default and no controller yet.
func theWorld(t *testing.T) *world.World {
	t.Helper()
	c := shared.ForTest(t)
	prepared.Do(func() { prepared.world, prepared.err = prepare(c) })
	if prepared.err != nil {
		t.Fatal(prepared.err)
	}
	return prepared.world
}

func prepare(c *cluster.Cluster) (*world.World, error) {
	ctx := context.Background()
	w, err := world.Start(ctx, c, lab.Options{})
	if err != nil {
		return nil, err
	}
	root, err := world.Repository()
	if err != nil {
		return nil, err
	}
	return w, c.ApplyFolder(ctx, filepath.Join(root, "config", "rbac"))
}

// as gives a client with another identity. The group lifts every permission, so that what is refused is refused by admission.
func as(t *testing.T, w *world.World, user string, groups ...string) client.Client {
	t.Helper()
	rc := w.Cluster.AdminConfig()
	rc.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return clientOf(t, rc)
}

func clientOf(t *testing.T, rc *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(rc, client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// controller gives a client with the controller's name and every right: what somebody has who took it over and widened its role.
func controller(t *testing.T, w *world.World) client.Client {
	t.Helper()
	return as(t, w, "system:serviceaccount:"+world.Namespace+":"+world.ServiceAccount, "system:masters")
}

// namespaceWith makes a namespace with labels.
func namespaceWith(t *testing.T, w *world.World, labels map[string]string) string {
	t.Helper()
	name := w.Cluster.Namespace(t)
	if len(labels) > 0 {
		ns := object(t, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", name))
		patch, err := yaml.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
		if err != nil {
			t.Fatal(err)
		}
		if patch, err = yaml.YAMLToJSON(patch); err != nil {
			t.Fatal(err)
		}
		if err := w.Admin.Patch(t.Context(), ns, client.RawPatch("application/merge-patch+json", patch)); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// tenant makes a ServiceAccount with what an application team has in a namespace: the role edit, and its own attachments.
func tenant(t *testing.T, w *world.World, namespace string) client.Client {
	t.Helper()
	manifests := fmt.Sprintf(`
{apiVersion: v1, kind: ServiceAccount, metadata: {name: team, namespace: %[1]s}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: team, namespace: %[1]s},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit},
 subjects: [{kind: ServiceAccount, name: team, namespace: %[1]s}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: attachments, namespace: %[1]s},
 rules: [{apiGroups: [k8s.cni.cncf.io], resources: [network-attachment-definitions], verbs: [get, list, create, update, patch, delete]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: attachments, namespace: %[1]s},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: attachments},
 subjects: [{kind: ServiceAccount, name: team, namespace: %[1]s}]}
`, namespace)
	if err := w.Cluster.Apply(t.Context(), []byte(manifests)); err != nil {
		t.Fatal(err)
	}
	rc, err := w.Cluster.ServiceAccountConfig(t.Context(), namespace, "team")
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, rc)
	// The role is put together by a controller: it is there when a Wukong may be listed.
	eventually(t, func() error {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("vm.novasphere.dev/v1alpha1")
		list.SetKind("WukongList")
		return c.List(t.Context(), list, client.InNamespace(namespace))
	})
	return c
}

// object reads a manifest.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if err := o.UnmarshalJSON(raw); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return o
}

// store stores objects as the administrator, and deletes them when the test ends.
func store(t *testing.T, w *world.World, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := w.Admin.Create(t.Context(), o); err != nil {
			t.Fatalf("create %s: %v", o.GetName(), err)
		}
		t.Cleanup(func() {
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
			_ = w.Admin.Patch(context.Background(), o, patch)
			_ = w.Admin.Delete(context.Background(), o)
		})
	}
}

// try says whether a client could create an object, without doing it.
func try(t *testing.T, c client.Client, o client.Object) error {
	t.Helper()
	return c.Create(t.Context(), o.DeepCopyObject().(client.Object), client.DryRunAll)
}

// refused says what is wrong with an answer that should be a refusal by a policy of that name, with all the words.
func refused(err error, policy string, words ...string) error {
	if err == nil {
		return fmt.Errorf("it was accepted")
	}
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'wukong-network-"+policy+"'") {
		return fmt.Errorf("another refusal than that of %s: %w", policy, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			return fmt.Errorf("the refusal has no %q: %w", word, err)
		}
	}
	return nil
}

// eventually asks check until it is content.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	world.Eventually(t, patience, check)
}

func labels(of string) map[string]string { return map[string]string{"team": of} }
