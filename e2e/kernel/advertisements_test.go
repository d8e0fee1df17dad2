//go:build linux

package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// advertised is a prefix that a router offers to all.
var advertised = netip.MustParsePrefix("2001:db8:bad::/64")

// TestRouterAdvertisementsChangeNothing has a router offer addresses and a default route to two guests: one with the network
// data that is rendered, and one that was not told to leave them alone, which shows that the offers arrive.
func TestRouterAdvertisementsChangeNothing(t *testing.T) {
	in := manifestsOf(t, "dual-stack")
	plan := planOf(t, in)
	s, ours := siteForTest(t, plan), launchOf(t, plan)
	other, address := &in.Wukongs[0], v1alpha1.CIDR("192.0.2.20/24")
	other.Name, other.Spec.Networks[0].IPConfig.Address, other.Spec.Networks[0].IPConfig.AdditionalAddresses = "other", &address, nil
	open := launchOf(t, planOf(t, in))
	const closed = "    accept-ra: false\n"
	if !strings.Contains(open.seed.NetworkData, closed) {
		t.Fatalf("the network data says nothing of router advertisements:\n%s", open.seed.NetworkData)
	}
	open.seed.NetworkData = strings.Replace(open.seed.NetworkData, closed, "", 1)

	told, untold := s.boot(s.disk(), ours), s.boot(s.disk(), open)
	for end := time.Now().Add(patience); !strings.Contains(strings.Join(s.addresses(untold)["net0"], " "), "2001:db8:bad:"); {
		if time.Now().After(end) {
			t.Fatalf("no advertisement arrives: %v", s.addresses(untold))
		}
		must(t, s.lab.space.advertise(t.Context(), fabricBridge, netip.MustParseAddr("fe80::1"), advertised))
		time.Sleep(100 * time.Millisecond)
	}
	s.has(told, guestCases["dual-stack"])
}

// advertise sends one router advertisement (RFC 4861, section 4.2) from an address of a NIC: a default route over that
// address, and a prefix that hosts may take addresses from. Both last for half an hour.
func (n *Namespace) advertise(ctx context.Context, nic string, from netip.Addr, prefix netip.Prefix) error {
	const lifetime, onLinkAndAutonomous, allNodes = 1800, 0xc0, "ff02::1"
	packet := []byte{134, 0, 0, 0, 64, 0}
	packet = binary.BigEndian.AppendUint16(packet, lifetime)
	packet = append(packet, make([]byte, 8)...)
	packet = append(packet, 3, 4, byte(prefix.Bits()), onLinkAndAutonomous)
	packet = binary.BigEndian.AppendUint32(packet, lifetime)
	packet = binary.BigEndian.AppendUint32(packet, lifetime)
	packet = append(packet, make([]byte, 4)...)
	packet = append(packet, prefix.Addr().AsSlice()...)
	farthest := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		// A router that is further away than one hop is not believed.
		failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255) })
		return errors.Join(err, failed)
	}}
	return n.within(func() error {
		conn, err := farthest.ListenPacket(ctx, "ip6:ipv6-icmp", from.WithZone(nic).String())
		if err != nil {
			return err
		}
		_, err = conn.WriteTo(packet, &net.IPAddr{IP: net.ParseIP(allNodes), Zone: nic})
		return errors.Join(err, conn.Close())
	})
}
