package install

import (
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// podOf is the Pod that the Deployment among manifests would make, in its namespace.
func podOf(t *testing.T, manifests objects) *corev1.Pod {
	t.Helper()
	template := deploymentOf(t, manifests).Spec.Template
	return &corev1.Pod{Spec: template.Spec, ObjectMeta: metav1.ObjectMeta{Namespace: "wukong-network", GenerateName: "wukong-network-",
		Labels: template.Labels, Annotations: template.Annotations}}
}

func TestThePodsOfEveryInstallationPassTheRestrictedLevel(t *testing.T) {
	admin := administrator(t, installed(t))
	kustomize := tool(t, "kustomize", "kustomize")
	for name, manifests := range map[string]objects{
		"config/default":      decode(t, run(t, exec.CommandContext(t.Context(), kustomize, "build", "config/default"))),
		"config/overlays/dev": decode(t, run(t, exec.CommandContext(t.Context(), kustomize, "build", "config/overlays/dev"))),
		"the chart":           mustRender(t, "helm4", "wukong-network"),
		"the chart with every value": mustRender(t, "helm4", "wukong-network", append(everyValue,
			"--set", "priorityClassName=")...), // the embedded control plane has no priority classes
	} {
		if err := admin.Create(t.Context(), podOf(t, manifests), client.DryRunAll); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPodWithMorePrivilegesIsRefusedInTheNamespace(t *testing.T) {
	admin := administrator(t, installed(t))
	manifests := decode(t, run(t, exec.CommandContext(t.Context(), tool(t, "kustomize", "kustomize"), "build", "config/default")))
	yes, no := true, false
	for name, change := range map[string]func(*corev1.Pod){
		"runAsNonRoot":             func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsNonRoot = &no },
		"seccompProfile":           func(p *corev1.Pod) { p.Spec.SecurityContext.SeccompProfile = nil },
		"allowPrivilegeEscalation": func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes },
		"privileged": func(p *corev1.Pod) {
			context := p.Spec.Containers[0].SecurityContext
			context.Privileged, context.AllowPrivilegeEscalation = &yes, nil // together the API server takes them for a mistake
		},
		"unrestricted capabilities": func(p *corev1.Pod) {
			p.Spec.Containers[0].SecurityContext.Capabilities.Add = []corev1.Capability{"NET_ADMIN"}
		},
		"host namespaces": func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"restricted volume types": func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		},
	} {
		pod := podOf(t, manifests)
		change(pod)
		err := admin.Create(t.Context(), pod, client.DryRunAll)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted:latest"`) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want that Pod Security refuses it", name, err)
		}
	}
}
