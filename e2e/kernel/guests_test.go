//go:build linux

package kernel

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/render"
)

// site is a node with what a plan builds on it. Its NICs lead into two fabrics, lab and wan, each with a gateway and a machine
// beyond it that the other does not know.
type site struct {
	t        *testing.T
	node     *Node
	lab, wan *Fabric
	system   string
}

var (
	beyondLab  = netip.MustParsePrefix("203.0.113.1/32")
	beyondLab6 = netip.MustParsePrefix("2001:db8:ffff::1/128")
	beyondWAN  = netip.MustParsePrefix("203.0.113.2/32")
)

func siteForTest(t *testing.T, plan render.Output) *site {
	t.Helper()
	ctl := nmstatectlForTest(t)
	s := &site{t: t, system: parts.GuestRootForTest(t).Dir}
	s.lab = fabricWith(t, ctl, gateway, netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("fe80::1/64"), beyondLab, beyondLab6)
	s.wan = fabricWith(t, ctl, peer, beyondWAN)
	s.node = join(t, s.lab, NIC{Name: "eth0", Address: nodeOwn}, NIC{Name: "eth1"})
	must(t, s.wan.Lead(t.Context(), s.node, NIC{Name: "eth2"}))
	for _, p := range plan.Policies {
		apply(t, s.node, policyOf(t, p))
	}
	return s
}

// fabricWith makes a fabric that goes when the test ends.
func fabricWith(t *testing.T, ctl *parts.Nmstatectl, addresses ...netip.Prefix) *Fabric {
	t.Helper()
	f, err := NewFabric(t.Context(), ctl, addresses...)
	must(t, err)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (s *site) disk() *Disk {
	s.t.Helper()
	d, err := NewDisk(s.system)
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

// guestCase is what a guest of testdata/guests must have, and do, once it is up.
type guestCase struct {
	// addresses are those of each NIC, less link-local ones. All are pinged from the fabric that they lie in.
	addresses map[string][]string
	// routes are those that are not the kernel's own, in the words of ip.
	routes []string
	// reaches are machines beyond gateways that answer it.
	reaches []netip.Prefix
	// dns and search are those of the first NIC.
	dns, search string
}

var guestCases = map[string]guestCase{
	"static": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}},
		routes:    []string{"default via 192.0.2.1 dev net0", "198.51.100.0/24 via 192.0.2.2 dev net0"},
		reaches:   []netip.Prefix{beyondLab},
		dns:       "192.0.2.53 192.0.2.54", search: "example.com lab.example.com",
	},
	"dual-stack": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64"}},
		routes: []string{"default via 192.0.2.1 dev net0",
			"default via 2001:db8::1 dev net0 metric 1024 pref medium"},
		reaches: []netip.Prefix{beyondLab, beyondLab6},
		dns:     "192.0.2.53 2001:db8::53",
	},
	"gateway-on-link": {
		addresses: map[string][]string{"net0": {"192.0.2.10/32"}},
		routes:    []string{"default via 192.0.2.1 dev net0 onlink"},
		reaches:   []netip.Prefix{beyondLab},
	},
	"gateway-link-local": {
		addresses: map[string][]string{"net0": {"2001:db8::10/64"}},
		routes:    []string{"default via fe80::1 dev net0 metric 1024 pref medium"},
		reaches:   []netip.Prefix{beyondLab6},
	},
	"two-gateways": { // the primary network's default route wins
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}, "net1": {"198.51.100.10/24"}},
		routes: []string{"default via 198.51.100.1 dev net1 metric 100",
			"default via 192.0.2.1 dev net0 metric 200"},
		reaches: []netip.Prefix{beyondWAN},
	},
}

// TestGuestsHaveWhatTheirWukongAsksFor boots the guest of each file in testdata/guests: real cloud-init reads the network
// data, real systemd-networkd carries it out, over a bridge that nmstatectl made of the revision.
func TestGuestsHaveWhatTheirWukongAsksFor(t *testing.T) {
	for name, want := range guestCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := planOf(t, manifestsOf(t, name))
			s := siteForTest(t, plan)
			s.has(s.boot(s.disk(), launchOf(t, plan)), want)
		})
	}
}

// has checks a guest.
func (s *site) has(g *Guest, want guestCase) {
	s.t.Helper()
	addresses := s.addresses(g)
	if diff := cmp.Diff(want.addresses, addresses); diff != "" {
		s.t.Errorf("addresses (-want +got):\n%s", diff)
	}
	for nic, all := range want.addresses {
		for _, a := range all {
			s.answers(s.fabric(nic).space, netip.MustParsePrefix(a))
		}
	}
	if diff := cmp.Diff(want.routes, s.routes(g)); diff != "" {
		s.t.Errorf("routes (-want +got):\n%s", diff)
	}
	for _, machine := range want.reaches {
		s.answers(g.Namespace, machine)
	}
	links, err := g.Links(s.t.Context())
	must(s.t, err)
	if dns, search := links["net0"]["DNS"], links["net0"]["DOMAINS"]; dns != want.dns || search != want.search {
		s.t.Errorf("DNS is %q with domains %q, want %q with %q", dns, search, want.dns, want.search)
	}
}

// fabric is the one that a NIC of a guest lies in.
func (s *site) fabric(nic string) *Fabric {
	if nic == "net1" {
		return s.wan
	}
	return s.lab
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

// routes gives the routes of a guest that are not the kernel's own, IPv4 first, those that win before others.
func (s *site) routes(g *Guest) []string {
	s.t.Helper()
	var routes []string
	for _, family := range []string{"-4", "-6"} {
		out, err := g.IP(s.t.Context(), family, "route", "show", "proto", "static")
		must(s.t, err)
		for line := range strings.Lines(out) {
			routes = append(routes, strings.TrimSpace(line))
		}
	}
	return routes
}

// TestAChangedAddressArrivesAtTheNextBoot restarts a guest with one instance id and a changed document.
func TestAChangedAddressArrivesAtTheNextBoot(t *testing.T) {
	const before, after = "192.0.2.10/24", "192.0.2.20/24"
	changed := v1alpha1.CIDR(after)
	for name, tc := range map[string]struct {
		userData func(rendered string) string
		has, not string
	}{
		"with the user data that is delivered": {func(s string) string { return s }, after, before},
		"not without its line on updates":      {func(string) string { return "#cloud-config\n{}\n" }, before, after},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := manifestsOf(t, "static")
			plan := planOf(t, in)
			s, first := siteForTest(t, plan), launchOf(t, plan)
			first.seed.UserData = tc.userData(first.seed.UserData)
			d := s.disk()
			g := s.boot(d, first)
			s.has(g, guestCases["static"])
			s.off(g)

			in.Wukongs[0].Spec.Networks[0].IPConfig.Address = &changed
			second := launchOf(t, planOf(t, in))
			if second.seed.InstanceID != first.seed.InstanceID || second.seed.NetworkData == first.seed.NetworkData {
				t.Fatalf("the instance id changed, or the network data did not: %+v", second.seed)
			}
			second.seed.UserData = first.seed.UserData
			g = s.boot(d, second)
			want := guestCases["static"]
			want.addresses = map[string][]string{"net0": {tc.has}}
			s.has(g, want)
			if err := s.lab.space.Ping(netip.MustParsePrefix(tc.not).Addr(), time.Second); err == nil {
				t.Errorf("%s answers", tc.not)
			}
		})
	}
}
