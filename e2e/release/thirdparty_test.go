package main

import (
	"bytes"
	"debug/buildinfo"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// holder is a line that says whose text follows.
var holder = regexp.MustCompile(`(?m)^(\S+) (\S+) \([^ ()]+\)$`)

// checkThirdPartyLicenses compares the modules that a text names with those that the program says it has, and looks at the
// licenses.
func checkThirdPartyLicenses(t *testing.T, program, path string) {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{"std": info.GoVersion}, map[string]string{}
	for _, m := range info.Deps {
		want[m.Path] = m.Version
	}
	text := readFile(t, path)
	for _, found := range holder.FindAllStringSubmatch(string(text), -1) {
		got[found[1]] = found[2]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules (-want +got)\n%s", diff)
	}
	classify, err := newLicenses()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, match := range classify.classifier.Match(classify.classifier.Normalize(text)).Matches {
		if match.MatchType == "License" {
			known[match.Name] = true
		}
	}
	if diff := cmp.Diff(allowed, slices.Sorted(maps.Keys(known))); diff != "" {
		t.Errorf("licenses (-want +got)\n%s", diff)
	}
}

func TestTheLicensesOfOthersAreTheSameBytesTwice(t *testing.T) {
	var texts []string
	for range 2 {
		var out bytes.Buffer
		if err := writeThirdPartyLicenses(t.Context(), &out, root, "wukong-network", "linux/amd64"); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, out.String())
	}
	if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
		t.Errorf("(-first +second)\n%s", diff)
	}
}

func TestATextThatSeveralModulesHaveIsPrintedOnce(t *testing.T) {
	a := folder(t, map[string]string{"LICENSE": "free\n", "license.go": "package a\n", "README": "read\n"})
	b := folder(t, map[string]string{"LICENSE.txt": "free\r\n\r\n", "NOTICE": "by b\n", "fork/COPYING": "freer\n", "other/LICENSE": "unused\n"})
	got, err := thirdPartyText("program", []module{
		{path: "example.com/a", version: "v1.0.0", folder: a, folders: []string{a}},
		{path: "example.com/b", version: "v2.0.0", folder: b, folders: []string{b}},
		{path: "example.com/c", version: "v3.0.0", folder: b, folders: []string{b, filepath.Join(b, "fork")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("=", 80)
	want := `program is linked with the Go modules below. Each text is after the modules that it is from; std is Go's
standard library.

` + line + `
example.com/a v1.0.0 (LICENSE)
example.com/b v2.0.0 (LICENSE.txt)
example.com/c v3.0.0 (LICENSE.txt)

free

` + line + `
example.com/b v2.0.0 (NOTICE)
example.com/c v3.0.0 (NOTICE)

by b

` + line + `
example.com/c v3.0.0 (fork/COPYING)

freer
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEveryFolderDownToAPackageIsLookedInto(t *testing.T) {
	if diff := cmp.Diff([]string{"/m", "/m/fork/deep", "/m/fork"}, between("/m", "/m/fork/deep")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/m"}, between("/m", "/m")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A notice is no license, and a license of code that a module took over is not that of the module.
func TestAModuleWithoutALicenseFileIsRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing":            {"fork/doc.go": "package fork\n"},
		"a notice":           {"NOTICE": "by a\n", "fork/doc.go": "package fork\n"},
		"an empty license":   {"LICENSE": "\n", "fork/doc.go": "package fork\n"},
		"a license below it": {"fork/LICENSE": "free\n"},
	} {
		dir := folder(t, files)
		m := module{path: "example.com/a", version: "v1.0.0", folder: dir, folders: []string{dir, filepath.Join(dir, "fork")}}
		_, err := thirdPartyText("program", []module{m})
		if err == nil || !strings.Contains(err.Error(), "example.com/a@v1.0.0: no license file in "+dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
