package parts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheNewestPackageIsPicked(t *testing.T) {
	const stanzas = `Package: cargo
Source: rustc
Version: 1.63.0+dfsg1-1
Description: package manager
 Version: 9.9 is not a field here

Package: cargo-web
Version: 1.96.0+dfsg1-1~deb12u2

Package: cargo-mozilla
Version: 1.78.0+dfsg1-2
`
	if name, version := newest(stanzas); name != "cargo-web" || version != "1.96.0+dfsg1-1~deb12u2" {
		t.Errorf("got %s %s", name, version)
	}
	if name, version := newest(""); name != "" || version != "" {
		t.Errorf("no stanza gave %q %q", name, version)
	}
}

func TestPlannedPackagesAreThoseToBeInstalled(t *testing.T) {
	const simulation = `Reading package lists...
Remv rustc [1.63.0+dfsg1-2]
Inst libgit2-1.5 (1.5.1+ds-1+deb12u2 Debian-Security:12/oldstable-security [amd64])
Inst cargo-web [1.85.0] (1.96.0+dfsg1-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
Conf libgit2-1.5 (1.5.1+ds-1+deb12u2 Debian-Security:12/oldstable-security [amd64])
`
	if diff := cmp.Diff([]string{"libgit2-1.5", "cargo-web"}, planned(simulation)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNetplanPackagesLeaveTheSystemOut(t *testing.T) {
	cases := map[string]bool{
		"netplan.io": true, "netplan-generator": true, "libnetplan0": true, "libnetplan1": true, "libglib2.0-0": true,
		"libglib2.0-0t64": true, "libyaml-0-2": true, "libpcre2-8-0": true, "libffi8": true,
		"libc6": false, "systemd": false, "python3-yaml": false, "iproute2": false, "libpython3-stdlib": false, "dpkg": false,
	}
	for name, want := range cases {
		if got := netplanPackages.MatchString(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
