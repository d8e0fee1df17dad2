package privilege

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/e2e/world"
)

// proofs finds links to tests: [TestName](../path).
var proofs = regexp.MustCompile(`\[((?:Test|Fuzz)\w+)\]\(\.\./([\w/.-]+_test\.go)\)`)

// TestEveryThreatHasAProofThatExists holds the table of threats against the tests that it names.
func TestEveryThreatHasAProofThatExists(t *testing.T) {
	root, err := world.Repository()
	must(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	must(t, err)
	_, threats, found := strings.Cut(string(page), "### What stops what\n")
	if !found {
		t.Fatal("docs/security.md has no table of threats")
	}
	threats, _, _ = strings.Cut(threats, "\n## ")
	rows := 0
	for line := range strings.Lines(threats) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat ") {
			continue
		}
		rows++
		named := proofs.FindAllStringSubmatch(line, -1)
		if len(named) == 0 {
			t.Errorf("no test proves this: %s", line)
		}
		for _, proof := range named {
			source, err := os.ReadFile(filepath.Join(root, proof[2]))
			if err != nil || !strings.Contains(string(source), "\nfunc "+proof[1]+"(") {
				t.Errorf("%s has no %s: %v", proof[2], proof[1], err)
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d threats were read: that cannot be all", rows)
	}
}
