package checks

import (
	"fmt"
	"io"
	"strings"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
)

// tones are what levels look like.
var tones = map[Level]style.Tone{Passed: style.Good, Warning: style.Busy, Failed: style.Bad}

// Write prints the report, a line for each check, with what to do below those that did not pass.
func (r *Report) Write(w io.Writer, s style.Style) error {
	var out strings.Builder
	group := ""
	for i := range r.Results {
		result := &r.Results[i]
		if result.Group != group {
			if group != "" {
				out.WriteString("\n")
			}
			group = result.Group
			out.WriteString(s.Paint(style.Strong, group) + "\n")
		}
		result.write(&out, s)
	}
	fmt.Fprintf(&out, "\n%s\n", r.Summary())
	_, err := io.WriteString(w, out.String())
	return err
}

func (r *Result) write(out *strings.Builder, s style.Style) {
	mark := "?"
	if tone, known := tones[r.Level]; known {
		mark = s.Mark(tone)
	}
	fmt.Fprintf(out, "%s %s\n", mark, s.Paint(style.Plain, r.Summary))
	for _, d := range r.Details {
		fmt.Fprintf(out, "    %s\n", s.Paint(style.Plain, d))
	}
	if r.More > 0 {
		fmt.Fprintf(out, "    and %d more\n", r.More)
	}
	if r.Fix != "" {
		fmt.Fprintf(out, "    next: %s\n", s.Paint(style.Plain, r.Fix))
	}
	if r.Docs != "" {
		fmt.Fprintf(out, "    see:  %s\n", s.Paint(style.Faint, r.Docs))
	}
}

// Summary counts the results in a line.
func (r *Report) Summary() string {
	return fmt.Sprintf("%d failed, %s, %d not found out, %d passed", r.Failed, style.Count(r.Warnings, "warning", "warnings"), r.Unknown, r.Passed)
}

// Failures says in a line what has failed.
func (r *Report) Failures() string {
	var out []string
	for i := range r.Results {
		if r.Results[i].Level == Failed {
			out = append(out, r.Results[i].Summary)
		}
	}
	return strings.Join(out, "; ")
}
