package world_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	os.Exit(m.Run())
}

func TestAnEmptyClusterTakesTheInstallationAndTheSamples(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Wukong}})
	root, err := world.Repository()
	if err != nil {
		t.Fatal(err)
	}
	apply := func(folder string) string {
		t.Helper()
		out, err := c.Kubectl(t.Context(), "apply", "-k", filepath.Join(root, folder))
		if err != nil {
			t.Fatalf("kubectl apply -k %s: %v", folder, err)
		}
		return string(out)
	}
	first := apply("config/default")
	for _, want := range []string{"wukongs.vm.novasphere.dev created", "deployment.apps/wukong-network created", "clusterrole.rbac.authorization.k8s.io/wukong-network created"} {
		if !strings.Contains(first, want) {
			t.Errorf("applying config/default did not say %q:\n%s", want, first)
		}
	}
	// kubectl replaces the selector of a disruption budget by what it is, and calls that a change.
	const budget = "poddisruptionbudget.policy/wukong-network configured\n"
	if again := strings.Replace(apply("config/default"), budget, "", 1); strings.Contains(again, "configured") || strings.Contains(again, "created") {
		t.Errorf("applying config/default again changes something:\n%s", again)
	}
	if out, err := c.Kubectl(t.Context(), "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if samples := apply("config/samples"); !strings.Contains(samples, "wukong.vm.novasphere.dev/web created") {
		t.Errorf("samples: %s", samples)
	}
	if out, err := c.Kubectl(t.Context(), "get", "wk,wknet,wkuplink", "-A"); err != nil || !strings.Contains(string(out), "REASON") {
		t.Errorf("columns: %v\n%s", err, out)
	}
}
