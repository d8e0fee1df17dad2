package render

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestAnAnnotationListsNodesByNameOrAllOfThem(t *testing.T) {
	for annotation, want := range map[string]bool{"": false, "node-a": true, "node-b, node-a": true, "*": true, "node-b,*": true, "node-aa": false, " node-a ": true} {
		u := &v1alpha1.HostUplink{}
		u.Annotations = map[string]string{v1alpha1.AbandonAnnotation: annotation}
		if got := Lists(u, v1alpha1.AbandonAnnotation, "node-a"); got != want {
			t.Errorf("%q: %v, want %v", annotation, got, want)
		}
	}
}

func TestANodeIsKnownByAllAddressesThatAreNoNames(t *testing.T) {
	n := &corev1.Node{Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "203.0.113.9"}, {Type: corev1.NodeInternalIP, Address: "::ffff:203.0.113.1"},
		{Type: corev1.NodeExternalIP, Address: "2001:db8::1"}, {Type: corev1.NodeInternalDNS, Address: "node-a.internal"},
	}}}
	want := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")}
	if diff := cmp.Diff(want, NodeAddresses(n), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if got := NodeAddresses(nil); got != nil {
		t.Errorf("a node that is not known has %v", got)
	}
}
