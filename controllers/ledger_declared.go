package controllers

import (
	"context"
	"maps"
	"slices"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// What platform teams declare: where uplinks lead, what pools offer, what reservations keep back.

// onOffer follows HostUplinks, HostNetworks and AddressPools, of which only what people declared matters here.
func (f *follower) onOffer(ctx context.Context) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { f.offerChanged(ctx) },
		UpdateFunc: func(before, after any) {
			if before.(client.Object).GetGeneration() != after.(client.Object).GetGeneration() {
				f.offerChanged(ctx)
			}
		},
		DeleteFunc: func(any) { f.offerChanged(ctx) },
	}
}

// offerChanged reads anew what depends on where uplinks lead and on what pools say.
func (f *follower) offerChanged(ctx context.Context) {
	o, changed := f.declare(ctx)
	if !changed {
		return
	}
	f.everyNode(ctx)
	for _, r := range requestsFor(ctx, f, &v1alpha1.AddressReservationList{}) {
		f.reservation(ctx, r.Name)
	}
	f.mu.Lock()
	f.attach(o)
	wake := f.everyLine()
	f.mu.Unlock()
	f.wake(wake)
}

// declare takes in what pools claim, and says whether anything that people declared has changed.
func (f *follower) declare(ctx context.Context) (*offer, bool) {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	o, err := f.offers.current(ctx)
	if err != nil {
		f.complain(ctx, err)
		return nil, false
	}
	if f.declared == o.specs {
		return o, false
	}
	f.declared = o.specs
	seen := map[string]bool{}
	for _, p := range o.pools.All() {
		source := poolSource(p.Object.Name)
		seen[source] = true
		f.replace(source, render.PoolClaims(p))
	}
	f.forget(seen)
	return o, true
}

func poolSource(name string) string { return "AddressPool/" + name }

// forget drops the claims of pools that are gone.
func (l *ledger) forget(present map[string]bool) {
	l.mu.Lock()
	var gone []string
	for source := range l.poolSources {
		if !present[source] {
			gone = append(gone, source)
		}
	}
	l.poolSources = present
	l.mu.Unlock()
	for _, source := range gone {
		l.replace(source, nil)
	}
}

// onReservation follows AddressReservations. What a deleted one kept back rests like an address that was released: a pipeline may
// be about to apply it again, and whoever waits for the address must not get it in between.
func (f *follower) onReservation(ctx context.Context) toolscache.ResourceEventHandler {
	look := func(o client.Object) { f.reservation(ctx, o.GetName()) }
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { look(o.(client.Object)) },
		UpdateFunc: func(_, o any) { look(o.(client.Object)) },
		DeleteFunc: func(o any) {
			look(lastKnown(o))
			time.AfterFunc(f.cooldown, func() {
				if ctx.Err() == nil {
					look(lastKnown(o))
				}
			})
		},
	}
}

// reservation reads anew what one AddressReservation keeps back.
func (f *follower) reservation(ctx context.Context, name string) {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	o, err := f.offers.current(ctx)
	if err != nil {
		f.complain(ctx, err)
		return
	}
	obj := &v1alpha1.AddressReservation{}
	there, known := f.find(ctx, client.ObjectKey{Name: name}, obj)
	if !known {
		return
	}
	var claims []conflicts.Claim
	f.mu.Lock()
	if there {
		r := render.NewReservation(o.catalog, obj) // its own controller says what is wrong with it
		f.reservations[name], claims = r, r.Claims()
		delete(f.resting, name)
	} else {
		claims = f.rest(name)
	}
	f.reserved++
	f.attach(o)
	wake := f.everyLine()
	pools := slices.Collect(maps.Keys(f.attached))
	f.mu.Unlock()
	f.replace("AddressReservation/"+name, claims)
	f.wake(wake)
	f.touch(pools...)
}

// rest gives what a deleted reservation still keeps back: all of it until its time of rest is over.
func (l *ledger) rest(name string) []conflicts.Claim {
	r, known := l.reservations[name]
	if !known {
		return nil
	}
	if l.resting[name].IsZero() {
		l.resting[name] = l.clock.Now().Add(l.cooldown)
	}
	until := l.resting[name]
	if !l.clock.Now().Before(until) {
		delete(l.reservations, name)
		delete(l.resting, name)
		return nil
	}
	claims := r.Claims()
	for i := range claims {
		claims[i].Evidence = "deleted, its addresses rest until " + until.UTC().Format(time.RFC3339)
	}
	return claims
}
