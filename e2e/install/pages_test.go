package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestThePageScrapesTheMetricsOfAManager runs the commands of docs/install.md that allow it to a ServiceAccount and ask as that. The
// port is the manager's own, as it is where kubectl forwards it.
func TestThePageScrapesTheMetricsOfAManager(t *testing.T) {
	c := installed(t)
	page := read(t, "docs/install.md")
	bind := strings.TrimPrefix(regexp.MustCompile(`(?m)^\$ kubectl create clusterrolebinding .*$`).FindString(page), "$ ")
	ask := regexp.MustCompile(`(?m)^curl .*$`).FindString(page)
	if !strings.Contains(ask, "localhost:8443") {
		t.Fatalf("the page asks with %q", ask)
	}
	admin := administrator(t, c)
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "monitoring"}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "prometheus"}},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	types := func(line string) (string, error) {
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", line)
		shell.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "PATH="+filepath.Dir(c.KubectlPath())+string(os.PathListSeparator)+os.Getenv("PATH"))
		return try(t, shell)
	}
	if _, err := types(bind); err != nil {
		t.Fatal(err)
	}
	r := start(t, c, "asked", nil, "--leader-elect=false")
	eventually(t, func() error {
		out, err := types(strings.ReplaceAll(ask, "localhost:8443", r.Metrics))
		if err == nil && !strings.Contains(out, "controller_runtime_reconcile_total") {
			err = fmt.Errorf("it prints %.200s", out)
		}
		return err
	})
}
