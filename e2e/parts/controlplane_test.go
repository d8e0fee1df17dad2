package parts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func repository(t *testing.T) string {
	t.Helper()
	root, err := RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestTheControlPlaneIsOfTheVersionThatOurLibrariesSpeak(t *testing.T) {
	root := repository(t)
	library, err := pinnedVersions(root, ".", "k8s.io/api")
	if err != nil {
		t.Fatal(err)
	}
	plane, err := pinnedVersions(root, controlPlaneModule, kubernetesModule)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(library[0], "v0.", "v1.", 1); plane[0] != want {
		t.Errorf("%s pins Kubernetes %s, want %s as in go.mod", controlPlaneModule, plane[0], want)
	}
	data, err := os.ReadFile(filepath.Join(root, controlPlaneModule, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Replace {
		if r.New.Path != r.Old.Path || r.New.Version != library[0] {
			t.Errorf("%s replaces %s by %s, want the same module at %s", controlPlaneModule, r.Old, r.New, library[0])
		}
	}
}

func TestAMissingPartIsNamedTogetherWithTheCommandThatFetchesIt(t *testing.T) {
	t.Setenv("WUKONG_CACHE", t.TempDir())
	t.Setenv(assetsVariable, "")
	for part, lookup := range map[string]func() error{
		"controlplane": func() error { _, err := LookupControlPlane(); return err },
		"crds":         func() error { _, err := LookupCRDs(); return err },
	} {
		err := lookup()
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "go run ./e2e/parts/fetch "+part) {
			t.Errorf("%s: got %v, want fs.ErrNotExist and the command to run", part, err)
		}
	}
}

func TestBinariesThatTheUserGaveAreUsedAsTheyAre(t *testing.T) {
	t.Setenv("WUKONG_CACHE", t.TempDir())
	assets := t.TempDir()
	t.Setenv(assetsVariable, assets)
	if _, err := LookupControlPlane(); err == nil || !strings.Contains(err.Error(), assets) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: got %v, want an error that names it and is nothing to fetch", err)
	}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if err := os.WriteFile(filepath.Join(assets, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LookupControlPlane(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "kube-controller-manager") {
		t.Errorf("without a controller manager: got %v, want fs.ErrNotExist that names it", err)
	}
	if err := os.WriteFile(filepath.Join(assets, "kube-controller-manager"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := LookupControlPlane()
	if err != nil || got != controlPlaneIn(assets) {
		t.Errorf("got %+v, %v, want the binaries in %s", got, err, assets)
	}
}

func TestTheVersionIsStampedAsKubernetesOwnBuildDoes(t *testing.T) {
	got := versionFlags("v1.37.2")
	for _, want := range []string{"version.gitVersion=v1.37.2", "version.gitMajor=1 ", "version.gitMinor=37"} {
		if !strings.Contains(got, want) {
			t.Errorf("flags %q lack %q", got, want)
		}
	}
}
