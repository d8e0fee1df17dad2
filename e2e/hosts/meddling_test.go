package hosts

import (
	"net/netip"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/nmstate"
)

func nodeWithPrimary(name, nic string) lab.NodeSpec {
	address := netip.MustParseAddr("198.51.100.200")
	return lab.NodeSpec{Name: name, Address: address, NICs: []lab.NIC{{Name: nic, Addresses: []netip.Prefix{netip.PrefixFrom(address, 24)},
		Gateways: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}, {Name: "eth9"}}}
}

// served is a stage with one network on every node.
func served(t *testing.T, nodes int) *stage {
	s := newStage(t, nodes, lab.Options{})
	s.apply(uplink("up", "eth1", atOnce) + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "")
	return s
}

func (s *stage) policy() *nmstate.Policy {
	s.t.Helper()
	return s.get(&nmstate.Policy{}, s.uplink("up").Status.Revision).(*nmstate.Policy)
}

// anew waits until the revision's policy is another object, and everything is as it was.
func (s *stage) anew(old types.UID) {
	s.t.Helper()
	s.eventually(func() string {
		p := &nmstate.Policy{}
		err := s.Admin.Get(s.ctx, types.NamespacedName{Name: s.uplink("up").Status.Revision}, p)
		if err != nil || p.UID == old {
			return "the policy was not made again"
		}
		return ""
	})
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "")
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "")
	s.quiet()
}

func TestEditedPolicyIsMadeAgain(t *testing.T) {
	s := served(t, 2)
	p := s.policy()
	s.eventually(func() string { // nmstate refuses edits while a policy is in progress
		edit := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"desiredState":{"interfaces":[{"name":"br-evil","type":"linux-bridge","state":"up"}]}}}`))
		if err := s.Admin.Patch(s.ctx, s.policy(), edit); err != nil {
			return err.Error()
		}
		return ""
	})
	s.anew(p.UID)
	if !s.has("node-a", "br-blue") {
		t.Error("br-blue is gone")
	}
}

func TestDeletedPolicyIsMadeAgain(t *testing.T) {
	s := served(t, 2)
	p := s.policy()
	s.must(s.Admin.Delete(s.ctx, p))
	s.anew(p.UID)
}

func TestPolicyThatLostALabelIsMadeAgain(t *testing.T) {
	s := served(t, 1)
	p := s.policy()
	s.patch(p, `{"metadata":{"labels":{"vm.novasphere.dev/host-uplink":null}}}`)
	s.anew(p.UID)
}

func TestRemovedNodeLabelIsPutBack(t *testing.T) {
	s := served(t, 2)
	hash := s.node("node-a").Labels[v1alpha1.UplinkLabelPrefix+"up"]
	s.patch(s.node("node-a"), `{"metadata":{"labels":{"uplink.vm.novasphere.dev/up":null,"network.vm.novasphere.dev/blue":null}}}`)
	s.eventually(func() string {
		n := s.node("node-a")
		if n.Labels[v1alpha1.UplinkLabelPrefix+"up"] != hash || n.Labels[v1alpha1.NetworkLabelPrefix+"blue"] != "true" ||
			n.Annotations[v1alpha1.AppliedAnnotationPrefix+"up"] != hash {
			return "node-a is not back on its revision"
		}
		return ""
	})
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
}

func TestForgedNodeLabelIsReplaced(t *testing.T) {
	s := served(t, 1)
	hash := s.node("node-a").Labels[v1alpha1.UplinkLabelPrefix+"up"]
	s.patch(s.node("node-a"), `{"metadata":{"labels":{"uplink.vm.novasphere.dev/up":"forged","network.vm.novasphere.dev/nosuch":"true"}}}`)
	s.eventually(func() string {
		n := s.node("node-a")
		if n.Labels[v1alpha1.UplinkLabelPrefix+"up"] != hash || n.Labels[v1alpha1.NetworkLabelPrefix+"nosuch"] != "" {
			return "the forged labels are still there"
		}
		return ""
	})
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
}

// What the controller did not create it never changes or deletes.
func TestForeignPolicyIsNeitherAdoptedNorTouched(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(`
apiVersion: nmstate.io/v1
kind: NodeNetworkConfigurationPolicy
metadata:
  name: theirs
  labels: {app.kubernetes.io/managed-by: wukong-network, vm.novasphere.dev/host-uplink: up}
spec:
  nodeSelector: {kubernetes.io/hostname: node-a}
  desiredState: {interfaces: [{name: br-blue, type: linux-bridge, state: up, bridge: {port: []}}]}
`)
	s.eventually(func() string {
		if !s.has("node-a", "br-blue") {
			return "their bridge is not there yet"
		}
		return ""
	})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNoEligibleNodes, `policy "theirs"`)
	if p := s.policies(); len(p) != 1 || !strings.Contains(string(p[0].Spec.DesiredState.Raw), "br-blue") {
		t.Errorf("policies: %v", p)
	}
	s.must(s.Admin.Delete(s.ctx, s.uplink("up")))
	s.gone(&v1alpha1.HostUplink{}, "up")
	if len(s.policies()) != 1 {
		t.Error("their policy was deleted")
	}
}

func TestControllerThatWasKilledInARolloutEndsInTheSameState(t *testing.T) {
	s := newStage(t, 4, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	for range 6 {
		s.halt()
		s.run()
	}
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "4/4")
	s.quiet()
}

func TestLostAnswersChangeNothing(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.Requests.LoseReply("POST", "nodenetworkconfigurationpolicies")
	s.Requests.LoseReply("PATCH", "nodes")
	s.Requests.LoseReply("PATCH", "hostuplinks/status")
	s.Requests.LoseReply("DELETE", "nodenetworkconfigurationpolicies")
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100") + network("green", "vlan: 200"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "2/2")
	s.eventually(func() string {
		if n := len(s.policies()); n != 1 {
			return "more than the steady policy is left"
		}
		return ""
	})
}
