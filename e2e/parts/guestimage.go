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

// imageSize is that of the guest's file system. The file is sparse: about 450 MB are used.
const imageSize = "2G"

// imagePackages make a minimal Debian into one like Debian's own cloud images: systemd-networkd is told by netplan, and
// netplan by cloud-init. D-Bus is there for the power button.
var imagePackages = []string{"systemd-sysv", "udev", "dbus", "netplan.io", "cloud-init", "iproute2", "initramfs-tools", "linux-image-cloud-amd64"}

// imageOptions are those of mmdebstrap.
var imageOptions = []string{
	"--mode=root", "--variant=minbase", "--include=" + strings.Join(imagePackages, ","), `--aptopt=Apt::Install-Recommends "false"`,
	`--customize-hook=chroot "$1" systemctl enable systemd-networkd`,
}

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
	dir, err := Lookup(guestImagePart())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("image of a guest", "guestimage", err)
	}
	if err != nil {
		return nil, err
	}
	versions, err := packageVersions(dir)
	return &GuestImage{filepath.Join(dir, "disk"), filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initrd"), versions}, err
}

// FetchGuestImage returns the folder of the image. If it is missing it is built, which takes one to three minutes and root.
func FetchGuestImage(ctx context.Context, progress io.Writer) (string, error) {
	return Fill(ctx, guestImagePart(), func(ctx context.Context, dir string) error {
		if os.Geteuid() != 0 {
			return errors.New("a Debian is installed into a folder, which needs root")
		}
		tools, err := LookupQemu(ctx)
		if err != nil {
			return err
		}
		return buildGuestImage(ctx, tools, dir, progress)
	})
}

func guestImagePart() string { return recipe("guestimage-"+guestSuite, imageSize, imageOptions) }

func buildGuestImage(ctx context.Context, tools *Qemu, dir string, w io.Writer) (err error) {
	progress := StartProgress(w, "image of a Debian guest")
	defer func() { progress.End(err) }()
	// Not in the folder of the part: that is closed to other users while it is filled, and apt downloads as one of them.
	work, err := os.MkdirTemp("", "wukong-guestimage-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	text, err := debianSources(ctx, guestSuite)
	if err != nil {
		return err
	}
	root, sources := filepath.Join(work, "root"), filepath.Join(work, guestSuite+".sources")
	if err := os.WriteFile(sources, []byte(text), 0o644); err != nil {
		return err
	}
	mmdebstrap := append(append([]string{filepath.Join(tools.root, "usr/bin/mmdebstrap")}, imageOptions...), guestSuite, root, sources)
	if err := runWithSteps(ctx, progress, mmdebstrap...); err != nil {
		return err
	}
	if err := takeFiles(root, dir); err != nil {
		return err
	}
	progress.Step("making the file system")
	return runWithSteps(ctx, progress, "/sbin/mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, filepath.Join(dir, "disk"), imageSize)
}

// takeFiles copies, from an installed Debian, the one kernel, the one initial file system and the list of packages.
func takeFiles(root, dir string) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, dpkgStatus)), 0o755); err != nil {
		return err
	}
	for pattern, name := range map[string]string{"boot/vmlinuz-*": "vmlinuz", "boot/initrd.img-*": "initrd", dpkgStatus: dpkgStatus} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
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

// runWithSteps runs a tool that says what it does in lines that begin with "I: ". The error carries the last lines.
func runWithSteps(ctx context.Context, progress *Progress, command ...string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
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
		return withOutput(fmt.Errorf("%s: %w", filepath.Base(command[0]), errors.Join(err, ctx.Err())), said)
	}
	return nil
}
