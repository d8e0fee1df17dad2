package parts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSourcesOfAnotherReleaseAreThoseOfTheMachine(t *testing.T) {
	const targets = `Packages http://mirror.example/debian/ bookworm main
DEP-11 http://mirror.example/debian/ bookworm main
Packages http://mirror.example/debian/ bookworm contrib
Packages http://mirror.example/debian-security/ bookworm-security main
Packages http://mirror.example/debian/ stable-updates main
Packages http://mirror.example/debian/ bookworm main
Packages https://other.example/apt bookworm-tools main
Packages https://other.example/apt bookworm nightly
`
	const keys = "Components: main\nSigned-By: " + debianKeyring + "\n\n"
	want := "Types: deb\nURIs: http://mirror.example/debian/\nSuites: trixie\n" + keys +
		"Types: deb\nURIs: http://mirror.example/debian-security/\nSuites: trixie-security\n" + keys +
		"Types: deb\nURIs: http://mirror.example/debian/\nSuites: trixie-updates\n" + keys
	if diff := cmp.Diff(want, sourcesOf(targets, "bookworm", "trixie")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := sourcesOf("Packages http://mirror.example/ubuntu noble main\n", "noble-is-not-this", "trixie"); got != "" {
		t.Errorf("another distribution gave %s", got)
	}
	if got := sourcesOf("Packages http://mirror.example/x  main\n", "", "trixie"); got != "" {
		t.Errorf("a machine without a release gave %s", got)
	}
}

func TestARecipeNamesAPartAfterItsContent(t *testing.T) {
	one := recipe("part", []string{"a", "b"})
	if one != recipe("part", []string{"a", "b"}) {
		t.Error("the same content gave two names")
	}
	if one == recipe("part", []string{"a", "c"}) {
		t.Error("other content gave the same name")
	}
}

func TestVersionsAreReadFromTheListOfPackages(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, dpkgStatus)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	const text = "Package: one\nStatus: install ok installed\nVersion: 1.0-1\nDescription: x\n Version: 9\n\nPackage: two\nVersion: 2:1\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := packageVersions(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"one": "1.0-1", "two": "2:1"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
