package parts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"testing"
)

func TestVersionsCompareByNumber(t *testing.T) {
	cases := map[string]struct {
		version, oldest string
		want            bool
	}{
		"an equal version is new enough":                    {"1.82.0", "1.82.0", true},
		"a missing part counts as older than zero":          {"1.82", "1.82.0", false},
		"more parts than asked for are newer":               {"1.82.0", "1.82", true},
		"parts are numbers and not text":                    {"1.100.0", "1.82", true},
		"a package revision is no part of the version":      {"1.96.0+dfsg1-1~deb12u2", "1.96.0", true},
		"an older version is not new enough":                {"2.2.50", "2.2.51", false},
		"an unreadable version is older than all":           {"nightly", "1.82", false},
		"a version that becomes unreadable counts up to it": {"1.83-nightly", "1.82", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := atLeast(c.version, c.oldest); got != c.want {
				t.Errorf("atLeast(%q, %q) = %v, want %v", c.version, c.oldest, got, c.want)
			}
		})
	}
}

func TestARefusalHoldsTheToolsWordsAndTheDocument(t *testing.T) {
	j := judge{
		name: "sh judge", path: "/bin/sh", args: []string{"-c", "echo line 2 is wrong >&2; exit 3"},
		files: map[string][]byte{"doc": []byte("first\nsecond\n")}, main: "doc",
	}
	_, _, err := j.run(t.Context())
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a Refusal", err)
	}
	for _, want := range []string{"sh judge", "line 2 is wrong", "   1 | first\n", "   2 | second\n"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestASilentJudgeStillGivesAReason(t *testing.T) {
	j := judge{name: "sh", path: "/bin/sh", args: []string{"-c", "exit 3"}}
	_, _, err := j.run(t.Context())
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Reason != "exit status 3" {
		t.Errorf("got %v, want a Refusal with the exit status", err)
	}
}

func TestAJudgeThatCannotRunRefusesNothing(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	cases := map[string]struct {
		ctx  context.Context
		path string
	}{
		"the tool does not exist":          {t.Context(), "/nonexistent/tool"},
		"the caller no longer waits":       {canceled, "/bin/true"},
		"the tool is not an executable":    {t.Context(), "/etc/os-release"},
		"the tool is a folder, not a file": {t.Context(), "/"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := judge{name: "x", path: c.path}.run(c.ctx)
			if refusal := new(Refusal); err == nil || errors.As(err, &refusal) {
				t.Errorf("got %v, want an error that is no Refusal", err)
			}
		})
	}
}

// recorder stands in for a testing.TB and ends the calling goroutine's work by panicking, as Skipf and Fatalf end a test.
type recorder struct{ said string }

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Skipf(format string, args ...any) {
	r.said = "skip: " + fmt.Sprintf(format, args...)
	panic(r)
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.said = "fail: " + fmt.Sprintf(format, args...)
	panic(r)
}

func TestAMissingPartEndsATest(t *testing.T) {
	absent := missing("gadget", "gadget", fs.ErrNotExist)
	cases := map[string]struct {
		ci       string
		err      error
		want     string
		contains string
	}{
		"what is there is used":                              {"", nil, "", ""},
		"a missing part skips, and says how to get it":       {"", absent, "skip: ", "go run ./e2e/parts/fetch gadget"},
		"a missing part fails in CI":                         {"true", absent, "fail: ", "go run ./e2e/parts/fetch gadget"},
		"a part that is there but broken fails everywhere":   {"", exec.ErrDot, "fail: ", exec.ErrDot.Error()},
		"a part that is there but broken fails in CI, too":   {"true", exec.ErrDot, "fail: ", exec.ErrDot.Error()},
		"a CI variable with another value is not our CI yet": {"false", absent, "skip: ", "gadget"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			r := &recorder{}
			func() {
				defer func() { _ = recover() }()
				require(r, "part", c.err)
			}()
			if !strings.HasPrefix(r.said, c.want) || !strings.Contains(r.said, c.contains) || (c.want == "") != (r.said == "") {
				t.Errorf("got %q, want %q with %q", r.said, c.want, c.contains)
			}
		})
	}
}

var _ TB = testing.TB(nil)
