package parts

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// crate is a program published as a Rust crate.
type crate struct {
	name, version string
	rust          string // the oldest Rust that compiles it
}

// toolchain is a cargo with the environment that it needs.
type toolchain struct {
	cargo   string
	version string
	env     []string
}

// cargoInstall builds the crate and leaves it in dir/bin. Everything else that cargo writes goes to a folder in dir that
// is removed at the end, so that the user's own cargo home stays as it is.
func cargoInstall(ctx context.Context, c crate, dir string, w io.Writer) (err error) {
	if _, err := exec.LookPath("cc"); err != nil {
		return fmt.Errorf("linking a Rust program needs the C compiler cc, which is not in PATH: "+
			"install gcc, or put %s into PATH", c.name)
	}
	work := filepath.Join(dir, "work")
	home := filepath.Join(work, "cargo")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	progress := StartProgress(w, c.name+" "+c.version)
	defer func() { progress.End(err) }()
	tools, err := findToolchain(ctx, c, work, progress)
	if err != nil {
		return err
	}
	if err := copyCargoConfig(home); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, tools.cargo, "install", "--locked", "--root", dir, "--version", c.version, c.name)
	cmd.Dir = work // no rust-toolchain.toml or .cargo/config.toml of a working folder applies
	cmd.Env = append(withoutCargoSettings(os.Environ()), tools.env...)
	cmd.Env = append(cmd.Env, "CARGO_HOME="+home, "CARGO_TARGET_DIR="+filepath.Join(work, "target"),
		"CARGO_TERM_PROGRESS_WHEN=always", "CARGO_TERM_PROGRESS_WIDTH=80", "CARGO_TERM_COLOR=never",
		// A judge of small files need not be fast, and unoptimized it compiles sooner.
		"CARGO_PROFILE_RELEASE_OPT_LEVEL=0", "CARGO_PROFILE_RELEASE_DEBUG=0", "CARGO_PROFILE_RELEASE_STRIP=symbols")
	return runCargo(ctx, cmd, tools, progress)
}

// cargoUnits matches cargo's own progress bar: "Building [===>   ] 34/120: clap, nix".
var cargoUnits = regexp.MustCompile(`\] (\d+)/(\d+)`)

// runCargo runs cmd and turns its progress bar into steps. The error carries the last lines that cargo wrote.
func runCargo(ctx context.Context, cmd *exec.Cmd, tools toolchain, progress *Progress) error {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	progress.Step("cargo %s starts", tools.version)
	if err := cmd.Start(); err != nil {
		return err
	}
	var said []string
	scanner := bufio.NewScanner(stderr)
	scanner.Split(splitAtReturns)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		switch m := cargoUnits.FindStringSubmatch(line); {
		case line == "":
		case m != nil:
			progress.Step("%s of %s crates compiled", m[1], m[2])
		default:
			said = append(said, line)
		}
	}
	if err := errors.Join(scanner.Err(), cmd.Wait()); err != nil {
		err = fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), errors.Join(err, ctx.Err()))
		return withOutput(err, said)
	}
	return nil
}

// splitAtReturns splits at carriage returns, which end the states of a progress bar, as well as at line feeds.
func splitAtReturns(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// findToolchain prefers the user's cargo. WUKONG_NO_CARGO=1 leaves it aside, to try the other way.
func findToolchain(ctx context.Context, c crate, work string, progress *Progress) (toolchain, error) {
	found := "cargo is not in PATH"
	if os.Getenv("WUKONG_NO_CARGO") == "1" {
		found = "WUKONG_NO_CARGO=1"
	} else if path, err := exec.LookPath("cargo"); err == nil {
		version, err := rustVersion(ctx, toolchain{cargo: path})
		if err == nil && atLeast(version, c.rust) {
			return toolchain{cargo: path, version: version}, nil
		}
		found = fmt.Sprintf("%s has Rust %q", path, version)
	}
	progress.Step("%s, so Rust comes from the distribution's packages, unpacked for this build only", found)
	tools, err := packagedToolchain(ctx, c.rust, work, progress)
	if err != nil {
		return toolchain{}, fmt.Errorf("%s, and %s %s needs Rust %s or newer; install that, or put %s into PATH "+
			"(the distribution's packages do not do: %w)", found, c.name, c.version, c.rust, c.name, err)
	}
	return tools, nil
}

// rustVersion asks the compiler that the toolchain's cargo would use.
func rustVersion(ctx context.Context, tools toolchain) (string, error) {
	rustc := filepath.Join(filepath.Dir(tools.cargo), "rustc")
	if _, err := os.Stat(rustc); err != nil {
		rustc = "rustc"
	}
	cmd := exec.CommandContext(ctx, rustc, "--version")
	cmd.Env = append(os.Environ(), tools.env...)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", rustc, err)
	}
	fields := strings.Fields(string(out)) // rustc 1.96.0 (30a34c682 2026-05-25)
	if len(fields) < 2 || fields[0] != "rustc" {
		return "", fmt.Errorf("%s --version: %q is not a version of rustc", rustc, out)
	}
	return fields[1], nil
}

// rustPackages are the names of cargo's package in Debian and Ubuntu. A stable Debian carries a recent Rust, kept for
// building browsers, beside the one that it was released with; Ubuntu has one package per version.
var rustPackages = regexp.MustCompile(`^cargo(-web|-mozilla|-\d+\.\d+)?$`)

// packagedToolchain unpacks the first suitable Rust of the distribution.
func packagedToolchain(ctx context.Context, oldest, work string, progress *Progress) (toolchain, error) {
	apt, err := newAptSource(ctx, filepath.Join(work, "apt"))
	if err != nil {
		return toolchain{}, err
	}
	name, err := apt.pick(ctx, "cargo", rustPackages, oldest)
	if err != nil {
		return toolchain{}, err
	}
	progress.Step("downloading package %s and what it needs", name)
	root := filepath.Join(work, "rust")
	// The C compiler and C library are there already, or cc would not be.
	notNeeded := regexp.MustCompile(`^(libc6|libc-|libgcc|gcc|cpp|binutils|linux-libc)`)
	unpack := func(pkg string) bool { return !notNeeded.MatchString(pkg) }
	if err := apt.unpackClosure(ctx, name, root, unpack); err != nil {
		return toolchain{}, err
	}
	return unpackedToolchain(ctx, root)
}

// unpackedToolchain finds cargo below root, where packages were unpacked. rustc finds its own libraries beside itself.
func unpackedToolchain(ctx context.Context, root string) (toolchain, error) {
	bins, err := filepath.Glob(filepath.Join(root, "usr/lib/rust-*/bin/cargo"))
	if err != nil {
		return toolchain{}, err
	}
	bins = append(bins, filepath.Join(root, "usr/bin/cargo"))
	i := slices.IndexFunc(bins, func(path string) bool { _, err := os.Stat(path); return err == nil })
	if i < 0 {
		return toolchain{}, fmt.Errorf("no cargo in %s", root)
	}
	tools := toolchain{cargo: bins[i]}
	tools.env = []string{
		libraryPath(root),
		"PATH=" + filepath.Dir(tools.cargo) + string(os.PathListSeparator) + os.Getenv("PATH"),
	}
	tools.version, err = rustVersion(ctx, tools)
	return tools, err
}

// libraryPath is the setting for the dynamic linker with which programs below root, where packages were unpacked, run.
func libraryPath(root string) string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib/rust-*/lib", "usr/lib/llvm-*/lib"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // the only error is a malformed pattern
		dirs = append(dirs, found...)
	}
	return "LD_LIBRARY_PATH=" + strings.Join(dirs, string(os.PathListSeparator))
}

// copyCargoConfig takes the user's cargo settings along, which may name a mirror of the registry, but not the credentials.
func copyCargoConfig(home string) error {
	from := os.Getenv("CARGO_HOME")
	if from == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return nil // no home, no settings
		}
		from = filepath.Join(user, ".cargo")
	}
	for _, name := range []string{"config.toml", "config"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(home, "config.toml"), data, 0o600)
	}
	return nil
}

// withoutCargoSettings drops what would lead the build elsewhere or change what is built.
func withoutCargoSettings(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_TARGET",
			"CARGO_INSTALL_ROOT", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"}, name)
	})
}
