package walkthrough

import (
	"bufio"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// block is a fenced block of a page that is run.
type block struct {
	// line is where it begins, from 1.
	line int
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

const fence = "```"

// parse gives the blocks of a page that are run, in order.
func parse(text string) ([]block, error) {
	var out []block
	var open *block
	skipping := false
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		switch {
		case open == nil && !skipping && strings.HasPrefix(line, fence):
			b, runs, err := opened(strings.Fields(line[len(fence):]))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			b.line = number
			if open = &b; !runs {
				open, skipping = nil, true
			}
		case line == fence && open != nil:
			out, open = append(out, *open), nil
		case line == fence:
			skipping = false
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil || skipping {
		return nil, fmt.Errorf("a block has no end")
	}
	return out, lines.Err()
}

// opened reads what follows the fence.
func opened(words []string) (b block, runs bool, err error) {
	switch {
	case len(words) == 2 && words[0] == "yaml":
		return block{file: words[1]}, true, nil
	case len(words) == 0 || words[0] != "console":
		return block{}, false, nil
	case len(words) == 1:
		return block{}, true, nil
	}
	code, found := strings.CutPrefix(words[1], "exit=")
	if b.exit, err = strconv.Atoi(code); !found || err != nil || len(words) > 2 {
		return b, false, fmt.Errorf("%q: want console, or console exit=CODE", strings.Join(words, " "))
	}
	return b, true, nil
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
