package walkthrough

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheREADMEShowsTheBeginningOfTheDemo: docs/demo.md has more of it.
func TestTheREADMEShowsTheBeginningOfTheDemo(t *testing.T) {
	short, long := demoIn(t, "README.md"), demoIn(t, "docs/demo.md")
	p, err := pattern(short)
	must(t, err)
	if !p.MatchString(long) {
		t.Errorf("README.md shows\n%s\nwhich is no part of what docs/demo.md shows:\n%s", short, long)
	}
}

// demoIn is what a page shows of the demo.
func demoIn(t *testing.T, name string) string {
	t.Helper()
	blocks, err := blocksOf(page(t, name))
	must(t, err)
	for _, b := range blocks {
		if strings.HasPrefix(b.text, "$ make demo ARGS=--once\n") {
			return b.text
		}
	}
	t.Fatalf("%s does not show the demo", name)
	return ""
}

var remark = regexp.MustCompile(`(?m) +# .*$`)

// TestTheChineseREADMEHasTheBlocksOfTheOther: so what runs for README.md holds for README.zh-CN.md as well.
func TestTheChineseREADMEHasTheBlocksOfTheOther(t *testing.T) {
	blocks, err := blocksOf(page(t, "README.zh-CN.md"))
	must(t, err)
	other := remark.ReplaceAllString(page(t, "README.md"), "")
	count := 0
	for _, b := range blocks {
		if !b.asks() {
			continue
		}
		count++
		if want := fence + b.info + "\n" + remark.ReplaceAllString(b.text, "") + fence + "\n"; !strings.Contains(other, want) {
			t.Errorf("README.md does not have\n%s", want)
		}
	}
	if count < 4 {
		t.Errorf("%d blocks were found", count)
	}
}

func TestTheExampleOfTheREADMEGivesAnAddress(t *testing.T) {
	r := newReader(t)
	r.install()
	r.prepares("kubectl apply -f config/samples/namespaces.yaml")
	s := r.opens("README.md")
	r.follows(s)
	r.prepares("kubectl wait wukong/web -n team-a --for=jsonpath='{.status.nodes}'=3/3 --timeout=1m")
	r.follows(s)
}

// TestTheProgramsAreBuiltAsTheQuickstartSays runs the block of docs/quickstart.md, but for the folder that make writes into.
func TestTheProgramsAreBuiltAsTheQuickstartSays(t *testing.T) {
	if testing.Short() {
		t.Skip("links both programs, which -short leaves out")
	}
	blocks, err := blocksOf(page(t, "docs/quickstart.md"))
	must(t, err)
	build := slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.text, "make build\n") })
	if build < 0 {
		t.Fatal("docs/quickstart.md builds nothing")
	}
	r := contributor(t)
	bin := t.TempDir()
	r.env = append(r.env, "BIN="+bin)
	must(t, r.types(command{text: blocks[build].text, output: "…\n"}))
	for name, args := range map[string]string{"kubectl-wukong": "version --client", "wukong-network": "version"} {
		must(t, r.types(command{text: filepath.Join(bin, name) + " " + args + "\n", output: "…\n"}))
	}
}

// contributor is a reader in the repository itself, who needs no cluster.
func contributor(t *testing.T) *reader {
	// What a make above this test was told is not meant for one below it.
	return &reader{t: t, dir: root, env: append(os.Environ(), "MAKEFLAGS=", "MAKEOVERRIDES=", "MAKELEVEL=")}
}

func TestTheLinesForContributorsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests of other packages, which -short leaves out")
	}
	r := contributor(t)
	r.reads("CONTRIBUTING.md")
	r.mentions("CONTRIBUTING.md", "cd e2e/release && go test -run TestToolsArePinned .")
}

var kindOfNetwork = regexp.MustCompile(`v1alpha1\.Network(Bridge|Macvlan|SRIOV|OVS)\b`)

// sources are the files of the product's own code that are no tests.
func sources(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, folder := range []string{"cmd", "controllers", "nmstate", "query", "render"} {
		must(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				name, err := filepath.Rel(root, path)
				out = append(out, filepath.ToSlash(name))
				return err
			}
			return err
		}))
	}
	return out
}

// TestTheStepsForAKindOfNetworkNameEveryFileThatTellsKindsApart: nobody who follows CONTRIBUTING.md misses one.
func TestTheStepsForAKindOfNetworkNameEveryFileThatTellsKindsApart(t *testing.T) {
	_, section, _ := strings.Cut(page(t, "CONTRIBUTING.md"), "\n## Add a kind of host network\n")
	section, _, found := strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("CONTRIBUTING.md has no such section")
	}
	count := 0
	for _, file := range sources(t) {
		if !kindOfNetwork.MatchString(page(t, file)) {
			continue
		}
		count++
		if !strings.Contains(section, "("+file+")") {
			t.Errorf("%s tells kinds of networks apart, and no step names it", file)
		}
	}
	if count < 8 {
		t.Errorf("%d files were found", count)
	}
}
