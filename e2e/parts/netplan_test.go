package parts

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const oneNIC = `version: 2
ethernets:
  net0:
    match: {macaddress: "02:00:00:00:00:01"}
    set-name: net0
    accept-ra: false
    mtu: 1500
    addresses: [192.0.2.10/24, "2001:db8:1::10/64"]
    routes:
    - {to: 0.0.0.0/0, via: 192.0.2.1}
    - {to: "::/0", via: "2001:db8:1::1"}
    nameservers: {addresses: [192.0.2.53], search: [example.com]}
`

const secondNIC = `  net1:
    match: {macaddress: "02:00:00:00:00:02"}
    set-name: net1
    addresses: [198.51.100.10/24]
    routes: [{to: 0.0.0.0/0, via: 198.51.100.1, metric: 200}]
`

func TestNetplanAcceptsNetworkData(t *testing.T) {
	n := NetplanForTest(t)
	cases := map[string]struct {
		document string
		files    []string
	}{
		"one NIC with both families":       {oneNIC, []string{"10-netplan-net0.link", "10-netplan-net0.network"}},
		"two gateways with two metrics":    {oneNIC + secondNIC, []string{"10-netplan-net0.link", "10-netplan-net0.network", "10-netplan-net1.link", "10-netplan-net1.network"}},
		"a netplan file":                   {"network:\n" + indented(oneNIC), []string{"10-netplan-net0.link", "10-netplan-net0.network"}},
		"JSON":                             {asJSON(t, oneNIC), []string{"10-netplan-net0.link", "10-netplan-net0.network"}},
		"a document marker and a comment":  {"---\n# a comment\n" + oneNIC, []string{"10-netplan-net0.link", "10-netplan-net0.network"}},
		"network data without any network": {"version: 2\n", nil},
		"a host route and an on-link gateway": {
			strings.NewReplacer("192.0.2.10/24", "192.0.2.10/32", "via: 192.0.2.1", "via: 192.0.2.1, on-link: true").Replace(oneNIC),
			[]string{"10-netplan-net0.link", "10-netplan-net0.network"}},
		"policy routing": {oneNIC + strings.Replace(secondNIC, "routes: [", "routing-policy: [{from: 198.51.100.10/32, table: 102, priority: 102}]\n    routes: [{to: 0.0.0.0/0, via: 198.51.100.1, table: 102}, {to: 198.51.100.0/24, scope: link, table: 102}, ", 1),
			[]string{"10-netplan-net0.link", "10-netplan-net0.network", "10-netplan-net1.link", "10-netplan-net1.network"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			files, err := n.Generate(t.Context(), []byte(c.document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.files, slices.Sorted(maps.Keys(files))); diff != "" {
				t.Errorf("files (-want +got)\n%s", diff)
			}
		})
	}
}

func TestNetplanReturnsWhatNetworkdReads(t *testing.T) {
	files, err := NetplanForTest(t).Generate(t.Context(), []byte(oneNIC))
	if err != nil {
		t.Fatal(err)
	}
	got := files["10-netplan-net0.network"]
	for _, line := range []string{"PermanentMACAddress=02:00:00:00:00:01", "Address=192.0.2.10/24", "Address=2001:db8:1::10/64",
		"IPv6AcceptRA=no", "Gateway=192.0.2.1", "Gateway=2001:db8:1::1", "DNS=192.0.2.53", "Domains=example.com", "MTUBytes=1500"} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no line %s in\n%s", line, got)
		}
	}
}

func TestNetplanRefuses(t *testing.T) {
	n := NetplanForTest(t)
	cases := map[string]struct{ from, to, want string }{
		"an address without prefix":              {"192.0.2.10/24", "192.0.2.10", "missing /prefixlength"},
		"an address that is none":                {"192.0.2.10/24", "192.0.2.300/24", "malformed address"},
		"an unknown key":                         {"addresses: [192.0.2.10", "adresses: [192.0.2.10", "unknown key"},
		"a MAC that is none":                     {"02:00:00:00:00:01", "02:00:00:00:00", "Invalid MAC address"},
		"a DNS server by name":                   {"[192.0.2.53]", "[ns.example.com]", "malformed address"},
		"a gateway of the other family":          {"via: 192.0.2.1", "via: '2001:db8:1::1'", "IP family mismatch"},
		"set-name without match":                 {"match: {macaddress: \"02:00:00:00:00:01\"}\n    ", "", "requires 'match:'"},
		"gateway4, which is a warning":           {"accept-ra: false", "gateway4: 192.0.2.1", "deprecated"},
		"two default routes of one metric":       {"{to: \"::/0\", via: \"2001:db8:1::1\"}", "{to: 0.0.0.0/0, via: 192.0.2.2}", "onflicting default route"},
		"a name of 16 bytes, which is a warning": {"set-name: net0", "set-name: abcdefghijklmnop", "too long"},
		"version 1":                              {"version: 2", "version: 1", "version 2"},
		"what is no YAML":                        {"[example.com]", "[example.com", "Invalid YAML"},
		"what is no network data at all":         {oneNIC, "just text", "Error in network definition"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := n.Generate(t.Context(), []byte(replaceOnce(t, oneNIC, c.from, c.to)))
			wantRefusal(t, err, c.want)
			if err != nil && strings.Contains(err.Error(), "wukong-netplan-") {
				t.Errorf("the message names a temporary folder: %v", err)
			}
		})
	}
	t.Run("two default routes of one metric on two NICs", func(t *testing.T) {
		_, err := n.Generate(t.Context(), []byte(oneNIC+strings.Replace(secondNIC, ", metric: 200", "", 1)))
		wantRefusal(t, err, "Conflicting default route")
	})
}

// What the judge lets pass is listed in the comment on Generate.
func TestNetplanDoesNotSeeWhatOthersMustCheck(t *testing.T) {
	n := NetplanForTest(t)
	cases := map[string]struct{ from, to string }{
		"a gateway outside every subnet": {"via: 192.0.2.1", "via: 203.0.113.1"},
		"an address that occurs twice":   {"[192.0.2.10/24,", "[192.0.2.10/24, 192.0.2.10/24,"},
		"a small MTU with IPv6":          {"mtu: 1500", "mtu: 1200"},
		"a MAC without quotes":           {`"02:00:00:00:00:01"`, "02:00:00:00:00:01"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := n.Generate(t.Context(), []byte(replaceOnce(t, oneNIC, c.from, c.to))); err != nil {
				t.Errorf("netplan checks this: correct the comment on Generate: %v", err)
			}
		})
	}
}

func TestThePartIsNamedAfterTheRelease(t *testing.T) {
	cases := map[string]struct{ osRelease, want string }{
		"Debian quotes the version":          {"PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n", "debian-12"},
		"Ubuntu has the month":               {"ID=ubuntu\nVERSION_ID=\"24.04\"\n", "ubuntu-24.04"},
		"a rolling release has no version":   {"ID=arch\n", "arch-rolling"},
		"nothing in a name leads elsewhere":  {"ID=../x y\nVERSION_ID=\"1/2\"\n", ".._x_y-1_2"},
		"a file that says nothing is usable": {"", "linux-rolling"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := releaseName([]byte(c.osRelease)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func indented(document string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(document, "\n"), "\n", "\n  ") + "\n"
}
