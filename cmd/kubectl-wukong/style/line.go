package style

import "strings"

// Line paints a line of a document, whose spaces at the beginning mean something and stay.
func (s Style) Line(tone Tone, text string) string {
	rest := strings.TrimLeft(text, " ")
	return text[:len(text)-len(rest)] + s.Paint(tone, rest)
}
