package install

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(path(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// defaults reads the first two columns of a page's table whose cells are code: a name, and its default or nothing.
func defaults(page string) map[string]string {
	out := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:`([^`]*)` )?\\|").FindAllStringSubmatch(page, -1) {
		out[row[1]] = row[2]
	}
	return out
}

func TestThePageListsTheFlagsOfTheManager(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the manager, which -short leaves out")
	}
	help, err := exec.CommandContext(t.Context(), binary(t), "-help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	want := map[string]string{}
	for _, f := range regexp.MustCompile(`(?m)^  -([a-z-]+).*\n    \t(?:.*\(default "?([^")]*)"?\)$)?`).FindAllStringSubmatch(string(help), -1) {
		want["--"+f[1]] = f[2]
	}
	_, section, found := strings.Cut(read(t, "docs/install.md"), "\n## Flags\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !found || !ended || len(want) < 10 {
		t.Fatalf("flags %v", want)
	}
	if diff := cmp.Diff(want, defaults(section)); diff != "" {
		t.Errorf("(-wukong-network -help +docs/install.md):\n%s", diff)
	}
}

// leaves flattens values to the names that --set takes, with their values as JSON. A list, and a map that the user fills, is one.
func leaves(prefix string, values map[string]any, out map[string]string) error {
	for name, value := range values {
		nested, isMap := value.(map[string]any)
		if isMap && len(nested) > 0 && prefix+name != "resources" && prefix+name != "nodeSelector" {
			if err := leaves(prefix+name+".", nested, out); err != nil {
				return err
			}
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		out[prefix+name] = string(text)
	}
	return nil
}

func TestTheReadmeOfTheChartListsItsValues(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if err := leaves("", values, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, defaults(read(t, chart+"/README.md"))); diff != "" {
		t.Errorf("(-values.yaml +README.md):\n%s", diff)
	}
}

func TestTheKustomizationOfThePageBuilds(t *testing.T) {
	page := read(t, "docs/install.md")
	block := regexp.MustCompile("(?s)```yaml kustomization.yaml\n(.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("the page has no kustomization")
	}
	folder := t.TempDir()
	// kustomize wants relative paths, so the page's clone is the repository by its way from the folder.
	root, err := filepath.Rel(folder, path(t, "."))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(block[1], "- wukong-network/config", "- "+root+"/config")
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	built := decode(t, run(t, exec.CommandContext(t.Context(), tool(t, "kustomize", "kustomize"), "build", folder)))
	deployment := deploymentOf(t, built)
	container := deployment.Spec.Template.Spec.Containers[0]
	if *deployment.Spec.Replicas != 1 || container.Image != "registry.example.com/wukong-network:v0.1.0" || container.Args[len(container.Args)-1] != "--cluster-name=east" {
		t.Errorf("%d replicas of %s %q", *deployment.Spec.Replicas, container.Image, container.Args)
	}
	if built["NetworkPolicy wukong-network/wukong-network"] != nil {
		t.Error("the network policy is there")
	}
}

func TestTheCommandsOfHelmInThePagesHaveTheirFlags(t *testing.T) {
	count := 0
	for _, page := range []string{"docs/install.md", "docs/upgrade.md", "docs/uninstall.md", chart + "/README.md"} {
		for _, line := range regexp.MustCompile("(?m)(?:^ *(?:\\$ )?|`)helm ([a-z]+) ([^`\n]+)").FindAllStringSubmatch(read(t, page), -1) {
			count++
			for _, helm := range helms {
				help := run(t, exec.CommandContext(t.Context(), tool(t, helm, "helm"), line[1], "--help"))
				for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(line[2], -1) {
					if !strings.Contains(help, flag+" ") {
						t.Errorf("%s: %s %s has no flag %s", page, helm, line[1], flag)
					}
				}
			}
		}
	}
	if count < 5 {
		t.Errorf("%d commands were found", count)
	}
}
