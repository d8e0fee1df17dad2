package inspect

import (
	"fmt"
	"io"
	"strings"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/answer"
)

// Write prints the explanation: the headline, and below it a line per part. Long lines are not cut: they are what was asked for.
func (e *Explanation) Write(w io.Writer, s style.Style) error {
	if _, err := fmt.Fprintln(w, s.Paint(style.Strong, e.Headline)); err != nil {
		return err
	}
	var out strings.Builder
	part := func(name string, texts ...string) {
		for _, text := range nonEmpty(texts...) {
			// The name is padded before it is painted: what paints counts for nothing on a terminal.
			pad := strings.Repeat(" ", len("evidence  ")-len(name))
			out.WriteString("  " + s.Paint(style.Faint, name) + pad + s.Paint(style.Plain, text) + "\n")
			name = ""
		}
	}
	part("what", e.What)
	part("evidence", e.evidence()...)
	part("rule", e.Rule)
	part("fix", e.Fix...)
	part("docs", e.Docs...)
	if _, err := io.WriteString(w, out.String()); err != nil {
		return err
	}
	return e.writeFull(w)
}

// evidence is a line for each thing that was seen.
func (e *Explanation) evidence() []string {
	var out []string
	for _, seen := range e.Evidence {
		line := seen.Object
		if seen.Since != "" {
			line += " since " + seen.Since
		}
		out = append(out, line+": "+seen.Text)
	}
	return out
}

// writeFull prints the whole message, line by line.
func (e *Explanation) writeFull(w io.Writer) error {
	if e.Full == "" {
		return nil
	}
	var out strings.Builder
	out.WriteString("\nthe whole message of kubernetes-nmstate:\n")
	for _, line := range strings.Split(strings.TrimSpace(e.Full), "\n") {
		out.WriteString(strings.TrimRight("  "+answer.Printable(line), " ") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
