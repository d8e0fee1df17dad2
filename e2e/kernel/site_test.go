//go:build linux

package kernel

import (
	"cmp"
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/render"
)

// site is a node with what a plan builds on it. Its NICs lead into two fabrics, lab and wan, each with a gateway and a machine
// beyond it that the other does not know.
type site struct {
	t        *testing.T
	node     *Node
	lab, wan *Fabric
}

var (
	beyondLab  = netip.MustParsePrefix("203.0.113.1/32")
	beyondLab6 = netip.MustParsePrefix("2001:db8:ffff::1/128")
	beyondWAN  = netip.MustParsePrefix("203.0.113.2/32")
)

func siteForTest(t *testing.T, plan render.Output) *site {
	t.Helper()
	ctl, s := nmstatectlForTest(t), &site{t: t}
	s.lab = fabricWith(t, ctl, gateway, netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("fe80::1/64"), beyondLab, beyondLab6)
	s.wan = fabricWith(t, ctl, peer, beyondWAN)
	s.node = join(t, s.lab, NIC{Name: "eth0", Address: nodeOwn}, NIC{Name: "eth1"})
	must(t, s.wan.Lead(t.Context(), s.node, NIC{Name: "eth2"}))
	for _, p := range plan.Policies {
		apply(t, s.node, policyOf(t, p))
	}
	return s
}

// disk makes a disk that goes when the test ends.
func (s *site) disk() *Disk {
	s.t.Helper()
	d, err := NewDisk(parts.GuestRootForTest(s.t).Dir)
	must(s.t, err)
	s.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return d
}

// boot starts a machine and waits until its network is as its cloud-init wants it.
func (s *site) boot(d *Disk, l launch) *Guest {
	s.t.Helper()
	must(s.t, d.Insert(l.seed))
	g, err := s.node.PowerOn(s.t.Context(), d, l.nics...)
	must(s.t, err)
	s.t.Cleanup(func() { s.off(g) })
	if err := g.Boot(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return g
}

// off turns a machine off.
func (s *site) off(g *Guest) {
	s.t.Helper()
	if err := g.PowerOff(context.Background()); err != nil { // a test's own context has ended when it is cleaned up
		s.t.Error(err)
	}
	if s.t.Failed() {
		log, err := g.disk.Read("var/log/cloud-init.log")
		s.t.Logf("networkd: %s\ncloud-init: %v %s", g.journal.String(), err, log)
	}
}

// dhcpServer is a unit of systemd-networkd that offers a single address, with a gateway. Leases that are kept would wait for
// another unit of systemd, which tells that there is a place for them.
const dhcpServer = `
[Match]
Name=eth0
[Network]
Address=198.51.100.2/24
DHCPServer=yes
[DHCPServer]
PoolOffset=100
PoolSize=1
Router=198.51.100.1
EmitDNS=no
PersistLeases=no
`

// offerDHCP plugs a machine into a bridge that offers addresses there.
func (s *site) offerDHCP(bridge string) {
	s.t.Helper()
	g, err := s.node.PowerOn(s.t.Context(), s.disk(), GuestNIC{Bridge: bridge, MAC: "02:00:00:00:00:02"})
	must(s.t, err)
	s.t.Cleanup(func() { s.off(g) })
	must(s.t, g.power.Write("run/systemd/network/10-server.network", dhcpServer, 0o644))
	must(s.t, g.identify(s.t.Context()))
	must(s.t, g.startNetworkd(s.t.Context()))
	must(s.t, g.awaitNetwork(s.t.Context()))
}

// has checks all that is wanted of a guest.
func (s *site) has(g *Guest, want guestCase) {
	s.t.Helper()
	addresses := s.addresses(g)
	if diff := gocmp.Diff(want.addresses, addresses); diff != "" {
		s.t.Errorf("addresses (-want +got):\n%s", diff)
	}
	for nic, all := range want.addresses {
		for _, a := range all {
			s.serves(netip.MustParsePrefix(a), slices.Contains(want.servedBeyond, nic))
		}
	}
	for origin, routes := range map[string][]string{"static": want.routes, "dhcp": want.leased, "ra": nil} {
		if diff := gocmp.Diff(routes, s.routes(g, origin)); diff != "" {
			s.t.Errorf("routes of origin %s (-want +got):\n%s", origin, diff)
		}
	}
	for _, machine := range want.reaches {
		s.answers(g.Namespace, machine)
	}
	for _, l := range want.leaves {
		s.leaves(g, l)
	}
	links, err := g.Links(s.t.Context())
	must(s.t, err)
	if dns, search := links["net0"]["DNS"], links["net0"]["DOMAINS"]; dns != want.dns || search != want.search {
		s.t.Errorf("DNS is %q with domains %q, want %q with %q", dns, search, want.dns, want.search)
	}
	shadow, err := g.Read("etc/shadow")
	must(s.t, err)
	if !strings.Contains("\n"+shadow, "\n"+want.user) {
		s.t.Errorf("there is no user %s in /etc/shadow", want.user)
	}
	mtu, err := g.Read("sys/class/net/net0/mtu")
	must(s.t, err)
	if want := strconv.Itoa(cmp.Or(want.mtu, 1500)); strings.TrimSpace(mtu) != want {
		s.t.Errorf("MTU is %s, want %s", mtu, want)
	}
}

// serves checks that a guest's address answers the gateway, and whether it answers a machine beyond.
func (s *site) serves(address netip.Prefix, beyond bool) {
	s.t.Helper()
	from, machine := s.lab.space, beyondLab
	switch {
	case peer.Contains(address.Addr()):
		from, machine = s.wan.space, beyondWAN
	case address.Addr().Is6():
		machine = beyondLab6
	}
	s.answers(from, address)
	wait := time.Second
	if beyond {
		wait = patience
	}
	if err := from.PingFrom(machine.Addr(), address.Addr(), wait); (err == nil) != beyond {
		s.t.Errorf("%s is asked from %s beyond its gateway: answered %t, want %t: %v", address, machine, err == nil, beyond, err)
	}
}

// leaves checks a path of a guest.
func (s *site) leaves(g *Guest, p path) {
	s.t.Helper()
	out, err := g.IP(s.t.Context(), "route", "get", p.to, "from", p.from)
	must(s.t, err)
	if !strings.Contains(out, " dev "+p.nic+" ") {
		s.t.Errorf("from %s to %s leads another way than %s: %s", p.from, p.to, p.nic, out)
	}
}

func (s *site) answers(from *Namespace, to netip.Prefix) {
	s.t.Helper()
	if err := from.Ping(to.Addr(), patience); err != nil {
		s.t.Error(err)
	}
}

// addresses gives the addresses of each NIC of a guest, sorted, less those that are made of the MAC address.
func (s *site) addresses(g *Guest) map[string][]string {
	s.t.Helper()
	out, err := g.IP(s.t.Context(), "-json", "address")
	must(s.t, err)
	var links []struct {
		Name      string `json:"ifname"`
		Addresses []struct {
			Local string `json:"local"`
			Bits  int    `json:"prefixlen"`
			Scope string `json:"scope"`
		} `json:"addr_info"`
	}
	must(s.t, json.Unmarshal([]byte(out), &links))
	found := map[string][]string{}
	for _, l := range links {
		for _, a := range l.Addresses {
			if a.Scope == "global" {
				found[l.Name] = append(found[l.Name], netip.PrefixFrom(netip.MustParseAddr(a.Local), a.Bits).String())
			}
		}
		slices.Sort(found[l.Name])
	}
	return found
}

// routes gives the routes of a guest that have an origin (static, dhcp, ra), IPv4 first, those that win before others.
func (s *site) routes(g *Guest, origin string) []string {
	s.t.Helper()
	var routes []string
	for _, family := range []string{"-4", "-6"} {
		out, err := g.IP(s.t.Context(), family, "route", "show", "proto", origin)
		must(s.t, err)
		for line := range strings.Lines(out) {
			routes = append(routes, strings.TrimSpace(line))
		}
	}
	return routes
}
