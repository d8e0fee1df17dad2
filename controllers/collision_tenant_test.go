package controllers_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestATenantIsToldOfACollisionAndNothingOfAnotherNamespace(t *testing.T) {
	w := theWorld(t)
	ns, theirs := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	segments(t, w, "hush", map[string]string{"eth1": "hush"}, ns, theirs)
	create(t, w, &v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: "hush"}, Spec: v1alpha1.AddressReservationSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: "hush"}, Addresses: []v1alpha1.AddressRange{"192.0.2.20"}, Reason: "for a machine that comes",
		For: &v1alpha1.ReservedFor{Namespace: theirs, Name: "secret-heir"}}})
	holder := withMAC(static(theirs, "secret-holder", "hush", "192.0.2.10/24"), "02:00:00:00:80:01")
	create(t, w, holder)
	eventually(t, allocated(w, holder))
	asked := map[string]*v1alpha1.Wukong{
		v1alpha1.ReasonAddressInUse:    static(ns, "held", "hush", "192.0.2.10/24"),
		v1alpha1.ReasonAddressReserved: static(ns, "reserved", "hush", "192.0.2.20/24"),
		v1alpha1.ReasonMACConflict:     withMAC(static(ns, "mac", "hush", "192.0.2.11/24"), "02:00:00:00:80:01"),
	}
	for reason, wk := range asked {
		create(t, w, wk)
		eventually(t, collides(w, wk, reason))
		namesNothingOf(t, wk, theirs, "secret-")
		for _, note := range told(t, w, wk, reason) {
			namesNothingOf(t, &v1alpha1.Wukong{Status: v1alpha1.WukongStatus{Addresses: note}}, theirs, "secret-")
		}
	}
	heir := static(theirs, "secret-heir", "hush", "192.0.2.20/24")
	create(t, w, heir)
	eventually(t, holds(w, heir, "192.0.2.20", "hush"))
	wk := asked[v1alpha1.ReasonAddressReserved]
	eventually(t, func() error { // the lease is the first to say no
		if err := collides(w, wk, "")(); err != nil {
			return err
		}
		if wk.Status.Addresses != "" {
			return fmt.Errorf("it publishes %s", wk.Status.Addresses)
		}
		return nil
	})
	namesNothingOf(t, wk, theirs, "secret-")
}
