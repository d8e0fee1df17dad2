package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/nmstatectl"
)

// shown matches an example of the documentation: a command after a prompt, and what it prints.
var shown = regexp.MustCompile("(?ms)^\\$ kubectl wukong (host (?:suggest|plan|status|topology)[^\n]*)\n(.*?)^```$")

const hostPage = "../../docs/hosts-commands.md"

// TestTheExamplesAboutHostsAreWhatTheCommandsPrint runs them on the cluster of the scripts. -update writes them anew.
func TestTheExamplesAboutHostsAreWhatTheCommandsPrint(t *testing.T) {
	t.Setenv(nmstatectl.PathVariable, nmstatectl.Without)
	text, err := os.ReadFile(hostPage)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	now := shown.ReplaceAllStringFunc(string(text), func(example string) string {
		count++
		parts := shown.FindStringSubmatch(example)
		_, out, _ := runWith(t, nil, append(strings.Fields(parts[1]), "-f", "testdata/hosts/cluster.yaml")...)
		if out != parts[2] && !*update {
			t.Errorf("kubectl wukong %s prints\n%s\nand the documentation has\n%s", parts[1], out, parts[2])
		}
		return "$ kubectl wukong " + parts[1] + "\n" + out + "```"
	})
	if count < 5 {
		t.Errorf("%d examples were found", count)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(hostPage, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
