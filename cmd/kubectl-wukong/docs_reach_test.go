package main

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frontPage is where a reader begins.
const frontPage = "README.md"

// mostSteps is how many links a reader follows to an answer, at most.
const mostSteps = 3

// answers are what people look for, as the front page words it, and where the answer is.
var answers = map[string]string{
	"the path of an address":            "docs/concepts.md#the-way-of-a-request",
	"where a policy is rendered":        "render/revision.go",
	"how a node is refused":             "docs/rollout.md#checks-before-a-node-is-touched",
	"the list of reasons":               "docs/reasons.md",
	"how to add a kind of host network": "CONTRIBUTING.md#add-a-kind-of-host-network",
	"how to run one test":               "CONTRIBUTING.md#run-one-test",
	"the threat model":                  "docs/security.md#threats",
	"how to free an address":            "docs/limits.md#freeing-an-address",
	"how to undo a network":             "docs/rollout.md#taking-everything-back",
	"how to release a version":          "docs/release.md#release-a-version",
}

var (
	localLink = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]+)?\)`)
	questions = regexp.MustCompile(`(?ms)^## Where do I find\n(.*?)^## `)
)

// site has the text of each page by its path in the repository.
type site map[string]string

// repository gives the documents of the repository.
func repository(t *testing.T) site {
	t.Helper()
	out := site{}
	for p, text := range pages(t) {
		out[filepath.ToSlash(strings.TrimPrefix(p, filepath.Join("..", "..")+string(filepath.Separator)))] = text
	}
	return out
}

// links gives where the links of a text lead that stands on a page. A link to an anchor that its page does not have leads nowhere.
func (s site) links(page, text string) []string {
	var out []string
	known := map[string][]string{} // anchors of pages
	for _, found := range localLink.FindAllStringSubmatch(text, -1) {
		target := page
		if found[1] != "" {
			target = path.Join(path.Dir(page), found[1])
		}
		if found[2] != "" {
			if _, seen := known[target]; !seen {
				known[target] = anchors(s[target])
			}
			if !slices.Contains(known[target], found[2]) {
				continue
			}
		}
		out = append(out, target+found[2])
	}
	return out
}

// steps gives how many links lead from a page to each place: a page, an anchor of one, or a file.
func (s site) steps(from string) map[string]int {
	out := map[string]int{from: 0}
	read := map[string]bool{}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		page, _, _ := strings.Cut(queue[0], "#")
		if read[page] {
			continue
		}
		read[page] = true
		for _, next := range s.links(page, s[page]) {
			if _, known := out[next]; !known {
				out[next] = out[queue[0]] + 1
				queue = append(queue, next)
			}
		}
	}
	return out
}

// unreachable gives the pages of a folder to which no links lead.
func (s site) unreachable(from, folder string) []string {
	found := map[string]bool{}
	for place := range s.steps(from) {
		page, _, _ := strings.Cut(place, "#")
		found[page] = true
	}
	var out []string
	for page := range s {
		if strings.HasPrefix(page, folder) && !found[page] {
			out = append(out, page)
		}
	}
	slices.Sort(out)
	return out
}

// farther says of each place that it is too far away, or not reached at all.
func (s site) farther(from string, most int, places ...string) []string {
	steps := s.steps(from)
	var out []string
	for _, place := range places {
		switch n, reached := steps[place]; {
		case !reached:
			out = append(out, place+" is not reached")
		case n > most:
			out = append(out, fmt.Sprintf("%s is %d links away", place, n))
		}
	}
	return out
}

func TestAReaderOfTheREADMEFindsTheAnswerInItsTable(t *testing.T) {
	all := repository(t)
	table := questions.FindStringSubmatch(all[frontPage])
	if table == nil {
		t.Fatalf("%s does not say where to find what", frontPage)
	}
	got := map[string]string{}
	for _, row := range rows(table[1]) {
		places := all.links(frontPage, row[1])
		if len(places) == 0 {
			t.Errorf("%q has no link that leads somewhere", row[0])
			continue
		}
		got[row[0]] = places[0]
	}
	if diff := cmp.Diff(answers, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAReaderWhoSkipsTheTableOfTheREADMEFindsTheAnswer takes the table away.
func TestAReaderWhoSkipsTheTableOfTheREADMEFindsTheAnswer(t *testing.T) {
	all := repository(t)
	all[frontPage] = questions.ReplaceAllString(all[frontPage], "## ")
	for _, problem := range all.farther(frontPage, mostSteps, slices.Sorted(maps.Values(answers))...) {
		t.Error(problem)
	}
}

func TestEveryPageOfTheDocumentationIsReachedFromBothREADMEs(t *testing.T) {
	all := repository(t)
	for _, from := range []string{frontPage, "README.zh-CN.md"} {
		for _, page := range all.unreachable(from, "docs/") {
			t.Errorf("%s: no links lead to %s", from, page)
		}
	}
}

func TestBothREADMEsNameTheSamePagesOfTheDocumentation(t *testing.T) {
	all := repository(t)
	if diff := cmp.Diff(all.named(frontPage), all.named("README.zh-CN.md")); diff != "" {
		t.Errorf("(-English +Chinese):\n%s", diff)
	}
}

// named gives the pages to which a page has links.
func (s site) named(page string) []string {
	var out []string
	for _, place := range s.links(page, s[page]) {
		target, _, _ := strings.Cut(place, "#")
		if _, isPage := s[target]; isPage && strings.HasPrefix(target, "docs/") {
			out = append(out, target)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestPagesOfDocumentationThatAreLostOrFarAwayAreFound(t *testing.T) {
	made := site{
		"README.md":     "[a](docs/a.md) [gone](docs/a.md#gone) [code](x/y.go) [elsewhere](https://example.com/docs/lost.md)",
		"docs/a.md":     "# A\n[b](b.md) [there](#there)\n## There\n",
		"docs/b.md":     "[c](sub/c.md#deep)",
		"docs/lost.md":  "[back](../README.md)",
		"docs/sub/c.md": "## Deep\n[up](../b.md)",
	}
	if diff := cmp.Diff([]string{"docs/lost.md"}, made.unreachable("README.md", "docs/")); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
	want := []string{"docs/sub/c.md#deep is 3 links away", "docs/a.md#gone is not reached", "docs/lost.md is not reached"}
	got := made.farther("README.md", 2, "docs/sub/c.md#deep", "docs/a.md#gone", "docs/a.md#there", "docs/lost.md", "docs/b.md", "x/y.go")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("far (-want +got):\n%s", diff)
	}
}
