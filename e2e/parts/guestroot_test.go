package parts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheGuestRootHoldsWhatGuestsRun(t *testing.T) {
	g := GuestRootForTest(t)
	versions, err := g.Versions()
	if err != nil {
		t.Fatal(err)
	}
	for name, version := range map[string]string{"cloud-init": versions.CloudInit, "netplan": versions.Netplan, "systemd": versions.Systemd} {
		if version == "" {
			t.Errorf("no version of %s: %+v", name, versions)
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if target, err := os.Readlink(filepath.Join(g.Dir, name)); err != nil || target != "usr/"+name {
			t.Errorf("%s leads to %q, %v: want a link into usr", name, target, err)
		}
	}
	users, err := os.ReadFile(filepath.Join(g.Dir, "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"root:", "systemd-network:", "messagebus:"} {
		if !strings.Contains("\n"+string(users), "\n"+user) {
			t.Errorf("no user %s in\n%s", user, users)
		}
	}
	for _, link := range append([][2]string{enabled("cloud-init-local.service", "cloud-init.target")}, guestLinks...) {
		target, err := os.Readlink(filepath.Join(g.Dir, link[0]))
		if err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(target, "/usr/") && !there(filepath.Join(g.Dir, target)) {
			t.Errorf("%s leads to %s, which is not there", link[0], target)
		}
	}
}

func TestEveryEnabledUnitOfTheGuestRootExists(t *testing.T) {
	g := GuestRootForTest(t)
	for _, u := range guestUnits {
		for _, name := range u {
			if !there(filepath.Join(g.Dir, "usr/lib/systemd/system", name)) {
				t.Errorf("there is no unit %s", name)
			}
		}
	}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestACopyOfTheGuestRootRunsInAChroot(t *testing.T) {
	g := GuestRootForTest(t)
	if os.Geteuid() != 0 {
		t.Skip("only root may change its root folder")
	}
	dir := filepath.Join(t.TempDir(), "root")
	if err := g.CopyTo(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	versions, err := g.Versions()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		command []string
		version string
	}{
		"cloud-init":       {[]string{"cloud-init", "--version"}, versions.CloudInit},
		"netplan":          {[]string{"python3", "-c", "import netplan, yaml"}, ""},
		"systemd-networkd": {[]string{"/usr/lib/systemd/systemd-networkd", "--version"}, versions.Systemd},
		"udev":             {[]string{"udevadm", "--version"}, ""},
		"iproute2":         {[]string{"ip", "-V"}, ""},
		"ping":             {[]string{"ping", "-V"}, ""},
		"a user by name":   {[]string{"id", "systemd-network"}, ""},
		"awk":              {[]string{"awk", "BEGIN {}"}, ""},
		"the package list": {[]string{"dpkg-query", "--show", "cloud-init"}, versions.CloudInit},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "chroot", append([]string{dir}, c.command...)...).CombinedOutput()
			upstream, _, _ := strings.Cut(c.version, "-")
			if err != nil || !strings.Contains(string(out), upstream) {
				t.Errorf("%v, and no %q in: %s", err, upstream, out)
			}
		})
	}
}

func TestTheGuestRootsNetplanAcceptsNetworkData(t *testing.T) {
	n, err := GuestRootForTest(t).Netplan()
	if err != nil {
		t.Fatal(err)
	}
	files, err := n.Generate(t.Context(), []byte(oneNIC))
	if err != nil {
		t.Fatal(err)
	}
	if got := files["10-netplan-net0.network"]; !strings.Contains(got, "Address=192.0.2.10/24\n") {
		t.Errorf("got %v", files)
	}
	_, err = n.Generate(t.Context(), []byte(replaceOnce(t, oneNIC, "192.0.2.10/24", "192.0.2.10")))
	wantRefusal(t, err, "missing /prefixlength")
}
