package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
)

// Exit codes.
const (
	exitClean       = 0
	exitFindings    = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitTimeout     = 124 // as timeout(1) has it
)

// errFindings ends a command whose findings are already printed, or whose answer is nothing or less than was asked for.
var errFindings = errors.New("there are findings")

// finding is an error that is an answer: the command was understood and the cluster was asked.
type finding struct{ text string }

// Error gives the text.
func (f finding) Error() string { return f.text }

// found makes a finding.
func found(format string, args ...any) error {
	return finding{answer.Printable(fmt.Sprintf(format, args...))}
}

// timedOut is an error that says what did not come in the time that was given.
type timedOut struct{ text string }

// Error gives the text.
func (t timedOut) Error() string { return t.text }

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard ones, or those of a test.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run executes a command line and gives its exit code.
func run(args []string, std streams) int {
	if isTerminal(std.err) && os.Getenv("TERM") != "dumb" {
		std.err = cluster.NewProgress(std.err)
	}
	root := newRoot(std)
	root.SetArgs(args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := root.ExecuteContext(ctx)
	std.progress().Release()
	if err != nil && !errors.Is(err, errFindings) {
		printErrors(std.err, err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var nothing finding
	var late timedOut
	switch {
	case err == nil:
		return exitClean
	case errors.As(err, &late):
		return exitTimeout
	case errors.Is(err, errFindings), errors.As(err, &nothing):
		return exitFindings
	}
	switch cluster.CauseOf(err) {
	case cluster.Unreachable, cluster.Forbidden, cluster.NotInstalled:
		return exitUnreachable
	case cluster.NotFound, cluster.Changed, cluster.Refused:
		return exitFindings
	}
	return exitUsage
}

// printErrors writes each of joined errors as one of its own.
func printErrors(w io.Writer, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			printErrors(w, one)
		}
		return
	}
	fmt.Fprintln(w, "error:", strings.TrimSpace(err.Error()))
}

func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-wukong",
		Short: "Static addresses for virtual machines: see what stands where, why, and what would be done",
		Long: `Says where Wukongs stand with all that they need (status), why something is not as asked for and what to do (why), what happened
(events), and what is wrong with the installation (check). It gathers what a bug report needs (report).

It answers who has an address, who had it before, what is free and how full a pool is (ip, pool); where every node stands, what a
change would change there, and it steers rollouts (host); what a guest is told about its network, and whether it has it (guest).

It shows what wukong-network makes of the manifests that people keep (render, fn), and what they would change in a cluster (diff). It
adopts addresses that a cluster uses already (import). Answers go to standard output, everything else to standard error.

Exit codes: 0 done or clean; 1 findings, not ready, nothing found, or less than was asked for; 2 wrong usage or input that cannot
be read; 3 the cluster cannot be reached, does not have the kinds, or refuses the rights; 124 what was waited for did not come in
time.`,
		// kubectl calls its plugins by this name.
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl wukong"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError(c, "%w", err) })
	root.AddCommand(
		newStatus(std),
		newWhy(std),
		newEvents(std),
		newRender(std),
		newFn(std),
		newDiff(std),
		newIP(std),
		newPool(std),
		newHost(std),
		newGuest(std),
		newImport(std),
		newCheck(std),
		newReport(std),
		newVersion(std),
	)
	addCompletion(root, std)
	return root
}

// usageError says what is wrong with a command line and where to read on.
func usageError(c *cobra.Command, format string, args ...any) error {
	return fmt.Errorf("%w\nsee %s --help", fmt.Errorf(format, args...), c.CommandPath())
}

// noArgs refuses arguments that are no flags, such as a file without -f, or a command that does not exist.
func noArgs(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.HasAvailableSubCommands():
		var names []string
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() {
				names = append(names, below.Name())
			}
		}
		return usageError(c, "there is no command %q: use %s", c.CommandPath()+" "+args[0], strings.Join(names, ", "))
	case c.Flags().Lookup("filename") != nil:
		return usageError(c, "argument %q is not expected: write -f %s", args[0], args[0])
	}
	return usageError(c, "argument %q is not expected", args[0])
}
