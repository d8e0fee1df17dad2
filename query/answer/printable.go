package answer

import (
	"strings"
	"unicode"
)

// maxLine bounds a line about input, in characters.
const maxLine = 1000

// Printable gives text from input as one line for a terminal: without what the terminal could take for a command or what
// would show it in another order, and of bounded length.
func Printable(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\ufffd")), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, text)
	if runes := []rune(text); len(runes) > maxLine {
		return string(runes[:maxLine]) + "…"
	}
	return text
}
