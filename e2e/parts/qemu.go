package parts

import (
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
	"strings"
)

// Qemu is the emulator of PCs, with the tools that make what one boots from. All are of the distribution's packages.
type Qemu struct {
	// Version is what QEMU calls itself, such as 7.2.22.
	Version string
	root    string
}

// qemuPackages are the emulator, the tool with which KubeVirt makes the volume for cloud-init, and the one that installs a
// Debian into a folder.
var qemuPackages = []string{"qemu-system-x86", "xorriso", "mmdebstrap"}

// qemuLeavesOut are packages that must be the machine's own.
var qemuLeavesOut = regexp.MustCompile(`^(libc6|libc-bin|dpkg|apt|libapt.*|perl.*|libperl.*|python3.*|libpython3.*|udev|.*systemd.*)$`)

// QemuForTest returns QEMU, or ends the test: skipped where it is missing, failed where CI=true.
func QemuForTest(t TB) *Qemu {
	t.Helper()
	q, err := LookupQemu(t.Context())
	return require(t, q, err)
}

// LookupQemu looks in the cache folder. The error wraps fs.ErrNotExist when it is not there.
func LookupQemu(ctx context.Context) (*Qemu, error) {
	name, err := qemuPart()
	if err != nil {
		return nil, err
	}
	dir, err := Lookup(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("QEMU", "qemu", err)
	}
	if err != nil {
		return nil, err
	}
	return qemuIn(ctx, dir)
}

// FetchQemu returns the folder that the distribution's packages are unpacked into, some 90 MB, and unpacks them if it is
// missing.
func FetchQemu(ctx context.Context, progress io.Writer) (string, error) {
	name, err := qemuPart()
	if err != nil {
		return "", err
	}
	return Fill(ctx, name, func(ctx context.Context, dir string) error { return unpackQemu(ctx, dir, progress) })
}

func qemuPart() (string, error) {
	name, err := ofRelease("qemu")
	return recipe(name, qemuPackages), err
}

// unpackQemu fills dir and tries the emulator.
func unpackQemu(ctx context.Context, dir string, w io.Writer) (err error) {
	progress := StartProgress(w, "QEMU")
	defer func() { progress.End(err) }()
	work := filepath.Join(dir, "work")
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	progress.Step("downloading package lists")
	apt, err := newAptSource(ctx, work)
	if err != nil {
		return fmt.Errorf("QEMU comes from the distribution's packages: %w", err)
	}
	for _, name := range qemuPackages {
		progress.Step("downloading package %s and what it needs", name)
		wanted := func(pkg string) bool { return pkg == name || !qemuLeavesOut.MatchString(pkg) }
		if err := apt.unpackClosure(ctx, name, dir, wanted); err != nil {
			return err
		}
	}
	_, err = qemuIn(ctx, dir)
	return err
}

// qemuIn asks the emulator below root for its version.
func qemuIn(ctx context.Context, root string) (*Qemu, error) {
	q := &Qemu{root: root}
	out, err := exec.CommandContext(ctx, "env", q.args("qemu-system-x86_64", "--version")...).Output()
	if err != nil {
		return nil, fmt.Errorf("qemu-system-x86_64 --version: %w", err)
	}
	words := strings.Fields(string(out))
	if len(words) < 4 || words[2] != "version" {
		return nil, fmt.Errorf("qemu-system-x86_64 --version: %q is not a version of QEMU", out)
	}
	q.Version = words[3]
	return q, nil
}

// Emulator gives the command that runs QEMU for a PC, to be followed by options. It begins with env, so that it can be run by
// a tool that enters a namespace.
func (q *Qemu) Emulator() []string {
	command := append([]string{"env"}, q.args("qemu-system-x86_64")...)
	for _, firmware := range []string{"share/qemu", "share/seabios", "lib/ipxe/qemu"} {
		command = append(command, "-L", filepath.Join(q.root, "usr", firmware))
	}
	return command
}

// ISO writes the files of a folder into an ISO 9660 image with the label given, as KubeVirt does.
func (q *Qemu) ISO(ctx context.Context, image, label, folder string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "env", q.args("xorrisofs", "-quiet", "-output", image, "-volid", label,
		"-joliet", "-rock", "-partition_cyl_align", "on", folder)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("xorrisofs %s: %w: %s", image, err, strings.TrimSpace(said.String()))
	}
	return nil
}

// args are those of env for running an unpacked tool with its libraries.
func (q *Qemu) args(tool string, args ...string) []string {
	return append([]string{libraryPath(q.root), filepath.Join(q.root, "usr/bin", tool)}, args...)
}
