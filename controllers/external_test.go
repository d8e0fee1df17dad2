package controllers_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/nmstate"
)

// atWork says what keeps the handler of a node from being at work on a policy.
func atWork(t *testing.T, w *world.World, policy, node string) func() error {
	return func() error {
		list := &nmstate.EnactmentList{}
		if err := w.Admin.List(t.Context(), list, client.MatchingLabels{nmstate.PolicyLabel: policy, nmstate.NodeLabel: node}); err != nil {
			return err
		}
		for _, e := range list.Items {
			for _, c := range e.Status.Conditions {
				if c.Type == nmstate.ConditionProgressing && c.Status == metav1.ConditionTrue {
					return nil
				}
			}
		}
		return fmt.Errorf("%s is not at work: %+v", node, list.Items)
	}
}

func TestAnUplinkStaysReadyWhileTheUnchangedPolicyOfItsPipelineIsCarriedOutOnceMore(t *testing.T) {
	w := theWorld(t)
	labNodes(t, w, "piped", 150, 2)
	policy := &nmstate.Policy{ObjectMeta: metav1.ObjectMeta{Name: "piped-from-git"}}
	policy.Spec.NodeSelector = map[string]string{"fabric": "piped"}
	policy.Spec.DesiredState.Raw = []byte(`{"interfaces": [{"name": "br-piped", "type": "linux-bridge", "state": "up", "ipv4": {"enabled": false}, "ipv6": {"enabled": false},
		"bridge": {"options": {"stp": {"enabled": false}}, "port": [{"name": "eth1", "vlan": {}}]}}]}`)
	uplink := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "piped"}, Spec: v1alpha1.HostUplinkSpec{
		PhysicalNetwork: "piped", Interface: "eth1", NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"fabric": "piped"}},
		Management: v1alpha1.ManagementExternal, ExternalPolicy: policy.Name}}
	network := &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "piped"}, Spec: v1alpha1.HostNetworkSpec{
		PhysicalNetwork: "piped", Provision: v1alpha1.ProvisionAlways}}
	is := func(status metav1.ConditionStatus, reason string) func() error {
		return func() error {
			if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(uplink), uplink); err != nil {
				return err
			}
			return wants(uplink, uplink.Status.Conditions, v1alpha1.ConditionReady, status, reason)
		}
	}
	// Any label of a node makes its handler carry out all policies.
	label := func(text string) {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "piped-1"}}
		edit(t, w, node, func(n *corev1.Node) { n.Labels["somebodys.example/label"] = text })
	}
	create(t, w, policy, uplink, network)
	eventually(t, is(metav1.ConditionTrue, v1alpha1.ReasonApplied))

	if err := w.Lab.Hang("piped-1"); err != nil {
		t.Fatal(err)
	}
	label("one")
	eventually(t, atWork(t, w, policy.Name, "piped-1"))
	quiet(t, w)
	if err := is(metav1.ConditionTrue, v1alpha1.ReasonApplied)(); err != nil {
		t.Errorf("while it is carried out once more: %v", err)
	}
	if err := w.Lab.Repair("piped-1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Lab.Fail("piped-1", lab.Fault{Error: "InvalidArgument: eth1 is on fire"}); err != nil {
		t.Fatal(err)
	}
	label("two")
	eventually(t, is(metav1.ConditionFalse, v1alpha1.ReasonNodeNetworkDegraded))
	if err := w.Lab.Repair("piped-1"); err != nil {
		t.Fatal(err)
	}
}
