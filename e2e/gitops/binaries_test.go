package gitops

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// programs is a folder with the real programs, built when the first test asks for them.
var programs struct {
	once sync.Once
	dir  string
	err  error
}

// buildPrograms makes kubectl-wukong and kustomize.
func buildPrograms() (string, error) {
	dir, err := os.MkdirTemp("", "wukong-gitops-")
	if err != nil {
		return "", err
	}
	var errs []error
	for program, from := range map[string]struct{ module, path string }{
		"kubectl-wukong": {"../..", "./cmd/kubectl-wukong"},
		"kustomize":      {"../tools/kustomize", "sigs.k8s.io/kustomize/kustomize/v5"},
	} {
		build := exec.Command("go", "build", "-C", from.module, "-trimpath", "-o", filepath.Join(dir, program), from.path) //nolint:gosec // both are constants
		if out, err := build.CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("build %s: %w\n%s", program, err, out))
		}
	}
	return dir, errors.Join(errs...)
}

// withPrograms puts the real programs onto the PATH of the test.
func withPrograms(t *testing.T) {
	t.Helper()
	programs.once.Do(func() { programs.dir, programs.err = buildPrograms() })
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	t.Setenv("PATH", programs.dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// command runs a program and gives its output and its standard error.
func command(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, messages strings.Builder
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...) //nolint:gosec // tests choose what they run
	cmd.Stdout, cmd.Stderr = &out, &messages
	err = cmd.Run()
	return out.String(), messages.String(), err
}
