package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// maxUsedBy bounds the users that a status names.
const maxUsedBy = 16

// listUsers gives the Wukongs that use the network, as namespace/name, sorted: those whose lease is held, or not yet proved to
// be free, and those that are bound to it and have what they asked for. The second kind needs the gate again, because what
// names the network is the status of a tenant's object.
// With them it notes the VLANs of a trunk that they have picked.
func (r *HostNetworkReconciler) listUsers(ctx context.Context, s *hostNetworkScope) ([]string, error) {
	users, vlans := sets.New[string](), sets.New[int]()
	defer func() { s.vlans = render.VLANsText(sets.List(vlans)) }()
	picked := func(segment string) {
		if on, err := ipam.ParseSegment(segment); err == nil && on.VLAN != 0 && s.known.Trunk() {
			vlans.Insert(on.VLAN)
		}
	}
	leases := &v1alpha1.AddressLeaseList{}
	if err := r.List(ctx, leases, client.MatchingFields{indexLeaseHostNetwork: s.network.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("leases: %w", err)
	}
	for i := range leases.Items {
		l := &leases.Items[i]
		if h := l.Spec.Holder; h != nil && (l.Spec.Phase == v1alpha1.LeaseAllocated || l.Spec.Phase == v1alpha1.LeaseReleasing) {
			users.Insert(h.Namespace + "/" + h.Name)
			picked(l.Spec.Segment)
		}
	}
	wukongs := &v1alpha1.WukongList{}
	if err := r.List(ctx, wukongs, client.MatchingFields{indexWukongHostNetwork: s.network.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("wukongs: %w", err)
	}
	for i := range wukongs.Items {
		w := &wukongs.Items[i]
		name := w.Namespace + "/" + w.Name
		counted := users.Has(name) && !s.known.Trunk()
		if counted || !w.DeletionTimestamp.IsZero() || !meta.IsStatusConditionTrue(w.Status.Conditions, v1alpha1.ConditionAddressesAllocated) {
			continue
		}
		allowed, err := r.allowed(ctx, s.network, w.Namespace)
		if err != nil {
			return nil, err
		}
		if !allowed {
			continue
		}
		users.Insert(name)
		for _, n := range w.Status.Networks {
			if n.HostNetwork == s.network.Name {
				picked(n.Segment)
			}
		}
	}
	return sets.List(users), nil
}

func (r *HostNetworkReconciler) allowed(ctx context.Context, n *v1alpha1.HostNetwork, namespace string) (bool, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.Get(ctx, client.ObjectKey{Name: namespace}, ns)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("namespace %s: %w", namespace, err)
	}
	return render.Allowed(n, render.NamespaceInfo{Name: namespace, Labels: ns.Labels}), nil
}
