package parts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQemuComesWithoutWhatMustBeTheMachinesOwn(t *testing.T) {
	cases := map[string]bool{
		"libc6": true, "libc-bin": true, "perl": true, "perl-base": true, "libperl5.36": true, "python3-minimal": true, "udev": true,
		"systemd": true, "libsystemd0": true, "libapt-pkg6.0": true,
		"qemu-system-common": false, "seabios": false, "ipxe-qemu": false, "libslirp0": false, "libisoburn1": false, "libcacard0": false,
	}
	for name, want := range cases {
		if got := qemuLeavesOut.MatchString(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestTheOneKernelOfAGuestIsTaken(t *testing.T) {
	installed := func(names ...string) string {
		root := t.TempDir()
		for _, name := range append(names, "boot/initrd.img-6.12.1", dpkgStatus) {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("Package: a\nVersion: "+name+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return root
	}
	dir := t.TempDir()
	if err := takeFiles(installed("boot/vmlinuz-6.12.1"), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vmlinuz", "initrd"} {
		if !isFile(filepath.Join(dir, name)) {
			t.Errorf("no %s", name)
		}
	}
	versions, err := packageVersions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": dpkgStatus}, versions); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, root := range map[string]string{"no kernel": installed(), "two kernels": installed("boot/vmlinuz-1", "boot/vmlinuz-2")} {
		if err := takeFiles(root, t.TempDir()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
