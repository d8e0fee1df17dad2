package controllers

import (
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"novasphere.dev/wukong-network/conflicts"
)

// listeners hear of what the ledger learned, after it did: a controller that followed the watches itself could look before the
// ledger knows, and would not look again.
type listeners struct {
	claims   []func(conflicts.Changes)
	turns    []func(types.NamespacedName)
	nextHops []func(netip.Addr)
	leases   []func(leaseFact)
	pools    []func(string)
}

func (l *ledger) listen(add func(*listeners)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.listeners)
}

func (l *ledger) heard() listeners {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listeners
}

// subscribe makes f hear of claims that came or went.
func (l *ledger) subscribe(f func(conflicts.Changes)) {
	l.listen(func(h *listeners) { h.claims = append(h.claims, f) })
}

// onWake makes f hear of Wukongs whose turn it is.
func (l *ledger) onWake(f func(types.NamespacedName)) {
	l.listen(func(h *listeners) { h.turns = append(h.turns, f) })
}

// onNextHop makes f hear of addresses that nodes have begun to use as next hops, or use no longer.
func (l *ledger) onNextHop(f func(netip.Addr)) {
	l.listen(func(h *listeners) { h.nextHops = append(h.nextHops, f) })
}

// onLease makes f hear of leases as they are now and as they were before.
func (l *ledger) onLease(f func(leaseFact)) {
	l.listen(func(h *listeners) { h.leases = append(h.leases, f) })
}

// onPool makes f hear of pools for which somebody has begun to wait, or no longer waits, or of which reservations keep more or less.
func (l *ledger) onPool(f func(string)) {
	l.listen(func(h *listeners) { h.pools = append(h.pools, f) })
}

func (l *ledger) wake(keys []types.NamespacedName) {
	if len(keys) == 0 {
		return
	}
	hear := l.heard().turns
	for _, key := range keys {
		for _, f := range hear {
			f(key)
		}
	}
}

func (l *ledger) tell(facts ...leaseFact) {
	hear := l.heard().leases
	for _, fact := range facts {
		for _, f := range hear {
			f(fact)
		}
	}
}

func (l *ledger) touch(pools ...string) {
	hear := l.heard().pools
	for _, pool := range pools {
		for _, f := range hear {
			f(pool)
		}
	}
}

// statusPace is how often the status of a pool or a reservation follows its leases: a thousand leases in a second are one write.
const statusPace = time.Second

// pacedTo queues names after statusPace, so that many calls in a row are one reconcile.
func pacedTo(q queue) func(string) {
	return func(name string) {
		q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKey{Name: name}}, statusPace)
	}
}
