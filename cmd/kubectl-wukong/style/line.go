package style

import (
	"fmt"
	"strings"
)

// Line paints a line of a document, whose spaces at the beginning mean something and stay.
func (s Style) Line(tone Tone, text string) string {
	rest := strings.TrimLeft(text, " ")
	return text[:len(text)-len(rest)] + s.Paint(tone, rest)
}

// Count gives "1 thing" or "3 things".
func Count(count int, one, many string) string {
	if count == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", count, many)
}
