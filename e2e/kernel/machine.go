//go:build linux

package kernel

import (
	"context"
	"fmt"
	"os"
)

// AttachTap plugs a TAP device into a bridge of the node, for the NIC of a virtual machine, and returns its name. An emulator
// that is run by Command of the node can open it.
func (n *Node) AttachTap(ctx context.Context, bridge string) (string, error) {
	n.fabric.ports++
	tap := fmt.Sprintf("%s%d", guestPrefix, n.fabric.ports)
	n.plugging.Lock()
	defer n.plugging.Unlock()
	return tap, run(ctx, n.Namespace, [][]string{
		{"tuntap", "add", "dev", tap, "mode", "tap"},
		{"link", "set", tap, "master", bridge, "up"},
	})
}

// Route has the machines on the fabric that are no nodes, which are one, pass packets from one network to another, as a
// gateway does.
func (f *Fabric) Route() error {
	return f.space.within(func() error {
		for _, setting := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
			if err := os.WriteFile("/proc/sys/net/"+setting, []byte("1"), 0); err != nil {
				return err
			}
		}
		return nil
	})
}
