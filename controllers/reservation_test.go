package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

func reservation(fabric, name string, keptFor *v1alpha1.ReservedFor, addresses ...v1alpha1.AddressRange) *v1alpha1.AddressReservation {
	return &v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AddressReservationSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric)}, Addresses: addresses, For: keptFor, Reason: "printer, 2nd floor"}}
}

func reservationSays(w *world.World, r *v1alpha1.AddressReservation, reason string) func() error {
	status := metav1.ConditionTrue
	if reason != v1alpha1.ReasonReservationReady {
		status = metav1.ConditionFalse
	}
	return func() error {
		if err := w.Admin.Get(context.Background(), client.ObjectKeyFromObject(r), r); err != nil {
			return err
		}
		return wants(r, r.Status.Conditions, v1alpha1.ConditionReady, status, reason)
	}
}

// sameAgain is the object as it would be applied once more from where it is kept.
func sameAgain[T client.Object](o T) T {
	again := o.DeepCopyObject().(T)
	again.SetResourceVersion("")
	again.SetUID("")
	again.SetCreationTimestamp(metav1.Time{})
	return again
}

func TestAReservedPoolAddressComesBackToTheWukongThatIsMadeAgain(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "again", 0, 0, ns)
	pool := poolOf("again", "again", "192.0.2.0/24", "192.0.2.10-192.0.2.12")
	pool.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: []string{ns}, MaxAddresses: new(int32(2))}
	create(t, w, pool)
	wk := drawing(ns, "web", network.Name, pool.Name)
	wk.Spec.Networks[0].IPConfig.Reserved = true
	again := sameAgain(wk)
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	if err := w.Admin.Delete(t.Context(), wk); err != nil {
		t.Fatal(err)
	}
	eventually(t, inPhase(w, "192.0.2.10", "again", v1alpha1.LeaseReserved))
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool {
		return st.Reserved == 1 && st.Allocated == 0 && st.Free == "2"
	}))
	// What is kept counts against the namespace's bound, and is not given to another.
	other, third := drawing(ns, "other", network.Name, pool.Name), drawing(ns, "third", network.Name, pool.Name)
	create(t, w, other)
	eventually(t, has(w, other, "192.0.2.11"))
	create(t, w, third)
	eventually(t, lacks(w, third, v1alpha1.ReasonAddressQuotaExceeded))
	// The bound is reached, and its own address comes back all the same.
	create(t, w, again)
	eventually(t, has(w, again, "192.0.2.10"))

	// At once, before anybody noticed that the earlier one is gone.
	for range 3 {
		next := sameAgain(again)
		next.Status = v1alpha1.WukongStatus{}
		if err := w.Admin.Delete(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		create(t, w, next)
		eventually(t, has(w, next, "192.0.2.10"))
		again = next
	}
}

func TestANamespaceMadeAgainUnderItsNameDoesNotGetWhatWasReservedInTheEarlierOne(t *testing.T) {
	w := theWorld(t)
	ns := "again-by-name"
	create(t, w, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	network := fabricOf(t, w, "renew", 0, 0, ns)
	pool := poolOf("renew", "renew", "192.0.2.0/24", "192.0.2.10-192.0.2.11")
	create(t, w, pool)
	wk := drawing(ns, "web", network.Name, pool.Name)
	wk.Spec.Networks[0].IPConfig.Reserved = true
	again := sameAgain(wk)
	create(t, w, wk)
	eventually(t, has(w, wk, "192.0.2.10"))
	if err := w.Admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return gone(w.Admin.Get(t.Context(), client.ObjectKey{Name: ns}, &corev1.Namespace{})) })
	eventually(t, inPhase(w, "192.0.2.10", "renew", v1alpha1.LeaseReserved))
	create(t, w, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, again)
	eventually(t, has(w, again, "192.0.2.11"))
	named := static(ns, "named", network.Name, "192.0.2.10/24")
	create(t, w, named)
	eventually(t, lacks(w, named, v1alpha1.ReasonAddressInUse))
	l, err := lease(w, "192.0.2.10", "renew")
	if err != nil {
		t.Fatal(err)
	}
	annotate(t, w, l, v1alpha1.FreeAnnotation, "ops: the namespace is another one")
	eventually(t, has(w, named, "192.0.2.10"))
}

func TestWhatAnAddressReservationKeepsBackIsRefusedAndPassedOver(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "print", 0, 0, ns)
	pool := poolOf("print", "print", "192.0.2.0/24", "192.0.2.10-192.0.2.40")
	printer, dhcp := reservation("print", "printer", nil, "192.0.2.10"), reservation("print", "dhcp", nil, "192.0.2.12-192.0.2.30")
	create(t, w, pool, printer, dhcp)
	for _, r := range []*v1alpha1.AddressReservation{printer, dhcp} {
		eventually(t, reservationSays(w, r, v1alpha1.ReasonReservationReady))
	}
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool { return st.Total == "31" && st.Free == "11" }))
	used(t, w, network, ns)
	onPrinter, inRange := static(ns, "on-printer", network.Name, "192.0.2.10/24"), static(ns, "in-range", network.Name, "192.0.2.20/24")
	create(t, w, onPrinter, inRange)
	for _, wk := range []*v1alpha1.Wukong{onPrinter, inRange} {
		eventually(t, lacks(w, wk, v1alpha1.ReasonAddressReserved))
	}
	mentions(t, messageOf(onPrinter, v1alpha1.ConditionReady), "192.0.2.11", "192.0.2.31")
	mentions(t, messageOf(inRange, v1alpha1.ConditionReady), "192.0.2.31")
	check := unwritten(t, w, onPrinter, inRange)
	for i, want := range []string{"192.0.2.11", "192.0.2.31", "192.0.2.32"} {
		wk := drawing(ns, fmt.Sprintf("draws-%d", i), network.Name, pool.Name)
		create(t, w, wk)
		eventually(t, has(w, wk, want))
	}
	check() // what was offered is taken, and what is said stays
	if err := w.Admin.Delete(t.Context(), dhcp); err != nil {
		t.Fatal(err)
	}
	eventually(t, has(w, inRange, "192.0.2.20"))
}

func TestAnAddressThatIsKeptForAMachineToComeWaitsForItAlone(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "come", 0, 0, ns)
	pool := poolOf("come", "come", "192.0.2.0/24", "192.0.2.10-192.0.2.40")
	all := map[string]*v1alpha1.AddressReservation{
		"named":   reservation("come", "come-named", &v1alpha1.ReservedFor{Namespace: ns, Name: "named", Network: "data"}, "192.0.2.10"),
		"draws":   reservation("come", "come-draws", &v1alpha1.ReservedFor{Namespace: ns, Name: "draws"}, "192.0.2.30-192.0.2.31"),
		"another": reservation("come", "come-another", &v1alpha1.ReservedFor{Namespace: ns, Name: "another", Network: "other"}, "192.0.2.11"),
	}
	create(t, w, pool)
	for _, r := range all {
		create(t, w, r)
		eventually(t, reservationSays(w, r, v1alpha1.ReasonReservationReady))
	}
	stranger := static(ns, "stranger", network.Name, "192.0.2.10/24")
	wrongNetwork := static(ns, "another", network.Name, "192.0.2.11/24")
	create(t, w, stranger, wrongNetwork)
	eventually(t, lacks(w, stranger, v1alpha1.ReasonAddressReserved))
	eventually(t, lacks(w, wrongNetwork, v1alpha1.ReasonAddressReserved))
	named, draws, plain := static(ns, "named", network.Name, "192.0.2.10/24"), drawing(ns, "draws", network.Name, pool.Name, pool.Name), drawing(ns, "plain", network.Name, pool.Name)
	create(t, w, named)
	eventually(t, has(w, named, "192.0.2.10"))
	create(t, w, plain)
	eventually(t, has(w, plain, "192.0.2.12"))
	create(t, w, draws)
	eventually(t, has(w, draws, "192.0.2.30", "192.0.2.31"))

	// Deleted and applied again from Git: the holder has its address, and the status comes back.
	for _, name := range []string{"named", "draws"} {
		r := all[name]
		again := sameAgain(r)
		if err := w.Admin.Delete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		create(t, w, again)
		eventually(t, reservationSays(w, again, v1alpha1.ReasonReservationReady))
		if len(again.Status.Held) > 0 {
			t.Errorf("%s: %v is held by those whom it is kept for", name, again.Status.Held)
		}
	}
	quiet(t, w)
	for wk, want := range map[*v1alpha1.Wukong]string{named: "192.0.2.10", draws: "192.0.2.30"} {
		if err := condition(w, wk, v1alpha1.ConditionConflictFree, metav1.ConditionTrue, "")(); err != nil || published(wk)[0] != want {
			t.Errorf("%s has %v: %v", wk.Name, published(wk), err)
		}
	}
}

func TestAReservationOfWhatOthersHoldSaysSoAndTakesNothing(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "late", 0, 0, ns)
	a, b := static(ns, "a", network.Name, "192.0.2.10/24"), static(ns, "b", network.Name, "192.0.2.12/24")
	create(t, w, a, b)
	eventually(t, has(w, a, "192.0.2.10"))
	eventually(t, has(w, b, "192.0.2.12"))
	r := reservation("late", "late", nil, "192.0.2.8-192.0.2.11", "192.0.2.12")
	create(t, w, r)
	eventually(t, reservationSays(w, r, v1alpha1.ReasonAddressesHeld))
	if want := []string{"ip-192-0-2-10.late", "ip-192-0-2-12.late"}; !slices.Equal(r.Status.Held, want) {
		t.Errorf("held: %v, want %v", r.Status.Held, want)
	}
	eventually(t, func() error {
		err := condition(w, a, v1alpha1.ConditionConflictFree, metav1.ConditionTrue, v1alpha1.ReasonNoConflict)()
		if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionConflictFree); err == nil && !strings.Contains(c.Message, "a warning: ") {
			err = fmt.Errorf("the holder is not warned: %s", c.Message)
		}
		return err
	})
	if err := has(w, a, "192.0.2.10")(); err != nil {
		t.Error(err)
	}
	for _, wk := range []*v1alpha1.Wukong{a, b} {
		if err := w.Admin.Delete(t.Context(), wk); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, reservationSays(w, r, v1alpha1.ReasonReservationReady))
	if len(r.Status.Held) > 0 {
		t.Errorf("held: %v", r.Status.Held)
	}
}

func TestWhoWaitsForAReservedAddressDoesNotGetItWhileGitAppliesTheReservationAgain(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "heal", 0, 0, ns)
	printer := reservation("heal", "heal-printer", nil, "192.0.2.10")
	create(t, w, printer)
	eventually(t, reservationSays(w, printer, v1alpha1.ReasonReservationReady))
	waits := static(ns, "waits", network.Name, "192.0.2.10/24")
	create(t, w, waits)
	eventually(t, lacks(w, waits, v1alpha1.ReasonAddressReserved))
	history := watchHolders(t, w, "192.0.2.10", "heal")

	again := sameAgain(printer)
	if err := w.Admin.Delete(t.Context(), printer); err != nil {
		t.Fatal(err)
	}
	create(t, w, again)
	eventually(t, reservationSays(w, again, v1alpha1.ReasonReservationReady))
	quiet(t, w)
	if _, err := lease(w, "192.0.2.10", "heal"); !apierrors.IsNotFound(err) {
		t.Errorf("the address was leased while the reservation was applied again: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	eventually(t, has(w, waits, "192.0.2.10"))
	history()
}
