package install

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
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
	if diff := cmp.Diff(want, decode(t, read(t, "dist/install.yaml"))); diff != "" {
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

func TestServicesAndTheNetworkPolicyOpenThePortsThatTheManagerHas(t *testing.T) {
	manifests := decode(t, read(t, "dist/install.yaml"))
	ports := map[string]int32{}
	for _, p := range deploymentOf(t, manifests).Spec.Template.Spec.Containers[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	for _, name := range []string{"metrics", "query"} {
		service := &corev1.Service{}
		convert(t, manifests["Service wukong-network/wukong-network-"+name], service)
		if port := service.Spec.Ports[0]; port.Name != name || port.TargetPort.StrVal != name || port.Port != ports[name] {
			t.Errorf("the Service for %s has port %v, the manager %v", name, port, ports)
		}
	}
	policy := &networkingv1.NetworkPolicy{}
	convert(t, manifests["NetworkPolicy wukong-network/wukong-network"], policy)
	open := func(protocol corev1.Protocol, numbers ...int32) []networkingv1.NetworkPolicyPort {
		var out []networkingv1.NetworkPolicyPort
		for _, n := range numbers {
			out = append(out, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: ptr.To(intstr.FromInt32(n))})
		}
		return out
	}
	want := networkingv1.NetworkPolicySpec{
		PodSelector: *deploymentOf(t, manifests).Spec.Selector,
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: open(corev1.ProtocolTCP, ports["health"], ports["metrics"], ports["query"])}},
		Egress: []networkingv1.NetworkPolicyEgressRule{
			{Ports: open(corev1.ProtocolTCP, 443, 6443)}, // the API server, by its Service and by its hosts
			{Ports: append(open(corev1.ProtocolUDP, 53), open(corev1.ProtocolTCP, 53)...)},
		},
	}
	if diff := cmp.Diff(want, policy.Spec); diff != "" {
		t.Errorf("the network policy opens something else (-want +got):\n%s", diff)
	}
}

func TestTheContainerWritesNoFileAndHasNoRights(t *testing.T) {
	deployment := deploymentOf(t, decode(t, read(t, "dist/install.yaml")))
	pod := deployment.Spec.Template.Spec
	want := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	if diff := cmp.Diff(want, pod.Containers[0].SecurityContext); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantPod := &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	if diff := cmp.Diff(wantPod, pod.SecurityContext); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(pod.Containers) != 1 || len(pod.InitContainers) > 0 || len(pod.Volumes) > 0 || pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Errorf("the Pod has more than the manager: %+v", pod)
	}
}

const deploymentKey = "Deployment wukong-network/wukong-network"

// deploymentOf is the Deployment among manifests, strictly read.
func deploymentOf(t *testing.T, manifests objects) *appsv1.Deployment {
	t.Helper()
	deployment := &appsv1.Deployment{}
	convert(t, manifests[deploymentKey], deployment)
	return deployment
}

// convert reads an object into its type, strictly.
func convert(t *testing.T, object *unstructured.Unstructured, into any) {
	t.Helper()
	if object == nil {
		t.Fatalf("no %T", into)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
		t.Fatal(err)
	}
}
