package install

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestTheOneFileInstallsIntoAnEmptyCluster(t *testing.T) {
	c := installed(t)
	for _, want := range []string{
		"namespace/wukong-network serverside-applied", "customresourcedefinition.apiextensions.k8s.io/wukongs.vm.novasphere.dev serverside-applied",
		"deployment.apps/wukong-network serverside-applied", "networkpolicy.networking.k8s.io/wukong-network serverside-applied",
		"poddisruptionbudget.policy/wukong-network serverside-applied", "service/wukong-network-metrics serverside-applied",
		"service/wukong-network-query serverside-applied",
	} {
		if !strings.Contains(installation.first, want+"\n") {
			t.Errorf("kubectl apply did not say %q:\n%s", want, installation.first)
		}
	}
	image, err := c.Kubectl(t.Context(), "-n", "wukong-network", "get", "deployment", "wukong-network", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	if err != nil || string(image) != "registry.example.com/wukong-network:v0.1.0" {
		t.Errorf("the image is %s, %v", image, err)
	}
	if diff := cmp.Diff(installation.first, installation.second); diff != "" {
		t.Errorf("applying it again says something else (-first +second):\n%s", diff)
	}
}

func TestKubectlWarnsAboutNothingThatIsInstalled(t *testing.T) {
	c := installed(t)
	for _, folder := range []string{"config/default", "config/overlays/dev"} {
		out, err := exec.CommandContext(t.Context(), c.KubectlPath(), "--kubeconfig", c.Kubeconfig(), "apply", "--server-side", "--dry-run=server",
			"--warnings-as-errors", "-k", path(t, folder)).CombinedOutput()
		if err != nil || strings.Contains(string(out), "Warning") {
			t.Errorf("%s: %v\n%s", folder, err, out)
		}
	}
}

func TestTheOneFileIsWhatKustomizeBuilds(t *testing.T) {
	want := decode(t, run(t, exec.CommandContext(t.Context(), tool(t, "kustomize", "kustomize"), "build", "config/default")))
	file, err := os.ReadFile(path(t, "dist/install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, decode(t, string(file))); diff != "" {
		t.Errorf("run make generate (-config/default +dist/install.yaml):\n%s", diff)
	}
}

func TestTheOverlayForDevelopmentDiffersInWhatItSays(t *testing.T) {
	kustomize := tool(t, "kustomize", "kustomize")
	base := decode(t, run(t, exec.CommandContext(t.Context(), kustomize, "build", "config/default")))
	dev := decode(t, run(t, exec.CommandContext(t.Context(), kustomize, "build", "config/overlays/dev")))
	deployment := deploymentOf(t, dev)
	if got := *deployment.Spec.Replicas; got != 1 {
		t.Errorf("%d replicas", got)
	}
	if args := deployment.Spec.Template.Spec.Containers[0].Args; args[len(args)-1] != "--zap-devel" {
		t.Errorf("flags %q", args)
	}
	delete(base, "NetworkPolicy wukong-network/wukong-network")
	delete(base, deploymentKey)
	delete(dev, deploymentKey)
	if diff := cmp.Diff(base, dev); diff != "" {
		t.Errorf("besides the Deployment and the network policy it differs in (-default +dev):\n%s", diff)
	}
}

const deploymentKey = "Deployment wukong-network/wukong-network"

// deploymentOf is the Deployment among manifests, strictly read.
func deploymentOf(t *testing.T, manifests objects) *appsv1.Deployment {
	t.Helper()
	object := manifests[deploymentKey]
	if object == nil {
		t.Fatalf("no %s", deploymentKey)
	}
	deployment := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, deployment, true); err != nil {
		t.Fatal(err)
	}
	return deployment
}
