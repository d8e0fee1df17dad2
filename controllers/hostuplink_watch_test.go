package controllers

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/event"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestAHostUplinkLooksAgainWhenANetworkNeedsSomethingElse(t *testing.T) {
	status := func(change func(*v1alpha1.HostNetworkStatus)) *v1alpha1.HostNetwork {
		n := &v1alpha1.HostNetwork{Status: v1alpha1.HostNetworkStatus{ObservedGeneration: 1, Provisioned: true, VLANsInUse: "100,200"}}
		if change != nil {
			change(&n.Status)
		}
		return n
	}
	edited := status(nil)
	edited.Generation = 2
	for name, test := range map[string]struct {
		after *v1alpha1.HostNetwork
		want  bool
	}{
		"its spec was edited":                     {edited, true},
		"nobody needs it any more":                {status(func(s *v1alpha1.HostNetworkStatus) { s.Provisioned = false }), true},
		"nobody uses a VLAN of its trunk":         {status(func(s *v1alpha1.HostNetworkStatus) { s.VLANsInUse = "100" }), true},
		"not when another user of a network came": {status(func(s *v1alpha1.HostNetworkStatus) { s.Users = 7 }), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (networkNeeds{}).Update(event.UpdateEvent{ObjectOld: status(nil), ObjectNew: test.after}); got != test.want {
				t.Errorf("it looks again: %v, want %v", got, test.want)
			}
		})
	}
}
