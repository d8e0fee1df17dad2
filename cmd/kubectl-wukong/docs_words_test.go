package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/api/reasons"
)

// words gives the words of the vocabulary of reasons.
func words() map[string]bool {
	out := map[string]bool{}
	for _, r := range reasons.All() {
		out[r.Word] = true
	}
	return out
}

// rows gives the cells of the rows of a page's tables, without heads and rules.
func rows(page string) [][]string {
	var out [][]string
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		head := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---")
		if !strings.HasPrefix(line, "| ") || head {
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), " | ") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		out = append(out, cells)
	}
	return out
}

// camel matches what is written like a reason.
var camel = regexp.MustCompile(`^[A-Z][a-zA-Z]*[a-z][A-Z][a-zA-Z]*$`)

// TestReasonsInTablesOfThePagesExist looks at words of tables that are written like reasons.
func TestReasonsInTablesOfThePagesExist(t *testing.T) {
	known, count := words(), 0
	for path, page := range pages(t) {
		if name := filepath.Base(path); !strings.HasPrefix(name, "host-") && !strings.HasPrefix(name, "guests") && !slices.Contains([]string{"rollout.md", "troubleshooting.md"}, name) {
			continue
		}
		for _, row := range rows(page) {
			for _, cell := range row {
				for _, word := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(" ,;:", r) }) {
					if notReasons[word] || !camel.MatchString(word) {
						continue
					}
					if count++; !known[word] {
						t.Errorf("%s: %q is no reason", path, word)
					}
				}
			}
		}
	}
	if count < 50 {
		t.Errorf("%d reasons were found", count)
	}
}

// notReasons are words of tables that only look like reasons.
var notReasons = map[string]bool{"HostUplink": true, "HostNetwork": true, "HostUplinks": true, "HostNetworks": true, "LeftOut": true,
	"NetworkManager": true, "KubeVirt": true, "NodeNetworkState": true, "ConfigMap": true, "InvalidArgument": true,
	"AddressPool": true, "AddressReservation": true, "VirtualMachine": true, "NoCloud": true, "ContainerCreating": true, "AgentConnected": true}

// TestTheMessagesOfTheRolloutPageAreThoseOfTheCode looks for each part of a message in the format strings of the packages that
// write messages.
func TestTheMessagesOfTheRolloutPageAreThoseOfTheCode(t *testing.T) {
	formats := formatsOf(t, "../../controllers/*.go", "../../nmstate/*.go", "../../render/*.go")
	count := 0
	for _, row := range rows(read(t, "../../docs/rollout.md")) {
		for _, cell := range row {
			for _, span := range codeSpan.FindAllStringSubmatch(cell, -1) {
				ours := strings.ReplaceAll(span[1], headline, "")
				for _, part := range sentences(ours) {
					if count++; !slices.ContainsFunc(formats, func(f *regexp.Regexp) bool { return f.MatchString(part) }) {
						t.Errorf("no message has %q", part)
					}
				}
			}
		}
	}
	if count < 40 {
		t.Errorf("%d parts of messages were found", count)
	}
}

// headline is what nmstate says in an example.
const headline = "InvalidArgument: MTU is too large"

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	between  = regexp.MustCompile(`; |: | \(|\)|, or |…`)
	verb     = regexp.MustCompile(`%[sdqv]`)
)

// sentences gives the parts of a message that have at least four words.
func sentences(message string) []string {
	var out []string
	for _, part := range between.Split(message, -1) {
		if len(strings.Fields(part)) >= 4 && !strings.HasPrefix(part, "kubectl ") {
			out = append(out, strings.Trim(part, " ,"))
		}
	}
	return out
}

// formatsOf gives the parts of the strings of source files as patterns.
func formatsOf(t *testing.T, patterns ...string) []*regexp.Regexp {
	t.Helper()
	var out []*regexp.Regexp
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %q, %v", pattern, paths, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				for _, part := range sentences(text) {
					out = append(out, regexp.MustCompile("^"+verb.ReplaceAllString(regexp.QuoteMeta(part), ".*")+"$"))
				}
				return true
			})
		}
	}
	return out
}

// read gives the text of a file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
