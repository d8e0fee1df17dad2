package render_test

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// claimed writes claims as "Kind what segment", sorted; an unknown segment is a question mark.
func claimed(claims []conflicts.Claim) []string {
	var out []string
	for _, c := range claims {
		what := c.MAC
		if c.Addr.IsValid() {
			what = c.Addr.String()
		}
		if c.Last.IsValid() {
			what += "-" + c.Last.String()
		}
		out = append(out, strings.Join([]string{string(c.Kind), what, cmp.Or(c.Segment, "?")}, " "))
	}
	slices.Sort(out)
	return out
}

// host is a node with an uplink eth1, a VLAN and bridges on it, a NIC that leads nowhere, and what clusters put on nodes.
const host = `{
  "interfaces": [
    {"name": "eth0", "type": "ethernet", "state": "up", "mac-address": "52:54:00:00:00:01", "ipv4": {"address": [{"ip": "198.51.100.10", "prefix-length": 24}]},
     "ipv6": {"address": [{"ip": "fe80::1", "prefix-length": 64}]}},
    {"name": "eth1", "type": "ethernet", "state": "up", "mac-address": "52:54:00:00:00:02"},
    {"name": "eth1.100", "type": "vlan", "state": "up", "mac-address": "52:54:00:00:00:02", "vlan": {"base-iface": "eth1", "id": 100}},
    {"name": "br-data", "type": "linux-bridge", "state": "up", "mac-address": "52:54:00:00:00:02", "bridge": {"port": [{"name": "eth1.100"}, {"name": "vethab"}]},
     "ipv4": {"address": [{"ip": "203.0.113.10", "prefix-length": 24}]}},
    {"name": "br-machines", "type": "linux-bridge", "state": "up", "mac-address": "02:00:00:00:00:99", "bridge": {"port": [{"name": "tap0"}]}},
    {"name": "bond0", "type": "bond", "state": "down", "mac-address": "52:54:00:00:00:03", "ipv4": {"address": [{"ip": "192.0.2.77", "prefix-length": 32}]}},
    {"name": "tap0", "type": "tun", "state": "ignore", "mac-address": "02:00:00:00:00:99", "ipv4": {"address": [{"ip": "203.0.113.50", "prefix-length": 24}]}},
    {"name": "vethab", "type": "veth", "state": "ignore", "mac-address": "02:00:00:00:00:98"},
    {"name": "cni0", "type": "linux-bridge", "state": "up", "mac-address": "02:00:00:00:00:97", "ipv4": {"address": [{"ip": "10.244.1.1", "prefix-length": 24}]}},
    {"name": "eth9", "type": "ethernet", "state": "absent", "mac-address": "52:54:00:00:00:09", "ipv4": {"address": [{"ip": "192.0.2.9", "prefix-length": 24}]}},
    {"name": "lo", "type": "loopback", "state": "up", "mac-address": "00:00:00:00:00:00", "ipv4": {"address": [{"ip": "127.0.0.1", "prefix-length": 8}]}}
  ],
  "routes": {"running": [
    {"destination": "0.0.0.0/0", "next-hop-address": "198.51.100.1", "next-hop-interface": "eth0"},
    {"destination": "0.0.0.0/0", "next-hop-address": "203.0.113.1", "next-hop-interface": "br-data", "table-id": 100},
    {"destination": "0.0.0.0/0", "next-hop-address": "203.0.113.1", "next-hop-interface": "br-data", "table-id": 200},
    {"destination": "0.0.0.0/0", "next-hop-address": "10.244.1.9", "next-hop-interface": "cni0"},
    {"destination": "::/0", "next-hop-address": "fe80::2", "next-hop-interface": "eth0"},
    {"destination": "10.0.0.0/8", "next-hop-address": "198.51.100.2", "next-hop-interface": "eth0"}
  ]},
  "dns-resolver": {"running": {"server": ["127.0.0.53", "203.0.113.53", "198.51.100.53", "192.0.2.53", "10.244.1.53", "169.254.20.10"]}}
}`

func stateOf(name, currentState string) *nmstate.NodeNetworkState {
	return &nmstate.NodeNetworkState{ObjectMeta: metav1.ObjectMeta{Name: name}, Node: nmstate.ParseNodeState([]byte(currentState))}
}

func TestNodeClaims(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"role": "worker"}}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "198.51.100.10"}, {Type: corev1.NodeExternalIP, Address: "192.0.2.200"},
		{Type: corev1.NodeHostName, Address: "192.0.2.201"}, {Type: corev1.NodeInternalDNS, Address: "n1.example.com"}, {Type: corev1.NodeInternalIP, Address: "192.0.2.200"}}
	workers := uplink("workers", "lab", "eth1", func(u *v1alpha1.HostUplink) { u.Spec.NodeSelector.MatchLabels = map[string]string{"role": "worker"} })
	catalog := render.NewCatalog([]v1alpha1.HostUplink{workers}, nil)
	cases := map[string]struct {
		node  *corev1.Node
		state *nmstate.NodeNetworkState
		want  []string
	}{
		"nothing is known":           {nil, nil, nil},
		"the cluster alone knows it": {node, nil, []string{"NodeAddress 192.0.2.200 ?", "NodeAddress 198.51.100.10 ?"}},
		"interfaces, next hops, resolvers and MAC addresses": {node, stateOf("n1", host), []string{
			"DNSServer 192.0.2.53 ?",
			"DNSServer 198.51.100.53 ?",
			"DNSServer 203.0.113.53 lab.100",
			"Gateway 198.51.100.1 ?",
			"Gateway 203.0.113.1 lab.100",
			"NodeAddress 192.0.2.200 ?",
			"NodeInterface 192.0.2.77 ?",
			"NodeInterface 198.51.100.10 ?",
			"NodeInterface 203.0.113.10 lab.100",
			"NodeInterface 52:54:00:00:00:01 ?",
			"NodeInterface 52:54:00:00:00:02 lab",
			"NodeInterface 52:54:00:00:00:02 lab.100",
			"NodeInterface 52:54:00:00:00:03 ?",
		}},
		"without its labels nothing is known about where it leads": {nil, stateOf("n1", `{"interfaces": [{"name": "eth1", "type": "ethernet", "state": "up", "mac-address": "52-54-00-00-00-02"}]}`),
			[]string{"NodeInterface 52:54:00:00:00:02 ?"}},
		"a subnet on two segments says nothing about a server": {node, stateOf("n1", `{"interfaces": [
			{"name": "eth1", "type": "ethernet", "state": "up", "ipv4": {"address": [{"ip": "192.0.2.1", "prefix-length": 24}]}},
			{"name": "eth1.5", "type": "vlan", "state": "up", "vlan": {"base-iface": "eth1", "id": 5}, "ipv4": {"address": [{"ip": "192.0.2.2", "prefix-length": 24}]}}],
			"dns-resolver": {"config": {"server": ["192.0.2.53"]}}}`),
			[]string{"DNSServer 192.0.2.53 ?", "NodeAddress 192.0.2.200 ?", "NodeAddress 198.51.100.10 ?", "NodeInterface 192.0.2.1 lab", "NodeInterface 192.0.2.2 lab.5"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			claims := render.NodeClaims(catalog, "n1", c.node, c.state)
			if diff := gocmp.Diff(c.want, claimed(claims)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			for _, claim := range claims {
				if claim.Owner != "node n1" || !strings.Contains(claim.Evidence, "node n1") || claim.Namespace != "" || !claim.Since.IsZero() {
					t.Errorf("a claim of no node: %+v", claim)
				}
			}
		})
	}
}

func TestPoolClaims(t *testing.T) {
	cases := map[string]struct {
		pool v1alpha1.AddressPool
		want []string
	}{
		"a pool that says nothing": {pool("p", "192.0.2.0/24"), nil},
		"gateway, next hops, servers and exclusions": {pool("p", "192.0.2.0/24", poolVLAN(100), poolGateway("192.0.2.1"), poolDNS("192.0.2.2", "198.51.100.53", "127.0.0.1"), exclude("192.0.2.9", "192.0.2.64/26"),
			poolRoutes(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.3"}, v1alpha1.Route{To: "10.0.0.0/7", Via: "192.0.2.1"})),
			[]string{"DNSServer 192.0.2.2 lab.100", "DNSServer 198.51.100.53 ?", "Excluded 192.0.2.64-192.0.2.127 lab.100", "Excluded 192.0.2.9 lab.100", "Gateway 192.0.2.1 lab.100", "Gateway 192.0.2.3 lab.100"}},
		"a link-local router is no claim":          {pool("p", "2001:db8::/64", poolGateway("fe80::1")), nil},
		"what can be read of a pool with problems": {pool("p", "192.0.2.0/24", ranges("x"), poolGateway("192.0.2.1"), exclude("y", "192.0.2.9")), []string{"Excluded 192.0.2.9 lab", "Gateway 192.0.2.1 lab"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			claims := render.PoolClaims(labPools(c.pool).All()[0])
			if diff := gocmp.Diff(c.want, claimed(claims)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			for _, claim := range claims {
				if claim.Owner != "AddressPool p" || claim.Namespace != "" {
					t.Errorf("a claim of no pool: %+v", claim)
				}
			}
		})
	}
}

func TestReservationClaims(t *testing.T) {
	many := make([]v1alpha1.AddressRange, 257)
	for i := range many {
		many[i] = "192.0.2.9"
	}
	cases := map[string]struct {
		spec       v1alpha1.AddressReservationSpec
		want       []string
		keptFor    string
		path, says string
	}{
		"addresses and ranges": {spec: v1alpha1.AddressReservationSpec{Addresses: []v1alpha1.AddressRange{"192.0.2.9", "192.0.2.64/26", "2001:db8::1-2001:db8::ff"}},
			want: []string{"Reservation 192.0.2.64-192.0.2.127 lab", "Reservation 192.0.2.9 lab", "Reservation 2001:db8::1-2001:db8::ff lab"}},
		"for a Wukong": {spec: v1alpha1.AddressReservationSpec{Addresses: []v1alpha1.AddressRange{"192.0.2.9"}, For: &v1alpha1.ReservedFor{Namespace: "team-a", Name: "web"}},
			want: []string{"Reservation 192.0.2.9 lab"}, keptFor: "Wukong team-a/web"},
		"for one of its networks": {spec: v1alpha1.AddressReservationSpec{Addresses: []v1alpha1.AddressRange{"192.0.2.9"}, For: &v1alpha1.ReservedFor{Namespace: "team-a", Name: "web", Network: "lan"}},
			want: []string{"Reservation 192.0.2.9 lab"}, keptFor: "Wukong team-a/web network lan"},
		"for nobody in particular": {spec: v1alpha1.AddressReservationSpec{Addresses: []v1alpha1.AddressRange{"192.0.2.9"}, For: &v1alpha1.ReservedFor{Namespace: "team-a"}},
			want: []string{"Reservation 192.0.2.9 lab"}, keptFor: "Wukong team-a/", path: "spec.for.name", says: "write the name of the Wukong"},
		"what can be read is kept back": {spec: v1alpha1.AddressReservationSpec{Addresses: []v1alpha1.AddressRange{"192.0.2.9-192.0.2.1", "192.0.2.9"}},
			want: []string{"Reservation 192.0.2.9 lab"}, path: "spec.addresses[0]", says: "ends before it begins"},
		"no addresses":       {path: "spec.addresses", says: "write the addresses"},
		"too many addresses": {spec: v1alpha1.AddressReservationSpec{Addresses: many}, want: slices.Repeat([]string{"Reservation 192.0.2.9 lab"}, 256), path: "spec.addresses", says: "at most 256"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: "r", CreationTimestamp: day(3)}, Spec: c.spec}
			r.Spec.Segment.PhysicalNetwork, r.Spec.Reason = "lab", "for the database of team-b"
			claims, problem := render.ReservationClaims(labCatalog(), &r)
			if diff := gocmp.Diff(c.want, claimed(claims)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			for _, claim := range claims {
				if claim.For != c.keptFor || claim.Owner != "AddressReservation r" || claim.Since != day(3).Time || claim.Namespace != "" || strings.Contains(claim.Evidence, "team-b") {
					t.Errorf("claim: %+v", claim)
				}
			}
			if problem == nil {
				problem = &render.Problem{}
			}
			if problem.Path != c.path || !strings.Contains(problem.Message, c.says) {
				t.Errorf("want %q at %q, got %v", c.says, c.path, problem)
			}
		})
	}
}

func TestAReservedAddressIsNoObstacleToItsHolder(t *testing.T) {
	r := v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: v1alpha1.AddressReservationSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Addresses: []v1alpha1.AddressRange{"192.0.2.0/24"}, For: &v1alpha1.ReservedFor{Namespace: "team-a", Name: "web"}}}
	claims, _ := render.ReservationClaims(labCatalog(), &r)
	var idx conflicts.Index
	idx.Replace("r", claims)
	for owner, refused := range map[string]bool{render.HolderName("team-a", "web", "lan"): false, render.HolderName("team-a", "web-2", "lan"): true, render.HolderName("team-b", "web", "lan"): true} {
		found := conflicts.Conflicts(conflicts.Claim{Segment: "lab", Addr: netip.MustParseAddr("192.0.2.7"), Kind: conflicts.Request, Owner: owner}, &idx)
		if (len(found) > 0) != refused {
			t.Errorf("%s: %v", owner, found)
		}
	}
}

func TestLeaseClaims(t *testing.T) {
	holder := &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "web", Network: "lan"}
	cases := map[string]struct {
		spec  v1alpha1.AddressLeaseSpec
		claim bool
		owner string
	}{
		"held":                     {v1alpha1.AddressLeaseSpec{Address: "192.0.2.9", Phase: v1alpha1.LeaseAllocated, Holder: holder}, true, "Wukong team-a/web network lan"},
		"being released":           {v1alpha1.AddressLeaseSpec{Address: "192.0.2.9", Phase: v1alpha1.LeaseReleasing, Holder: holder}, true, "Wukong team-a/web network lan"},
		"resting":                  {v1alpha1.AddressLeaseSpec{Address: "192.0.2.9", Phase: v1alpha1.LeaseCooling}, true, "AddressLease ip-192-0-2-9.lab"},
		"reserved":                 {v1alpha1.AddressLeaseSpec{Address: "192.0.2.9", Phase: v1alpha1.LeaseReserved, Holder: holder}, true, "Wukong team-a/web network lan"},
		"free again":               {v1alpha1.AddressLeaseSpec{Address: "192.0.2.9", Phase: v1alpha1.LeaseReleased, Holder: holder}, false, ""},
		"unreadable":               {v1alpha1.AddressLeaseSpec{Address: "x", Phase: v1alpha1.LeaseAllocated, Holder: holder}, false, ""},
		"of a phase of the future": {v1alpha1.AddressLeaseSpec{Address: "192.0.2.9", Phase: "Surprise", Holder: holder}, true, "Wukong team-a/web network lan"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-192-0-2-9.lab"}, Spec: c.spec}
			l.Spec.Segment, l.Spec.Since = "lab", day(1)
			claim, ok := render.LeaseClaim(l)
			if ok != c.claim || claim.Owner != c.owner {
				t.Errorf("claim: %v %+v", ok, claim)
			}
			if ok && (claim.Kind != conflicts.Lease || claim.Record != "AddressLease ip-192-0-2-9.lab" || claim.Segment != "lab" || claim.Since != day(1).Time || (claim.Namespace != "") != (c.spec.Holder != nil)) {
				t.Errorf("claim: %+v", claim)
			}
		})
	}
}

func TestALeaseClaimsTheMACAddressOfAMachineThatMayUseIt(t *testing.T) {
	holder := &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "web", Network: "lan"}
	for phase, want := range map[v1alpha1.LeasePhase]bool{v1alpha1.LeaseAllocated: true, v1alpha1.LeaseReleasing: true, v1alpha1.LeaseCooling: false,
		v1alpha1.LeaseReserved: false, v1alpha1.LeaseReleased: false} {
		l := &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-192-0-2-9.lab"}, Spec: v1alpha1.AddressLeaseSpec{
			Address: "192.0.2.9", Segment: "lab", Phase: phase, Holder: holder, MAC: "02:00:00:00:00:01"}}
		claim, ok := render.LeaseMACClaim(l)
		if ok != want || ok && (claim.MAC != "02:00:00:00:00:01" || claim.Addr.IsValid() || claim.Owner != "Wukong team-a/web network lan" || claim.Segment != "lab") {
			t.Errorf("%s: %v %+v", phase, ok, claim)
		}
		l.Spec.MAC = "none"
		if claim, ok := render.LeaseMACClaim(l); ok {
			t.Errorf("%s: %+v", phase, claim)
		}
	}
}

func TestServiceClaims(t *testing.T) {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "team-b", Name: "shop", CreationTimestamp: day(2)}}
	if claims := render.ServiceClaims(s); claims != nil {
		t.Errorf("an empty Service claims %v", claims)
	}
	s.Spec.ClusterIP, s.Spec.ClusterIPs = "10.96.0.7", []string{"10.96.0.7", "None", "fd00::7"}
	s.Spec.ExternalIPs = []string{"192.0.2.71", "::ffff:192.0.2.72", "127.0.0.1"}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.70"}, {Hostname: "shop.example.com"}, {IP: "169.254.0.1"}}
	claims := render.ServiceClaims(s)
	want := []string{"Service 10.96.0.7 ?", "Service 192.0.2.70 ?", "Service fd00::7 ?", "ServiceExternalIP 192.0.2.71 ?", "ServiceExternalIP 192.0.2.72 ?"}
	if diff := gocmp.Diff(want, claimed(claims)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	for _, c := range claims {
		if c.Owner != "Service team-b/shop" || c.Namespace != "team-b" || c.Since != day(2).Time {
			t.Errorf("claim: %+v", c)
		}
	}
	s.Spec.ClusterIPs = nil
	if diff := gocmp.Diff(want[0], claimed(render.ServiceClaims(s))[0]); diff != "" {
		t.Errorf("an old Service (-want +got):\n%s", diff)
	}
	s.Spec.ExternalIPs = slices.Repeat([]string{"192.0.2.71"}, 5000)
	if n := len(render.ServiceClaims(s)); n != 256 {
		t.Errorf("%d claims of one Service", n)
	}
}

func TestMachineClaims(t *testing.T) {
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: "team-b", Name: "old", CreationTimestamp: day(2)}}
	vmi.Spec.Networks = []kubevirtv1.Network{
		{Name: "default", NetworkSource: kubevirtv1.NetworkSource{Pod: &kubevirtv1.PodNetwork{}}},
		{Name: "lan", NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: "lan"}}},
		{Name: "ours", NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: "wukong-lab"}}},
	}
	vmi.Status.Interfaces = []kubevirtv1.VirtualMachineInstanceNetworkInterface{
		{Name: "default", IP: "10.244.0.9", IPs: []string{"10.244.0.9"}, MAC: "02:00:00:00:00:01"},
		{Name: "lan", IP: "192.0.2.9", IPs: []string{"192.0.2.9", "fe80::9", "2001:db8::9", "junk"}, MAC: "02:00:00:00:00:AB"},
		{Name: "lan", IP: "192.0.2.10"},
		{Name: "ours", IP: "192.0.2.11", MAC: "02:00:00:00:00:03"},
		{InterfaceName: "docker0", IP: "172.17.0.1", MAC: "02:00:00:00:00:04"},
	}
	claims := render.MachineClaims(vmi, map[string]bool{"02:00:00:00:00:03": true})
	want := []string{"GuestReport 02:00:00:00:00:ab ?", "GuestReport 192.0.2.10 ?", "GuestReport 192.0.2.9 ?", "GuestReport 2001:db8::9 ?"}
	if diff := gocmp.Diff(want, claimed(claims)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	for _, c := range claims {
		if c.Owner != "VirtualMachineInstance team-b/old" || c.Namespace != "team-b" || c.Since != day(2).Time {
			t.Errorf("claim: %+v", c)
		}
	}
	vmi.Status.Phase = kubevirtv1.Succeeded
	if claims := render.MachineClaims(vmi, nil); claims != nil {
		t.Errorf("a machine that has ended claims %v", claims)
	}
}

func pod(status string, labels map[string]string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "team-b", Name: "router-0", Labels: labels,
		Annotations: map[string]string{"k8s.v1.cni.cncf.io/network-status": status}}}
}

func TestPodClaims(t *testing.T) {
	const real = `[{"name": "kindnet", "interface": "eth0", "ips": ["10.244.0.7"], "mac": "02:00:00:00:00:01", "default": true, "dns": {}},
		{"name": "team-b/lan", "interface": "net1", "ips": ["192.0.2.9", "2001:db8::9", "fe80::1"], "mac": "02:00:00:00:00:02", "dns": {}}]`
	cases := map[string]struct {
		pod  *metav1.PartialObjectMetadata
		want []string
	}{
		"what Multus writes":               {pod(real, nil), []string{"PodNetwork 192.0.2.9 ?", "PodNetwork 2001:db8::9 ?"}},
		"the pod of a machine":             {pod(real, map[string]string{"kubevirt.io": "virt-launcher"}), nil},
		"no annotation":                    {&metav1.PartialObjectMetadata{}, nil},
		"an object":                        {pod(`{"ips": ["192.0.2.9"]}`, nil), nil},
		"no JSON":                          {pod(`[{"ips": ["192.0.2.9"]}`, nil), nil},
		"entries that cannot be read":      {pod(`[7, null, {"ips": "192.0.2.8"}, {"ips": [7, null, "192.0.2.9", "junk"]}]`, nil), []string{"PodNetwork 192.0.2.9 ?"}},
		"addresses with a prefix or zone":  {pod(`[{"ips": ["192.0.2.9/24", "2001:db8::9%eth0"]}]`, nil), []string{"PodNetwork 2001:db8::9 ?"}},
		"an annotation that is too large":  {pod(`[{"ips": ["192.0.2.9"], "name": "`+strings.Repeat("x", 300<<10)+`"}]`, nil), nil},
		"more networks than a pod can use": {pod("["+strings.Repeat(`{"ips": ["192.0.2.9"]},`, 80)+"{}]", nil), slices.Repeat([]string{"PodNetwork 192.0.2.9 ?"}, 64)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			claims := render.PodClaims(c.pod)
			if diff := gocmp.Diff(c.want, claimed(claims)); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			for _, claim := range claims {
				if claim.Owner != "Pod team-b/router-0" || claim.Namespace != "team-b" {
					t.Errorf("claim: %+v", claim)
				}
			}
		})
	}
}

// FuzzPodClaims: no annotation makes it panic, and what it claims is bounded and warns.
func FuzzPodClaims(f *testing.F) {
	f.Add(`[{"name": "team-b/lan", "ips": ["192.0.2.9", "2001:db8::9"], "mac": "02:00:00:00:00:02"}]`)
	f.Add(`[{"default": "x", "ips": {}}, [], null, {"ips": [null, 1e9]}]`)
	f.Fuzz(func(t *testing.T, status string) {
		claims := render.PodClaims(pod(status, nil))
		if len(claims) > 64*32 {
			t.Fatalf("%d claims", len(claims))
		}
		for _, c := range claims {
			if c.Kind != conflicts.PodNetwork || !c.Addr.IsValid() || c.Addr.Is4In6() || c.Addr.Zone() != "" || c.Addr.IsLoopback() {
				t.Errorf("claim: %+v", c)
			}
		}
	})
}

// FuzzNodeClaims: no report of a node makes it panic, and every claim is of that node.
func FuzzNodeClaims(f *testing.F) {
	f.Add([]byte(host))
	f.Add([]byte(`{"interfaces": [{"name": "eth1", "type": "vlan", "vlan": {"base-iface": "eth1", "id": 1}}], "routes": {"running": [{"destination": "::/0", "next-hop-address": "::", "next-hop-interface": "x"}]}}`))
	catalog := labCatalog()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		for _, c := range render.NodeClaims(catalog, "n1", nil, stateOf("n1", string(raw))) {
			if c.Owner != "node n1" || c.Addr.IsValid() == (c.MAC != "") {
				t.Errorf("claim: %+v", c)
			}
		}
	})
}
