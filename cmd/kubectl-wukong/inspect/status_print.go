package inspect

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/answer"
)

// Write prints a tree, and below it how many are Ready and which command to go on with.
func (st *Status) Write(w io.Writer, s style.Style) error {
	var top style.Tree
	if !s.NoHeaders {
		top.Add(columns(s, "NAME", "READY", "REASON", "SINCE", "MESSAGE", style.Plain)...)
	}
	for _, item := range st.Wukongs {
		short := !st.Ungrouped && item.sound() && len(st.Wukongs) > 1
		t := top.Add(columns(s, label(item), string(item.Ready), item.Reason, item.Since, item.line(), item.tone())...)
		if st.Conditions {
			for _, c := range item.Conditions {
				t.Add(columns(s, "condition "+c.Type, string(c.Status), c.Reason, c.Since, c.Message, style.Faint)...)
			}
		}
		if !short {
			st.below(t, item, item, s)
		}
	}
	if err := top.Write(w, s); err != nil {
		return err
	}
	line := fmt.Sprintf("%d of %d ready.", st.Ready, st.Total)
	if st.Next != "" {
		line += "  next: " + answer.Printable(st.Next)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// columns are the cells of a line. The column SINCE is for wide answers.
func columns(s style.Style, name, ready, reason, since, message string, tone style.Tone) []style.Cell {
	cells := []style.Cell{{Text: name}, {Text: ready, Tone: tone}, {Text: reason, Tone: tone}}
	if s.Wide {
		cells = append(cells, style.Cell{Text: since})
	}
	if tone == style.Good {
		tone = style.Plain
	}
	return append(cells, style.Cell{Text: message, Tone: tone})
}

// below adds what is below an item. Hosts that serve a network are of no interest while all is well with it, and neither is the
// guest of no machine.
func (st *Status) below(t *style.Tree, root, item *Item, s style.Style) {
	if !st.Ungrouped && item.Kind == KindHostNetwork && item.Ready == metav1.ConditionTrue {
		return
	}
	for _, group := range st.groups(item.Below) {
		first := group[0]
		if !st.Ungrouped && first.Kind == "guest" && first.Reason == v1alpha1.ReasonNoMachineRequested {
			continue
		}
		name, message := label(first), first.below(root)
		if len(group) > 1 {
			var names []string
			for _, one := range group {
				names = append(names, one.Name)
			}
			name, message = number(len(group))+" nodes…", few(names)
			if s.ASCII {
				name = number(len(group)) + " nodes..."
			}
		}
		st.below(t.Add(columns(s, name, string(first.Ready), first.Reason, first.Since, message, first.tone())...), root, first, s)
	}
}

// Sentence says in one line where an object stands.
func (i *Item) Sentence() string {
	return strings.Join(nonEmpty(i.Namespace+"/"+i.Name, i.Reason, i.Message), ": ")
}

// sound says whether an item is Ready and nothing right below it is amiss, such as a guest that has another address.
func (i *Item) sound() bool {
	return i.Ready == metav1.ConditionTrue && !slices.ContainsFunc(i.Below, func(b *Item) bool { return b.Ready == metav1.ConditionFalse })
}

// line is what the line of a Wukong says.
func (i *Item) line() string {
	if i.Ready == metav1.ConditionTrue {
		return i.summary
	}
	return one(i.Message)
}

// below is what the line of an item says that stands below a Wukong: what another line says already is not said again.
func (i *Item) below(root *Item) string {
	message := one(i.Message)
	said := i.Kind == "network" && strings.HasSuffix(one(root.Message), message)
	for _, lower := range i.all() {
		said = said || lower.Kind == KindNode && lower.Reason == i.Reason && strings.Contains(message, one(lower.Message))
	}
	if said && i.summary != "" {
		return i.summary
	}
	return message
}

// all are the items below an item, at any depth.
func (i *Item) all() []*Item {
	var out []*Item
	for _, lower := range i.Below {
		out = append(append(out, lower), lower.all()...)
	}
	return out
}

// one is the one meaningful line of a message: without where to find all of it, which why shows.
func one(message string) string {
	line, _, _ := strings.Cut(message, " (all of it: ")
	return line
}

// groups puts nodes side by side that stand at the same place and say nothing of their own.
func (st *Status) groups(items []*Item) [][]*Item {
	var out [][]*Item
	at := map[string]int{}
	for _, item := range items {
		key := item.Reason + "/" + item.Message
		i, known := at[key]
		if st.Ungrouped || item.Kind != KindNode || item.Unread || !known {
			at[key] = len(out)
			out = append(out, []*Item{item})
			continue
		}
		out[i] = append(out[i], item)
	}
	return out
}

// label is what a line begins with.
func label(item *Item) string {
	name := strings.Join(nonEmpty(item.Namespace, item.Name), "/")
	switch item.Kind {
	case kindWukong, "network":
		return item.Kind + " " + name
	case "guest":
		return item.Kind
	case KindNode:
		return "node " + cmp.Or(name, "…")
	}
	return item.Kind + "/" + name
}

// tone is how good an item is.
func (i *Item) tone() style.Tone {
	switch {
	case i.Ready == metav1.ConditionTrue:
		return style.Good
	case i.Stalled:
		return style.Bad
	case i.Ready == "":
		return style.Faint
	}
	return style.Busy
}

// WriteTransition prints one line about a Wukong whose Ready, or its reason, changed.
func (st *Status) WriteTransition(w io.Writer, item *Item, at time.Time, s style.Style) error {
	parts := nonEmpty(moment(at), s.Paint(style.Plain, item.Namespace+"/"+item.Name), s.Paint(item.tone(), string(item.Ready)), s.Paint(item.tone(), item.Reason),
		s.Paint(style.Plain, item.line()))
	_, err := fmt.Fprintln(w, strings.Join(parts, "  "))
	return err
}
