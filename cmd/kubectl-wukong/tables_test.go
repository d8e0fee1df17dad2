package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheHeadsOfTablesCanBeLeftOut, by every command whose answer has a table, and everything else stays.
func TestTheHeadsOfTablesCanBeLeftOut(t *testing.T) {
	const files = " -f testdata/inspect/cluster.yaml"
	_, kubeconfig := newFakeCluster(t, "testdata/inspect/cluster.yaml", 0)
	t.Setenv("KUBECONFIG", kubeconfig)
	tests := map[string]string{
		"kubectl wukong events":       "events 192.0.2.10" + files,
		"kubectl wukong guest verify": "guest verify web -n team-a -f testdata/guests/cluster.yaml",
		"kubectl wukong host suggest": "host suggest -o table -f testdata/hosts/cluster.yaml",
		"kubectl wukong import":       "import",
		"kubectl wukong ip history":   "ip history 192.0.2.10",
		"kubectl wukong ip list":      "ip list",
		"kubectl wukong ip who":       "ip who 192.0.2.10",
		"kubectl wukong pool list":    "pool list",
		"kubectl wukong status":       "status -A" + files,
	}
	for _, c := range commandsBelow(newRoot(streams{})) {
		if _, tested := tests[c.CommandPath()]; tested != (c.Flags().Lookup("no-headers") != nil) {
			t.Errorf("%s: has --no-headers: %v", c.CommandPath(), !tested)
		}
	}
	for name, args := range tests {
		_, with, stderr := runWith(t, nil, strings.Fields(args)...)
		_, without, _ := runWith(t, nil, append(strings.Fields(args), "--no-headers")...)
		lines := unaligned(with)
		if len(lines) < 2 || lines[0] != strings.ToUpper(lines[0]) {
			t.Errorf("%s has no table with a head:\n%s%s", name, with, stderr)
			continue
		}
		if diff := cmp.Diff(lines[1:], unaligned(without)); diff != "" {
			t.Errorf("%s --no-headers (-want +got)\n%s", name, diff)
		}
	}
}

// unaligned gives lines without the spaces that align them.
func unaligned(text string) []string {
	lines := slices.Collect(strings.Lines(text))
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return lines
}

func TestTheMapOfAPoolIsColouredWhereThatIsAskedFor(t *testing.T) {
	_, kubeconfig := newFakeCluster(t, "testdata/inspect/cluster.yaml", 0)
	t.Setenv("KUBECONFIG", kubeconfig)
	_, pools, _ := runWith(t, nil, "pool", "list", "--no-headers")
	name, _, _ := strings.Cut(pools, " ")
	code, plain, stderr := runWith(t, nil, "pool", "show", name)
	if code != exitClean || strings.Contains(plain, "\x1b") {
		t.Fatalf("exit code %d: %s%q", code, stderr, plain)
	}
	_, coloured, _ := runWith(t, nil, "pool", "show", name, "--color", "always")
	if !strings.Contains(coloured, "\x1b[") {
		t.Errorf("--color always gives no colours:\n%s", coloured)
	}
	if code, _, stderr := runWith(t, nil, "pool", "show", name, "--color", "green"); code != exitUsage || !strings.Contains(stderr, "use auto, always, never") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
