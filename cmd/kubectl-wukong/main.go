package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2
)

// errFindings ends a command whose findings are already printed.
var errFindings = errors.New("there are findings")

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
	root := newRoot(std)
	root.SetArgs(args)
	err := root.Execute()
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errFindings):
		return exitFindings
	}
	printErrors(std.err, err)
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
		Short: "Static addresses for virtual machines: see what would be done",
		Long: `Shows what wukong-network makes of the manifests that people keep: host policies, attachments, network data and
virtual machines.

Exit codes: 0 clean, 1 findings, 2 wrong usage or input that cannot be read.`,
		// kubectl calls its plugins by this name.
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl wukong"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError(c, "%w", err) })
	root.AddCommand(newRender(std), newVersion(std))
	return root
}

func newVersion(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(std.out, version())
			return err
		},
	}
}

// version is what the Go toolchain stamped into the binary.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// usageError says what is wrong with a command line and where to read on.
func usageError(c *cobra.Command, format string, args ...any) error {
	return fmt.Errorf("%w\nsee %s --help", fmt.Errorf(format, args...), c.CommandPath())
}

// noArgs refuses arguments that are no flags, such as a file without -f.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.Flags().Lookup("filename") != nil {
		return usageError(c, "argument %q is not expected: write -f %s", args[0], args[0])
	}
	return usageError(c, "argument %q is not expected", args[0])
}
