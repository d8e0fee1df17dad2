package style

import (
	"fmt"
	"strings"

	"novasphere.dev/wukong-network/query/answer"
)

// Style says how an answer is written. The zero value is plain text without colours, of any width.
type Style struct {
	// Color says that the other end shows colours.
	Color bool
	// ASCII says that the other end shows no characters beyond ASCII.
	ASCII bool
	// Width is the number of columns; 0 is any number.
	Width int
	// Wide asks for more columns, and for text that is not cut.
	Wide bool
	// NoHeaders leaves the heads of tables out.
	NoHeaders bool
}

// Choices are the values of the flag --color.
func Choices() []string { return []string{"auto", "always", "never"} }

// Detect finds out what the other end can show. choice is the flag --color; terminal says whether a terminal is there, and
// getenv reads the environment. A choice other than auto wins over NO_COLOR (see no-color.org) and TERM=dumb.
func Detect(choice string, terminal bool, width int, getenv func(string) string) Style {
	s := Style{ASCII: !unicodeLocale(getenv)}
	if terminal {
		s.Width = max(width, 0)
	}
	switch choice {
	case "always":
		s.Color = true
	case "never":
	default:
		s.Color = terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	}
	return s
}

// unicodeLocale says whether the locale allows all characters, or none is set.
func unicodeLocale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return true
}

// Tone is what a text means. Its colour repeats what the words say.
type Tone int

// Tones.
const (
	Plain Tone = iota
	// Good: as asked for.
	Good
	// Busy: not yet as asked for, and it comes by itself.
	Busy
	// Bad: a person has to act.
	Bad
	// Faint: less important.
	Faint
	// Strong: what to look at first.
	Strong
)

// sgr are the codes of ECMA-48 (Select Graphic Rendition) for tones.
var sgr = map[Tone]int{Good: 32, Busy: 33, Bad: 31, Faint: 2, Strong: 1}

// Paint gives a text in the colour of a tone, as one printable line.
func (s Style) Paint(tone Tone, text string) string {
	text = answer.Printable(text)
	code, known := sgr[tone]
	if !s.Color || !known || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, text)
}

// Mark is a sign that stands before a line of this tone: √ for Good, ‼ for Busy, × for Bad, or words of the same length where
// these characters cannot be shown.
func (s Style) Mark(tone Tone) string {
	marks := map[Tone][2]string{Good: {"√", "ok  "}, Busy: {"‼", "warn"}, Bad: {"×", "FAIL"}}
	mark, known := marks[tone]
	if !known {
		return ""
	}
	if s.ASCII {
		return s.paintRaw(tone, mark[1])
	}
	return s.paintRaw(tone, mark[0])
}

// paintRaw paints text of this package, with its spaces.
func (s Style) paintRaw(tone Tone, text string) string {
	if !s.Color {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", sgr[tone], text)
}

// ellipsis stands for what was cut.
func (s Style) ellipsis() string {
	if s.ASCII {
		return "..."
	}
	return "…"
}

// cut shortens a text to a number of columns. Texts of a wide answer, and texts that would be of no use, are left as they are.
func (s Style) cut(text string, columns int) string {
	const least = 16
	runes := []rune(text)
	if s.Width == 0 || s.Wide || len(runes) <= columns || columns < least {
		return text
	}
	return strings.TrimRight(string(runes[:columns-len([]rune(s.ellipsis()))]), " ") + s.ellipsis()
}
