package parts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What follows is the part of the work of the packages' maintainer scripts that a guest cannot do without. The scripts
// themselves would need root, and a chroot.

// guestSetUp counts the changes of what setUpGuest does beside the lists below, so that roots of before are not used.
const guestSetUp = 1

// guestUnits are enabled: the unit, and the one that wants it.
var guestUnits = [][2]string{
	{"systemd-networkd.service", "multi-user.target"},
	{"systemd-networkd.socket", "sockets.target"},
	{"systemd-networkd-wait-online.service", "network-online.target"},
	{"systemd-network-generator.service", "sysinit.target"},
	{"getty@.service", "getty.target"},
	{"cloud-init-main.service", "cloud-init.target"},
	{"cloud-init-local.service", "cloud-init.target"},
	{"cloud-init-network.service", "cloud-init.target"},
	{"cloud-config.service", "cloud-init.target"},
	{"cloud-final.service", "cloud-init.target"},
}

// guestLinks are links that are there after the configuration of the packages: path, target.
var guestLinks = [][2]string{
	{"var/run", "/run"},
	{"var/lock", "/run/lock"},
	{"etc/mtab", "../proc/self/mounts"},
	{"etc/localtime", "/usr/share/zoneinfo/Etc/UTC"},
	{"usr/bin/awk", "mawk"},
	{"etc/systemd/system/dbus-org.freedesktop.network1.service", "/usr/lib/systemd/system/systemd-networkd.service"},
}

// guestFiles are files of that kind: path, content. An empty machine-id makes systemd choose one at boot.
var guestFiles = [][2]string{
	{"etc/machine-id", ""},
	{"etc/hostname", "guest\n"},
	{"etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"},
	{"etc/fstab", ""},
}

// guestCopies are files that packages hold as a template: path, origin.
var guestCopies = [][2]string{
	{"etc/passwd", "usr/share/base-passwd/passwd.master"},
	{"etc/group", "usr/share/base-passwd/group.master"},
	{"etc/nsswitch.conf", "usr/share/libc-bin/nsswitch.conf"},
	{"etc/profile", "usr/share/base-files/profile"},
	{"root/.profile", "usr/share/base-files/dot.profile"},
	{"root/.bashrc", "usr/share/base-files/dot.bashrc"},
}

func setUpGuest(ctx context.Context, root string) error {
	for _, c := range guestCopies {
		text, err := os.ReadFile(filepath.Join(root, c[1]))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, c[0]), text, 0o644); err != nil {
			return err
		}
	}
	for _, f := range guestFiles {
		if err := os.WriteFile(filepath.Join(root, f[0]), []byte(f[1]), 0o644); err != nil {
			return err
		}
	}
	links := append([][2]string{}, guestLinks...)
	for _, u := range guestUnits {
		links = append(links, enabled(u[0], u[1]))
	}
	for _, l := range links {
		if err := relink(filepath.Join(root, l[0]), l[1]); err != nil {
			return err
		}
	}
	if err := bundleCertificates(root); err != nil {
		return err
	}
	if err := addUsers(ctx, root); err != nil {
		return err
	}
	return compilePython(ctx, root)
}

// bundleCertificates writes the file without which Python's module requests, and so cloud-init, does not load.
func bundleCertificates(root string) error {
	certificates, err := filepath.Glob(filepath.Join(root, "usr/share/ca-certificates/mozilla/*.crt"))
	if err != nil {
		return err
	}
	var bundle bytes.Buffer
	for _, path := range certificates {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		bundle.Write(text)
	}
	path := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, bundle.Bytes(), 0o644)
}

// compilePython compiles all modules beforehand: otherwise each run compiles them anew, or writes into the shared root.
func compilePython(ctx context.Context, root string) error {
	python, err := pythonIn(root)
	if err != nil {
		return err
	}
	cmd := python.command(ctx, "-m", "compileall", "-q", "-s", root, "-p", "/", "-x", "/(test|tests|idlelib|lib2to3)/",
		filepath.Join(root, "usr/lib"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile Python's modules: %w\n%s", errors.Join(err, ctx.Err()), out)
	}
	return nil
}

// enabled is the link by which a target wants a unit. The terminal of a template unit is the first console.
func enabled(unit, target string) [2]string {
	return [2]string{
		filepath.Join("etc/systemd/system", target+".wants", strings.Replace(unit, "@.", "@tty1.", 1)),
		"/usr/lib/systemd/system/" + unit,
	}
}

// relink makes a link in place of what a package put there.
func relink(path, target string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// addUsers has the guest's systemd add the users that its packages ask for, such as systemd-network.
func addUsers(ctx context.Context, root string) error {
	loader, args, err := unpacked(root, "usr/bin/systemd-sysusers")
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, loader, append(args, "--root="+root)...).CombinedOutput(); err != nil {
		return fmt.Errorf("systemd-sysusers: %w\n%s", err, out)
	}
	// They come without any permission, so that who unpacked the root without being root could not copy it.
	for _, name := range []string{"etc/shadow", "etc/gshadow"} {
		if err := os.Chmod(filepath.Join(root, name), 0o600); err != nil {
			return err
		}
	}
	return nil
}
