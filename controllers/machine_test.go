package controllers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

func secretObject() *corev1.Secret { return &corev1.Secret{} }

// Invariant 6 for the fields of others on a machine that is made here.
func TestFieldsOfOthersOnAMachineStayAndNetworksThatWeTakeAwayGo(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "shared", func(o *v1alpha1.Wukong) {
		o.Spec.Networks = append(o.Spec.Networks, v1alpha1.WukongNetwork{Name: "extra", HostNetwork: "shared"})
	})
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
	edit(t, w, vm, func(o *kubevirtv1.VirtualMachine) {
		metav1.SetMetaDataAnnotation(&o.ObjectMeta, "example.com/note", "theirs")
		o.Labels["example.com/team"] = "blue"
		metav1.SetMetaDataAnnotation(&o.Spec.Template.ObjectMeta, "example.com/note", "theirs")
		spec := &o.Spec.Template.Spec
		spec.TerminationGracePeriodSeconds = new(int64(5))
		spec.Domain.Memory.MaxGuest = new(resource.MustParse("8Gi"))
		spec.Domain.Devices.Disks = append(spec.Domain.Devices.Disks, kubevirtv1.Disk{Name: "plugged"})
		spec.Volumes = append(spec.Volumes, kubevirtv1.Volume{Name: "plugged", VolumeSource: kubevirtv1.VolumeSource{
			PersistentVolumeClaim: &kubevirtv1.PersistentVolumeClaimVolumeSource{Hotpluggable: true,
				PersistentVolumeClaimVolumeSource: corev1.PersistentVolumeClaimVolumeSource{ClaimName: "theirs"}}}})
	})
	quiet(t, w)
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.CPU, o.Spec.Networks = 3, o.Spec.Networks[:1] })
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(vm), vm); err != nil || vm.Spec.Template.Spec.Domain.CPU.Cores == 3 {
			return err
		}
		return errWait
	})
	spec := vm.Spec.Template.Spec
	if vm.Annotations["example.com/note"] != "theirs" || vm.Labels["example.com/team"] != "blue" || vm.Spec.Template.ObjectMeta.Annotations["example.com/note"] != "theirs" {
		t.Errorf("labels and annotations of others: %v %v %v", vm.Annotations, vm.Labels, vm.Spec.Template.ObjectMeta.Annotations)
	}
	if spec.TerminationGracePeriodSeconds == nil || spec.Domain.Memory.MaxGuest == nil {
		t.Errorf("fields of others: %v, memory %v", spec.TerminationGracePeriodSeconds, spec.Domain.Memory)
	}
	plugged := func(d kubevirtv1.Disk) bool { return d.Name == "plugged" }
	if !slices.ContainsFunc(spec.Domain.Devices.Disks, plugged) || !slices.ContainsFunc(spec.Volumes, func(v kubevirtv1.Volume) bool { return v.Name == "plugged" }) {
		t.Errorf("the plugged volume went: %v %v", spec.Domain.Devices.Disks, spec.Volumes)
	}
	if len(spec.Networks) != 1 || len(spec.Domain.Devices.Interfaces) != 1 {
		t.Errorf("the network that was taken away: %v", spec.Networks)
	}

	// Unplugged by hand, it does not come back.
	edit(t, w, vm, func(o *kubevirtv1.VirtualMachine) {
		spec := &o.Spec.Template.Spec
		spec.Domain.Devices.Disks = slices.DeleteFunc(spec.Domain.Devices.Disks, plugged)
		spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v kubevirtv1.Volume) bool { return v.Name == "plugged" })
	})
	quiet(t, w)
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.CPU = 4 })
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(vm), vm); err != nil || vm.Spec.Template.Spec.Domain.CPU.Cores == 4 {
			return err
		}
		return errWait
	})
	if slices.ContainsFunc(vm.Spec.Template.Spec.Domain.Devices.Disks, plugged) {
		t.Error("a volume that was unplugged came back")
	}
}

func TestThePhaseSaysWhatADashboardShows(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "phases", 236, 1, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	wk.Spec.HighAvailability = &v1alpha1.HighAvailability{RestartPolicy: "Never"}
	create(t, w, wk)
	shows := func(phase v1alpha1.WukongPhase, node string) func() error {
		return func() error {
			if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil {
				return err
			}
			if st := wk.Status; st.Phase != phase || st.NodeName != node {
				return fmt.Errorf("phase %s on node %q, want %s on %q: %s", st.Phase, st.NodeName, phase, node, summary(st.Conditions))
			}
			return nil
		}
	}
	eventually(t, shows(v1alpha1.PhaseCreating, ""))
	want := v1alpha1.DashboardNetworkStatus{Name: "data", Interface: "net0", IPAddress: "192.0.2.10", MACAddress: wk.Status.Networks[0].MACAddress}
	if len(wk.Status.NetworkStatus) != 1 || wk.Status.NetworkStatus[0] != want {
		t.Errorf("networkStatus: %+v", wk.Status.NetworkStatus)
	}
	if v := wk.Status.Volumes; len(v) != 1 || v[0].Bound || v[0].PVCName != "web-root" {
		t.Errorf("volumes before anything runs: %+v", v)
	}
	vm := &kubevirtv1.VirtualMachine{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web-vm"}, vm); err != nil {
		t.Fatal(err)
	}
	kubevirtSays(t, w, vm, func(st *kubevirtv1.VirtualMachineStatus) {
		st.PrintableStatus = kubevirtv1.VirtualMachineStatusUnschedulable
	})
	eventually(t, func() error {
		err := ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending)()
		if err == nil && !strings.Contains(messageOf(wk, v1alpha1.ConditionReady), "ErrorUnschedulable") {
			err = errors.New(messageOf(wk, v1alpha1.ConditionReady))
		}
		return err
	})
	// A node may come by itself, but not for ever; an image does not.
	eventually(t, condition(w, wk, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonMachinePending))
	kubevirtSays(t, w, vm, func(st *kubevirtv1.VirtualMachineStatus) {
		st.PrintableStatus = kubevirtv1.VirtualMachineStatusStarting
	})
	eventually(t, condition(w, wk, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonMachinePending))
	kubevirtSays(t, w, vm, func(st *kubevirtv1.VirtualMachineStatus) {
		st.PrintableStatus = kubevirtv1.VirtualMachineStatusErrImagePull
	})
	eventually(t, condition(w, wk, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonMachinePending))
	mentions(t, messageOf(wk, v1alpha1.ConditionReady), "ErrImagePull", "kubectl describe vm web-vm")

	vmi := runMachine(t, w, vm, "phases-1", reportsOf(vm, "192.0.2.10"))
	eventually(t, shows(v1alpha1.PhaseRunning, "phases-1"))
	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) {
		o.Status.VolumeStatus = []kubevirtv1.VolumeStatus{{Name: "root", Target: "vda", PersistentVolumeClaimInfo: &kubevirtv1.PersistentVolumeClaimInfo{
			ClaimName: "web-root", Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}}}
	})
	bound := func() error {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil || wk.Status.Volumes[0].Bound {
			return err
		}
		return errWait
	}
	eventually(t, bound)

	// KubeVirt may ask for a restart for reasons of its own.
	kubevirtSays(t, w, vm, func(st *kubevirtv1.VirtualMachineStatus) {
		st.Conditions = []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineRestartRequired, Status: corev1.ConditionTrue, Message: "a field of theirs"}}
	})
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonRestartRequired))
	mentions(t, messageOf(wk, v1alpha1.ConditionReady), "KubeVirt asks for it: a field of theirs")
	eventually(t, condition(w, wk, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	if err := shows(v1alpha1.PhaseRunning, "phases-1")(); err != nil {
		t.Error(err)
	}

	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) { o.Status.Phase = kubevirtv1.Succeeded })
	eventually(t, shows(v1alpha1.PhaseStopped, ""))
	if err := bound(); err != nil {
		t.Error("the claim of a machine that ran is forgotten")
	}
	edit(t, w, wk, asksFor("192.0.2.0/24"))
	eventually(t, shows(v1alpha1.PhaseError, ""))
}

// kubevirtSays plays KubeVirt's status of a machine.
func kubevirtSays(t *testing.T, w *world.World, vm *kubevirtv1.VirtualMachine, change func(*kubevirtv1.VirtualMachineStatus)) {
	t.Helper()
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(vm), vm); err != nil {
			return err
		}
		change(&vm.Status)
		return w.Admin.Status().Update(t.Context(), vm)
	})
}
