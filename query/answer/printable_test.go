package answer

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"plain text stays":                {"网络 web-1: ok", "网络 web-1: ok"},
		"lines become one":                {"a\r\n\tb", "a b"},
		"control sequences go":            {"a\x1b[2Jb", "a\ufffd[2Jb"},
		"what turns the direction goes":   {"a\u202eb", "a\ufffdb"},
		"what is no text at all goes":     {"a\xffb", "a\ufffdb"},
		"a text without end has an end":   {strings.Repeat("ab", 10_000), strings.Repeat("ab", maxLine/2) + "…"},
		"wide characters are not cut off": {strings.Repeat("网", 10_000), strings.Repeat("网", maxLine) + "…"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Printable(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
