package monitoring

import (
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// TestTheComponentIsWhatTheOperatorAndTheSidecarTake builds it as kubectl apply -k does.
func TestTheComponentIsWhatTheOperatorAndTheSidecarTake(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../config/monitoring")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, object := range built.Resources() {
		kinds[object.GetKind()] = true
		text, err := object.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if object.GetNamespace() != "wukong-network" {
			t.Errorf("%s is in namespace %q", object.CurId(), object.GetNamespace())
		}
		switch object.GetKind() {
		case "PrometheusRule":
			if err := yaml.UnmarshalStrict(text, &monitoringv1.PrometheusRule{}); err != nil {
				t.Error(err)
			}
		case "ServiceMonitor":
			monitor := &monitoringv1.ServiceMonitor{}
			if err := yaml.UnmarshalStrict(text, monitor); err != nil {
				t.Error(err)
			}
			meets(t, monitor)
		case "ConfigMap":
			if object.GetLabels()["grafana_dashboard"] != "1" || object.GetDataMap()["wukong-network.json"] != string(read(t, "../../config/monitoring/dashboard.json")) {
				t.Error("the sidecar does not find the dashboard")
			}
		default:
			t.Errorf("%s is not expected", object.CurId())
		}
	}
	if len(kinds) != 3 {
		t.Errorf("kinds %v", kinds)
	}
}

// meets checks that the monitor finds the Service of the manager, and calls the job as rules expect it.
func meets(t *testing.T, monitor *monitoringv1.ServiceMonitor) {
	t.Helper()
	var service struct {
		Metadata struct{ Labels map[string]string }
		Spec     struct{ Ports []struct{ Name string } }
	}
	if err := yaml.Unmarshal(read(t, "../../config/manager/service.yaml"), &service); err != nil {
		t.Fatal(err)
	}
	for name, value := range monitor.Spec.Selector.MatchLabels {
		if service.Metadata.Labels[name] != value {
			t.Errorf("the Service has not the label %s=%s", name, value)
		}
	}
	if job := service.Metadata.Labels[monitor.Spec.JobLabel]; job != "wukong-network" {
		t.Errorf("the job is called %q", job)
	}
	if got := monitor.Spec.Endpoints; len(got) != 1 || got[0].Port != service.Spec.Ports[0].Name || got[0].Scheme == nil || *got[0].Scheme != "https" {
		t.Errorf("endpoints %+v", got)
	}
}
