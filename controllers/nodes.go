package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// marksOf reads what a node says about one HostUplink.
func marksOf(node *corev1.Node, uplink string) render.Marks {
	return render.MarksOf(node.Labels, node.Annotations, uplink)
}

// selects says whether the HostUplink's selector matches the node.
func selects(u *v1alpha1.HostUplink, node *corev1.Node) bool {
	return render.Selects(u, node.Labels)
}

// networkLabels gives the HostNetworks that the node's labels say it has, sorted.
func networkLabels(node *corev1.Node) []string {
	var out []string
	for key, value := range node.Labels {
		if name, ok := strings.CutPrefix(key, v1alpha1.NetworkLabelPrefix); ok && value == v1alpha1.NetworkLabelValue {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// networkLabelled says whether the node's label says that it has a HostNetwork.
func networkLabelled(node *corev1.Node, network string) bool {
	return node.Labels[v1alpha1.NetworkLabelPrefix+network] == v1alpha1.NetworkLabelValue
}

// nodeReady is the Ready condition.
func nodeReady(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// nodeEdit is a change of labels and annotations; an empty value removes.
type nodeEdit struct{ labels, annotations map[string]string }

// mark writes what the node's marks shall be. Nothing else of the node is touched.
func (e *nodeEdit) mark(uplink string, m render.Marks) {
	labels, annotations := m.Write(uplink)
	for key, value := range labels {
		e.label(key, value)
	}
	e.annotations = annotations
}

func (e *nodeEdit) label(key, value string) {
	if e.labels == nil {
		e.labels = map[string]string{}
	}
	e.labels[key] = value
}

// difference gives a merge patch of what differs, or nil. It carries the version that the decision was made on, so that a
// decision on stale data, or for an earlier node of this name, loses.
func (e *nodeEdit) difference(node *corev1.Node) []byte {
	labels, annotations := differing(node.Labels, e.labels), differing(node.Annotations, e.annotations)
	if len(labels)+len(annotations) == 0 {
		return nil
	}
	metadata := map[string]any{"uid": node.UID, "resourceVersion": node.ResourceVersion}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return nil // strings cannot fail to encode
	}
	return patch
}

func differing(have, want map[string]string) map[string]any {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, exists := have[key]
		switch {
		case want[key] == "" && exists:
			out[key] = nil
		case want[key] != "" && value != want[key]:
			out[key] = want[key]
		}
	}
	return out
}

// nodeWriter writes nodes, and remembers what it wrote until the cache has it: planning on a node as it was before the last
// write would exceed the budget of a rollout. After a restart the cache starts from what is stored, so nothing is lost.
type nodeWriter struct {
	client client.Client

	mu      sync.Mutex
	written map[string]*corev1.Node
}

func newNodeWriter(c client.Client) *nodeWriter {
	return &nodeWriter{client: c, written: map[string]*corev1.Node{}}
}

// list gives all nodes, by name, none of them older than what was written here.
func (w *nodeWriter) list(ctx context.Context) ([]corev1.Node, error) {
	nodes := &corev1.NodeList{}
	if err := w.client.List(ctx, nodes); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	exists := map[string]bool{}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		exists[n.Name] = true
		if ours, ok := w.written[n.Name]; ok && newer(ours, n) {
			*n = *ours.DeepCopy()
		} else {
			delete(w.written, n.Name)
		}
	}
	maps.DeleteFunc(w.written, func(name string, _ *corev1.Node) bool { return !exists[name] })
	slices.SortFunc(nodes.Items, func(a, b corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes.Items, nil
}

func newer(a, b *corev1.Node) bool {
	order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion)
	return err == nil && order > 0 && a.UID == b.UID
}

// write applies the edit if it changes anything, and says whether it did. The node is brought up to date.
func (w *nodeWriter) write(ctx context.Context, node *corev1.Node, e nodeEdit) (bool, error) {
	patch := e.difference(node)
	if patch == nil {
		return false, nil
	}
	if err := w.client.Patch(ctx, node, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return false, fmt.Errorf("node %s: %w", node.Name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written[node.Name] = node.DeepCopy()
	return true, nil
}
