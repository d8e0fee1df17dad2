package adoption

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatAMappingSaysCountsWhereNothingTells(t *testing.T) {
	s := scene{pools: office(t), machines: append(db(), running("team-b", "m", nic{"lan", "foreign", "", plugin, []string{"192.0.2.12"}}))}
	f := s.facts(t)
	cases := map[string]struct {
		segments, hosts []string
		want            string
	}{
		"by the name of the attachment":                           {segments: []string{"foreign=lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
		"by its namespace and name, before others":                {segments: []string{"lab.7", "team-b/foreign=lab.300", "foreign=lab"}, want: "192.0.2.12 | lab.300 | VirtualMachine team-b/m | cluster | reserve | out of use; outside every pool; no Wukong: no HostNetwork on segment lab.300 is open to namespace team-b"},
		"by a HostNetwork":                                        {hosts: []string{"foreign=lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
		"for whatever does not tell":                              {segments: []string{"lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
		"but not against what the attachment tells, if not named": {segments: []string{"lab.9", "foreign=lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rules := Rules{As: AsAuto, Mappings: mappings(t, f, c.segments, c.hosts)}
			want := []string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | create Wukong | team-a/db, reserved for it", c.want}
			if diff := cmp.Diff(want, lines(NewPlan(f, rules))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("one that contradicts the attachment it names is told", func(t *testing.T) {
		got := lines(NewPlan(f, Rules{As: AsAuto, Mappings: mappings(t, f, []string{"team-a/lan=lab.100", "foreign=lab"}, nil)}))
		want := "192.0.2.10 |  | VirtualMachine team-a/db | cluster | undecided | attachment team-a/lan leads to segment lab, and a mapping says lab.100: correct or remove the mapping"
		if !slices.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, strings.Join(got, "\n"))
		}
	})
	t.Run("a HostNetwork that does not exist, and what is no segment, are refused", func(t *testing.T) {
		if _, err := NewHostMapping(f.Catalog, "foreign=nowhere"); err == nil || !strings.Contains(err.Error(), `there is no HostNetwork "nowhere"`) {
			t.Errorf("got %v", err)
		}
		if _, err := NewMapping(f.Catalog, "foreign=Lab"); err == nil {
			t.Error("accepted")
		}
	})
}

func mappings(t testing.TB, f Facts, segments, hosts []string) []Mapping {
	t.Helper()
	var out []Mapping
	for _, text := range segments {
		m, err := NewMapping(f.Catalog, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	for _, text := range hosts {
		m, err := NewHostMapping(f.Catalog, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}
