package answer

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

func TestAddressesThatNodesUseOnTheSegmentAreNotNext(t *testing.T) {
	uplink := func(name, fabric, nic string) v1alpha1.HostUplink {
		return v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), Interface: v1alpha1.InterfaceName(nic)}}
	}
	d := NewDeclared([]v1alpha1.HostUplink{uplink("here", "lab", "eth1"), uplink("there", "other", "eth2")},
		[]v1alpha1.AddressPool{poolOn("192.0.2.0/29")}, nil)
	state := nmstate.NodeNetworkState{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}, Node: nmstate.Node{Interfaces: []nmstate.NodeInterface{
		{Name: "eth1", Type: nmstate.Ethernet, State: nmstate.Up, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/29")}},
		{Name: "eth2", Type: nmstate.Ethernet, State: nmstate.Up, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/29")}},
		{Name: "eth3", Type: nmstate.Ethernet, State: nmstate.Up, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.3/29")}},
	}}}
	pool := d.Pools.All()[0]
	var got []string
	for _, a := range d.Next(pool, nil, d.InUse(pool, []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}}}, []nmstate.NodeNetworkState{state}), 9) {
		got = append(got, a.String())
	}
	// eth2 leads to another fabric, and where eth3 leads nobody knows.
	if diff := cmp.Diff([]string{"192.0.2.2", "192.0.2.4", "192.0.2.5", "192.0.2.6"}, got); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
}
