package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/answer"
)

// showing is what commands share whose answers people look at: beside what asking has, colours, marks and the width of the
// terminal.
type showing struct {
	*asking
	color string
}

// newShowing adds the flags to a command. formats are those of its answer, the first one the usual one.
func newShowing(c *cobra.Command, std streams, formats ...string) *showing {
	s := &showing{asking: newAsking(c, std, formats...)}
	f := c.Flags()
	f.StringVar(&s.color, "color", style.Choices()[0], "colours: "+strings.Join(style.Choices(), ", ")+"; auto means on a terminal, unless NO_COLOR is set")
	_ = c.RegisterFlagCompletionFunc("color", cobra.FixedCompletions(style.Choices(), cobra.ShellCompDirectiveNoFileComp))
	return s
}

// check refuses values of flags that the command does not have.
func (s *showing) check(c *cobra.Command) error {
	if !slices.Contains(style.Choices(), s.color) {
		return usageError(c, "--color %q is not known: use %s", s.color, strings.Join(style.Choices(), ", "))
	}
	return s.asking.check(c)
}

// style is what standard output can show.
func (s *showing) style() style.Style {
	terminal := isTerminal(s.std.out)
	width := 0
	if terminal {
		width, _, _ = term.GetSize(int(s.std.out.(*os.File).Fd()))
	}
	out := style.Detect(s.color, terminal, width, os.Getenv)
	out.Wide, out.NoHeaders = s.output == outputWide, s.noHeaders
	return out
}

// presentable is an answer: a pointer to a value with apiVersion and kind that can write itself for people.
type presentable interface {
	Write(w io.Writer, s style.Style) error
}

// named is an answer that consists of objects, which the form name prints a line each.
type named interface {
	Names() []string
}

// print writes an answer to standard output in the form that was asked for.
func (s *showing) print(a presentable) error {
	text, err := s.text(a)
	if err == nil {
		_, err = io.WriteString(s.std.out, text)
	}
	return err
}

// printNext writes an answer that follows another one. Documents of YAML need a line between them.
func (s *showing) printNext(a presentable) error {
	if s.output == outputYAML {
		if _, err := io.WriteString(s.std.out, "---\n"); err != nil {
			return err
		}
	}
	return s.print(a)
}

// text is an answer in the form that was asked for.
func (s *showing) text(a presentable) (string, error) {
	var out strings.Builder
	switch {
	case s.structured():
		err := answer.Structured(&out, s.output, a)
		return out.String(), err
	case s.output == outputName:
		for _, name := range a.(named).Names() {
			fmt.Fprintln(&out, name)
		}
		return out.String(), nil
	}
	err := a.Write(&out, s.style())
	return out.String(), err
}
