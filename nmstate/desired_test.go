package nmstate

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func num(i int) *int { return &i }

func yes() *bool { b := true; return &b }

// port is a NIC, or a bond of the host, that a bridge or bond takes.
func port(name string) Interface {
	return Interface{Name: name, Type: AnyType, State: Up, IPv4: &IP{}, IPv6: &IP{}}
}

func subInterface(base string, name string, id int) Interface {
	return Interface{
		Name: name, Type: VLANType, State: Up, IPv4: &IP{}, IPv6: &IP{},
		VLAN: &VLAN{BaseIface: base, ID: id, ReorderHeaders: yes()},
	}
}

func bridge(name string, ports ...string) Interface {
	list := []BridgePort{}
	for _, p := range ports {
		list = append(list, BridgePort{Name: p, VLAN: &PortVLAN{}})
	}
	return Interface{
		Name: name, Type: LinuxBridge, State: Up, IPv4: &IP{}, IPv6: &IP{},
		Bridge: &Bridge{Options: &BridgeOptions{STP: &STP{}}, Port: &list},
	}
}

func untagged() State {
	return State{Interfaces: []Interface{bridge("br-flat", "eth1"), port("eth1")}}
}

func tagged() State {
	return State{Interfaces: []Interface{bridge("br-v100", "eth1.100"), subInterface("eth1", "eth1.100", 100)}}
}

func trunk() State {
	b := bridge("br-trunk", "eth1")
	(*b.Bridge.Port)[0].VLAN = &PortVLAN{Mode: "trunk", TrunkTags: []TrunkTag{
		{Range: &VLANRange{Min: 200, Max: 210}}, {ID: num(101)},
	}}
	return State{Interfaces: []Interface{b, port("eth1")}}
}

func bonded() State {
	bond := Interface{
		Name: "bond0", Type: BondType, State: Up, MTU: num(9000), IPv4: &IP{}, IPv6: &IP{},
		LinkAggregation: &Bond{Mode: "active-backup", Options: map[string]string{"miimon": "140"}, Port: []string{"eth2", "eth1"}},
	}
	vlan := subInterface("bond0", "bond0.30", 30)
	vlan.MTU = num(9000)
	return State{Interfaces: []Interface{bridge("br-db", "bond0.30"), vlan, bond, port("eth2"), port("eth1")}}
}

// switched has a bridge of Open vSwitch with a trunk, and one on a VLAN.
func switched() State {
	b, v := bridge("br-ovs", "eth1"), bridge("br-ovs5", "eth1.5")
	for _, i := range []*Interface{&b, &v} {
		i.Type, i.IPv4, i.IPv6 = OVSBridge, nil, nil
	}
	(*b.Bridge.Port)[0].VLAN = &PortVLAN{Mode: "trunk", TrunkTags: []TrunkTag{{Range: &VLANRange{Min: 200, Max: 210}}, {ID: num(101)}}}
	(*v.Bridge.Port)[0].VLAN = nil
	return State{Interfaces: []Interface{b, v, subInterface("eth1", "eth1.5", 5), port("eth1")}}
}

// nativeTrunk has a VLAN that travels untagged.
func nativeTrunk() State {
	s := trunk()
	(*s.Interfaces[0].Bridge.Port)[0].VLAN = &PortVLAN{Mode: "trunk", Tag: num(150), EnableNative: yes(), TrunkTags: []TrunkTag{
		{Range: &VLANRange{Min: 100, Max: 149}}, {Range: &VLANRange{Min: 151, Max: 199}}}}
	return s
}

// functions has a NIC with virtual functions, below MACVTAPs on a VLAN.
func functions() State {
	nic := Interface{Name: "eth1", Type: Ethernet, State: Up, MTU: num(9000), Ethernet: &EthernetSection{SRIOV: &SRIOV{TotalVFs: 8}}}
	return State{Interfaces: []Interface{nic, subInterface("eth1", "eth1.6", 6)}}
}

// trunkOnBond has a trunk over a bond with LACP.
func trunkOnBond() State {
	s := bonded()
	bond := s.Interfaces[2]
	bond.LinkAggregation = &Bond{Mode: "802.3ad", Options: map[string]string{"miimon": "100", "lacp_rate": "fast"}, Port: []string{"eth1", "eth2"}}
	top := trunk().Interfaces[0]
	(*top.Bridge.Port)[0].Name = "bond0"
	return State{Interfaces: []Interface{top, bond, port("eth1"), port("eth2")}}
}

// shapes are the desired states that revisions are made of. Their golden files are what nmstatectl is asked about.
func shapes() map[string]State {
	mixed := State{Interfaces: append(untagged().Interfaces, tagged().Interfaces...)}
	narrowed, _ := Between(mixed, tagged(), Proven)
	withdrawn, _ := Between(bonded(), State{}, Proven)
	withdrawnSwitch, _ := Between(switched(), State{}, Proven)
	return map[string]State{
		"untagged":             untagged(),
		"vlan":                 tagged(),
		"untagged-and-vlan":    mixed,
		"trunk":                trunk(),
		"bond-with-vlan":       bonded(),
		"removal-of-one":       narrowed,
		"removal-of-all":       withdrawn,
		"trunk-with-native":    nativeTrunk(),
		"trunk-on-bond":        trunkOnBond(),
		"ovs":                  switched(),
		"functions":            functions(),
		"macvtap-base":         {Interfaces: []Interface{port("eth1")}},
		"removal-of-ovs":       withdrawnSwitch,
		"bridge-without-ports": {Interfaces: []Interface{bridge("br-none")}},
	}
}

func TestShapesAreTheGoldenOnes(t *testing.T) {
	for name, state := range shapes() {
		t.Run(name, func(t *testing.T) {
			if err := state.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, state.Marshal(), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			file := filepath.Join("testdata", "states", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestEveryGoldenStateHasItsShape(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "states", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := shapes()[strings.TrimSuffix(filepath.Base(f), ".json")]; !ok {
			t.Errorf("%s belongs to no shape", f)
		}
	}
}

func TestMarshalDoesNotDependOnTheOrderOfEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, state := range shapes() {
		want := state.Hash()
		for range 20 {
			shuffled := State{Interfaces: append([]Interface{}, state.Interfaces...)}
			r.Shuffle(len(shuffled.Interfaces), func(i, j int) {
				shuffled.Interfaces[i], shuffled.Interfaces[j] = shuffled.Interfaces[j], shuffled.Interfaces[i]
			})
			if got := shuffled.Hash(); got != want {
				t.Fatalf("%s: hash %s after shuffling, want %s", name, got, want)
			}
		}
	}
}

func TestMarshalLeavesItsInputAlone(t *testing.T) {
	state, same := bonded(), bonded()
	state.Marshal()
	if diff := cmp.Diff(same, state); diff != "" {
		t.Errorf("Marshal changed the state (-before +after):\n%s", diff)
	}
}

func TestPortsKeepNilAndEmptyApart(t *testing.T) {
	empty, none := []BridgePort(nil), bridge("br0")
	none.Bridge.Port = nil
	cases := map[string]struct {
		port *[]BridgePort
		want string
	}{
		"no list leaves the ports alone":                   {nil, `"bridge":{"options":{"stp":{"enabled":false}}}`},
		"an empty list takes all off, also when it is nil": {&empty, `"port":[]`},
		"a port without VLAN section gets none":            {&[]BridgePort{{Name: "eth1"}}, `"port":[{"name":"eth1"}]`},
		"a port with an empty VLAN section keeps it":       {&[]BridgePort{{Name: "eth1", VLAN: &PortVLAN{}}}, `"port":[{"name":"eth1","vlan":{}}]`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := bridge("br0")
			b.Bridge.Port = c.port
			if got := string(State{Interfaces: []Interface{b}}.Marshal()); !strings.Contains(got, c.want) {
				t.Errorf("got %s, want it to hold %s", got, c.want)
			}
		})
	}
}

func TestParseReadsBackWhatTheAPIServerStores(t *testing.T) {
	states := shapes()
	states["names that look like numbers"] = State{Interfaces: []Interface{port("42e1"), port("0"), port("60e+02"), port("1e3"), port("0x10"), port("yes"), port("1_0")}}
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			written, err := yaml.JSONToYAML(state.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			stored, err := yaml.YAMLToJSON(written)
			if err != nil {
				t.Fatal(err)
			}
			for form, raw := range map[string][]byte{"own bytes": state.Marshal(), "JSON in another order": stored, "YAML": written} {
				got, err := Parse(raw, nil)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				if diff := cmp.Diff(state.Canonical(), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", form, diff)
				}
				if got.Hash() != state.Hash() {
					t.Errorf("%s: hash %s, want %s", form, got.Hash(), state.Hash())
				}
			}
		})
	}
}

func TestParseRefusesWhatWeDoNotWrite(t *testing.T) {
	cases := map[string]string{
		"an unknown property":      `{"interfaces":[{"name":"eth1","type":"ethernet","state":"up","description":"mine"}]}`,
		"an unknown section":       `{"interfaces":[],"routes":{"config":[]}}`,
		"an entry of another type": `{"interfaces":["eth1"]}`,
		"a list":                   `[]`,
		"broken YAML":              "interfaces: [",
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			if s, err := Parse([]byte(raw), nil); err == nil {
				t.Errorf("Parse gave %+v, want an error", s)
			}
		})
	}
}

func TestHashIsALabelValueAndDependsOnContent(t *testing.T) {
	seen := map[string]string{}
	for name, s := range shapes() {
		h := s.Hash()
		if len(h) != HashLength || strings.Trim(h, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("%s: hash %q is no label value of %d characters", name, h, HashLength)
		}
		if other, taken := seen[h]; taken {
			t.Errorf("%s and %s share the hash %s", name, other, h)
		}
		seen[h] = name
	}
	// Names of policies on running clusters hold this value: a change moves every node once.
	if got, want := tagged().Hash(), "f3qvk7gq6f"; got != want {
		t.Errorf("hash of the vlan shape is %s, was %s", got, want)
	}
}

func TestBuiltNamesWhatTheStateCreatesAndNeverANIC(t *testing.T) {
	host := Interface{Name: "bond9", Type: BondType, State: Up, IPv4: &IP{}, IPv6: &IP{}}
	cases := map[string]struct {
		state State
		want  []InterfaceRef
	}{
		"a bridge on a NIC":              {untagged(), []InterfaceRef{{"br-flat", LinuxBridge}}},
		"a bridge on a VLAN":             {tagged(), []InterfaceRef{{"br-v100", LinuxBridge}, {"eth1.100", VLANType}}},
		"a bridge on a VLAN on a bond":   {bonded(), []InterfaceRef{{"bond0", BondType}, {"bond0.30", VLANType}, {"br-db", LinuxBridge}}},
		"a bond of the host is not ours": {State{Interfaces: []Interface{bridge("br-x", "bond9"), host}}, []InterfaceRef{{"br-x", LinuxBridge}}},
		"a removal builds its target only": {
			Removal(tagged(), []InterfaceRef{{"br-flat", LinuxBridge}}, nil),
			[]InterfaceRef{{"br-v100", LinuxBridge}, {"eth1.100", VLANType}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.state.Built()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range shapes() {
		f.Add(s.Marshal())
		y, _ := yaml.JSONToYAML(s.Marshal())
		f.Add(y)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Parse(raw, nil)
		if err != nil {
			return
		}
		again, err := Parse(s.Marshal(), nil)
		if err != nil {
			t.Fatalf("does not read back its own bytes %s: %v", s.Marshal(), err)
		}
		if !bytes.Equal(again.Marshal(), s.Marshal()) {
			t.Fatalf("not canonical: %s and %s", s.Marshal(), again.Marshal())
		}
		_ = s.Validate()
		_ = s.Built()
	})
}
