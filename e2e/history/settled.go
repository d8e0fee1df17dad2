package history

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Unsettled says what is not as it has to be once nothing moves any more and no machine is left that holds on to an address.
// The revision of each violation is that of the last event.
func (c *Checker) Unsettled() []Violation {
	rest := Checker{revision: c.revision}
	for _, name := range slices.Sorted(maps.Keys(c.leases)) {
		e := Event{Revision: c.revision, Object: Object{Kind: LeaseKind, Name: name}, Lease: c.leases[name]}
		if problem := c.leaked(e.Lease); problem != "" {
			rest.fail(e, RuleNoLeak, "%s", problem)
		}
	}
	for _, object := range sortedObjects(c.wukongs) {
		c.unserved(object, &rest)
	}
	return rest.found
}

func sortedObjects(m map[Object]*wukongState) []Object {
	return slices.SortedFunc(maps.Keys(m), func(a, b Object) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// leaked says why a lease should not be as it is.
func (c *Checker) leaked(l *v1alpha1.AddressLease) string {
	switch l.Spec.Phase {
	case v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling:
		return "it is still " + string(l.Spec.Phase)
	case v1alpha1.LeaseAllocated:
	default:
		return ""
	}
	h := l.Spec.Holder
	if h == nil {
		return "it is Allocated to nobody"
	}
	w := c.wukongs[Object{Kind: WukongKind, Namespace: h.Namespace, Name: h.Name}]
	if w == nil || w.object.UID != h.UID {
		return "its holder " + holderText(h) + " is gone"
	}
	published := slices.ContainsFunc(w.published, func(a publication) bool { return nameOf(a.place) == l.Name && a.network == h.Network })
	if !published && !meta.IsStatusConditionFalse(w.object.Status.Conditions, v1alpha1.ConditionAddressesAllocated) {
		return "its holder " + holderText(h) + " neither publishes it nor waits for another address"
	}
	return ""
}

// unserved notes a Wukong that was not looked at, or that waits for nothing.
func (c *Checker) unserved(object Object, rest *Checker) {
	w := c.wukongs[object]
	e := Event{Revision: c.revision, Object: object, Wukong: w.object}
	if w.object.Status.ObservedGeneration != w.object.Generation {
		rest.fail(e, RuleLookedAt, "its status speaks of generation %d, not %d", w.object.Status.ObservedGeneration, w.object.Generation)
		return
	}
	allocated := meta.FindStatusCondition(w.object.Status.Conditions, v1alpha1.ConditionAddressesAllocated)
	if allocated == nil || allocated.Status == metav1.ConditionTrue || isInvalid(w.object) {
		c.checkComplete(e, rest, allocated)
		return
	}
	if allocated.Reason == v1alpha1.ReasonAddressCooling || (allocated.Reason == v1alpha1.ReasonAddressInUse && !c.somebodyElseHas(w.object)) {
		rest.fail(e, RuleServed, "it waits, and nobody else has what it asks for: %s", allocated.Message)
	}
}

// checkComplete: a Wukong that says that its addresses are leased publishes each address that it names.
func (c *Checker) checkComplete(e Event, rest *Checker, allocated *metav1.Condition) {
	if allocated == nil || allocated.Status != metav1.ConditionTrue {
		return
	}
	for _, n := range e.Wukong.Spec.Networks {
		for _, addr := range askedFor(e.Wukong, n.Name).addrs {
			if !slices.ContainsFunc(c.wukongs[e.Object].published, func(a publication) bool { return a.addr == addr && a.network == n.Name }) {
				rest.fail(e, RuleServed, "it says that its addresses are leased and does not publish %s of network %s", addr, n.Name)
			}
		}
	}
}

// somebodyElseHas says whether one of the addresses that the Wukong names belongs to somebody else, on any segment.
func (c *Checker) somebodyElseHas(w *v1alpha1.Wukong) bool {
	var wanted []netip.Addr
	for _, n := range w.Spec.Networks {
		wanted = append(wanted, askedFor(w, n.Name).addrs...)
	}
	for _, l := range c.leases {
		p, err := placeOf(l)
		if err != nil || l.Spec.Phase == v1alpha1.LeaseReleased || l.Spec.Holder == nil {
			continue
		}
		if slices.Contains(wanted, p.addr) && l.Spec.Holder.UID != w.UID {
			return true
		}
	}
	return false
}
