package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
)

const downloads = "https://downloads.example.com/wukong-network/" + tag

// onPage is a block of docs/release.md, by its beginning, for the version of the test.
func onPage(t *testing.T, begins string) string {
	t.Helper()
	_, rest, found := strings.Cut(string(readFile(t, filepath.Join(root, "docs/release.md"))), "\n```\n"+begins)
	block, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		t.Fatalf("docs/release.md has no block that begins with %q", begins)
	}
	return begins + strings.ReplaceAll(block, "v0.1.0", tag)
}

// A release is made as docs/release.md says, and made again by somebody who checks it, for the platform that the test runs on:
// building for all of them takes minutes.
func TestAReleaseIsTheSameBytesWhereverItIsMade(t *testing.T) {
	if testPlatform := "linux/" + runtime.GOARCH; !slices.Contains(programs()[0].platforms, testPlatform) {
		t.Skipf("nothing is released for %s", testPlatform)
	}
	first, second := snapshot(t), t.TempDir()
	command(t, first, nil, "make", "release", "VERSION="+tag, "URL="+downloads, "PLATFORMS="+platform)
	again := strings.ReplaceAll(onPage(t, "git clone "), "REPOSITORY", first)
	command(t, second, []string{"PLATFORMS=" + platform}, "bash", "-euc", again)
	dirs := []string{filepath.Join(first, "bin", "release"), filepath.Join(second, "wukong-network", "bin", "release")}
	suffix := "_" + tag + "_linux_" + runtime.GOARCH
	want := []string{checksums, "kubectl-wukong" + suffix + ".cdx.json", "kubectl-wukong" + suffix + ".tar.gz",
		"wukong-network" + suffix + ".cdx.json", "wukong-network" + suffix + ".tar.gz", "wukong.yaml"}
	var got []string
	for _, entry := range entries(t, dirs[0]) {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("files (-want +got)\n%s", diff)
	}
	for _, name := range want {
		if !bytes.Equal(readFile(t, filepath.Join(dirs[0], name)), readFile(t, filepath.Join(dirs[1], name))) {
			t.Errorf("%s differs between two folders", name)
		}
	}
	t.Run("its checksums are what sha256sum reads", func(t *testing.T) {
		out := command(t, dirs[0], nil, "bash", "-euc", onPage(t, "sha256sum "))
		if got := strings.Count(out, ": OK\n"); got != len(want)-1 {
			t.Errorf("%d of %d files were checked\n%s", got, len(want)-1, out)
		}
	})
	for _, name := range []string{"kubectl-wukong", "wukong-network"} {
		t.Run(name, func(t *testing.T) {
			unpacked := t.TempDir()
			command(t, unpacked, nil, "tar", "-xzf", filepath.Join(dirs[0], name+suffix+".tar.gz"))
			if diff := cmp.Diff([]string{"/LICENSE", "/" + thirdPartyLicenses, "/" + name}, fileNames(t, unpacked)); diff != "" {
				t.Errorf("files (-want +got)\n%s", diff)
			}
			program := filepath.Join(unpacked, name)
			args := map[string][]string{"kubectl-wukong": {"version", "--client"}, "wukong-network": {"version"}}[name]
			out := command(t, unpacked, nil, program, args...)
			if !strings.Contains(out, tag+", commit ") {
				t.Errorf("it says %q", out)
			}
			if shown := onPage(t, "$ bin/wukong-network version\n"); name == "wukong-network" && shape(out) != shape(strings.TrimPrefix(shown, "$ bin/wukong-network version\n")) {
				t.Errorf("it says %q, and the page has\n%s", out, shown)
			}
			checkThirdPartyLicenses(t, program, filepath.Join(unpacked, thirdPartyLicenses))
			checkBillOfMaterials(t, program, filepath.Join(dirs[0], name+suffix+".cdx.json"))
		})
	}
	t.Run("krew installs the plugin", func(t *testing.T) {
		out := installWithKrew(t, dirs[0], "linux", runtime.GOARCH, "kubectl-wukong"+suffix+".tar.gz")
		if text := command(t, root, nil, filepath.Join(out, "kubectl-wukong"), "version", "--client"); !strings.Contains(text, tag) {
			t.Errorf("it says %q", text)
		}
	})
}

// shape leaves out what differs from one build to the next.
func shape(version string) string {
	version = regexp.MustCompile(`[0-9a-f]{12}`).ReplaceAllString(version, "COMMIT")
	version = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`).ReplaceAllString(version, "TIME")
	return regexp.MustCompile(`go[0-9.]+, [a-z0-9/]+`).ReplaceAllString(version, "GO")
}

// allowed are the licenses that the programs may contain, as docs/release.md tells whoever ships them.
var allowed = []string{"Apache-2.0", "BSD-3-Clause", "ISC", "MIT"}

// checkBillOfMaterials compares what is listed with what the program says of itself, and looks at the licenses.
func checkBillOfMaterials(t *testing.T, program, path string) {
	t.Helper()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(readFile(t, path)), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if main := bom.Metadata.Component; main.Name != info.Main.Path || main.Version != tag || !slices.Equal(names(*main.Licenses), []string{"Apache-2.0"}) {
		t.Errorf("it is of %s %s, %q", main.Name, main.Version, names(*main.Licenses))
	}
	want, got := map[string]string{"std": info.GoVersion}, map[string]string{}
	for _, m := range info.Deps {
		want[m.Path] = m.Version
	}
	for i := range *bom.Components {
		c := &(*bom.Components)[i]
		got[c.Name] = c.Version
		checkLicenses(t, c.Name+"@"+c.Version, *c.Licenses)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules (-want +got)\n%s", diff)
	}
}

func checkLicenses(t *testing.T, module string, found cdx.Licenses) {
	t.Helper()
	for _, license := range names(found) {
		if !slices.Contains(allowed, license) {
			t.Errorf("%s has the license %s: it is not among %q", module, license, allowed)
		}
	}
}

func names(found cdx.Licenses) []string {
	var out []string
	for _, l := range found {
		out = append(out, l.License.ID)
	}
	return out
}

func TestTheManifestForKrewIsGoodForEveryPlatform(t *testing.T) {
	r := release{out: t.TempDir(), version: tag, url: downloads}
	program, license := filepath.Join(t.TempDir(), "kubectl-wukong"), filepath.Join(root, "LICENSE")
	var plugins []plugin
	for _, p := range programs()[0].platforms {
		name, archive := program, strings.ReplaceAll(p, "/", "_")+".tar.gz"
		if strings.HasPrefix(p, "windows/") {
			name, archive = program+".exe", strings.ReplaceAll(p, "/", "_")+".zip"
		}
		if err := os.WriteFile(name, []byte("a program for "+p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := pack(filepath.Join(r.out, archive), license, name); err != nil {
			t.Fatal(err)
		}
		plugins = append(plugins, plugin{p, archive})
	}
	if err := r.writeManifest(plugins); err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		goos, goarch, _ := strings.Cut(p.platform, "/")
		name := "kubectl-wukong"
		if goos == "windows" {
			name += ".exe"
		}
		if text := readFile(t, filepath.Join(installWithKrew(t, r.out, goos, goarch, p.archive), name)); string(text) != "a program for "+p.platform {
			t.Errorf("%s: %q was installed", p.platform, text)
		}
	}
}

// installWithKrew lets krew install the plugin as if it ran on a platform, and gives the folder that kubectl finds plugins in.
func installWithKrew(t *testing.T, dir, goos, goarch, archive string) string {
	t.Helper()
	krew := strings.TrimSpace(command(t, "krew", []string{"CGO_ENABLED=0"}, "go", "tool", "-n", "krew"))
	home := t.TempDir()
	command(t, dir, []string{"KREW_ROOT=" + home, "KREW_NO_UPGRADE_CHECK=1", "KREW_OS=" + goos, "KREW_ARCH=" + goarch},
		krew, "install", "--manifest=wukong.yaml", "--archive="+archive)
	return filepath.Join(home, "bin")
}

func TestOnlyATaggedCommitWithoutChangesIsReleased(t *testing.T) {
	dir := snapshot(t)
	refused := func(want string, args ...string) {
		t.Helper()
		_, stderr, err := try(t, dir, nil, "make", append([]string{"release"}, args...)...)
		if err == nil || !strings.Contains(stderr, want) {
			t.Errorf("%q: %v\n%s", args, err, stderr)
		}
	}
	refused("which version? write VERSION=v1.2.3, the tag of this commit")
	refused("this commit does not have the tag v1.2.4: git tag v1.2.4", "VERSION=v1.2.4")
	refused(`platform "plan9/amd64" is not one of darwin/amd64, `, "VERSION="+tag, "PLATFORMS=plan9/amd64")
	if err := os.WriteFile(filepath.Join(dir, "new.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused("the tree has changes that are not committed, so the programs would not be those of "+tag, "VERSION="+tag)
}

func TestALicenseThatIsNotKnownIsAnError(t *testing.T) {
	classify, err := newLicenses()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := classify.of(dir); err == nil {
		t.Error("a folder without a license file passed")
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE.txt"), []byte("do as you are told\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if found, err := classify.of(dir); err == nil {
		t.Errorf("nonsense passed as %v", found)
	}
	if err := os.WriteFile(filepath.Join(dir, "COPYING"), readFile(t, filepath.Join(root, "LICENSE")), 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := classify.of(dir)
	if text, _ := json.Marshal(found); err != nil || string(text) != `[{"license":{"id":"Apache-2.0"}}]` {
		t.Errorf("%s, %v", text, err)
	}
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
