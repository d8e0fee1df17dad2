package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// withMachine makes a Wukong with a disk, and gives it and its machine once that is there. No node has to have its network.
func withMachine(t *testing.T, w *world.World, fabric string, change ...func(*v1alpha1.Wukong)) (*v1alpha1.Wukong, *kubevirtv1.VirtualMachine) {
	t.Helper()
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, fabric, 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	for _, c := range change {
		c(wk)
	}
	create(t, w, wk)
	vm := &kubevirtv1.VirtualMachine{}
	eventually(t, func() error { return w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web-vm"}, vm) })
	return wk, vm
}

// reportsOf gives a report of the first interface of a machine.
func reportsOf(vm *kubevirtv1.VirtualMachine, ips ...string) map[string][]string {
	return map[string][]string{vm.Spec.Template.Spec.Domain.Devices.Interfaces[0].MacAddress: ips}
}

// retell makes the guest of an instance report other addresses on its first interface.
func retell(t *testing.T, w *world.World, vmi *kubevirtv1.VirtualMachineInstance, ips ...string) {
	t.Helper()
	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) {
		o.Status.Interfaces[0].IP, o.Status.Interfaces[0].IPs = ips[0], ips
	})
}

// guestSays is content when the status of the first address says so of the guest.
func guestSays(w *world.World, wk *v1alpha1.Wukong, want v1alpha1.GuestAddress) func() error {
	return func() error {
		if err := w.Admin.Get(context.Background(), keyOf(wk), wk); err != nil {
			return err
		}
		if n := wk.Status.Networks; len(n) == 0 || len(n[0].Addresses) == 0 || n[0].Addresses[0].Guest != want {
			return fmt.Errorf("want %s, the status says %+v", want, n)
		}
		return nil
	}
}

// restingVersion gives the version of an object once the controller has nothing more to do.
func restingVersion(t *testing.T, w *world.World, o client.Object) string {
	t.Helper()
	quiet(t, w)
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	return o.GetResourceVersion()
}

func TestADriftedGuestIsSaidWithItsAddressAndSinceWhen(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "drift")
	vmi := runMachine(t, w, vm, "drift-1", reportsOf(vm, "192.0.2.10"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	if a := wk.Status.Networks[0].Addresses[0]; a.Guest != v1alpha1.GuestAddressPresent || a.GuestSince == nil {
		t.Errorf("the address: %+v", a)
	}

	retell(t, w, vmi, "192.0.2.99")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	a := wk.Status.Networks[0].Addresses[0]
	mentions(t, messageOf(wk, v1alpha1.ConditionGuestInSync), "network data", "192.0.2.10/24", "net0", "it reports 192.0.2.99 there", "seen first at "+a.GuestSince.UTC().Format(time.RFC3339))
	if got := wk.Status.Networks[0]; a.Guest != v1alpha1.GuestAddressMissing || !slices.Equal(got.UnexpectedAddresses, []string{"192.0.2.99"}) || !slices.Equal(got.ObservedAddresses, []string{"192.0.2.99"}) {
		t.Errorf("the network: %+v", got)
	}
	if ready := meta.FindStatusCondition(wk.Status.Conditions, v1alpha1.ConditionVirtualMachineReady); ready.Status != metav1.ConditionTrue {
		t.Errorf("a guest's report decides about its machine: %s", ready.Message)
	}

	// Invariant 3: the next reports of an agent that tells the same write nothing, and since when stays.
	version := restingVersion(t, w, wk)
	for i := range 3 {
		edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) { o.Status.VirtualMachineRevisionName = fmt.Sprint(i) })
	}
	retell(t, w, vmi, "192.0.2.99", "fe80::1")
	if restingVersion(t, w, wk) != version {
		t.Errorf("a report that tells nothing new was written down")
	}

	// An address that nobody asked for is a warning.
	retell(t, w, vmi, "192.0.2.10", "2001:db8::5054:ff:fe00:1")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	mentions(t, messageOf(wk, v1alpha1.ConditionGuestInSync), "a warning", "2001:db8::5054:ff:fe00:1", "network data")
	if got := wk.Status.Networks[0].UnexpectedAddresses; !slices.Equal(got, []string{"2001:db8::5054:ff:fe00:1"}) {
		t.Errorf("unexpected: %v", got)
	}

	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionUnknown, v1alpha1.ReasonNotRunning))
	if got := wk.Status.Networks[0]; got.ObservedAddresses != nil || got.UnexpectedAddresses != nil || got.Addresses[0].Guest != v1alpha1.GuestAddressUnknown {
		t.Errorf("of a machine that does not run: %+v", got)
	}
}

func TestALiveMigrationIsNoFalseAlarm(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "migrate")
	vmi := runMachine(t, w, vm, "migrate-1", reportsOf(vm, "192.0.2.10"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	since := wk.Status.Networks[0].Addresses[0].GuestSince
	version := restingVersion(t, w, wk)

	reports := vmi.Status.Interfaces
	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) {
		o.Status.MigrationState = &kubevirtv1.VirtualMachineInstanceMigrationState{SourceNode: "migrate-1", TargetNode: "migrate-2"}
		o.Status.Interfaces, o.Status.Conditions = nil, nil
	})
	if restingVersion(t, w, wk) != version {
		t.Errorf("while it moves, the status changed: %s", summary(wk.Status.Conditions))
	}
	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) {
		o.Status.MigrationState.Completed, o.Status.NodeName, o.Status.Interfaces = true, "migrate-2", reports
		o.Status.Interfaces[0].InfoSource = "guest-agent, domain"
	})
	eventually(t, func() error {
		if err := condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync)(); err != nil || wk.Status.NodeName == "migrate-2" {
			return err
		}
		return errWait
	})
	if now := wk.Status.Networks[0].Addresses[0].GuestSince; !now.Equal(since) {
		t.Errorf("present since %s, and after the migration since %s", since, now)
	}
}

func TestAChangedAddressWaitsForTheRestartAndIsNoDrift(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "later", func(o *v1alpha1.Wukong) { o.Spec.Memory = "2Gi" })
	vmi := runMachine(t, w, vm, "later-1", reportsOf(vm, "192.0.2.10"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	former := wk.Status.NetworkDataSecret

	edit(t, w, wk, func(o *v1alpha1.Wukong) {
		o.Spec.Networks[0].IPConfig.Address, o.Spec.Memory = new(v1alpha1.CIDR("192.0.2.20/24")), "4Gi"
	})
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	want := []string{"network data: address 192.0.2.10/24 -> 192.0.2.20/24", "memory 2Gi -> 4Gi"}
	if diff := cmp.Diff(want, wk.Status.PendingRestart); diff != "" {
		t.Errorf("what waits for the restart (-want +got)\n%s", diff)
	}
	mentions(t, messageOf(wk, v1alpha1.ConditionVirtualMachineReady), want...)
	if err := condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync)(); err != nil {
		t.Errorf("a guest that has what it was told: %v", err)
	}
	if a := wk.Status.Networks[0].Addresses[0]; a.Address != "192.0.2.20/24" || a.Guest != v1alpha1.GuestAddressUnknown || len(wk.Status.Networks[0].UnexpectedAddresses) > 0 {
		t.Errorf("the address that it was not told of yet: %+v", wk.Status.Networks[0])
	}
	if !slices.Equal(wk.Status.FormerSecrets, []string{former}) {
		t.Errorf("former Secrets %v", wk.Status.FormerSecrets)
	}
	retell(t, w, vmi, "192.0.2.77")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	mentions(t, messageOf(wk, v1alpha1.ConditionGuestInSync), "192.0.2.10/24") // what it was told, not what is asked for now
	quiet(t, w)
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: wk.Namespace, Name: former}, secretObject()); err != nil {
		t.Errorf("the Secret of the running instance: %v", err)
	}
	if err := inPhase(w, "192.0.2.10", "later", v1alpha1.LeaseReleasing)(); err != nil {
		t.Error(err)
	}

	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.Get(t.Context(), keyOf(vm), vm); err != nil {
		t.Fatal(err)
	}
	runMachine(t, w, vm, "later-1", reportsOf(vm, "192.0.2.20"))
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	eventually(t, guestSays(w, wk, v1alpha1.GuestAddressPresent))
	eventually(t, letGo(w, "192.0.2.10", "later"))
	eventually(t, func() error {
		return gone(w.Admin.Get(t.Context(), client.ObjectKey{Namespace: wk.Namespace, Name: former}, secretObject()))
	})
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil || (len(wk.Status.PendingRestart) == 0 && len(wk.Status.FormerSecrets) == 0) {
			return err
		}
		return fmt.Errorf("pending %v, former Secrets %v", wk.Status.PendingRestart, wk.Status.FormerSecrets)
	})
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: wk.Namespace, Name: wk.Status.NetworkDataSecret}, secretObject()); err != nil {
		t.Errorf("the Secret that the machine runs with: %v", err)
	}
}

// An upgrade of the controller that renders differently restarts and changes nobody.
func TestAMachineOfAnEarlierVersionIsNotWrittenAndItsGuestIsKnownAllTheSame(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "upgrade")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
	var vmi *kubevirtv1.VirtualMachineInstance
	restart(t, func() { // an earlier version kept no record, and rendered no MTU or the like
		edit(t, w, vm, func(o *kubevirtv1.VirtualMachine) {
			delete(o.Spec.Template.ObjectMeta.Annotations, v1alpha1.GuestNetworkAnnotation)
			o.Spec.Template.Spec.Domain.Devices.Interfaces[0].Model = "e1000"
		})
		vmi = runMachine(t, w, vm, "upgrade-1", reportsOf(vm, "192.0.2.10"))
	})
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	version := vm.ResourceVersion
	touch(t, w, vmi)
	quiet(t, w)
	if err := w.Admin.Get(t.Context(), keyOf(vm), vm); err != nil || vm.ResourceVersion != version {
		t.Errorf("the machine was written: %v", err)
	}
	if len(wk.Status.PendingRestart) > 0 {
		t.Errorf("a restart is asked for: %v", wk.Status.PendingRestart)
	}

	// What such an instance was told is known as long as it has the present Secret. Then only that it is another one.
	edit(t, w, wk, asksFor("192.0.2.20/24"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionUnknown, v1alpha1.ReasonRestartRequired))
	if lines := wk.Status.PendingRestart; len(lines) != 1 || !strings.Contains(lines[0], wk.Status.NetworkDataSecret) {
		t.Errorf("what waits for the restart: %v", lines)
	}
}

// Invariant 8: nothing a guest reports can take an address from its holder or reach a host, and the status stays bounded.
func TestAHostileReportOfAGuestStaysWithinBounds(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "hostile")
	vmi := runMachine(t, w, vm, "hostile-1", reportsOf(vm, "192.0.2.10"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	mac := vm.Spec.Template.Spec.Domain.Devices.Interfaces[0].MacAddress
	edit(t, w, vmi, func(o *kubevirtv1.VirtualMachineInstance) {
		o.Status.Interfaces = nil
		for i := range 5000 {
			o.Status.Interfaces = append(o.Status.Interfaces, kubevirtv1.VirtualMachineInstanceNetworkInterface{
				MAC: mac, InfoSource: "guest-agent", InterfaceName: "<script>", IPs: []string{fmt.Sprintf("10.%d.%d.1", i/250, i%250), "192.0.2.11; rm -rf /", "192.0.2.11\n"}})
		}
		o.Status.Interfaces = append(o.Status.Interfaces, kubevirtv1.VirtualMachineInstanceNetworkInterface{MAC: strings.Repeat("f", 10_000), Name: strings.Repeat("x", 10_000)})
	})
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	n := wk.Status.Networks[0]
	if len(n.ObservedAddresses) != 32 || len(n.UnexpectedAddresses) != 32 || len(messageOf(wk, v1alpha1.ConditionGuestInSync)) > 512 {
		t.Errorf("%d observed, %d unexpected, message %q", len(n.ObservedAddresses), len(n.UnexpectedAddresses), messageOf(wk, v1alpha1.ConditionGuestInSync))
	}
	if err := inPhase(w, "192.0.2.10", "hostile", v1alpha1.LeaseAllocated)(); err != nil {
		t.Error(err)
	}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Name: leaseName("192.0.2.11", "hostile")}, &v1alpha1.AddressLease{}); gone(err) != nil {
		t.Errorf("a lease of what the guest reports: %v", err)
	}
}

func TestWithGuestConfigManualNothingIsDeliveredAndTheGuestIsCompared(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "manual", func(o *v1alpha1.Wukong) { o.Spec.GuestConfig = v1alpha1.GuestConfigManual })
	vmi := runMachine(t, w, vm, "manual-1", reportsOf(vm, "192.0.2.99"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, v1alpha1.ReasonManual))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	if wk.Status.NetworkDataSecret != "" || len(vm.Spec.Template.ObjectMeta.Annotations) > 0 || len(vm.Spec.Template.Spec.Volumes) != 1 {
		t.Errorf("Secret %q, annotations %v, volumes %v", wk.Status.NetworkDataSecret, vm.Spec.Template.ObjectMeta.Annotations, vm.Spec.Template.Spec.Volumes)
	}
	retell(t, w, vmi, "192.0.2.10")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	// A changed address is for people to configure: no restart brings it.
	edit(t, w, wk, asksFor("192.0.2.20/24"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	if len(wk.Status.PendingRestart) > 0 {
		t.Errorf("%v", wk.Status.PendingRestart)
	}
}

// Invariant 3 with a machine that runs, whose guest drifted, and that waits for a restart.
func TestAControllerThatStartsAnewWritesNothingAboutAGuestThatIsAsItWas(t *testing.T) {
	w := theWorld(t)
	wk, vm := withMachine(t, w, "anew")
	runMachine(t, w, vm, "anew-1", reportsOf(vm, "192.0.2.99"))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	edit(t, w, wk, asksFor("192.0.2.20/24"))
	eventually(t, condition(w, wk, v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, v1alpha1.ReasonRestartRequired))
	version := restingVersion(t, w, wk)
	w.Requests.Reset()
	restart(t, func() {})
	touch(t, w, vm)
	quiet(t, w)
	for _, write := range w.Requests.Writes() {
		if write.Namespace == wk.Namespace {
			t.Errorf("written: %v", write)
		}
	}
	if now := restingVersion(t, w, wk); now != version {
		t.Errorf("the status was %s and is %s", version, now)
	}
}

func TestAMachineOfSomebodyElseThatIsToldNothingIsComparedAllTheSame(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "untold", 0, 0, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.VirtualMachineName = "theirs"
	wk.Spec.Networks[0].MACAddress = new(v1alpha1.MACAddress("02:00:00:00:17:01"))
	vm := theirMachine(ns, "theirs", "")
	create(t, w, vm, wk)
	vmi := runMachine(t, w, vm, "untold-1", map[string][]string{"02:00:00:00:17:01": {"192.0.2.99"}})
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	mentions(t, messageOf(wk, v1alpha1.ConditionGuestInSync), "192.0.2.99", "the machine was started without Secret web-net")
	if len(wk.Status.PendingRestart) > 0 {
		t.Errorf("nothing that it was told can change by a restart: %v", wk.Status.PendingRestart)
	}
	retell(t, w, vmi, "192.0.2.10")
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
}
