package hosts

import (
	"io"
	"strings"

	"novasphere.dev/wukong-network/query/answer"
)

// tree is a text with texts below it.
type tree struct {
	text  string
	below []*tree
}

// add puts a text below and gives it, so that more can be put below that.
func (t *tree) add(parts ...string) *tree {
	child := &tree{text: joined(parts...)}
	t.below = append(t.below, child)
	return child
}

// joined puts the parts that are not empty side by side.
func joined(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "  ")
}

// write prints the texts below, each a line, with lines that show what belongs to what.
func (t *tree) write(w io.Writer) error {
	var out strings.Builder
	for _, child := range t.below {
		out.WriteString(line(child.text))
		child.writeBelow(&out, "")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (t *tree) writeBelow(out *strings.Builder, indent string) {
	for i, child := range t.below {
		branch, further := "├─ ", "│  "
		if i == len(t.below)-1 {
			branch, further = "└─ ", "   "
		}
		out.WriteString(indent + branch + line(child.text))
		child.writeBelow(out, indent+further)
	}
}

// line is a text as one printable line. What stands side by side stays apart.
func line(text string) string {
	var parts []string
	for _, part := range strings.Split(text, "  ") {
		if part = answer.Printable(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "  ") + "\n"
}
