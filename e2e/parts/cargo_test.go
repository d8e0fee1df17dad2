package parts

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCargoOutputSplitsAtReturnsAndLineFeeds(t *testing.T) {
	scanner := bufio.NewScanner(strings.NewReader("Compiling a\n Building [=> ] 1/2: b\r Building [==>] 2/2\r\nFinished"))
	scanner.Split(splitAtReturns)
	var got []string
	for scanner.Scan() {
		if s := strings.TrimSpace(scanner.Text()); s != "" {
			got = append(got, s)
		}
	}
	want := []string{"Compiling a", "Building [=> ] 1/2: b", "Building [==>] 2/2", "Finished"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCargoSaysHowFarItIsAndWhyItFailed(t *testing.T) {
	var out bytes.Buffer
	progress := StartProgress(&out, "gadget")
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `printf ' Building [=> ] 34/168: a, b\rerror: linker not found\n' >&2; exit 101`)
	err := runCargo(t.Context(), cmd, toolchain{}, progress)
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 101\nerror: linker not found") {
		t.Errorf("got %v, want cargo's own words without its progress bar", err)
	}
	if progress.text != "34 of 168 crates compiled" {
		t.Errorf("progress says %q", progress.text)
	}
	progress.End(err)
}

func TestTheUsersMirrorIsTakenAlongAndCredentialsAreNot(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	t.Setenv("CARGO_HOME", from)
	const config = "[source.crates-io]\nreplace-with = \"mirror\"\n"
	for name, content := range map[string]string{"config.toml": config, "credentials.toml": "secret"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyCargoConfig(to); err != nil {
		t.Fatal(err)
	}
	got, err := filesIn(to)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"config.toml": config}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNoCargoSettingOfTheCallerChangesTheBuild(t *testing.T) {
	env := []string{"PATH=/bin", "CARGO_HOME=/a", "RUSTFLAGS=-g", "CARGO_TARGET_DIR=/b", "CARGO_HTTP_PROXY=p", "HTTPS_PROXY=q"}
	want := []string{"PATH=/bin", "CARGO_HTTP_PROXY=p", "HTTPS_PROXY=q"}
	if diff := cmp.Diff(want, withoutCargoSettings(env)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRustPackagesOfDebianAndUbuntuAreRecognized(t *testing.T) {
	cases := map[string]bool{
		"cargo": true, "cargo-web": true, "cargo-mozilla": true, "cargo-1.85": true,
		"cargo-doc": false, "cargo-web-doc": false, "cargo-1.85-doc": false, "libcargo": false, "cargo-auditable": false,
	}
	for name, want := range cases {
		if got := rustPackages.MatchString(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
