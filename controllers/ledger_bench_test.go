package controllers

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// The way of a NodeNetworkState of 200 interfaces that says what it said before, from the bytes on the wire to the ledger, as a
// whole and in its parts. It wakes nobody, so that nothing is written. A list or watch decodes by the scheme, which reads the
// bytes several times before this type does.
func BenchmarkANodeStateOf200InterfacesThatChangesNothing(b *testing.B) {
	l := &ledger{nextHops: map[string][]nextHop{}, users: map[nextHop]int{}}
	told := 0
	l.subscribe(func(conflicts.Changes) { told++ })
	l.onNextHop(func(netip.Addr) { told++ })
	uplinks := []v1alpha1.HostUplink{{ObjectMeta: metav1.ObjectMeta{Name: "lab"}, Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "lab", Interface: "eth1"}}}
	catalog := render.NewCatalog(uplinks, nil)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}, {Type: corev1.NodeHostName, Address: "node-a"}}
	raw := stateOf200Interfaces()
	scheme := runtime.NewScheme()
	if err := nmstate.AddToScheme(scheme); err != nil {
		b.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme).UniversalDeserializer()

	decode := func() *nmstate.NodeNetworkState {
		state := &nmstate.NodeNetworkState{}
		if err := state.UnmarshalJSON(raw); err != nil {
			b.Fatal(err)
		}
		return state
	}
	state := decode()
	claims := render.NodeClaims(catalog, "node-a", node, state)
	l.replaceNode("node-a", claims)
	if n := l.claims.Len(); n < 200 || told == 0 {
		b.Fatalf("%d addresses are claimed, %d times told", n, told)
	}
	told = 0
	for _, part := range []struct {
		name string
		do   func()
	}{
		{"decoding", func() { decode() }},
		{"decoding by the scheme", func() {
			if _, _, err := decoder.Decode(raw, nil, nil); err != nil {
				b.Fatal(err)
			}
		}},
		{"claims", func() { render.NodeClaims(catalog, "node-a", node, state) }},
		{"ledger", func() { l.replaceNode("node-a", claims) }},
		{"claims and ledger", func() { l.replaceNode("node-a", render.NodeClaims(catalog, "node-a", node, state)) }},
		{"all", func() { l.replaceNode("node-a", render.NodeClaims(catalog, "node-a", node, decode())) }},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				part.do()
			}
		})
	}
	if told > 0 {
		b.Errorf("%d times somebody was told although nothing changed", told)
	}
}

func stateOf200Interfaces() []byte {
	lines := []string{`{"name": "eth1", "type": "ethernet", "state": "up", "mac-address": "52:54:00:00:00:01"}`}
	for i := range 199 {
		lines = append(lines, fmt.Sprintf(`{"name": "eth1.%d", "type": "vlan", "state": "up", "mtu": 1500, "mac-address": "52:54:00:00:00:01",
			"vlan": {"base-iface": "eth1", "id": %d}, "ipv4": {"enabled": true, "dhcp": false, "address": [{"ip": "10.0.%d.1", "prefix-length": 24}]},
			"ipv6": {"enabled": true, "autoconf": false, "address": [{"ip": "fd00:%x::1", "prefix-length": 64}, {"ip": "fe80::1", "prefix-length": 64}]},
			"lldp": {"enabled": false}, "ethtool": {"feature": {"tx-checksum-ip-generic": true}}}`, 100+i, 100+i, i, 100+i))
	}
	return []byte(`{"apiVersion": "nmstate.io/v1beta1", "kind": "NodeNetworkState", "metadata": {"name": "node-a"}, "status": {"currentState": {
		"interfaces": [` + strings.Join(lines, ",") + `],
		"routes": {"running": [{"destination": "0.0.0.0/0", "next-hop-address": "10.0.0.254", "next-hop-interface": "eth1.100", "table-id": 254}]},
		"dns-resolver": {"running": {"server": ["10.0.0.53"]}}}}}`)
}
