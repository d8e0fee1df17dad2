package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// AddressReservationReconciler says of each reservation whether it holds. The reservation itself acts by being there: it is
// a claim that whoever takes an address respects.
type AddressReservationReconciler struct {
	client.Client
	Events events.EventRecorder

	ledger *ledger
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addressreservations,verbs=list;watch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addressreservations/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupAddressReservation adds the controller to the manager.
func SetupAddressReservation(mgr manager.Manager, _ Config, _ *Components, l *ledger) error {
	r := &AddressReservationReconciler{Client: mgr.GetClient(), Events: mgr.GetEventRecorder("wukong-network"), ledger: l}
	return ctrl.NewControllerManagedBy(mgr).Named("addressreservation").
		For(&v1alpha1.AddressReservation{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.HostUplink{}, handler.EnqueueRequestsFromMapFunc(r.every), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(r.hearLedger)).
		Complete(r)
}

// Reconcile publishes what is known about one reservation.
func (r *AddressReservationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if !r.ledger.await(ctx.Done()) {
		return ctrl.Result{}, ctx.Err()
	}
	before := &v1alpha1.AddressReservation{}
	if err := r.Get(ctx, req.NamespacedName, before); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	o, err := r.ledger.offers.current(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	after := before.DeepCopy()
	st := &after.Status
	st.ObservedGeneration = after.Generation
	claims, problem := render.ReservationClaims(o.catalog, after)
	held, err := r.held(ctx, claims)
	if err != nil {
		return ctrl.Result{}, err
	}
	st.Held = first(held, maxListed)
	setVerdict(&st.Conditions, after.Generation, reservationVerdict(problem, held))
	if err := patchStatus(ctx, r.Client, before, after); err != nil {
		return settle(ctrl.Result{}, err)
	}
	announce(r.Events, after, before.Status.Conditions, st.Conditions)
	return ctrl.Result{}, nil
}

func reservationVerdict(problem *render.Problem, held []string) Verdict {
	switch {
	case problem != nil:
		return Verdict{State: Stalled, Reason: problem.Reason, Message: problem.String()}
	case len(held) > 0:
		return Verdict{State: Stalled, Reason: v1alpha1.ReasonAddressesHeld, Message: fmt.Sprintf(
			"%d of the addresses are held by others, such as by AddressLease %s: their holders keep them; delete or change those Wukongs, or reserve other addresses",
			len(held), held[0])}
	}
	return Verdict{State: Done, Reason: v1alpha1.ReasonReservationReady, Message: "the addresses are kept back"}
}

// held gives the leases, by name, of reserved addresses that somebody has who is not the one they wait for.
func (r *AddressReservationReconciler) held(ctx context.Context, claims []conflicts.Claim) ([]string, error) {
	var out []string
	for _, name := range r.ledger.within(ranges(claims)) {
		l := &v1alpha1.AddressLease{}
		if err := r.Get(ctx, client.ObjectKey{Name: name}, l); err != nil {
			if client.IgnoreNotFound(err) != nil {
				return nil, err
			}
			continue
		}
		asker, held := render.LeaseClaim(l)
		var index conflicts.Index
		index.Replace("reservation", claims)
		if held && len(conflicts.Conflicts(asker, &index)) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// ranges gives claims on single addresses as ranges of one.
func ranges(claims []conflicts.Claim) []conflicts.Claim {
	out := slices.Clone(claims)
	for i := range out {
		if !out[i].Last.IsValid() {
			out[i].Last = out[i].Addr
		}
	}
	return out
}

// hearLedger queues the reservations that cover the address of a lease that changed.
func (r *AddressReservationReconciler) hearLedger(_ context.Context, q queue) error {
	add := pacedTo(q)
	r.ledger.onLease(func(f leaseFact) {
		for _, c := range r.ledger.claims.Find(f.segment, f.addr) {
			if name, ok := strings.CutPrefix(c.Owner, "AddressReservation "); ok && c.Kind == conflicts.Reservation {
				add(name)
			}
		}
	})
	return nil
}

func (r *AddressReservationReconciler) every(ctx context.Context, _ client.Object) []reconcile.Request {
	return requestsFor(ctx, r, &v1alpha1.AddressReservationList{})
}
