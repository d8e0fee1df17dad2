package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	relativeLink = regexp.MustCompile(`\]\(([A-Za-z0-9._][A-Za-z0-9._/-]*)(#[^)]+)?\)`)
	makeLine     = regexp.MustCompile("(?m)(?:^\\$? ?|`)make ([a-z0-9-]+)")
	makeTarget   = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	goTestLine   = regexp.MustCompile(`go test (\./\S*|\.)? ?-run '?(Test\w+)`)
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

func TestThePathsOfTheDocumentationExist(t *testing.T) {
	for path, text := range pages(t) {
		for _, found := range relativeLink.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), found[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestTheTargetsOfTheDocumentationAreInTheMakefile(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, found := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, found[1])
	}
	count := 0
	for path, text := range pages(t) {
		for _, found := range makeLine.FindAllStringSubmatch(text, -1) {
			count++
			if !slices.Contains(targets, found[1]) {
				t.Errorf("%s: there is no target %s", path, found[1])
			}
		}
	}
	if count < 20 {
		t.Errorf("%d targets were found", count)
	}
}

func TestTheTestsThatTheDocumentationRunsExist(t *testing.T) {
	count := 0
	for path, text := range pages(t) {
		for _, found := range goTestLine.FindAllStringSubmatch(text, -1) {
			count++
			folder := found[1]
			if folder == "" || folder == "." {
				folder = "e2e/release"
			}
			if !slices.ContainsFunc(testsIn(t, filepath.Join("../..", folder)), func(name string) bool { return strings.HasPrefix(name, found[2]) }) {
				t.Errorf("%s: %s has no test %s", path, folder, found[2])
			}
		}
	}
	if count < 4 {
		t.Errorf("%d commands were found", count)
	}
}

// testsIn are the names of the tests of a folder.
func testsIn(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range testFunction.FindAllStringSubmatch(string(text), -1) {
			out = append(out, found[1])
		}
	}
	return out
}
