package adoption

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

func TestReadFile(t *testing.T) {
	ten := netip.MustParseAddr("192.0.2.10")
	cases := map[string]struct {
		text string
		want File
		err  string
	}{
		"columns in any order, with other names and others between": {
			"Owner,Host-Name,Notes,IP Address,VM\nme,db,\"a, b\",192.0.2.10,db-vm\n",
			File{Rows: []Row{{Line: 2, Address: ten, Names: []string{"db"}, Machine: "db-vm"}}}, ""},
		"a byte order mark, semicolons, comments and text that spreadsheets would compute": {
			"\ufeff# exported\nname;address;prefix length\n'=web;192.0.2.10;24\n",
			File{Rows: []Row{{Line: 3, Address: ten, Bits: 24, Names: []string{"=web"}}}}, ""},
		"tabs": {"address\tname\n192.0.2.10\tdb\n", File{Rows: []Row{{Line: 2, Address: ten, Names: []string{"db"}}}}, ""},
		"no header": {
			"192.0.2.10/24,db,team-a\n2001:db8::1\n",
			File{Rows: []Row{{Line: 1, Address: ten, Bits: 24, Names: []string{"db"}, Namespace: "team-a"}, {Line: 2, Address: netip.MustParseAddr("2001:db8::1")}}}, ""},
		"a hosts file": {
			"127.0.0.1 localhost\n::1 localhost ip6-localhost\nfe00::0 ip6-localnet\nff02::1 ip6-allnodes\n\n192.0.2.10\tdb.team-a lan.db.team-a # the database\n",
			File{Rows: []Row{{Line: 3, Address: netip.MustParseAddr("fe00::"), Names: []string{"ip6-localnet"}}, {Line: 6, Address: ten, Names: []string{"db.team-a", "lan.db.team-a"}}}}, ""},
		"lines that cannot be read": {
			"address,prefix_length\n192.0.2.10,33\n127.0.0.1,\n192.0.2.0/24,\n",
			File{Bad: []BadRow{{2, "192.0.2.10", `"33" is no length of a prefix: write 1 to 32`},
				{3, "127.0.0.1", `"127.0.0.1" is no address that a machine of a network can have: write its unicast address`},
				{4, "192.0.2.0/24", `"192.0.2.0/24" is the network address of 192.0.2.0/24 and cannot be given to a machine: use an address between the first and the last of the subnet, or correct the prefix length`}}}, ""},
		"an empty file":                       {"\n# nothing\n", File{}, ""},
		"two columns of one meaning":          {"address,ip\n192.0.2.10,192.0.2.11\n", File{}, "sheet: two columns are the address: rename or remove one of them"},
		"what is no text":                     {"address\x00,name", File{}, "sheet: is no text in UTF-8: export comma separated values"},
		"what is text in some other encoding": {"address,name\n192.0.2.10,b\xfcro\n", File{}, "sheet: is no text in UTF-8: export comma separated values"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ReadFile("sheet", []byte(c.text))
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("want %s, got %v", c.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.want.Name = "sheet"
			if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIPListPrintsIsReadBack(t *testing.T) {
	l := lease("192.0.2.10", "lab.100", "team-a", "web")
	l.Spec.PrefixLength, l.Spec.MAC, l.Spec.Holder.VirtualMachine, l.Spec.Pool, l.Spec.HostNetwork = 24, "02:00:00:00:00:0a", "web-vm", "office", "lab-100"
	gone := lease("192.0.2.11", "lab.100", "team-a", "web")
	gone.Spec.Phase = v1alpha1.LeaseReleased
	list := answer.NewList([]v1alpha1.AddressLease{l, gone}, nil)
	var csv, hosts strings.Builder
	if err := list.WriteCSV(&csv); err != nil {
		t.Fatal(err)
	}
	if _, err := list.WriteHosts(&hosts); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		text string
		want Row
	}{
		"as csv": {csv.String(), Row{Line: 2, Address: netip.MustParseAddr("192.0.2.10"), Bits: 24, Names: []string{"web"}, Namespace: "team-a", Network: "lan",
			Machine: "web-vm", Segment: "lab.100", HostNetwork: "lab-100", Pool: "office", MAC: "02:00:00:00:00:0a"}},
		"as hosts": {hosts.String(), Row{Line: 1, Address: netip.MustParseAddr("192.0.2.10"), Names: []string{"web.team-a", "lan.web.team-a", "web"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ReadFile("list", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(File{Name: "list", Rows: []Row{c.want}}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			f := scene{wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", `{spec: {virtualMachineName: web-vm}}`)}, leases: []v1alpha1.AddressLease{l}}.facts(t)
			f.Files = []File{got}
			plan := NewPlan(f, Rules{As: AsAuto, Mappings: mappings(t, f, []string{"lab.100"}, nil)})
			want := []string{"192.0.2.10 | lab.100 | Wukong team-a/web | file | none | leased: AddressLease ip-192-0-2-10.lab.100"}
			if diff := cmp.Diff(want, lines(plan)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// reasonPattern is that of the schema: no characters that control something, and one line.
var reasonPattern = regexp.MustCompile(`^[^\p{C}\p{Zl}\p{Zp}]+$`)

// FuzzReadFile reads anything, and plans from it.
func FuzzReadFile(f *testing.F) {
	for _, seed := range []string{
		"address,name,namespace\n192.0.2.10,db,team-a\n", "192.0.2.10,db\n192.0.2.10,web\n", "192.0.2.10 db.team-a lan.db.team-a\n",
		"ip;segment;mac;pool\n2001:db8::1;lab.100;02:00:00:00:00:01;office\n", "address\n\"192.0.2.1", "a,b\n\x1b[31m,192.0.2.1",
		"address,name,namespace\n192.0.2.10,\u202edb,../..\n", "# only\n", "address,prefix_length\n::ffff:192.0.2.1,129\n",
	} {
		f.Add([]byte(seed))
	}
	facts := scene{machines: db()}.facts(f)
	rules := Rules{As: AsAuto, Mappings: mappings(f, facts, []string{"lab"}, nil)}
	f.Fuzz(func(t *testing.T, text []byte) {
		facts := facts
		file, err := ReadFile("sheet", text)
		if err != nil {
			if len(file.Rows)+len(file.Bad) > 0 && file.Name == "" {
				t.Error("rows of no file")
			}
			return
		}
		for _, r := range file.Rows {
			if _, ok := usable(r.Address); !ok || r.Line < 1 || r.Bits < 0 || r.Bits > r.Address.BitLen() {
				t.Fatalf("no row: %+v", r)
			}
		}
		facts.Files = []File{file}
		plan := NewPlan(facts, rules)
		if diff := cmp.Diff(plan, NewPlan(facts, rules)); diff != "" {
			t.Errorf("not the same twice (-first +second):\n%s", diff)
		}
		for _, r := range plan.Reservations {
			if !reasonPattern.MatchString(r.Spec.Reason) || len([]rune(r.Spec.Reason)) > 256 {
				t.Errorf("the schema refuses the reason %q", r.Spec.Reason)
			}
			if f := r.Spec.For; f != nil && len(validation.IsDNS1123Label(f.Namespace))+len(validation.IsDNS1123Subdomain(f.Name)) > 0 {
				t.Errorf("the schema refuses the holder %+v", f)
			}
		}
		names := map[string]bool{}
		for _, r := range plan.Reservations {
			if names[r.Name] {
				t.Errorf("two AddressReservations %s", r.Name)
			}
			names[r.Name] = true
		}
		if again := len(plan.Reservations); again > 0 {
			for _, r := range plan.Reservations {
				facts.Reservations = append(facts.Reservations, newReservation(facts, r))
			}
			if second := NewPlan(facts, rules); len(second.Reservations) > 0 {
				t.Errorf("a second import makes %d reservations more", len(second.Reservations))
			}
		}
	})
}

func newReservation(f Facts, r *v1alpha1.AddressReservation) *render.Reservation {
	return render.NewReservation(f.Catalog, r)
}
