package ipam

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// allocated is a use that began a number of minutes after noon.
func allocated(minutes int) Use {
	return Use{Allocated, noon.Add(time.Duration(minutes) * time.Minute)}
}

func wasReleased(minutes int) Use {
	return Use{Released, noon.Add(time.Duration(minutes) * time.Minute)}
}

// checkChoice compares what a pool gives next. Nothing is wanted as "".
func checkChoice(t *testing.T, s *Space, pool, want string, skip ...string) {
	t.Helper()
	a, ok := s.Choose(pool, func(a netip.Addr) bool { return slices.Contains(skip, a.String()) })
	got := ""
	if ok {
		got = a.String()
	}
	if got != want || ok != a.IsValid() {
		t.Errorf("%s gives %q, want %q", pool, got, want)
	}
}

func TestSpaceGivesNeverUsedAddressesFirstThenTheOldestReleased(t *testing.T) {
	var s Space
	s.Attach("web", pool(t, "192.0.2.0/29", "", "192.0.2.3", "192.0.2.1"))
	checkChoice(t, &s, "web", "192.0.2.2")
	checkChoice(t, &s, "web", "192.0.2.4", "192.0.2.2")

	s.Set(addr("192.0.2.2"), wasReleased(0))
	checkChoice(t, &s, "web", "192.0.2.4")
	s.Set(addr("192.0.2.4"), allocated(0))
	s.Set(addr("192.0.2.5"), Use{Cooling, noon})
	checkChoice(t, &s, "web", "192.0.2.6")

	s.Set(addr("192.0.2.6"), wasReleased(-1))
	checkChoice(t, &s, "web", "192.0.2.6")
	checkChoice(t, &s, "web", "192.0.2.2", "192.0.2.6")
	checkChoice(t, &s, "web", "", "192.0.2.6", "192.0.2.2")
	s.Set(addr("192.0.2.5"), wasReleased(-1)) // as long ago: the lower one
	checkChoice(t, &s, "web", "192.0.2.5")

	s.Set(addr("192.0.2.5"), Use{Reserved, noon})
	s.Set(addr("192.0.2.6"), Use{Releasing, noon})
	s.Set(addr("192.0.2.2"), allocated(1))
	checkChoice(t, &s, "web", "")
	want := Counts{Allocated: 2, Releasing: 1, Reserved: 1}
	if diff := cmp.Diff(want, s.Counts("web")); diff != "" || !s.FreeIn("web").IsZero() || s.Len() != 4 {
		t.Errorf("free %s, length %d, counts (-want +got)\n%s", s.FreeIn("web"), s.Len(), diff)
	}

	s.Set(addr("192.0.2.4"), Use{}) // forgotten: never used again
	checkChoice(t, &s, "web", "192.0.2.4")
}

func TestSpaceOfPoolsThatComeAndGo(t *testing.T) {
	var s Space
	checkChoice(t, &s, "web", "")
	s.Set(addr("192.0.2.1"), allocated(0))
	s.Set(addr("192.0.2.2"), wasReleased(0))
	s.Set(addr("203.0.113.7"), allocated(0)) // in no pool
	s.Attach("web", pool(t, "192.0.2.0/30", "", ""))
	if diff := cmp.Diff(Counts{Allocated: 1, Released: 1}, s.Counts("web")); diff != "" {
		t.Errorf("uses from before are not counted (-want +got)\n%s", diff)
	}
	checkChoice(t, &s, "web", "192.0.2.2")
	if s.Len() != 2 || s.FreeIn("web") != CountOf(1) {
		t.Errorf("length %d, want 2; free %s, want 1", s.Len(), s.FreeIn("web"))
	}
	s.Attach("web", pool(t, "192.0.2.0/29", "", ""))
	checkChoice(t, &s, "web", "192.0.2.3")
	s.Attach("web", pool(t, "192.0.2.0/29", "192.0.2.1", ""))
	checkChoice(t, &s, "web", "")
	s.Detach("web")
	s.Detach("none")
	checkChoice(t, &s, "web", "")
	if s.Counts("web") != (Counts{}) || !s.FreeIn("web").IsZero() || s.Len() != 2 {
		t.Error("a pool that was detached is still counted, or the uses went with it")
	}
}

func TestSpaceKeepsUses(t *testing.T) {
	cases := map[string]struct{ set, want Use }{
		"a time in another zone is the same time in UTC": {Use{Cooling, noon.In(time.FixedZone("", 3600))}, Use{Cooling, noon}},
		"parts of a second":                  {Use{Released, noon.Add(123456789)}, Use{Released, noon.Add(123456789)}},
		"no time":                            {Use{Phase: Allocated}, Use{Phase: Allocated}},
		"times before 1970":                  {Use{Allocated, time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC)}, Use{Allocated, time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC)}},
		"no phase is no use":                 {Use{Since: noon}, Use{}},
		"an unknown phase keeps the address": {Use{"Lent", noon}, Use{Allocated, noon}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var s Space
			for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
				s.Set(addr(a), c.set)
				if diff := cmp.Diff(c.want, s.Use(addr(a))); diff != "" {
					t.Errorf("%s (-want +got)\n%s", a, diff)
				}
			}
		})
	}
	var s Space
	s.Set(netip.Addr{}, allocated(0))
	s.Set(addr("::ffff:192.0.2.1"), allocated(0))
	if s.Len() != 1 || s.Use(netip.Addr{}) != (Use{}) || s.Use(addr("192.0.2.1")) != allocated(0) {
		t.Errorf("length %d, and 192.0.2.1 is %v", s.Len(), s.Use(addr("192.0.2.1")))
	}
}

func TestSpaceSuggestsTheNextAddress(t *testing.T) {
	var s Space
	for _, a := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.6", "2001:db8::1"} {
		s.Set(addr(a), allocated(0))
	}
	s.Set(addr("192.0.2.4"), wasReleased(0))
	s.Set(addr("192.0.2.8"), allocated(0))
	cases := map[string]struct {
		prefix, after, want string
		skip                []string
	}{
		"the one behind":                         {prefix: "192.0.2.0/24", after: "192.0.2.9", want: "192.0.2.10"},
		"not one in use":                         {prefix: "192.0.2.0/24", after: "192.0.2.1", want: "192.0.2.3"},
		"a record is free":                       {prefix: "192.0.2.0/24", after: "192.0.2.3", want: "192.0.2.4"},
		"not one that is skipped":                {prefix: "192.0.2.0/24", after: "192.0.2.3", want: "192.0.2.7", skip: []string{"192.0.2.4", "192.0.2.5"}},
		"from the beginning again, not reserved": {prefix: "192.0.2.0/24", after: "192.0.2.254", want: "192.0.2.3"},
		"from the last address of the subnet":    {prefix: "192.0.2.0/24", after: "192.0.2.255", want: "192.0.2.3"},
		"from the first address of the subnet":   {prefix: "192.0.2.0/24", after: "192.0.2.0", want: "192.0.2.3"},
		"from elsewhere: the first":              {prefix: "192.0.2.0/24", after: "198.51.100.1", want: "192.0.2.3"},
		"never the address itself":               {prefix: "192.0.2.4/30", after: "192.0.2.5", want: ""},
		"the other one of a /31":                 {prefix: "192.0.2.8/31", after: "192.0.2.8", want: "192.0.2.9"},
		"the lower one of a /31":                 {prefix: "192.0.2.4/31", after: "192.0.2.5", want: "192.0.2.4"},
		"a /32 has no other":                     {prefix: "192.0.2.9/32", after: "192.0.2.9", want: ""},
		"a prefix that keeps its host bits":      {prefix: "192.0.2.9/24", after: "192.0.2.9", want: "192.0.2.10"},
		"IPv6":                                   {prefix: "2001:db8::/64", after: "2001:db8::", want: "2001:db8::2"},
		"IPv6 from the end, not the anycast one": {prefix: "2001:db8::/64", after: "2001:db8::ffff:ffff:ffff:ffff", want: "2001:db8::2"},
		"no link-local address":                  {prefix: "169.254.0.0/15", after: "169.255.255.255", want: "169.255.0.0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, ok := s.Next(netip.MustParsePrefix(c.prefix), addr(c.after), func(a netip.Addr) bool { return slices.Contains(c.skip, a.String()) })
			got := ""
			if ok {
				got = a.String()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if a, ok := s.Next(netip.Prefix{}, addr("192.0.2.1"), nil); ok {
		t.Errorf("no prefix suggests %s", a)
	}
}

// TestSearchThatSkipsEverythingEnds: a caller that can use no address gets an answer, also from a /64.
func TestSearchThatSkipsEverythingEnds(t *testing.T) {
	var s Space
	s.Attach("v6", pool(t, "2001:db8::/64", "", ""))
	n := 0
	none := func(netip.Addr) bool { n++; return true }
	if a, ok := s.Choose("v6", none); ok || n != maxSkipped+1 {
		t.Errorf("%s, %v after %d addresses", a, ok, n)
	}
	n = 0
	if a, ok := s.Next(netip.MustParsePrefix("2001:db8::/64"), addr("2001:db8::1"), none); ok || n != maxSkipped+1 {
		t.Errorf("%s, %v after %d addresses", a, ok, n)
	}
	n = 0
	s.Attach("old", pool(t, "10.2.0.0/15", "", ""))
	for i := range uint64(1 << 17) {
		s.Set(addrOf(keyOf(addr("10.2.0.0")).add(u128{lo: i})), wasReleased(0))
	}
	if a, ok := s.Choose("old", none); ok || n != maxSkipped+1 {
		t.Errorf("%s, %v after %d released addresses", a, ok, n)
	}
	last := addr("10.0.255.254")
	s.Attach("v4", pool(t, "10.0.0.0/16", "", ""))
	if a, ok := s.Choose("v4", func(a netip.Addr) bool { return a != last }); !ok || a != last {
		t.Errorf("the last address of a /16 is not found: %s, %v", a, ok)
	}
}
