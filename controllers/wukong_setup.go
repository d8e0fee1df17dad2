package controllers

import (
	"context"
	"net/netip"
	"slices"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// wukongWorkers is how many Wukongs are reconciled side by side: leases are decided by the API server, so they need no
// order among each other.
const wukongWorkers = 8

// SetupWukong adds the controller to the manager.
func SetupWukong(mgr manager.Manager, cfg Config, components *Components, l *ledger) error {
	secrets, err := newSecrets(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	r := &WukongReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Config: cfg, components: components,
		Events: mgr.GetEventRecorder("wukong-network"), ledger: l, leaser: l.leaser, secrets: secrets}
	c, err := ctrl.NewControllerManagedBy(mgr).Named("wukong").
		For(&v1alpha1.Wukong{}, builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, statusTouched{fresh: &r.fresh}))).
		Watches(&v1alpha1.AddressLease{}, handler.EnqueueRequestsFromMapFunc(r.forLease)).
		Watches(&v1alpha1.HostNetwork{}, handler.EnqueueRequestsFromMapFunc(r.forHostNetwork), builder.WithPredicates(networkMatters{})).
		Watches(&v1alpha1.HostUplink{}, handler.EnqueueRequestsFromMapFunc(r.forUnresolved), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.AddressPool{}, handler.EnqueueRequestsFromMapFunc(r.forPool), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(r.hearLedger)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.forNamespace), builder.OnlyMetadata, builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(r.forNode), builder.WithPredicates(nodeMoved{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: wukongWorkers}).
		Build(r)
	if err != nil {
		return err
	}
	return r.watchComponents(mgr, c, components)
}

// attachmentChanged lets through what attachments say, and whose they are.
var attachmentChanged = predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, predicate.AnnotationChangedPredicate{})

func (r *WukongReconciler) watchComponents(mgr manager.Manager, c controller.Controller, components *Components) error {
	onMachine := handler.TypedEnqueueRequestsFromMapFunc(r.forMachine)
	onSettings := handler.TypedEnqueueRequestsFromMapFunc(r.every)
	onNAD := handler.TypedEnqueueRequestsFromMapFunc(r.forNamespaceOf)
	for component, watch := range map[Component]func() error{
		KubeVirt: func() error {
			return watchAll(c, mgr, onMachine, predicate.Funcs{}, &kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{})
		},
		KubeVirtSettings: func() error {
			return watchAll(c, mgr, onSettings, bindingsChanged{}, &kubevirtv1.KubeVirt{})
		},
		Multus: func() error {
			return watchAll(c, mgr, onNAD, attachmentChanged, &netattach.NetworkAttachmentDefinition{})
		},
	} {
		if err := components.WhenServed(component, func(context.Context) error {
			if err := watch(); err != nil {
				return err
			}
			return lookAtAll(c, r.every)
		}); err != nil {
			return err
		}
	}
	return nil
}

// hearLedger queues the Wukongs that something the ledger learned is about, and those whose turn has come.
func (r *WukongReconciler) hearLedger(ctx context.Context, q queue) error {
	r.ledger.onWake(func(key types.NamespacedName) { q.Add(reconcile.Request{NamespacedName: key}) })
	r.ledger.onNextHop(func(addr netip.Addr) {
		for _, request := range r.forNextHop(ctx, addr) {
			q.Add(request)
		}
	})
	r.ledger.subscribe(func(c conflicts.Changes) {
		for _, request := range r.concerned(ctx, c) {
			q.Add(request)
		}
	})
	return nil
}

// concerned gives the Wukongs that claims which came or went are about.
func (r *WukongReconciler) concerned(ctx context.Context, c conflicts.Changes) []reconcile.Request {
	var out []reconcile.Request
	for _, addr := range c.Addrs {
		out = append(out, r.list(ctx, client.MatchingFields{indexWukongAddress: addr.String()})...)
	}
	for _, mac := range c.MACs {
		out = append(out, r.list(ctx, client.MatchingFields{indexWukongMAC: mac})...)
	}
	if len(c.Ranges) == 0 {
		return out
	}
	all := &v1alpha1.WukongList{}
	if err := r.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Wukongs cannot be listed")
		return out
	}
	for i := range all.Items {
		within := func(text string) bool { return inAny(c.Ranges, netip.MustParseAddr(text)) } // the index has canonical text
		if slices.ContainsFunc(wukongAddresses(&all.Items[i]), within) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
		}
	}
	return out
}

// forNextHop gives the Wukongs that name a gateway or DNS server, or may inherit it from a pool.
func (r *WukongReconciler) forNextHop(ctx context.Context, addr netip.Addr) []reconcile.Request {
	out := r.list(ctx, client.MatchingFields{indexWukongNextHop: addr.String()})
	o, err := r.ledger.offers.current(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "AddressPools cannot be read")
		return out
	}
	for _, p := range o.pools.All() {
		if p.Gateway == addr || slices.Contains(p.DNS, addr) || slices.ContainsFunc(p.Routes, func(route render.Route) bool { return route.Via == addr }) {
			out = append(out, r.list(ctx, client.MatchingFields{indexWukongPool: p.Object.Name})...)
		}
	}
	return out
}

// forPool gives the Wukongs that name a pool, and those that any pool may be the cause of that they are refused.
func (r *WukongReconciler) forPool(ctx context.Context, o client.Object) []reconcile.Request {
	out := r.list(ctx, client.MatchingFields{indexWukongPool: o.GetName()})
	for _, reason := range []string{v1alpha1.ReasonAddressExcluded, v1alpha1.ReasonPoolNotAllowed, v1alpha1.ReasonPrefixLengthMismatch} {
		out = append(out, r.list(ctx, client.MatchingFields{indexWukongReason: reason})...)
	}
	return out
}

func (r *WukongReconciler) every(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.list(ctx)
}

// statusTouched lets through updates after which the status is not what this controller wrote last, such as a foreign
// writer's: comparing is cheap and nothing is written unless something differs.
type statusTouched struct {
	predicate.Funcs
	fresh *freshness
}

func (p statusTouched) Update(e event.UpdateEvent) bool {
	before, ok1 := e.ObjectOld.(*v1alpha1.Wukong)
	after, ok2 := e.ObjectNew.(*v1alpha1.Wukong)
	return ok1 && ok2 && !p.fresh.own(after) && !equality.Semantic.DeepEqual(before.Status, after.Status)
}

// networkMatters lets through changes of a HostNetwork that a Wukong can feel: who else uses it is none.
type networkMatters struct{ predicate.Funcs }

func (networkMatters) Update(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(withoutUsers(e.ObjectOld), withoutUsers(e.ObjectNew))
}

// withoutUsers is a HostNetwork without the counting of its users, and without what changes with every write.
func withoutUsers(o client.Object) v1alpha1.HostNetwork {
	n := *o.(*v1alpha1.HostNetwork)
	n.ResourceVersion, n.ManagedFields = "", nil
	n.Status.Users, n.Status.UsedBy, n.Status.LastUsed = 0, nil, nil
	return n
}

// nodeMoved lets through nodes whose labels or annotations of ours changed.
type nodeMoved struct{ predicate.Funcs }

func (nodeMoved) Create(event.CreateEvent) bool { return false }

func (nodeMoved) Update(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) ||
		!equality.Semantic.DeepEqual(e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations())
}

// forLease maps a lease to its holder and, because it may have become free, to everybody who asks for its address. What was
// written here for a holder that has it tells nothing new.
func (r *WukongReconciler) forLease(ctx context.Context, o client.Object) []reconcile.Request {
	l := o.(*v1alpha1.AddressLease)
	requests := r.list(ctx, client.MatchingFields{indexWukongAddress: l.Spec.Address})
	if l.Spec.Holder == nil {
		return requests
	}
	holder := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: l.Spec.Holder.Namespace, Name: l.Spec.Holder.Name}}
	if l.Spec.Phase == v1alpha1.LeaseAllocated && r.leaser.own(l) {
		return slices.DeleteFunc(requests, func(q reconcile.Request) bool { return q == holder })
	}
	return append(requests, holder)
}

// forHostNetwork maps a HostNetwork to the Wukongs that chose it and to those that found none.
func (r *WukongReconciler) forHostNetwork(ctx context.Context, o client.Object) []reconcile.Request {
	return append(r.list(ctx, client.MatchingFields{indexWukongHostNetwork: o.GetName()}), r.forUnresolved(ctx, o)...)
}

func (r *WukongReconciler) forUnresolved(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.list(ctx, client.MatchingFields{indexWukongHostNetwork: unresolved})
}

func (r *WukongReconciler) forNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return r.list(ctx, client.InNamespace(o.GetName()))
}

func (r *WukongReconciler) forNamespaceOf(ctx context.Context, o client.Object) []reconcile.Request {
	return r.list(ctx, client.InNamespace(o.GetNamespace()))
}

func (r *WukongReconciler) forNode(ctx context.Context, o client.Object) []reconcile.Request {
	return r.list(ctx, client.MatchingFields{indexWukongNode: o.GetName()})
}

func (r *WukongReconciler) forMachine(ctx context.Context, o client.Object) []reconcile.Request {
	return r.list(ctx, client.InNamespace(o.GetNamespace()), client.MatchingFields{indexWukongMachine: o.GetName()})
}

func (r *WukongReconciler) list(ctx context.Context, opts ...client.ListOption) []reconcile.Request {
	return requestsFor(ctx, r, &v1alpha1.WukongList{}, opts...)
}
