package controllers_test

import (
	"errors"
	"strings"
	"testing"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestWhatNodesClaimGoesWithNmstateAndReturnsWithIt(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.KubeVirt, cluster.Multus}})
	w, err := world.Prepare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := w.RunController(t.Context(), fast())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the controller: %v", err)
		}
	})
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "comes", map[string]string{"eth1": "comes"}, ns)
	state := interfaces(on("eth1", "ethernet", "", "192.0.2.10/24"))
	node := nodeReporting(t, w, "comes-1", "comes", state)
	wk := static(ns, "web", "comes", "192.0.2.10/24")
	create(t, w, wk)
	eventually(t, collides(w, wk, v1alpha1.ReasonAddressConflict))

	if _, err := c.Kubectl(t.Context(), "delete", "crd", "nodenetworkstates.nmstate.io", "nodenetworkconfigurationenactments.nmstate.io",
		"nodenetworkconfigurationpolicies.nmstate.io"); err != nil {
		t.Fatal(err)
	}
	eventually(t, allocated(w, wk))
	eventually(t, conflictFree(w, wk))

	if err := c.Install(t.Context(), cluster.Nmstate); err != nil {
		t.Fatal(err)
	}
	create(t, w, nodeState(node.Name))
	report(t, w, node.Name, state)
	eventually(t, collides(w, wk, v1alpha1.ReasonAddressConflict))
	eventually(t, holds(w, wk, "192.0.2.10", "comes"))
	report(t, w, node.Name, interfaces(on("eth1", "ethernet", "")))
	eventually(t, conflictFree(w, wk))

	// Machines come with KubeVirt, and go with it.
	if err := c.Install(t.Context(), cluster.KubeVirt); err != nil {
		t.Fatal(err)
	}
	create(t, w, machineInstance(ns, "other", kubevirtv1.VirtualMachineInstanceNetworkInterface{Name: "lab", MAC: "02:00:00:00:70:01"}, "192.0.2.10"))
	warned(t, w, wk, "comes", "VirtualMachineInstance "+ns+"/other")
	if _, err := c.Kubectl(t.Context(), "delete", "crd", "virtualmachineinstances.kubevirt.io", "virtualmachines.kubevirt.io"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := conflictFree(w, wk)(); err != nil {
			return err
		}
		if message := messageOf(wk, v1alpha1.ConditionConflictFree); strings.Contains(message, "warning") {
			return errors.New(message)
		}
		return nil
	})
}
