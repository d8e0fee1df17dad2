package parts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// guestImagePart ends with the number of the recipe: one that gives another image has the next number.
	guestImagePart = "guestimage-debian-13-1"
	imageSuite     = "trixie"
	// imageSize is that of the guest's file system. The file is sparse: about 450 MB are used.
	imageSize = "2G"
)

// imagePackages make a minimal Debian into one like Debian's own cloud images: systemd-networkd is told by netplan, and
// netplan by cloud-init. D-Bus is there for the power button.
var imagePackages = []string{"systemd-sysv", "udev", "dbus", "netplan.io", "cloud-init", "iproute2", "initramfs-tools", "linux-image-cloud-amd64"}

// GuestImage is a Debian 13 that mmdebstrap installed from Debian's packages, with nothing set up but the network daemon.
type GuestImage struct {
	// Disk is a raw image of a file system, to be copied before a guest writes to it. Kernel and Initrd are those of the
	// Debian on it.
	Disk, Kernel, Initrd string
	// Versions are those of the packages on it, by name.
	Versions map[string]string
}

// GuestImageForTest returns the image, or ends the test: skipped where it is missing, failed where CI=true.
func GuestImageForTest(t TB) *GuestImage {
	t.Helper()
	image, err := LookupGuestImage()
	return require(t, image, err)
}

// LookupGuestImage looks in the cache folder. The error wraps fs.ErrNotExist when it is not there.
func LookupGuestImage() (*GuestImage, error) {
	dir, err := Lookup(guestImagePart)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("image of a guest", "guestimage", err)
	}
	if err != nil {
		return nil, err
	}
	versions, err := readVersions(filepath.Join(dir, "packages"))
	return &GuestImage{filepath.Join(dir, "disk"), filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initrd"), versions}, err
}

// FetchGuestImage returns the folder of the image. If it is missing it is built, which takes one to three minutes, root, and
// Debian's archive at deb.debian.org.
func FetchGuestImage(ctx context.Context, progress io.Writer) (string, error) {
	return Fill(ctx, guestImagePart, func(ctx context.Context, dir string) error {
		if os.Geteuid() != 0 {
			return errors.New("a Debian is installed into a folder, which needs root")
		}
		qemu, err := LookupQemu(ctx)
		if err != nil {
			return err
		}
		return buildGuestImage(ctx, qemu, dir, progress)
	})
}

func buildGuestImage(ctx context.Context, tools *Qemu, dir string, w io.Writer) (err error) {
	progress := StartProgress(w, "image of a Debian guest")
	defer func() { progress.End(err) }()
	// The folder of the part is closed to others while it is filled, and apt downloads as another user.
	work, err := os.MkdirTemp("", "wukong-guest-image-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	root := filepath.Join(work, "root")
	if err := runWithSteps(ctx, progress, filepath.Join(tools.root, "usr/bin/mmdebstrap"), "--mode=root", "--variant=minbase",
		"--include="+strings.Join(imagePackages, ","), `--aptopt=Apt::Install-Recommends "false"`,
		`--customize-hook=chroot "$1" systemctl enable systemd-networkd`, imageSuite, root); err != nil {
		return err
	}
	if err := takeBootFiles(filepath.Join(root, "boot"), dir); err != nil {
		return err
	}
	installed, err := exec.CommandContext(ctx, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "--show").Output()
	if err != nil {
		return fmt.Errorf("dpkg-query: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "packages"), installed, 0o644); err != nil {
		return err
	}
	return runWithSteps(ctx, progress, "/sbin/mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, filepath.Join(dir, "disk"), imageSize)
}

// takeBootFiles copies the one kernel and the one initial file system that a Debian's /boot holds.
func takeBootFiles(boot, dir string) error {
	for pattern, name := range map[string]string{"vmlinuz-*": "vmlinuz", "initrd.img-*": "initrd"} {
		found, err := filepath.Glob(filepath.Join(boot, pattern))
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%d files %s were installed, want one", len(found), pattern)
		}
		content, err := os.ReadFile(found[0])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// runWithSteps runs a tool whose lines of output are steps. The error carries the last of them.
func runWithSteps(ctx context.Context, progress *Progress, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	// mmdebstrap takes its mounts away on SIGTERM, not on SIGKILL.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var said []string
	scanner := bufio.NewScanner(output)
	scanner.Split(splitAtReturns)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" {
			continue
		}
		said = append(said, line)
		if step, ok := strings.CutPrefix(line, "I: "); ok {
			progress.Step("%s", step)
		}
	}
	if err := errors.Join(scanner.Err(), cmd.Wait()); err != nil {
		return withOutput(fmt.Errorf("%s: %w", filepath.Base(tool), errors.Join(err, ctx.Err())), said)
	}
	return nil
}

// readVersions reads what dpkg-query shows: a name, a tab and a version on each line. Packages for several architectures have
// one after a colon.
func readVersions(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), "\t")
		name, _, _ = strings.Cut(name, ":")
		versions[name] = version
	}
	return versions, nil
}
