package render

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestWhichHostUplinkKeepsAnotherFromANode(t *testing.T) {
	at := func(seconds int64) metav1.Time { return metav1.Time{Time: time.Unix(seconds, 0)} }
	uplink := func(name, fabric, nic string, created int64, change ...func(*v1alpha1.HostUplink)) v1alpha1.HostUplink {
		u := v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: at(created)},
			Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), Interface: v1alpha1.InterfaceName(nic)}}
		for _, c := range change {
			c(&u)
		}
		return u
	}
	elsewhere := func(u *v1alpha1.HostUplink) { u.Spec.NodeSelector.MatchLabels = map[string]string{"rack": "2"} }
	unreadable := func(u *v1alpha1.HostUplink) {
		u.Spec.NodeSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "rack", Operator: "Like"}}
	}
	deleted := func(u *v1alpha1.HostUplink) { u.DeletionTimestamp = &metav1.Time{Time: time.Unix(9, 0)} }
	bond := func(u *v1alpha1.HostUplink) {
		u.Spec.Interface, u.Spec.Bond = "", &v1alpha1.Bond{Name: "bond0", Ports: []v1alpha1.InterfaceName{"eth0", "eth1"}}
	}
	for name, test := range map[string]struct {
		other  v1alpha1.HostUplink
		labels map[string]string
		want   *Rival
	}{
		"an older one of the fabric has the node":            {uplink("other", "lab", "eth2", 1), nil, &Rival{"other", true}},
		"an older one of the interface has the node":         {uplink("other", "storage", "eth1", 1), nil, &Rival{"other", true}},
		"another fabric and another interface do not matter": {uplink("other", "storage", "eth2", 1), nil, nil},
		"a bond of the NIC has the node":                     {uplink("other", "storage", "", 1, bond), nil, &Rival{"other", true}},
		"a younger one does not matter":                      {uplink("other", "lab", "eth2", 9), nil, nil},
		"among equals the name decides":                      {uplink("a", "lab", "eth2", 5), nil, &Rival{"a", true}},
		"one that selects other nodes does not matter":       {uplink("other", "lab", "eth2", 1, elsewhere), nil, nil},
		"one whose selector nobody can read selects nothing": {uplink("other", "lab", "eth2", 1, unreadable), nil, nil},
		"one that is being deleted claims nothing":           {uplink("other", "lab", "eth2", 1, deleted), nil, nil},
		"one that has not given the node back is waited for": {uplink("other", "lab", "eth2", 9), map[string]string{"uplink.vm.novasphere.dev/other": "r"}, &Rival{"other", false}},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCatalog([]v1alpha1.HostUplink{test.other, uplink("self", "lab", "eth1", 5)}, nil)
			self, _ := c.Uplink("self")
			if diff := cmp.Diff(test.want, c.RivalOn(self, test.labels, nil)); diff != "" {
				t.Errorf("rival (-want +got):\n%s", diff)
			}
		})
	}
}
