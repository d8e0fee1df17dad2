//go:build linux

package guestboot

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"novasphere.dev/wukong-network/e2e/kernel"
	"novasphere.dev/wukong-network/e2e/parts"
)

const (
	// bootPatience bounds the time from power to an answer, on a machine that is busy with other work.
	bootPatience = 5 * time.Minute
	// readyPatience bounds the time that cloud-init still takes then, and shutdownPatience that from the power button to the end.
	readyPatience, shutdownPatience = 3 * time.Minute, 2 * time.Minute
	// askPatience is how long an address is asked at a time, and silence how long one must not answer.
	askPatience, silence = 2 * time.Second, 5 * time.Second
)

var (
	firstAddress   = netip.MustParsePrefix("192.0.2.10/24")
	changedAddress = netip.MustParsePrefix("192.0.2.20/24")

	// gateway and abroad are the gateway's addresses on its two networks.
	gateway = netip.MustParsePrefix("192.0.2.1/24")
	abroad  = netip.MustParsePrefix("198.51.100.1/24")
	// neighbour is in the guest's network and distant in the other one. Both are on another node.
	neighbour = netip.MustParsePrefix("192.0.2.99/24")
	distant   = netip.MustParsePrefix("198.51.100.99/24")
)

// TestAGuestHasItsAddressAndAfterARestartTheChangedOne boots a guest on one node of a fabric and asks for its address from
// another node. Then the Wukong asks for another address, and the machine is shut down and started with what is rendered now.
// It is the same instance all the time, so it is for cloud-init to see that the network data has changed.
func TestAGuestHasItsAddressAndAfterARestartTheChangedOne(t *testing.T) {
	s := newStage(t)
	m := s.boot(t, "first boot", firstAddress)
	s.answers(t, m, firstAddress.Addr())
	s.shutDown(t, m)

	m = s.boot(t, "second boot", changedAddress)
	s.answers(t, m, changedAddress.Addr())
	s.silent(t, firstAddress.Addr())
	s.shutDown(t, m)
}

// stage is a host with the disk of a guest, and those that ask the guest for its address.
type stage struct {
	Host
	// folder is where what the guest and the emulator say is kept.
	folder, disk string
	neighbour    *kernel.Namespace
	distant      *kernel.Namespace
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("WUKONG_GUEST_BOOT") != "1" {
		t.Skip("a guest is booted twice on an emulated processor, which takes root and some minutes: make e2e-guest")
	}
	ctl := parts.NmstatectlForTest(t)
	s := &stage{Host: Host{Qemu: parts.QemuForTest(t), Image: parts.GuestImageForTest(t)},
		folder: t.ArtifactDir(), disk: filepath.Join(t.TempDir(), "disk")}
	t.Logf("QEMU %s", s.Qemu.Version)
	for _, name := range []string{"linux-image-cloud-amd64", "systemd", "cloud-init", "netplan.io"} {
		t.Logf("guest: Debian's %s %s", name, s.Image.Versions[name])
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
	fabric, err := kernel.NewFabric(t.Context(), ctl, gateway, abroad)
	must(t, err)
	t.Cleanup(func() {
		if err := fabric.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, fabric.Route())
	p := planFor(t, firstAddress)
	s.Node = join(t, fabric, p.policy)
	other, bridge := join(t, fabric, p.policy), p.launch.NICs[0].Bridge
	s.neighbour, err = other.Attach(t.Context(), bridge, neighbour)
	must(t, err)
	s.distant, err = other.Attach(t.Context(), bridge, distant)
	must(t, err)
	_, err = s.distant.IP(t.Context(), "route", "add", "default", "via", abroad.Addr().String())
	must(t, err)
}

// join adds a node and has nmstatectl make what the policy says.
func join(t *testing.T, fabric *kernel.Fabric, policy []byte) *kernel.Node {
	t.Helper()
	node, err := fabric.Join(t.Context(), kernel.NIC{Name: "eth1"})
	must(t, err)
	desired, err := node.Resolve(t.Context(), policy)
	must(t, err)
	if objection, err := node.Apply(t.Context(), desired); err != nil || objection != "" {
		t.Fatalf("the policy is not carried out: %v %s", err, objection)
	}
	return node
}

// boot starts the machine with what is rendered for an address. If the test fails, what the guest wrote is shown.
func (s *stage) boot(t *testing.T, name string, address netip.Prefix) *Machine {
	t.Helper()
	p := planFor(t, address)
	folder := filepath.Join(s.folder, strings.ReplaceAll(name, " ", "-"))
	must(t, os.MkdirAll(folder, 0o755))
	t.Logf("%s with Secret %s, instance %s:\n%s", name, p.secret, p.launch.UUID, p.launch.NetworkData)
	m, err := s.Boot(t.Context(), p.launch, s.disk, folder)
	must(t, err)
	t.Cleanup(func() {
		if err := m.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, file := range []string{"qemu.log", "console.log"} {
				said, err := os.ReadFile(filepath.Join(folder, file))
				t.Logf("%s, %s: %v\n%s", name, file, err, said)
			}
		}
	})
	return m
}

// answers waits until the address answers to both who ask: to the distant one through the guest's default route.
func (s *stage) answers(t *testing.T, m *Machine, address netip.Addr) {
	t.Helper()
	started := time.Now()
	for _, from := range []struct {
		name  string
		space *kernel.Namespace
	}{{"a neighbour on another node", s.neighbour}, {"a machine beyond the gateway", s.distant}} {
		if err := m.Await(t.Context(), bootPatience, func() error { return from.space.Ping(address, askPatience) }); err != nil {
			t.Fatalf("%s asks: %v", from.name, err)
		}
		t.Logf("%s answers to %s, %s after power on", address, from.name, time.Since(started).Round(time.Second))
	}
}

// silent checks that nobody has the address.
func (s *stage) silent(t *testing.T, address netip.Addr) {
	t.Helper()
	if err := s.neighbour.Ping(address, silence); err == nil {
		t.Errorf("%s still answers", address)
		return
	}
	t.Logf("%s does not answer", address)
}

// finished is what cloud-init writes to the console at the end of its last stage, with the data source that it read. told is
// that, and its tables of addresses and routes.
var (
	finished = regexp.MustCompile(`Cloud-init .* finished at .*`)
	told     = regexp.MustCompile(`ci-info: [+|].*|Cloud-init .* finished at .*`)
)

// shutDown lets cloud-init finish, logs what it says about the network, and presses the power button.
func (s *stage) shutDown(t *testing.T, m *Machine) {
	t.Helper()
	var console []byte
	must(t, m.Await(t.Context(), readyPatience, func() (err error) {
		if console, err = os.ReadFile(m.Console); err == nil && !finished.Match(console) {
			err = errors.New("cloud-init has not finished")
		}
		return err
	}))
	for _, line := range told.FindAll(console, -1) {
		t.Logf("console: %s", bytes.TrimSpace(line))
	}
	if !bytes.Contains(finished.Find(console), []byte("DataSourceNoCloud")) {
		t.Error("cloud-init read another data source than the volume")
	}
	must(t, m.PowerOff(shutdownPatience))
}
