//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// Disk is what a guest's machine keeps while it is off: a Debian system below, which is only read, and in memory what the
// guest writes above it. It lives until Close, or until the process that made it ends.
type Disk struct{ *keeper }

// diskScript mounts a disk over the system at $1, in a mount namespace of its own. The layers of the overlay have short names,
// since a character of the system's path could mean something in its options.
const diskScript = `
mount --make-rprivate / && mount -t tmpfs disk "$1/run" && cd "$1/run" &&
mkdir system written work root && mount --bind "$1" system &&
mount -t overlay -o lowerdir=system,upperdir=written,workdir=work disk root && ` + kept

// NewDisk makes a disk for a guest of the system in a folder. It needs root, and a kernel with overlayfs.
func NewDisk(system string) (*Disk, error) {
	k, err := keep(syscall.CLONE_NEWNS, filepath.Join(system, "run/root"), "sh", "-c", diskScript, "sh", system)
	if err != nil {
		return nil, fmt.Errorf("disk of a guest: %w", err)
	}
	return &Disk{k}, nil
}

// Seed is what KubeVirt hands to cloud-init as NoCloud: the instance id is the UUID of the machine's firmware.
type Seed struct{ InstanceID, Hostname, UserData, NetworkData string }

// seedFolder is where cloud-init looks for NoCloud data if there is no disk with the label cidata.
const seedFolder = "var/lib/cloud/seed/nocloud/"

// Insert puts a seed in place of the one before. KubeVirt would have it on a disk of its own, which needs a kernel that
// reads ISO 9660.
func (d *Disk) Insert(s Seed) error {
	return errors.Join(
		// JSON, as KubeVirt writes it.
		d.Write(seedFolder+"meta-data", fmt.Sprintf(`{"instance-id":%q,"local-hostname":%q}`, s.InstanceID, s.Hostname), 0o600),
		d.Write(seedFolder+"user-data", s.UserData, 0o600),
		d.Write(seedFolder+"network-config", s.NetworkData, 0o600))
}
