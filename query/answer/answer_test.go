package answer

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// leaseAt is a lease that a network of a Wukong holds since noon. change makes it another one.
func leaseAt(address, segment string, change ...func(*v1alpha1.AddressLeaseSpec)) v1alpha1.AddressLease {
	name, err := ipam.LeaseName(netip.MustParseAddr(address), segment)
	if err != nil {
		panic(err) // a mistake in a test
	}
	l := v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AddressLeaseSpec{
		Address: address, Segment: segment, Phase: v1alpha1.LeaseAllocated, Since: metav1.NewTime(noon),
		Holder: &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "web", UID: "web-1", Network: "lan"},
	}}
	for _, c := range change {
		c(&l.Spec)
	}
	return l
}

func in(phase v1alpha1.LeasePhase) func(*v1alpha1.AddressLeaseSpec) {
	return func(s *v1alpha1.AddressLeaseSpec) {
		if s.Phase = phase; phase == v1alpha1.LeaseReleased {
			s.Holder = nil
		}
	}
}

func heldBy(namespace, name, network string) func(*v1alpha1.AddressLeaseSpec) {
	return func(s *v1alpha1.AddressLeaseSpec) {
		s.Holder = &v1alpha1.LeaseHolder{Namespace: namespace, Name: name, UID: "uid-1", Network: network}
	}
}

func changed(holder, uid, reason string, from, until time.Duration) v1alpha1.LeaseChange {
	c := v1alpha1.LeaseChange{Holder: holder, Reason: reason, From: metav1.NewTime(noon.Add(from))}
	c.UID = "web-1"
	if uid != "" {
		c.UID = "db-1"
	}
	if until != 0 {
		t := metav1.NewTime(noon.Add(until))
		c.Until = &t
	}
	return c
}

// hostile has what a terminal, a spreadsheet or a hosts file could take for a command.
const hostile = "=cmd|' /C calc'!A0\x1b[2J\u202e\u009b1m\n127.0.0.1 bank.example.com #"

func TestLeasesAreSortedBySegmentVLANAndAddress(t *testing.T) {
	leases := []v1alpha1.AddressLease{
		leaseAt("192.0.2.10", "lab.100"), leaseAt("192.0.2.9", "lab.100"), leaseAt("2001:db8::1", "lab.20"),
		leaseAt("192.0.2.1", "lab.20"), leaseAt("198.51.100.1", "lab"), leaseAt("203.0.113.1", "core"),
	}
	SortLeases(leases)
	var got []string
	for _, l := range leases {
		got = append(got, l.Spec.Segment+" "+l.Spec.Address)
	}
	want := []string{"core 203.0.113.1", "lab 198.51.100.1", "lab.20 192.0.2.1", "lab.20 2001:db8::1", "lab.100 192.0.2.9", "lab.100 192.0.2.10"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSinceAndBefore(t *testing.T) {
	history := []v1alpha1.LeaseChange{
		changed("team-a/web/lan", "", "", -time.Hour, 0),
		changed("team-a/web/lan", "", ipam.ReasonMACChanged, -2*time.Hour, -time.Hour),
		changed("team-b/db/lan", "db", "HolderDeleted", -9*time.Hour, -8*time.Hour),
	}
	tests := map[string]struct {
		phase      v1alpha1.LeasePhase
		since      time.Duration
		wantBefore []string
	}{
		"the holder has it since it got it, not since its MAC address changed":         {v1alpha1.LeaseAllocated, -2 * time.Hour, []string{"team-b/db/lan"}},
		"the holder has it while it is being released":                                 {v1alpha1.LeaseReleasing, -2 * time.Hour, []string{"team-b/db/lan"}},
		"nobody has an address that rests: everything in the history was before":       {v1alpha1.LeaseCooling, 0, []string{"team-a/web/lan", "team-a/web/lan", "team-b/db/lan"}},
		"nobody has an address that was released: everything in the record was before": {v1alpha1.LeaseReleased, 0, []string{"team-a/web/lan", "team-a/web/lan", "team-b/db/lan"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := leaseAt("192.0.2.10", "lab", in(tc.phase), func(s *v1alpha1.AddressLeaseSpec) { s.History = history })
			got := leaseOf(&l, nil)
			if want := noon.Add(tc.since).Format(time.RFC3339); got.Since != want {
				t.Errorf("since %s, want %s", got.Since, want)
			}
			var holders []string
			for _, h := range got.Before {
				holders = append(holders, h.Holder)
			}
			if diff := cmp.Diff(tc.wantBefore, holders); diff != "" {
				t.Errorf("before (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostsFilesNameWhoHasAnAddress(t *testing.T) {
	list := NewList([]v1alpha1.AddressLease{
		leaseAt("192.0.2.10", "lab"),
		leaseAt("192.0.2.11", "lab", heldBy("team-b", "web", "lan")),
		leaseAt("192.0.2.12", "lab", heldBy("team-b", "db", "data"), in(v1alpha1.LeaseReleasing)),
		leaseAt("192.0.2.13", "lab", in(v1alpha1.LeaseCooling)),
		leaseAt("192.0.2.14", "lab", in(v1alpha1.LeaseReleased)),
		leaseAt("192.0.2.15", "lab", heldBy("team-b", hostile, "lan")),
		leaseAt("192.0.2.16", "lab", heldBy("team-b", "api", "lan evil.example.com")),
		leaseAt("192.0.2.17", "lab", func(s *v1alpha1.AddressLeaseSpec) { s.Address = "192.0.2.17 evil" }),
	}, nil)
	var out bytes.Buffer
	left, err := list.WriteHosts(&out)
	if err != nil {
		t.Fatal(err)
	}
	want := `192.0.2.10 web.team-a lan.web.team-a
192.0.2.11 web.team-b lan.web.team-b
192.0.2.12 db.team-b data.db.team-b db
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(left) != 3 {
		t.Errorf("three leases cannot have a line: %q", left)
	}
	harmlessForTerminals(t, strings.Join(left, "\n"))
}

func TestCSVIsNothingThatASpreadsheetComputes(t *testing.T) {
	for _, first := range "=+-@|%\t" {
		list := NewList([]v1alpha1.AddressLease{leaseAt("192.0.2.10", "lab", func(s *v1alpha1.AddressLeaseSpec) {
			s.Conflict = string(first) + "1+1"
			s.Holder.VirtualMachine = "a,\"b\"\nc"
		})}, nil)
		var out bytes.Buffer
		if err := list.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[0]) != len(rows[1]) {
			t.Fatalf("%q: %v: %q", first, err, rows)
		}
		want := "'" + string(first) + "1+1"
		if first == '\t' {
			want = "1+1" // a tab is no part of a line of text
		}
		if got := rows[1][slices.Index(rows[0], "conflict")]; got != want {
			t.Errorf("conflict %q, want %q", got, want)
		}
		if got := rows[1][slices.Index(rows[0], "virtual_machine")]; got != `a,"b" c` {
			t.Errorf("virtual_machine %q", got)
		}
	}
}

// harmlessForTerminals checks lines of text.
func harmlessForTerminals(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%q is printed: %q", r, text)
			return
		}
	}
}

func TestWhatIsPrintedIsHarmless(t *testing.T) {
	l := leaseAt("192.0.2.10", "lab", func(s *v1alpha1.AddressLeaseSpec) {
		s.Conflict, s.Holder.Name, s.Holder.VirtualMachine = hostile, hostile, hostile
		s.History = []v1alpha1.LeaseChange{changed(hostile, "", hostile, 0, 0)}
	})
	pool := v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: hostile}, Spec: v1alpha1.AddressPoolSpec{Subnet: hostile},
		Status: v1alpha1.AddressPoolStatus{Outside: []string{hostile}, Conditions: []metav1.Condition{{Type: "Ready", Reason: "Odd", Message: hostile}}}}
	d := NewDeclared(nil, []v1alpha1.AddressPool{pool}, []v1alpha1.AddressReservation{
		{Spec: v1alpha1.AddressReservationSpec{Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Addresses: []v1alpha1.AddressRange{"192.0.2.10"}, Reason: hostile}}})
	owners := WhoHasAddress(netip.MustParseAddr("192.0.2.10"), Facts{Leases: []v1alpha1.AddressLease{l}, Declared: d})
	report := d.Pool(d.Pools.All()[0], nil, Size{80, 16})
	write := map[string]func(w *bytes.Buffer) error{
		"a table": func(w *bytes.Buffer) error {
			return NewList([]v1alpha1.AddressLease{l}, nil).Table(true).Write(w, Form{})
		},
		"a CSV file":        func(w *bytes.Buffer) error { return NewList([]v1alpha1.AddressLease{l}, nil).WriteCSV(w) },
		"an answer":         func(w *bytes.Buffer) error { return owners.Write(w, Form{Wide: true}) },
		"an answer in JSON": func(w *bytes.Buffer) error { return Structured(w, "json", owners) },
		"an answer in YAML": func(w *bytes.Buffer) error { return Structured(w, "yaml", owners) },
		"a history": func(w *bytes.Buffer) error {
			return NewHistory("192.0.2.10", []v1alpha1.AddressLease{l}).Write(w, Form{})
		},
		"a list in JSON":     func(w *bytes.Buffer) error { return Structured(w, "json", listOf(l)) },
		"a list in YAML":     func(w *bytes.Buffer) error { return Structured(w, "yaml", listOf(l)) },
		"a report on a pool": func(w *bytes.Buffer) error { return report.Write(w, nil) },
		"a table of pools": func(w *bytes.Buffer) error {
			return NewPoolList([]v1alpha1.AddressPool{pool}).Table(true).Write(w, Form{})
		},
	}
	for name, f := range write {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := f(&out); err != nil {
				t.Fatal(err)
			}
			if out.Len() == 0 {
				t.Error("nothing is printed")
			}
			harmlessForTerminals(t, out.String())
		})
	}
}

func listOf(l v1alpha1.AddressLease) *List {
	list := NewList([]v1alpha1.AddressLease{l}, nil)
	return &list
}

func TestJSONKeepsWhatYAMLCannotShow(t *testing.T) {
	l := leaseAt("192.0.2.10", "lab", func(s *v1alpha1.AddressLeaseSpec) { s.Conflict = hostile + "\U000e0001" })
	var out bytes.Buffer
	if err := Structured(&out, "json", listOf(l)); err != nil {
		t.Fatal(err)
	}
	var got List
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if diff := cmp.Diff(l.Spec.Conflict, got.Items[0].Conflict); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	if err := Structured(&out, "yaml", listOf(l)); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(out.Bytes(), &got); err != nil || got.Items[0].Address != "192.0.2.10" {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestHistoryIsNewestFirstSegmentBySegment(t *testing.T) {
	leases := []v1alpha1.AddressLease{
		leaseAt("192.0.2.10", "lab.100", func(s *v1alpha1.AddressLeaseSpec) {
			s.History = []v1alpha1.LeaseChange{changed("a/new/lan", "", "", 0, 0), changed("a/old/lan", "", "HolderDeleted", -time.Hour, -time.Minute)}
		}),
		leaseAt("192.0.2.10", "lab", in(v1alpha1.LeaseReleased), func(s *v1alpha1.AddressLeaseSpec) {
			s.History = []v1alpha1.LeaseChange{changed("a/other/lan", "", "Freed", -2*time.Hour, -time.Hour)}
		}),
	}
	var got []string
	for _, h := range NewHistory("192.0.2.10", leases).Holdings {
		got = append(got, h.Segment+" "+h.Holder)
	}
	if diff := cmp.Diff([]string{"lab a/other/lan", "lab.100 a/new/lan", "lab.100 a/old/lan"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMACAddressesAreReadInTheirUsualForms(t *testing.T) {
	for _, text := range []string{"02:00:00:aa:bb:01", "02-00-00-AA-BB-01", "0200.00aa.bb01"} {
		if mac, ok := ParseMAC(text); !ok || mac != "02:00:00:aa:bb:01" {
			t.Errorf("%s: %q %v", text, mac, ok)
		}
	}
	for _, text := range []string{"", "web", "02:00:00:aa:bb", "02:00:00:aa:bb:01:02:03", "192.0.2.10"} {
		if mac, ok := ParseMAC(text); ok {
			t.Errorf("%q is taken for the MAC address %s", text, mac)
		}
	}
}

func TestTheNameOfAReservationIsAFunctionOfItsAddressesAndSegment(t *testing.T) {
	vlan := v1alpha1.VLANID(100)
	names := map[string]string{}
	for _, segment := range []v1alpha1.Segment{{PhysicalNetwork: "lab"}, {PhysicalNetwork: "lab", VLAN: &vlan}, {PhysicalNetwork: "lab-100"},
		{PhysicalNetwork: v1alpha1.PhysicalNetworkName(strings.Repeat("l", 40)), VLAN: &vlan}} {
		for _, addresses := range []string{"192.0.2.10", "192.0.2.10-192.0.2.19", "2001:db8::", "2001:db8::1-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"} {
			name := ReservationName(segment, addresses)
			if name != ReservationName(segment, addresses) {
				t.Errorf("%s %s: two names", SegmentName(segment), addresses)
			}
			if other, taken := names[name]; taken {
				t.Errorf("%s is the name for %s %s and for %s", name, SegmentName(segment), addresses, other)
			}
			names[name] = SegmentName(segment) + " " + addresses
			if len(name) > maxReservationName || strings.ContainsAny(name, ".:/_ ") || strings.HasPrefix(name, "-") {
				t.Errorf("%q is no name of an AddressReservation", name)
			}
		}
	}
}
