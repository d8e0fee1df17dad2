package nmstate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func absent(name string, t InterfaceType) Interface {
	return Interface{Name: name, Type: t, State: Absent}
}

func TestBetweenGivesBackExactlyWhatTheTargetLacks(t *testing.T) {
	mixed := State{Interfaces: append(untagged().Interfaces, tagged().Interfaces...)}
	toTagged, _ := Between(mixed, tagged(), Proven)
	mtu := 9000
	resized := State{Interfaces: append(tagged().Interfaces, Interface{Name: "eth1", State: Up, MTU: &mtu})}
	freed := State{Interfaces: append(tagged().Interfaces, absent("br-flat", LinuxBridge),
		Interface{Name: "eth1", State: Up, MTU: &mtu, IPv4: &IP{}, IPv6: &IP{}})}
	cases := map[string]struct {
		current, target State
		proof           Proof
		want            *State
	}{
		"nothing is removed where the target has everything": {tagged(), mixed, Proven, nil},
		"nothing is removed where nothing changes":           {mixed, mixed, Unproven, nil},
		"a bridge that goes frees its NIC": {mixed, tagged(), Proven, &State{Interfaces: append(
			tagged().Interfaces, absent("br-flat", LinuxBridge), port("eth1"))}},
		"a VLAN goes with its bridge, and the NIC below it is not listed": {tagged(), State{}, Proven, &State{Interfaces: []Interface{
			absent("br-v100", LinuxBridge), absent("eth1.100", VLANType)}}},
		"a NIC that the target uses stays as the target says": {mixed, untagged(), Proven, &State{Interfaces: append(
			untagged().Interfaces, absent("br-v100", LinuxBridge), absent("eth1.100", VLANType))}},
		"a bond goes with all that is on it, and its NICs come back": {bonded(), State{}, Proven, &State{Interfaces: []Interface{
			absent("br-db", LinuxBridge), absent("bond0.30", VLANType), absent("bond0", BondType), port("eth1"), port("eth2")}}},
		"a removal that is not proven is asked for again": {toTagged, tagged(), Unproven, &toTagged},
		"a removal that is proven is over":                {toTagged, tagged(), Proven, nil},
		"a removal that is not proven is not forgotten when the target changes": {toTagged, State{}, Unproven, &State{Interfaces: []Interface{
			absent("br-flat", LinuxBridge), absent("br-v100", LinuxBridge), absent("eth1.100", VLANType), port("eth1")}}},
		"a NIC that the target lists for its MTU alone is freed, too": {mixed, resized, Proven, &freed},
		"and stays known as a former port until that is proven": {freed, State{}, Unproven, &State{Interfaces: []Interface{
			absent("br-flat", LinuxBridge), absent("br-v100", LinuxBridge), absent("eth1.100", VLANType), port("eth1")}}},
		"a removal that is not proven is not needed when the bridge is wanted again": {toTagged, mixed, Unproven, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, needed := Between(c.current, c.target, c.proof)
			if needed != (c.want != nil) {
				t.Fatalf("needs a removal: %t, got %s", needed, got.Marshal())
			}
			if c.want == nil {
				return
			}
			if diff := cmp.Diff(c.want.Canonical(), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

func TestRemovalNeverMakesANICOrTheNetworkOfTheClusterAbsent(t *testing.T) {
	leftovers := []InterfaceRef{{"eth1", Ethernet}, {"veth7", Veth}, {"br-flat", LinuxBridge}, {"br-ex", OVSBridge}}
	got := Removal(State{}, leftovers, []InterfaceRef{{"eth1", Ethernet}})
	nic := port("eth1")
	nic.Type = Ethernet // as an older revision named it
	want := State{Interfaces: []Interface{nic, absent("br-flat", LinuxBridge)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRemovalEndsOnItsTarget(t *testing.T) {
	for from, current := range shapes() {
		for to, target := range shapes() {
			removal, needed := Between(current, target, Unproven)
			if !needed {
				continue
			}
			if diff := cmp.Diff(target.Built(), removal.Built()); diff != "" {
				t.Errorf("%s to %s: the removal builds something else (-target +removal):\n%s", from, to, diff)
			}
			if again, more := Between(removal, target, Proven); more {
				t.Errorf("%s to %s: the removal leaves something behind: %s", from, to, again.Marshal())
			}
			if again, _ := Between(removal, target, Unproven); again.Hash() != removal.Hash() {
				t.Errorf("%s to %s: the removal is not stable: %s, then %s", from, to, removal.Marshal(), again.Marshal())
			}
		}
	}
}

func TestValidateNamesWhatCannotWork(t *testing.T) {
	long := bridge("br-sixteen-bytes", "eth1")
	withIP := port("eth1")
	withIP.IPv4.Enabled = true
	big := subInterface("eth1", "eth1.100", 100)
	big.MTU = num(9000)
	small := port("eth1")
	small.MTU = num(1500)
	bare := bridge("br0", "eth1")
	(*bare.Bridge.Port)[0].VLAN = nil
	cases := map[string]struct {
		state []Interface
		want  string
	}{
		"a name longer than the kernel takes":        {[]Interface{long, port("eth1")}, "15 bytes"},
		"a name listed twice":                        {[]Interface{port("eth1"), port("eth1")}, "listed twice"},
		"a NIC made absent":                          {[]Interface{absent("eth1", Ethernet)}, "never made absent"},
		"a VLAN out of range":                        {[]Interface{subInterface("eth1", "v", 4095)}, "1 to 4094"},
		"a port in two bridges":                      {[]Interface{bridge("a", "eth1"), bridge("b", "eth1"), port("eth1")}, "port of both"},
		"a port that is not listed":                  {[]Interface{bridge("a", "eth1")}, "must be listed itself"},
		"a port with addresses":                      {[]Interface{bridge("a", "eth1"), withIP}, "cannot keep addresses"},
		"a port that goes":                           {[]Interface{bridge("a", "b0"), absent("b0", BondType)}, "is absent"},
		"a VLAN with larger frames than its base":    {[]Interface{big, small}, "exceeds 1500"},
		"a VLAN on a base that goes":                 {[]Interface{subInterface("b0", "b0.1", 1), absent("b0", BondType)}, "is absent"},
		"a port without VLAN section":                {[]Interface{bare, port("eth1")}, "needs a vlan section"},
		"a state that only reports know":             {[]Interface{{Name: "eth1", Type: Ethernet, State: Ignore}}, "up, down or absent"},
		"an MTU below the least that IPv4 can carry": {[]Interface{{Name: "eth1", Type: Ethernet, State: Up, MTU: num(67)}}, "at least 68"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := State{Interfaces: c.state}.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that holds %q", err, c.want)
			}
		})
	}
}
