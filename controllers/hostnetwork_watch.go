package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// SetupHostNetwork adds the controller to the manager.
func SetupHostNetwork(mgr manager.Manager, cfg Config, components *Components) error {
	r := &HostNetworkReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Config: cfg, components: components,
		Events: mgr.GetEventRecorder("wukong-network")}
	every := handler.EnqueueRequestsFromMapFunc(r.everyNetwork)
	c, err := ctrl.NewControllerManagedBy(mgr).Named("hostnetwork").
		For(&v1alpha1.HostNetwork{}).
		// The oldest network keeps a bridge name or the default.
		Watches(&v1alpha1.HostNetwork{}, every, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.HostUplink{}, every).
		Watches(&v1alpha1.AddressLease{}, usersChanged{r, networkOfLease}).
		Watches(&v1alpha1.Wukong{}, usersChanged{r, networksOfWukong}).
		// In a rollout one node comes after the other.
		Watches(&corev1.Node{}, gathered(&r.effort, r.everyNetwork), builder.WithPredicates(nodeMatters{})).
		Watches(&apiextensionsv1.CustomResourceDefinition{}, afterComponent{r.everyNetwork}, builder.OnlyMetadata, builder.WithPredicates(nmstateDefinitions)).
		Build(r)
	if err != nil {
		return err
	}
	return components.WhenServed(Nmstate, func(context.Context) error {
		declared := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{})
		every := handler.TypedEnqueueRequestsFromMapFunc(r.everyNetwork)
		if err := watchAll(c, mgr, every, declared, &nmstate.Policy{}); err != nil {
			return err
		}
		// What nodes show tells whether they still have what was built.
		if err := watchAll(c, mgr, gathered(&r.effort, r.everyNetwork), stateMatters{}, &nmstate.NodeNetworkState{}); err != nil {
			return err
		}
		return lookAtAll(c, r.everyNetwork)
	})
}

func (r *HostNetworkReconciler) everyNetwork(ctx context.Context, _ client.Object) []reconcile.Request {
	return requestsFor(ctx, r, &v1alpha1.HostNetworkList{})
}

func networkOfLease(o client.Object) []string {
	if name := o.(*v1alpha1.AddressLease).Spec.HostNetwork; name != "" {
		return []string{name}
	}
	return nil
}

func networksOfWukong(o client.Object) []string {
	return slices.DeleteFunc(wukongHostNetworks(o), func(name string) bool { return name == unresolved })
}

// usersChanged queues the HostNetworks that an object uses: at once where that may decide whether hosts need the network, and
// otherwise at the pace at which users are counted.
type usersChanged struct {
	r  *HostNetworkReconciler
	of func(client.Object) []string
}

func (h usersChanged) add(ctx context.Context, q queue, objects ...client.Object) {
	for _, o := range objects {
		for _, name := range h.of(o) {
			n := &v1alpha1.HostNetwork{}
			err := h.r.Get(ctx, client.ObjectKey{Name: name}, n, client.UnsafeDisableDeepCopy)
			if err == nil && n.Status.Users > 0 && n.Status.Provisioned && n.DeletionTimestamp.IsZero() {
				q.AddAfter(networkRequest(name), countPace)
				continue
			}
			q.Add(networkRequest(name))
		}
	}
}

func (h usersChanged) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.add(ctx, q, e.Object)
}
func (h usersChanged) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	h.add(ctx, q, e.ObjectOld, e.ObjectNew)
}
func (h usersChanged) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	h.add(ctx, q, e.Object)
}
func (h usersChanged) Generic(context.Context, event.GenericEvent, queue) {}

func networkRequest(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Name: name}}
}
