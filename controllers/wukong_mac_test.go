package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// On one segment the lease of the MAC address is refused; on two, the machine.
func TestTwoInterfacesOfOneMachineNeverGetOneMACAddress(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network, other := fabricOf(t, w, "one-mac", 238, 1, ns), fabricOf(t, w, "one-mac-more", 239, 1, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Networks = append(wk.Spec.Networks, v1alpha1.WukongNetwork{Name: "second", HostNetwork: other.Name})
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	derived := v1alpha1.MACAddress(wk.Status.Networks[1].MACAddress)
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.Networks[0].MACAddress = &derived })
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec))
}
