package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Building for a system that the test does not run on takes minutes. That types fit, in every package that goes in, shows as well
// that nothing is used which the system does not have.
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
			t.Run(program.name+" on "+goos, func(t *testing.T) { checkTypes(t, "./cmd/"+program.name, goos) })
		}
	}
}

func checkTypes(t *testing.T, pattern, goos string) {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesSizes,
		Context: t.Context(), Dir: root,
		Env: append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off"),
	}, pattern)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	packages.Visit(loaded, nil, func(p *packages.Package) {
		count++
		for _, problem := range p.Errors {
			t.Errorf("%s: %v", p.PkgPath, problem)
		}
	})
	if count < 100 {
		t.Errorf("%d packages were read", count)
	}
}
