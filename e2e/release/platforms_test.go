package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Building for a system that the test does not run on takes minutes. That types fit, in every package that goes in, shows as well
// that nothing is used which the system does not have. Nor is anything linked there alone under a license that is not allowed.
func TestProgramsFitEverySystemThatTheyAreReleasedFor(t *testing.T) {
	for _, program := range programs() {
		var systems []string
		for _, p := range program.platforms {
			goos, _, _ := strings.Cut(p, "/")
			systems = append(systems, goos)
		}
		slices.Sort(systems)
		for _, goos := range slices.Compact(systems) {
			if goos == "linux" {
				continue // built by other tests
			}
			t.Run(program.name+" on "+goos, func(t *testing.T) { checkPackages(t, "./cmd/"+program.name, goos) })
		}
	}
}

func checkPackages(t *testing.T, pattern, goos string) {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesSizes | packages.NeedModule,
		Context: t.Context(), Dir: root,
		Env: append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off"),
	}, pattern)
	if err != nil {
		t.Fatal(err)
	}
	count, folders := 0, map[string]string{}
	packages.Visit(loaded, nil, func(p *packages.Package) {
		count++
		if p.Module != nil && !p.Module.Main {
			folders[p.Module.Path] = p.Module.Dir
		}
		for _, problem := range p.Errors {
			t.Errorf("%s: %v", p.PkgPath, problem)
		}
	})
	if count < 100 {
		t.Errorf("%d packages were read", count)
	}
	classify, err := newLicenses()
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) < 10 {
		t.Errorf("%d modules were read", len(folders))
	}
	for module, folder := range folders {
		found, err := classify.of(folder)
		if err != nil {
			t.Errorf("%s: %v", module, err)
		}
		checkLicenses(t, module, found)
	}
}
