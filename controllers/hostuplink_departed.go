package controllers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// A node that is deleted and registers anew has lost its labels and annotations, and still has what was built on its host.
// Only what is remembered elsewhere tells that from somebody else's bridge of the same name.

const (
	// maxDeparted bounds the departed nodes of a status.
	maxDeparted = 64
	// rememberDeparted is how long one is remembered.
	rememberDeparted = 30 * 24 * time.Hour
)

// sightings remember which node held which revision of each HostUplink at the last look.
type sightings struct {
	mu   sync.Mutex
	seen map[string]map[string]sighting // by uplink, and by node
}

type sighting struct {
	uid      types.UID
	revision string
}

// missed gives the nodes, by name, that held a revision of the uplink at an earlier look, and that are not there any more, or
// not the same. Those that are there are noted for the next look.
func (k *sightings) missed(s *uplinkScope) []v1alpha1.DepartedNode {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, there := map[string]sighting{}, map[string]types.UID{}
	for i := range s.nodes {
		n := &s.nodes[i]
		there[n.Name] = n.UID
		if held := marksOf(n, s.uplink.Name).Held(); held != "" {
			now[n.Name] = sighting{n.UID, held}
		}
	}
	var out []v1alpha1.DepartedNode
	for name, before := range k.seen[s.uplink.Name] {
		if _, marked := now[name]; marked || there[name] == before.uid || departed(s.before.Status.Departed, name) {
			continue
		}
		now[name] = before // until the status has it
		out = append(out, v1alpha1.DepartedNode{Node: name, Revision: render.PolicyName(s.uplink.Name, before.revision), Since: metav1.NewTime(s.now.Truncate(time.Second))})
	}
	if k.seen == nil {
		k.seen = map[string]map[string]sighting{}
	}
	k.seen[s.uplink.Name] = now
	slices.SortFunc(out, func(a, b v1alpha1.DepartedNode) int { return strings.Compare(a.Node, b.Node) })
	return out
}

func departed(nodes []v1alpha1.DepartedNode, name string) bool {
	return slices.ContainsFunc(nodes, func(d v1alpha1.DepartedNode) bool { return d.Node == name })
}

// forget drops what is remembered about a HostUplink.
func (k *sightings) forget(uplink string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.seen, uplink)
}

// departedNodes are the departed nodes of the status, with those that are newly missed first, without those that are back
// under the uplink, or away for too long.
func (s *uplinkScope) departedNodes(missed []v1alpha1.DepartedNode) []v1alpha1.DepartedNode {
	out := slices.Clone(missed)
	for _, d := range s.before.Status.Departed {
		if !departed(missed, d.Node) {
			out = append(out, d)
		}
	}
	held := map[string]bool{}
	for i := range s.nodes {
		held[s.nodes[i].Name] = marksOf(&s.nodes[i], s.uplink.Name).Held() != ""
	}
	out = slices.DeleteFunc(out, func(d v1alpha1.DepartedNode) bool {
		return held[d.Node] || s.now.Sub(d.Since.Time) > rememberDeparted
	})
	return out[:min(len(out), maxDeparted)]
}

// departedWith gives the revision with which a node left, if it did.
func (s *uplinkScope) departedWith(node string) string {
	for _, d := range s.departed {
		if d.Node == node {
			return strings.TrimPrefix(d.Revision, render.PolicyName(s.uplink.Name, ""))
		}
	}
	return ""
}

// tellDeparted reports who left and who is back, once the status says so.
func (r *HostUplinkReconciler) tellDeparted(ctx context.Context, s *uplinkScope) {
	before, now := s.before.Status.Departed, s.uplink.Status.Departed
	for _, d := range now {
		if !departed(before, d.Node) {
			r.tell(ctx, s, corev1.EventTypeNormal, v1alpha1.ReasonNodeLeft, "node %s left the cluster with %s: what was built stays on its host, and is known again if it comes back", d.Node, d.Revision)
		}
	}
	for _, d := range before {
		back := slices.ContainsFunc(s.nodes, func(n corev1.Node) bool { return n.Name == d.Node })
		if back && !departed(now, d.Node) {
			r.tell(ctx, s, corev1.EventTypeNormal, v1alpha1.ReasonNodeReturned, "node %s is back, and had %s when it left", d.Node, d.Revision)
		}
	}
}
