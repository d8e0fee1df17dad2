package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

var (
	// used finds the tools that a line of a script or Makefile runs; the name of one is the last element of its package.
	used = regexp.MustCompile(`(?:\$\(TOOL\)|\bgo tool|\$\(GO\) tool|\btool -n|"tool", "-n",) +(?:-\S+ +)*"?([a-z][a-z0-9-]*)`)
	// unpinned finds versions that are chosen when something runs, not when it was committed.
	unpinned = regexp.MustCompile(`\bgo (run|install|get) \S*@|\(GO\) (run|install|get) \S*@|@latest\b|\b(pip3?|npm|npx|cargo) install\b|\bcurl \S*http|\bwget \S*http`)
)

func TestToolsArePinnedByAModuleOfTheTree(t *testing.T) {
	pinned := map[string]string{"pprof": "Go itself"}
	for _, file := range tracked(t, "go.mod", "*/go.mod") {
		mod, err := modfile.Parse(file, readFile(t, filepath.Join(root, file)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range mod.Tool {
			pinned[path.Base(versionless(tool.Path))] = file
			if !slices.ContainsFunc(mod.Require, func(r *modfile.Require) bool { return strings.HasPrefix(tool.Path+"/", versionless(r.Mod.Path)+"/") }) {
				t.Errorf("%s: the tool %s has no version", file, tool.Path)
			}
		}
	}
	count := 0
	for _, file := range tracked(t, "Makefile", "*.sh", ".ci/*", "e2e/*.go") {
		if strings.HasSuffix(file, "/pinned_test.go") {
			continue
		}
		text := string(readFile(t, filepath.Join(root, file)))
		for _, found := range used.FindAllStringSubmatch(text, -1) {
			count++
			if pinned[found[1]] == "" {
				t.Errorf("%s runs the tool %s, which no go.mod pins", file, found[1])
			}
		}
		if found := unpinned.FindString(text); found != "" {
			t.Errorf("%s: %q takes what is there at the time: pin it in a module under e2e", file, found)
		}
	}
	if count < 5 {
		t.Errorf("%d uses of tools were found", count)
	}
}

// versionless is the path of a module or command without the suffix of its major version.
func versionless(module string) string {
	return regexp.MustCompile(`/v[0-9]+$`).ReplaceAllString(module, "")
}

// tracked lists files of the tree by git's patterns.
func tracked(t *testing.T, patterns ...string) []string {
	t.Helper()
	out := command(t, root, nil, "git", append([]string{"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"}, patterns...)...)
	files := strings.Split(strings.TrimRight(out, "\x00"), "\x00")
	return slices.DeleteFunc(files, func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err != nil
	})
}
