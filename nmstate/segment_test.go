package nmstate

import "testing"

func TestSegmentOf(t *testing.T) {
	const node = `{"interfaces":[
		{"name":"eth0","type":"ethernet","state":"up","controller":"br-a"},
		{"name":"br-a","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth0"},{"name":"vethvm"}]}},
		{"name":"br-a.7","type":"vlan","state":"up","vlan":{"base-iface":"br-a","id":7}},
		{"name":"eth0.5","type":"vlan","state":"up","vlan":{"base-iface":"eth0","id":5}},
		{"name":"eth0.1","type":"vlan","state":"up","vlan":{"base-iface":"eth0","id":1}},
		{"name":"eth0.5.6","type":"vlan","state":"up","vlan":{"base-iface":"eth0.5","id":6}},
		{"name":"bad","type":"vlan","state":"up","vlan":{"base-iface":"eth0","id":5000}},
		{"name":"br-5","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth0.5"}]}},
		{"name":"mv5","type":"mac-vlan","state":"up","mac-vlan":{"base-iface":"br-5"}},
		{"name":"br-mixed","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth0.5"},{"name":"eth1"}]}},
		{"name":"eth1","type":"ethernet","state":"up"},
		{"name":"eth2","type":"ethernet","state":"up"},
		{"name":"bond9","type":"bond","state":"up","link-aggregation":{"port":["eth1"]}},
		{"name":"loop-a","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"loop-b"}]}},
		{"name":"loop-b","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"loop-a"}]}},
		{"name":"br-ex","type":"ovs-bridge","state":"up","bridge":{"port":[{"name":"eth1"},{"name":"br-ex"}]}},
		{"name":"br-ex","type":"ovs-interface","state":"up","controller":"br-ex"},
		{"name":"gone.5","type":"vlan","state":"absent","vlan":{"base-iface":"eth0","id":5}}]}`
	uplinks := map[string]Fabric{"eth0": {Name: "blue", NativeVLAN: 1}, "eth1": {Name: "red"}}
	cases := map[string]struct {
		iface string
		want  string
	}{
		"the uplink lies on the native VLAN":                        {"eth0", "blue.1"},
		"an uplink without native VLAN lies on the untagged frames": {"eth1", "red.0"},
		"a VLAN on it lies on that VLAN":                            {"eth0.5", "blue.5"},
		"a VLAN of the native number is the untagged segment":       {"eth0.1", "blue.1"},
		"a bridge on the uplink lies where the uplink does":         {"br-a", "blue.1"},
		"a VLAN on that bridge lies on that VLAN":                   {"br-a.7", "blue.7"},
		"a bridge on a VLAN lies on that VLAN":                      {"br-5", "blue.5"},
		"a MACVLAN lies where its parent does":                      {"mv5", "blue.5"},
		"a bond lies where its ports do":                            {"bond9", "red.0"},
		"a bridge between two segments is not certain":              {"br-mixed", ""},
		"a VLAN inside a VLAN is not certain":                       {"eth0.5.6", ""},
		"a VLAN out of range is not certain":                        {"bad", ""},
		"a NIC that is no uplink is not known":                      {"eth2", ""},
		"a loop ends":                                               {"loop-a", ""},
		"Open vSwitch is not certain":                               {"br-ex", ""},
		"what is absent lies nowhere":                               {"gone.5", ""},
		"what is not there lies nowhere":                            {"eth7", ""},
	}
	n := ParseNodeState([]byte(node))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, ok := n.SegmentOf(c.iface, uplinks)
			got := ""
			if ok {
				got = s.Fabric + "." + string(rune('0'+s.VLAN))
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
