package controllers_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// delivered says what keeps a Wukong from having its network data.
func delivered(w *world.World, wk *v1alpha1.Wukong) func() error {
	return condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, "")
}

// holds says what keeps a Wukong from having, and publishing, exactly one address.
func holds(w *world.World, wk *v1alpha1.Wukong, address, segment string) func() error {
	return func() error {
		if err := allocated(w, wk)(); err != nil {
			return err
		}
		l, err := lease(w, address, segment)
		if err == nil && (l.Spec.Holder == nil || l.Spec.Holder.UID != wk.UID || l.Spec.Phase != v1alpha1.LeaseAllocated) {
			err = fmt.Errorf("%s is %s for %+v, not for %s, which publishes %q: %s", l.Name, l.Spec.Phase, l.Spec.Holder, wk.Name, wk.Status.Addresses, summary(wk.Status.Conditions))
		}
		if err == nil && wk.Status.Addresses != address+"/24" {
			err = fmt.Errorf("%s publishes %q, not %s", wk.Name, wk.Status.Addresses, address)
		}
		return err
	}
}

// loseLease deletes a lease as an administrator can.
func loseLease(t *testing.T, w *world.World, address, segment string) {
	t.Helper()
	l, err := lease(w, address, segment)
	if err == nil {
		err = w.Admin.Delete(t.Context(), l)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func asksFor(address string) func(*v1alpha1.Wukong) {
	return func(wk *v1alpha1.Wukong) {
		cidr := v1alpha1.CIDR(address)
		wk.Spec.Networks[0].IPConfig.Address = &cidr
	}
}

// forge writes a status by hand, again where the controller wrote it meanwhile.
func forge(t *testing.T, w *world.World, wk *v1alpha1.Wukong, edit func(*v1alpha1.Wukong)) {
	t.Helper()
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil {
			return err
		}
		edit(wk)
		return w.Admin.Status().Update(t.Context(), wk)
	})
}

func TestLostLeasesAreRestoredBeforeAnybodyElseGetsTheirAddresses(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "restore", map[string]string{"eth1": "restore"}, ns)
	create(t, w, resting(poolOf("restore", "restore", "192.0.2.0/24", "192.0.2.100-192.0.2.101")))
	named, drawn := static(ns, "named", "restore", "192.0.2.10/24"), drawing(ns, "drawn", "restore", "restore")
	create(t, w, named, drawn)
	eventually(t, delivered(w, named))
	eventually(t, delivered(w, drawn))
	eventually(t, holds(w, drawn, "192.0.2.100", "restore"))

	thief, drawer := static(ns, "a-thief", "restore", "192.0.2.10/24"), drawing(ns, "a-drawer", "restore", "restore")
	var release func()
	restart(t, func() {
		loseLease(t, w, "192.0.2.10", "restore")
		loseLease(t, w, "192.0.2.100", "restore")
		create(t, w, thief, drawer)
		release = w.Requests.Hold("wukongs")
	})
	defer release()
	quiet(t, w)
	leases := &v1alpha1.AddressLeaseList{}
	if err := w.Admin.List(t.Context(), leases, inSegment("restore")); err != nil || len(leases.Items) > 0 {
		t.Errorf("leases are made before it is known what Wukongs publish: %v %d", err, len(leases.Items))
	}
	release()
	eventually(t, collides(w, thief, v1alpha1.ReasonAddressInUse))
	eventually(t, holds(w, drawer, "192.0.2.101", "restore"))
	for wk, address := range map[*v1alpha1.Wukong]string{named: "192.0.2.10", drawn: "192.0.2.100"} {
		eventually(t, holds(w, wk, address, "restore"))
		eventuallyTold(t, w, wk, v1alpha1.ReasonLeaseAdopted, 1)
	}
}

func TestStatusesThatDoNotAgreeWithWhatWasAskedForAndDeliveredRestoreNothing(t *testing.T) {
	w := theWorld(t)
	ns, theirs := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	segments(t, w, "forged", map[string]string{"eth1": "forged"}, ns, theirs)
	// The forger is older than the one whose address it wants.
	forger := static(theirs, "forger", "forged", "192.0.2.20/24")
	create(t, w, forger)
	eventually(t, delivered(w, forger))
	victim, changed, edited := static(ns, "victim", "forged", "192.0.2.10/24"), static(ns, "changed", "forged", "192.0.2.11/24"), static(ns, "edited", "forged", "192.0.2.12/24")
	beggar := static(theirs, "beggar", "forged", "192.0.2.30/24")
	create(t, w, victim, changed, edited, beggar)
	for _, wk := range []*v1alpha1.Wukong{victim, changed, edited, beggar} {
		eventually(t, delivered(w, wk))
	}
	edit(t, w, forger, asksFor("192.0.2.10/24"))
	eventually(t, collides(w, forger, v1alpha1.ReasonAddressInUse))
	quiet(t, w)

	stolen := func(wk *v1alpha1.Wukong) {
		now := metav1.Now()
		wk.Status.Addresses = "192.0.2.10/24"
		wk.Status.Networks[0].IPAddress, wk.Status.Networks[0].IPAllocated, wk.Status.Networks[0].Reason = "192.0.2.10", true, ""
		wk.Status.Networks[0].Addresses = []v1alpha1.WukongAddressStatus{{Address: "192.0.2.10/24", Lease: "ip-192-0-2-10.forged", Since: &now}}
	}
	restart(t, func() {
		for _, address := range []string{"192.0.2.10", "192.0.2.11", "192.0.2.12"} {
			loseLease(t, w, address, "forged")
		}
		forge(t, w, forger, stolen)
		forge(t, w, beggar, stolen) // whose spec asks for something else
		forge(t, w, edited, func(wk *v1alpha1.Wukong) { wk.Status.RequestHash += "0" })
		edit(t, w, changed, asksFor("192.0.2.13/24"))
	})
	eventually(t, holds(w, victim, "192.0.2.10", "forged"))
	eventuallyTold(t, w, victim, v1alpha1.ReasonLeaseAdopted, 1)
	eventually(t, collides(w, forger, v1alpha1.ReasonAddressInUse))
	eventually(t, holds(w, beggar, "192.0.2.30", "forged"))
	eventually(t, holds(w, changed, "192.0.2.13", "forged"))
	eventually(t, holds(w, edited, "192.0.2.12", "forged")) // asked for anew, and nobody else had come
	for wk, why := range map[*v1alpha1.Wukong]string{
		forger: "what was delivered to the guest", edited: "what was delivered to the guest", beggar: "does not ask for", changed: "the spec was changed",
	} {
		eventually(t, func() error {
			for _, note := range told(t, w, wk, v1alpha1.ReasonLeaseLost) {
				mentions(t, note, "cannot be restored", why)
				return nil
			}
			return fmt.Errorf("%s was told nothing", wk.Name)
		})
		if notes := told(t, w, wk, v1alpha1.ReasonLeaseAdopted); len(notes) > 0 {
			t.Errorf("%s got a lease back: %q", wk.Name, notes)
		}
	}
	namesNothingOf(t, forger, ns, "victim")
	if err := unleased(w, "192.0.2.11", "forged"); err != nil {
		t.Error(err)
	}
}

func TestOfTwoStatusesThatPublishOneLostAddressTheOlderWukongGetsIt(t *testing.T) {
	w := theWorld(t)
	ns, other := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	ns, other = min(ns, other), max(ns, other) // of two of one second, the first by name is the older one
	segments(t, w, "both", map[string]string{"eth1": "both"}, ns, other)
	older := static(ns, "first-born", "both", "192.0.2.10/24")
	create(t, w, older)
	eventually(t, delivered(w, older))
	published := older.Status.DeepCopy()
	edit(t, w, older, asksFor("192.0.2.11/24"))
	eventually(t, holds(w, older, "192.0.2.11", "both"))
	eventually(t, inPhase(w, "192.0.2.10", "both", v1alpha1.LeaseReleased)) // ages have whole seconds
	younger := static(other, "younger", "both", "192.0.2.10/24")
	create(t, w, younger)
	eventually(t, holds(w, younger, "192.0.2.10", "both"))
	eventually(t, delivered(w, younger))

	restart(t, func() { // an old backup of one of them was restored
		loseLease(t, w, "192.0.2.10", "both")
		edit(t, w, older, asksFor("192.0.2.10/24"))
		forge(t, w, older, func(wk *v1alpha1.Wukong) {
			wk.Status = *published
			wk.Status.ObservedGeneration = wk.Generation
		})
	})
	eventually(t, holds(w, older, "192.0.2.10", "both"))
	eventuallyTold(t, w, older, v1alpha1.ReasonLeaseAdopted, 1)
	eventually(t, collides(w, younger, v1alpha1.ReasonAddressInUse))
	mentions(t, eventuallyTold(t, w, younger, v1alpha1.ReasonLeaseLost, 1)[0], "ip-192-0-2-10.both", "cannot be restored")
	namesNothingOf(t, younger, ns, "first-born")
}
