package install

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
)

// TestAReleaseCanBeInstalledUpgradedAndUninstalled does what docs/install.md and its neighbours say, with each version of Helm in turn,
// in one cluster: one in which the definitions are already, from kubectl.
func TestAReleaseCanBeInstalledUpgradedAndUninstalled(t *testing.T) {
	for _, helm := range helms {
		tool(t, helm, "helm") // before the cluster, since building takes its time
	}
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Wukong}})
	admin := administrator(t, c)
	endsWithoutDefinitions(t, c)
	wukong := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kept"}}
	for _, helm := range helms {
		release := func(args ...string) string {
			t.Helper()
			args = append(args, "--namespace", "wukong-network", "--kubeconfig", c.Kubeconfig())
			return run(t, exec.CommandContext(t.Context(), tool(t, helm, "helm"), args...))
		}
		replicas := func() string {
			t.Helper()
			out, err := c.Kubectl(t.Context(), "-n", "wukong-network", "get", "deployment", "wukong-network", "-o", "jsonpath={.spec.replicas}")
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}

		definitionsOfKubectl(t, c)
		install := []string{"install", "wukong-network", chart, "--create-namespace"}
		if _, err := try(t, exec.CommandContext(t.Context(), tool(t, helm, "helm"), append(install, "--namespace", "wukong-network", "--kubeconfig", c.Kubeconfig())...)); err == nil || !strings.Contains(err.Error(), "invalid ownership metadata") {
			t.Errorf("%s takes over what kubectl has applied, without being told to: %v", helm, err)
		}
		install = append(install, "--take-ownership")
		if helm == "helm4" {
			install = append(install, "--force-conflicts")
		}
		notes := release(install...)
		for _, want := range []string{"rollout status deployment/wukong-network", "enforce=restricted", "kubectl wukong", "No registry has"} {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: the notes do not have %q:\n%s", helm, want, notes)
			}
		}
		if _, err := c.Kubectl(t.Context(), "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"); err != nil {
			t.Fatal(err)
		}
		if helm == helms[0] {
			if err := admin.Create(t.Context(), wukong); err != nil {
				t.Fatal(err)
			}
		}
		if got := replicas(); got != "2" {
			t.Errorf("%s: %s replicas after the installation", helm, got)
		}

		before := uid(t, admin)
		notes = release("upgrade", "wukong-network", chart, "--set", "replicas=3", "--set", "image.repository=registry.example.com/wukong-network")
		if !strings.Contains(notes, "The controller, registry.example.com/wukong-network:latest, is in") || strings.Contains(notes, "No registry has") {
			t.Errorf("%s: the notes of an image with a name are\n%s", helm, notes)
		}
		if got := replicas(); got != "3" {
			t.Errorf("%s: %s replicas after the upgrade", helm, got)
		}
		if uid(t, admin) != before {
			t.Errorf("%s: the upgrade made the Deployment anew", helm)
		}
		release("rollback", "wukong-network", "1")
		if got := replicas(); got != "2" {
			t.Errorf("%s: %s replicas after the rollback", helm, got)
		}

		release("uninstall", "wukong-network")
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(wukong), wukong); err != nil {
			t.Errorf("%s: a Wukong after the release is gone: %v", helm, err)
		}
		eventually(t, func() error { return nothingIsLeft(t, c) })
	}
}

// endsWithoutDefinitions starts the controller where nothing of it is installed.
func endsWithoutDefinitions(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	account(t, c, "default", "early", "cluster-admin")
	early, err := c.ServiceAccountConfig(t.Context(), "default", "early")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, c, "early", early, "--leader-elect=false")
	select {
	case <-r.Exited():
	case <-time.After(time.Minute):
		t.Fatal("the controller runs without the kinds")
	}
	if err := r.Stop(); err == nil || !strings.Contains(r.Log(), `no matches for kind "Wukong"`) || !strings.Contains(r.Log(), "config/crd") {
		t.Errorf("without the kinds it ends with %v: %s", err, r.Log())
	}
}

// definitionsOfKubectl applies the definitions without Helm, and takes the marks of an earlier release off them.
func definitionsOfKubectl(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	for _, args := range [][]string{
		{"apply", "--server-side", "--force-conflicts", "-k", path(t, "config/crd")},
		{"annotate", "crd", "--all", "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-"},
		{"label", "crd", "--all", "app.kubernetes.io/managed-by-"},
	} {
		if _, err := c.Kubectl(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
}

// uid identifies the Deployment.
func uid(t *testing.T, admin client.Client) string {
	t.Helper()
	deployment := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}}
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "wukong-network", Name: "wukong-network"}, deployment); err != nil {
		t.Fatal(err)
	}
	return string(deployment.UID)
}

// nothingIsLeft says what of a release is there, besides the namespace and the kinds.
func nothingIsLeft(t *testing.T, c *cluster.Cluster) error {
	out, err := c.Kubectl(t.Context(), "get", "deployments,services,networkpolicies,poddisruptionbudgets,serviceaccounts,roles,rolebindings,"+
		"clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings", "-A", "-o", "name")
	if err != nil {
		return err
	}
	var left []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "wukong-network") {
			left = append(left, strings.TrimSpace(line))
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("left behind: %q", left)
	}
	return nil
}
