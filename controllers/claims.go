package controllers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// observedClaims gathers what the nodes of the cluster say about one address: interfaces that have it, and nodes that the
// cluster knows by it.
func (r *WukongReconciler) observedClaims(ctx context.Context, catalog *render.Catalog, addr netip.Addr) ([]conflicts.Claim, error) {
	nodes := &corev1.NodeList{}
	if err := r.List(ctx, nodes, client.MatchingFields{indexNodeAddress: addr.String()}); err != nil {
		return nil, err
	}
	var claims []conflicts.Claim
	for _, n := range nodes.Items {
		claims = append(claims, conflicts.Claim{Addr: addr, Kind: conflicts.NodeAddress, Owner: "node " + n.Name,
			Evidence: "status.addresses of node " + n.Name})
	}
	if !r.components.Has(Nmstate) {
		return claims, nil
	}
	states := &nmstate.NodeNetworkStateList{}
	if err := r.List(ctx, states, client.MatchingFields{indexObservedAddress: addr.String()}); err != nil {
		return nil, err
	}
	for i := range states.Items {
		found, err := r.interfaceClaims(ctx, catalog, &states.Items[i], addr)
		if err != nil {
			return nil, err
		}
		// An interface says on which segment the node's own address is; the node object does not.
		claims = slices.DeleteFunc(claims, func(c conflicts.Claim) bool {
			return len(found) > 0 && c.Kind == conflicts.NodeAddress && c.Owner == found[0].Owner
		})
		claims = append(claims, found...)
	}
	return claims, nil
}

func (r *WukongReconciler) interfaceClaims(ctx context.Context, catalog *render.Catalog, state *nmstate.NodeNetworkState, addr netip.Addr) ([]conflicts.Claim, error) {
	node := &corev1.Node{}
	if err := r.Get(ctx, client.ObjectKey{Name: state.Name}, node); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	fabrics := fabricsOf(catalog, node)
	var claims []conflicts.Claim
	for _, a := range state.Node.Observed() {
		if a.Relevance != nmstate.Counts || a.Prefix.Addr() != addr {
			continue
		}
		segment := ""
		if s, ok := state.Node.SegmentOf(a.Interface, fabrics); ok {
			segment = ipam.Segment{Fabric: s.Fabric, VLAN: s.VLAN}.String()
		}
		claims = append(claims, conflicts.Claim{Segment: segment, Addr: addr, Kind: conflicts.NodeInterface, Owner: "node " + state.Name,
			Evidence: fmt.Sprintf("interface %s of node %s", a.Interface, state.Name), Since: state.LastUpdate.Time})
	}
	return claims, nil
}

// fabricsOf gives the fabric that each uplink of a node leads to.
func fabricsOf(catalog *render.Catalog, node *corev1.Node) map[string]nmstate.Fabric {
	out := map[string]nmstate.Fabric{}
	for _, u := range catalog.Uplinks() {
		selector, err := metav1.LabelSelectorAsSelector(&u.Object.Spec.NodeSelector)
		if err != nil || !selector.Matches(labels.Set(node.Labels)) {
			continue
		}
		fabric := nmstate.Fabric{Name: string(u.Object.Spec.PhysicalNetwork)}
		if v := u.Object.Spec.NativeVLAN; v != nil {
			fabric.NativeVLAN = int(*v)
		}
		out[u.Interface] = fabric
	}
	return out
}
