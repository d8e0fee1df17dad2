package controllers

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// scans compares every lease with all claims from time to time. Collisions are found by the events of claims; this finds what
// an event failed to tell, and proves that the search is alive.
type scans struct {
	// last is when a scan last went through, in nanoseconds of Unix time; 0 before the first one.
	last atomic.Int64
}

// lastScan gives when a scan last went through, zero before the first one.
func (s *scans) lastScan() time.Time {
	if at := s.last.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// scanShare bounds what scans take of one processor: the time between two of them is at least so many times what the last took.
const scanShare = 20

// scanner scans at once and then at each interval. It runs where the controllers run.
type scanner struct {
	*ledger
	every time.Duration
}

// Start scans until ctx ends, from when the ledger knows what there is.
func (s *scanner) Start(ctx context.Context) error {
	if !s.await(ctx.Done()) {
		return nil
	}
	for {
		start := time.Now()
		if err := s.scan(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.FromContext(ctx).Error(err, "Leases could not be compared with what is known to use addresses")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(s.every, scanShare*time.Since(start))):
		}
	}
}

// scan has those leases looked at that do not say what collides with them now.
func (l *ledger) scan(ctx context.Context) error {
	list := &v1alpha1.AddressLeaseList{}
	if err := l.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	var outdated []netip.Addr
	for i := range list.Items {
		if addr, is := l.outdated(&list.Items[i]); is {
			outdated = append(outdated, addr)
		}
	}
	if len(outdated) > 0 {
		for _, hear := range l.heard().claims {
			hear(conflicts.Changes{Addrs: outdated})
		}
	}
	l.scans.last.Store(l.clock.Now().UnixNano())
	return nil
}

// outdated says whether a lease does not say what collides with it now, and gives its address.
func (l *ledger) outdated(obj *v1alpha1.AddressLease) (netip.Addr, bool) {
	asker, held := render.LeaseClaim(obj)
	return asker.Addr, held && conflictText(conflicts.Conflicts(asker, &l.claims)) != obj.Spec.Conflict
}
