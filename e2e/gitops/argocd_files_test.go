package gitops

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// healthKey is the key of argocd-cm under which the health check of a kind stands.
func healthKey(group, kind string) string {
	return "resource.customizations.health." + group + "_" + kind
}

// policyKey is that of the policies of kubernetes-nmstate.
var policyKey = healthKey("nmstate.io", "NodeNetworkConfigurationPolicy")

func healthKeys() []string {
	out := []string{policyKey}
	for _, kind := range kinds {
		out = append(out, healthKey(v1alpha1.GroupVersion.Group, kind))
	}
	return out
}

// configMap reads a ConfigMap as the API server would.
func configMap(t *testing.T, text []byte) *corev1.ConfigMap {
	t.Helper()
	out := &corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

var configMapPath = filepath.Join(folder, "argocd", "argocd-cm.yaml")

func TestArgoCDsConfigMapHasTheScripts(t *testing.T) {
	want := corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "argocd-cm", Namespace: "argocd"}, Data: map[string]string{}}
	for _, key := range healthKeys() {
		script := "health.lua"
		if key == policyKey {
			script = "policy-health.lua"
		}
		want.Data[key] = string(read(t, filepath.Join(folder, "argocd", script)))
	}
	text, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	text = append([]byte("# Made from health.lua and policy-health.lua by go test -update in e2e/gitops.\n"), text...)
	if *update {
		if err := os.WriteFile(configMapPath, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(read(t, configMapPath), text) {
		t.Errorf("%s is not what the scripts make: run go test -update in e2e/gitops", configMapPath)
	}
}

func TestTheComponentAddsHealthChecksToAnInstallationOfArgoCD(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join("testdata", "argocd"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	got, ours := configMap(t, text).Data, configMap(t, read(t, configMapPath)).Data
	for _, key := range healthKeys() {
		if got[key] != ours[key] || got[key] == "" {
			t.Errorf("%s is %q, and should be the script", key, got[key])
		}
	}
	if got["url"] == "" || len(got) != len(ours)+1 {
		t.Errorf("what was in the ConfigMap before is gone: %v", got)
	}
}

// exclusion is an entry of resource.exclusions.
type exclusion struct {
	APIGroups []string `json:"apiGroups"`
	Kinds     []string `json:"kinds"`
	Clusters  []string `json:"clusters"`
}

func TestNothingThatPeopleKeepInGitIsExcluded(t *testing.T) {
	var list []exclusion
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(folder, "argocd", "resource-exclusions.yaml")), &list); err != nil {
		t.Fatal(err)
	}
	var excluded []string
	for _, e := range list {
		excluded = append(excluded, e.Kinds...)
	}
	if want := []string{"NodeNetworkState", "NodeNetworkConfigurationEnactment", "AddressLease"}; !slices.Equal(excluded, want) {
		t.Errorf("excluded are %q, want %q", excluded, want)
	}
}
