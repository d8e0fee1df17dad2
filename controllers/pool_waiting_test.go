package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// unwritten remembers Wukongs as they are stored. What it returns fails the test for each that was written since.
func unwritten(t *testing.T, w *world.World, all ...*v1alpha1.Wukong) (check func()) {
	t.Helper()
	quiet(t, w)
	var before []*v1alpha1.Wukong
	for _, wk := range all {
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(wk), wk); err != nil {
			t.Fatal(err)
		}
		before = append(before, wk.DeepCopy())
	}
	return func() {
		t.Helper()
		quiet(t, w)
		for i, wk := range all {
			if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(wk), wk); err != nil {
				t.Error(err)
			} else if wk.ResourceVersion != before[i].ResourceVersion {
				t.Errorf("%s was written, and nothing came to it (-before +after):\n%s", wk.Name, cmp.Diff(before[i].Status, wk.Status))
			}
		}
	}
}

// waiters creates Wukongs one after the other that wait for an address of a pool that is full.
func waiters(t *testing.T, w *world.World, pool *v1alpha1.AddressPool, namespace string, count int) []*v1alpha1.Wukong {
	t.Helper()
	var all []*v1alpha1.Wukong
	for i := range count {
		all = append(all, drawing(namespace, fmt.Sprintf("wait-%d", i), string(pool.Spec.Segment.PhysicalNetwork), pool.Name))
	}
	create(t, w, objects(all)...)
	for _, wk := range all {
		eventually(t, lacks(w, wk, v1alpha1.ReasonPoolExhausted))
	}
	return all
}

func TestOfTenThatWaitForAFullPoolTheOldestIsServedAndTheOthersAreNotWritten(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "full", 0, 0, ns)
	pool := poolOf("full", "full", "192.0.2.0/24", "192.0.2.10-192.0.2.11")
	create(t, w, pool)
	a, b := drawing(ns, "a", network.Name, pool.Name), drawing(ns, "b", network.Name, pool.Name)
	create(t, w, a, b)
	for _, wk := range []*v1alpha1.Wukong{a, b} {
		eventually(t, allocated(w, wk))
	}
	// The youngest sorts first by name: it is age that counts.
	all := waiters(t, w, pool, ns, 10)
	mentions(t, messageOf(all[3], v1alpha1.ConditionReady), "1 address is missing", "AddressPool full")
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool {
		return st.Missing == 10 && st.Free == "0" && st.Allocated == 2
	}))
	if err := poolSays(w, pool, metav1.ConditionFalse, v1alpha1.ReasonPoolExhausted)(); err != nil {
		t.Error(err)
	}
	check := unwritten(t, w, all[1:]...)
	freed := a.Status.Networks[0].IPAddress
	if err := w.Admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	eventually(t, has(w, all[0], freed))
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool { return st.Missing == 9 }))
	check()

	// A restart changes neither the order nor anything that is written. Users of a network are counted a while later.
	rested(t, w)
	users := []string{ns + "/" + b.Name, ns + "/" + all[0].Name}
	slices.Sort(users)
	eventually(t, func() error {
		n := &v1alpha1.HostNetwork{}
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(network), n); err != nil {
			return err
		}
		if !slices.Equal(n.Status.UsedBy, users) {
			return fmt.Errorf("%s is used by %v, want %v", n.Name, n.Status.UsedBy, users)
		}
		return nil
	})
	w.Requests.Reset()
	restart(t, func() {})
	quiet(t, w)
	if writes := w.Requests.Writes(); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
	check = unwritten(t, w, all[3:]...)
	restart(t, func() {
		edit(t, w, pool, func(p *v1alpha1.AddressPool) { p.Spec.Ranges = append(p.Spec.Ranges, "192.0.2.20-192.0.2.21") })
	})
	for _, wk := range all[1:3] {
		eventually(t, allocated(w, wk))
	}
	check()

	// One that no longer waits passes its turn on, and an extension serves as many as fit.
	if err := w.Admin.Delete(t.Context(), all[3]); err != nil {
		t.Fatal(err)
	}
	edit(t, w, pool, func(p *v1alpha1.AddressPool) { p.Spec.Ranges = append(p.Spec.Ranges, "192.0.2.30-192.0.2.33") })
	for _, wk := range all[4:8] {
		eventually(t, allocated(w, wk))
	}
	for _, wk := range all[8:] {
		if err := lacks(w, wk, v1alpha1.ReasonPoolExhausted)(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool { return st.Missing == 2 && st.Allocated == 8 }))
}

func TestWhoNeedsTwoAddressesIsNotOvertakenAndWhenItGoesTheNextIsServed(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "pair", 0, 0, ns)
	pool := poolOf("pair", "pair", "192.0.2.0/24", "192.0.2.10")
	create(t, w, pool)
	two := drawing(ns, "a-two", network.Name, pool.Name, pool.Name)
	create(t, w, two)
	eventually(t, lacks(w, two, v1alpha1.ReasonPoolExhausted))
	one := drawing(ns, "b-one", network.Name, pool.Name)
	create(t, w, one)
	eventually(t, lacks(w, one, v1alpha1.ReasonPoolExhausted))
	quiet(t, w)
	if err := lacks(w, one, v1alpha1.ReasonPoolExhausted)(); err != nil {
		t.Fatal(err)
	}
	// A spec that cannot work waits for nothing.
	edit(t, w, two, func(o *v1alpha1.Wukong) { o.Spec.Networks[0].IPConfig.IPPool = "" })
	eventually(t, has(w, one, "192.0.2.10"))
	edit(t, w, two, func(o *v1alpha1.Wukong) { o.Spec.Networks[0].IPConfig.IPPool = pool.Name })
	eventually(t, lacks(w, two, v1alpha1.ReasonPoolExhausted))
	mentions(t, messageOf(two, v1alpha1.ConditionReady), "2 addresses are missing")
	edit(t, w, pool, func(p *v1alpha1.AddressPool) { p.Spec.Ranges = append(p.Spec.Ranges, "192.0.2.20-192.0.2.21") })
	eventually(t, has(w, two, "192.0.2.20", "192.0.2.21"))
}

func TestAReservationThatGoesServesWhoWaits(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	fabricOf(t, w, "lift", 0, 0, ns)
	pool := poolOf("lift", "lift", "192.0.2.0/24", "192.0.2.10-192.0.2.12")
	kept := reservation("lift", "lift", nil, "192.0.2.8-192.0.2.12")
	create(t, w, pool, kept)
	eventually(t, reservationSays(w, kept, v1alpha1.ReasonReservationReady))
	all := waiters(t, w, pool, ns, 1)
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool { return st.Total == "3" && st.Free == "0" }))
	if err := w.Admin.Delete(context.Background(), kept); err != nil {
		t.Fatal(err)
	}
	eventually(t, has(w, all[0], "192.0.2.10"))
}

// used makes the network one that is in use, so that what Wukongs say about hosts changes no more.
func used(t *testing.T, w *world.World, network *v1alpha1.HostNetwork, namespace string) {
	t.Helper()
	wk := static(namespace, "user", network.Name, "192.0.2.250/24")
	create(t, w, wk)
	eventually(t, condition(w, wk, v1alpha1.ConditionNodeNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNoMatchingNodes))
}
