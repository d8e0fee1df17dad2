package history

import (
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

var (
	noon   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	limits = Limits{Cooldown: 5 * time.Minute, PoolCooldowns: map[string]time.Duration{"quick": 0}}
)

// at is a time, in minutes after noon.
func at(minutes int) metav1.Time {
	return metav1.NewTime(noon.Add(time.Duration(minutes) * time.Minute))
}

// wukong asks for addresses with its network lan. Its status is that of a new object.
func wukong(namespace, name string, uid types.UID, generation int64, addresses ...string) *v1alpha1.Wukong {
	w := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid, Generation: generation},
		Status: v1alpha1.WukongStatus{ObservedGeneration: -1}}
	config := &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic}
	for i, text := range addresses {
		cidr := v1alpha1.CIDR(text)
		if i == 0 {
			config.Address = &cidr
		} else {
			config.AdditionalAddresses = append(config.AdditionalAddresses, v1alpha1.AdditionalAddress{Address: &cidr})
		}
	}
	w.Spec.Networks = []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: config}}
	return w
}

// publishes gives the Wukong with a status that has the addresses.
func publishes(w *v1alpha1.Wukong, addresses ...string) *v1alpha1.Wukong {
	w = w.DeepCopy()
	w.Status.ObservedGeneration = w.Generation
	status := metav1.ConditionTrue
	if len(addresses) == 0 {
		status = metav1.ConditionFalse
	}
	w.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAddressesAllocated, Status: status, Reason: v1alpha1.ReasonAddressInUse}}
	w.Status.Networks = []v1alpha1.WukongNetworkStatus{{Name: "lan", Segment: "lab"}}
	for _, text := range addresses {
		addr := netip.MustParsePrefix(text).Addr()
		w.Status.Networks[0].Addresses = append(w.Status.Networks[0].Addresses,
			v1alpha1.WukongAddressStatus{Address: text, Lease: nameOf(place{"lab", addr})})
	}
	return w
}

func holder(w *v1alpha1.Wukong) *v1alpha1.LeaseHolder {
	return &v1alpha1.LeaseHolder{Namespace: w.Namespace, NamespaceUID: types.UID("uid-" + w.Namespace), Name: w.Name, UID: w.UID, Network: "lan"}
}

// lease is the lease of an address on the segment lab.
func lease(address string, phase v1alpha1.LeasePhase, h *v1alpha1.LeaseHolder, minutes int) *v1alpha1.AddressLease {
	l := &v1alpha1.AddressLease{Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: "lab", Phase: phase, Holder: h, Since: at(minutes)}}
	l.Name, l.UID = nameOf(place{"lab", netip.MustParseAddr(address)}), types.UID("lease-"+address)
	if phase == v1alpha1.LeaseCooling {
		until := at(minutes + 5)
		l.Spec.Until = &until
	}
	return l
}

// kept gives the lease with the wish to be kept for its holder.
func kept(l *v1alpha1.AddressLease) *v1alpha1.AddressLease {
	l.Spec.Reserved = true
	return l
}

// ordered gives the lease with an engineer's order to free it.
func ordered(l *v1alpha1.AddressLease) *v1alpha1.AddressLease {
	l.Annotations = map[string]string{v1alpha1.FreeAnnotation: "asked for"}
	return l
}

// of makes the event of an object, without its revision.
func of(object any) Event {
	switch o := object.(type) {
	case *v1alpha1.AddressLease:
		return Event{Object: Object{Kind: LeaseKind, Name: o.Name}, Lease: o}
	case *v1alpha1.Wukong:
		return Event{Object: Object{Kind: WukongKind, Namespace: o.Namespace, Name: o.Name}, Wukong: o}
	}
	panic("no such kind")
}

func gone(object any) Event { return Event{Object: of(object).Object} }

// Who is in the story.
var (
	web1    = wukong("team-a", "web", "uid-web", 1, "192.0.2.10/24")
	web2    = wukong("team-a", "web", "uid-web", 2, "192.0.2.11/24")
	db      = wukong("team-b", "db", "uid-db", 1, "192.0.2.10/24")
	dbAgain = wukong("team-b", "db", "uid-db-2", 1, "192.0.2.10/24")
)

// story is a legal history that sees every phase and every way out of it. Events are named, so that cases can refer to them.
func story() []Event {
	const (
		allocated = v1alpha1.LeaseAllocated
		releasing = v1alpha1.LeaseReleasing
		reserved  = v1alpha1.LeaseReserved
		released  = v1alpha1.LeaseReleased
	)
	return []Event{
		0:  of(web1),
		1:  of(lease("192.0.2.10", allocated, holder(web1), 0)),
		2:  of(publishes(web1, "192.0.2.10/24")),
		3:  of(db),
		4:  of(publishes(db)), // it waits
		5:  of(publishes(web1, "192.0.2.10/24")),
		6:  of(respec(publishes(web1, "192.0.2.10/24"), web2)),
		7:  of(lease("192.0.2.11", allocated, holder(web2), 1)),
		8:  of(publishes(web2, "192.0.2.11/24")),
		9:  of(lease("192.0.2.10", releasing, holder(web1), 1)),
		10: of(lease("192.0.2.10", v1alpha1.LeaseCooling, holder(web1), 2)),
		11: of(lease("192.0.2.10", released, nil, 7)),
		12: of(lease("192.0.2.10", allocated, holder(db), 8)),
		13: of(publishes(db, "192.0.2.10/24")),
		14: of(kept(lease("192.0.2.10", allocated, holder(db), 8))),
		15: gone(db),
		16: of(kept(lease("192.0.2.10", releasing, holder(db), 9))),
		17: of(kept(lease("192.0.2.10", reserved, holder(db), 10))),
		18: of(dbAgain),
		19: of(kept(lease("192.0.2.10", allocated, holder(dbAgain), 11))),
		20: of(publishes(dbAgain, "192.0.2.10/24")),
		21: gone(dbAgain),
		22: of(kept(lease("192.0.2.10", releasing, holder(dbAgain), 12))),
		23: of(kept(lease("192.0.2.10", reserved, holder(dbAgain), 13))),
		24: of(kept(ordered(lease("192.0.2.10", reserved, holder(dbAgain), 13)))),
		25: of(lease("192.0.2.10", released, nil, 14)),
	}
}

// respec gives an object with the metadata and spec of another, and its own status.
func respec(w, spec *v1alpha1.Wukong) *v1alpha1.Wukong {
	out := spec.DeepCopy()
	out.Status = w.Status
	return out
}

// numbered gives the events revisions from 101 on, so that an index and a revision are never taken for one another.
func numbered(events []Event) []Event {
	for i := range events {
		events[i].Revision = int64(101 + i)
	}
	return events
}
