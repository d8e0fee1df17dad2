package controllers

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
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

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// SetupHostUplink adds the controller to the manager. It has one worker, because the budget of nodes in transition spans all
// HostUplinks.
func SetupHostUplink(mgr manager.Manager, cfg Config, components *Components) error {
	r := &HostUplinkReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Config: cfg, components: components,
		Events: mgr.GetEventRecorder("wukong-network"), nodes: newNodeWriter(mgr.GetClient())}
	all := handler.EnqueueRequestsFromMapFunc(r.everyUplink)
	c, err := ctrl.NewControllerManagedBy(mgr).Named("hostuplink").
		For(&v1alpha1.HostUplink{}).
		// One HostUplink keeps another from a node.
		Watches(&v1alpha1.HostUplink{}, all, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.HostNetwork{}, handler.EnqueueRequestsFromMapFunc(r.uplinksOfFabric), builder.WithPredicates(networkNeeds{})).
		Watches(&corev1.Node{}, all, builder.WithPredicates(nodeMatters{})).
		Watches(&apiextensionsv1.CustomResourceDefinition{}, afterComponent{r.everyUplink}, builder.OnlyMetadata, builder.WithPredicates(nmstateDefinitions)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1}).
		Build(r)
	if err != nil {
		return err
	}
	return components.WhenServed(Nmstate, func(context.Context) error {
		every := handler.TypedEnqueueRequestsFromMapFunc(r.everyUplink)
		if err := watchAll(c, mgr, every, stateMatters{}, &nmstate.NodeNetworkState{}); err != nil {
			return err
		}
		// A policy of ours reports in its enactments; somebody else's matters to every uplink.
		declared := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{})
		if err := watchAll(c, mgr, every, declared, &nmstate.Policy{}); err != nil {
			return err
		}
		if err := watchAll(c, mgr, gathered(&r.effort, r.uplinksOfEnactment), predicate.Funcs{}, &nmstate.Enactment{}); err != nil {
			return err
		}
		return lookAtAll(c, r.everyUplink)
	})
}

func (r *HostUplinkReconciler) everyUplink(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.requests(ctx, func(*v1alpha1.HostUplink) bool { return true })
}

func (r *HostUplinkReconciler) uplinksOfFabric(ctx context.Context, o client.Object) []reconcile.Request {
	fabric := o.(*v1alpha1.HostNetwork).Spec.PhysicalNetwork
	return r.requests(ctx, func(u *v1alpha1.HostUplink) bool { return u.Spec.PhysicalNetwork == fabric })
}

// uplinksOfEnactment gives the HostUplink whose revision an enactment is of, and those that observe its policy.
func (r *HostUplinkReconciler) uplinksOfEnactment(ctx context.Context, o client.Object) []reconcile.Request {
	policy := o.GetLabels()[nmstate.PolicyLabel]
	if name, ok := uplinkOfPolicy(policy); ok {
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: name}}}
	}
	return r.requests(ctx, func(u *v1alpha1.HostUplink) bool {
		return u.Spec.Management == v1alpha1.ManagementExternal && u.Spec.ExternalPolicy == policy
	})
}

func (r *HostUplinkReconciler) requests(ctx context.Context, keep func(*v1alpha1.HostUplink) bool) []reconcile.Request {
	list := &v1alpha1.HostUplinkList{}
	if err := r.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "HostUplinks cannot be listed")
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		if keep(&list.Items[i]) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return out
}

// networkNeeds lets through changes of what hosts should have.
type networkNeeds struct{ predicate.Funcs }

func (networkNeeds) Update(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*v1alpha1.HostNetwork), e.ObjectNew.(*v1alpha1.HostNetwork)
	return before.Generation != after.Generation || before.Status.Provisioned != after.Status.Provisioned ||
		before.Status.VLANsInUse != after.Status.VLANsInUse || // a trunk may be narrowed once nobody uses the VLAN
		(before.Status.ObservedGeneration <= 0) != (after.Status.ObservedGeneration <= 0)
}

// nodeMatters lets through what decides about a node: labels, our annotations, addresses, and whether it is ready.
type nodeMatters struct{ predicate.Funcs }

func (nodeMatters) Update(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
	return !maps.Equal(before.Labels, after.Labels) || !maps.Equal(ownAnnotations(before), ownAnnotations(after)) ||
		nodeReady(before) != nodeReady(after) || !slices.Equal(render.NodeAddresses(before), render.NodeAddresses(after))
}

func ownAnnotations(node *corev1.Node) map[string]string {
	out := map[string]string{}
	for key, value := range node.Annotations {
		if prefix, _, _ := strings.Cut(key, "/"); strings.HasSuffix(prefix, v1alpha1.GroupVersion.Group) {
			out[key] = value
		}
	}
	return out
}

// stateMatters lets through reports in which something changed besides the ports of bridges, where machines come and go.
type stateMatters struct{ predicate.Funcs }

func (stateMatters) Update(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*nmstate.NodeNetworkState), e.ObjectNew.(*nmstate.NodeNetworkState)
	return !reflect.DeepEqual(withoutBridgePorts(before.Node), withoutBridgePorts(after.Node))
}

func withoutBridgePorts(n nmstate.Node) nmstate.Node {
	n.Interfaces = slices.Clone(n.Interfaces)
	for i := range n.Interfaces {
		if t := n.Interfaces[i].Type; t == nmstate.LinuxBridge || t == nmstate.OVSBridge {
			n.Interfaces[i].Ports = nil
		}
	}
	return n
}
