package style

import (
	"io"
	"strings"

	"novasphere.dev/wukong-network/query/answer"
)

// Tree is a row of a table with rows below it. The zero value is a root without a row.
type Tree struct {
	Row   []Cell
	Below []*Tree
}

// Add puts a row below and gives it, so that more can be put below that.
func (t *Tree) Add(cells ...Cell) *Tree {
	child := &Tree{Row: cells}
	t.Below = append(t.Below, child)
	return child
}

// Write prints the rows below, with lines that show what belongs to what. Columns are aligned over the whole tree; cells that
// nothing follows in their row are dropped.
func (t *Tree) Write(w io.Writer, s Style) error {
	var rows [][]Cell
	for _, child := range t.Below {
		rows = append(rows, child.row(""))
		rows = child.rowsBelow(rows, "", s)
	}
	var out strings.Builder
	s.columns(&out, rows, "  ")
	_, err := io.WriteString(w, out.String())
	return err
}

func (t *Tree) rowsBelow(rows [][]Cell, indent string, s Style) [][]Cell {
	last, between, bar := "└─ ", "├─ ", "│  "
	if s.ASCII {
		last, between, bar = "`- ", "|- ", "|  "
	}
	for i, child := range t.Below {
		branch, further := between, bar
		if i == len(t.Below)-1 {
			branch, further = last, "   "
		}
		rows = append(rows, child.row(indent+branch))
		rows = child.rowsBelow(rows, indent+further, s)
	}
	return rows
}

// row gives the cells as printable text, the first one behind the lines of the tree.
func (t *Tree) row(lines string) []Cell {
	end := len(t.Row)
	for end > 1 && strings.TrimSpace(t.Row[end-1].Text) == "" {
		end--
	}
	out := make([]Cell, 0, end)
	for i, cell := range t.Row[:end] {
		cell.Text = answer.Printable(cell.Text)
		if i == 0 {
			cell.Text = lines + cell.Text
		}
		out = append(out, cell)
	}
	return out
}
