package walkthrough

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// notAlone are examples of docs/commands.md that do not run by themselves: those that need root or Graphviz, that never end, whose
// folder is that of docs/gitops.md, or which ask for what a commit has.
var notAlone = regexp.MustCompile(`^(sudo|kustomize|git show) | \| dot |-w$`)

// TestTheExamplesOfTheReferenceOfCommandsAreAnswered types each of docs/commands.md in a cluster that has what most of them name. An
// answer may be that something is amiss, or that there is nothing to do; it may not be that the question is wrong.
func TestTheExamplesOfTheReferenceOfCommandsAreAnswered(t *testing.T) {
	r := newReader(t)
	r.install()
	r.prepares("cp -r e2e/walkthrough/testdata/reference/. .",
		"cp platform/lab.yaml web.yaml overlays/production",
		"kubectl apply -f config/samples/namespaces.yaml",
		"kubectl apply -f platform -f team-a",
		`sed "s/NOW/$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)/" leader.yaml | kubectl apply -f -`,
		"kubectl wait wukong/web -n team-a --for=condition=Ready --timeout=2m",
		"kubectl wait hostuplink/workers hostnetwork/lab --for=condition=Ready --timeout=2m")
	blocks, err := blocksOf(page(t, "docs/commands.md"))
	must(t, err)
	count := 0
	for _, b := range blocks {
		for line := range strings.Lines(b.text) {
			if line = strings.TrimSpace(line); !program.MatchString(line) || notAlone.MatchString(line) {
				continue
			}
			count++
			code, out := r.asks(line)
			if code != 0 && code != 1 {
				t.Errorf("docs/commands.md, block at line %d: $ %s: exit code %d\n%s", b.line, line, code, out)
			}
		}
	}
	if count < 60 {
		t.Errorf("%d examples were found", count)
	}
}

// asks runs a command that may fail.
func (r *reader) asks(line string) (code int, out []byte) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	shell.Dir, shell.Env = r.dir, r.env
	out, err := shell.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		r.t.Fatal(err)
	}
	r.t.Logf("$ %s\n%s", line, out)
	return shell.ProcessState.ExitCode(), out
}
