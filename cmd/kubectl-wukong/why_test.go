package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
)

// scene are all objects of the copy of a cluster that the scripts use.
var scene = []string{"team-a/web", "team-a/db", "team-a/late", "team-b/cache", "team-b/legacy", "team-c/new", "192.0.2.10", "192.0.2.21", "198.51.100.77",
	"hostuplink/workers", "hostnetwork/lab-100", "hostnetwork/lab-200", "addresspool/tiny", "addresspool/office", "addressreservation/printers",
	"addresslease/ip-192-0-2-10.lab.100", "node/node-a", "node/node-c", "node/node-e", "nncp/wukong-workers-b6aoaj24k6"}

var commandInText = regexp.MustCompile("kubectl wukong (.+)$")

// TestTheCommandsThatExplanationsNameExist reads every explanation of the scene, and of all reasons.
func TestTheCommandsThatExplanationsNameExist(t *testing.T) {
	count := 0
	for _, object := range append(inspect.Words(), scene...) {
		code, stdout, stderr := runWith(t, nil, "why", object, "-f", "testdata/inspect/cluster.yaml", "-o", "json")
		var e inspect.Explanation
		if err := json.Unmarshal([]byte(stdout), &e); code != exitClean || err != nil || e.Headline == "" || len(e.Fix)+len(e.Evidence) == 0 {
			t.Errorf("%s: exit code %d, %v: %+v %s", object, code, err, e, stderr)
		}
		for _, fix := range e.Fix {
			found := commandInText.FindStringSubmatch(fix)
			if found == nil {
				continue
			}
			count++
			line, _, _ := strings.Cut(found[1], ";") // what is more than the command
			root := newRoot(streams{})
			command, rest, err := root.Find(strings.Fields(line))
			if err != nil || command == root || command.HasSubCommands() {
				t.Errorf("%s: there is no command %q: %v", object, fix, err)
				continue
			}
			if err := command.ParseFlags(rest); err != nil {
				t.Errorf("%s: %q: %v", object, fix, err)
			}
		}
	}
	if count < 15 {
		t.Errorf("%d commands were found", count)
	}
}

const statusPage = "../../docs/status-commands.md"

// told matches an example of the page: a command after a prompt, and what it prints.
var told = regexp.MustCompile("(?ms)^```\n\\$ kubectl wukong ((?:status|why|events)[^\n]*)\n(.*?)^```$")

// TestTheExamplesOfTheStatusPageAreWhatTheCommandsPrint runs them on the cluster of the scripts. -update writes them anew.
func TestTheExamplesOfTheStatusPageAreWhatTheCommandsPrint(t *testing.T) {
	count, page := 0, read(t, statusPage)
	now := told.ReplaceAllStringFunc(page, func(example string) string {
		count++
		parts := told.FindStringSubmatch(example)
		_, out, stderr := runWith(t, nil, append(strings.Fields(parts[1]), "-f", "testdata/inspect/cluster.yaml")...)
		if stderr != "" {
			t.Errorf("kubectl wukong %s: %s", parts[1], stderr)
		}
		if out != parts[2] && !*update {
			t.Errorf("kubectl wukong %s prints\n%s\nand the page has\n%s", parts[1], out, parts[2])
		}
		return "```\n$ kubectl wukong " + parts[1] + "\n" + out + "```"
	})
	if count < 10 {
		t.Errorf("%d examples were found", count)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(statusPage, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// asked matches a command of a table of the page.
var asked = regexp.MustCompile("`kubectl wukong (why [^` ]+)`")

func TestTheObjectsThatTheStatusPageAsksAboutAreAnswered(t *testing.T) {
	count := 0
	for _, command := range asked.FindAllStringSubmatch(read(t, statusPage), -1) {
		count++
		if code, out, stderr := runWith(t, nil, append(strings.Fields(command[1]), "-f", "testdata/inspect/cluster.yaml")...); code != exitClean || out == "" || stderr != "" {
			t.Errorf("kubectl wukong %s: exit code %d: %s%s", command[1], code, out, stderr)
		}
	}
	if count < 8 {
		t.Errorf("%d commands were found", count)
	}
}

var anchorID = regexp.MustCompile(`<a id="([^"]+)">`)

func TestThePagesThatExplanationsNameExist(t *testing.T) {
	all := pages(t)
	for _, word := range inspect.Words() {
		for _, page := range inspect.WhyReason(word).Docs {
			path, anchor, anchored := strings.Cut(page, "#")
			text, known := all[filepath.Join("../..", path)]
			here := anchors(text)
			for _, id := range anchorID.FindAllStringSubmatch(text, -1) {
				here = append(here, "#"+id[1])
			}
			if !known || anchored && !slices.Contains(here, "#"+anchor) {
				t.Errorf("%s: there is no page %s", word, page)
			}
		}
	}
}
