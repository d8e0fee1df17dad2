package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addresspools;addressreservations,verbs=get;list;watch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addresspools/status;addressreservations/status,verbs=patch

// SetupPending adds controllers for the kinds that this version stores and does not act on, so that their status says so
// instead of nothing.
func SetupPending(mgr manager.Manager, _ Config, _ *Components) error {
	pools := ctrl.NewControllerManagedBy(mgr).Named("addresspool").For(&v1alpha1.AddressPool{})
	if err := pools.Complete(pendingPools{mgr.GetClient()}); err != nil {
		return err
	}
	reservations := ctrl.NewControllerManagedBy(mgr).Named("addressreservation").For(&v1alpha1.AddressReservation{})
	return reservations.Complete(pendingReservations{mgr.GetClient()})
}

type pendingPools struct{ client.Client }

func (r pendingPools) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pool := &v1alpha1.AddressPool{}
	if err := r.Get(ctx, req.NamespacedName, pool); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	after := pool.DeepCopy()
	after.Status.ObservedGeneration = pool.Generation
	setVerdict(&after.Status.Conditions, pool.Generation, notSupportedYet(
		"this version takes no addresses from pools: give each Wukong an explicit address"))
	return ctrl.Result{}, patchStatus(ctx, r.Client, pool, after)
}

type pendingReservations struct{ client.Client }

func (r pendingReservations) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	reservation := &v1alpha1.AddressReservation{}
	if err := r.Get(ctx, req.NamespacedName, reservation); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	after := reservation.DeepCopy()
	after.Status.ObservedGeneration = reservation.Generation
	setVerdict(&after.Status.Conditions, reservation.Generation, notSupportedYet(
		"this version does not keep reserved addresses back: give none of them to a Wukong"))
	return ctrl.Result{}, patchStatus(ctx, r.Client, reservation, after)
}

func notSupportedYet(message string) Verdict {
	return Verdict{State: Stalled, Reason: v1alpha1.ReasonNotSupportedYet, Message: message}
}
