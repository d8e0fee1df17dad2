package controllers_test

import (
	"slices"
	"testing"
	"time"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// neverWithout follows the leases of one Wukong, by a watch of its own. From its first one on it has to hold one at every
// revision: the next is taken before the last one goes.
func neverWithout(t *testing.T, w *world.World, obj *v1alpha1.Wukong) (stop func()) {
	t.Helper()
	leases, err := w.Admin.Watch(t.Context(), &v1alpha1.AddressLeaseList{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	key := client.ObjectKeyFromObject(obj) // obj itself is read again and again meanwhile
	go func() {
		defer close(done)
		held, began := map[string]types.UID{}, false
		for e := range leases.ResultChan() {
			l, ok := e.Object.(*v1alpha1.AddressLease)
			if !ok {
				continue
			}
			delete(held, l.Name)
			if e.Type != watch.Deleted && l.Spec.Phase == v1alpha1.LeaseAllocated && l.Spec.Holder.Namespace == key.Namespace && l.Spec.Holder.Name == key.Name {
				held[l.Name], began = l.Spec.Holder.UID, true
			}
			if began && len(held) == 0 {
				t.Errorf("%s held nothing when %s became %s", key.Name, l.Name, l.Spec.Phase)
			}
		}
	}()
	return func() { leases.Stop(); <-done }
}

// askFor makes the first network of a Wukong ask for an address, or for one of a pool.
func askFor(t *testing.T, w *world.World, obj *v1alpha1.Wukong, address, pool string) {
	t.Helper()
	edit(t, w, obj, func(o *v1alpha1.Wukong) {
		config := &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, IPPool: pool}
		if address != "" {
			config.Address = new(v1alpha1.CIDR(address))
		}
		o.Spec.Networks[0].IPConfig = config
	})
}

// heldBy gives the addresses of the leases that are held for a Wukong, sorted.
func heldBy(t *testing.T, w *world.World, obj *v1alpha1.Wukong) []string {
	t.Helper()
	leases := &v1alpha1.AddressLeaseList{}
	if err := w.Admin.List(t.Context(), leases, client.MatchingFields{"spec.holder.uid": string(obj.UID)}); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range leases.Items {
		if l.Spec.Phase == v1alpha1.LeaseAllocated || l.Spec.Phase == v1alpha1.LeaseReleasing {
			out = append(out, l.Spec.Address)
		}
	}
	slices.Sort(out)
	return out
}

func TestAChangedAddressIsTakenBeforeTheEarlierOneIsLetGo(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "change", 0, 0, ns)
	create(t, w, poolOf("change", "change-a", "192.0.2.0/24", "192.0.2.50-192.0.2.59"), poolOf("change", "change-b", "192.0.2.0/24", "192.0.2.60-192.0.2.69"))
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	stop := neverWithout(t, w, wk)
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	last := "192.0.2.10"
	for _, to := range []struct{ address, pool, has string }{
		{"192.0.2.11/24", "", "192.0.2.11"},
		{"", "change-a", "192.0.2.50"},
		{"", "change-b", "192.0.2.60"},
		{"192.0.2.61/24", "change-b", "192.0.2.61"},
		{"192.0.2.12/24", "", "192.0.2.12"},
	} {
		askFor(t, w, wk, to.address, to.pool)
		eventually(t, has(w, wk, to.has))
		eventually(t, letGo(w, last, "change"))
		last = to.has
	}
	// To a pool that has it, and back: the address stays where it is.
	askFor(t, w, wk, "192.0.2.65/24", "change-b")
	eventually(t, has(w, wk, "192.0.2.65"))
	askFor(t, w, wk, "", "change-b")
	eventually(t, func() error {
		if err := ready(w, wk, metav1.ConditionFalse, "")(); err != nil {
			return err
		}
		return has(w, wk, "192.0.2.65")()
	})
	// A, B, A in a row.
	askFor(t, w, wk, "192.0.2.14/24", "")
	askFor(t, w, wk, "192.0.2.15/24", "")
	askFor(t, w, wk, "192.0.2.14/24", "")
	eventually(t, has(w, wk, "192.0.2.14"))
	eventually(t, letGo(w, "192.0.2.65", "change"))
	quiet(t, w)
	if held := heldBy(t, w, wk); !slices.Equal(held, []string{"192.0.2.14"}) {
		t.Errorf("held at the end: %v", held)
	}
	// While nobody looks.
	restart(t, func() { askFor(t, w, wk, "192.0.2.16/24", ""); askFor(t, w, wk, "192.0.2.17/24", "") })
	eventually(t, has(w, wk, "192.0.2.17"))
	eventually(t, letGo(w, "192.0.2.14", "change"))
	if _, err := lease(w, "192.0.2.16", "change"); gone(err) != nil {
		t.Errorf("an address was leased that was asked for only while nobody looked: %v", err)
	}

	// The network gets another name, and then it is removed.
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.Networks[0].Name = "lan" })
	eventually(t, has(w, wk, "192.0.2.17"))
	if l, err := lease(w, "192.0.2.17", "change"); err != nil || l.Spec.Holder.Network != "lan" || l.Spec.Phase != v1alpha1.LeaseAllocated {
		t.Errorf("after the network was renamed: %+v %v", l.Spec, err)
	}
	stop()
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.Networks = nil })
	eventually(t, letGo(w, "192.0.2.17", "change"))
}

// letGo is content when nobody holds the lease of an address any more.
func letGo(w *world.World, address, segment string) func() error {
	return func() error {
		l, err := lease(w, address, segment)
		if err == nil && (l.Spec.Phase == v1alpha1.LeaseAllocated || l.Spec.Phase == v1alpha1.LeaseReleasing) {
			err = errWait
		}
		return err
	}
}

func TestAChangeThatFailsKeepsWhatIsHeldAndPublished(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "fail", 0, 0, ns)
	pool := poolOf("fail", "fail", "192.0.2.0/24", "192.0.2.50")
	blocker, full := static(ns, "blocker", network.Name, "192.0.2.11/24"), drawing(ns, "full", network.Name, pool.Name)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	create(t, w, pool, blocker, full, wk)
	eventually(t, has(w, blocker, "192.0.2.11"))
	eventually(t, has(w, full, "192.0.2.50"))
	eventually(t, has(w, wk, "192.0.2.10"))
	stop := neverWithout(t, w, wk)
	kept := func(reason string) {
		t.Helper()
		eventually(t, lacks(w, wk, reason))
		if got := published(wk); !slices.Equal(got, []string{"192.0.2.10"}) || wk.Status.Networks[0].IPAllocated {
			t.Errorf("%s: published %v", reason, wk.Status.Networks[0])
		}
	}
	askFor(t, w, wk, "192.0.2.11/24", "")
	kept(v1alpha1.ReasonAddressInUse)
	askFor(t, w, wk, "", "nowhere")
	kept(v1alpha1.ReasonPoolNotFound)
	askFor(t, w, wk, "", pool.Name)
	kept(v1alpha1.ReasonPoolExhausted)
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.Networks[0].HostNetwork = "nowhere" })
	kept(v1alpha1.ReasonHostNetworkNotFound)
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.Networks[0].HostNetwork = network.Name })
	kept(v1alpha1.ReasonPoolExhausted)
	quiet(t, w)
	if held := heldBy(t, w, wk); !slices.Equal(held, []string{"192.0.2.10"}) {
		t.Errorf("after the changes that failed it holds %v", held)
	}

	if err := w.Admin.Delete(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	eventually(t, has(w, wk, "192.0.2.50"))
	eventually(t, letGo(w, "192.0.2.10", "fail"))
	stop()
}

// Invariant 2 while a machine runs.
func TestAnEarlierAddressIsFreeOnlyWhenTheMachineRunsWithTheNewOne(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "reboot", 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	create(t, w, wk)
	vm := &kubevirtv1.VirtualMachine{}
	eventually(t, func() error { return w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web-vm"}, vm) })
	vmi := runMachine(t, w, vm, "reboot-1", nil)

	// Nothing can be delivered for now: the machine would start with what was there before.
	nad := &netattach.NetworkAttachmentDefinition{}
	eventually(t, func() error {
		return w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "wukong-reboot"}, nad)
	})
	owner := nad.Labels[v1alpha1.ManagedByLabel]
	edit(t, w, nad, func(o *netattach.NetworkAttachmentDefinition) { o.Labels[v1alpha1.ManagedByLabel] = "somebody" })
	askFor(t, w, wk, "192.0.2.11/24", "")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNameTaken))
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "reboot", v1alpha1.LeaseReleasing)(); err != nil {
		t.Errorf("while the machine can only start with its earlier address: %v", err)
	}
	edit(t, w, nad, func(o *netattach.NetworkAttachmentDefinition) { o.Labels[v1alpha1.ManagedByLabel] = owner })
	touch(t, w, wk) // labels of an attachment are looked at when something else happens
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "reboot", v1alpha1.LeaseReleasing)(); err != nil {
		t.Errorf("while the machine runs with its earlier address: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vm); err != nil {
		t.Fatal(err)
	}
	runMachine(t, w, vm, "reboot-1", nil)
	eventually(t, letGo(w, "192.0.2.10", "reboot"))
}

// The Secret of somebody else's machine keeps its name, so its content does not show in the machine.
func TestOfSomebodyElsesMachineAnEarlierAddressIsFreeOnceItWasStartedAnew(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "theirs", 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.VirtualMachineName = "theirs"
	mac := v1alpha1.MACAddress("02:00:00:00:14:01")
	wk.Spec.Networks[0].MACAddress = &mac
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonMachineNotFound))
	eventually(t, condition(w, wk, v1alpha1.ConditionStalled, metav1.ConditionTrue, "")) // it does not come with what was applied
	vm := theirMachine(ns, "theirs", "")
	create(t, w, vm)
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
	edit(t, w, vm, func(o *kubevirtv1.VirtualMachine) {
		o.Spec.Template.Spec.Volumes = theirMachine(ns, "theirs", wk.Status.NetworkDataSecret).Spec.Template.Spec.Volumes
	})
	vmi := runMachine(t, w, vm, "theirs-1", nil)
	secret := wk.Status.NetworkDataSecret

	askFor(t, w, wk, "192.0.2.11/24", "")
	eventually(t, has(w, wk, "192.0.2.11"))
	eventually(t, inPhase(w, "192.0.2.10", "theirs", v1alpha1.LeaseReleasing))
	if wk.Status.NetworkDataSecret != secret {
		t.Errorf("the Secret was %s and is %s", secret, wk.Status.NetworkDataSecret)
	}
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "theirs", v1alpha1.LeaseReleasing)(); err != nil {
		t.Errorf("while the machine runs that read the Secret before: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	age(t, w, "192.0.2.10", "theirs", 2e9) // times have whole seconds
	again := runMachine(t, w, vm, "theirs-1", nil)
	eventually(t, letGo(w, "192.0.2.10", "theirs"))

	// The address goes to another machine only after this one.
	edit(t, w, wk, func(o *v1alpha1.Wukong) { o.Spec.VirtualMachineName = "next" })
	eventually(t, lacks(w, wk, v1alpha1.ReasonAddressCooling))
	eventually(t, inPhase(w, "192.0.2.11", "theirs", v1alpha1.LeaseReleasing))
	for _, o := range []client.Object{vm, again} {
		if err := w.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, has(w, wk, "192.0.2.11"))
	if l, err := lease(w, "192.0.2.11", "theirs"); err != nil || l.Spec.Holder.VirtualMachine != "next" {
		t.Errorf("the lease is for machine %q: %v", l.Spec.Holder.VirtualMachine, err)
	}
}

func theirMachine(namespace, name, secret string) *kubevirtv1.VirtualMachine {
	vm := &kubevirtv1.VirtualMachine{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: kubevirtv1.VirtualMachineSpec{
		RunStrategy: new(kubevirtv1.RunStrategyAlways), Template: &kubevirtv1.VirtualMachineInstanceTemplateSpec{}}}
	if secret != "" {
		vm.Spec.Template.Spec.Volumes = []kubevirtv1.Volume{{Name: "cloudinit", VolumeSource: kubevirtv1.VolumeSource{
			CloudInitNoCloud: &kubevirtv1.CloudInitNoCloudSource{NetworkDataSecretRef: &corev1.LocalObjectReference{Name: secret}}}}}
	}
	return vm
}

// Invariant 2: an instance of the new document is no proof as long as something of an earlier one is still there, and a migration
// of it changes nothing.
func TestALauncherPodOfAnEarlierInstanceKeepsItsAddressAndThoseOfTheNewOneDoNot(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "pods")
	old := runMachine(t, w, vm, "pods-1", nil)
	leftover := launcher(t, w, old)
	askFor(t, w, wk, "192.0.2.11/24", "")
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	if err := w.Admin.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vm); err != nil {
		t.Fatal(err)
	}
	vmi := runMachine(t, w, vm, "pods-1", nil)
	for range 2 { // one on the node that it leaves, one on the node that it goes to
		pod := launcher(t, w, vmi)
		edit(t, w, pod, func(o *corev1.Pod) { o.Labels[kubevirtv1.CreatedByLabel] = string(vmi.UID) })
	}
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "pods", v1alpha1.LeaseReleasing)(); err != nil {
		t.Errorf("while the pod of the earlier instance ends: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), leftover, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, letGo(w, "192.0.2.10", "pods"))
}

func TestOfAMachineThatEndedByItselfAnEarlierAddressIsFree(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "ended")
	vmi := runMachine(t, w, vm, "ended-1", nil)
	pod := launcher(t, w, vmi)
	askFor(t, w, wk, "192.0.2.11/24", "")
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) { o.Status.Phase = kubevirtv1.Succeeded })
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "ended", v1alpha1.LeaseReleasing)(); err != nil {
		t.Errorf("while its pod is there: %v", err)
	}
	pod.Status.Phase = corev1.PodSucceeded
	if err := w.Admin.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	eventually(t, letGo(w, "192.0.2.10", "ended"))
}

// Invariants 2 and 6 with a Secret whose name stays: what an instance read shows by the times alone.
func TestSomebodyElsesMachineThatBeganBeforeItsSecretWasWrittenKeepsTheEarlierAddressAndIsNeverChanged(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "times", 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.VirtualMachineName = "theirs"
	wk.Spec.Networks[0].MACAddress = new(v1alpha1.MACAddress("02:00:00:00:16:01"))
	vm := theirMachine(ns, "theirs", "web-net")
	create(t, w, vm, wk)
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
	forge(t, w, wk, func(o *v1alpha1.Wukong) { o.Status.NetworkDataSince.Time = o.Status.NetworkDataSince.Add(-time.Hour) })
	vmi := runMachine(t, w, vm, "times-1", map[string][]string{"02:00:00:00:16:01": {"192.0.2.10"}})
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))

	askFor(t, w, wk, "192.0.2.11/24", "")
	eventually(t, has(w, wk, "192.0.2.11"))
	eventually(t, inPhase(w, "192.0.2.10", "times", v1alpha1.LeaseReleasing))
	// The Secret was written long after the lease was given up, and the machine was started in between.
	forge(t, w, wk, func(o *v1alpha1.Wukong) { o.Status.NetworkDataSince.Time = time.Now().Add(time.Hour) })
	pod := launcher(t, w, vmi) // nothing would use the address in between
	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	age(t, w, "192.0.2.10", "times", 2*time.Second) // times have whole seconds
	between := runMachine(t, w, vm, "times-1", map[string][]string{"02:00:00:00:16:01": {"192.0.2.10"}})
	if err := w.Admin.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	mentions(t, messageOf(wk, v1alpha1.ConditionVirtualMachineReady), "web-net")
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "times", v1alpha1.LeaseReleasing)(); err != nil {
		t.Errorf("while the machine runs that read the Secret before: %v", err)
	}

	forge(t, w, wk, func(o *v1alpha1.Wukong) { o.Status.NetworkDataSince.Time = time.Now().Add(-time.Hour) })
	touch(t, w, between)
	eventually(t, letGo(w, "192.0.2.10", "times"))
	version := vm.ResourceVersion
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vm); err != nil || vm.ResourceVersion != version {
		t.Errorf("somebody else's machine was changed: %v", err)
	}
}
