package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// leaseFor is a lease as the controller writes it, of an address of the pool for the network of a Wukong.
func leaseFor(t *testing.T, w *world.World, wk *v1alpha1.Wukong, address, segment, pool string, since time.Time) *v1alpha1.AddressLease {
	t.Helper()
	ns := &corev1.Namespace{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Name: wk.Namespace}, ns); err != nil {
		t.Fatal(err)
	}
	at := metav1.NewTime(since.Truncate(time.Second))
	l := &v1alpha1.AddressLease{Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: segment, Phase: v1alpha1.LeaseAllocated, Since: at,
		PrefixLength: 24, HostNetwork: segment, Pool: pool, MAC: "02:00:00:00:15:01",
		Holder:  &v1alpha1.LeaseHolder{Namespace: wk.Namespace, NamespaceUID: ns.UID, Name: wk.Name, UID: wk.UID, Network: "data"},
		History: []v1alpha1.LeaseChange{{Holder: wk.Namespace + "/" + wk.Name + "/data", UID: wk.UID, From: at}}}}
	l.Name = leaseName(address, segment)
	return l
}

func TestLeasesThatNobodyAsksForAreFoundAndFreed(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "leak", 0, 0, ns)
	pool := poolOf("leak", "leak", "192.0.2.0/24", "192.0.2.10-192.0.2.29")
	create(t, w, pool)
	wk := drawing(ns, "web", network.Name, pool.Name)
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	ghost := wk.DeepCopy()
	ghost.Name, ghost.UID = "ghost", types.UID("00000000-0000-0000-0000-000000000000")
	lost, fresh, orphan := leaseFor(t, w, wk, "192.0.2.20", "leak", pool.Name, time.Now().Add(-time.Hour)),
		leaseFor(t, w, wk, "192.0.2.21", "leak", pool.Name, time.Now()), leaseFor(t, w, ghost, "192.0.2.22", "leak", pool.Name, time.Now())
	create(t, w, lost, fresh, orphan)
	eventually(t, inPhase(w, "192.0.2.20", "leak", v1alpha1.LeaseReleased))
	eventually(t, inPhase(w, "192.0.2.22", "leak", v1alpha1.LeaseReleased))
	quiet(t, w)
	if err := inPhase(w, "192.0.2.21", "leak", v1alpha1.LeaseAllocated)(); err != nil {
		t.Errorf("one that may be about to be published: %v", err)
	}
	age(t, w, "192.0.2.21", "leak", time.Hour)
	eventually(t, inPhase(w, "192.0.2.21", "leak", v1alpha1.LeaseReleased))
	if err := has(w, wk, "192.0.2.10")(); err != nil {
		t.Error(err)
	}
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool { return st.Allocated == 1 && st.Free == "19" }))
}

func TestARecordGoesAfterItsTimeUnlessTheAddressIsTakenAgain(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "record", 0, 0, ns)
	pool := poolOf("record", "record", "192.0.2.0/24", "192.0.2.10-192.0.2.11")
	pool.Spec.Cooldown = &metav1.Duration{Duration: time.Second}
	create(t, w, pool)
	wk := drawing(ns, "web", network.Name, pool.Name)
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	if err := w.Admin.Delete(t.Context(), wk); err != nil {
		t.Fatal(err)
	}
	eventually(t, inPhase(w, "192.0.2.10", "record", v1alpha1.LeaseCooling)) // its pool lets it rest, however short
	l, err := lease(w, "192.0.2.10", "record")
	if err != nil {
		t.Fatal(err)
	}
	if l.Spec.Until != nil && l.Spec.Until.Sub(l.Spec.Since.Time) > 2*time.Second {
		t.Errorf("the address rests from %s to %s, its pool says 1s", l.Spec.Since, l.Spec.Until)
	}
	eventually(t, inPhase(w, "192.0.2.10", "record", v1alpha1.LeaseReleased))
	age(t, w, "192.0.2.10", "record", fast().Retention)
	eventually(t, func() error { _, err := lease(w, "192.0.2.10", "record"); return gone(err) })

	// Records that are old and taken again at the same time: the API server decides, and no lease that is held goes.
	for i := range 5 {
		address := fmt.Sprintf("192.0.2.%d", 100+i)
		wk := static(ns, fmt.Sprintf("w-%d", i), network.Name, address+"/24")
		record := leaseFor(t, w, wk, address, "record", "", time.Now().Add(-2*fast().Retention))
		record.Spec.Phase, record.Spec.Holder, record.Spec.PrefixLength, record.Spec.HostNetwork, record.Spec.MAC, record.Spec.History = v1alpha1.LeaseReleased, nil, 0, "", "", nil
		create(t, w, record, wk)
		eventually(t, has(w, wk, address))
		if err := inPhase(w, address, "record", v1alpha1.LeaseAllocated)(); err != nil {
			t.Error(err)
		}
	}
}

// Two controllers at once, which happens when a leader is slow to notice that it is none any more.
func TestTwoControllersAndLostAnswersMakeNoDuplicateAndNoLeak(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "twice", 0, 0, ns)
	pool := poolOf("twice", "twice", "192.0.2.0/24", "192.0.2.10-192.0.2.33")
	create(t, w, pool)
	stop, err := w.RunController(context.Background(), fast())
	if err != nil {
		t.Fatal(err)
	}
	const n = 20
	var all []*v1alpha1.Wukong
	for i := range n {
		if i%4 == 0 {
			w.Requests.LoseReply("POST", "addressleases")
		}
		all = append(all, drawing(ns, fmt.Sprintf("w-%d", i), network.Name, pool.Name))
		create(t, w, all[i])
	}
	for _, wk := range all {
		eventually(t, allocated(w, wk))
	}
	for _, wk := range all[:n/2] {
		if err := w.Admin.Delete(t.Context(), wk); err != nil {
			t.Fatal(err)
		}
	}
	quiet(t, w)
	if err := stop(); err != nil {
		t.Error(err)
	}
	// What both took for one Wukong is let go after a time of grace.
	leases := &v1alpha1.AddressLeaseList{}
	if err := w.Admin.List(t.Context(), leases, client.MatchingFields{"spec.segment": "twice"}); err != nil {
		t.Fatal(err)
	}
	for _, l := range leases.Items {
		if l.Spec.Phase == v1alpha1.LeaseAllocated {
			age(t, w, l.Spec.Address, "twice", time.Hour)
		}
	}
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool { return st.Allocated == n/2 && st.Free == "14" }))
	var addresses []string
	for _, wk := range all[n/2:] {
		if held := heldBy(t, w, wk); !slices.Equal(held, published(wk)) {
			t.Errorf("%s publishes %v and holds %v", wk.Name, published(wk), held)
		}
		addresses = append(addresses, published(wk)...)
	}
	slices.Sort(addresses)
	if distinct := slices.Compact(slices.Clone(addresses)); len(distinct) != n/2 {
		t.Errorf("%d Wukongs publish %v", n/2, addresses)
	}
}
