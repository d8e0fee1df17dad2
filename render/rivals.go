package render

import (
	"fmt"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// contends says whether two HostUplinks may not share a node: they lead to one fabric, or use one interface.
func (u *Uplink) contends(other *Uplink) bool {
	theirs := other.Interfaces()
	return u.Object.Spec.PhysicalNetwork == other.Object.Spec.PhysicalNetwork ||
		slices.ContainsFunc(u.Interfaces(), func(name string) bool { return slices.Contains(theirs, name) })
}

// Rival is another HostUplink that keeps one from a node.
type Rival struct {
	// Name is that of the other HostUplink.
	Name string
	// Claims: it is older and its selector matches the node, so that the younger one gives the node up. Otherwise it only has
	// not given the node back yet.
	Claims bool
}

// RivalOn finds what keeps an uplink from a node with these labels and annotations, or nil: an older HostUplink that selects the
// node, or one that is still there. A HostUplink that is being deleted claims nothing any more.
func (c *Catalog) RivalOn(u *Uplink, node, annotations map[string]string) *Rival {
	var holds *Rival
	for _, other := range c.Uplinks() {
		if other.Object.Name == u.Object.Name || !u.contends(other) {
			continue
		}
		if other.Object.DeletionTimestamp.IsZero() && byAge(other.Object, u.Object) < 0 && Selects(other.Object, node) {
			return &Rival{Name: other.Object.Name, Claims: true}
		}
		if holds == nil && MarksOf(node, annotations, other.Object.Name).Held() != "" {
			holds = &Rival{Name: other.Object.Name}
		}
	}
	return holds
}

// Refusal puts the rival into the words of a check.
func (r *Rival) Refusal() *nmstate.Refusal {
	message := fmt.Sprintf("HostUplink %q has not given the node back yet", r.Name)
	if r.Claims {
		message = fmt.Sprintf("HostUplink %q is older and has the node: let the nodeSelector of one of them leave the node out", r.Name)
	}
	return &nmstate.Refusal{Reason: v1alpha1.ReasonUplinkOverlap, Message: message}
}
