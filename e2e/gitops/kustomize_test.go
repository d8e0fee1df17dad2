package gitops

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// networks is the example of a folder whose policies a pipeline applies.
var networks = filepath.Join(folder, "kustomize")

// build runs kustomize as our pages say.
func build(t *testing.T, dir string, flags ...string) (string, string, error) {
	t.Helper()
	return command(t, append([]string{"kustomize", "build", "--enable-alpha-plugins", dir}, flags...)...)
}

func TestKustomizeRunsTheFunction(t *testing.T) {
	withPrograms(t)
	built, stderr, err := build(t, networks, "--enable-exec")
	if err != nil || stderr != "" {
		t.Fatalf("%v\n%s", err, stderr)
	}
	policy, _, err := command(t, "kubectl-wukong", "render", "-f", filepath.Join(networks, "networks.yaml"), "--only", "external-policies")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(built, policy+"---\n") {
		t.Errorf("kustomize does not build the policy that render prints:\n%s\n%s", built, policy)
	}
	if strings.Count(built, "\n---\n") != 2 {
		t.Errorf("kustomize builds not one object beside the two of the folder:\n%s", built)
	}
	if again, _, _ := build(t, networks, "--enable-exec"); again != built {
		t.Errorf("built again it differs (-first +second):\n%s", cmp.Diff(built, again))
	}
}

func TestKustomizeSaysWhatIsWrongInAFolder(t *testing.T) {
	withPrograms(t)
	broken := t.TempDir()
	for _, name := range []string{"kustomization.yaml", "networks.yaml", "render.yaml"} {
		text := strings.Replace(string(read(t, filepath.Join(networks, name))), "interface: eth1", "interface: lo", 1)
		if err := os.WriteFile(filepath.Join(broken, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	built, stderr, err := build(t, broken, "--enable-exec")
	if err == nil || built != "" {
		t.Errorf("kustomize builds a folder with an error:\n%s", built)
	}
	first, _, _ := strings.Cut(stderr, "\n")
	if !strings.HasPrefix(first, "error: HostUplink workers: spec.interface: ") || !strings.HasSuffix(first, "(InvalidSpec)") {
		t.Errorf("the first line does not say what is wrong:\n%s", stderr)
	}
}

// That it does so is why our pages say to commit what is rendered, and to check it.
func TestKustomizeLeavesTheFunctionOutWithoutTheFlag(t *testing.T) {
	withPrograms(t)
	built, stderr, err := build(t, networks)
	if err != nil || strings.Contains(built, "kind: NodeNetworkConfigurationPolicy") || stderr != "" {
		t.Errorf("kustomize without --enable-exec: %v %s\n%s\nif it says something now, change docs/gitops.md", err, stderr, built)
	}
}
