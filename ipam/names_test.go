package ipam

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// subdomain is what the API server accepts as the name of an object, without the limit of 253 bytes.
var subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

func TestLeaseName(t *testing.T) {
	long := strings.Repeat("f", MaxFabricLength)
	cases := map[string]struct {
		addr, segment string
		want, err     string
	}{
		"IPv4 on untagged frames":                    {addr: "10.0.0.5", segment: "lab", want: "ip-10-0-0-5.lab"},
		"IPv4 on a VLAN":                             {addr: "10.0.0.5", segment: "lab.100", want: "ip-10-0-0-5.lab.100"},
		"IPv6 is named from its canonical form":      {addr: "2001:DB8:0:0::5", segment: "lab", want: "ip-2001-db8--5.lab"},
		"IPv6 may begin with two colons":             {addr: "::1", segment: "lab", want: "ip---1.lab"},
		"the longest name":                           {addr: "2001:db8:1111:2222:3333:4444:5555:6666", segment: long + ".4094", want: "ip-2001-db8-1111-2222-3333-4444-5555-6666." + long + ".4094"},
		"a 0 follows two colons at the end":          {addr: "2001:db8::", segment: "lab", want: "ip-2001-db8--0.lab"},
		"the shortening may be at the end":           {addr: "2001:db8:0:0:1:0:0:0", segment: "lab.100", want: "ip-2001-db8-0-0-1--0.lab.100"},
		"a single 0 at the end is written anyway":    {addr: "2001:db8:1:2:3:4:5:0", segment: "lab", want: "ip-2001-db8-1-2-3-4-5-0.lab"},
		"a text of two colons alone":                 {addr: "::", segment: "lab", want: "ip---0.lab"},
		"a zone is refused":                          {addr: "fe80::1%eth0", segment: "lab", err: "carries a zone: remove the percent sign and what follows it: fe80::1"},
		"an IPv4 address in IPv6 form is refused":    {addr: "::ffff:10.0.0.5", segment: "lab", err: "is an IPv4 address in IPv6 form: write the IPv4 address 10.0.0.5"},
		"no address is refused":                      {segment: "lab", err: "is not an address"},
		"an empty segment is refused":                {addr: "10.0.0.5", err: "is not the name of a fabric"},
		"a segment with capital letters is refused":  {addr: "10.0.0.5", segment: "Lab", err: "is not the name of a fabric"},
		"a fabric that is too long is refused":       {addr: "10.0.0.5", segment: long + "f", err: "at most 40"},
		"a VLAN of another spelling is refused":      {addr: "10.0.0.5", segment: "lab.0100", err: "does not end in a VLAN number"},
		"a segment that would add a part is refused": {addr: "10.0.0.5", segment: "lab.100.x", err: "does not end in a VLAN number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			addr, _ := netip.ParseAddr(c.addr)
			got, err := LeaseName(addr, c.segment)
			checkError(t, err, c.err)
			if got != c.want {
				t.Errorf("LeaseName = %q, want %q", got, c.want)
			}
			if len(got) > 88 {
				t.Errorf("%d bytes, documented are 88", len(got))
			}
		})
	}
}

// checkError wants an error whose text contains want, or none when want is empty.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("error %q, want none", err)
	case want != "" && err == nil:
		t.Errorf("no error, want one that says %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error\n  %s\nwant one that says\n  %s", err, want)
	}
}

func TestParseSegment(t *testing.T) {
	cases := map[string]struct {
		text string
		want Segment
		err  string
	}{
		"a fabric alone is its untagged frames": {text: "lab", want: Segment{Fabric: "lab"}},
		"a number is a VLAN":                    {text: "lab.1", want: Segment{Fabric: "lab", VLAN: 1}},
		"the largest VLAN":                      {text: "lab-2.4094", want: Segment{Fabric: "lab-2", VLAN: 4094}},
		"a fabric of digits":                    {text: "100", want: Segment{Fabric: "100"}},
		"VLAN 0 is not written":                 {text: "lab.0", err: `"lab.0" does not end in a VLAN number: write the fabric alone for untagged frames`},
		"VLAN 4095 is reserved":                 {text: "lab.4095", err: "1 to 4094"},
		"a negative VLAN is refused":            {text: "lab.-1", err: "VLAN number"},
		"a sign is refused":                     {text: "lab.+1", err: "VLAN number"},
		"a dot alone is refused":                {text: "lab.", err: "VLAN number"},
		"a dash at the end is refused":          {text: "lab-", err: "name of a fabric"},
		"an underscore is refused":              {text: "la_b", err: "name of a fabric"},
		"nothing is refused":                    {text: "", err: "name of a fabric"},
		"hostile text is quoted and cut":        {text: "\u202e" + strings.Repeat("x", 99), err: `"\u202exxx`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSegment(c.text)
			checkError(t, err, c.err)
			if got != c.want {
				t.Errorf("ParseSegment = %+v, want %+v", got, c.want)
			}
		})
	}
	if err := (Segment{Fabric: "lab", VLAN: 4095}).Validate(); err == nil {
		t.Error("VLAN 4095 is valid")
	}
}

func FuzzParseSegmentReadsBackWhatItAccepts(f *testing.F) {
	for _, s := range []string{"lab", "lab.100", "lab.0100", "a.b", "", "-", "lab.\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSegment(text)
		if err == nil && s.String() != text {
			t.Errorf("%q is read as %q", text, s)
		}
	})
}

// FuzzLeaseNamesAreInjective: one name never stands for two addresses or two segments, and the API server accepts it.
func FuzzLeaseNamesAreInjective(f *testing.F) {
	f.Add([]byte{10, 0, 0, 5}, "lab", []byte{10, 0, 0, 5}, "lab.100")
	f.Add([]byte{1, 2, 3, 4}, "a", []byte{0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1}, "a")
	f.Add([]byte{0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0}, "a", []byte{0, 1, 0, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0}, "a")
	f.Add([]byte{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}, "5-6", []byte{1, 2, 3, 4}, "5-6")
	f.Fuzz(func(t *testing.T, a []byte, segmentA string, b []byte, segmentB string) {
		addrA, okA := netip.AddrFromSlice(a)
		addrB, okB := netip.AddrFromSlice(b)
		if !okA || !okB {
			return
		}
		nameA, errA := LeaseName(addrA, segmentA)
		nameB, errB := LeaseName(addrB, segmentB)
		if errA != nil || errB != nil {
			return
		}
		if (nameA == nameB) != (addrA == addrB && segmentA == segmentB) {
			t.Errorf("%s on %s is %s, %s on %s is %s", addrA, segmentA, nameA, addrB, segmentB, nameB)
		}
		if !subdomain.MatchString(nameA) {
			t.Errorf("%q is no name of an object", nameA)
		}
	})
}
