package walkthrough

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// block is a fenced block of a page, or an indented one.
type block struct {
	// line is where it begins, from 1.
	line int
	// info is what stands behind the fence.
	info string
	// typed is whether the reader types it, or saves it.
	typed bool
	// file is where to save the text; empty for commands.
	file string
	text string
	// exit is the code with which the last command ends.
	exit int
}

// command is one command line, and what it prints.
type command struct {
	text, output string
	exit         int
}

const (
	fence = "```"
	// indent makes a line after an empty one code.
	indent = "    "
)

// parse gives the blocks of a page that are typed, in order.
func parse(text string) ([]block, error) {
	all, err := blocksOf(text)
	return slices.DeleteFunc(all, func(b block) bool { return !b.typed }), err
}

// blocksOf gives all blocks of a page, in order. A block within a list is indented as the list is.
func blocksOf(text string) ([]block, error) {
	var out []block
	var open *block
	margin, before := "", ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		trimmed := strings.TrimLeft(line, " ")
		if open != nil && open.info == indent && line != "" && !strings.HasPrefix(line, indent) {
			out, open = append(out, *open), nil
		}
		switch {
		case open != nil && open.info != indent && trimmed == fence:
			out, open = append(out, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, margin) + "\n"
		case strings.HasPrefix(trimmed, fence):
			b, err := opened(strings.TrimSpace(trimmed[len(fence):]))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			b.line, margin = number, strings.TrimSuffix(line, trimmed)
			open = &b
		case before == "" && trimmed != "" && strings.HasPrefix(line, indent):
			open, margin = &block{line: number, info: indent, text: strings.TrimPrefix(line, indent) + "\n"}, indent
		}
		before = line
	}
	if open != nil && open.info == indent {
		return append(out, *open), lines.Err()
	}
	if open != nil {
		return nil, fmt.Errorf("a block has no end")
	}
	return out, lines.Err()
}

// opened reads what follows the fence.
func opened(info string) (b block, err error) {
	b.info = info
	words := strings.Fields(info)
	switch {
	case len(words) == 2 && words[0] == "yaml":
		b.typed, b.file = true, words[1]
		return b, nil
	case len(words) == 0 || words[0] != "console":
		return b, nil
	}
	b.typed = true
	if len(words) == 1 {
		return b, nil
	}
	code, found := strings.CutPrefix(words[1], "exit=")
	if b.exit, err = strconv.Atoi(code); !found || err != nil || len(words) > 2 {
		return b, fmt.Errorf("%q: want console, or console exit=CODE", info)
	}
	return b, nil
}

// commands splits a block of commands.
func (b block) commands() ([]command, error) {
	var out []command
	continued := false
	for line := range strings.Lines(b.text) {
		text, begins := strings.CutPrefix(line, "$ ")
		switch {
		case begins && !continued:
			out = append(out, command{text: text})
		case len(out) == 0:
			return nil, fmt.Errorf("line %d: a console begins with a command: $ …", b.line)
		case continued:
			out[len(out)-1].text += line
		default:
			out[len(out)-1].output += line
		}
		continued = (begins || continued) && strings.HasSuffix(line, "\\\n")
	}
	if len(out) > 0 {
		out[len(out)-1].exit = b.exit
	}
	return out, nil
}

var (
	spaces = regexp.MustCompile(`\s+`)
	// Times and ages are others each time.
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	age    = regexp.MustCompile(`^(\d+[smhd])+$`)
)

// pattern makes a pattern of what a page shows.
func pattern(output string) (*regexp.Regexp, error) {
	var out strings.Builder
	out.WriteString(`\A`)
	for line := range strings.Lines(output) {
		if strings.TrimSpace(line) == "…" {
			out.WriteString(`(?:.*\n)*?`)
			continue
		}
		words := spaces.Split(strings.TrimRight(line, " \n"), -1)
		for i, word := range words {
			if i > 0 {
				out.WriteString(`[ \t]+`)
			}
			out.WriteString(wordPattern(word))
		}
		out.WriteString("[ \t]*\n")
	}
	out.WriteString(`\z`)
	return regexp.Compile(out.String())
}

func wordPattern(word string) string {
	if age.MatchString(word) {
		return strings.Trim(age.String(), "^$")
	}
	out := moment.ReplaceAllLiteralString(regexp.QuoteMeta(word), moment.String())
	return strings.ReplaceAll(out, "…", `.*`)
}
