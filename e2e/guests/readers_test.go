package guests

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/parts"
)

func TestReadersReadWhatNoRendererWritesYet(t *testing.T) {
	cases := map[string]struct {
		got  Facts
		want []string
	}{
		"networkd: tables, rules and on-link": {
			ReadNetworkd(map[string]string{"a.network": "[Match]\nName=net0\n[Network]\nDHCP=yes\nGateway=fe80::1\nDNS=192.0.2.53 192.0.2.54\n" +
				"[Route]\nDestination=192.0.2.0/24\nScope=link\nTable=7\n[Route]\nDestination=0.0.0.0/0\nGateway=203.0.113.1\nGatewayOnLink=true\nMetric=5\n" +
				"[RoutingPolicyRule]\nFrom=192.0.2.10\nTable=7\nPriority=9\n[DHCPv6]\nRouteMetric=3\n"}),
			[]string{"net0: dhcp ipv4", "net0: dhcp ipv6", "net0: dhcp-metric 3 of ipv6", "net0: dns 192.0.2.53", "net0: dns 192.0.2.54",
				"net0: metric 5 of 0.0.0.0/0 via 203.0.113.1", "net0: on-link 0.0.0.0/0 via 203.0.113.1", "net0: route 0.0.0.0/0 via 203.0.113.1",
				"net0: route ::/0 via fe80::1", "net0: rule from 192.0.2.10 look in 7, priority 9", "net0: table-route 192.0.2.0/24 direct in 7"},
		},
		"keyfile: the options of a route, and no IPv6": {
			ReadKeyfiles(map[string]string{"a.nmconnection": "[connection]\nid=cloud-init net0\n[ipv4]\nmethod=auto\nroute-metric=8\n" +
				"address1=192.0.2.10/24,192.0.2.1\nroute1=0.0.0.0/0,203.0.113.1,5\nroute1_options=table=7,onlink=true\n" +
				"route2=198.51.100.0/24,203.0.113.1,5\nroute2_options=onlink=true\ndns-search=a.example;b.example;\n[ipv6]\nmethod=disabled\n"}),
			[]string{"net0: address 192.0.2.10/24", "net0: dhcp ipv4", "net0: dhcp-metric 8 of ipv4", "net0: metric 5 of 198.51.100.0/24 via 203.0.113.1",
				"net0: metric 8 of 0.0.0.0/0 via 192.0.2.1", "net0: no-ra without IPv6 addresses", "net0: on-link 198.51.100.0/24 via 203.0.113.1",
				"net0: route 0.0.0.0/0 via 192.0.2.1", "net0: route 198.51.100.0/24 via 203.0.113.1", "net0: search a.example", "net0: search b.example",
				"net0: table-route 0.0.0.0/0 via 203.0.113.1 in 7"},
		},
		"sysconfig: prefixes, more addresses, routes of IPv6, resolvers": {
			ReadSysconfig(map[string]string{
				"ifcfg-net0": "HWADDR=02:00:00:00:00:0A\nBOOTPROTO=dhcp\nIPADDR0=192.0.2.10\nPREFIX0=25\nIPADDR1=192.0.2.11\nNETMASK1=255.255.255.254\n" +
					"IPV6ADDR=2001:db8::1/64\nIPV6ADDR_SECONDARIES=\"2001:db8::2/64 2001:db8::3/64\"\nDHCPV6C=yes\nMETRIC=4\n",
				"route6-net0": "# a comment\n2001:db8:1::/48 via fe80::2 metric 5 table 7 dev net0\n2001:db8:2::/48 via fe80::2  dev net0\n",
				"resolv.conf": "; a comment\nnameserver 192.0.2.53\nsearch a.example b.example\n",
			}),
			[]string{": dns 192.0.2.53", ": search a.example", ": search b.example", "net0: address 192.0.2.10/25", "net0: address 192.0.2.11/31",
				"net0: address 2001:db8::1/64", "net0: address 2001:db8::2/64", "net0: address 2001:db8::3/64", "net0: dhcp ipv4", "net0: dhcp ipv6",
				"net0: dhcp-metric 4 of ipv4", "net0: mac 02:00:00:00:00:0a", "net0: route 2001:db8:2::/48 via fe80::2",
				"net0: table-route 2001:db8:1::/48 via fe80::2 in 7"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range c.got {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// values are what a guest would notice.
var values = regexp.MustCompile(`[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*(/[0-9]+)?|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(/[0-9]+)?|example\.(com|org)`)

// TestAReaderNoticesEveryChangedValue changes the addresses, gateways, MAC addresses and domains of what the newest
// cloud-init wrote, one at a time.
func TestAReaderNoticesEveryChangedValue(t *testing.T) {
	changed := map[parts.Ask]int{}
	for _, v := range verdicts(t) {
		read, ok := readers[v.Ask]
		if !ok || v.Err != nil || !strings.HasPrefix(v.Document.Name, "by-hand/") && !strings.HasPrefix(v.Document.Name, "dual-stack/") {
			continue
		}
		before, err := read(v.Files)
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range v.Files {
			if strings.HasSuffix(path, ".rules") || strings.HasSuffix(path, "resolv.conf") {
				continue // udev names the NIC by what ifcfg has too; and resolvers are in both places
			}
			for _, at := range values.FindAllStringIndex(text, -1) {
				files := map[string]string{}
				for other, content := range v.Files {
					files[other] = content
				}
				files[path] = text[:at[0]] + other(text[at[0]:at[1]]) + text[at[1]:]
				after, err := read(files)
				if err == nil && slices.Equal(before, after) {
					t.Errorf("%s, %s, %s: %s is changed, and nothing else is read", v.Document.Name, v.Ask, path, text[at[0]:at[1]])
				}
				changed[v.Ask]++
			}
		}
	}
	for _, r := range parts.Renderers {
		if changed[r] < 20 {
			t.Errorf("%s: only %d values were changed", r, changed[r])
		}
	}
}

// other gives another value of the same form.
func other(value string) string {
	if strings.HasPrefix(value, "example") {
		return "other." + value
	}
	i := strings.IndexAny(value, "0123456789abcdefABCDEF")
	digit := byte('1')
	if value[i] == digit {
		digit = '2'
	}
	return value[:i] + string(digit) + value[i+1:]
}
