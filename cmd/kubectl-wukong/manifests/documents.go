package manifests

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"novasphere.dev/wukong-network/query/answer"
)

// document is one YAML document of a source.
type document struct {
	source *Source
	// first is the line of the source, from 1, that text begins with; line is that of the first content.
	first, line int
	text        []byte

	// nodes is text as it is written, with lines; it is only made for findings.
	nodes *yamlv3.Node
}

// split cuts a source into its documents. Those without content are left out.
func split(s *Source) []document {
	var out []document
	rest := bytes.TrimPrefix(s.Text, []byte("\ufeff"))
	current := document{source: s, first: 1}
	end := func() {
		if current.line > 0 {
			out = append(out, current)
		}
	}
	for number := 1; len(rest) > 0; number++ {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		if content, marker := marked(line); marker {
			end()
			// What follows a marker on its line belongs to the document.
			current = document{source: s, first: number}
			line = content
		}
		if current.line == 0 {
			if isBlank(line) {
				// A directive is of no use without the document that follows, and comments need no parser.
				line = lineEnd(line)
			} else {
				current.line = number
			}
		}
		current.text = append(current.text, line...)
	}
	end()
	return out
}

// marked says whether a line begins with a marker of a document's start or end, and gives what follows it.
func marked(line []byte) ([]byte, bool) {
	for _, marker := range []string{"---", "..."} {
		rest, found := bytes.CutPrefix(line, []byte(marker))
		if found && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0) {
			return rest, true
		}
	}
	return nil, false
}

// isBlank says whether a line before any content has none: it is empty, a comment or a directive.
func isBlank(line []byte) bool {
	trimmed := bytes.TrimSpace(line)
	return len(trimmed) == 0 || trimmed[0] == '#' || line[0] == '%'
}

func lineEnd(line []byte) []byte {
	if bytes.HasSuffix(line, []byte("\n")) {
		return []byte("\n")
	}
	return nil
}

// decode gives the content of a document: an object, or whatever else it holds. It reads YAML as kubectl does.
func (d *document) decode() (any, error) {
	raw, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return nil, d.fail(err)
	}
	var out any
	if err := utiljson.Unmarshal(raw, &out); err != nil {
		return nil, d.fail(err)
	}
	return out, nil
}

var lineOfError = regexp.MustCompile(`\bline (\d+): `)

// fail gives an error of the parser on one line that begins with the place.
func (d *document) fail(err error) error {
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:"} {
		text = strings.TrimPrefix(text, prefix)
	}
	line := d.line
	if found := lineOfError.FindStringSubmatch(text); found != nil {
		if number, err := strconv.Atoi(found[1]); err == nil {
			line = d.first + number - 1
			text = strings.Replace(text, found[0], "", 1)
		}
	}
	return fmt.Errorf("%s:%d: is no YAML: %s", d.source.Name, line, answer.Printable(text))
}
