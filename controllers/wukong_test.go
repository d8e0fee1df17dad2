package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestAStaticAddressGoesAllTheWayToReady(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "path", 10, 3, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionTrue, v1alpha1.ReasonNetworkReady))

	l, err := lease(w, "192.0.2.10", "path")
	if err != nil {
		t.Fatal(err)
	}
	if l.Spec.Phase != v1alpha1.LeaseAllocated || l.Spec.Holder.UID != wk.UID || l.Spec.Holder.Network != "data" {
		t.Errorf("lease %+v does not name the Wukong", l.Spec)
	}
	st := wk.Status.Networks[0]
	if st.IPAddress != "192.0.2.10" || !st.IPAllocated || st.HostNetwork != "path" || st.Segment != "path" || st.Bridge != "br-path" || st.MACAddress != l.Spec.MAC {
		t.Errorf("status of the network: %+v", st)
	}
	nad := &netattach.NetworkAttachmentDefinition{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: st.NADName}, nad); err != nil || !strings.Contains(nad.Spec.Config, `"br-path"`) {
		t.Errorf("attachment: %v %s", err, nad.Spec.Config)
	}
	secret := &corev1.Secret{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: wk.Status.NetworkDataSecret}, secret); err != nil {
		t.Fatal(err)
	}
	if data := string(secret.Data["networkdata"]); !strings.Contains(data, "192.0.2.10/24") || !strings.Contains(data, st.MACAddress) {
		t.Errorf("network data: %s", data)
	}
	host := w.Lab.Host("path-1")
	if _, ok := host.Interface("br-path"); !ok || !slices.Contains(host.Ports("br-path"), "eth1") {
		t.Errorf("node path-1 has no br-path over eth1: %v", host.Names())
	}
}

func TestWithDisksAMachineIsAskedForAndReadyWaitsForIt(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "machine", 20, 1, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "10Gi", Boot: true, Image: "docker://registry.example/debian:12"}}
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))

	vm := &kubevirtv1.VirtualMachine{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web-vm"}, vm); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(vm, wk) {
		t.Error("the machine does not go with its Wukong")
	}
	nic := vm.Spec.Template.Spec.Domain.Devices.Interfaces[0]
	if nic.MacAddress != wk.Status.Networks[0].MACAddress {
		t.Errorf("the machine has MAC %s, the status says %s", nic.MacAddress, wk.Status.Networks[0].MACAddress)
	}
	runMachine(t, w, vm, "machine-1", map[string][]string{nic.MacAddress: {"192.0.2.10"}})
	eventually(t, ready(w, wk, metav1.ConditionTrue, v1alpha1.ReasonNetworkReady))
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync))
	if wk.Status.NodeName != "machine-1" || wk.Status.Phase != v1alpha1.PhaseRunning {
		t.Errorf("node %q, phase %s", wk.Status.NodeName, wk.Status.Phase)
	}
}

// runMachine plays KubeVirt for one machine: an instance that runs on a node and reports addresses by MAC.
func runMachine(t *testing.T, w *world.World, vm *kubevirtv1.VirtualMachine, node string, reports map[string][]string) *kubevirtv1.VirtualMachineInstance {
	t.Helper()
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: *vm.Spec.Template.ObjectMeta.DeepCopy(), Spec: *vm.Spec.Template.Spec.DeepCopy()}
	vmi.Namespace, vmi.Name = vm.Namespace, vm.Name
	create(t, w, vmi)
	vmi.Status.Phase, vmi.Status.NodeName = kubevirtv1.Running, node
	vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceAgentConnected, Status: corev1.ConditionTrue}}
	for mac, ips := range reports {
		vmi.Status.Interfaces = append(vmi.Status.Interfaces, kubevirtv1.VirtualMachineInstanceNetworkInterface{MAC: mac, IP: ips[0], IPs: ips})
	}
	if err := w.Admin.Update(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	return vmi
}

// Invariant 1: at no revision of the store do two leases, or two published statuses, hold one address on one segment.
func TestOfManyThatAskForOneAddressExactlyOneGetsIt(t *testing.T) {
	w := theWorld(t)
	ns, other := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "crowd", 30, 1, ns, other)
	var all []*v1alpha1.Wukong
	for i := range 10 {
		namespace := []string{ns, other}[i%2]
		all = append(all, static(namespace, fmt.Sprintf("asker-%d", i), network.Name, "192.0.2.10/24"))
	}
	history := watchHolders(t, w, "192.0.2.10", "crowd")
	create(t, w, objects(all)...)
	var winner *v1alpha1.Wukong
	eventually(t, func() error {
		winner = nil
		for _, wk := range all {
			if ready(w, wk, metav1.ConditionTrue, "")() == nil {
				winner = wk
			} else if err := ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonAddressInUse)(); err != nil {
				return err
			}
		}
		if winner == nil {
			return errWait
		}
		return nil
	})
	published := 0
	for _, wk := range all {
		if wk.Status.Addresses != "" {
			published++
		}
		message := meta.FindStatusCondition(wk.Status.Conditions, v1alpha1.ConditionReady).Message
		if wk.Namespace != winner.Namespace && strings.Contains(message, winner.Name+"/") {
			t.Errorf("a status in another namespace names the holder: %s", message)
		}
	}
	if published != 1 {
		t.Errorf("%d Wukongs publish the address, want 1", published)
	}

	if err := w.Admin.Delete(t.Context(), winner); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		l, err := lease(w, "192.0.2.10", "crowd")
		if err == nil && (l.Spec.Phase != v1alpha1.LeaseAllocated || l.Spec.Holder.UID == winner.UID) {
			err = fmt.Errorf("nobody has the address after its holder went: the lease is %s", l.Spec.Phase)
		}
		return err
	})
	history()
}

// watchHolders follows, by watches of its own from before the first request, who holds and who publishes an address. Two at
// one time fail the test, at whatever revision.
func watchHolders(t *testing.T, w *world.World, address, segment string) (stop func()) {
	t.Helper()
	leases, err := w.Admin.Watch(t.Context(), &v1alpha1.AddressLeaseList{})
	if err != nil {
		t.Fatal(err)
	}
	wukongs, err := w.Admin.Watch(t.Context(), &v1alpha1.WukongList{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		held, published := map[string]bool{}, map[types.UID]string{}
		for leases, wukongs := leases.ResultChan(), wukongs.ResultChan(); leases != nil || wukongs != nil; {
			select {
			case e, ok := <-leases:
				if !ok {
					leases = nil
				} else if l, is := e.Object.(*v1alpha1.AddressLease); is && l.Spec.Address == address && l.Spec.Segment == segment {
					held[l.Name] = e.Type != watch.Deleted
				}
			case e, ok := <-wukongs:
				if !ok {
					wukongs = nil
				} else if wk, is := e.Object.(*v1alpha1.Wukong); is {
					delete(published, wk.UID)
					if e.Type != watch.Deleted && len(wk.Status.Networks) > 0 && wk.Status.Networks[0].IPAddress == address && wk.Status.Networks[0].Segment == segment {
						published[wk.UID] = wk.Name
					}
				}
			}
			if len(held) > 1 || len(published) > 1 {
				t.Errorf("at one time leases %v hold and Wukongs %v publish %s", held, published, address)
			}
		}
	}()
	return func() { leases.Stop(); wukongs.Stop(); <-done }
}

func objects[T client.Object](in []T) []client.Object {
	var out []client.Object
	for _, o := range in {
		out = append(out, o)
	}
	return out
}

// Invariant 2: an address is published only while its lease is held; a lease is released only on proof that nobody can still
// use it.
func TestALeaseIsReleasedOnlyWhenNoMachineCanUseIt(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "proof", 40, 1, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	create(t, w, wk)
	vm := &kubevirtv1.VirtualMachine{}
	eventually(t, func() error { return w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web-vm"}, vm) })
	vmi := runMachine(t, w, vm, "proof-1", map[string][]string{"02:00:00:00:00:01": {"192.0.2.10"}})
	pod := launcher(t, w, vmi)

	if err := w.Admin.Delete(t.Context(), wk); err != nil {
		t.Fatal(err)
	}
	eventually(t, inPhase(w, "192.0.2.10", "proof", v1alpha1.LeaseReleasing))
	eventually(t, func() error { // the garbage collector takes the machine, which the Wukong controls
		return gone(w.Admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vm))
	})
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "proof", v1alpha1.LeaseReleasing)(); err != nil {
		t.Fatalf("with a running instance: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}
	quiet(t, w)
	if err := inPhase(w, "192.0.2.10", "proof", v1alpha1.LeaseReleasing)(); err != nil {
		t.Fatalf("with a running launcher pod: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, inPhase(w, "192.0.2.10", "proof", v1alpha1.LeaseReleased))
	l, _ := lease(w, "192.0.2.10", "proof")
	if len(l.Spec.History) != 1 || l.Spec.History[0].Until == nil || l.Spec.History[0].Reason != v1alpha1.ReasonHolderDeleted {
		t.Errorf("the record does not tell who had the address and why no more: %+v", l.Spec.History)
	}
}

func launcher(t *testing.T, w *world.World, vmi *kubevirtv1.VirtualMachineInstance) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: vmi.Namespace, GenerateName: "virt-launcher-",
		Labels: map[string]string{kubevirtv1.AppLabel: "virt-launcher"}, Annotations: map[string]string{kubevirtv1.DomainAnnotation: vmi.Name}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "compute", Image: "compute"}}}}
	create(t, w, pod)
	return pod
}

// Invariant 8: nothing a tenant writes, and nothing a guest reports, can take an address from its holder or reach a host.
func TestANamespaceThatIsNotAllowedGetsNothing(t *testing.T) {
	w := theWorld(t)
	allowed, denied := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	// Admission refuses what selects a closed network. A Wukong that was there before the network gets past it.
	wk := static(denied, "web", "gate", "192.0.2.10/24")
	create(t, w, wk)
	network := fabricOf(t, w, "gate", 80, 1, allowed)
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonHostNetworkNotAllowed))
	if _, err := lease(w, "192.0.2.10", "gate"); !apierrors.IsNotFound(err) {
		t.Errorf("a lease exists: %v", err)
	}
	if _, ok := w.Lab.Host("gate-1").Interface("br-gate"); ok {
		t.Error("the bridge was built for a namespace that may not use it")
	}
	// A forged status is rebuilt from truth and opens nothing.
	wk.Status.Networks[0].HostNetwork, wk.Status.Networks[0].IPAddress, wk.Status.Addresses = network.Name, "192.0.2.10", "192.0.2.10/24"
	if err := w.Admin.Status().Update(t.Context(), wk); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonHostNetworkNotAllowed)(); err != nil {
			return err
		}
		if wk.Status.Addresses != "" || wk.Status.Networks[0].HostNetwork != "" {
			return fmt.Errorf("the forged status stands: %+v", wk.Status)
		}
		return nil
	})
	updateNetwork(t, w, network, func(n *v1alpha1.HostNetwork) { n.Spec.AllowedNamespaces.Names = []string{allowed, denied} })
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
}

func updateNetwork(t *testing.T, w *world.World, n *v1alpha1.HostNetwork, change func(*v1alpha1.HostNetwork)) {
	t.Helper()
	edit(t, w, n, change)
}

func TestAnAddressOfANodeIsRefusedAndALaterCollisionIsReportedAndMovesNobody(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "clash", 90, 2, ns)
	onNode := static(ns, "on-node", network.Name, "203.0.113.90/24")
	late := static(ns, "late", network.Name, "192.0.2.10/24")
	create(t, w, onNode, late)
	eventually(t, ready(w, onNode, metav1.ConditionFalse, v1alpha1.ReasonAddressConflict))
	if message := meta.FindStatusCondition(onNode.Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(message, "clash-1") || !strings.Contains(message, "eth0") {
		t.Errorf("the message does not name node and interface: %s", message)
	}
	eventually(t, ready(w, late, metav1.ConditionTrue, ""))
	if err := w.Lab.Change("clash-2", `{"interfaces":[{"name":"eth2","type":"ethernet","state":"up","ipv4":{"enabled":true,"address":[{"ip":"192.0.2.10","prefix-length":24}]}}]}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, condition(w, late, v1alpha1.ConditionConflictFree, metav1.ConditionFalse, v1alpha1.ReasonAddressConflict))
	if late.Status.Addresses != "192.0.2.10/24" || inPhase(w, "192.0.2.10", "clash", v1alpha1.LeaseAllocated)() != nil {
		t.Error("a collision that was found later took the address from its holder")
	}
	if err := w.Lab.Change("clash-2", `{"interfaces":[{"name":"eth2","type":"ethernet","state":"up","ipv4":{"enabled":false}}]}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, ready(w, late, metav1.ConditionTrue, ""))
}

// Invariant 7: nothing of ours delays the deletion of a namespace, with nmstate, KubeVirt, the nodes or this controller
// down.
func TestANamespaceGoesWhileTheControllerIsDown(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "gone", 100, 1, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))
	restart(t, func() {
		if err := w.Lab.StopHandler(context.Background(), "gone-1"); err != nil {
			t.Fatal(err)
		}
		if err := w.Admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			return gone(w.Admin.Get(t.Context(), client.ObjectKey{Name: ns}, &corev1.Namespace{}))
		})
	})
	eventually(t, inPhase(w, "192.0.2.10", "gone", v1alpha1.LeaseReleased))
}

// Invariant 6: what the controller did not create it never changes or deletes.
func TestForeignObjectsOfTheNamesThatAreNeededAreLeftAlone(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "foreign", 110, 1, ns)
	nad := &netattach.NetworkAttachmentDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "wukong-foreign"},
		Spec: netattach.NetworkAttachmentDefinitionSpec{Config: `{"type":"bridge","bridge":"br-theirs"}`}}
	create(t, w, nad)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonNameTaken))
	now := &netattach.NetworkAttachmentDefinition{}
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(nad), now); err != nil || now.ResourceVersion != nad.ResourceVersion {
		t.Errorf("somebody else's attachment was changed: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), nad); err != nil {
		t.Fatal(err)
	}
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
}

func TestAGuestsReportTakesAnAddressFromNobody(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "report", 120, 1, ns)
	liar := static(ns, "liar", network.Name, "192.0.2.10/24")
	liar.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	create(t, w, liar)
	vm := &kubevirtv1.VirtualMachine{}
	eventually(t, func() error { return w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "liar-vm"}, vm) })
	mac := vm.Spec.Template.Spec.Domain.Devices.Interfaces[0].MacAddress
	runMachine(t, w, vm, "report-1", map[string][]string{mac: {"192.0.2.11"}})
	eventually(t, condition(w, liar, v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted))
	honest := static(ns, "honest", network.Name, "192.0.2.11/24")
	create(t, w, honest)
	eventually(t, ready(w, honest, metav1.ConditionTrue, ""))
}

func TestAReservedAddressWaitsForItsHolderUntilAnEngineerFreesIt(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "keep", 130, 1, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.Networks[0].IPConfig.Reserved = true
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	if err := w.Admin.Delete(t.Context(), wk); err != nil {
		t.Fatal(err)
	}
	eventually(t, inPhase(w, "192.0.2.10", "keep", v1alpha1.LeaseReserved))
	other := static(ns, "other", network.Name, "192.0.2.10/24")
	create(t, w, other)
	eventually(t, ready(w, other, metav1.ConditionFalse, v1alpha1.ReasonAddressInUse))

	l, err := lease(w, "192.0.2.10", "keep")
	if err != nil {
		t.Fatal(err)
	}
	annotate(t, w, l, v1alpha1.FreeAnnotation, "ops: the machine is not coming back")
	eventually(t, ready(w, other, metav1.ConditionTrue, ""))

	// A holder that still asks for its address keeps it.
	annotate(t, w, l, v1alpha1.FreeAnnotation, "ops: by mistake")
	eventually(t, func() error {
		l, err := lease(w, "192.0.2.10", "keep")
		if err == nil && l.Annotations[v1alpha1.FreeAnnotation] != "" {
			err = errWait
		}
		return err
	})
	if err := inPhase(w, "192.0.2.10", "keep", v1alpha1.LeaseAllocated)(); err != nil {
		t.Error(err)
	}
}

func annotate(t *testing.T, w *world.World, o client.Object, key, value string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value))
	if err := w.Admin.Patch(t.Context(), o, patch); err != nil {
		t.Fatal(err)
	}
}
