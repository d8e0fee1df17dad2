package controllers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// resolve finds the HostNetwork of each network. What the Wukong says only selects; the catalog decides, and is the gate.
func (r *WukongReconciler) resolve(ctx context.Context, s *wukongScope) error {
	var err error
	if s.offer, err = r.ledger.offers.current(ctx); err != nil {
		return err
	}
	namespace, err := r.namespace(ctx, s.wukong.Namespace)
	if err != nil {
		return err
	}
	s.namespaceUID, s.namespaceLabels = namespace.UID, namespace.Labels
	if s.bridges, err = r.nadBridges(ctx, s.wukong.Namespace); err != nil {
		return err
	}
	for _, n := range s.networks {
		if !n.Served() {
			continue
		}
		n.choice, n.refusal = s.offer.catalog.Resolve(r.selection(s, n))
		if host, ok := s.offer.catalog.HostNetwork(n.choice.HostNetwork); ok && n.refusal == nil {
			n.host = host.Object
		}
		if n.mac = n.MAC; n.mac == "" && !s.request.Foreign {
			n.mac = render.MAC(r.Config.ClusterName, s.wukong.Namespace, s.wukong.Name, n.Name)
		}
	}
	return r.suggest(ctx, s)
}

// selection is what a network looks for, and for whom.
func (r *WukongReconciler) selection(s *wukongScope, n *networkScope) render.Selection {
	return render.Selection{
		Namespace: render.NamespaceInfo{Name: s.wukong.Namespace, Labels: s.namespaceLabels},
		Wukong:    s.wukong.Name, Network: n.Network, Bound: boundTo(s.wukong, n.Name), NADBridges: s.bridges,
	}
}

// suggest lists, for networks without a HostNetwork, the interfaces of nodes that could become an uplink.
func (r *WukongReconciler) suggest(ctx context.Context, s *wukongScope) error {
	missing := slices.ContainsFunc(s.networks, wantsUplink)
	if !missing || !r.components.Has(Nmstate) {
		return nil
	}
	states := &nmstate.NodeNetworkStateList{}
	if err := r.List(ctx, states, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	nodes := map[string]int{}
	for i := range states.Items {
		for _, name := range nmstate.Candidates(states.Items[i].Node) {
			nodes[name]++
		}
	}
	names := slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		return cmp.Or(cmp.Compare(nodes[b], nodes[a]), strings.Compare(a, b))
	})
	for _, n := range s.networks {
		if !wantsUplink(n) {
			continue
		}
		for _, name := range names[:min(len(names), maxCandidates)] {
			n.candidates = append(n.candidates, fmt.Sprintf("%s (on %d of %d nodes)", name, nodes[name], len(states.Items)))
		}
	}
	return nil
}

// maxCandidates bounds how many candidate uplinks a status lists.
const maxCandidates = 8

func wantsUplink(n *networkScope) bool {
	return n.refusal != nil && n.refusal.Reason == v1alpha1.ReasonHostNetworkNotFound
}

func (r *WukongReconciler) namespace(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return ns, r.Get(ctx, client.ObjectKey{Name: name}, ns)
}

// boundTo is the HostNetwork that was chosen before. The status is only a memory: the catalog checks it like any choice.
func boundTo(w *v1alpha1.Wukong, network string) string {
	for _, n := range w.Status.Networks {
		if n.Name == network {
			return n.HostNetwork
		}
	}
	return ""
}

// nadBridges reads the bridge of each attachment of the namespace. They are written by tenants and only select.
func (r *WukongReconciler) nadBridges(ctx context.Context, namespace string) (map[string]string, error) {
	bridges := map[string]string{}
	if !r.components.Has(Multus) {
		return bridges, nil
	}
	list := &netattach.NetworkAttachmentDefinitionList{}
	if err := r.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	for _, nad := range list.Items {
		var config struct {
			Bridge string `json:"bridge"`
		}
		if json.Unmarshal([]byte(nad.Spec.Config), &config) == nil && config.Bridge != "" {
			bridges[nad.Name] = config.Bridge
		}
	}
	return bridges, nil
}
