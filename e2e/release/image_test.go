package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entrypoint is the program in the image.
const entrypoint = "/ko-app/wukong-network"

// licensesIn is the folder of licenses in the image.
const licensesIn = "/var/run/ko"

// platform is that of the image under test: the one that can run here.
const platform = "linux/" + runtime.GOARCH

// The image is built as a user builds it, by make image, but onto a base image that is made here: a user database and nothing
// else. That no more is needed is part of what is tested.
func TestTheImageIsTheControllerAndNothingElse(t *testing.T) {
	host := serveRegistry(t)
	base := []string{"KO_DEFAULTBASEIMAGE=" + pushBase(t, host)}
	first, second := snapshot(t), snapshot(t)
	command(t, first, base, "make", "image", "PLATFORMS="+platform)
	built := readLayout(t, filepath.Join(first, "bin", "image"))

	t.Run("it is the same image when it is built elsewhere and pushed", func(t *testing.T) {
		target := host + "/wukong-network:" + tag
		command(t, second, base, "make", "image", "PLATFORMS="+platform, "IMAGE="+target)
		ref, err := name.ParseReference(target)
		if err != nil {
			t.Fatal(err)
		}
		pushed, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := digest(t, pushed), digest(t, built); got != want {
			t.Errorf("pushed %s, built %s", got, want)
		}
	})
	t.Run("it names its base by the digest", func(t *testing.T) {
		manifest, err := built.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if got := manifest.Annotations["org.opencontainers.image.base.digest"]; !strings.HasPrefix(got, "sha256:") {
			t.Errorf("annotations %q", manifest.Annotations)
		}
	})
	t.Run("it runs the controller as a user without rights", func(t *testing.T) {
		config, err := built.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{entrypoint}, config.Config.Entrypoint); diff != "" {
			t.Errorf("entrypoint (-want +got)\n%s", diff)
		}
		if config.Config.User != "65532:65532" || len(config.Config.Cmd) > 0 {
			t.Errorf("user %q, command %q", config.Config.User, config.Config.Cmd)
		}
	})
	files := unpack(t, built)
	t.Run("it has no file beside those of its base, the controller and licenses", func(t *testing.T) {
		want := []string{"/etc/passwd", entrypoint, licensesIn + "/LICENSE", licensesIn + "/" + thirdPartyLicenses}
		if diff := cmp.Diff(want, fileNames(t, files)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	program := filepath.Join(files, entrypoint)
	t.Run("its licenses are those of its program", func(t *testing.T) {
		if !bytes.Equal(readFile(t, filepath.Join(files, licensesIn, "LICENSE")), readFile(t, filepath.Join(root, "LICENSE"))) {
			t.Error("LICENSE is another one")
		}
		checkThirdPartyLicenses(t, program, filepath.Join(files, licensesIn, thirdPartyLicenses))
	})
	t.Run("nothing that it was built from is left in the tree", func(t *testing.T) {
		if left := command(t, first, nil, "git", "status", "--porcelain", "--ignored"); left != "!! bin/\n" {
			t.Errorf("git says %q", left)
		}
	})
	t.Run("its program needs no library and no interpreter", func(t *testing.T) {
		binary, err := elf.NewFile(bytes.NewReader(readFile(t, program)))
		if err != nil {
			t.Fatal(err)
		}
		if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
			t.Errorf("libraries %q, %v", libraries, err)
		}
		if slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			t.Error("the program names an interpreter")
		}
	})
	t.Run("its program is the one that make build gives", func(t *testing.T) {
		command(t, second, nil, "make", "build")
		if !bytes.Equal(readFile(t, program), readFile(t, filepath.Join(second, "bin", "wukong-network"))) {
			t.Error("they differ: compare .ko.yaml with BUILD in the Makefile")
		}
	})
	t.Run("its program runs with no other file", func(t *testing.T) {
		run := exec.CommandContext(t.Context(), entrypoint, "version")
		if os.Geteuid() == 0 {
			run.Dir = "/"
			run.SysProcAttr = &syscall.SysProcAttr{Chroot: files, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		} else {
			run.Path = program
		}
		run.Env = []string{}
		out, err := run.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), tag+", commit ") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("its bill of materials names the modules in it", func(t *testing.T) {
		boms, err := filepath.Glob(filepath.Join(first, "bin", "*.spdx.json"))
		if err != nil || len(boms) == 0 {
			t.Fatalf("files %q, %v", boms, err)
		}
		if text := readFile(t, boms[0]); !bytes.Contains(text, []byte("sigs.k8s.io/controller-runtime")) {
			t.Errorf("%s", text)
		}
	})
}

func TestAnImageIsNotPushedWithoutATag(t *testing.T) {
	for _, image := range []string{"registry.example/wukong-network", "registry.example:5000/wukong-network", "registry.example/wukong-network:"} {
		_, stderr, err := try(t, root, nil, "make", "image", "BIN="+t.TempDir(), "IMAGE="+image)
		if err == nil || !strings.Contains(stderr, "IMAGE="+image+" has no tag: write IMAGE=registry/name:tag") {
			t.Errorf("%s: %v\n%s", image, err, stderr)
		}
	}
}

// serveRegistry serves an empty image registry on this machine, and gives its host and port.
func serveRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// pushBase pushes a base image with a user database and nothing else, and gives its name.
func pushBase(t *testing.T, host string) string {
	t.Helper()
	const passwd = "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []tar.Header{
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(passwd))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, passwd); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/base:nonroot")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

// readLayout gives the one image of an OCI layout.
func readLayout(t *testing.T, dir string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("%v: %+v", err, manifest)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digest(t *testing.T, image v1.Image) string {
	t.Helper()
	hash, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return hash.String()
}

// unpack writes the files of an image into a folder.
func unpack(t *testing.T, image v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	// A user without rights passes through.
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stream := mutate.Extract(image)
	defer stream.Close()
	for r := tar.NewReader(stream); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.Clean("/"+header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(to, 0o755)
		case tar.TypeReg:
			err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), writeFile(to, r, header.FileInfo().Mode().Perm()))
		default:
			t.Errorf("%s is neither file nor folder", header.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func writeFile(path string, from io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// fileNames are the files below a folder that stands for /, sorted.
func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
