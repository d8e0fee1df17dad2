//go:build linux

package kernel

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// guestCase is what a guest of testdata/guests must have, and do, once it is up.
type guestCase struct {
	// addresses are those of each NIC, less link-local ones. All are pinged from the fabric that they lie in.
	addresses map[string][]string
	// routes are those that are given, and leased those that come by DHCP, in the words of ip.
	routes, leased []string
	// reaches are machines beyond gateways that answer the guest.
	reaches []netip.Prefix
	// servedBeyond are the NICs whose addresses answer machines beyond their gateways.
	servedBeyond []string
	// leaves are ways that packets take.
	leaves []path
	// dns, search and mtu are those of the first NIC. mtu is that of a bridge unless given.
	dns, search string
	mtu         int
	// dhcp is the bridge on which DHCP is served.
	dhcp string
	// user is an entry of /etc/shadow, as far as the user data says.
	user string
}

// path says that what the guest sends from one of its addresses to another machine leaves by a NIC.
type path struct{ from, to, nic string }

// guestCases has the guests by the names of their files.
var guestCases = map[string]guestCase{
	"static": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}},
		routes:    []string{"default via 192.0.2.1 dev net0", "198.51.100.0/24 via 192.0.2.2 dev net0"},
		reaches:   []netip.Prefix{beyondLab}, servedBeyond: []string{"net0"},
		dns: "192.0.2.53 192.0.2.54", search: "example.com lab.example.com",
		user: "ops:$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1:",
	},
	"dual-stack": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24", "192.0.2.12/24", "2001:db8::10/64"}},
		routes: []string{"default via 192.0.2.1 dev net0",
			"default via 2001:db8::1 dev net0 metric 1024 pref medium"},
		reaches: []netip.Prefix{beyondLab, beyondLab6}, servedBeyond: []string{"net0"},
		dns: "192.0.2.53 2001:db8::53",
		mtu: 1400,
	},
	"gateway-on-link": {
		addresses: map[string][]string{"net0": {"192.0.2.10/32"}},
		routes:    []string{"default via 192.0.2.1 dev net0 onlink"},
		reaches:   []netip.Prefix{beyondLab}, servedBeyond: []string{"net0"},
	},
	"gateway-link-local": {
		addresses: map[string][]string{"net0": {"2001:db8::10/64"}},
		routes:    []string{"default via fe80::1 dev net0 metric 1024 pref medium"},
		reaches:   []netip.Prefix{beyondLab6}, servedBeyond: []string{"net0"},
	},
	"dhcp-beside-static": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}, "net1": {"198.51.100.100/24"}},
		routes:    []string{"default via 192.0.2.1 dev net0 metric 100"},
		leased: []string{"default via 198.51.100.1 dev net1 src 198.51.100.100 metric 200",
			"198.51.100.1 dev net1 scope link src 198.51.100.100 metric 200"},
		reaches: []netip.Prefix{beyondLab}, servedBeyond: []string{"net0"},
		dhcp: "br-red",
	},
	"two-gateways": { // the primary network's default route wins
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}, "net1": {"198.51.100.10/24"}},
		routes: []string{"default via 198.51.100.1 dev net1 metric 100",
			"default via 192.0.2.1 dev net0 metric 200"},
		reaches:      []netip.Prefix{beyondWAN},
		servedBeyond: []string{"net1"}, // what comes over the other gateway is answered over this one, and lost
	},
	"source-routing": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}, "net1": {"198.51.100.10/24"}},
		routes: []string{"default via 198.51.100.1 dev net1 metric 100",
			"default via 192.0.2.1 dev net0 metric 200"},
		reaches:      []netip.Prefix{beyondWAN},
		servedBeyond: []string{"net0", "net1"},
		leaves:       []path{{"192.0.2.10", "203.0.113.9", "net0"}, {"198.51.100.10", "203.0.113.9", "net1"}},
	},
	"source-routing-in-one-subnet": {
		addresses: map[string][]string{"net0": {"192.0.2.10/24"}, "net1": {"192.0.2.12/24"}},
		routes: []string{"default via 192.0.2.1 dev net0 metric 100",
			"default via 192.0.2.1 dev net1 metric 200"},
		reaches:      []netip.Prefix{beyondLab},
		servedBeyond: []string{"net0", "net1"},
		leaves: []path{{"192.0.2.10", "203.0.113.9", "net0"}, {"192.0.2.12", "203.0.113.9", "net1"},
			{"192.0.2.10", "192.0.2.1", "net0"}, {"192.0.2.12", "192.0.2.1", "net1"}},
	},
}

// TestGuestsHaveWhatTheirWukongAsksFor boots the guest of each file in testdata/guests: real cloud-init reads the network
// data, real systemd-networkd carries it out, over a bridge that nmstatectl made of the revision.
func TestGuestsHaveWhatTheirWukongAsksFor(t *testing.T) {
	files, err := filepath.Glob("testdata/guests/*.yaml")
	must(t, err)
	if len(files) != len(guestCases) {
		t.Errorf("%d files, and what is expected of %d guests", len(files), len(guestCases))
	}
	for name, want := range guestCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := planOf(t, manifestsOf(t, name))
			s := siteForTest(t, plan)
			if want.dhcp != "" {
				s.offerDHCP(want.dhcp)
			}
			s.has(s.boot(s.disk(), launchOf(t, plan)), want)
		})
	}
}

// onUpdates is what has cloud-init apply network data at each boot, in the user data that is delivered.
const onUpdates = "updates:\n  network:\n    when:\n    - boot\n"

// TestAChangedAddressArrivesAtTheNextBoot restarts a guest with one instance id and a changed document.
func TestAChangedAddressArrivesAtTheNextBoot(t *testing.T) {
	const before, after = "192.0.2.10/24", "192.0.2.20/24"
	changed := v1alpha1.CIDR(after)
	for name, tc := range map[string]struct {
		userData func(rendered string) string
		has, not string
	}{
		"with the user data that is delivered": {func(s string) string { return s }, after, before},
		"not without its line on updates":      {func(s string) string { return strings.Replace(s, onUpdates, "", 1) }, before, after},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := manifestsOf(t, "static")
			plan := planOf(t, in)
			s, first := siteForTest(t, plan), launchOf(t, plan)
			if !strings.Contains(first.seed.UserData, onUpdates) {
				t.Fatalf("the user data says nothing of updates:\n%s", first.seed.UserData)
			}
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
