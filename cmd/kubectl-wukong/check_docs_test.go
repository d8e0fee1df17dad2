package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/checks"
)

func TestEveryCheckHasItsSection(t *testing.T) {
	var sections []string
	for _, h := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(read(t, "../../docs/checks.md"), -1) {
		sections = append(sections, h[1])
	}
	if diff := cmp.Diff(checks.IDs(), sections); diff != "" {
		t.Errorf("sections of docs/checks.md, in the order of the checks (-want +got)\n%s", diff)
	}
}

// TestTheInstallationIsAskedForItsRights: a kind that an installation makes is one that check --pre asks about.
func TestTheInstallationIsAskedForItsRights(t *testing.T) {
	asked := slices.Concat(installed[""], installed["admissionregistration.k8s.io"], installed["apiextensions.k8s.io"], installed["apps"],
		installed["networking.k8s.io"], installed["policy"], installed["rbac.authorization.k8s.io"])
	kinds := regexp.MustCompile(`(?m)^kind: (\w+)$`)
	count := 0
	for _, folder := range []string{"crd", "rbac", "policies", "manager"} {
		for _, path := range glob(t, "../../config/"+folder+"/*.yaml") {
			for _, kind := range kinds.FindAllStringSubmatch(read(t, path), -1) {
				if kind[1] == "Kustomization" {
					continue
				}
				count++
				if resource := plural(kind[1]); !slices.Contains(asked, resource) {
					t.Errorf("%s: %s are not asked about", path, resource)
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("%d objects were found", count)
	}
}

// plural is the resource of a kind, as far as an installation has them.
func plural(kind string) string {
	if y, found := strings.CutSuffix(strings.ToLower(kind), "y"); found {
		return y + "ies"
	}
	return strings.ToLower(kind) + "s"
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %q, %v", pattern, paths, err)
	}
	return paths
}
