package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// Tests of collisions use nodes that are nothing but what they report, and HostUplinks that are paused, so that no host changes.

// segments makes, for each interface, a fabric of the given name behind it on the nodes with label fabric=first, and an untagged
// HostNetwork of that name which is open to the namespaces.
func segments(t *testing.T, w *world.World, label string, fabrics map[string]string, namespaces ...string) {
	t.Helper()
	for nic, fabric := range fabrics {
		uplink := pausedUplink(fabric, nic, label)
		create(t, w, uplink, openNetwork(fabric, fabric, nil, namespaces...))
	}
}

func pausedUplink(fabric, nic, label string) *v1alpha1.HostUplink {
	return &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: fabric}, Spec: v1alpha1.HostUplinkSpec{
		PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), Interface: v1alpha1.InterfaceName(nic), Paused: true,
		NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"fabric": label}}}}
}

func openNetwork(name, fabric string, vlan *v1alpha1.VLANID, namespaces ...string) *v1alpha1.HostNetwork {
	return &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.HostNetworkSpec{
		PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), VLAN: vlan, Linger: &metav1.Duration{},
		AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: namespaces}}}
}

// nodeReporting adds a node with label fabric=label that reports a state, in the form of nmstate's currentState.
func nodeReporting(t *testing.T, w *world.World, name, label, state string) *corev1.Node {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"fabric": label, corev1.LabelHostname: name, corev1.LabelOSStable: "linux"}}}
	create(t, w, node)
	nns := nodeState(name)
	nns.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: node.UID}})
	create(t, w, nns)
	report(t, w, name, state)
	return node
}

func nodeState(name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkState"})
	u.SetName(name)
	return u
}

// report makes a node show another state.
func report(t *testing.T, w *world.World, name, state string) {
	t.Helper()
	var current map[string]any
	if err := yaml.Unmarshal([]byte(state), &current); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		nns := nodeState(name)
		if err := w.Admin.Get(context.Background(), client.ObjectKey{Name: name}, nns); err != nil {
			return err
		}
		nns.Object["status"] = map[string]any{"currentState": current, "lastSuccessfulUpdateTime": metav1.Now().UTC().Format("2006-01-02T15:04:05Z")}
		return w.Admin.Status().Update(context.Background(), nns)
	})
}

// on is the report of one interface with addresses, as one line of YAML.
func on(name, kind, more string, addresses ...string) string {
	family := map[bool][]string{}
	for _, a := range addresses {
		ip, bits, _ := strings.Cut(a, "/")
		family[strings.Contains(ip, ":")] = append(family[strings.Contains(ip, ":")], fmt.Sprintf(`{"ip": %q, "prefix-length": %s}`, ip, bits))
	}
	line := fmt.Sprintf(`{"name": %q, "type": %q, "state": "up"`, name, kind)
	for v6, list := range family {
		line += fmt.Sprintf(`, %q: {"enabled": true, "address": [%s]}`, map[bool]string{false: "ipv4", true: "ipv6"}[v6], strings.Join(list, ", "))
	}
	if more != "" {
		line += ", " + more
	}
	return line + "}"
}

// interfaces is a state with nothing but interfaces.
func interfaces(lines ...string) string {
	return fmt.Sprintf(`{"interfaces": [%s]}`, strings.Join(lines, ", "))
}

// conflictFree and collides say what keeps a Wukong from a condition ConflictFree that is true, or false with a reason.
func conflictFree(w *world.World, obj *v1alpha1.Wukong) func() error {
	return condition(w, obj, v1alpha1.ConditionConflictFree, metav1.ConditionTrue, "")
}

func collides(w *world.World, obj *v1alpha1.Wukong, reason string) func() error {
	return condition(w, obj, v1alpha1.ConditionConflictFree, metav1.ConditionFalse, reason)
}

// allocated says what keeps a Wukong from having all of its addresses.
func allocated(w *world.World, obj *v1alpha1.Wukong) func() error {
	return condition(w, obj, v1alpha1.ConditionAddressesAllocated, metav1.ConditionTrue, "")
}

func messageOf(obj *v1alpha1.Wukong, typ string) string {
	if c := meta.FindStatusCondition(obj.Status.Conditions, typ); c != nil {
		return c.Message
	}
	return ""
}

// mentions fails the test unless a message has every one of the words.
func mentions(t *testing.T, message string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(message, word) {
			t.Errorf("%q does not mention %q", message, word)
		}
	}
}

// unleased says what keeps an address from being leased to nobody.
func unleased(w *world.World, address, segment string) error {
	l, err := lease(w, address, segment)
	if err == nil && l.Spec.Phase == v1alpha1.LeaseAllocated {
		return fmt.Errorf("%s is leased to %+v", l.Name, l.Spec.Holder)
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}

// told gives the notes of the events with a reason about an object, each as often as it happened.
func told(t *testing.T, w *world.World, about client.Object, reason string) []string {
	t.Helper()
	list := &eventsv1.EventList{}
	if err := w.Admin.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list.Items {
		if e.Regarding.Name != about.GetName() || e.Regarding.Namespace != about.GetNamespace() || e.Regarding.UID != about.GetUID() || e.Reason != reason {
			continue
		}
		out = append(out, e.Note)
		if e.Series != nil {
			for range e.Series.Count - 1 {
				out = append(out, e.Note)
			}
		}
	}
	return out
}

// eventuallyTold waits for so many events.
func eventuallyTold(t *testing.T, w *world.World, about client.Object, reason string, times int) []string {
	t.Helper()
	var notes []string
	eventually(t, func() error {
		if notes = told(t, w, about, reason); len(notes) < times {
			return fmt.Errorf("%d events %s about %s", len(notes), reason, about.GetName())
		}
		return nil
	})
	if len(notes) > times {
		t.Errorf("%d events %s about %s, want %d: %q", len(notes), reason, about.GetName(), times, notes)
	}
	return notes
}

func vlan(id v1alpha1.VLANID) *v1alpha1.VLANID { return &id }

// writesAbout gives the writes to objects of a namespace and to leases of a segment: those of other tests that are still being
// tidied up are not counted.
func writesAbout(w *world.World, namespace, segment string) []world.Write {
	var out []world.Write
	for _, write := range w.Requests.Writes() {
		if write.Namespace == namespace || strings.HasSuffix(write.Name, "."+segment) {
			out = append(out, write)
		}
	}
	return out
}

func keyOf(o client.Object) client.ObjectKey { return client.ObjectKeyFromObject(o) }

// reconciles counts how often a controller has looked at anything.
func reconciles(t *testing.T, controller string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == controller {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

func inSegment(segment string) client.ListOption {
	return client.MatchingFields{"spec.segment": segment}
}
