package controllers_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestAMachineWhoseBindingPluginKubeVirtLacksIsMadeAndSaysSo(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	labNodes(t, w, "taps", 230, 1)
	create(t, w,
		&v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "taps"}, Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "taps", Interface: "eth1",
			NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"fabric": "taps"}}}},
		&v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "taps"}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "taps", Type: v1alpha1.NetworkMacvlan,
			Linger: &metav1.Duration{}, AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: []string{ns}}}})
	wk := static(ns, "web", "taps", "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	create(t, w, wk)
	// Nothing is known about KubeVirt, so nothing is said.
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))

	settings := &kubevirtv1.KubeVirt{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "kubevirt"}}
	settings.Spec.Configuration.NetworkConfiguration = &kubevirtv1.NetworkConfiguration{Binding: map[string]kubevirtv1.InterfaceBindingPlugin{
		"passt": {SidecarImage: "registry.example/passt"}}}
	create(t, w, settings)
	missing := condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionFalse, v1alpha1.ReasonBindingPluginMissing)
	eventually(t, missing)
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonBindingPluginMissing))
	message := meta.FindStatusCondition(wk.Status.Conditions, v1alpha1.ConditionReady).Message
	for _, part := range []string{`spec.networks[0] "data"`, `"macvtap"`, "it has passt", "spec.configuration.network.binding.macvtap"} {
		if !strings.Contains(message, part) {
			t.Errorf("the message has no %q: %s", part, message)
		}
	}
	vm := &kubevirtv1.VirtualMachine{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web-vm"}, vm); err != nil {
		t.Fatalf("the machine that starts once the plugin is there: %v", err)
	}
	version := vm.ResourceVersion

	// A machine on a bridge needs no plugin.
	bridged := fabricOf(t, w, "untapped", 232, 1, ns)
	other := static(ns, "other", bridged.Name, "192.0.2.11/24")
	other.Spec.Disks = wk.Spec.Disks
	create(t, w, other)
	eventually(t, ready(w, other, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))

	before := settings.DeepCopy()
	settings.Spec.Configuration.NetworkConfiguration.Binding["macvtap"] = kubevirtv1.InterfaceBindingPlugin{DomainAttachmentType: kubevirtv1.Tap}
	if err := w.Admin.Patch(t.Context(), settings, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))

	// A machine that runs has got its interface somehow.
	runMachine(t, w, vm, "taps-1", map[string][]string{vm.Spec.Template.Spec.Domain.Devices.Interfaces[0].MacAddress: {"192.0.2.10"}})
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	before = settings.DeepCopy()
	settings.Spec.Configuration.NetworkConfiguration = nil
	if err := w.Admin.Patch(t.Context(), settings, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	marker := static(ns, "marker", bridged.Name, "192.0.2.12/24")
	create(t, w, marker)
	eventually(t, ready(w, marker, metav1.ConditionTrue, ""))
	eventually(t, func() error {
		if err := ready(w, wk, metav1.ConditionTrue, "")(); err != nil {
			return err
		}
		return w.Admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vm)
	})
	if vm.ResourceVersion != version {
		t.Error("the machine was written again")
	}
}
