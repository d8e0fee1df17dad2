package commands_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
)

// TestInspectScripts runs status, why and events on an API server that has the objects of the scripts without a cluster, and no
// controller. Scripts begin as the reader, whose rights are those of config/rbac. as NAME goes on as somebody else: admin, tenant
// (view in namespace team-a), nobody, nowhere (no cluster). until FILE REGEXP waits for what a command in the background writes.
func TestInspectScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	people(t, c, admin)
	placeAll(t, admin, filepath.Join("inspect", "cluster.yaml"))
	binary := build(t)
	configs := t.TempDir()
	for _, name := range []string{"reader", "tenant", "nobody"} {
		config, err := c.ServiceAccountConfig(t.Context(), "team-a", name)
		if err != nil {
			t.Fatal(err)
		}
		writeKubeconfig(t, filepath.Join(configs, name), config)
	}
	writeKubeconfig(t, filepath.Join(configs, "nowhere"), &rest.Config{Host: "https://127.0.0.1:1"})
	if err := os.Symlink(c.Kubeconfig(), filepath.Join(configs, "admin")); err != nil {
		t.Fatal(err)
	}
	waitForView(t, admin)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/inspect/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+filepath.Dir(c.KubectlPath())+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("KUBECONFIG", filepath.Join(configs, "reader"))
			e.Setenv("ADMIN", c.Kubeconfig())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("KUBECONFIG", filepath.Join(configs, args[0]))
			},
			"until": until,
		},
	})
}

// until waits for a text in a file.
func until(ts *testscript.TestScript, _ bool, args []string) {
	const patience = time.Minute
	wanted := regexp.MustCompile("(?m)" + args[1])
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && wanted.Match(text) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not have %s: %v\n%s", args[0], args[1], err, text)
		}
	}
}

// people makes the namespaces, the accounts and their rights.
func people(t *testing.T, c *cluster.Cluster, admin client.Client) {
	t.Helper()
	for _, file := range []string{"reader_role.yaml", "host_roles.yaml"} {
		roles, err := os.ReadFile(filepath.Join(repository(t), "config", "rbac", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(t.Context(), roles); err != nil {
			t.Fatal(err)
		}
	}
	var objects []client.Object
	for _, name := range []string{"team-a", "team-b", "team-c", "team-z"} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, name := range []string{"reader", "tenant", "nobody"} {
		objects = append(objects, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name}})
	}
	subjects := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "team-a", Name: name}}
	}
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	for _, name := range []string{"wukong-network-address-reader", "wukong-network-host-reader"} {
		objects = append(objects, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: role(name), Subjects: subjects("reader")})
	}
	objects = append(objects, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "tenant"}, RoleRef: role("view"), Subjects: subjects("tenant")})
	for _, o := range objects {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}
