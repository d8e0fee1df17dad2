package guests

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/parts"
)

// TestCloudInitWritesWhatIsInTestdata compares the files of every renderer, without their comments.
func TestCloudInitWritesWhatIsInTestdata(t *testing.T) {
	got := map[string]string{}
	for path, byVersion := range written(t) {
		got[path] = goldenText(byVersion)
	}
	if *update {
		writeGolden(t, got)
	}
	if diff := cmp.Diff(readGolden(t), got); diff != "" {
		t.Errorf("testdata (-want +got), -update writes it:\n%s", diff)
	}
}

// goldenKey names a golden file: one for each document and way of networking.
func goldenKey(document string, ask parts.Ask) string {
	return filepath.Join("testdata", document, string(ask)+".txt")
}

// written gives what was written, by the path of the golden file and version.
func written(t *testing.T) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, v := range verdicts(t) {
		if !slices.Contains(parts.Renderers, v.Ask) {
			continue
		}
		path := goldenKey(v.Document.Name, v.Ask)
		if out[path] == nil {
			out[path] = map[string]string{}
		}
		out[path][v.Version] = filesText(v)
	}
	return out
}

func filesText(v verdict) string {
	if v.Err != nil {
		return "refused\n"
	}
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(v.Files)) {
		fmt.Fprintf(&b, "-- %s --\n", path)
		for line := range strings.Lines(v.Files[path]) {
			if text := strings.TrimSpace(line); text != "" && !strings.ContainsAny(text[:1], "#;") {
				b.WriteString(strings.TrimRight(line, "\n") + "\n")
			}
		}
	}
	return b.String()
}

// goldenText puts the versions below one another.
func goldenText(byVersion map[string]string) string {
	var b strings.Builder
	for _, version := range slices.Sorted(maps.Keys(byVersion)) {
		fmt.Fprintf(&b, "# cloud-init %s\n%s", version, byVersion[version])
	}
	return b.String()
}

func goldenPaths(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(goldenKey("*/*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func readGolden(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, path := range goldenPaths(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = string(text)
	}
	return out
}

func writeGolden(t *testing.T, got map[string]string) {
	t.Helper()
	for _, path := range goldenPaths(t) {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range got {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
