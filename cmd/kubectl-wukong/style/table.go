package style

import (
	"io"
	"strings"

	"novasphere.dev/wukong-network/query/answer"
)

// Cell is a text with its tone.
type Cell struct {
	Text string
	Tone Tone
}

// Cells makes plain cells.
func Cells(texts ...string) []Cell {
	out := make([]Cell, len(texts))
	for i, text := range texts {
		out[i] = Cell{Text: text}
	}
	return out
}

// Table is a head and rows of as many cells.
type Table struct {
	Header []string
	Rows   [][]Cell
}

// gap stands between columns, as kubectl has it.
const gap = "   "

// none stands for an empty cell.
const none = "-"

// Write prints the table with aligned columns. The last column is cut where a terminal is too narrow.
func (t Table) Write(w io.Writer, s Style) error {
	rows := t.Rows
	if !s.NoHeaders && len(t.Header) > 0 {
		rows = append([][]Cell{Cells(t.Header...)}, rows...)
	}
	plain := make([][]Cell, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			if cell.Text = answer.Printable(cell.Text); cell.Text == "" {
				cell.Text = none
			}
			plain[i] = append(plain[i], cell)
		}
	}
	var out strings.Builder
	s.columns(&out, plain, gap)
	_, err := io.WriteString(w, out.String())
	return err
}

// columns writes rows of printable cells. Rows may have fewer cells than others.
func (s Style) columns(out *strings.Builder, rows [][]Cell, gap string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 { // what ends a row needs no column
				widths[i] = max(widths[i], len([]rune(cell.Text)))
			}
		}
	}
	for _, row := range rows {
		at, line := 0, ""
		for i, cell := range row {
			text := cell.Text
			if i == len(row)-1 {
				line += s.tint(cell.Tone, s.cut(text, s.Width-at))
				break
			}
			pad := strings.Repeat(" ", widths[i]-len([]rune(text)))
			line += s.tint(cell.Tone, text) + pad + gap
			at += widths[i] + len(gap)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// tint paints text that is printable already and may begin with the lines of a tree.
func (s Style) tint(tone Tone, text string) string {
	if !s.Color || tone == Plain || strings.TrimSpace(text) == "" {
		return text
	}
	return s.paintRaw(tone, text)
}
