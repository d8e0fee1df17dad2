package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	kubevirtv1 "kubevirt.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// AddressLeaseReconciler lets leases go: a lease whose holder no longer asks for it is Releasing until live reads prove that
// no machine can use the address, then it rests, then it is a record, and after the time of retention it is gone. It also
// notes on a lease what collides with it. Taking leases is the Wukong controller's.
type AddressLeaseReconciler struct {
	client.Client
	Live   client.Reader
	Config Config
	Events events.EventRecorder

	components *Components
	ledger     *ledger
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addressleases,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=wukongs,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubevirt.io,resources=virtualmachines;virtualmachineinstances,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addresspools,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupAddressLease adds the controller to the manager.
func SetupAddressLease(mgr manager.Manager, cfg Config, components *Components, l *ledger) error {
	r := &AddressLeaseReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Config: cfg,
		Events: mgr.GetEventRecorder("wukong-network"), components: components, ledger: l}
	c, err := ctrl.NewControllerManagedBy(mgr).Named("addresslease").
		For(&v1alpha1.AddressLease{}).
		Watches(&v1alpha1.Wukong{}, handler.EnqueueRequestsFromMapFunc(r.leasesOf)).
		WatchesRawSource(source.Func(r.hearLedger)).
		WithOptions(controller.Options{MaxConcurrentReconciles: leaseWorkers}).
		Build(r)
	if err != nil {
		return err
	}
	return components.WhenServed(KubeVirt, func(context.Context) error {
		gone := predicate.Funcs{CreateFunc: never, UpdateFunc: neverUpdate, GenericFunc: neverGeneric}
		onMachine := handler.TypedEnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
			return r.leasesOfMachine(ctx, o)
		})
		return watchAll(c, mgr, onMachine, gone, &kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{})
	})
}

// leaseWorkers is how many leases are looked at side by side: each release takes several live reads.
const leaseWorkers = 4

// hearLedger queues the leases that claims which came or went are about.
func (r *AddressLeaseReconciler) hearLedger(ctx context.Context, q queue) error {
	r.ledger.subscribe(func(c conflicts.Changes) {
		for _, addr := range c.Addrs {
			for _, request := range r.leases(ctx, client.MatchingFields{indexLeaseAddress: addr.String()}) {
				q.Add(request)
			}
		}
		for _, name := range r.ledger.within(c.Ranges) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
		}
	})
	return nil
}

// Reconcile moves one lease one step towards its release, if it should go at all, and notes what collides with it.
func (r *AddressLeaseReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if !r.ledger.await(ctx.Done()) {
		return ctrl.Result{}, ctx.Err()
	}
	obj := &v1alpha1.AddressLease{}
	if err := r.Get(ctx, req.NamespacedName, obj); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before, err := leaseOf(obj)
	if err != nil {
		log.FromContext(ctx).Error(err, "Lease cannot be read and is left alone")
		return ctrl.Result{}, nil
	}
	if why, asked := obj.Annotations[v1alpha1.FreeAnnotation]; asked {
		return r.free(ctx, obj.DeepCopy(), before, why)
	}
	if before.Phase == ipam.Released {
		return r.retire(ctx, obj)
	}
	after, changed, wait, err := r.step(ctx, before)
	if err != nil {
		return ctrl.Result{}, err
	}
	obj = obj.DeepCopy()
	if changed {
		writeLease(after, obj)
	}
	collided := obj.Spec.Conflict
	other := r.noteConflict(obj)
	if !changed && obj.Spec.Conflict == collided {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	if err := r.Update(ctx, obj); err != nil {
		return settle(ctrl.Result{}, err)
	}
	r.tellConflict(obj, collided, other)
	if !changed {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	log.FromContext(ctx).Info("Lease changed", "from", before.Phase, "to", after.Phase, "holder", before.Holder.String())
	if before.Phase == ipam.Releasing {
		r.Events.Eventf(obj, nil, corev1.EventTypeNormal, v1alpha1.ReasonAddressReleased, "Release",
			"%s on %s: no machine of %s can use it any more", obj.Spec.Address, obj.Spec.Segment, before.Holder)
	}
	return ctrl.Result{}, nil
}

// retire deletes the record of a lease when the time of retention is over. The record may have been taken up again
// meanwhile: the API server then refuses.
func (r *AddressLeaseReconciler) retire(ctx context.Context, obj *v1alpha1.AddressLease) (ctrl.Result, error) {
	if left := obj.Spec.Since.Add(r.Config.Retention).Sub(r.Config.Clock.Now()); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	err := r.Delete(ctx, obj, client.Preconditions{UID: &obj.UID, ResourceVersion: &obj.ResourceVersion})
	if err == nil {
		log.FromContext(ctx).Info("Record of a lease deleted", "released", obj.Spec.Since.UTC())
	}
	return settle(ctrl.Result{}, err)
}

// noteConflict brings spec.conflict up to what is known, and gives what the gravest other side is.
func (r *AddressLeaseReconciler) noteConflict(obj *v1alpha1.AddressLease) (other conflicts.Kind) {
	text := ""
	if asker, held := render.LeaseClaim(obj); held {
		found := conflicts.Conflicts(asker, &r.ledger.claims)
		if text = conflictText(found); text != "" {
			other = found[0].Other.Kind
		}
	}
	switch before := obj.Spec.Conflict; {
	case text == "":
		obj.Spec.ConflictSince = nil
	case before == "":
		now := metav1.NewTime(r.Config.Clock.Now().Truncate(time.Second))
		obj.Spec.ConflictSince = &now
	}
	obj.Spec.Conflict = text
	return other
}

// tellConflict makes an event of a collision that began or ended with the last write.
func (r *AddressLeaseReconciler) tellConflict(obj *v1alpha1.AddressLease, before string, other conflicts.Kind) {
	switch text := obj.Spec.Conflict; {
	case before != "" && text == "":
		r.Events.Eventf(obj, nil, corev1.EventTypeNormal, v1alpha1.ReasonCollisionGone, "Watch", "%s on %s collides with nothing any more",
			obj.Spec.Address, obj.Spec.Segment)
	case before == "" && text != "":
		metrics.Collided(obj.Spec.Pool, other)
		r.Events.Eventf(obj, nil, corev1.EventTypeWarning, v1alpha1.ReasonCollisionFound, "Watch", "%s", clip(text))
	}
}

// maxConflictText is the bound that the schema has, in characters.
const maxConflictText = 1024

// conflictText gives, for engineers, the gravest of what collides and how much more there is.
func conflictText(found []conflicts.Conflict) string {
	if len(found) == 0 {
		return ""
	}
	text := found[0].String()
	if found[0].Severity == conflicts.Warns {
		text = v1alpha1.ConflictWarning + text
	}
	if len(found) > 1 {
		text = fmt.Sprintf("%s; and %d more", clipTo(text, maxConflictText-32), len(found)-1)
	}
	return clipTo(text, maxConflictText)
}

// free does what an engineer ordered, once. A lease that its holder still asks for is not freed.
func (r *AddressLeaseReconciler) free(ctx context.Context, obj *v1alpha1.AddressLease, before ipam.Lease, why string) (ctrl.Result, error) {
	after, changed, refused := ipam.Free(before, v1alpha1.ReasonFreed, r.Config.Clock.Now())
	collided := obj.Spec.Conflict
	if changed {
		writeLease(after, obj)
	}
	other := r.noteConflict(obj)
	delete(obj.Annotations, v1alpha1.FreeAnnotation)
	if err := r.Update(ctx, obj); err != nil {
		return settle(ctrl.Result{}, err)
	}
	r.tellConflict(obj, collided, other)
	log.FromContext(ctx).Info("Lease freed by order", "from", before.Phase, "holder", before.Holder.String(), "why", why, "refused", refused)
	if refused != nil {
		r.Events.Eventf(obj, nil, corev1.EventTypeWarning, v1alpha1.ReasonAddressInUse, "Free", "%s", clip(refused.Error()))
		return ctrl.Result{}, nil
	}
	r.Events.Eventf(obj, nil, corev1.EventTypeNormal, v1alpha1.ReasonFreed, "Free", "%s", clip(fmt.Sprintf(
		"%s on %s was freed by an engineer while it was %s for %s: %s", obj.Spec.Address, obj.Spec.Segment, before.Phase, before.Holder, why)))
	return ctrl.Result{}, nil
}

// step decides what becomes of the lease now, or how long to wait before looking again.
func (r *AddressLeaseReconciler) step(ctx context.Context, l ipam.Lease) (after ipam.Lease, changed bool, wait time.Duration, err error) {
	now := r.Config.Clock.Now()
	switch l.Phase {
	case ipam.Allocated:
		reason, wait, err := r.notAskedFor(ctx, l)
		if err != nil || reason == "" {
			return l, false, wait, err
		}
		if reason == v1alpha1.ReasonAddressChanged {
			l.Reserve = false // its holder gave it up for good
		}
		after, changed, err = ipam.Release(l, reason, now)
		return after, changed, 0, err
	case ipam.Releasing:
		use, err := r.machineUse(ctx, l)
		if err != nil || use != "" {
			log.FromContext(ctx).V(1).Info("Lease is still in use", "by", use)
			return l, false, r.Config.Sweep, err
		}
		cooldown, err := r.cooldown(ctx, l)
		if err != nil {
			return l, false, 0, err
		}
		after, changed, err = ipam.Proven(l, now, cooldown)
		return after, changed, 0, err
	case ipam.Cooling:
		after, changed, err = ipam.Expire(l, now)
		return after, changed, max(l.Until.Sub(now), time.Millisecond), err
	}
	return l, false, 0, nil
}

// cooldown is how long the address rests after its release: what its pool says, or else the setting of the controller.
func (r *AddressLeaseReconciler) cooldown(ctx context.Context, l ipam.Lease) (time.Duration, error) {
	if l.Pool == "" {
		return r.Config.Cooldown, nil
	}
	pool := &v1alpha1.AddressPool{}
	if err := r.Get(ctx, client.ObjectKey{Name: l.Pool}, pool); err != nil {
		return r.Config.Cooldown, client.IgnoreNotFound(err)
	}
	if pool.Spec.Cooldown == nil {
		return r.Config.Cooldown, nil
	}
	return pool.Spec.Cooldown.Duration, nil
}

func (r *AddressLeaseReconciler) leasesOf(ctx context.Context, o client.Object) []reconcile.Request {
	return r.leases(ctx, client.MatchingFields{indexLeaseHolder: o.GetNamespace() + "/" + o.GetName()})
}

func (r *AddressLeaseReconciler) leasesOfMachine(ctx context.Context, o client.Object) []reconcile.Request {
	return r.leases(ctx, client.MatchingFields{indexLeaseMachine: o.GetNamespace() + "/" + o.GetName()})
}

func (r *AddressLeaseReconciler) leases(ctx context.Context, fields client.MatchingFields) []reconcile.Request {
	return requestsFor(ctx, r, &v1alpha1.AddressLeaseList{}, fields)
}
