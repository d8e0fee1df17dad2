package ipam

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestParseAddressAccepts(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"an IPv4 host address":                            {"10.0.0.5/24", "10.0.0.5/24"},
		"documentation addresses":                         {"192.0.2.10/24", "192.0.2.10/24"},
		"shared address space":                            {"100.64.0.1/10", "100.64.0.1/10"},
		"an address that ends in .0 inside its subnet":    {"10.0.1.0/23", "10.0.1.0/23"},
		"an address that ends in .255 inside its subnet":  {"10.0.0.255/23", "10.0.0.255/23"},
		"both addresses of a /31, the lower":              {"10.0.0.4/31", "10.0.0.4/31"},
		"both addresses of a /31, the upper":              {"10.0.0.5/31", "10.0.0.5/31"},
		"a /32":                                           {"10.0.0.0/32", "10.0.0.0/32"},
		"the shortest prefix":                             {"10.0.0.5/1", "10.0.0.5/1"},
		"IPv6 in capital letters, written canonically":    {"2001:DB8::5/64", "2001:db8::5/64"},
		"IPv6 in a long form, written canonically":        {"2001:db8:0:0:0::5/64", "2001:db8::5/64"},
		"IPv6 with dotted decimals, written canonically":  {"2001:db8::1.2.3.4/64", "2001:db8::102:304/64"},
		"the last address of an IPv6 subnet":              {"2001:db8::ffff:ffff:ffff:ffff/64", "2001:db8::ffff:ffff:ffff:ffff/64"},
		"both addresses of a /127, the lower":             {"2001:db8::/127", "2001:db8::/127"},
		"both addresses of a /127, the upper":             {"2001:db8::1/127", "2001:db8::1/127"},
		"an address that ends in zeros inside its subnet": {"2001:db8:0:0:1::/48", "2001:db8:0:0:1::/48"},
		"a /128 that ends in zeros":                       {"2001:db8::/128", "2001:db8::/128"},
		"a /128":                                          {"2001:db8::5/128", "2001:db8::5/128"},
		"a unique local address":                          {"fd00::5/64", "fd00::5/64"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseAddress(c.text)
			if err != nil || got.String() != c.want {
				t.Errorf("ParseAddress(%q) = %v, %v, want %s", c.text, got, err, c.want)
			}
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	cases := map[string]struct{ text, err string }{
		"a missing prefix length":            {"10.0.0.5", `"10.0.0.5" has no prefix length: write it with the length of its subnet, such as 10.0.0.5/24`},
		"a missing prefix length of IPv6":    {"2001:db8::5", "such as 2001:db8::5/64"},
		"a missing prefix length, mapped":    {"::ffff:10.0.0.5", "such as 10.0.0.5/24"},
		"nothing":                            {"", `"" is no address: write an address with its prefix length, such as 192.0.2.10/24`},
		"a leading zero":                     {"010.0.0.5/24", `"010.0.0.5/24" has a leading zero, which some programs read as octal: write 10.0.0.5/24 if decimal is meant`},
		"a netmask of the other family":      {"10.0.0.5/ffff::", "is not an address with a prefix length"},
		"leading zeros without prefix":       {"10.00.0.05", "write 10.0.0.5 if decimal is meant"},
		"a leading zero in the prefix":       {"10.0.0.5/024", "write 10.0.0.5/24 if decimal is meant"},
		"a leading zero in an IPv6 prefix":   {"2001:db8::5/064", "write 2001:db8::5/64 if decimal is meant"},
		"a netmask":                          {"10.0.0.5/255.255.255.0", `has a netmask where a prefix length is wanted: write 10.0.0.5/24`},
		"a netmask with holes":               {"10.0.0.5/255.0.255.0", "has a netmask where a prefix length is wanted: write it as 10.0.0.5/24"},
		"a prefix that is too long":          {"10.0.0.5/33", "has a prefix length above 32: write the length of its subnet, such as 10.0.0.5/24"},
		"an IPv6 prefix that is too long":    {"2001:db8::5/129", "has a prefix length above 128"},
		"prefix length 0":                    {"10.0.0.5/0", "has the prefix length 0, which is no subnet"},
		"a zone":                             {"fe80::1%eth0/64", `"fe80::1%eth0" carries a zone: remove "%eth0"`},
		"a zone without prefix":              {"fe80::1%eth0", "carries a zone"},
		"IPv4 in IPv6 form":                  {"::ffff:10.0.0.5/120", "is an IPv4 address in IPv6 form: write 10.0.0.5/24"},
		"IPv4 in IPv6 form, short prefix":    {"::ffff:10.0.0.5/64", "write 10.0.0.5/24"},
		"IPv4 in IPv6 form, whole":           {"::ffff:10.0.0.5/96", "write 10.0.0.5/24"},
		"blanks":                             {" 10.0.0.5/24\n", "has blanks around it: write 10.0.0.5/24"},
		"text that is no address":            {"web-1", `"web-1" is not an address with a prefix length: write it as 192.0.2.10/24 or 2001:db8::10/64`},
		"YAML that wants out":                {"10.0.0.5/24\n      routes:\n        - to: 0.0.0.0/0", `"10.0.0.5/24\n      routes`},
		"a bidirectional mark":               {"10.0.0.5\u202e/24", `"10.0.0.5\u202e/24" is not an address`},
		"a negative prefix":                  {"10.0.0.5/-1", "is not an address with a prefix length"},
		"the unspecified address":            {"0.0.0.0/24", "this network"},
		"this network":                       {"0.1.2.3/8", `is an address of "this network" (RFC 1122 section 3.2.1.3) and cannot be given to a machine: use a unicast address of the subnet`},
		"loopback":                           {"127.0.0.1/8", "is a loopback address"},
		"link-local":                         {"169.254.3.4/16", "is a link-local address"},
		"multicast":                          {"224.0.0.1/24", "is a multicast address"},
		"limited broadcast":                  {"255.255.255.255/32", "is the limited broadcast address"},
		"reserved":                           {"240.0.0.1/24", "is a reserved address (RFC 1112 section 4)"},
		"the network address":                {"10.0.0.0/24", `"10.0.0.0/24" is the network address of 10.0.0.0/24 and cannot be given to a machine: use an address between the first and the last of the subnet, or correct the prefix length`},
		"the broadcast address":              {"10.0.0.255/24", "is the broadcast address of 10.0.0.0/24"},
		"the network address of a /30":       {"10.0.0.4/30", "is the network address of 10.0.0.4/30"},
		"the broadcast address of a /30":     {"10.0.0.7/30", "is the broadcast address of 10.0.0.4/30"},
		"the IPv6 unspecified address":       {"::/64", "is the unspecified address"},
		"the IPv6 loopback address":          {"::1/128", "is the loopback address"},
		"an IPv4-compatible address":         {"::10.0.0.5/120", "IPv4-compatible"},
		"IPv6 link-local":                    {"fe80::5/64", "is a link-local address"},
		"IPv6 multicast":                     {"ff02::1/64", "is a multicast address"},
		"the Subnet-Router anycast address":  {"2001:db8::/64", "is the Subnet-Router anycast address of 2001:db8::/64"},
		"the same inside a longer address":   {"2001:db8::1:4/126", "is the Subnet-Router anycast address of 2001:db8::1:4/126"},
		"a text that is longer than any one": {strings.Repeat("1", 100_000), `1111" (cut) is not an address`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseAddress(c.text)
			checkError(t, err, c.err)
			checkShowable(t, err)
			if got.IsValid() {
				t.Errorf("refused, and still gives %s", got)
			}
		})
	}
}

// checkShowable: an error can be put into a status as it is.
func checkShowable(t *testing.T, err error) {
	t.Helper()
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("%T is not an *InvalidError", err)
	}
	if invalid.Problem == "" || invalid.Fix == "" || len(err.Error()) > 700 {
		t.Errorf("not fit for a status: %q", err)
	}
	for _, r := range err.Error() {
		if r < ' ' || r > '~' {
			t.Errorf("%q carries the character %q", err, r)
		}
	}
}

func TestParseIP(t *testing.T) {
	cases := map[string]struct{ text, want, err string }{
		"an IPv4 address":                  {text: "10.0.0.1", want: "10.0.0.1"},
		"an IPv6 address":                  {text: "2001:DB8::1", want: "2001:db8::1"},
		"a link-local IPv6 gateway":        {text: "fe80::1", want: "fe80::1"},
		"a resolver on the link":           {text: "169.254.169.254", want: "169.254.169.254"},
		"a resolver of the machine itself": {text: "127.0.0.53", want: "127.0.0.53"},
		"a prefix length is refused":       {text: "10.0.0.1/24", err: `"10.0.0.1/24" has a prefix length, and an address alone is wanted here: write 10.0.0.1`},
		"a leading zero is refused":        {text: "10.0.0.01", err: "write 10.0.0.1 if decimal is meant"},
		"a zone is refused":                {text: "fe80::1%eth0", err: "carries a zone"},
		"IPv4 in IPv6 form is refused":     {text: "::ffff:10.0.0.1", err: "write 10.0.0.1"},
		"multicast is refused":             {text: "224.0.0.1", err: "is a multicast address, which no server or gateway has"},
		"unspecified is refused":           {text: "::", err: "is the unspecified address"},
		"broadcast is refused":             {text: "255.255.255.255", err: "limited broadcast"},
		"blanks are refused":               {text: "8.8.8.8 ", err: "write 8.8.8.8"},
		"YAML is refused":                  {text: "8.8.8.8]\n, x: {y", err: `"8.8.8.8]\n, x: {y" is not an address: write it as 192.0.2.1 or 2001:db8::1`},
		"a tag of YAML is refused":         {text: "!!python/object", err: "is not an address"},
		"nothing is refused":               {text: "", err: "is not an address"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseIP(c.text)
			checkError(t, err, c.err)
			if err != nil {
				checkShowable(t, err)
			} else if got.String() != c.want {
				t.Errorf("ParseIP = %s, want %s", got, c.want)
			}
		})
	}
}

func TestCheckGateway(t *testing.T) {
	cases := map[string]struct {
		addr, gateway string
		reach         Reach
		err           string
	}{
		"a router of the subnet":                             {addr: "10.0.0.5/24", gateway: "10.0.0.1"},
		"the other end of a /31":                             {addr: "10.0.0.5/31", gateway: "10.0.0.4"},
		"a router of an IPv6 subnet":                         {addr: "2001:db8::5/64", gateway: "2001:db8::1"},
		"a link-local IPv6 router is on every link":          {addr: "2001:db8::5/64", gateway: "fe80::1"},
		"the Subnet-Router anycast address reaches a router": {addr: "2001:db8::5/64", gateway: "2001:db8::"},
		"a router outside the subnet, declared on-link":      {addr: "10.0.0.5/32", gateway: "10.9.9.9", reach: OnLink},
		"a link-local IPv4 router, declared on-link":         {addr: "10.0.0.5/32", gateway: "169.254.1.1", reach: OnLink},
		"outside the subnet": {addr: "10.0.0.5/24", gateway: "10.0.1.1",
			err: `"10.0.1.1" is not in the subnet 10.0.0.0/24 of the address: write a gateway of that subnet, correct the prefix length of 10.0.0.5/24, or declare the gateway on-link`},
		"a link-local IPv4 router that nobody declared": {addr: "10.0.0.5/24", gateway: "169.254.1.1", err: "is not in the subnet"},
		"a /32 has no router in its subnet":             {addr: "10.0.0.5/32", gateway: "10.0.0.1", err: "is not in the subnet 10.0.0.5/32"},
		"the other family": {addr: "10.0.0.5/24", gateway: "fe80::1",
			err: `"fe80::1" is IPv6 and cannot be the gateway of 10.0.0.5/24, which is IPv4: write a gateway of the same family`},
		"the other family, the other way round": {addr: "2001:db8::5/64", gateway: "10.0.0.1", err: "is IPv4 and cannot be the gateway"},
		"the machine's own address":             {addr: "10.0.0.5/24", gateway: "10.0.0.5", err: "is the machine's own address"},
		"the own address, also if on-link":      {addr: "10.0.0.5/32", gateway: "10.0.0.5", reach: OnLink, err: "is the machine's own address"},
		"loopback":                              {addr: "10.0.0.5/24", gateway: "127.0.0.1", reach: OnLink, err: "is a loopback address and cannot be a gateway"},
		"multicast":                             {addr: "2001:db8::5/64", gateway: "ff02::2", err: "is a multicast address"},
		"the network address":                   {addr: "10.0.0.5/24", gateway: "10.0.0.0", err: "is the network address of 10.0.0.0/24"},
		"the broadcast address":                 {addr: "10.0.0.5/24", gateway: "10.0.0.255", err: "is the broadcast address of 10.0.0.0/24"},
		"a zone":                                {addr: "2001:db8::5/64", gateway: "fe80::1%eth0", err: "carries a zone"},
		"IPv4 in IPv6 form":                     {addr: "10.0.0.5/24", gateway: "::ffff:10.0.0.1", err: "IPv4 address in IPv6 form"},
		"no gateway at all":                     {addr: "10.0.0.5/24", err: "is not an address"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			gateway, _ := netip.ParseAddr(c.gateway)
			err := CheckGateway(netip.MustParsePrefix(c.addr), gateway, c.reach)
			checkError(t, err, c.err)
			if err != nil {
				checkShowable(t, err)
			}
		})
	}
}

// FuzzParseAddress: whatever is accepted is canonical after one step, usable, and has a lease name; whatever is refused
// gets an error fit for a status.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"10.0.0.5/24", "10.0.0.5", "010.0.0.5/24", "2001:db8::5/64", "fe80::1%eth0/64", "::ffff:1.2.3.4/120",
		"10.0.0.5/255.255.255.0", "10.0.0.5/", "/24", "%/", "1.2.3.4/00", "0.0.0.0/0", "::/0", "2001:db8::1:0:0:0/48", "0x0a.0.0.5/24"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseAddress(text)
		if err != nil {
			checkShowable(t, err)
			return
		}
		if again, err := ParseAddress(p.String()); err != nil || again != p {
			t.Errorf("%q gives %s, which gives %s, %v", text, p, again, err)
		}
		if _, err := LeaseName(p.Addr(), "lab.100"); err != nil {
			t.Errorf("%q is accepted and has no lease name: %v", text, err)
		}
		if !p.Addr().IsGlobalUnicast() || p.Addr().Zone() != "" || p.Bits() < 1 {
			t.Errorf("%q gives %s, which no machine can have", text, p)
		}
		if err := CheckGateway(p, p.Addr(), OnLink); err == nil {
			t.Errorf("%s is its own gateway", p)
		}
	})
}

func FuzzParseIP(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "10.0.0.1/24", "fe80::1%x", "*alias", "&a x", "---", "1.2.3.04"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := ParseIP(text)
		if err != nil {
			checkShowable(t, err)
			return
		}
		if again, err := ParseIP(addr.String()); err != nil || again != addr {
			t.Errorf("%q gives %s, which gives %s, %v", text, addr, again, err)
		}
	})
}
