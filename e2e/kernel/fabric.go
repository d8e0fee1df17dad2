//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"novasphere.dev/wukong-network/e2e/parts"
)

// Fabric is one L2 network: a bridge in a namespace of its own, into which the NICs of all nodes are plugged.
type Fabric struct {
	space *Namespace
	ctl   *parts.Nmstatectl
	all   []*Namespace
	ports int
}

const (
	// fabricBridge is the fabric's switch.
	fabricBridge = "fabric"
	// guestPrefix begins the names of what Attach plugs into bridges.
	guestPrefix = "veth"
)

// NewFabric makes a fabric whose nodes are configured by the nmstatectl given. addresses are machines on it that are no
// nodes: a gateway, a peer. A single address without a subnet lies beyond the others, and is reached through them alone.
func NewFabric(ctx context.Context, ctl *parts.Nmstatectl, addresses ...netip.Prefix) (*Fabric, error) {
	f := &Fabric{ctl: ctl}
	var err error
	if f.space, err = f.namespace(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(addresses, func(a netip.Prefix) bool { return a.Addr().Is6() }) {
		if err := f.space.AllowIPv6(); err != nil {
			return nil, err
		}
	}
	steps := [][]string{{"link", "add", fabricBridge, "type", "bridge"}, {"link", "set", fabricBridge, "up"}}
	for _, a := range addresses {
		step := []string{"address", "add", a.String(), "dev", fabricBridge}
		if a.IsSingleIP() {
			step[len(step)-1] = "lo"
		}
		if a.Addr().Is6() {
			step = append(step, "nodad")
		}
		steps = append(steps, step)
	}
	return f, run(ctx, f.space, steps)
}

// Close takes the fabric away, its nodes and its guests.
func (f *Fabric) Close() error {
	var failed error
	for _, n := range f.all {
		failed = errors.Join(failed, n.Close())
	}
	return failed
}

func (f *Fabric) namespace() (*Namespace, error) {
	n, err := NewNamespace()
	if n != nil {
		f.all = append(f.all, n)
	}
	return n, err
}

func run(ctx context.Context, in *Namespace, steps [][]string) error {
	for _, args := range steps {
		if _, err := in.IP(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// plug makes a NIC in a namespace whose cable leads into the fabric.
func (f *Fabric) plug(ctx context.Context, into *Namespace, nic string) error {
	f.ports++
	port := fmt.Sprintf("port%d", f.ports)
	if err := run(ctx, f.space, [][]string{
		{"link", "add", port, "master", fabricBridge, "type", "veth", "peer", "name", nic, "netns", into.path()},
		{"link", "set", port, "up"},
	}); err != nil {
		return err
	}
	return run(ctx, into, [][]string{{"link", "set", nic, "up"}})
}

// awaitCarrier waits until a NIC passes frames.
func (n *Namespace) awaitCarrier(ctx context.Context, nic string) error {
	for range 1000 {
		out, err := n.IP(ctx, "-brief", "link", "show", "dev", nic, "up")
		if err != nil || slices.Contains(strings.Fields(out), "UP") {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s has no carrier", nic)
}

// NIC is a NIC of a node. Address is none, or the one it has; a Gateway is the next hop of the default route.
type NIC struct {
	Name    string
	Address netip.Prefix
	Gateway netip.Addr
}

// Join adds a node.
func (f *Fabric) Join(ctx context.Context, nics ...NIC) (*Node, error) {
	space, err := f.namespace()
	if err != nil {
		return nil, err
	}
	n := &Node{Namespace: space, fabric: f, nics: map[string]bool{}}
	for _, nic := range nics {
		if err := f.Lead(ctx, n, nic); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Lead gives a node, of this fabric or another, one more NIC that leads into this one.
func (f *Fabric) Lead(ctx context.Context, n *Node, nic NIC) error {
	n.nics[nic.Name] = true
	if err := errors.Join(f.plug(ctx, n.Namespace, nic.Name), n.awaitCarrier(ctx, nic.Name)); err != nil {
		return err
	}
	var steps [][]string
	if nic.Address.IsValid() {
		steps = append(steps, []string{"address", "add", nic.Address.String(), "broadcast", "+", "dev", nic.Name})
	}
	if nic.Gateway.IsValid() {
		steps = append(steps, []string{"route", "add", "default", "via", nic.Gateway.String()})
	}
	return run(ctx, n.Namespace, steps)
}

// Attach plugs a machine with an address into a bridge of a node, as a CNI plugin does.
func (n *Node) Attach(ctx context.Context, bridge string, address netip.Prefix) (*Namespace, error) {
	guest, err := n.fabric.namespace()
	if err != nil {
		return nil, err
	}
	if _, err := n.plug(ctx, bridge, guest, "eth0"); err != nil {
		return nil, err
	}
	return guest, giveAddress(ctx, guest, "eth0", address)
}

// plug makes a NIC in a namespace whose cable leads into a bridge of the node, and returns its name there. settings are further
// ones of the NIC, in ip's words.
func (n *Node) plug(ctx context.Context, bridge string, into *Namespace, nic string, settings ...string) (port string, err error) {
	n.fabric.ports++
	port = fmt.Sprintf("%s%d", guestPrefix, n.fabric.ports)
	n.plugging.Lock()
	defer n.plugging.Unlock()
	add := []string{"link", "add", port, "master", bridge, "type", "veth", "peer", "name", nic}
	add = append(append(add, settings...), "netns", into.path())
	return port, run(ctx, n.Namespace, [][]string{add, {"link", "set", port, "up"}})
}

// AttachMACVLAN puts a machine with an address onto a NIC of a node, as the CNI plugin macvlan does.
func (n *Node) AttachMACVLAN(ctx context.Context, nic string, address netip.Prefix) (*Namespace, error) {
	guest, err := n.fabric.namespace()
	if err != nil {
		return nil, err
	}
	if err := run(ctx, n.Namespace, [][]string{
		{"link", "add", "child", "link", nic, "type", "macvlan", "mode", "bridge"},
		{"link", "set", "child", "netns", guest.path(), "name", "eth0"},
	}); err != nil {
		return nil, err
	}
	return guest, giveAddress(ctx, guest, "eth0", address)
}

func giveAddress(ctx context.Context, in *Namespace, nic string, address netip.Prefix) error {
	return run(ctx, in, [][]string{{"address", "add", address.String(), "dev", nic}, {"link", "set", nic, "up"}})
}
