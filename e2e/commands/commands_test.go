package commands_test

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/rogpeppe/go-internal/testscript"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

var update = flag.Bool("update", false, "write the expected output of the scripts anew")

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

// TestScripts runs the program as users do: each script begins as the reader, whose rights are those of config/rbac. as NAME
// goes on as somebody else: admin, partial (leases alone), tenant (view in namespace team-a), nobody, nowhere (no cluster).
func TestScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	prepare(t, c)
	binary := build(t)
	configs := t.TempDir()
	for _, name := range []string{"reader", "partial", "tenant", "nobody"} {
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
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+filepath.Dir(c.KubectlPath())+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("KUBECONFIG", filepath.Join(configs, "reader"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("KUBECONFIG", filepath.Join(configs, args[0]))
			},
		},
	})
}

// prepare puts the objects of testdata into the cluster, and waits until the tenant's rights are there.
func prepare(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	root := repository(t)
	roles, err := os.ReadFile(filepath.Join(root, "config", "rbac", "reader_role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), roles); err != nil {
		t.Fatal(err)
	}
	if err := c.ApplyFolder(t.Context(), "testdata/objects"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"testdata/status/pools.yaml", "testdata/status/wukongs.yaml"} {
		if _, err := c.Kubectl(t.Context(), "apply", "--server-side", "--force-conflicts", "--subresource=status", "-f", file); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	waitForView(t, admin)
}

// waitForView waits until the tenant may read Wukongs: the role view is aggregated by kube-controller-manager, in its own time.
func waitForView(t *testing.T, admin client.Client) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:team-a:tenant",
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "team-a", Verb: "list",
			Group: "vm.novasphere.dev", Resource: "wukongs"},
	}}
	eventually(t, func() error {
		review := review.DeepCopy()
		if err := admin.Create(t.Context(), review); err != nil {
			return err
		}
		if !review.Status.Allowed {
			return fmt.Errorf("the role view does not have Wukongs: %s", review.Status.Reason)
		}
		return nil
	})
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", patience, err)
		}
	}
}

// build gives the program's path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kubectl-wukong")
	command := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "./cmd/kubectl-wukong") // of no version, as answers show
	command.Dir = repository(t)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := world.Repository()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// writeKubeconfig writes a configuration as a file that kubectl reads.
func writeKubeconfig(t *testing.T, path string, config *rest.Config) {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData, InsecureSkipTLSVerify: config.Insecure}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	file.CurrentContext = "test"
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
}
