package commands_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/e2e/cluster"
)

var (
	codeBlock   = regexp.MustCompile("(?ms)^```\n(.*?)^```$")
	mereAbsence = regexp.MustCompile(`\(NotFound\)|not found|No resources found`)
	// elsewhere are commands that need what the control plane of tests has not: pods, or the operator of Prometheus.
	elsewhere = regexp.MustCompile(`apply -k config/monitoring|port-forward`)
)

// TestTheCommandsOfRunbooksAreThoseOfARealKubectl runs each one on a real API server. The objects that it names are examples, so
// not to find them is right; not to know a flag, a kind or a field is not.
func TestTheCommandsOfRunbooksAreThoseOfARealKubectl(t *testing.T) {
	root := repository(t)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.ForTest(t, cluster.Options{})
	count := 0
	for _, page := range append(pages, filepath.Join(root, "docs", "observability.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range codeBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(block[1]) {
				command, _, _ := strings.Cut(strings.TrimSpace(line), " | ")
				args, ours := strings.CutPrefix(command, "kubectl ")
				if !ours || strings.HasPrefix(args, "wukong ") || elsewhere.MatchString(args) {
					continue
				}
				count++
				run := exec.CommandContext(t.Context(), c.KubectlPath(), strings.Fields(args)...)
				run.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
				out, err := run.CombinedOutput()
				if err != nil && !mereAbsence.Match(out) && !strings.HasSuffix(string(out), "\nno\n") && string(out) != "no\n" {
					t.Errorf("%s: %s: %v\n%s", filepath.Base(page), command, err, out)
				}
			}
		}
	}
	if count < 25 {
		t.Errorf("%d commands were found", count)
	}
}
