package nmstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

var byValue = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func nodeFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "nodes", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func nodeOf(t testing.TB, name string) Node {
	t.Helper()
	return ParseNodeState(nodeFile(t, name))
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func TestParseNodeStateKeepsWhatDecisionsNeed(t *testing.T) {
	n := nodeOf(t, "worker")
	cases := map[string]NodeInterface{
		"eth0": {Name: "eth0", Type: Ethernet, State: Up, MAC: "52:55:00:d1:55:01", MTU: 1500, DHCPv4: true, Autoconf: true,
			Addresses: prefixes("192.168.66.101/24", "fd00::101/64", "fe80::5055:ff:fed1:5501/64")},
		"eth0.66": {Name: "eth0.66", Type: VLANType, State: Up, MAC: "52:55:00:d1:55:01", MTU: 1500,
			VLANBase: "eth0", VLANID: 66, Addresses: prefixes("10.66.0.101/24")},
		"eth2": {Name: "eth2", Type: Ethernet, State: Up, MAC: "52:55:00:d1:57:01", MTU: 1500, Controller: "br-flat"},
		"br-flat": {Name: "br-flat", Type: LinuxBridge, State: Up, MAC: "52:55:00:d1:57:01", MTU: 1500,
			Ports: []string{"eth2", "vethab12cd34"}, PortFilters: []PortFilter{{Port: "vethab12cd34", Mode: "access", Tag: 1}}},
		"bond0": {Name: "bond0", Type: BondType, State: Up, MAC: "52:55:00:d1:59:01", MTU: 9000,
			Addresses: prefixes("10.70.0.101/24"), Ports: []string{"eth4", "eth5"}, BondMode: "802.3ad"},
		"mvlan0": {Name: "mvlan0", Type: MACVLAN, State: Up, Parent: "bond0", Addresses: prefixes("10.71.0.9/24")},
	}
	for name, want := range cases {
		got, ok := n.Interface(name)
		if !ok {
			t.Errorf("%s is missing", name)
		}
		if diff := cmp.Diff(want, got, byValue); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	wantRoutes := []Route{
		{Interface: "eth0", Gateway: netip.MustParseAddr("192.168.66.2"), Family: 4, Metric: 100, Table: 254},
		{Interface: "eth0", Gateway: netip.MustParseAddr("fe80::2"), Family: 6, Metric: 100, Table: 254},
	}
	if diff := cmp.Diff(wantRoutes, n.DefaultRoutes, byValue); diff != "" {
		t.Errorf("default routes (-want +got):\n%s", diff)
	}
	wantDNS := []netip.Addr{netip.MustParseAddr("192.168.66.2"), netip.MustParseAddr("fd00::53"), netip.MustParseAddr("fe80::1")}
	if diff := cmp.Diff(wantDNS, n.DNSServers, byValue); diff != "" {
		t.Errorf("DNS servers (-want +got):\n%s", diff)
	}
	if len(n.Skipped) != 0 || n.Truncated || !n.Known() {
		t.Errorf("skipped %q, truncated %t, known %t", n.Skipped, n.Truncated, n.Known())
	}
	if !slices.IsSortedFunc(n.Interfaces, func(a, b NodeInterface) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("interfaces are not sorted by name")
	}
}

func TestAnInternalPortOfOpenVSwitchHidesTheBridgeOfItsName(t *testing.T) {
	i, ok := nodeOf(t, "ovn").Interface("br-ex")
	if !ok || i.Type != OVSInterface {
		t.Fatalf("got %+v, want the ovs-interface", i)
	}
	if diff := cmp.Diff(prefixes("192.168.50.13/24", "169.254.169.2/29"), i.Addresses, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseNodeStateSurvivesWhatNodesReport(t *testing.T) {
	cases := map[string]struct {
		in    string
		names []string
		skip  string
	}{
		"nothing":                     {``, nil, ""},
		"null":                        {`null`, nil, ""},
		"an empty object":             {`{}`, nil, ""},
		"a string":                    {`"eth0"`, nil, "not an object"},
		"a list":                      {`[1,2]`, nil, "not an object"},
		"broken JSON":                 {`{"interfaces":[`, nil, "not an object"},
		"interfaces that are no list": {`{"interfaces":{"name":"eth0"}}`, nil, "not a list"},
		"interfaces null":             {`{"interfaces":null}`, nil, ""},
		"names that are numbers keep their text": {
			`{"interfaces":[{"name":60e+02},{"name":42e1},{"name":0},{"name":1101010}]}`,
			[]string{"0", "1101010", "42e1", "60e+02"}, ""},
		"one bad entry leaves the others alone": {
			`{"interfaces":[7,null,{"type":"ethernet"},{"name":"eth1","mtu":"many","ipv4":[],"bridge":"x"},{"name":{"a":1}}]}`,
			[]string{"eth1"}, "interfaces[0]"},
		"a name with a line end is no interface": {`{"interfaces":[{"name":"eth0\n"},{"name":"a b"},{"name":"a/b"},{"name":"é"}]}`, nil, "cannot be an interface"},
		"the second of two equal names is skipped": {
			`{"interfaces":[{"name":"e","type":"ethernet","mtu":1},{"name":"e","type":"ethernet","mtu":2}]}`, []string{"e"}, "twice"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := ParseNodeState([]byte(c.in))
			var names []string
			for _, i := range n.Interfaces {
				names = append(names, i.Name)
			}
			if diff := cmp.Diff(c.names, names); diff != "" {
				t.Errorf("interfaces (-want +got):\n%s", diff)
			}
			if got := strings.Join(n.Skipped, "\n"); (c.skip == "") != (got == "") || !strings.Contains(got, c.skip) {
				t.Errorf("skipped %q, want it to hold %q", got, c.skip)
			}
			if n.Truncated {
				t.Errorf("truncated")
			}
		})
	}
}

func TestDefaultRoutesOfEveryTableAndThoseConfiguredAreKept(t *testing.T) {
	n := ParseNodeState([]byte(`{"routes":{
		"running":[{"destination":"0.0.0.0/0","next-hop-interface":"eth0","next-hop-address":"10.0.0.1","table-id":254},
			{"destination":"::/0","next-hop-interface":"eth3","table-id":200},
			{"destination":"0.0.0.0/0","next-hop-interface":""},{"destination":"0.0.0.0/1","next-hop-interface":"eth5"},7],
		"config":[{"destination":"0.0.0.0/0","next-hop-interface":"eth0","next-hop-address":"10.0.0.1","table-id":254},
			{"destination":"0.0.0.0/0","next-hop-interface":"eth1","next-hop-address":"0.0.0.0","table-id":254}]},
		"dns-resolver":{"config":{"server":["10.0.0.53",5,"dns"]}}}`))
	want := Node{
		DefaultRoutes: []Route{
			{Interface: "eth0", Gateway: netip.MustParseAddr("10.0.0.1"), Family: 4, Table: 254},
			{Interface: "eth1", Family: 4, Table: 254},
			{Interface: "eth3", Family: 6, Table: 200},
		},
		RoutedInterfaces: []string{"eth0", "eth1"},
		DNSServers:       []netip.Addr{netip.MustParseAddr("10.0.0.53")},
	}
	if diff := cmp.Diff(want, n, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAddressesThatCannotBeReadAreSkippedOneByOne(t *testing.T) {
	n := ParseNodeState([]byte(`{"interfaces":[{"name":"eth0","ipv4":{"address":[
		{"ip":"10.0.0.1","prefix-length":24},{"ip":"10.0.0.2","prefix-length":33},{"ip":"10.0.0.3"},{"ip":"010.0.0.4","prefix-length":24},
		"10.0.0.5/24",{"ip":"10.0.0.6","prefix-length":"24"}]},
		"ipv6":{"address":[{"ip":"::ffff:10.0.0.7","prefix-length":120},{"ip":"fe80::1%eth0","prefix-length":64}]}}]}`))
	if diff := cmp.Diff(prefixes("10.0.0.1/24", "10.0.0.6/24", "fe80::1/64"), n.Interfaces[0].Addresses, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(n.Skipped) != 5 {
		t.Errorf("skipped %q, want 5 lines", n.Skipped)
	}
}

func TestReportsBeyondTheBoundsAreCutAndSayso(t *testing.T) {
	interfaces := func(count int, body string) string {
		var b strings.Builder
		for k := range count {
			fmt.Fprintf(&b, `,{"name":"i%d"%s}`, k, body)
		}
		return `{"interfaces":[` + b.String()[1:] + `]}`
	}
	address := strings.Repeat(`,{"ip":"10.0.0.1","prefix-length":24}`, 100_000)[1:]
	route := func(count int) string {
		var b strings.Builder
		for k := range count {
			fmt.Fprintf(&b, `,{"destination":"0.0.0.0/0","next-hop-interface":"eth0","metric":%d}`, k)
		}
		return `{"routes":{"running":[` + b.String()[1:] + `]}}`
	}
	cases := map[string]string{
		"10,000 interfaces":          interfaces(10_000, ""),
		"100,000 addresses":          interfaces(1, `,"ipv4":{"address":[`+address+`]}`),
		"5,000 ports":                interfaces(1, `,"bridge":{"port":[`+strings.Repeat(`,{"name":"p"}`, 5000)[1:]+`]}`),
		"300 default routes":         route(300),
		"more bytes than are stored": `{"interfaces":[` + strings.Repeat(" ", maxStateBytes) + `]}`,
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			n := ParseNodeState([]byte(in))
			if !n.Truncated || len(n.Skipped) == 0 {
				t.Errorf("truncated %t, skipped %q", n.Truncated, n.Skipped)
			}
			assertBounded(t, n)
		})
	}
}

func assertBounded(t *testing.T, n Node) {
	t.Helper()
	addresses, ports := 0, 0
	for _, i := range n.Interfaces {
		addresses += len(i.Addresses)
		ports += len(i.Ports)
		if len(i.Name) > maxInterfaceName || len(i.Type) > 32 || len(i.State) > 32 || strings.ContainsAny(i.Name, "\x00\n\r /") {
			t.Errorf("unbounded words in %+v", i)
		}
	}
	if len(n.Interfaces) > maxInterfaces || addresses > maxAddresses || ports > maxPorts ||
		len(n.DefaultRoutes) > maxRoutes || len(n.DNSServers) > maxDNSServers || len(n.Skipped) > maxSkipped {
		t.Errorf("%d interfaces, %d addresses, %d ports, %d routes, %d servers, %d skipped",
			len(n.Interfaces), addresses, ports, len(n.DefaultRoutes), len(n.DNSServers), len(n.Skipped))
	}
	for _, s := range n.Skipped {
		if len(s) > maxHeadline || clean(s) != s {
			t.Errorf("skipped line %q is not clean", s)
		}
	}
}

func FuzzParseNodeState(f *testing.F) {
	f.Add(nodeFile(f, "worker"))
	f.Add(nodeFile(f, "ovn"))
	f.Add([]byte(`{"interfaces":[{"name":60e+02,"ipv4":{"address":[{"ip":"::1","prefix-length":1e9}]}}],"routes":{"running":[{}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := ParseNodeState(raw)
		assertBounded(t, n)
		assertAsByMaps(t, raw)
		if diff := cmp.Diff(n, n.DeepCopy(), byValue); diff != "" {
			t.Errorf("DeepCopy differs:\n%s", diff)
		}
		Candidates(n)
		for _, o := range n.Observed() {
			n.SegmentOf(o.Interface, map[string]Fabric{"eth0": {Name: "f"}})
			CheckUplink(UplinkCheck{Node: n, Uplink: o.Interface})
		}
	})
}

func decode(t *testing.T, raw string) runtime.Object {
	t.Helper()
	s := runtime.NewScheme()
	if err := AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	out, _, err := serializer.NewCodecFactory(s).UniversalDeserializer().Decode([]byte(raw), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestANodeNetworkStateIsReducedWhileItIsDecoded(t *testing.T) {
	got := decode(t, `{"apiVersion":"nmstate.io/v1beta1","kind":"NodeNetworkStateList","metadata":{"resourceVersion":"7"},"items":[
		{"apiVersion":"nmstate.io/v1beta1","kind":"NodeNetworkState",
		 "metadata":{"name":"node1","uid":"u","managedFields":[{"manager":"m"}]},
		 "status":{"lastSuccessfulUpdateTime":"2026-07-01T10:00:00Z","handlerNmstateVersion":"2.2.57","currentState":{"interfaces":[{"name":"eth0","state":"up","type":"ethernet"}]}}},
		{"metadata":{"name":"node2"}},
		{"metadata":{"name":"node3"},"status":"gone"},
		{"metadata":{"name":"node4"},"status":{"currentState":[1],"lastSuccessfulUpdateTime":7}}]}`)
	list, ok := got.(*NodeNetworkStateList)
	if !ok || len(list.Items) != 4 || list.ResourceVersion != "7" {
		t.Fatalf("got %#v", got)
	}
	first := list.Items[0]
	if first.Name != "node1" || first.UID != "u" || first.ManagedFields != nil || first.LastUpdate.UTC().Hour() != 10 {
		t.Errorf("got %+v", first)
	}
	if _, ok := first.Node.Interface("eth0"); !ok {
		t.Errorf("eth0 is missing in %+v", first.Node)
	}
	for _, item := range list.Items[1:] {
		if item.Name == "" || item.Node.Known() || !item.LastUpdate.IsZero() {
			t.Errorf("got %+v, want an object that knows nothing", item)
		}
	}
	if diff := cmp.Diff(list, list.DeepCopyObject(), byValue); diff != "" {
		t.Errorf("deep copy (-want +got):\n%s", diff)
	}
}

func TestAnEnactmentIsReducedWhileItIsDecoded(t *testing.T) {
	long := strings.Repeat("name: eth0\n", 5000) + "NmstateError: InvalidArgument: Port eth1 is overbooked by two controller: br-a, br-b\n"
	message, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, `{"apiVersion":"nmstate.io/v1beta1","kind":"NodeNetworkConfigurationEnactment",
		"metadata":{"name":"node1.p","labels":{"nmstate.io/policy":"p","nmstate.io/node":"node1"},"creationTimestamp":"2026-07-01T10:00:00Z"},
		"status":{"policyGeneration":3,"desiredState":{"interfaces":[]},"features":["x"],"conditions":[
		 {"type":"Failing","status":"True","reason":"FailedToConfigure","message":`+string(message)+`,"lastHeartbeatTime":"2026-07-01T10:00:01Z","lastTransitionTime":"2026-07-01T10:00:02Z"},
		 "broken",{"status":"True"},{"type":"Available","status":"False"}]}}`)
	e, ok := got.(*Enactment)
	if !ok {
		t.Fatalf("got %#v", got)
	}
	at := func(sec int) metav1.Time {
		return metav1.Date(2026, 7, 1, 10, 0, sec, 0, e.CreationTimestamp.Location())
	}
	want := EnactmentStatus{PolicyGeneration: 3, Conditions: []EnactmentCondition{
		{Type: "Failing", Status: "True", Reason: "FailedToConfigure", LastHeartbeatTime: at(1), LastTransitionTime: at(2),
			Message: "InvalidArgument: Port eth1 is overbooked by two controller: br-a, br-b"},
		{Type: "Available", Status: "False"},
	}}
	if diff := cmp.Diff(want, e.Status); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e.Policy() != "p" || e.NodeName() != "node1" || e.CreationTimestamp.IsZero() {
		t.Errorf("policy %q, node %q, created %s", e.Policy(), e.NodeName(), e.CreationTimestamp)
	}
	if diff := cmp.Diff(e, e.DeepCopyObject()); diff != "" {
		t.Errorf("deep copy (-want +got):\n%s", diff)
	}
}

func TestOnlyWhatIsNoObjectAndBrokenMetadataAreErrors(t *testing.T) {
	cases := map[string]struct {
		in   string
		fine bool
	}{
		"null":                       {`null`, true},
		"an empty object":            {`{}`, true},
		"a status of another type":   {`{"metadata":{"name":"n"},"status":[{}]}`, true},
		"members that nobody knows":  {`{"spec":{"a":[1]},"metadata":{"name":"n"}}`, true},
		"nothing":                    {``, false},
		"a list":                     {`[{}]`, false},
		"text after the object":      {`{"metadata":{"name":"n"}} {}`, false},
		"an object that is cut":      {`{"metadata":{"name":"n"},"status":{"currentState":{"interfaces":[{"name":"eth0"}`, false},
		"a broken report":            {`{"metadata":{"name":"n"},"status":{"currentState":{"interfaces":[}}}`, false},
		"a name that is a number":    {`{"metadata":{"name":7}}`, false},
		"a kind that is a number":    {`{"kind":7}`, false},
		"a version that is a number": {`{"apiVersion":7}`, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := metav1.ObjectMeta{Name: "before"}
			state, enactment := NodeNetworkState{ObjectMeta: before}, Enactment{ObjectMeta: before}
			for _, o := range []interface {
				json.Unmarshaler
				GetName() string
			}{&state, &enactment} {
				err := o.UnmarshalJSON([]byte(c.in))
				if (err == nil) != c.fine || (err == nil) == (o.GetName() == before.Name) {
					t.Errorf("%T %s: %v", o, o.GetName(), err)
				}
			}
		})
	}
}

// FuzzObjects: whatever the API server sends, an object is an error or reduced to what is bounded.
func FuzzObjects(f *testing.F) {
	f.Add([]byte(`{"kind":"NodeNetworkState","metadata":{"name":"n"},"status":{"lastSuccessfulUpdateTime":"2026-07-01T10:00:00Z","currentState":` +
		string(nodeFile(f, "worker")) + `}}`))
	f.Add([]byte(`{"metadata":{"name":7},"status":{"policyGeneration":3,"conditions":[{"type":"Failing","status":"True","message":"m"},"broken"]},"status":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var state NodeNetworkState
		var enactment Enactment
		err := state.UnmarshalJSON(raw)
		if also := enactment.UnmarshalJSON(raw); (err == nil) != (also == nil) || err == nil && !json.Valid(raw) {
			t.Fatalf("a node state: %v, an enactment: %v", err, also)
		} else if err != nil {
			return
		}
		assertBounded(t, state.Node)
		top, _ := object(raw)
		status, _ := object(top["status"])
		if want := byMaps(status["currentState"]); !state.Node.Truncated && !reflect.DeepEqual(want, state.Node) {
			t.Errorf("(-want +got):\n%s", cmp.Diff(want, state.Node, byValue))
		}
		if len(enactment.Status.Conditions) > maxConditions {
			t.Errorf("%d conditions", len(enactment.Status.Conditions))
		}
		for _, c := range enactment.Status.Conditions {
			if c.Type == "" || max(len(c.Type), len(c.Reason), len(c.Message)) > maxConditionMessage {
				t.Errorf("condition %+v", c)
			}
		}
	})
}

func TestOfTwoStatusesTheLastCounts(t *testing.T) {
	const first, second = `{"currentState":{"interfaces":[{"name":"eth0"}]},"lastSuccessfulUpdateTime":"2026-07-01T10:00:00Z","policyGeneration":3}`, `{"policyGeneration":"x"}`
	var state NodeNetworkState
	var enactment Enactment
	raw := []byte(`{"status":` + first + `,"status":` + second + `}`)
	if err := errors.Join(state.UnmarshalJSON(raw), enactment.UnmarshalJSON(raw)); err != nil {
		t.Fatal(err)
	}
	if state.Node.Known() || !state.LastUpdate.IsZero() || enactment.Status.PolicyGeneration != 0 {
		t.Errorf("got %+v and %+v", state, enactment)
	}
}

func TestConditionsBeyondTheBoundAreLeftOut(t *testing.T) {
	var e Enactment
	raw := `{"status":{"conditions":[` + strings.Repeat(`{"type":"Failing"},`, maxConditions+1) + `{"type":"Available"}]}}`
	if err := e.UnmarshalJSON([]byte(raw)); err != nil || len(e.Status.Conditions) != maxConditions {
		t.Errorf("%v, %d conditions", err, len(e.Status.Conditions))
	}
}

func TestBondsInsideBondsAreReadToADepthOnly(t *testing.T) {
	const deep = 2 * maxStack
	raw := strings.Repeat(`{"port":[{"name":"p","link-aggregation":`, deep) + `{"port":["innermost"]}` + strings.Repeat(`}]}`, deep)
	n := ParseNodeState([]byte(`{"interfaces":[{"name":"br","bridge":` + raw + `}]}`))
	if got := n.Interfaces[0].Ports; !slices.Equal(got, []string{"p"}) {
		t.Errorf("ports %q", got)
	}
}

func TestCopiesOfListsShareNothing(t *testing.T) {
	enactments := &EnactmentList{Items: []Enactment{*enactment(1, "T/F/F/F/F", "")}}
	copied := enactments.DeepCopyObject().(*EnactmentList)
	enactments.Items[0].Status.Conditions[0].Reason = "changed"
	if copied.Items[0].Status.Conditions[0].Reason == "changed" {
		t.Error("the conditions are shared")
	}
	state := &NodeNetworkState{Node: nodeOf(t, "worker")}
	clone := state.DeepCopyObject().(*NodeNetworkState)
	for k := range state.Node.Interfaces {
		for a := range state.Node.Interfaces[k].Addresses {
			state.Node.Interfaces[k].Addresses[a] = netip.Prefix{}
		}
	}
	if diff := cmp.Diff(nodeOf(t, "worker"), clone.Node, byValue); diff != "" {
		t.Errorf("the addresses are shared (-want +got):\n%s", diff)
	}
}
