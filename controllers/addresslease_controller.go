package controllers

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	kubevirtv1 "kubevirt.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// AddressLeaseReconciler lets leases go: a lease whose holder no longer asks for it is Releasing until live reads prove that
// no machine can use the address, then it rests, then it is a record. Taking leases is the Wukong controller's.
type AddressLeaseReconciler struct {
	client.Client
	Live   client.Reader
	Config Config
	Events events.EventRecorder

	components *Components
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addressleases,verbs=get;list;watch;create;update
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=wukongs,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubevirt.io,resources=virtualmachines;virtualmachineinstances,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupAddressLease adds the controller to the manager.
func SetupAddressLease(mgr manager.Manager, cfg Config, components *Components) error {
	r := &AddressLeaseReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Config: cfg,
		Events: mgr.GetEventRecorder("wukong-network"), components: components}
	c, err := ctrl.NewControllerManagedBy(mgr).Named("addresslease").
		For(&v1alpha1.AddressLease{}).
		Watches(&v1alpha1.Wukong{}, handler.EnqueueRequestsFromMapFunc(r.leasesOf)).
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

// Reconcile moves one lease one step towards its release, if it should go at all.
func (r *AddressLeaseReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := &v1alpha1.AddressLease{}
	if err := r.Get(ctx, req.NamespacedName, obj); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before, err := leaseOf(obj)
	if err != nil {
		log.FromContext(ctx).Error(err, "lease is left alone")
		return ctrl.Result{}, nil
	}
	if why, asked := obj.Annotations[v1alpha1.FreeAnnotation]; asked {
		return r.free(ctx, obj.DeepCopy(), before, why)
	}
	after, changed, wait, err := r.step(ctx, before)
	if err != nil || !changed {
		return ctrl.Result{RequeueAfter: wait}, err
	}
	obj = obj.DeepCopy()
	writeLease(after, obj)
	if err := r.Update(ctx, obj); err != nil {
		return settle(ctrl.Result{}, err)
	}
	log.FromContext(ctx).Info("lease changed", "from", before.Phase, "to", after.Phase, "holder", before.Holder.String())
	if before.Phase == ipam.Releasing {
		r.Events.Eventf(obj, nil, corev1.EventTypeNormal, v1alpha1.ReasonAddressReleased, "Release",
			"%s on %s: no machine of %s can use it any more", obj.Spec.Address, obj.Spec.Segment, before.Holder)
	}
	return ctrl.Result{}, nil
}

// free does what an engineer ordered, once. A lease that its holder still asks for is not freed.
func (r *AddressLeaseReconciler) free(ctx context.Context, obj *v1alpha1.AddressLease, before ipam.Lease, why string) (ctrl.Result, error) {
	after, changed, refused := ipam.Free(before, v1alpha1.ReasonFreed, r.Config.Clock.Now())
	if changed {
		writeLease(after, obj)
	}
	delete(obj.Annotations, v1alpha1.FreeAnnotation)
	if err := r.Update(ctx, obj); err != nil {
		return settle(ctrl.Result{}, err)
	}
	log.FromContext(ctx).Info("lease freed by order", "from", before.Phase, "holder", before.Holder.String(), "why", why, "refused", refused)
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
		reason, err := r.notAskedFor(ctx, l)
		if err != nil || reason == "" {
			return l, false, 0, err
		}
		if reason == v1alpha1.ReasonAddressChanged {
			l.Reserve = false // its holder gave it up for good
		}
		after, changed, err = ipam.Release(l, reason, now)
		return after, changed, 0, err
	case ipam.Releasing:
		use, err := r.machineUse(ctx, l)
		if err != nil || use != "" {
			log.FromContext(ctx).V(1).Info("lease is still in use", "by", use)
			return l, false, r.Config.Sweep, err
		}
		after, changed, err = ipam.Proven(l, now, r.Config.Cooldown)
		return after, changed, 0, err
	case ipam.Cooling:
		after, changed, err = ipam.Expire(l, now)
		return after, changed, max(l.Until.Sub(now), time.Millisecond), err
	}
	return l, false, 0, nil
}

// notAskedFor gives the reason why the holder no longer asks for the address, or "". The cache may be behind, so only a
// live read lets a lease go, and an error is never absence.
func (r *AddressLeaseReconciler) notAskedFor(ctx context.Context, l ipam.Lease) (string, error) {
	reason, err := r.holderGone(ctx, r.Client, l)
	if err != nil || reason == "" {
		return "", err
	}
	return r.holderGone(ctx, r.Live, l)
}

func (r *AddressLeaseReconciler) holderGone(ctx context.Context, from client.Reader, l ipam.Lease) (string, error) {
	w := &v1alpha1.Wukong{}
	err := from.Get(ctx, client.ObjectKey{Namespace: l.Holder.Namespace, Name: l.Holder.Name}, w)
	if client.IgnoreNotFound(err) != nil {
		return "", err
	}
	if err != nil || string(w.UID) != l.Holder.UID {
		return v1alpha1.ReasonHolderDeleted, nil
	}
	if _, invalid := render.ParseWukong(w); len(invalid) > 0 {
		return "", nil // a change that cannot work lets nothing go
	}
	if !asksFor(w, l) {
		return v1alpha1.ReasonAddressChanged, nil
	}
	return "", nil
}

// asksFor says whether the Wukong's spec, which is valid, still has the address on the network. A network whose addresses are all leased on another segment no longer asks for this one.
func asksFor(w *v1alpha1.Wukong, l ipam.Lease) bool {
	for _, n := range w.Spec.Networks {
		if n.Name != l.Holder.Network || n.IPConfig == nil || n.IPConfig.Mode != v1alpha1.IPModeStatic {
			continue
		}
		texts := []*v1alpha1.CIDR{n.IPConfig.Address}
		for _, a := range n.IPConfig.AdditionalAddresses {
			texts = append(texts, a.Address)
		}
		for _, t := range texts {
			if t == nil || *t == "" {
				continue
			}
			p, err := netip.ParsePrefix(string(*t))
			if err == nil && p.Addr() == l.Address {
				return !leasedElsewhere(w, l)
			}
		}
	}
	return false
}

func leasedElsewhere(w *v1alpha1.Wukong, l ipam.Lease) bool {
	for _, n := range w.Status.Networks {
		if n.Name == l.Holder.Network {
			return n.IPAllocated && n.Segment != "" && n.Segment != l.Segment.String()
		}
	}
	return false
}

func (r *AddressLeaseReconciler) leasesOf(ctx context.Context, o client.Object) []reconcile.Request {
	return r.leases(ctx, client.MatchingFields{indexLeaseHolder: o.GetNamespace() + "/" + o.GetName()})
}

func (r *AddressLeaseReconciler) leasesOfMachine(ctx context.Context, o client.Object) []reconcile.Request {
	return r.leases(ctx, client.MatchingFields{indexLeaseMachine: o.GetNamespace() + "/" + o.GetName()})
}

func (r *AddressLeaseReconciler) leases(ctx context.Context, fields client.MatchingFields) []reconcile.Request {
	list := &v1alpha1.AddressLeaseList{}
	if err := r.List(ctx, list, fields); err != nil {
		log.FromContext(ctx).Error(err, "list leases")
		return nil
	}
	var out []reconcile.Request
	for _, l := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&l)})
	}
	return out
}
