package answer

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// poolOn is a pool on segment lab.
func poolOn(subnet string, change ...func(*v1alpha1.AddressPoolSpec)) v1alpha1.AddressPool {
	p := v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "office"},
		Spec: v1alpha1.AddressPoolSpec{Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Subnet: v1alpha1.Subnet(subnet)}}
	for _, c := range change {
		c(&p.Spec)
	}
	return p
}

func gateway(text v1alpha1.Address) func(*v1alpha1.AddressPoolSpec) {
	return func(s *v1alpha1.AddressPoolSpec) { s.Gateway = &text }
}

func ranges(texts ...v1alpha1.AddressRange) func(*v1alpha1.AddressPoolSpec) {
	return func(s *v1alpha1.AddressPoolSpec) { s.Ranges = texts }
}

func exclude(texts ...v1alpha1.AddressRange) func(*v1alpha1.AddressPoolSpec) {
	return func(s *v1alpha1.AddressPoolSpec) { s.Exclude = texts }
}

func reservation(addresses ...v1alpha1.AddressRange) v1alpha1.AddressReservation {
	return v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Spec: v1alpha1.AddressReservationSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Addresses: addresses, Reason: "printers"}}
}

func TestMaps(t *testing.T) {
	conflict := func(s *v1alpha1.AddressLeaseSpec) { s.Conflict = "node-b" }
	tests := map[string]struct {
		pool         v1alpha1.AddressPool
		reservations []v1alpha1.AddressReservation
		leases       []v1alpha1.AddressLease
		columns      int
		want         []string
	}{
		"each sign of one address": {
			pool:         poolOn("192.0.2.0/28", gateway("192.0.2.1"), exclude("192.0.2.12-192.0.2.13")),
			reservations: []v1alpha1.AddressReservation{reservation("192.0.2.8-192.0.2.9")},
			leases: []v1alpha1.AddressLease{leaseAt("192.0.2.2", "lab"), leaseAt("192.0.2.3", "lab", conflict), leaseAt("192.0.2.4", "lab", in(v1alpha1.LeaseCooling)),
				leaseAt("192.0.2.5", "lab", in(v1alpha1.LeaseReserved)), leaseAt("192.0.2.6", "lab", in(v1alpha1.LeaseReleasing)), leaseAt("192.0.2.7", "lab", in(v1alpha1.LeaseReleased))},
			columns: 80,
			want:    []string{"192.0.2.0 -G#x~R#.RR..--.-"},
		},
		"a lease on a reserved address, an excluded one or the gateway shows": {
			pool:         poolOn("192.0.2.0/28", gateway("192.0.2.1"), exclude("192.0.2.2")),
			reservations: []v1alpha1.AddressReservation{reservation("192.0.2.3")},
			leases:       []v1alpha1.AddressLease{leaseAt("192.0.2.1", "lab"), leaseAt("192.0.2.2", "lab"), leaseAt("192.0.2.3", "lab")},
			columns:      80,
			want:         []string{"192.0.2.0 -###...........-"},
		},
		"only the part with ranges is shown, and outside of them nothing is free": {
			pool:    poolOn("192.0.2.0/24", ranges("192.0.2.66-192.0.2.69", "192.0.2.100")),
			columns: 80,
			want: []string{
				"192.0.2.64 --....--------------------------",
				"192.0.2.96 ----.---------------------------"},
		},
		"a narrow terminal gets shorter rows": {
			pool:    poolOn("192.0.2.0/27"),
			columns: 30,
			want:    []string{"192.0.2.0 -.......", "192.0.2.8 ........", "192.0.2.16 ........", "192.0.2.24 .......-"},
		},
		"of rows without any address of the pool one is shown": {
			pool:    poolOn("192.0.2.0/24", ranges("192.0.2.1", "192.0.2.250")),
			columns: 80,
			want: []string{
				"192.0.2.0 -.------------------------------",
				"192.0.2.32 --------------------------------",
				"192.0.2.224 --------------------------.-----"},
		},
		"a pool of one address is a map of one sign": {
			pool:    poolOn("192.0.2.0/24", ranges("192.0.2.77")),
			columns: 80,
			want:    []string{"192.0.2.77 ."},
		},
		"a lease of another subnet is no part of the map": {
			pool:    poolOn("192.0.2.0/29"),
			leases:  []v1alpha1.AddressLease{leaseAt("198.51.100.1", "lab"), leaseAt("2001:db8::1", "lab")},
			columns: 80,
			want:    []string{"192.0.2.0 -......-"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := NewDeclared(nil, []v1alpha1.AddressPool{tc.pool}, tc.reservations)
			m := d.Pool(d.Pools.All()[0], tc.leases, Size{tc.columns, 16}).Map
			var got []string
			for _, row := range m.Rows {
				got = append(got, row.From+" "+row.Signs)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if m.BlockBits != 0 || m.Beside != 0 {
				t.Errorf("blocks of 2^%d addresses, %d beside", m.BlockBits, m.Beside)
			}
		})
	}
}

func TestLargePoolsAreShownInBlocks(t *testing.T) {
	tests := map[string]struct {
		pool      v1alpha1.AddressPool
		lease     string
		blockBits int
		row, sign int
	}{
		"a /8":            {poolOn("10.0.0.0/8"), "10.16.128.1", 15, 1, 1},
		"a /64":           {poolOn("2001:db8::/64"), "2001:db8::1000:0:0:1", 55, 1, 0},
		"a part of a /64": {poolOn("2001:db8::/64", ranges("2001:db8::-2001:db8::ffff")), "2001:db8::1:80", 7, -1, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := NewDeclared(nil, []v1alpha1.AddressPool{tc.pool}, nil)
			r := d.Pool(d.Pools.All()[0], []v1alpha1.AddressLease{leaseAt(tc.lease, "lab")}, Size{80, 16})
			if r.Map.BlockBits != tc.blockBits || len(r.Map.Rows) != 16 {
				t.Fatalf("%d rows of blocks of 2^%d addresses", len(r.Map.Rows), r.Map.BlockBits)
			}
			used := 0
			for i, row := range r.Map.Rows {
				used += strings.Count(row.Signs, "#")
				if want := i == tc.row; want != (strings.IndexByte(row.Signs, '#') == tc.sign) {
					t.Errorf("row %d: %s", i, row.Signs)
				}
			}
			if beside := tc.row < 0; beside != (r.Map.Beside == 1) || beside == (used == 1) {
				t.Errorf("%d used, %d beside", used, r.Map.Beside)
			}
		})
	}
}

// TestMapsFitTheirTerminal writes maps of many pools for terminals of many sizes.
func TestMapsFitTheirTerminal(t *testing.T) {
	for _, subnet := range []string{"192.0.2.0/24", "192.0.2.0/31", "192.0.2.5/32", "10.0.0.0/8", "2001:db8::/64", "2001:db8::/120", "2001:db8:ffff:ffff::/64"} {
		for _, size := range []Size{{80, 16}, {120, 40}, {40, 5}, {300, 100}, {50, 0}} {
			d := NewDeclared(nil, []v1alpha1.AddressPool{poolOn(subnet)}, nil)
			m := d.Pool(d.Pools.All()[0], nil, size).Map
			var out bytes.Buffer
			if err := m.write(&out, nil); err != nil {
				t.Fatal(err)
			}
			rows, _, _ := strings.Cut(strings.TrimPrefix(out.String(), "\n"), "\n\n")
			for _, line := range strings.Split(rows, "\n") {
				if len(line) > max(size.Columns, 48) {
					t.Errorf("%s: %d columns of %d: %q", subnet, len(line), size.Columns, line)
				}
			}
			if n := strings.Count(rows, "\n") + 1; n > max(size.Rows, 1) {
				t.Errorf("%s: %d rows of %d", subnet, n, size.Rows)
			}
		}
	}
}

func TestColoursAreOnlyColours(t *testing.T) {
	d := NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/24", gateway("192.0.2.1"))}, nil)
	r := d.Pool(d.Pools.All()[0], []v1alpha1.AddressLease{leaseAt("192.0.2.9", "lab")}, Size{80, 16})
	var plain, coloured bytes.Buffer
	if err := r.Write(&plain, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&coloured, Colours()); err != nil {
		t.Fatal(err)
	}
	text := coloured.String()
	for _, colour := range Colours() {
		text = strings.ReplaceAll(text, colour, "")
	}
	if diff := cmp.Diff(plain.String(), strings.ReplaceAll(text, colourEnd, "")); diff != "" || coloured.Len() == plain.Len() {
		t.Errorf("(-plain +coloured without colours):\n%s", diff)
	}
}

func TestThePartsOfAPoolAddUp(t *testing.T) {
	d := NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/28", gateway("192.0.2.1"))},
		[]v1alpha1.AddressReservation{reservation("192.0.2.2-192.0.2.4", "198.51.100.0/24")})
	leases := []v1alpha1.AddressLease{leaseAt("192.0.2.2", "lab"), leaseAt("192.0.2.5", "lab", in(v1alpha1.LeaseReleasing)), leaseAt("192.0.2.6", "lab", in(v1alpha1.LeaseCooling)),
		leaseAt("192.0.2.7", "lab", in(v1alpha1.LeaseReserved)), leaseAt("192.0.2.8", "lab", in(v1alpha1.LeaseReleased)), leaseAt("192.0.2.1", "lab"), leaseAt("198.51.100.9", "lab")}
	r := d.Pool(d.Pools.All()[0], leases, Size{80, 16})
	got := []string{r.Total, r.Used, r.Reserved, r.Cooling, r.Free}
	if diff := cmp.Diff([]string{"13", "2", "3", "1", "7"}, got); diff != "" {
		t.Errorf("total, used, reserved, cooling, free (-want +got):\n%s", diff)
	}
	next := d.Next(d.Pools.All()[0], leases, nil, 100)
	if len(next) != 7 || next[0] != netip.MustParseAddr("192.0.2.9") || next[6] != netip.MustParseAddr("192.0.2.8") {
		t.Errorf("the free ones, those that were never used first: %v", next)
	}
}

func TestAPoolThatCannotBeReadIsReportedWithoutAMap(t *testing.T) {
	d := NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/24", ranges("198.51.100.1"))}, nil)
	r := d.Pool(d.Pools.All()[0], nil, Size{80, 16})
	if r.Map != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "spec.ranges[0]") {
		t.Errorf("%+v", r)
	}
	if next := d.Next(d.Pools.All()[0], nil, nil, 1); len(next) != 0 {
		t.Errorf("it gives out %v", next)
	}
}

func FuzzMap(f *testing.F) {
	f.Add("192.0.2.0/24", "192.0.2.10-192.0.2.99", "192.0.2.10", 80, 24)
	f.Add("2001:db8::/64", "2001:db8::/65", "2001:db8::1", 20, 1)
	f.Add("10.0.0.0/8", "", "10.255.255.255", 1000, 1000)
	f.Fuzz(func(t *testing.T, subnet, within, address string, columns, rows int) {
		pool := poolOn(subnet)
		if within != "" {
			pool.Spec.Ranges = []v1alpha1.AddressRange{v1alpha1.AddressRange(within)}
		}
		d := NewDeclared(nil, []v1alpha1.AddressPool{pool}, nil)
		l := v1alpha1.AddressLease{Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: "lab", Phase: v1alpha1.LeaseAllocated}}
		r := d.Pool(d.Pools.All()[0], []v1alpha1.AddressLease{l}, Size{columns, rows})
		if r.Map == nil {
			return
		}
		signs := 0
		for _, row := range r.Map.Rows {
			signs += len(row.Signs)
			if strings.Trim(row.Signs, order) != "" {
				t.Errorf("signs %q", row.Signs)
			}
		}
		if signs == 0 || signs > maxPerRow*defaultRows {
			t.Errorf("%d signs", signs)
		}
	})
}
