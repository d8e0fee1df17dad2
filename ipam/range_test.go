package ipam

import "testing"

func TestParseRangeAccepts(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"one address":                         {"192.0.2.10", "192.0.2.10-192.0.2.10"},
		"the first and the last address":      {"192.0.2.10-192.0.2.99", "192.0.2.10-192.0.2.99"},
		"two ends that are one":               {"192.0.2.10-192.0.2.10", "192.0.2.10-192.0.2.10"},
		"a prefix":                            {"192.0.2.64/26", "192.0.2.64-192.0.2.127"},
		"a prefix of one address":             {"192.0.2.64/32", "192.0.2.64-192.0.2.64"},
		"one IPv6 address":                    {"2001:DB8::10", "2001:db8::10-2001:db8::10"},
		"IPv6 ends, in numerical order":       {"2001:db8::f-2001:db8::10", "2001:db8::f-2001:db8::10"},
		"an IPv6 prefix":                      {"2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"},
		"the largest prefix":                  {"8000::/2", "8000::-bfff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"a range across octets":               {"192.0.2.99-192.0.3.1", "192.0.2.99-192.0.3.1"},
		"a range around addresses of no host": {"126.0.0.0-128.0.0.0", "126.0.0.0-128.0.0.0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRange(c.text)
			if err != nil || got.String() != c.want {
				t.Errorf("ParseRange(%q) = %v, %v, want %s", c.text, got, err, c.want)
			}
		})
	}
}

func TestParseRangeRefuses(t *testing.T) {
	cases := map[string]struct{ text, err string }{
		"nothing":                      {"", `"" is not an address of a range: write one address, the first and the last, or a prefix: 192.0.2.10, 192.0.2.10-192.0.2.99 or 192.0.2.64/26`},
		"text":                         {"all", "is not an address of a range"},
		"a dash alone":                 {"-", "is not an address of a range"},
		"a missing end":                {"192.0.2.10-", "is not an address of a range"},
		"three ends":                   {"192.0.2.1-192.0.2.2-192.0.2.3", `"192.0.2.2-192.0.2.3" is not an address of a range`},
		"ends in the wrong order":      {"192.0.2.99-192.0.2.10", `"192.0.2.99-192.0.2.10" ends before it begins: write 192.0.2.10-192.0.2.99`},
		"IPv6 ends in the wrong order": {"2001:db8::10-2001:db8::f", "write 2001:db8::f-2001:db8::10"},
		"ends of two families":         {"192.0.2.10-2001:db8::1", "begins with an IPv4 address and ends with an IPv6 one: write two ends of one family"},
		"a number as the last address": {"192.0.2.10-99", `"192.0.2.10-99" has no address after the dash: write both ends in full: 192.0.2.10-192.0.2.99`},
		"a number after an IPv6 one":   {"2001:db8::1-99", `"99" is not an address of a range`},
		"host bits":                    {"192.0.2.70/26", "has bits after its prefix length, and so may mean an address or a prefix: write 192.0.2.64/26 for the prefix, or 192.0.2.70 for the address alone"},
		"IPv6 host bits":               {"2001:db8::1/64", "write 2001:db8::/64 for the prefix, or 2001:db8::1 for the address alone"},
		"a range of prefixes":          {"192.0.2.0/25-192.0.2.128/25", "has a prefix length, and an address alone is wanted here"},
		"every address":                {"0.0.0.0/0", "has the prefix length 0, which is every address"},
		"a prefix length above 32":     {"192.0.2.0/33", "has a prefix length above 32"},
		"a netmask":                    {"192.0.2.0/255.255.255.0", "write 192.0.2.0/24"},
		"blanks around the dash":       {"192.0.2.10 - 192.0.2.99", `"192.0.2.10 " has blanks around it: write 192.0.2.10`},
		"a leading zero":               {"192.0.2.010", "write 192.0.2.10 if decimal is meant"},
		"a leading zero in a prefix":   {"192.0.2.0/024", "write 192.0.2.0/24 if decimal is meant"},
		"a zone":                       {"2001:db8::1%eth0", "carries a zone"},
		"a zone in a prefix":           {"2001:db8::%eth0/64", "carries a zone"},
		"IPv4 in IPv6 form":            {"::ffff:192.0.2.10", "is an IPv4 address in IPv6 form: write 192.0.2.10"},
		"IPv4 in IPv6 form, a prefix":  {"::ffff:192.0.2.0/120", "is an IPv4 address in IPv6 form: write 192.0.2.0/24"},
		"an address of no machine":     {"127.0.0.1", "is a loopback address and cannot be given to a machine"},
		"an end of no machine":         {"192.0.2.10-224.0.0.1", `"224.0.0.1" is a multicast address and cannot be given to a machine`},
		"a prefix of no machines":      {"fe80::/64", "contains fe80::, a link-local address, which cannot be given to a machine: write unicast addresses of the subnet"},
		"hostile text":                 {"192.0.2.10\u202e", `"192.0.2.10\u202e" is not an address of a range`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRange(c.text)
			checkError(t, err, c.err)
			checkShowable(t, err)
			if got.IsValid() {
				t.Errorf("refused, and still gives %s", got)
			}
		})
	}
}

// FuzzParseRange: what is accepted is one family in order and parses back to itself; what is refused gets an error fit for a
// status.
func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"192.0.2.10", "192.0.2.10-192.0.2.99", "192.0.2.64/26", "2001:db8::/64", "2001:db8::1-2001:db8::2", "192.0.2.1-99",
		"-", "/", "0.0.0.0/0", "::ffff:192.0.2.1", "fe80::1%a-b", "192.0.2.9-192.0.2.1", "192.0.2.010-1", "::/1", "ffff::-ffff::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRange(text)
		if err != nil {
			checkShowable(t, err)
			return
		}
		if !r.IsValid() || r.From().Is4() != r.To().Is4() || r.From().Is4In6() || r.From().Zone() != "" {
			t.Errorf("%q gives %s, which is no range", text, r)
		}
		if again, err := ParseRange(r.String()); err != nil || again != r {
			t.Errorf("%q gives %s, which gives %s, %v", text, r, again, err)
		}
	})
}
