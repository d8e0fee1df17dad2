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
	authorizationv1 "k8s.io/api/authorization/v1"
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

// TestScripts runs the program as users do: each script begins as the reader, whose rights are those of config/rbac. Others are
// partial (leases alone), tenant (view in namespace team-a) and nobody.
func TestScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	prepare(t, c)
	play{folder: "testdata/script", begin: "reader", accounts: []string{"reader", "partial", "tenant", "nobody"}}.run(t, c)
}

// prepare puts the objects of testdata into the cluster, and waits until the tenant's rights are there.
func prepare(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	roles(t, c, "reader_role.yaml")
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
	world.Eventually(t, 2*time.Minute, check)
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
