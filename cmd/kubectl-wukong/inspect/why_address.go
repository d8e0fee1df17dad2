package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
)

// WhyAddress explains an address, on every segment: who has it, what collides with it, and who waits for it.
func (f Facts) WhyAddress(addr netip.Addr) *Explanation {
	leases := slices.DeleteFunc(slices.Clone(f.Leases), func(l v1alpha1.AddressLease) bool { return l.Spec.Address != addr.String() })
	known := answer.WhoHasAddress(addr, answer.Facts{Leases: leases, Wukongs: f.Wukongs,
		Declared: answer.NewDeclared(f.HostUplinks, f.AddressPools, f.AddressReservations)})
	e := &Explanation{TypeMeta: answer.Report("Explanation"), Object: "address " + addr.String()}
	var holders []string
	collides := false
	for i := range known.Leases {
		l := &known.Leases[i]
		holders = append(holders, fmt.Sprintf("%s/%s on %s (%s)", l.Namespace, l.Wukong, l.Segment, l.Phase))
		collides = collides || l.Conflict != ""
		f.leaseEvidence(e, l.Name)
		switch l.Phase {
		case v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling, v1alpha1.LeaseReserved:
			e.do(fmt.Sprintf("free it, if no machine uses it any more: kubectl wukong ip release %s --segment %s --reason TEXT", l.Address, l.Segment))
		}
	}
	for _, n := range known.Notes {
		if n.Kind != answer.NoteConflict && n.Kind != answer.NotePhase {
			e.see(n.Object, "", "%s", strings.Join(nonEmpty(n.Segment, n.Message), ": "))
		}
	}
	askers := f.askers(e, addr, known)
	switch {
	case collides:
		e.Reason = v1alpha1.ReasonAddressConflict
		e.Headline = fmt.Sprintf("%s collides: %s", addr, strings.Join(holders, ", "))
	case len(holders) > 0 && askers > 0:
		e.Reason = v1alpha1.ReasonAddressInUse
		e.Headline = fmt.Sprintf("%s is held by %s, and others ask for it", addr, strings.Join(holders, ", "))
	case len(holders) > 0:
		e.Headline = fmt.Sprintf("%s is held by %s", addr, strings.Join(holders, ", "))
		e.Docs = []string{"docs/addresses-for-platform.md"}
	case f.Unread.Has(KindLease):
		e.Headline = fmt.Sprintf("who has %s is %s", addr, notReadable)
		e.do("ask for the ClusterRole wukong-network-address-reader")
	case known.Found():
		e.Headline = fmt.Sprintf("nobody has a lease of %s, and it is spoken for", addr)
	default:
		e.Headline = fmt.Sprintf("nobody has a lease of %s", addr)
	}
	e.do("see who had it before: kubectl wukong ip history " + addr.String())
	return e.conclude(reasons.Addresses)
}

// askers adds the Wukongs that ask for an address that they do not have, and counts them.
func (f Facts) askers(e *Explanation, addr netip.Addr, known *answer.Owners) int {
	count := 0
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		has := slices.ContainsFunc(known.Leases, func(l answer.Lease) bool { return l.Namespace == w.Namespace && l.Wukong == w.Name })
		for k := range w.Spec.Networks {
			for at, asked := range w.Spec.Networks[k].IPConfig.All() {
				if asked.Address == nil || has {
					continue
				}
				if prefix, err := netip.ParsePrefix(string(*asked.Address)); err == nil && prefix.Addr() == addr {
					count++
					n := networkOf(w, w.Spec.Networks[k].Name)
					e.see(kindWukong+"/"+fullName(w), moment(w.CreationTimestamp.Time), "%s.address asks for it%s", fieldOf(fmt.Sprintf("spec.networks[%d]", k), at), suffixed(n.Reason))
				}
			}
		}
	}
	return count
}

// suffixed is a reason behind a text; nothing for none.
func suffixed(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// WhyLease explains an AddressLease.
func (f Facts) WhyLease(l *v1alpha1.AddressLease) *Explanation {
	addr, err := netip.ParseAddr(l.Spec.Address)
	if err != nil {
		return &Explanation{TypeMeta: answer.Report("Explanation"), Object: KindLease + " " + l.Name, Headline: l.Spec.Address + " is no address"}
	}
	e := f.WhyAddress(addr)
	e.Object = KindLease + " " + l.Name
	return e
}

// WhyPool explains an AddressPool.
func (f Facts) WhyPool(p *v1alpha1.AddressPool) *Explanation {
	ready := condition(p.Status.Conditions, v1alpha1.ConditionReady, p.Status.ObservedGeneration, p.Generation)
	e := begin(KindPool+" "+p.Name, KindPool+" "+p.Name, ready)
	e.see(KindPool+"/"+p.Name, moment(ready.LastTransitionTime.Time), "%s", counts(p))
	if len(p.Status.Outside) > 0 {
		e.see(KindPool+"/"+p.Name, "", "leases that it would not give out today: %s", few(p.Status.Outside))
	}
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		for k := range w.Spec.Networks {
			n := networkOf(w, w.Spec.Networks[k].Name)
			waits := slices.ContainsFunc(w.Spec.Networks[k].IPConfig.All(), func(a v1alpha1.AdditionalAddress) bool { return a.IPPool == p.Name })
			if waits && n.Reason != "" {
				e.see(kindWukong+"/"+fullName(w), moment(w.CreationTimestamp.Time), "waits: %s", n.Reason)
			}
		}
	}
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type != v1alpha1.ConditionReady && c.Type != v1alpha1.ConditionStalled && c.Type != v1alpha1.ConditionReconciling {
			e.see("condition "+c.Type, moment(c.LastTransitionTime.Time), "%s: %s", c.Reason, c.Message)
		}
	}
	if ready.Status != metav1.ConditionTrue || ready.Reason != v1alpha1.ReasonPoolReady {
		e.do("see it as a map: kubectl wukong pool show "+p.Name, "see who has its addresses: kubectl wukong ip list --pool "+p.Name)
	}
	return e.conclude(reasons.PoolObjects)
}

// WhyReservation explains an AddressReservation.
func (f Facts) WhyReservation(r *v1alpha1.AddressReservation) *Explanation {
	ready := condition(r.Status.Conditions, v1alpha1.ConditionReady, r.Status.ObservedGeneration, r.Generation)
	e := begin(KindReservation+" "+r.Name, KindReservation+" "+r.Name, ready)
	var ranges []string
	for _, a := range r.Spec.Addresses {
		ranges = append(ranges, string(a))
	}
	text := "keeps " + few(ranges) + " on " + answer.SegmentName(r.Spec.Segment) + ": " + r.Spec.Reason
	if r.Spec.For != nil {
		text += "; for " + r.Spec.For.Namespace + "/" + r.Spec.For.Name
	}
	e.see(KindReservation+"/"+r.Name, moment(ready.LastTransitionTime.Time), "%s", text)
	for _, name := range r.Status.Held {
		f.leaseEvidence(e, name)
	}
	return e.conclude(reasons.PoolObjects)
}
