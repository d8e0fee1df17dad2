package rollouts

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	diff "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/nmstate"
)

// warden records every revision of nodes, policies and enactments, and holds the story against the rules in the end, in the
// order of the store.
type warden struct {
	mu     sync.Mutex
	events []watch.Event

	// What the story has come to.
	nodes    map[string]*corev1.Node
	proven   map[onUplink]bool // since the label was written
	policies map[string]*nmstate.Policy
	moves    int
	broken   []string
}

type onUplink struct{ node, uplink string }

// foreignPolicy is in every world.
const foreignPolicy = "theirs"

// guard begins to record.
func guard(ctx context.Context, admin client.WithWatch) (*warden, error) {
	w := &warden{nodes: map[string]*corev1.Node{}, proven: map[onUplink]bool{}, policies: map[string]*nmstate.Policy{}}
	for _, list := range []client.ObjectList{&corev1.NodeList{}, &nmstate.PolicyList{}, &nmstate.EnactmentList{}} {
		follow, err := admin.Watch(ctx, list)
		if err != nil {
			return nil, err
		}
		go func() {
			defer follow.Stop()
			for e := range follow.ResultChan() {
				w.mu.Lock()
				w.events = append(w.events, e)
				w.mu.Unlock()
			}
		}()
	}
	return w, nil
}

func (w *warden) say(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// judge gives the rules that were broken, and how often nodes were moved.
func (w *warden) judge() (broken []string, moves int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	version := func(e watch.Event) int {
		o, ok := e.Object.(client.Object)
		if !ok {
			w.say("a watch ended: %v", e.Object)
			return 0
		}
		n, err := strconv.Atoi(o.GetResourceVersion())
		if err != nil {
			w.say("a version that is no number: %v", err)
		}
		return n
	}
	slices.SortStableFunc(w.events, func(a, b watch.Event) int { return cmp.Compare(version(a), version(b)) })
	for _, e := range w.events {
		switch o := e.Object.(type) {
		case *corev1.Node:
			w.seeNode(e.Type, o)
		case *nmstate.Enactment:
			w.seeEnactment(e.Type, o)
		case *nmstate.Policy:
			w.seePolicy(e.Type, o)
		}
	}
	slices.Sort(w.broken)
	return slices.Compact(w.broken), w.moves
}

// seeNode holds a move against the budget and against what the node is.
func (w *warden) seeNode(kind watch.EventType, after *corev1.Node) {
	before := w.nodes[after.Name]
	w.nodes[after.Name] = after
	if kind == watch.Deleted {
		delete(w.nodes, after.Name)
		maps.DeleteFunc(w.proven, func(on onUplink, _ bool) bool { return on.node == after.Name })
		return
	}
	for uplink, f := range fabrics {
		on := onUplink{after.Name, uplink}
		is, was := after.Labels[v1alpha1.UplinkLabelPrefix+uplink], ""
		if before != nil {
			was = before.Labels[v1alpha1.UplinkLabelPrefix+uplink]
		}
		moved, busy := is != was && is != "", before != nil && w.inTransition(before, uplink)
		w.proven[on] = (w.proven[on] && is == was) || after.Annotations[v1alpha1.AppliedAnnotationPrefix+uplink] == is
		if !moved {
			continue
		}
		w.moves++
		w.fits(after.Name, policyOf(uplink, is))
		if busy {
			continue // moving it on makes no further node unavailable
		}
		if now := w.allInTransition(); len(now) > f.maxUnavailable {
			w.say("%s was moved to %s: %d nodes are in transition (%s), and %d may be", after.Name, is, len(now), strings.Join(now, ", "), f.maxUnavailable)
		}
	}
}

func policyOf(uplink, hash string) string { return "wukong-" + uplink + "-" + hash }

// seeEnactment notes what proves that a node has what its label says.
func (w *warden) seeEnactment(kind watch.EventType, e *nmstate.Enactment) {
	node := w.nodes[e.NodeName()]
	if node == nil || kind == watch.Deleted {
		return
	}
	for uplink := range fabrics {
		mine := e.Policy() == policyOf(uplink, node.Labels[v1alpha1.UplinkLabelPrefix+uplink])
		if mine && slices.ContainsFunc(e.Status.Conditions, func(c nmstate.EnactmentCondition) bool {
			return c.Type == nmstate.ConditionAvailable && c.Status == "True"
		}) {
			w.proven[onUplink{node.Name, uplink}] = true
		}
	}
}

// inTransition says whether a node is on something that nothing proves.
func (w *warden) inTransition(node *corev1.Node, uplink string) bool {
	is, renewing := node.Labels[v1alpha1.UplinkLabelPrefix+uplink], node.Annotations[v1alpha1.RenewAnnotationPrefix+uplink]
	return renewing != "" || (is != "" && !w.proven[onUplink{node.Name, uplink}])
}

func (w *warden) allInTransition() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		if w.inTransition(w.nodes[name], "lab") || w.inTransition(w.nodes[name], "san") {
			out = append(out, name)
		}
	}
	return out
}

// seePolicy holds a policy against what it was when it was made.
func (w *warden) seePolicy(kind watch.EventType, o *nmstate.Policy) {
	if kind == watch.Deleted && o.Name == foreignPolicy {
		w.say("the policy %s was deleted", o.Name)
	}
	made := w.policies[o.Name]
	if kind == watch.Added || made == nil {
		w.policies[o.Name] = o
		return
	}
	if edited := diff.Diff(declaredPart(made), declaredPart(o)); edited != "" && kind == watch.Modified {
		w.say("policy %s was edited (-made +now):\n%s", o.Name, edited)
	}
}

func declaredPart(o *nmstate.Policy) map[string]any {
	annotations := maps.Clone(o.Annotations)
	delete(annotations, cluster.StampAnnotation)
	return map[string]any{"spec": o.Spec, "labels": o.Labels, "annotations": annotations, "uid": o.UID, "generation": o.Generation,
		"finalizers": o.Finalizers}
}

// fits says whether a node could ever have passed the checks of a policy: it must not list the primary NIC of the node, nor
// build on a NIC that the node does not have.
func (w *warden) fits(node, policy string) {
	p := w.policies[policy]
	if p == nil {
		w.say("%s was put on %s, which did not exist", node, policy)
		return
	}
	var state struct {
		Interfaces []struct {
			Name, State string
			VLAN        struct {
				Base string `json:"base-iface"`
			}
			Bridge struct {
				Port []struct{ Name string }
			}
		}
	}
	if err := yaml.Unmarshal(p.Spec.DesiredState.Raw, &state); err != nil {
		w.say("policy %s: %v", policy, err)
		return
	}
	primary := "eth0"
	if node == ownPrimary {
		primary = "eth1"
	}
	for _, i := range state.Interfaces {
		listed := []string{i.Name}
		for _, port := range i.Bridge.Port {
			listed = append(listed, port.Name)
		}
		if slices.Contains(listed, primary) {
			w.say("%s was put on %s, which lists %s, its primary NIC", node, policy, primary)
		}
		if node == without && i.State == "up" && (slices.Contains(listed, "eth1") || i.VLAN.Base == "eth1") {
			w.say("%s was put on %s, which needs eth1, and has none", node, policy)
		}
	}
}
