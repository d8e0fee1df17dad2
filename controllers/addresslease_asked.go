package controllers

import (
	"context"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// unpublishedFor is how long a lease from a pool may stand without being published before it counts as a leak: longer than
// the writer needs from the lease to the status, much shorter than the two minutes within which a leak is to be found.
const unpublishedFor = time.Minute

// notAskedFor gives the reason why the holder no longer asks for the address, or "", with the time after which to ask again.
// The cache may be behind, so only a live read lets a lease go, and an error is never absence.
func (r *AddressLeaseReconciler) notAskedFor(ctx context.Context, l ipam.Lease) (string, time.Duration, error) {
	reason, wait, err := r.holderGone(ctx, r.Client, l)
	if err != nil || reason == "" {
		return "", wait, err
	}
	return r.holderGone(ctx, r.Live, l)
}

func (r *AddressLeaseReconciler) holderGone(ctx context.Context, from client.Reader, l ipam.Lease) (string, time.Duration, error) {
	w := &v1alpha1.Wukong{}
	err := from.Get(ctx, client.ObjectKey{Namespace: l.Holder.Namespace, Name: l.Holder.Name}, w)
	if client.IgnoreNotFound(err) != nil {
		return "", 0, err
	}
	if err != nil || string(w.UID) != l.Holder.UID {
		return v1alpha1.ReasonHolderDeleted, 0, nil
	}
	request, invalid := render.ParseWukong(w)
	if len(invalid) > 0 {
		return "", 0, nil // a change that cannot work lets nothing go
	}
	if now := machineOf(request); now != "" && l.Holder.VirtualMachine != "" && now != l.Holder.VirtualMachine {
		return v1alpha1.ReasonAddressChanged, 0, nil // the next machine gets it once this one is proved not to use it
	}
	switch asksFor(w, l) {
	case asked:
		return "", 0, nil
	case unpublished:
		if age := r.Config.Clock.Now().Sub(l.Since); age < unpublishedFor {
			return "", unpublishedFor - age, nil
		}
	case notAsked:
		if !satisfied(w) {
			return "", 0, nil // a change that has not succeeded keeps what was held
		}
	}
	return v1alpha1.ReasonAddressChanged, 0, nil
}

// machineOf names the machine that uses the addresses of a request, or nothing where there is none.
func machineOf(r *render.Request) string {
	if r.Machine == nil && !r.Foreign {
		return ""
	}
	return r.VirtualMachine
}

// satisfied says whether the Wukong holds every address that its present spec asks for.
func satisfied(w *v1alpha1.Wukong) bool {
	c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionAddressesAllocated)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == w.Generation && w.Status.ObservedGeneration == w.Generation
}

// asking says whether a Wukong asks for an address that it has the lease of.
type asking int

const (
	// notAsked: the spec asks for something else.
	notAsked asking = iota
	// asked: the spec names it, or the status publishes it for a pool that the spec names.
	asked
	// unpublished: it is from a pool that the spec names, and the status publishes other addresses for all that it asks.
	unpublished
)

// asksFor compares a lease with the spec of its holder, which is valid, and with what is published. A network whose addresses
// are all leased on another segment no longer asks for this one.
func asksFor(w *v1alpha1.Wukong, l ipam.Lease) asking {
	for _, n := range w.Spec.Networks {
		if n.Name != l.Holder.Network || n.IPConfig == nil || n.IPConfig.Mode != v1alpha1.IPModeStatic {
			continue
		}
		if leasedElsewhere(w, l) {
			return notAsked
		}
		drawn := 0
		for _, a := range n.IPConfig.All() {
			if a.Address == nil || *a.Address == "" {
				if a.IPPool != "" && a.IPPool == l.Pool {
					drawn++
				}
				continue
			}
			if p, err := netip.ParsePrefix(string(*a.Address)); err == nil && p.Addr() == l.Address {
				return asked
			}
		}
		if drawn > 0 {
			return drawnFrom(w, l, drawn)
		}
	}
	return notAsked
}

// drawnFrom is asksFor for a lease from a pool that the network draws from.
func drawnFrom(w *v1alpha1.Wukong, l ipam.Lease, drawn int) asking {
	for _, a := range publishedOn(w, l.Holder.Network) {
		if p, err := netip.ParsePrefix(a.Address); err == nil && p.Addr() == l.Address {
			return asked
		}
		if a.Pool == l.Pool {
			drawn--
		}
	}
	if drawn > 0 && !satisfied(w) {
		return asked // not published yet
	}
	return unpublished
}

func leasedElsewhere(w *v1alpha1.Wukong, l ipam.Lease) bool {
	for _, n := range w.Status.Networks {
		if n.Name == l.Holder.Network {
			return n.IPAllocated && n.Segment != "" && n.Segment != l.Segment.String()
		}
	}
	return false
}
