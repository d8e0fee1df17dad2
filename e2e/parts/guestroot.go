package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// guestSuite is the release of Debian that the guest root is of: Debian 13.
const guestSuite = "trixie"

// guestPackages are what a guest needs to boot, or to run single programs of in a chroot.
var guestPackages = []string{
	"?essential", "systemd", "systemd-sysv", "udev", "kmod", "dbus",
	"netplan.io", "cloud-init", "python3", "iproute2", "iputils-ping",
}

// GuestRoot is a system of Debian 13 with systemd, cloud-init and netplan, unpacked into the cache folder. All clones and
// tests share it, so nobody may write into it: whoever boots it, or runs something in it that writes, takes a copy or an
// overlay. Who unpacked it owns its files.
type GuestRoot struct {
	// Dir is the root folder.
	Dir string
}

// GuestVersions are versions of Debian's packages, such as 25.1.4-1+deb13u1.
type GuestVersions struct {
	CloudInit, Netplan, Systemd string
}

// GuestRootForTest returns the guest root, or ends the test: skipped where it is missing, failed where CI=true.
func GuestRootForTest(t TB) *GuestRoot {
	t.Helper()
	g, err := LookupGuestRoot()
	return require(t, g, err)
}

// LookupGuestRoot looks in the cache folder. The error wraps fs.ErrNotExist when it is not there.
func LookupGuestRoot() (*GuestRoot, error) {
	dir, err := Lookup(guestRootPart())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("guest root", "guestroot", err)
	}
	return &GuestRoot{Dir: dir}, err
}

// FetchGuestRoot returns the folder of the guest root. If it is missing, packages of Debian 13 are unpacked into the cache
// folder, some 60 MB to download and 170 MB unpacked.
func FetchGuestRoot(ctx context.Context, progress io.Writer) (string, error) {
	return Fill(ctx, guestRootPart(), func(ctx context.Context, dir string) error { return unpackGuest(ctx, dir, progress) })
}

func guestRootPart() string {
	return recipe("guestroot-"+guestSuite, guestSetUp, guestPackages, guestUnits, guestLinks, guestFiles, guestCopies)
}

func unpackGuest(ctx context.Context, dir string, w io.Writer) (err error) {
	progress := StartProgress(w, "guest root, Debian 13")
	defer func() { progress.End(err) }()
	work := dir + ".work"
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	progress.Step("downloading package lists")
	apt, err := newDebianSource(ctx, work, guestSuite)
	if err != nil {
		return fmt.Errorf("the guest root is made of packages of Debian %s: %w", guestSuite, err)
	}
	progress.Step("downloading and unpacking packages")
	all := func(string) bool { return true }
	if err := apt.unpackSystem(ctx, dir, all, guestPackages...); err != nil {
		return err
	}
	progress.Step("setting up")
	return setUpGuest(ctx, dir)
}

// Versions tells what is in the root.
func (g *GuestRoot) Versions() (GuestVersions, error) {
	v, err := packageVersions(g.Dir)
	return GuestVersions{CloudInit: v["cloud-init"], Netplan: v["netplan.io"], Systemd: v["systemd"]}, err
}

// CopyTo copies the root, with owners and modes as far as the caller may set them, to a folder that does not exist yet or is
// empty. It takes no space where the file system can share the blocks of files.
func (g *GuestRoot) CopyTo(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", g.Dir+"/.", filepath.Clean(dir)+"/").CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w\n%s", g.Dir, dir, errors.Join(err, ctx.Err()), strings.TrimSpace(string(out)))
	}
	return nil
}

// Netplan is the guest root's own netplan generator, which may be another version than the one that NetplanForTest gives.
func (g *GuestRoot) Netplan() (*Netplan, error) {
	loader, args, err := unpacked(g.Dir, "usr/libexec/netplan/generate")
	if err != nil {
		return nil, err
	}
	return &Netplan{Path: loader, args: args}, nil
}
