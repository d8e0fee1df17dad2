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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
)

// TestInspectScripts runs status, why and events on an API server that has the objects of the scripts without a cluster, and no
// controller. Scripts begin as the reader, whose rights are those of config/rbac. Others are tenant (view in namespace
// team-a) and nobody. until FILE REGEXP waits for what a command in the background writes.
func TestInspectScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	people(t, c, admin)
	placeAll(t, admin, filepath.Join("inspect", "cluster.yaml"))
	waitForView(t, admin)
	play{
		folder: "testdata/inspect/script", begin: "reader", accounts: []string{"reader", "tenant", "nobody"},
		commands: map[string]func(*testscript.TestScript, bool, []string){"until": until},
	}.run(t, c)
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
	roles(t, c, "reader_role.yaml", "host_roles.yaml")
	for _, name := range []string{"team-a", "team-b", "team-c", "team-z"} {
		if err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, bound := range map[string][]string{"reader": {"wukong-network-address-reader", "wukong-network-host-reader"}, "tenant": nil, "nobody": nil} {
		if err := c.Account(t.Context(), "team-a", name, bound...); err != nil {
			t.Fatal(err)
		}
	}
	view := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "tenant"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "team-a", Name: "tenant"}}}
	if err := admin.Create(t.Context(), view); err != nil {
		t.Fatal(err)
	}
}
