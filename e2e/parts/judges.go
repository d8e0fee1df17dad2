package parts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Refusal is what a judge says against a document. A judge that could not run at all gives another error, so callers
// tell the two apart with errors.As.
type Refusal struct {
	// Judge is the tool and what it was asked to do, such as "nmstatectl validate".
	Judge string
	// Reason is what the tool wrote to standard error, or its exit status if it said nothing.
	Reason string
	// Document is what was judged, as the tool got it.
	Document []byte
}

// Error gives the tool's own words and then the document, so that a test failure needs no second run.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s refuses this document: %s\n%s", r.Judge, r.Reason, numbered(r.Document))
}

// numbered prefixes each line with its number, because judges report positions.
func numbered(document []byte) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimRight(string(document), "\n"), "\n") {
		fmt.Fprintf(&b, "%4d | %s\n", i+1, line)
	}
	return b.String()
}

// TB is the part of testing.TB that the functions for tests need. It keeps package testing out of programs that only run
// the parts.
type TB interface {
	Helper()
	Context() context.Context
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// require returns part, or ends the test: it skips when the part is missing, and fails where CI=true or when something
// else is wrong.
func require[T any](t TB, part T, err error) T {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true":
		t.Skipf("not checked by the real tool: %v", err)
	default:
		t.Fatalf("%v", err)
	}
	return part
}

// judge is one run of a tool over documents that are written to files for it.
type judge struct {
	name  string                     // for messages
	path  string                     // the executable
	args  []string                   // file names are relative to the working folder
	env   []string                   // in addition to a minimal environment
	files map[string][]byte          // by name
	main  string                     // the name of the file that is judged
	clean func(stderr string) string // drops what is no reason; may be nil
}

// run returns standard output. Exit status other than 0 is a Refusal.
func (j judge) run(ctx context.Context) (stdout, stderr string, err error) {
	dir, err := os.MkdirTemp("", "wukong-judge-*")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	return j.runIn(ctx, dir)
}

// runIn is run in a folder whose results the caller wants to read.
func (j judge) runIn(ctx context.Context, dir string) (stdout, stderr string, err error) {
	for name, content := range j.files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", "", err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return "", "", err
		}
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, j.path, j.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errOut
	// Logging and locale settings of the caller must not change a verdict.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8"}, j.env...)
	err = cmd.Run()
	stdout, stderr = out.String(), errOut.String()
	if exit := new(exec.ExitError); errors.As(err, &exit) && ctx.Err() == nil {
		return stdout, stderr, j.refuse(stderr, exit.String())
	}
	if err != nil {
		return stdout, stderr, fmt.Errorf("%s did not run: %w", j.name, errors.Join(ctx.Err(), err))
	}
	return stdout, stderr, nil
}

// refuse builds the verdict from what the tool wrote, or from fallback when it wrote nothing.
func (j judge) refuse(stderr, fallback string) *Refusal {
	if j.clean != nil {
		stderr = j.clean(stderr)
	}
	reason := strings.TrimSpace(stderr)
	if reason == "" {
		reason = fallback
	}
	return &Refusal{Judge: j.name, Reason: reason, Document: j.files[j.main]}
}

// atLeast compares versions of up to any number of decimal parts. A version that cannot be read is older than all.
func atLeast(version, oldest string) bool {
	return slices.Compare(decimals(version), decimals(oldest)) >= 0
}

// decimals reads the leading dotted numbers: 1.96.0+dfsg1 gives 1, 96, 0.
func decimals(version string) []int {
	var numbers []int
	for part := range strings.SplitSeq(version, ".") {
		digits := part[:len(part)-len(strings.TrimLeft(part, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		numbers = append(numbers, n)
		if len(digits) < len(part) {
			break
		}
	}
	return numbers
}
