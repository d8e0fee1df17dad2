package controllers

import (
	"context"
	"fmt"
	"math"
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
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// AddressPoolReconciler says of each pool what it has given out and what is wrong with it. It gives nothing out itself.
type AddressPoolReconciler struct {
	client.Client
	Events events.EventRecorder

	ledger *ledger
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addresspools,verbs=list;watch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addresspools/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupAddressPool adds the controller to the manager.
func SetupAddressPool(mgr manager.Manager, _ Config, _ *Components, l *ledger) error {
	r := &AddressPoolReconciler{Client: mgr.GetClient(), Events: mgr.GetEventRecorder("wukong-network"), ledger: l}
	return ctrl.NewControllerManagedBy(mgr).Named("addresspool").
		For(&v1alpha1.AddressPool{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.AddressPool{}, handler.EnqueueRequestsFromMapFunc(r.every), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.HostNetwork{}, handler.EnqueueRequestsFromMapFunc(r.every), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.HostUplink{}, handler.EnqueueRequestsFromMapFunc(r.every), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(r.hearLedger)).
		Complete(r)
}

// Reconcile publishes what is known about one pool.
func (r *AddressPoolReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if !r.ledger.await(ctx.Done()) {
		return ctrl.Result{}, ctx.Err()
	}
	o, err := r.ledger.offers.current(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	pool, ok := o.pools.Pool(req.Name)
	if !ok {
		metrics.ForgetPool(req.Name)
		return ctrl.Result{}, nil
	}
	before := pool.Object.DeepCopy()
	after := before.DeepCopy()
	use := r.ledger.poolUse(o, pool)
	st := &after.Status
	st.ObservedGeneration = after.Generation
	st.Total, st.Free = "", ""
	if pool.Problem == nil {
		st.Total, st.Free = use.total.String(), use.free.String()
	}
	st.Allocated, st.Reserved, st.Cooling = saturated(use.allocated), saturated(use.reserved), saturated(use.cooling)
	st.Missing, st.Conflicts = int64(use.missing), int64(use.conflicts)
	st.Outside = first(use.outside, maxListed)
	setVerdict(&st.Conditions, after.Generation, poolVerdict(pool, use))
	if err := patchStatus(ctx, r.Client, before, after); err != nil {
		return settle(ctrl.Result{}, err)
	}
	announce(r.Events, after, before.Status.Conditions, st.Conditions)
	return ctrl.Result{}, nil
}

// saturated gives a count as far as an integer of the API can hold it.
func saturated(c ipam.Count) int64 {
	if n, exact := c.Uint64(); exact && n <= math.MaxInt64 {
		return int64(n)
	}
	return math.MaxInt64
}

// maxListed is how many names a status lists.
const maxListed = 32

func first(names []string, most int) []string {
	return names[:min(len(names), most)]
}

// poolVerdict says whether a pool can serve, and what people should know about it.
func poolVerdict(p *render.Pool, use poolUse) Verdict {
	switch {
	case p.Problem != nil:
		return Verdict{State: Stalled, Reason: p.Problem.Reason, Message: p.Problem.String()}
	case use.missing > 0:
		return Verdict{State: Stalled, Reason: v1alpha1.ReasonPoolExhausted, Message: fmt.Sprintf(
			"the pool does not have %d of the addresses that are asked for: extend spec.ranges, or have Wukongs deleted", use.missing)}
	case len(use.outside) > 0:
		return Verdict{State: Done, Reason: v1alpha1.ReasonLeasesOutside, Message: fmt.Sprintf(
			"%d leases are of addresses that the pool would not give out today, such as %s: their holders keep them", len(use.outside), use.outside[0])}
	case len(p.Warnings) > 0:
		var all []string
		for _, w := range p.Warnings {
			all = append(all, w.String())
		}
		return Verdict{State: Done, Reason: p.Warnings[0].Reason, Message: strings.Join(all, "; ")}
	}
	return Verdict{State: Done, Reason: v1alpha1.ReasonPoolReady, Message: "addresses can be taken"}
}

func (r *AddressPoolReconciler) every(ctx context.Context, _ client.Object) []reconcile.Request {
	return requestsFor(ctx, r, &v1alpha1.AddressPoolList{})
}

// hearLedger queues the pools whose counts have changed.
func (r *AddressPoolReconciler) hearLedger(_ context.Context, q queue) error {
	add := pacedTo(q)
	r.ledger.onPool(add)
	r.ledger.onLease(func(f leaseFact) {
		for _, name := range r.ledger.poolsOf(f) {
			add(name)
		}
		if f.pool != "" {
			add(f.pool)
		}
	})
	return nil
}
