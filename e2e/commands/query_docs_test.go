package commands_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// documented runs the console blocks of docs/query.md from top to bottom, as an administrator with the certificate authority in
// ca.crt. What a command prints must be there word for word; -update writes it there.
func (q *questions) documented(t *testing.T) {
	page := filepath.Join(repository(t), "docs", "query.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	got := consoleBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		out := "```console\n"
		for _, line := range strings.Split(consoleBlock.FindStringSubmatch(block)[1], "\n") {
			command, is := strings.CutPrefix(line, "$ ")
			if !is {
				continue
			}
			count++
			out += line + "\n"
			if printed := q.types(t, command); printed != "" {
				out += strings.TrimRight(printed, "\n") + "\n"
			}
		}
		return out + "```"
	})
	if count < 8 {
		t.Errorf("%d commands were found", count)
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("docs/query.md (-said +printed):\n%s", diff)
	}
}

// types runs a command line of the page, and gives what it prints.
func (q *questions) types(t *testing.T, line string) string {
	t.Helper()
	const forwarded = "localhost:8444"
	command := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, forwarded, q.addresses[0]))
	command.Dir = q.folder
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(q.folder, "admin"),
		"PATH="+filepath.Dir(q.binary)+string(os.PathListSeparator)+filepath.Dir(q.cluster.KubectlPath())+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return strings.ReplaceAll(string(out), q.addresses[0], forwarded)
}
