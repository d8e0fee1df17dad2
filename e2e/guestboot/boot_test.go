//go:build linux

package guestboot

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/kernel"
	"novasphere.dev/wukong-network/e2e/parts"
)

const (
	// bootPatience bounds the time from power to an answer, on a machine that is busy with other work.
	bootPatience = 10 * time.Minute
	// readyPatience bounds the time that cloud-init still takes then, and shutdownPatience that from the power button to the end.
	readyPatience, shutdownPatience = 5 * time.Minute, 5 * time.Minute
	// askPatience is how long an address is asked at a time, and silence how long one must not answer.
	askPatience, silence = 2 * time.Second, 5 * time.Second
)

var (
	firstAddress   = netip.MustParsePrefix("192.0.2.10/24")
	changedAddress = netip.MustParsePrefix("192.0.2.20/24")
	// secondAddress is of the same NIC, and storageAddress of the other one.
	secondAddress  = netip.MustParsePrefix("2001:db8::10/64")
	storageAddress = netip.MustParsePrefix("203.0.113.10/24")

	// gateway and abroad are the gateway's addresses on its two networks.
	gateway = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64")}
	abroad  = []netip.Prefix{netip.MustParsePrefix("198.51.100.1/24"), netip.MustParsePrefix("2001:db8:1::1/64")}
)

// TestAGuestHasItsAddressAndAfterARestartTheChangedOne boots a guest on one node of a fabric and asks for its addresses from
// another node. Then the Wukong asks for another address, and the machine is shut down and started with what is rendered now.
// It is the same instance all the time, so it is for cloud-init to see that the network data has changed.
func TestAGuestHasItsAddressAndAfterARestartTheChangedOne(t *testing.T) {
	s := newStage(t)
	m := s.boot(t, "first boot", planFor(t, firstAddress))
	s.answers(t, m, s.neighbour, firstAddress, secondAddress)
	s.answers(t, m, s.distant, firstAddress, secondAddress) // through the guest's default routes
	s.answers(t, m, s.storage, storageAddress)
	s.shutDown(t, m, firstAddress)

	m = s.boot(t, "second boot", planFor(t, changedAddress))
	s.answers(t, m, s.neighbour, changedAddress, secondAddress)
	s.answers(t, m, s.distant, changedAddress, secondAddress)
	s.answers(t, m, s.storage, storageAddress)
	s.silent(t, s.neighbour, firstAddress)
	s.shutDown(t, m, changedAddress)
}

// TestAGuestThatIsToldLateToLookAgainTakesOneRestartMore shows what our user data does, and why it must be there at the first
// boot: cloud-init decides about the network by the user data of the boot before.
func TestAGuestThatIsToldLateToLookAgainTakesOneRestartMore(t *testing.T) {
	s := newStage(t)
	untold := planFor(t, firstAddress)
	untold.launch.UserData = "#cloud-config\n"
	m := s.boot(t, "first boot", untold)
	s.answers(t, m, s.neighbour, firstAddress)
	s.shutDown(t, m, firstAddress)

	m = s.boot(t, "second boot", planFor(t, changedAddress))
	s.answers(t, m, s.neighbour, firstAddress)
	s.silent(t, s.neighbour, changedAddress)
	s.shutDown(t, m, firstAddress)

	m = s.boot(t, "third boot", planFor(t, changedAddress))
	s.answers(t, m, s.neighbour, changedAddress)
	s.silent(t, s.neighbour, firstAddress)
	s.shutDown(t, m, changedAddress)
}

// client is a machine that asks for addresses.
type client struct {
	name  string
	space *kernel.Namespace
}

// stage is a host with the disk of a guest, and those on another host that ask the guest.
type stage struct {
	Host
	// folder is where what the guest and the emulator say is kept.
	folder, disk string
	// neighbour is in the guest's network, distant beyond the gateway, and storage in the second network.
	neighbour, distant, storage client
	// nics are those of the guest, in both networks; powered is when it was started.
	nics    []NIC
	powered time.Time
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("WUKONG_GUEST_BOOT") != "1" {
		t.Skip("guests are booted on an emulated processor, which takes root and some minutes: make e2e-guest")
	}
	ctl := parts.NmstatectlForTest(t)
	s := &stage{Host: Host{Qemu: parts.QemuForTest(t), Image: parts.GuestImageForTest(t)},
		folder: t.ArtifactDir(), disk: filepath.Join(t.TempDir(), "disk")}
	t.Logf("QEMU %s, nmstatectl %s", s.Qemu.Version, ctl.Version)
	for _, name := range []string{"linux-image-cloud-amd64", "systemd", "cloud-init", "netplan.io"} {
		t.Logf("in the guest: %s %s", name, s.Image.Versions[name])
	}
	if out, err := exec.CommandContext(t.Context(), "cp", "--sparse=always", s.Image.Disk, s.disk).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	s.connect(t, ctl)
	return s
}

// connect makes the fabric: the guest's node, and another one with those who ask.
func (s *stage) connect(t *testing.T, ctl *parts.Nmstatectl) {
	t.Helper()
	fabric, err := kernel.NewFabric(t.Context(), ctl, slices.Concat(gateway, abroad)...)
	must(t, err)
	t.Cleanup(func() {
		if err := fabric.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, fabric.Route())
	p := planFor(t, firstAddress)
	s.Node = join(t, fabric, p.policies)
	other := join(t, fabric, p.policies)
	s.nics = p.launch.NICs
	s.neighbour = attach(t, other, s.nics[0].Bridge, "a neighbour on another node", "192.0.2.99/24", "2001:db8::99/64")
	s.distant = attach(t, other, s.nics[0].Bridge, "a machine beyond the gateway", "198.51.100.99/24", "2001:db8:1::99/64")
	s.storage = attach(t, other, s.nics[1].Bridge, "a neighbour in the second network", "203.0.113.99/24")
	for _, next := range abroad {
		_, err = s.distant.space.IP(t.Context(), "route", "add", "default", "via", next.Addr().String())
		must(t, err)
	}
}

// attach adds a client to a bridge of a node, with an IPv4 address and, if there are more, IPv6 addresses.
func attach(t *testing.T, node *kernel.Node, bridge, name, address string, more ...string) client {
	t.Helper()
	space, err := node.Attach(t.Context(), bridge, netip.MustParsePrefix(address))
	must(t, err)
	must(t, space.AllowIPv6())
	for _, a := range more {
		_, err := space.IP(t.Context(), "address", "add", a, "dev", "eth0", "nodad")
		must(t, err)
	}
	return client{name, space}
}

// join adds a node and has nmstatectl make what the policies say.
func join(t *testing.T, fabric *kernel.Fabric, policies [][]byte) *kernel.Node {
	t.Helper()
	node, err := fabric.Join(t.Context(), kernel.NIC{Name: "eth1"}, kernel.NIC{Name: "eth2"})
	must(t, err)
	for _, policy := range policies {
		desired, err := node.Resolve(t.Context(), policy)
		must(t, err)
		if objection, err := node.Apply(t.Context(), desired); err != nil || objection != "" {
			t.Fatalf("a policy is not carried out: %v %s", err, objection)
		}
	}
	return node
}

// boot starts the machine with what is rendered. If the test fails, what the guest wrote is shown.
func (s *stage) boot(t *testing.T, name string, p plan) *Machine {
	t.Helper()
	folder := filepath.Join(s.folder, strings.ReplaceAll(name, " ", "-"))
	must(t, os.MkdirAll(folder, 0o755))
	t.Logf("%s with Secret %s, instance %s:\n%s", name, p.secret, p.launch.UUID, p.launch.NetworkData)
	s.powered = time.Now()
	m, err := s.Boot(t.Context(), p.launch, s.disk, folder)
	must(t, err)
	t.Cleanup(func() {
		if err := m.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, file := range []string{"qemu.log", "console.log"} {
				said, err := os.ReadFile(filepath.Join(folder, file))
				if err != nil {
					said = []byte(err.Error())
				}
				t.Logf("%s, %s:\n%s", name, file, said)
			}
		}
	})
	return m
}

// answers waits until the guest answers a client at its addresses.
func (s *stage) answers(t *testing.T, m *Machine, from client, addresses ...netip.Prefix) {
	t.Helper()
	for _, a := range addresses {
		if err := m.Await(t.Context(), bootPatience, func() error { return from.space.Ping(a.Addr(), askPatience) }); err != nil {
			t.Fatalf("%s asks: %v", from.name, err)
		}
		t.Logf("%s answers to %s, %s after power on", a.Addr(), from.name, time.Since(s.powered).Round(time.Second))
	}
}

// silent checks that nobody answers a client at an address.
func (s *stage) silent(t *testing.T, from client, address netip.Prefix) {
	t.Helper()
	if err := from.space.Ping(address.Addr(), silence); err == nil {
		t.Errorf("%s answers to %s", address.Addr(), from.name)
		return
	}
	t.Logf("%s does not answer to %s", address.Addr(), from.name)
}

// What cloud-init writes to the console: rows of its tables of interfaces and routes, and, at the end of its last stage, the
// data source that it read.
var (
	row      = regexp.MustCompile(`ci-info: (\|.*\|)`)
	device   = regexp.MustCompile(`^\| +(\S+) +\| +(?:True|False) +\| +(\S+) +\| +\S+ +\| +\S+ +\| +(\S+) +\|$`)
	finished = regexp.MustCompile(`Cloud-init .* finished at .*`)
)

// shutDown lets cloud-init finish, checks that it saw the guest with the addresses that it shall have, on the right NICs and no
// others, and presses the power button.
func (s *stage) shutDown(t *testing.T, m *Machine, lan netip.Prefix) {
	t.Helper()
	var console []byte
	must(t, m.Await(t.Context(), readyPatience, func() (err error) {
		if console, err = os.ReadFile(m.Console); err == nil && !finished.Match(console) {
			err = errors.New("cloud-init has not finished")
		}
		return err
	}))
	var saw []string
	for _, found := range row.FindAllSubmatch(console, -1) {
		t.Logf("console: %s", found[1])
		if cells := device.FindSubmatch(found[1]); cells != nil && string(cells[1]) != "lo" && !bytes.HasPrefix(cells[2], []byte("fe80:")) {
			saw = append(saw, fmt.Sprintf("%s %s %s", cells[1], cells[2], cells[3]))
		}
	}
	ended := finished.Find(console)
	t.Logf("console: %s", bytes.TrimSpace(ended))
	if !bytes.Contains(ended, []byte("DataSourceNoCloud")) {
		t.Error("cloud-init read another data source than the volume")
	}
	slices.Sort(saw)
	want := []string{"net0 " + lan.Addr().String() + " " + s.nics[0].MAC, "net0 " + secondAddress.String() + " " + s.nics[0].MAC,
		"net1 " + storageAddress.Addr().String() + " " + s.nics[1].MAC}
	if diff := cmp.Diff(want, saw); diff != "" {
		t.Errorf("addresses in the guest (-want +got):\n%s", diff)
	}
	must(t, m.PowerOff(shutdownPatience))
}
