package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestALostReplyCostsARetryAndNeverADuplicate(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "lost", 50, 1, ns)
	for i, write := range []struct{ method, resource string }{
		{"POST", "addressleases"}, {"POST", "secrets"}, {"POST", "network-attachment-definitions"},
		{"PATCH", "virtualmachines"}, {"PATCH", "wukongs/status"},
	} {
		w.Requests.LoseReply(write.method, write.resource)
		wk := static(ns, fmt.Sprintf("web-%d", i), network.Name, fmt.Sprintf("192.0.2.%d/24", 10+i))
		wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
		create(t, w, wk)
		eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))
		leases := &v1alpha1.AddressLeaseList{}
		if err := w.Admin.List(t.Context(), leases, client.MatchingFields{"spec.holder.uid": string(wk.UID)}); err != nil || len(leases.Items) != 1 {
			t.Errorf("lost answer to %s %s: %d leases, %v", write.method, write.resource, len(leases.Items), err)
		}
	}
}

// Invariant 3: a second reconcile of an unchanged world writes nothing, also with nmstate's mutating webhook active.
func TestAnUnchangedWorldIsNotWritten(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "calm", 60, 2, ns)
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	eventually(t, func() error { // the Wukong needs one node, and the others follow
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(network), network); err != nil || network.Status.ReadyNodes == 2 {
			return err
		}
		return errWait
	})
	rested(t, w)
	quiet(t, w)
	w.Requests.Reset()
	restart(t, func() {})
	touch(t, w, wk, network)
	quiet(t, w)
	if writes := w.Requests.Writes(); len(writes) > 0 {
		t.Errorf("%d writes in an unchanged world: %v", len(writes), writes)
	}
	for kind, count := range w.Requests.Counts() {
		if strings.HasSuffix(kind, " events") && kind != "GET events" {
			t.Errorf("%d requests %s in an unchanged world: events follow changes alone", count, kind)
		}
	}
}

// touch changes an annotation that means nothing, so that watches fire.
func touch(t *testing.T, w *world.World, all ...client.Object) {
	t.Helper()
	for _, o := range all {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"touched":"yes"}}}`))
		if err := w.Admin.Patch(t.Context(), o, patch); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWukongCostsHardlyMoreThanTheLeastPossibleWrites(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "thrift", 70, 1, ns)
	first := static(ns, "first", network.Name, "192.0.2.10/24")
	create(t, w, first)
	eventually(t, ready(w, first, metav1.ConditionTrue, ""))
	quiet(t, w)
	w.Requests.Reset()

	const n = 20
	var all []*v1alpha1.Wukong
	for i := range n {
		wk := static(ns, fmt.Sprintf("web-%d", i), network.Name, fmt.Sprintf("192.0.2.%d/24", 20+i))
		wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
		all = append(all, wk)
	}
	create(t, w, objects(all)...)
	for _, wk := range all {
		eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))
	}
	for _, wk := range all {
		vm := &kubevirtv1.VirtualMachine{}
		if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: wk.Status.VMName}, vm); err != nil {
			t.Fatal(err)
		}
		runMachine(t, w, vm, "thrift-1", map[string][]string{wk.Status.Networks[0].MACAddress: {wk.Status.Networks[0].IPAddress}})
		eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	}
	quiet(t, w)
	// A lease, a Secret, a machine; one status when they are delivered and one when the machine runs.
	counts, total := map[string]int{}, 0
	for _, write := range w.Requests.Writes() {
		elsewhere := write.Method == "PUT" && !strings.HasSuffix(write.Name, ".thrift") || write.Namespace != "" && write.Namespace != ns
		if !elsewhere {
			counts[write.Method+" "+write.Resource]++
			total++
		}
	}
	if least := n * 5; float64(total) > 1.1*float64(least) {
		t.Errorf("%d writes for %d Wukongs, more than 1.1 times the least possible %d: %v", total, n, least, counts)
	}
}
