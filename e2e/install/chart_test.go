package install

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const chart = "charts/wukong-network"

// keepAnnotation is the only thing that the chart adds to an object.
const keepAnnotation = "helm.sh/resource-policy"

// helms are the versions of Helm that the chart works with, by their module in e2e/tools.
var helms = []string{"helm3", "helm4"}

// render is what helm template makes of the chart.
func render(t *testing.T, helm, namespace string, args ...string) (string, error) {
	t.Helper()
	// A Helm that is built from its sources takes the cluster for an ancient one.
	args = append([]string{"template", "wukong-network", chart, "--namespace", namespace, "--kube-version", "v1.37.0"}, args...)
	return try(t, exec.CommandContext(t.Context(), tool(t, helm, "helm"), args...))
}

func mustRender(t *testing.T, helm, namespace string, args ...string) objects {
	t.Helper()
	out, err := render(t, helm, namespace, args...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func TestTheChartPassesLint(t *testing.T) {
	for _, helm := range helms {
		out, err := try(t, exec.CommandContext(t.Context(), tool(t, helm, "helm"), "lint", "--strict", chart))
		if err != nil || strings.Contains(out, "[WARNING]") || strings.Contains(out, "[ERROR]") {
			t.Errorf("%s: %v\n%s", helm, err, out)
		}
	}
}

// Helm makes the namespace of a release itself, so the chart cannot have it. A definition carries an annotation of Helm's that
// keeps it when the release is uninstalled. All else is the same.
func TestTheChartRendersTheObjectsOfConfigDefault(t *testing.T) {
	want := decode(t, run(t, exec.CommandContext(t.Context(), tool(t, "kustomize", "kustomize"), "build", "config/default")))
	delete(want, "Namespace /wukong-network")
	for _, helm := range helms {
		got := mustRender(t, helm, "wukong-network")
		kept := 0
		for _, object := range got {
			if object.GetKind() == "CustomResourceDefinition" && object.GetAnnotations()[keepAnnotation] == "keep" {
				kept++
				unstructured.RemoveNestedField(object.Object, "metadata", "annotations", keepAnnotation)
			}
		}
		if kept != 6 {
			t.Errorf("%s: %d definitions are kept when the release goes, want 6", helm, kept)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-config/default +chart):\n%s", helm, diff)
		}
	}
}

func TestTheChartRendersTheObjectsOfConfigMonitoringWhenAskedFor(t *testing.T) {
	want := decode(t, run(t, exec.CommandContext(t.Context(), tool(t, "kustomize", "kustomize"), "build", "config/monitoring")))
	got := mustRender(t, "helm4", "wukong-network", "--set", "monitoring.serviceMonitor=true", "--set", "monitoring.rules=true", "--set", "monitoring.dashboard=true")
	for key := range mustRender(t, "helm4", "wukong-network") {
		delete(got, key)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 3 {
		t.Errorf("(-config/monitoring +chart):\n%s", diff)
	}
}

func TestAlertsLeadToWhereRunbooksArePublished(t *testing.T) {
	for _, base := range []string{"https://docs.example.com/runbooks", "https://docs.example.com/runbooks/"} {
		out, err := render(t, "helm4", "wukong-network", "--set", "monitoring.rules=true", "--set", "monitoring.runbooks="+base)
		if err != nil {
			t.Fatal(err)
		}
		alerts, links := strings.Count(out, " alert: "), strings.Count(out, "runbook_url: https://docs.example.com/runbooks/Wukong")
		if alerts == 0 || links != alerts {
			t.Errorf("%s: %d alerts, and %d of them lead there", base, alerts, links)
		}
	}
}

func TestBothVersionsOfHelmRenderTheSame(t *testing.T) {
	if diff := cmp.Diff(mustRender(t, "helm3", "elsewhere", everyValue...), mustRender(t, "helm4", "elsewhere", everyValue...)); diff != "" {
		t.Errorf("(-helm3 +helm4):\n%s", diff)
	}
}

func TestAReleaseInAnotherNamespaceNamesThatNamespaceThroughout(t *testing.T) {
	out, err := render(t, "helm4", "elsewhere", "--set", "monitoring.serviceMonitor=true", "--set", "monitoring.rules=true", "--set", "monitoring.dashboard=true")
	if err != nil {
		t.Fatal(err)
	}
	if wrong := regexp.MustCompile(`namespace: wukong-network\n|serviceaccount:wukong-network:|-n\s+wukong-network`).FindAllString(out, -1); wrong != nil {
		t.Errorf("it has %q", wrong)
	}
	if count := strings.Count(out, "system:serviceaccount:elsewhere:wukong-network"); count != 9 {
		t.Errorf("%d policies name the controller's ServiceAccount, want 9", count)
	}
	for key, object := range decode(t, out) {
		if namespace := object.GetNamespace(); namespace != "" && namespace != "elsewhere" {
			t.Errorf("%s is in namespace %s", key, namespace)
		}
	}
}

// everyValue gives each value of the chart something else than its default.
var everyValue = []string{
	"--set", "image.repository=registry.example.com/wukong-network", "--set", "image.tag=v1.2.3", "--set", "image.pullPolicy=Always",
	"--set", "imagePullSecrets[0].name=registry", "--set", "replicas=3", "--set", "clusterName=east: 1", "--set", "extraArgs={--cooldown=1h}",
	"--set", "resources.limits.memory=2Gi", "--set", "podAnnotations.note=\"1\"", "--set", "podLabels.team=network",
	"--set", "nodeSelector.disk=ssd", "--set", "tolerations[0].operator=Exists", "--set", "spread=false",
	"--set-json", `affinity={"nodeAffinity":{}}`, "--set", "priorityClassName=system-cluster-critical",
	"--set", "metrics.enabled=false", "--set", "query.enabled=false", "--set", "certificateSecret=serving", "--set", "networkPolicy.apiServerPorts={8443}",
	"--set", "networkPolicy.apiServerCIDRs={2001:db8::/64}", "--set", "podDisruptionBudget.enabled=false", "--set", "crds.keep=false",
	"--set", "policies.skip={tenant-attachments}",
}

func TestEveryValueReachesItsObject(t *testing.T) {
	got := mustRender(t, "helm4", "wukong-network", everyValue...)
	deployment := deploymentOf(t, got)
	pod := deployment.Spec.Template.Spec
	container := pod.Containers[0]
	wantArgs := []string{"--leader-elect", "--health-probe-bind-address=:8081", "--metrics-cert-dir=/etc/wukong-network/certificate", "--cluster-name=east: 1", "--cooldown=1h"}
	if diff := cmp.Diff(wantArgs, container.Args); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	wantValues := map[string]any{
		"image": "registry.example.com/wukong-network:v1.2.3", "pull": "Always", "secret": "registry", "replicas": int32(3), "memory": "2Gi",
		"annotation": `"1"`, "label": "network", "name": "wukong-network", "disk": "ssd", "tolerations": 1, "spread": 0, "affinity": true,
		"priority": "system-cluster-critical", "certificate": "serving", "mount": "/etc/wukong-network/certificate",
	}
	gotValues := map[string]any{
		"image": container.Image, "pull": string(container.ImagePullPolicy), "secret": pod.ImagePullSecrets[0].Name, "replicas": *deployment.Spec.Replicas,
		"memory": container.Resources.Limits.Memory().String(), "annotation": deployment.Spec.Template.Annotations["note"],
		"label": deployment.Spec.Template.Labels["team"], "name": deployment.Spec.Template.Labels["app.kubernetes.io/name"],
		"disk": pod.NodeSelector["disk"], "tolerations": len(pod.Tolerations), "spread": len(pod.TopologySpreadConstraints), "affinity": pod.Affinity != nil,
		"priority": pod.PriorityClassName, "certificate": pod.Volumes[0].Secret.SecretName, "mount": container.VolumeMounts[0].MountPath,
	}
	if diff := cmp.Diff(wantValues, gotValues); diff != "" {
		t.Errorf("Deployment (-want +got):\n%s", diff)
	}
	for _, gone := range []string{
		"Service wukong-network/wukong-network-metrics", "Service wukong-network/wukong-network-query", "PodDisruptionBudget wukong-network/wukong-network",
		"ValidatingAdmissionPolicy /wukong-network-tenant-attachments", "ValidatingAdmissionPolicyBinding /wukong-network-tenant-attachments",
	} {
		if got[gone] != nil {
			t.Errorf("%s is there", gone)
		}
	}
	if got["ValidatingAdmissionPolicy /wukong-network-tenant-networks"] == nil {
		t.Error("a policy that is not to be skipped is missing")
	}
	if _, kept := got["CustomResourceDefinition /wukongs.vm.novasphere.dev"].GetAnnotations()[keepAnnotation]; kept {
		t.Error("definitions are kept with crds.keep=false")
	}
	ingress, _, err := unstructured.NestedSlice(got["NetworkPolicy wukong-network/wukong-network"].Object, "spec", "ingress")
	if err != nil {
		t.Fatal(err)
	}
	wantIngress := []any{map[string]any{"ports": []any{map[string]any{"port": float64(8081), "protocol": "TCP"}}}}
	if diff := cmp.Diff(wantIngress, ingress); diff != "" {
		t.Errorf("network policy without metrics and queries (-want +got):\n%s", diff)
	}
	egress, _, err := unstructured.NestedSlice(got["NetworkPolicy wukong-network/wukong-network"].Object, "spec", "egress")
	if err != nil {
		t.Fatal(err)
	}
	wantEgress := map[string]any{"ports": []any{map[string]any{"port": float64(8443), "protocol": "TCP"}},
		"to": []any{map[string]any{"ipBlock": map[string]any{"cidr": "2001:db8::/64"}}}}
	if diff := cmp.Diff(wantEgress, egress[0]); diff != "" {
		t.Errorf("network policy (-want +got):\n%s", diff)
	}
}

func TestADigestGoesBeforeATagAndNothingIsLeftOfWhatIsSwitchedOff(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	got := mustRender(t, "helm4", "wukong-network", "--set", "image.digest="+digest, "--set", "crds.install=false", "--set", "networkPolicy.enabled=false")
	if image := deploymentOf(t, got).Spec.Template.Spec.Containers[0].Image; image != "wukong-network@"+digest {
		t.Errorf("image %s", image)
	}
	for key := range got {
		if strings.HasPrefix(key, "CustomResourceDefinition ") || strings.HasPrefix(key, "NetworkPolicy ") {
			t.Errorf("%s is there", key)
		}
	}
}

func TestAWrongValueIsRefusedByItsName(t *testing.T) {
	for name, c := range map[string]struct {
		set  string
		want []string
	}{
		"a value that does not exist":       {"replica=3", []string{"'replica'"}},
		"a nested value that does not":      {"image.name=x", []string{"/image", "'name'"}},
		"words for a number":                {"replicas=two", []string{"/replicas", "want integer"}},
		"a digest that is none":             {"image.digest=v1", []string{"/image/digest", "sha256"}},
		"a policy that does not exist":      {"policies.skip={tenants}", []string{"/policies/skip/0", "tenant-attachments"}},
		"the policy about Secrets":          {"policies.skip={controller-secrets}", []string{"/policies/skip/0", "controller-machines"}},
		"a flag without dashes":             {"extraArgs={cooldown=1h}", []string{"/extraArgs/0"}},
		"the label that selects the Pods":   {`podLabels.app\.kubernetes\.io/name=x`, []string{"/podLabels"}},
		"an address that is no network":     {"networkPolicy.apiServerCIDRs={10.0.0.1}", []string{"/networkPolicy/apiServerCIDRs/0"}},
		"a port that no number can be":      {"networkPolicy.apiServerPorts={70000}", []string{"/networkPolicy/apiServerPorts/0"}},
		"limits that the kubelet knows not": {"resources.limit.memory=1Gi", []string{"/resources", "'limit'"}},
		"fewer replicas than none":          {"replicas=-1", []string{"/replicas", "minimum"}},
		"no image":                          {"image.repository=", []string{"/image/repository"}},
		"an image with its tag":             {"image.repository=registry.example.com:5000/a:v1", []string{`"registry.example.com:5000/a:v1"`, "image.tag"}},
		"an image with its digest":          {"image.repository=registry.example.com/a@sha256", []string{"image.digest"}},
		"a tag that is a path":              {"image.tag=v1/2", []string{"/image/tag"}},
		"an annotation of the chart's own":  {`podAnnotations.kubectl\.kubernetes\.io/default-container=x`, []string{"/podAnnotations"}},
		"a value that an older chart lacks": {"query=null", []string{"missing property 'query'"}},
		"the same, one level below":         {"crds.keep=null", []string{"/crds", "missing property 'keep'"}},
		"a monitor of no metrics":           {"metrics.enabled=false,monitoring.serviceMonitor=true", []string{"monitoring.serviceMonitor", "metrics.enabled is false"}},
		"rules about no metrics":            {"metrics.enabled=false,monitoring.rules=true", []string{"monitoring.rules", "metrics.enabled is false"}},
		"a flag that a value sets":          {"extraArgs={--cluster-name=east}", []string{"--cluster-name", "the value clusterName"}},
		"a certificate that is not mounted": {"extraArgs={-metrics-cert-dir=/certs}", []string{"--metrics-cert-dir", "the value certificateSecret"}},
		"another port than that of probes":  {"extraArgs={--health-probe-bind-address=:9090}", []string{"port 8081"}},
		"runbooks that are a sentence":      {"monitoring.runbooks=see below", []string{"/monitoring/runbooks"}},
	} {
		for _, helm := range helms {
			out, err := render(t, helm, "wukong-network", "--set", c.set)
			if err == nil {
				t.Errorf("%s: %s takes %s:\n%s", name, helm, c.set, out)
				continue
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %s does not say %q: %v", name, helm, want, err)
				}
			}
		}
	}
}
