package walkthrough

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// documents are the pages whose commands and manifests have to be run.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "docs/runbooks/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		for _, path := range found {
			name, err := filepath.Rel(root, path)
			must(t, err)
			out[filepath.ToSlash(name)] = page(t, name)
		}
	}
	return out
}

// page reads a file of the repository.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := source(name)
	must(t, err)
	return text
}

func source(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, name))
	return string(text), err
}

func TestEveryCommandAndManifestOfTheDocumentationIsRunByATest(t *testing.T) {
	for _, wrong := range documentation.audit(documents(t), source) {
		t.Error(wrong)
	}
}

func TestEveryPageThatIsSaidToBeTypedIsOpenedByATest(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	opened := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, found := range regexp.MustCompile(`(\w*)[({]?"([A-Za-z0-9/-]+\.md)"`).FindAllStringSubmatch(string(text), -1) {
			if via := found[1]; file != "pages_test.go" && via != "mentions" && via != "tries" && via != "page" {
				opened[found[2]] = true
			}
		}
	}
	for _, name := range typed {
		if !opened[name] {
			t.Errorf("no test opens %s", name)
		}
	}
}

func TestWhatNoTestRunsIsFound(t *testing.T) {
	pages := map[string]string{
		"a.md": "```console\n$ ls\n```\n\n```\nkubectl get nodes\n```\n\n```\n$ one\n```\n\n1. First\n\n   ```\n   helm list\n   ```\n",
		"b.md": "```yaml\nspec: {}\n```\n\n    make test\n\n```\nA ── B\nkind of a picture\n```\n\n```json\n{\"level\":\"info\"}\n```\n\n```\nkind: Wukong\n```\n",
	}
	tests := map[string]string{"x_test.go": "\nfunc TestRuns(t *testing.T) { read(\"a.md\") }\n"}
	sources := func(name string) (string, error) {
		if text, ok := tests[name]; ok {
			return text, nil
		}
		return "", errors.New(name + " is missing")
	}
	for name, c := range map[string]struct {
		by   covering
		want []string
	}{
		"nothing is covered": {covering{},
			[]string{"a.md:1: ls", "a.md:5: kubectl get nodes", "a.md:9: one", "a.md:15: helm list", "b.md:1: spec: {}", "b.md:5: make test", "b.md:16: kind: Wukong"}},
		"a page that is typed, a test and reasons": {covering{typed: []string{"a.md"},
			ranBy:      []ranBy{{"a.md", "^(kubectl|helm)|one", "x_test.go:TestRuns"}},
			exceptions: []exception{{"*.md", "^(spec|kind|make)", "a reason"}}}, nil},
		"entries for what is not there": {covering{typed: []string{"a.md", "c.md"},
			ranBy:      []ranBy{{"a.md", "", "x_test.go:TestRuns"}, {"a.md", "^nobody", "x_test.go:TestRuns"}},
			exceptions: []exception{{"b.md", "", "a reason"}, {"b.md", "^nobody", "a reason"}}},
			[]string{`a.md, "^nobody", run by x_test.go:TestRuns`, `b.md, "^nobody", not run`, "c.md"}},
		"a reason for what a test runs": {covering{typed: []string{"a.md"}, ranBy: []ranBy{{"a.md", "", "x_test.go:TestRuns"}},
			exceptions: []exception{{"a.md", "kubectl", "a reason"}, {"b.md", "", "a reason"}}}, []string{`a.md, "kubectl", not run`}},
		"tests that are not there, or about something else": {covering{
			ranBy: []ranBy{{"a.md", "", "x_test.go:TestRuns"}, {"b.md", "", "x_test.go:TestRuns"}, {"*.md", "", "x_test.go:TestWalks"}, {"a.md", "", "y_test.go:TestRuns"}}},
			[]string{"x_test.go:TestRuns does not name b.md", "x_test.go has no TestWalks", "y_test.go is missing"}},
	} {
		got := c.by.audit(pages, sources)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %q", name, got)
		}
		for _, want := range c.want {
			place, rest, found := strings.Cut(want, ": ")
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, place) && (!found || strings.Contains(s, rest)) }) {
				t.Errorf("%s: want %s, got %q", name, want, got)
			}
		}
	}
}
