//go:build linux

package kernel

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// echoes are how a family asks for an echo and answers (RFC 792, RFC 4443).
type echoes struct {
	network        string
	request, reply byte
}

var (
	echoes4 = echoes{network: "ip4:icmp", request: 8, reply: 0}
	echoes6 = echoes{network: "ip6:ipv6-icmp", request: 128, reply: 129}
)

// Ping sends ICMP echo requests from the namespace to an address until one is answered, or says why not.
func (n *Namespace) Ping(to netip.Addr, patience time.Duration) error {
	if to.Is4() {
		return n.PingFrom(netip.IPv4Unspecified(), to, patience)
	}
	return n.PingFrom(netip.IPv6Unspecified(), to, patience)
}

// PingFrom is Ping from one of several addresses of the namespace.
func (n *Namespace) PingFrom(from, to netip.Addr, patience time.Duration) error {
	how := echoes4
	if to.Is6() {
		how = echoes6
	}
	var conn net.PacketConn
	err := n.within(func() (err error) {
		conn, err = net.ListenPacket(how.network, from.String())
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline := time.Now().Add(patience)
	for sequence := uint16(1); time.Now().Before(deadline); sequence++ {
		request := echo(how.request, uint16(os.Getpid()), sequence)
		if _, err := conn.WriteTo(request, &net.IPAddr{IP: to.AsSlice()}); err != nil {
			time.Sleep(50 * time.Millisecond) // no neighbour yet, or no route
			continue
		}
		if how.answered(conn, to, request) {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer within %s", to, patience)
}

// answered waits half a second for the reply to a request.
func (e echoes) answered(conn net.PacketConn, from netip.Addr, request []byte) bool {
	buffer := make([]byte, 1500)
	_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	for {
		n, peer, err := conn.ReadFrom(buffer)
		if err != nil {
			return false
		}
		same := n >= len(request) && buffer[0] == e.reply && string(buffer[4:8]) == string(request[4:8])
		if same && peer.String() == from.String() {
			return true
		}
	}
}

// echo is an echo request with its checksum, which the kernel sets itself for IPv6.
func echo(kind byte, id, sequence uint16) []byte {
	packet := make([]byte, 8)
	packet[0] = kind
	binary.BigEndian.PutUint16(packet[4:], id)
	binary.BigEndian.PutUint16(packet[6:], sequence)
	sum := uint32(0)
	for i := 0; i < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(packet[2:], ^uint16(sum))
	return packet
}
