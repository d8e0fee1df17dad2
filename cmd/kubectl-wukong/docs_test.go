package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// pages are the documents of the repository, by their path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/runbooks/*.md", "charts/*/README.md"} {
		paths, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: pages %q, %v", pattern, paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = string(text)
		}
	}
	return out
}

var (
	yamlBlock   = regexp.MustCompile("(?ms)^```yaml[^\n]*\n(.*?)^```$")
	link        = regexp.MustCompile(`\]\(([^)#:]+\.md)?(#[^)]+)?\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchor      = regexp.MustCompile(`<a id="([^"]+)"></a>`)
	commandLine = regexp.MustCompile(`(?m)(?:^\$? ?|Run: )kubectl wukong (.+)$`)
)

func TestTheManifestsOfTheDocumentationAreValid(t *testing.T) {
	count := 0
	for path, text := range pages(t) {
		for _, block := range yamlBlock.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(block[1], "apiVersion: vm.novasphere.dev") {
				continue
			}
			count++
			code, _, stderr := runWith(t, strings.NewReader(block[1]), "render", "-f", "-", "--uplink", "eth1")
			if code == exitUsage || strings.Contains(stderr, v1alpha1.ReasonInvalidSpec) {
				t.Errorf("%s: %s\n%s", path, stderr, block[1])
			}
		}
	}
	if count < 3 {
		t.Errorf("%d manifests were found", count)
	}
}

func TestTheCommandsOfTheDocumentationExistWithTheirFlags(t *testing.T) {
	count := 0
	all := pages(t)
	const rules = "../../config/monitoring/rules.yaml" // alerts name the command to run
	all[rules] = read(t, rules)
	for path, text := range all {
		for _, line := range commandLine.FindAllStringSubmatch(text, -1) {
			count++
			words := strings.Fields(strings.NewReplacer(`"`, "", "`", "", "'", "").Replace(line[1]))
			if end := slices.IndexFunc(words, func(w string) bool { return w == "|" || w == ">" || w == "&&" || w == "#" }); end >= 0 {
				words = words[:end]
			}
			root := newRoot(streams{})
			command, rest, err := root.Find(words)
			if err != nil || command == root || command.HasSubCommands() {
				t.Errorf("%s: there is no command %q: %v", path, line[1], err)
				continue
			}
			if err := command.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) {
				t.Errorf("%s: %q: %v", path, line[1], err)
			}
		}
	}
	if count < 5 {
		t.Errorf("%d commands were found", count)
	}
}

func TestTheLinksOfTheDocumentationLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, text := range all {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, page := path, text
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(path), found[1])
				var ok bool
				if page, ok = all[target]; !ok {
					text, err := os.ReadFile(target)
					if err != nil {
						t.Errorf("%s: %v", path, err)
						continue
					}
					page = string(text)
				}
			}
			if found[2] != "" && !slices.Contains(anchors(page), found[2]) {
				t.Errorf("%s: %s has no heading %s", path, target, found[2])
			}
		}
	}
}

// anchors are the anchors of a page: those of its headings, as GitHub makes them, and those that it sets.
func anchors(page string) []string {
	var out []string
	for _, a := range anchor.FindAllStringSubmatch(page, -1) {
		out = append(out, "#"+a[1])
	}
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		kept := strings.Map(func(r rune) rune {
			if r == ' ' || r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, strings.ToLower(h[1]))
		out = append(out, "#"+strings.ReplaceAll(kept, " ", "-"))
	}
	return out
}
