package cluster

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// The package knows nothing of our own kinds; their tests are beside them.
var shared = Shared{Options: Options{Without: []Component{Wukong}}}

func TestMain(m *testing.M) {
	if os.Getenv(abandonVariable) != "" {
		abandonCluster()
	}
	log.SetLogger(logr.Discard()) // envtest's library would complain that there is none
	os.Exit(shared.Run(m))
}

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually fails the test when condition does not become true.
func eventually(t *testing.T, what string, condition func(ctx context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) { return condition(ctx), nil })
	if err != nil {
		t.Fatalf("waited in vain until %s: %v", what, err)
	}
}

func TestTheClusterServesWhatItPromises(t *testing.T) {
	cluster := shared.ForTest(t)
	version, err := cluster.Kubectl(t.Context(), "version")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(version), "v0.0.0") || !strings.Contains(string(version), "Server Version: v1.") {
		t.Errorf("kubectl version does not tell the real versions:\n%s", version)
	}
	resources, err := cluster.Kubectl(t.Context(), "api-resources", "-o", "name")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"virtualmachines.kubevirt.io", "virtualmachineinstances.kubevirt.io", "kubevirts.kubevirt.io",
		"nodenetworkconfigurationpolicies.nmstate.io", "nodenetworkconfigurationenactments.nmstate.io", "nodenetworkstates.nmstate.io",
		"network-attachment-definitions.k8s.cni.cncf.io",
	} {
		if !strings.Contains(string(resources), want+"\n") {
			t.Errorf("%s is not served", want)
		}
	}
	response, err := http.Get(cluster.EtcdURL().JoinPath("health").String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("etcd answers %s", response.Status)
	}
}

func TestADeletedNamespaceIsGoneWithAllInIt(t *testing.T) {
	cluster := shared.ForTest(t)
	c := newClient(t, cluster.AdminConfig())
	namespace := cluster.Namespace(t)
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "left-behind"}}
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is gone", func(ctx context.Context) bool {
		return apierrors.IsNotFound(c.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}))
	})
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); !apierrors.IsNotFound(err) {
		t.Errorf("the object in the namespace is not gone: %v", err)
	}
}

func TestWhatAnOwnerLeavesBehindIsCollected(t *testing.T) {
	cluster := shared.ForTest(t)
	c := newClient(t, cluster.AdminConfig())
	namespace := cluster.Namespace(t)
	owner := newMachine(namespace)
	if err := c.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	owned := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "owned", OwnerReferences: []metav1.OwnerReference{{
		APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(),
	}}}}
	if err := c.Create(t.Context(), owned); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owned object is gone", func(ctx context.Context) bool {
		return apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(owned), owned))
	})
}

// newMachine returns a VirtualMachine with a template that has labels.
func newMachine(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
		"metadata": map[string]any{"namespace": namespace, "name": "machine"},
		"spec": map[string]any{"template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"app": "db"}},
			"spec":     map[string]any{"domain": map[string]any{"devices": map[string]any{}}},
		}},
	}}
}

func TestAMachineKeepsTheLabelsOfItsTemplateAndHasAStatusSubresource(t *testing.T) {
	cluster := shared.ForTest(t)
	c := newClient(t, cluster.AdminConfig())
	machine := newMachine(cluster.Namespace(t))
	if err := c.Create(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	if label, _, _ := unstructured.NestedString(machine.Object, "spec", "template", "metadata", "labels", "app"); label != "db" {
		t.Errorf("the template's label is %q, want db", label)
	}
	if err := unstructured.SetNestedField(machine.Object, true, "status", "ready"); err != nil {
		t.Fatal(err)
	}
	if err := c.Status().Update(t.Context(), machine); err != nil {
		t.Errorf("status update: %v", err)
	}
}

func TestAServiceAccountHasExactlyTheRightsThatAreBoundToIt(t *testing.T) {
	cluster := shared.ForTest(t)
	namespace := cluster.Namespace(t)
	manifests := strings.ReplaceAll(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: NAMESPACE}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: reader, namespace: NAMESPACE}
`, "NAMESPACE", namespace)
	if err := cluster.Apply(t.Context(), []byte(manifests)); err != nil {
		t.Fatal(err)
	}
	config, err := cluster.ServiceAccountConfig(t.Context(), namespace, "reader")
	if err != nil {
		t.Fatal(err)
	}
	reader := newClient(t, config)
	eventually(t, "the binding is in effect", func(ctx context.Context) bool {
		return reader.List(ctx, &corev1.ConfigMapList{}, client.InNamespace(namespace)) == nil
	})
	err = reader.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "forbidden"}})
	if !apierrors.IsForbidden(err) {
		t.Errorf("a write without the right to it: got %v, want Forbidden", err)
	}
	if err := reader.List(t.Context(), &rbacv1.ClusterRoleList{}); !apierrors.IsForbidden(err) {
		t.Errorf("a read without the right to it: got %v, want Forbidden", err)
	}
}

func TestAComponentCanBeMissingAndComeLater(t *testing.T) {
	cluster := ForTest(t, Options{Without: []Component{Wukong, KubeVirt, Nmstate}, Durable: true})
	c := newClient(t, cluster.AdminConfig())
	const namespace = "default"
	if err := c.Create(t.Context(), newMachine(namespace)); !meta.IsNoMatchError(err) {
		t.Fatalf("a machine without KubeVirt: got %v, want that its kind is unknown", err)
	}
	if err := cluster.Install(t.Context(), KubeVirt, Nmstate); err != nil {
		t.Fatal(err)
	}
	if err := newClient(t, cluster.AdminConfig()).Create(t.Context(), newMachine(namespace)); err != nil {
		t.Errorf("a machine after KubeVirt was installed: %v", err)
	}
	if err := cluster.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(cluster.LogDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stop left files behind: %v", err)
	}
}
