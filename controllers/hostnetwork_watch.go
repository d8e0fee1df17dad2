package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
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
		Watches(&v1alpha1.AddressLease{}, handler.EnqueueRequestsFromMapFunc(r.networkOfLease)).
		Watches(&v1alpha1.Wukong{}, handler.EnqueueRequestsFromMapFunc(r.networksOfWukong)).
		Watches(&corev1.Node{}, every, builder.WithPredicates(nodeMatters{})).
		Watches(&apiextensionsv1.CustomResourceDefinition{}, afterComponent{r.everyNetwork}, builder.OnlyMetadata, builder.WithPredicates(nmstateDefinitions)).
		Build(r)
	if err != nil {
		return err
	}
	return components.WhenServed(Nmstate, func(context.Context) error {
		declared := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{})
		every := handler.TypedEnqueueRequestsFromMapFunc(r.everyNetwork)
		if err := watchAll(c, mgr, every, declared, &nmstatev1.NodeNetworkConfigurationPolicy{}); err != nil {
			return err
		}
		return lookAtAll(c, r.everyNetwork)
	})
}

func (r *HostNetworkReconciler) everyNetwork(ctx context.Context, _ client.Object) []reconcile.Request {
	list := &v1alpha1.HostNetworkList{}
	if err := r.List(ctx, list); err != nil {
		log.FromContext(ctx).Error(err, "list host networks")
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, networkRequest(list.Items[i].Name))
	}
	return out
}

func (r *HostNetworkReconciler) networkOfLease(_ context.Context, o client.Object) []reconcile.Request {
	if name := o.(*v1alpha1.AddressLease).Spec.HostNetwork; name != "" {
		return []reconcile.Request{networkRequest(name)}
	}
	return nil
}

func (r *HostNetworkReconciler) networksOfWukong(_ context.Context, o client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, name := range wukongHostNetworks(o) {
		if name != unresolved {
			out = append(out, networkRequest(name))
		}
	}
	return out
}

func networkRequest(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Name: name}}
}
