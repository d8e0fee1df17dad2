package manifests_test

import (
	"os"
	"path/filepath"
	"testing"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
)

func TestAKustomizationIsReadAsItIsBuilt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("kustomization.yaml", "resources: [network.yaml]\nnameSuffix: \"-2\"\n")
	write("network.yaml", "apiVersion: vm.novasphere.dev/v1alpha1\nkind: HostNetwork\nmetadata: {name: spare}\nspec: {physicalNetwork: lab, vlan: 300}\n")
	source, err := manifests.Kustomize(dir)
	if err != nil {
		t.Fatal(err)
	}
	reader := manifests.Reader{Namespace: "default"}
	set, err := reader.Read([]manifests.Source{source})
	if err != nil || len(set.Findings) > 0 || len(set.Input.HostNetworks) != 1 || set.Input.HostNetworks[0].Name != "spare-2" {
		t.Errorf("%v, %v, %v", set.Input.HostNetworks, set.Findings, err)
	}
	if _, err := manifests.Kustomize(filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that is not there was built")
	}
}
