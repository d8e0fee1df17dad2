//go:build linux

package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Guest is a machine that is on: a network namespace whose NICs are plugged into bridges of a node, and processes that see a
// Disk and no others. Its host name, its processes and its devices are its own, and of the kernel's settings it can change
// those of its network alone.
type Guest struct {
	*Namespace
	// power is the first process of the guest.
	power *keeper
	disk  *Disk
	node  *Node
	ports []string
	// networkd is nil until it is started.
	networkd *exec.Cmd
	journal  bytes.Buffer
}

// GuestNIC is a NIC of a guest.
type GuestNIC struct{ Bridge, MAC string }

// guestEnvironment is the environment of everything in guests.
var guestEnvironment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}

// powerScript mounts, over the disk at $1, what a kernel shows its guest. /sys is only for reading: by that systemd-networkd
// knows that it need not wait for udev.
const powerScript = `
cd "$1" && mount -t proc proc proc &&
mount --bind proc/sys proc/sys && mount --bind proc/sys/net proc/sys/net && mount -o remount,bind,ro proc/sys &&
mount -t sysfs -o ro sysfs sys && mount -t tmpfs -o mode=755 run run && mount -t tmpfs -o mode=755 dev dev &&
for d in null zero random urandom; do : >dev/$d && mount --bind /dev/$d dev/$d || exit; done &&
exec chroot . sh -c '` + kept + `'`

// PowerOn starts a machine with a disk. Its NICs are called eth0 and so on and are down; nothing runs in it yet.
func (n *Node) PowerOn(ctx context.Context, disk *Disk, nics ...GuestNIC) (*Guest, error) {
	space, err := n.fabric.namespace()
	if err != nil {
		return nil, err
	}
	g := &Guest{Namespace: space, disk: disk, node: n}
	if err := space.AllowIPv6(); err != nil {
		return nil, err
	}
	for i, nic := range nics {
		port, err := n.plug(ctx, nic.Bridge, space, "eth"+strconv.Itoa(i), "address", nic.MAC)
		if err != nil {
			return nil, err
		}
		g.ports = append(g.ports, port)
	}
	g.power, err = keep(syscall.CLONE_NEWPID|syscall.CLONE_NEWUTS|syscall.CLONE_NEWIPC, "",
		"nsenter", "--mount="+disk.namespace("mnt"), "--net="+space.path(), "unshare", "--mount",
		"sh", "-c", powerScript, "sh", disk.root)
	if err != nil {
		return nil, fmt.Errorf("guest: %w", err)
	}
	return g, nil
}

// PowerOff ends all that runs in the guest and unplugs it. More than once does no harm.
func (g *Guest) PowerOff(ctx context.Context) error {
	failed := g.power.Close()
	if g.networkd != nil {
		_ = g.networkd.Wait() // it was killed
	}
	for _, port := range g.ports {
		_, err := g.node.IP(ctx, "link", "delete", port)
		failed = errors.Join(failed, err)
	}
	g.networkd, g.ports = nil, nil
	return errors.Join(failed, g.Namespace.Close())
}

// command is one to be run in the guest. It does not start once the guest is off.
func (g *Guest) command(ctx context.Context, args ...string) *exec.Cmd {
	inside := []string{"--target", strconv.Itoa(g.power.cmd.Process.Pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"}
	cmd := exec.CommandContext(ctx, "nsenter", append(inside, args...)...)
	cmd.Env = guestEnvironment
	if g.power.ended() {
		cmd.Err = os.ErrClosed
	}
	return cmd
}

// Run runs a command in the guest and returns all that it writes.
func (g *Guest) Run(ctx context.Context, args ...string) (string, error) {
	out, err := g.command(ctx, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("in the guest: %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// Read gives a file of the guest.
func (g *Guest) Read(name string) (string, error) { return g.power.Read(name) }
