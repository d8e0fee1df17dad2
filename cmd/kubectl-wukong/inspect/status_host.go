package inspect

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// hostNetwork is the HostNetwork of a network of a Wukong, with its uplinks and their nodes.
func (f Facts) hostNetwork(n *v1alpha1.WukongNetworkStatus) *Item {
	o := named(f.HostNetworks, "", n.HostNetwork)
	if o == nil {
		item := &Item{Kind: KindHostNetwork, Name: n.HostNetwork, Ready: metav1.ConditionUnknown, Message: "there is no such HostNetwork any more"}
		if f.Unread.Has(KindHostNetwork) {
			item.Ready, item.Unread, item.Message = "", true, notReadable
			if n.Nodes != "" {
				item.Message = n.Nodes + " nodes have it; more is " + notReadable
			}
		}
		return item
	}
	ready := condition(o.Status.Conditions, v1alpha1.ConditionReady, o.Status.ObservedGeneration, o.Generation)
	item := itemOf(KindHostNetwork, o, ready, o.Status.Conditions)
	if o.Status.NodesSummary != "" {
		item.summary = o.Status.NodesSummary + " nodes have it"
	}
	if ready.Status == metav1.ConditionTrue {
		item.Message = cmp.Or(item.summary, item.Message)
	}
	for _, name := range o.Status.Uplinks {
		item.Below = append(item.Below, f.uplink(name))
	}
	return item
}

// uplink is a HostUplink with its nodes.
func (f Facts) uplink(name string) *Item {
	o := named(f.HostUplinks, "", name)
	if o == nil {
		item := &Item{Kind: KindHostUplink, Name: name, Ready: metav1.ConditionUnknown, Message: "there is no such HostUplink any more"}
		if f.Unread.Has(KindHostUplink) {
			item.Ready, item.Unread, item.Message = "", true, notReadable
		}
		return item
	}
	ready := condition(o.Status.Conditions, v1alpha1.ConditionReady, o.Status.ObservedGeneration, o.Generation)
	item := itemOf(KindHostUplink, o, ready, o.Status.Conditions)
	item.summary = strings.Join(nonEmpty(cmp.Or(o.Status.Revision, o.Spec.ExternalPolicy), o.Status.NodesSummary), " on ")
	if o.Status.NodesSummary != "" {
		item.summary += " nodes"
	}
	if ready.Status == metav1.ConditionTrue {
		item.Message = item.summary
	}
	item.Below = f.nodes(o)
	return item
}

// progress is where a node stands that has no problem.
type progress struct {
	ready   metav1.ConditionStatus
	reason  v1alpha1.NodeProgress
	message string
}

// nodes are those of a HostUplink, by name: what its status says is wrong with them, and for the others what their labels say.
// Without the right to read nodes only the status speaks.
func (f Facts) nodes(u *v1alpha1.HostUplink) []*Item {
	items := map[string]*Item{}
	for _, p := range u.Status.Problems {
		items[p.Node] = &Item{Kind: KindNode, Name: p.Node, Ready: metav1.ConditionFalse, Reason: cmp.Or(p.Reason, string(p.Progress)), Message: p.Message,
			Stalled: p.Progress == v1alpha1.NodeFailing || p.Progress == v1alpha1.NodeUnknown}
	}
	for i := range f.Nodes {
		node := &f.Nodes[i]
		if _, told := items[node.Name]; told {
			continue
		}
		if p, concerned := nodeProgress(u, node); concerned {
			items[node.Name] = &Item{Kind: KindNode, Name: node.Name, Ready: p.ready, Reason: string(p.reason), Message: p.message}
		}
	}
	var out []*Item
	for _, item := range items {
		out = append(out, item)
	}
	slices.SortFunc(out, func(a, b *Item) int { return cmp.Compare(a.Name, b.Name) })
	if c := u.Status.Nodes; f.Unread.Has(KindNode) && c.Applied > 0 {
		out = append([]*Item{{Kind: KindNode, Ready: metav1.ConditionTrue, Reason: string(v1alpha1.NodeApplied), Unread: true,
			Message: number(int(c.Applied)) + " nodes; their names are " + notReadable}}, out...)
	}
	return out
}

// nodeProgress reads a node's labels; false where the HostUplink has nothing to do with it.
func nodeProgress(u *v1alpha1.HostUplink, node *corev1.Node) (progress, bool) {
	if !render.Selects(u, node.Labels) {
		return progress{}, false
	}
	if u.Spec.Management == v1alpha1.ManagementExternal {
		for _, network := range u.Status.Networks {
			if node.Labels[v1alpha1.NetworkLabelPrefix+network] != v1alpha1.NetworkLabelValue {
				return progress{metav1.ConditionFalse, v1alpha1.NodeApplying, "does not have " + network + " yet"}, true
			}
		}
		return progress{metav1.ConditionTrue, v1alpha1.NodeApplied, ""}, len(u.Status.Networks) > 0
	}
	marks := render.MarksOf(node.Labels, node.Annotations, u.Name)
	wanted := strings.TrimPrefix(u.Status.Revision, render.PolicyName(u.Name, ""))
	switch {
	case u.Status.Revision == "" && marks.Held() == "":
		return progress{}, false
	case marks.Revision == wanted && marks.Applied == wanted:
		return progress{metav1.ConditionTrue, v1alpha1.NodeApplied, ""}, true
	case marks.Revision == wanted:
		return progress{metav1.ConditionFalse, v1alpha1.NodeApplying, ""}, true
	case marks.Held() != "":
		return progress{metav1.ConditionFalse, v1alpha1.NodeWaiting, "is on " + render.PolicyName(u.Name, marks.Held())}, true
	}
	return progress{metav1.ConditionFalse, v1alpha1.NodeWaiting, ""}, true
}
