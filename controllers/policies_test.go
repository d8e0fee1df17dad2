package controllers

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

func testUplink() *v1alpha1.HostUplink {
	return &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "up", UID: "up-uid"},
		Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "lab", Interface: "eth1"}}
}

func testNetwork(name string, vlan v1alpha1.VLANID) v1alpha1.HostNetwork {
	n := v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "net-uid"}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "lab"}}
	if vlan != 0 {
		n.Spec.VLAN = &vlan
	}
	return n
}

func TestUplinkOfPolicyUndoesThePolicyName(t *testing.T) {
	hash := strings.Repeat("a", nmstate.HashLength)
	for _, uplink := range []string{"up", "a-b", "rack-1-aaaaaaaaaa", "x"} {
		if got, ok := uplinkOfPolicy(render.PolicyName(uplink, hash)); !ok || got != uplink {
			t.Errorf("%s: got %q %v", uplink, got, ok)
		}
	}
	for _, name := range []string{"", "theirs", "wukong-", "wukong-short", "wukong-" + hash} {
		if got, ok := uplinkOfPolicy(name); ok {
			t.Errorf("%s: got %q, want none", name, got)
		}
	}
}
