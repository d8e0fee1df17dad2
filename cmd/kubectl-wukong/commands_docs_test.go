package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

const commandsPage = "../../docs/commands.md"

// TestTheReferenceOfCommandsIsThatOfTheProgram writes the page anew with -update, which make generate does.
func TestTheReferenceOfCommandsIsThatOfTheProgram(t *testing.T) {
	got := reference(newRoot(streams{}))
	if *update {
		if err := os.WriteFile(commandsPage, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, commandsPage), string(got)); diff != "" {
		t.Errorf("docs/commands.md is not that of the program: run make generate (-want +got)\n%s", diff)
	}
}

// exitCodes are those of all commands. TestTheExitCodesOfTheReferenceAreThoseOfTheProgram holds them against the code.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitClean, "done; nothing to tell; nothing would change"},
	{exitFindings, "findings; not ready; something would change; nothing found; less than was asked for, such as what may not be read"},
	{exitUsage, "wrong usage; input that cannot be read; with `diff` also manifests that would be refused"},
	{exitUnreachable, "the cluster cannot be reached, does not have the kinds, or refuses the rights"},
	{exitTimeout, "what was waited for did not come in time"},
}

// reference gives the page: every command with its flags, the shared ones once.
func reference(root *cobra.Command) []byte {
	var out bytes.Buffer
	out.WriteString("# Commands\n\n<!-- Written by make generate from the program: change the commands, not this page. -->\n\n" +
		"`kubectl wukong` is the program `kubectl-wukong` on the PATH. Every command prints the same with `--help`.\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&out, "| %d | %s |\n", e.code, e.meaning)
	}
	out.WriteString("\nAnswers go to standard output, everything else to standard error. Where that is a terminal, a line on it\nsays what takes more than a second, and is gone with the answer.\n\n## All commands\n\n| command | what it does |\n|---|---|\n")
	all := commandsBelow(root)
	for _, c := range all {
		fmt.Fprintf(&out, "| [%s](#%s) | %s |\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), cell(c.Short))
	}
	shared := kubectlFlags()
	out.WriteString("\n## Flags of kubectl\n\nCommands that ask a cluster have these, as kubectl has them.\n\n")
	writeFlags(&out, shared)
	for _, c := range all {
		writeCommand(&out, c, shared)
	}
	return out.Bytes()
}

// commandsBelow gives the commands below one, in the order in which the program lists them.
func commandsBelow(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, below := range c.Commands() {
		// What cobra says about the completion of shells is its own.
		if below.IsAvailableCommand() && below.Name() != "help" && (c.Name() != "completion" || below.Name() == "kubectl") {
			out = append(append(out, below), commandsBelow(below)...)
		}
	}
	return out
}

func kubectlFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("kubectl", pflag.ContinueOnError)
	config := genericclioptions.NewConfigFlags(true)
	config.CacheDir = nil
	config.AddFlags(flags)
	return flags
}

func writeCommand(out *bytes.Buffer, c *cobra.Command, shared *pflag.FlagSet) {
	fmt.Fprintf(out, "\n## %s\n\n%s.\n\nUsage: `%s`\n", c.CommandPath(), c.Short, c.UseLine())
	if long := strings.TrimSpace(c.Long); long != "" {
		fmt.Fprintf(out, "\n%s\n", paragraphs(long))
	}
	if c.Example != "" {
		fmt.Fprintf(out, "\n```\n%s\n```\n", unindented(c.Example))
	}
	own, asks := pflag.NewFlagSet("", pflag.ContinueOnError), false
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if same := shared.Lookup(f.Name); same != nil && same.Usage == f.Usage {
			asks = true
			return
		}
		if f.Name != "help" {
			own.AddFlag(f)
		}
	})
	if own.HasAvailableFlags() {
		out.WriteString("\n")
		writeFlags(out, own)
	}
	if asks {
		out.WriteString("\nIt has the [flags of kubectl](#flags-of-kubectl), too.\n")
	}
}

func writeFlags(out *bytes.Buffer, flags *pflag.FlagSet) {
	out.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := ""
		if f.DefValue != "" && f.DefValue != "[]" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", name, value, cell(f.Usage))
	})
}

// cell is a text within a row of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.Join(strings.Fields(text), " "))
}

// paragraphs are those of a text, with what Markdown would take for markup escaped. Lines that are indented are a block of their own.
func paragraphs(text string) string {
	var out []string
	for _, p := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(p, " ") {
			out = append(out, "```\n"+unindented(p)+"\n```")
			continue
		}
		out = append(out, strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(p))
	}
	return strings.Join(out, "\n\n")
}

func unindented(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

func TestTheExitCodesOfTheReferenceAreThoseOfTheProgram(t *testing.T) {
	seen := map[int]bool{}
	for _, e := range exitCodes {
		seen[e.code] = true
	}
	for _, code := range constants(t, "main.go", "exit") {
		if !seen[code] {
			t.Errorf("exit code %d is not in the reference", code)
		}
		delete(seen, code)
	}
	for code := range seen {
		t.Errorf("exit code %d is in the reference, and no code of the program", code)
	}
}

// TestEveryCommandSaysItsExitCodes, and has a one-line description and no flag without a meaning.
func TestEveryCommandSaysItsExitCodes(t *testing.T) {
	for _, c := range commandsBelow(newRoot(streams{})) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q is no description", c.CommandPath(), c.Short)
		}
		if c.Runnable() && !strings.Contains(c.Long, "Exit codes") {
			t.Errorf("%s does not say its exit codes", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s has no meaning", c.CommandPath(), f.Name)
			}
		})
	}
}

// constants gives the numbers of the constants of a file whose names begin with a prefix.
func constants(t *testing.T, path, prefix string) []int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.INT {
			code, err := strconv.Atoi(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, code)
		}
		return true
	})
	return out
}
