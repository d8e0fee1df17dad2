package controllers

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// selects says whether the HostUplink's selector matches the node. One that cannot be read matches nothing.
func selects(u *v1alpha1.HostUplink, node *corev1.Node) bool {
	selector, err := metav1.LabelSelectorAsSelector(&u.Spec.NodeSelector)
	return err == nil && selector.Matches(labels.Set(node.Labels))
}

// contend says whether two HostUplinks may not share a node: they lead to one fabric, or use one interface.
func contend(a, b *render.Uplink) bool {
	theirs := b.Interfaces()
	return a.Object.Spec.PhysicalNetwork == b.Object.Spec.PhysicalNetwork ||
		slices.ContainsFunc(a.Interfaces(), func(name string) bool { return slices.Contains(theirs, name) })
}

// older orders HostUplinks by age, and by name where the age is the same.
func older(a, b *v1alpha1.HostUplink) bool {
	if order := a.CreationTimestamp.UTC().Compare(b.CreationTimestamp.UTC()); order != 0 {
		return order < 0
	}
	return strings.Compare(a.Name, b.Name) < 0
}

// rival is another HostUplink that keeps this one from a node.
type rival struct {
	name string
	// claims: it is older and its selector matches the node, so this one gives the node up. Otherwise it only has not given
	// the node back yet.
	claims bool
}

// rivalOn finds what keeps the uplink from a node, if anything does: an older HostUplink that selects the node, or one that
// is still there. A HostUplink that is being deleted claims nothing any more.
func rivalOn(node *corev1.Node, u *render.Uplink, all []*render.Uplink) *rival {
	var holds *rival
	for _, other := range all {
		if other.Object.Name == u.Object.Name || !contend(u, other) {
			continue
		}
		if other.Object.DeletionTimestamp.IsZero() && older(other.Object, u.Object) && selects(other.Object, node) {
			return &rival{name: other.Object.Name, claims: true}
		}
		if holds == nil && marksOf(node, other.Object.Name).held() != "" {
			holds = &rival{name: other.Object.Name}
		}
	}
	return holds
}

// refusal puts the rival into the words of a check.
func (r *rival) refusal() *nmstate.Refusal {
	message := fmt.Sprintf("HostUplink %q has not given the node back yet", r.name)
	if r.claims {
		message = fmt.Sprintf("HostUplink %q is older and has the node: let the nodeSelector of one of them leave the node out", r.name)
	}
	return &nmstate.Refusal{Reason: v1alpha1.ReasonUplinkOverlap, Message: message}
}
