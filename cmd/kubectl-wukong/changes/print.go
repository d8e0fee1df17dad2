package changes

import (
	"fmt"
	"io"
	"strings"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
)

// signs mark what happens to an object, as differences of texts are marked, and tones are their colours.
var (
	signs = map[Operation]string{Create: "+", Change: "~", Delete: "-"}
	tones = map[Operation]style.Tone{Create: style.Good, Change: style.Busy, Delete: style.Bad}
)

// Write prints first what is declared, then what would be written, then who would feel it.
func (c *Changes) Write(w io.Writer, s style.Style) error {
	p := printer{style: s}
	p.declared(c.Declared)
	for i := range c.Written {
		p.written(&c.Written[i])
	}
	if c.Hosts != nil && len(c.Hosts.HostUplinks)+len(c.Hosts.Removed) > 0 {
		p.head("hosts")
		if err := c.Hosts.Write(&p.out); err != nil {
			return err
		}
	}
	p.rollouts(c.Rollouts)
	p.machines(c.Machines)
	p.addresses(c.Addresses)
	p.out.WriteString(c.Summary() + "\n")
	_, err := io.WriteString(w, p.out.String())
	return err
}

// printer gathers the text.
type printer struct {
	out   strings.Builder
	style style.Style
}

// head begins a part.
func (p *printer) head(text string) {
	p.out.WriteString(p.style.Paint(style.Strong, text) + "\n")
}

func (p *printer) sign(o Operation) string { return p.style.Paint(tones[o], signs[o]) }

func (p *printer) declared(all []Declared) {
	if len(all) == 0 {
		return
	}
	p.head("declared")
	for _, d := range all {
		fields := ""
		if len(d.Fields) > 0 {
			fields = "  " + p.style.Paint(style.Faint, strings.Join(d.Fields, ", "))
		}
		fmt.Fprintf(&p.out, "%s %s%s\n", p.sign(d.Operation), p.style.Paint(style.Plain, place{d.Kind, d.Namespace, ""}.title(d.Name)), fields)
	}
	p.out.WriteString("\n")
}

func (p *printer) written(w *Written) {
	for _, line := range strings.Split(strings.TrimSuffix(w.Diff, "\n"), "\n") {
		switch {
		case line == "":
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			p.out.WriteString(p.style.Paint(style.Strong, line) + "\n")
		case line[0] == '@':
			p.out.WriteString(p.style.Paint(style.Faint, line) + "\n")
		case line[0] == '+':
			p.out.WriteString(p.style.Paint(style.Good, "+") + p.style.Line(style.Good, line[1:]) + "\n")
		case line[0] == '-':
			p.out.WriteString(p.style.Paint(style.Bad, "-") + p.style.Line(style.Bad, line[1:]) + "\n")
		default:
			p.out.WriteString(p.style.Line(style.Plain, line) + "\n")
		}
	}
	if w.HiddenValues {
		p.out.WriteString("values that are not shown differ, such as a password\n")
	}
	p.out.WriteString("\n")
}

// maxNodes bounds the nodes of a step that are named.
const maxNodes = 6

func (p *printer) rollouts(all []Rollout) {
	for _, r := range all {
		var steps []string
		for _, step := range r.Steps {
			text := strings.Join(step[:min(len(step), maxNodes)], ", ")
			if more := len(step) - maxNodes; more > 0 {
				text += fmt.Sprintf(" and %d more", more)
			}
			steps = append(steps, text)
		}
		if more := len(steps) - maxNodes; more > 0 {
			steps = append(steps[:maxNodes], fmt.Sprintf("%d more steps", more))
		}
		fmt.Fprintf(&p.out, "HostUplink %s moves in %s: %s\n", p.style.Paint(style.Plain, r.HostUplink), style.Count(len(r.Steps), "step", "steps"), p.style.Paint(style.Plain, strings.Join(steps, "; ")))
	}
	if len(all) > 0 {
		p.out.WriteString("\n")
	}
}

func (p *printer) machines(all []Machine) {
	if len(all) == 0 {
		return
	}
	p.head("running machines")
	for _, m := range all {
		operation, text := Change, "would have after a restart:"
		if m.Deleted {
			operation, text = Delete, "would be deleted"
		}
		fmt.Fprintf(&p.out, "%s %s %s\n", p.sign(operation), p.style.Paint(style.Plain, m.Namespace+"/"+m.Name), text)
		for _, line := range m.AfterRestart {
			fmt.Fprintf(&p.out, "    %s\n", p.style.Paint(style.Plain, line))
		}
	}
	p.out.WriteString("\n")
}

func (p *printer) addresses(all []AddressChange) {
	if len(all) == 0 {
		return
	}
	p.head("addresses")
	for _, a := range all {
		operation, who := Change, a.From+" -> "+a.To
		switch "" {
		case a.From:
			operation, who = Create, a.To
		case a.To:
			operation, who = Delete, a.From
		}
		pool := ""
		if a.Pool != "" {
			pool = ", AddressPool " + a.Pool
		}
		fmt.Fprintf(&p.out, "%s %s\n", p.sign(operation), p.style.Paint(style.Plain, fmt.Sprintf("%s on %s%s: %s", a.Address, a.Segment, pool, who)))
	}
	p.out.WriteString("\n")
}

// Summary counts in a line.
func (c *Changes) Summary() string {
	if !c.Any() {
		return "nothing would change"
	}
	nodes := 0
	for _, r := range c.Rollouts {
		for _, step := range r.Steps {
			nodes += len(step)
		}
	}
	return fmt.Sprintf("%s declared, %s written, %s to move, %s to restart or go, %s to change hands, %s",
		style.Count(len(c.Declared), "object", "objects"), style.Count(len(c.Written), "object", "objects"), style.Count(nodes, "node", "nodes"),
		style.Count(len(c.Machines), "machine", "machines"), style.Count(len(c.Addresses), "address", "addresses"), style.Count(len(c.Findings), "finding", "findings"))
}

// Names gives the objects that would change, as kubectl names them.
func (c *Changes) Names() []string {
	var out []string
	for _, d := range c.Declared {
		out = append(out, strings.ToLower(d.Kind)+".vm.novasphere.dev/"+d.Name)
	}
	for _, w := range c.Written {
		group, _, found := strings.Cut(w.APIVersion, "/")
		kind := strings.ToLower(w.Kind)
		if found {
			kind += "." + group
		}
		out = append(out, kind+"/"+w.Name)
	}
	return out
}
