package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/answer"
)

// greeting is an answer.
type greeting struct {
	metav1.TypeMeta `json:",inline"`
	To              string `json:"to"`
}

func (g *greeting) Write(w io.Writer, s style.Style) error {
	return style.Table{Header: []string{"TO"}, Rows: [][]style.Cell{{{Text: g.To, Tone: style.Good}}}}.Write(w, s)
}

func (g *greeting) Names() []string { return []string{"greeting/" + g.To} }

// greet runs a command that shows an answer.
func greet(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := &cobra.Command{Use: "greet", SilenceErrors: true, SilenceUsage: true}
	show := newShowing(c, streams{strings.NewReader(""), &out, io.Discard}, outputTable, outputWide, outputJSON, outputYAML, outputName)
	show.withTables(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := show.check(c); err != nil {
			return err
		}
		return show.print(&greeting{TypeMeta: answer.Report("Greeting"), To: "web"})
	}
	c.SetArgs(args)
	err := c.Execute()
	return out.String(), err
}

func TestAnAnswerComesInEveryForm(t *testing.T) {
	for args, want := range map[string]string{
		"":                            "TO\nweb\n",
		"--no-headers":                "web\n",
		"--color always --no-headers": "\x1b[32mweb\x1b[0m\n",
		"-o wide":                     "TO\nweb\n",
		"-o name":                     "greeting/web\n",
		"-o yaml":                     "apiVersion: cli.vm.novasphere.dev/v1alpha1\nkind: Greeting\nto: web\n",
		"-o json --color always":      "{\n    \"apiVersion\": \"cli.vm.novasphere.dev/v1alpha1\",\n    \"kind\": \"Greeting\",\n    \"to\": \"web\"\n}\n",
	} {
		got, err := greet(t, strings.Fields(args)...)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", args, err, diff)
		}
	}
}

func TestAnswersThatFollowEachOtherAreDocumentsOfTheirOwn(t *testing.T) {
	const web, db = "apiVersion: cli.vm.novasphere.dev/v1alpha1\nkind: Greeting\nto: web\n", "apiVersion: cli.vm.novasphere.dev/v1alpha1\nkind: Greeting\nto: db\n"
	var out bytes.Buffer
	show := newShowing(&cobra.Command{}, streams{strings.NewReader(""), &out, io.Discard}, outputYAML)
	if err := errors.Join(show.print(&greeting{answer.Report("Greeting"), "web"}), show.printNext(&greeting{answer.Report("Greeting"), "db"})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(web+"---\n"+db, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAFormOrAColorThatIsNotKnownIsWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"-o xml":        `--output "xml" is not known: use table, wide, json, yaml, name`,
		"--color green": `--color "green" is not known: use auto, always, never`,
	} {
		out, err := greet(t, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" || exitCode(err) != exitUsage {
			t.Errorf("%s: %q, %v", args, out, err)
		}
	}
}

func TestWhatDidNotComeInTimeHasAnExitCodeOfItsOwn(t *testing.T) {
	if code := exitCode(fmt.Errorf("waiting: %w", timedOut{"not ready within 1s"})); code != exitTimeout {
		t.Errorf("exit code %d", code)
	}
}
