package render_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

func typed(t v1alpha1.NetworkType) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.Spec.Type = t }
}

func ovs(n *v1alpha1.HostNetwork) { n.Spec.Type = v1alpha1.NetworkOVS }

func macvlan(n *v1alpha1.HostNetwork) { n.Spec.Type = v1alpha1.NetworkMacvlan }

// vfs makes a network of virtual functions that sets their number.
func vfs(total int32) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) {
		n.Spec.Type, n.Spec.SRIOV = v1alpha1.NetworkSRIOV, &v1alpha1.SRIOV{ResourceName: "example.com/vf", TotalVFs: &total}
	}
}

// trunk adds a range, open to these namespaces, or to whoever may use the network.
func trunk(lowest, highest v1alpha1.VLANID, namespaces ...string) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) {
		r := v1alpha1.TrunkRange{Min: lowest, Max: highest}
		if len(namespaces) > 0 {
			r.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: namespaces}
		}
		n.Spec.Trunk = append(n.Spec.Trunk, r)
	}
}

// bonded makes the uplink a bond of eth1 and eth2.
func bonded(mode string, options map[string]v1alpha1.BondOption) func(*v1alpha1.HostUplink) {
	return func(u *v1alpha1.HostUplink) {
		u.Spec.Interface, u.Spec.Bond = "", &v1alpha1.Bond{Name: "bond0", Mode: mode, Ports: []v1alpha1.InterfaceName{"eth2", "eth1"}, Options: options}
	}
}

// twoNICs is what a node with two free NICs reports.
var twoNICs = []byte(`{"interfaces":[
	{"name":"eth1","type":"ethernet","state":"up","mtu":1500,"ipv4":{"enabled":false},"ipv6":{"enabled":false}},
	{"name":"eth2","type":"ethernet","state":"up","mtu":1500,"ipv4":{"enabled":false},"ipv6":{"enabled":false}}]}`)

// TestBonds asks nmstatectl as well: what passes here it builds, and what it refuses is refused here.
func TestBonds(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	type options = map[string]v1alpha1.BondOption
	cases := map[string]struct {
		mode    string
		options options
		path    string
	}{
		"round robin":                         {"balance-rr", options{"miimon": "100", "packets_per_slave": "3"}, ""},
		"active and backup":                   {"active-backup", options{"miimon": "100", "primary": "eth1", "fail_over_mac": "active", "primary_reselect": "better"}, ""},
		"a hash decides":                      {"balance-xor", options{"xmit_hash_policy": "layer3+4"}, ""},
		"broadcast":                           {"broadcast", nil, ""},
		"LACP":                                {"802.3ad", options{"miimon": "100", "lacp_rate": "fast", "ad_select": "bandwidth", "min_links": "1"}, ""},
		"balanced transmission":               {"balance-tlb", options{"tlb_dynamic_lb": "1"}, ""},
		"balanced both ways":                  {"balance-alb", nil, ""},
		"links are watched by ARP":            {"active-backup", options{"arp_interval": "100", "arp_ip_target": "192.0.2.1,192.0.2.2", "arp_validate": "active"}, ""},
		"an unknown mode":                     {"lacp", nil, "spec.bond.mode"},
		"an unknown option":                   {"802.3ad", options{"speed": "1"}, "spec.bond.options"},
		"LACP's rate in another mode":         {"active-backup", options{"lacp_rate": "fast"}, "spec.bond.options[lacp_rate]"},
		"LACP's rate has two values":          {"802.3ad", options{"lacp_rate": "quick"}, "spec.bond.options[lacp_rate]"},
		"a number is a number":                {"802.3ad", options{"miimon": "often"}, "spec.bond.options[miimon]"},
		"an option has a value":               {"802.3ad", options{"miimon": ""}, "spec.bond.options[miimon]"},
		"ARP is no way to watch LACP":         {"802.3ad", options{"arp_interval": "100", "arp_ip_target": "192.0.2.1"}, "spec.bond.options[arp_interval]"},
		"two ways to watch are one too many":  {"active-backup", options{"miimon": "100", "arp_interval": "100", "arp_ip_target": "192.0.2.1"}, "spec.bond.options[arp_interval]"},
		"ARP needs somebody to ask":           {"active-backup", options{"arp_interval": "100"}, "spec.bond.options[arp_interval]"},
		"the primary is a port":               {"active-backup", options{"primary": "eth7"}, "spec.bond.options[primary]"},
		"a list is no text, so it is refused": {"active-backup", options{"ns_ip6_target": "2001:db8::1"}, "spec.bond.options"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			u := uplink("u", "lab", "", bonded(c.mode, c.options))
			catalog := render.NewCatalog([]v1alpha1.HostUplink{u}, []v1alpha1.HostNetwork{hostNetwork("lan", "lab")})
			known, _ := catalog.Uplink("u")
			if known.Problem != nil || c.path != "" {
				if known.Problem == nil || known.Problem.Path != c.path || known.Problem.Reason != v1alpha1.ReasonInvalidSpec {
					t.Errorf("problem %v, want one at %q", known.Problem, c.path)
				}
				return
			}
			if err := judge.Validate(t.Context(), revision(t, catalog, "u", "lan").Raw, twoNICs); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestABondHasPortsOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		bond v1alpha1.Bond
		path string
	}{
		"none":              {v1alpha1.Bond{Name: "bond0", Mode: "802.3ad"}, "spec.bond.ports"},
		"one twice":         {v1alpha1.Bond{Name: "bond0", Mode: "802.3ad", Ports: []v1alpha1.InterfaceName{"eth1", "eth1"}}, "spec.bond.ports[1]"},
		"itself":            {v1alpha1.Bond{Name: "bond0", Mode: "802.3ad", Ports: []v1alpha1.InterfaceName{"bond0"}}, "spec.bond.ports[0]"},
		"a name too long":   {v1alpha1.Bond{Name: "abcdefghijklmnop", Mode: "802.3ad", Ports: []v1alpha1.InterfaceName{"eth1"}}, "spec.bond.name"},
		"a foreign network": {v1alpha1.Bond{Name: "bond0", Mode: "802.3ad", Ports: []v1alpha1.InterfaceName{"br-ex"}}, "spec.bond.ports[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			u := uplink("u", "lab", "")
			u.Spec.Bond = &c.bond
			known, _ := render.NewCatalog([]v1alpha1.HostUplink{u}, nil).Uplink("u")
			if known.Problem == nil || known.Problem.Path != c.path {
				t.Errorf("problem %v, want one at %s", known.Problem, c.path)
			}
		})
	}
}

// portOf gives the VLANs of the only port of a bridge, as JSON.
func portOf(t *testing.T, s nmstate.State, bridge string) string {
	t.Helper()
	entry, ok := s.Lookup(bridge)
	if !ok || entry.Bridge == nil || entry.Bridge.Port == nil || len(*entry.Bridge.Port) != 1 {
		t.Fatalf("no bridge %s with one port in %s", bridge, s.Marshal())
	}
	text, err := json.Marshal((*entry.Bridge.Port)[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestATrunkCarriesWhatIsDeclaredAndNothingElse(t *testing.T) {
	cases := map[string]struct {
		uplink  v1alpha1.HostUplink
		network v1alpha1.HostNetwork
		want    string
	}{
		"ranges are merged and sorted": {uplink("u", "lab", "eth1"), hostNetwork("t", "lab", trunk(300, 300), trunk(150, 199), trunk(100, 149), trunk(120, 130)),
			`{"name":"eth1","vlan":{"mode":"trunk","trunk-tags":[{"id-range":{"min":100,"max":199}},{"id":300}]}}`},
		"the native VLAN travels untagged": {uplink("u", "lab", "eth1", native(120)), hostNetwork("t", "lab", trunk(100, 199)),
			`{"name":"eth1","vlan":{"mode":"trunk","tag":120,"enable-native":true,"trunk-tags":[{"id-range":{"min":100,"max":119}},{"id-range":{"min":121,"max":199}}]}}`},
		"a native VLAN at the end of a range": {uplink("u", "lab", "eth1", native(100)), hostNetwork("t", "lab", trunk(100, 101)),
			`{"name":"eth1","vlan":{"mode":"trunk","tag":100,"enable-native":true,"trunk-tags":[{"id":101}]}}`},
		"a native VLAN outside changes nothing": {uplink("u", "lab", "eth1", native(5)), hostNetwork("t", "lab", trunk(100, 101)),
			`{"name":"eth1","vlan":{"mode":"trunk","trunk-tags":[{"id-range":{"min":100,"max":101}}]}}`},
		"nothing but the native VLAN": {uplink("u", "lab", "eth1", native(100)), hostNetwork("t", "lab", trunk(100, 100)),
			`{"name":"eth1","vlan":{"mode":"access","tag":100}}`},
		"on a bond": {uplink("u", "lab", "", bonded("802.3ad", nil)), hostNetwork("t", "lab", trunk(100, 101)),
			`{"name":"bond0","vlan":{"mode":"trunk","trunk-tags":[{"id-range":{"min":100,"max":101}}]}}`},
		"of Open vSwitch": {uplink("u", "lab", "eth1"), hostNetwork("t", "lab", ovs, trunk(100, 101)),
			`{"name":"eth1","vlan":{"mode":"trunk","trunk-tags":[{"id-range":{"min":100,"max":101}}]}}`},
		"an access port of a Linux bridge says that it filters nothing": {uplink("u", "lab", "eth1"), hostNetwork("t", "lab", vlan(5)), `{"name":"eth1.5","vlan":{}}`},
		"one of Open vSwitch says nothing":                              {uplink("u", "lab", "eth1"), hostNetwork("t", "lab", ovs, vlan(5)), `{"name":"eth1.5"}`},
	}
	judge := parts.NmstatectlForTest(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := builtBy(t, c.uplink, c.network)
			if diff := cmp.Diff(c.want, portOf(t, s, "br-t")); diff != "" {
				t.Errorf("port (-want +got):\n%s", diff)
			}
			if err := judge.Validate(t.Context(), s.Marshal(), twoNICs); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestARevisionCarriesWhatItProvides(t *testing.T) {
	lan, tagged := hostNetwork("lan", "lab"), hostNetwork("data", "lab", vlan(5))
	nic := uplink("u", "lab", "eth1")
	cases := map[string]struct {
		uplink v1alpha1.HostUplink
		state  nmstate.State
		of     v1alpha1.HostNetwork
		want   bool
	}{
		"a bridge":                            {nic, builtBy(t, nic, lan), lan, true},
		"a bridge that is not there":          {nic, builtBy(t, nic, tagged), lan, false},
		"a bridge of another type":            {nic, builtBy(t, nic, lan), hostNetwork("lan", "lab", ovs), false},
		"a trunk by its bridge":               {nic, builtBy(t, nic, hostNetwork("t", "lab", trunk(1, 9))), hostNetwork("t", "lab", trunk(1, 20)), true},
		"Open vSwitch":                        {nic, builtBy(t, nic, hostNetwork("o", "lab", ovs)), hostNetwork("o", "lab", ovs), true},
		"the base of MACVTAPs":                {nic, builtBy(t, nic, hostNetwork("m", "lab", macvlan)), hostNetwork("m", "lab", macvlan), true},
		"a VLAN below MACVTAPs":               {nic, builtBy(t, nic, hostNetwork("m", "lab", macvlan, vlan(5))), hostNetwork("m", "lab", macvlan, vlan(5)), true},
		"a VLAN that is a bridge's port":      {nic, builtBy(t, nic, tagged), hostNetwork("m", "lab", macvlan, vlan(5)), false},
		"a NIC that is a bridge's port":       {nic, builtBy(t, nic, lan), hostNetwork("m", "lab", macvlan), false},
		"a NIC that is listed for its MTU":    {uplink("u", "lab", "eth1", uplinkMTU(9000)), builtBy(t, uplink("u", "lab", "eth1", uplinkMTU(9000)), tagged), hostNetwork("m", "lab", macvlan), false},
		"virtual functions":                   {nic, builtBy(t, nic, hostNetwork("v", "lab", vfs(8))), hostNetwork("v", "lab", vfs(4)), true},
		"a NIC without virtual functions":     {nic, builtBy(t, nic, lan), hostNetwork("v", "lab", vfs(4)), false},
		"virtual functions of somebody else":  {nic, builtBy(t, nic, hostNetwork("v", "lab", vfs(8))), hostNetwork("w", "lab", typed(v1alpha1.NetworkSRIOV)), false},
		"nothing at all":                      {nic, nmstate.State{}, hostNetwork("m", "lab", macvlan), false},
		"a bridge on a bond":                  {uplink("u", "lab", "", bonded("802.3ad", nil)), builtBy(t, uplink("u", "lab", "", bonded("802.3ad", nil)), lan), lan, true},
		"a bond that is the base of MACVTAPs": {uplink("u", "lab", "", bonded("802.3ad", nil)), builtBy(t, uplink("u", "lab", "", bonded("802.3ad", nil)), hostNetwork("m", "lab", macvlan)), hostNetwork("m", "lab", macvlan), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{c.uplink}, []v1alpha1.HostNetwork{c.of})
			u, _ := catalog.Uplink("u")
			n, _ := catalog.HostNetwork(c.of.Name)
			if got := catalog.Carries(u, n, c.state); got != c.want {
				t.Errorf("carries: %v, want %v in %s", got, c.want, c.state.Marshal())
			}
			if got := catalog.BuiltAlike(u, n, c.state, c.state); got != c.want {
				t.Errorf("like itself: %v, want %v", got, c.want)
			}
		})
	}
}

func TestARevisionCarriesNothingForANetworkWhoseInterfaceIsAnOlderOnes(t *testing.T) {
	nic := uplink("u", "lab", "eth1")
	for name, c := range map[string]struct{ older, younger v1alpha1.HostNetwork }{
		"the name of the bridge":           {hostNetwork("lan", "lab"), hostNetwork("x", "lab", vlan(5), bridge("br-lan"))},
		"the bridge of another fabric":     {hostNetwork("lan", "lab"), hostNetwork("x", "dmz", vlan(5), bridge("br-lan"))},
		"the VLAN below MACVTAPs":          {hostNetwork("m", "lab", macvlan, vlan(5)), hostNetwork("x", "lab", macvlan, vlan(5))},
		"the uplink itself below MACVTAPs": {hostNetwork("m", "lab", macvlan), hostNetwork("x", "lab", macvlan)},
	} {
		t.Run(name, func(t *testing.T) {
			c.younger.CreationTimestamp = metav1.NewTime(c.older.CreationTimestamp.Add(time.Hour))
			catalog := render.NewCatalog([]v1alpha1.HostUplink{nic}, []v1alpha1.HostNetwork{c.older, c.younger})
			u, _ := catalog.Uplink("u")
			older, _ := catalog.HostNetwork(c.older.Name)
			younger, _ := catalog.HostNetwork("x")
			state := builtBy(t, nic, c.older)
			if !catalog.Carries(u, older, state) || catalog.Carries(u, younger, state) {
				t.Errorf("older %v, younger %v (%v)", catalog.Carries(u, older, state), catalog.Carries(u, younger, state), younger.Problem)
			}
		})
	}
}

func TestNamesOfNetworks(t *testing.T) {
	nic, bond := uplink("u", "lab", "eth1"), uplink("b", "dmz", "", bonded("802.3ad", nil))
	for name, c := range map[string]struct {
		network                       v1alpha1.HostNetwork
		segments, top, on, notOn, nad string
	}{
		"untagged":          {hostNetwork("lan", "lab"), "lab", "br-lan", "lab", "lab.5", "wukong-lan"},
		"a VLAN":            {hostNetwork("data", "lab", vlan(5)), "lab.5", "br-data", "lab.5", "lab", "wukong-data"},
		"a trunk":           {hostNetwork("t", "lab", trunk(300, 300), trunk(100, 199)), "lab.100-199,300", "br-t", "lab.150", "lab.200", ""},
		"MACVTAPs":          {hostNetwork("m", "lab", macvlan), "lab", "eth1", "lab", "dmz", "wukong-m"},
		"MACVTAPs on VLANs": {hostNetwork("m", "lab", macvlan, vlan(5)), "lab.5", "eth1.5", "lab.5", "dmz.5", "wukong-m"},
		"virtual functions": {hostNetwork("v", "lab", vfs(8), vlan(5)), "lab.5", "eth1", "lab.5", "lab", "wukong-v"},
		"observed":          {hostNetwork("v", "lab", typed(v1alpha1.NetworkSRIOV)), "lab", "eth1", "lab", "lab.5", ""},
		"VLANs on a bond":   {hostNetwork("m", "dmz", macvlan, vlan(5)), "dmz.5", "bond0.5", "dmz.5", "dmz", "wukong-m"},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{nic, bond}, []v1alpha1.HostNetwork{c.network})
			n, _ := catalog.HostNetwork(c.network.Name)
			if n.Problem != nil {
				t.Fatal(n.Problem)
			}
			u, _ := catalog.Uplink(catalog.UplinksOf(n.Object)[0].Name)
			if diff := cmp.Diff([]string{c.segments, c.top, c.nad}, []string{n.SegmentText(), n.TopInterface(u), n.NAD}); diff != "" {
				t.Errorf("segments, interface and attachment (-want +got):\n%s", diff)
			}
			on, _ := ipam.ParseSegment(c.on)
			notOn, _ := ipam.ParseSegment(c.notOn)
			if !n.On(on) || n.On(notOn) {
				t.Errorf("on %s: %v, on %s: %v", on, n.On(on), notOn, n.On(notOn))
			}
		})
	}
}

func TestNoTwoAttachmentsHaveOneName(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "a-100", "100-a", "vlan100-a", "a--100", "100", "0-a", strings.Repeat("a", 40)} {
		for vlan := 0; vlan <= 4094; vlan += 89 {
			nad := render.NADName(name)
			if vlan > 0 {
				nad = render.TrunkNADName(name, vlan)
			}
			if len(nad) > render.MaxName {
				t.Errorf("%s has %d characters", nad, len(nad))
			}
			if other, found := seen[nad]; found {
				t.Errorf("%s is that of %s and of %s", nad, other, name)
			}
			seen[nad] = name
		}
	}
}

// A trunk gives each namespace the VLANs that are open to it, and tells of no others.
func TestResolveOnATrunk(t *testing.T) {
	networks := []v1alpha1.HostNetwork{
		hostNetwork("tenants", "lab", trunk(100, 110), trunk(200, 210, "team-a"), trunk(300, 310, "team-b")),
		hostNetwork("closed", "dmz", trunk(400, 410), closed),
		hostNetwork("data", "lab", vlan(500)),
	}
	cases := map[string]struct {
		network      render.Network
		want         string
		vlan         int
		reason, path string
		// says is part of the message, and never the contrary.
		says, never string
	}{
		"a VLAN of an open range":              {network: render.Network{VLANID: 105}, want: "tenants", vlan: 105},
		"a VLAN of a range for this namespace": {network: render.Network{HostNetwork: "tenants", VLANID: 205}, want: "tenants", vlan: 205},
		"an attachment that was made here":     {network: render.Network{NADName: "wukong105-tenants"}, want: "tenants", vlan: 105},
		"a bridge and a VLAN":                  {network: render.Network{BridgeName: "br-tenants", VLANID: 100}, want: "tenants", vlan: 100},
		"no VLAN":                              {network: render.Network{HostNetwork: "tenants"}, reason: v1alpha1.ReasonInvalidSpec, path: ".vlanId", says: "100-110,200-210", never: "300"},
		"a VLAN of another's range":            {network: render.Network{HostNetwork: "tenants", VLANID: 305}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".vlanId", says: "100-110,200-210", never: "300"},
		"and without a name":                   {network: render.Network{VLANID: 305}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".vlanId", says: "100-110,200-210", never: "310"},
		"a VLAN of no range":                   {network: render.Network{HostNetwork: "tenants", VLANID: 150}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".vlanId", says: "100-110,200-210", never: "300"},
		"a VLAN of another network":            {network: render.Network{HostNetwork: "tenants", VLANID: 500}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".vlanId", says: "100-110,200-210", never: "data"},
		"a VLAN that nobody has":               {network: render.Network{VLANID: 4000}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".vlanId", never: "tenants"},
		"a network that is closed":             {network: render.Network{HostNetwork: "closed"}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".hostNetwork", never: "400"},
		"a VLAN of a network that is closed":   {network: render.Network{VLANID: 405}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".vlanId", never: "410"},
		"an attachment and another VLAN":       {network: render.Network{NADName: "wukong105-tenants", VLANID: 106}, reason: v1alpha1.ReasonHostNetworkAmbiguous, path: ".vlanId"},
		"an attachment of a range for others":  {network: render.Network{NADName: "wukong305-tenants"}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".vlanId", never: "300"},
		"an attachment that nobody would make": {network: render.Network{NADName: "wukong150-tenants"}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".nadName"},
		"an attachment of a VLAN with a zero":  {network: render.Network{NADName: "wukong0105-tenants"}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".nadName"},
	}
	catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1"), uplink("d", "dmz", "eth2")}, networks)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.network.Path = at
			choice, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: "team-a"}, Wukong: "web", Network: c.network})
			if refusal == nil {
				refusal = &render.Refusal{Path: at + c.path}
				segment := ipam.Segment{Fabric: "lab", VLAN: c.vlan}
				if choice.Segment != segment || choice.VLAN != c.vlan || choice.NADName != render.TrunkNADName("tenants", c.vlan) {
					t.Errorf("segment %s, VLAN %d, attachment %s", choice.Segment, choice.VLAN, choice.NADName)
				}
				if again, ok := catalog.Choice(choice.HostNetwork, segment.String(), c.network); !ok || again != choice {
					t.Errorf("the choice made before is another one: %v", again)
				}
			}
			if diff := cmp.Diff([]string{c.want, c.reason, at + c.path}, []string{choice.HostNetwork, refusal.Reason, refusal.Path}); diff != "" {
				t.Errorf("choice, reason and path (-want +got):\n%s%s", diff, refusal.Message)
			}
			if !strings.Contains(refusal.Message, c.says) || c.never != "" && strings.Contains(refusal.Message, c.never) {
				t.Errorf("%q: should say %q and never %q", refusal.Message, c.says, c.never)
			}
		})
	}
}

func TestAttachmentsOfEachKind(t *testing.T) {
	cases := map[string]struct {
		network        v1alpha1.HostNetwork
		of             render.Network
		config, device string
	}{
		"a trunk of a Linux bridge": {hostNetwork("n", "lab", trunk(100, 110)), render.Network{VLANID: 105},
			`{"cniVersion":"0.3.1","name":"wukong105-n","type":"bridge","bridge":"br-n","vlan":105,"preserveDefaultVlan":false,"macspoofchk":true,"disableContainerInterface":true,"ipam":{}}`, ""},
		"Open vSwitch": {hostNetwork("n", "lab", ovs, vlan(5)), render.Network{HostNetwork: "n"},
			`{"cniVersion":"0.3.1","name":"wukong-n","type":"ovs","bridge":"br-n"}`, ""},
		"a trunk of Open vSwitch": {hostNetwork("n", "lab", ovs, trunk(100, 110), networkMTU(1400)), render.Network{VLANID: 105},
			`{"cniVersion":"0.3.1","name":"wukong105-n","type":"ovs","bridge":"br-n","vlan":105,"mtu":1400}`, ""},
		"MACVTAPs": {hostNetwork("n", "lab", macvlan, vlan(5)), render.Network{HostNetwork: "n"},
			`{"cniVersion":"0.3.1","name":"wukong-n","type":"macvtap"}`, "macvtap.network.kubevirt.io/n"},
		"MACVTAPs of a resource that is named": {hostNetwork("n", "lab", macvlan, func(n *v1alpha1.HostNetwork) { n.Spec.Macvlan = &v1alpha1.Macvlan{ResourceName: "example.com/tap"} }),
			render.Network{HostNetwork: "n"}, `{"cniVersion":"0.3.1","name":"wukong-n","type":"macvtap"}`, "example.com/tap"},
		"virtual functions on a VLAN": {hostNetwork("n", "lab", vfs(8), vlan(5)), render.Network{HostNetwork: "n"},
			`{"cniVersion":"0.3.1","name":"wukong-n","type":"sriov","vlan":5,"ipam":{}}`, "example.com/vf"},
		"virtual functions on the native VLAN": {hostNetwork("n", "lab", vfs(8), vlan(7)), render.Network{HostNetwork: "n"},
			`{"cniVersion":"0.3.1","name":"wukong-n","type":"sriov","ipam":{}}`, "example.com/vf"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1", native(7))}, []v1alpha1.HostNetwork{c.network})
			choice, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: "team-a"}, Network: c.of})
			if refusal != nil {
				t.Fatal(refusal)
			}
			nad, err := render.NAD("team-a", choice)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.config, c.device}, []string{nad.Spec.Config, nad.Annotations["k8s.v1.cni.cncf.io/resourceName"]}); diff != "" {
				t.Errorf("configuration and resource (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatDoesNotFitAnUplinkIsNotBuiltThere(t *testing.T) {
	bond := bonded("802.3ad", nil)
	for name, c := range map[string]struct {
		uplink  v1alpha1.HostUplink
		network v1alpha1.HostNetwork
		reason  string
		path    string
	}{
		"a bond has no virtual functions":        {uplink("u", "lab", "", bond), hostNetwork("n", "lab", vfs(8)), v1alpha1.ReasonInvalidSpec, "spec.sriov.totalVFs"},
		"a bridge is no port of the bond":        {uplink("u", "lab", "", bond), hostNetwork("n", "lab", bridge("eth2")), v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name"},
		"a new bond has the usual MTU":           {uplink("u", "lab", "", bond), hostNetwork("n", "lab", networkMTU(9000)), v1alpha1.ReasonInvalidSpec, "spec.mtu"},
		"unless it is declared":                  {uplink("u", "lab", "", bond, uplinkMTU(9000)), hostNetwork("n", "lab", networkMTU(9000)), "", ""},
		"a NIC is asked for its MTU on the node": {uplink("u", "lab", "eth1"), hostNetwork("n", "lab", networkMTU(9000)), "", ""},
		"observed functions ask for nothing":     {uplink("u", "lab", "", bond), hostNetwork("n", "lab", typed(v1alpha1.NetworkSRIOV)), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := render.NewCatalog([]v1alpha1.HostUplink{c.uplink}, []v1alpha1.HostNetwork{c.network}).Unserved("u", "n")
			if got == nil {
				got = &render.Problem{}
			}
			if diff := cmp.Diff([]string{c.reason, c.path}, []string{got.Reason, got.Path}); diff != "" {
				t.Errorf("reason and path (-want +got):\n%s%s", diff, got.Message)
			}
		})
	}
}

func TestABondIsTakenBackWithEverythingOnIt(t *testing.T) {
	u := uplink("u", "lab", "", bonded("802.3ad", nil))
	current := builtBy(t, u, hostNetwork("data", "lab", vlan(5)), hostNetwork("t", "lab", trunk(10, 20)))
	removal, needed := render.PassageRevision("u", nil, nmstate.Passage{Current: current, Proof: nmstate.Proven})
	if !needed {
		t.Fatal("no removal is needed")
	}
	want := []string{"eth1  up no-ip", "eth2  up no-ip", "bond0 bond absent", "bond0.5 vlan absent", "br-data linux-bridge absent", "br-t linux-bridge absent"}
	if diff := cmp.Diff(want, shape(removal.State)); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
}

func TestObservedFunctionsBuildNothing(t *testing.T) {
	observed := hostNetwork("vf", "lab", typed(v1alpha1.NetworkSRIOV))
	catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1")}, []v1alpha1.HostNetwork{observed, hostNetwork("lan", "lab")})
	if r := revision(t, catalog, "u", "vf"); r != nil {
		t.Errorf("a revision: %s", r.Raw)
	}
	if r := revision(t, catalog, "u", "vf", "lan"); !slices.Equal(r.Networks, []string{"lan"}) {
		t.Errorf("the revision builds %v", r.Networks)
	}
}

func TestATrunkTellsWhichVLANsItMisses(t *testing.T) {
	n := hostNetwork("t", "lab", trunk(100, 110))
	catalog := render.NewCatalog(nil, []v1alpha1.HostNetwork{n})
	known, _ := catalog.HostNetwork("t")
	for vlans, want := range map[string]string{"": "", "100-103,110": "", "99,100-103,111-113": "99,111-113", "5": "5", "junk,7-x,-": "", "4090-99999": "4090-4094"} {
		if got := known.Misses(vlans); got != want {
			t.Errorf("of %q: %q, want %q", vlans, got, want)
		}
	}
	if got := render.VLANsText([]int{150, 101, 100, 103, 102}); got != "100-103,150" {
		t.Errorf("written as %q", got)
	}
}
