package commands_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// changing is what differs from run to run.
var changing = regexp.MustCompile(`(Kubernetes|all) (v?[0-9][^ \n]*)`)

// TestCheckScripts tells the story of a cluster from before the installation to what can go wrong after it: one cluster, one
// script. It has simulated nodes with handlers, and whatever else the script makes with kubectl. Scripts begin as the administrator;
// as NAME goes on as nobody, or nowhere (no cluster). until is that of TestInspectScripts.
func TestCheckScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Wukong}})
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := lab.New(c.AdminConfig(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"node-a", "node-b"} {
		if err := nodes.AddNode(t.Context(), world.Node(name, byte(10+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Account(t.Context(), "team-a", "nobody"); err != nil {
		t.Fatal(err)
	}
	play{
		folder: "testdata/check/script", begin: "admin", accounts: []string{"nobody"},
		setup: func(e *testscript.Env) error {
			e.Setenv("CONFIG", filepath.Join(repository(t), "config"))
			return nil
		},
		commands: map[string]func(*testscript.TestScript, bool, []string){
			"until": until,
			// stable reads standard output of the last command, and writes it into a file with what differs from run to run replaced.
			"stable": func(ts *testscript.TestScript, _ bool, args []string) {
				text := changing.ReplaceAllString(ts.ReadFile("stdout"), "$1 N")
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
			},
		},
	}.run(t, c)
}
