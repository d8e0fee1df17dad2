package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestNoMachineStartsWithTheVolumeOfAnotherWukong(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "volumes", 237, 1, ns)
	machine := func(name, disk, address string) *v1alpha1.Wukong {
		wk := static(ns, name, network.Name, address)
		wk.Spec.Disks = []v1alpha1.Disk{{Name: disk, Size: "1Gi"}}
		return wk
	}
	made := func(name string) func() error {
		return func() error {
			return w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &kubevirtv1.VirtualMachine{})
		}
	}
	first := machine("a-b", "c", "192.0.2.10/24")
	create(t, w, first)
	eventually(t, made("a-b-vm"))

	// Of the same second, and before it by name: what counts is who has the volume.
	second := machine("a", "b-c", "192.0.2.11/24")
	create(t, w, second)
	eventually(t, condition(w, second, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNameTaken))
	if err := gone(made("a-vm")()); err != nil {
		t.Errorf("the machine is made: %v", err)
	}

	edit(t, w, second, func(o *v1alpha1.Wukong) { o.Spec.Disks[0].Name = "root" })
	eventually(t, made("a-vm"))
}
