package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// Catalog is what platform teams have on offer: HostUplinks and HostNetworks, checked once, with everything that depends on
// several of them decided. It does not depend on the order of its input, and is not changed after it was made.
type Catalog struct {
	uplinks  map[string]*Uplink
	networks map[string]*HostNetwork
	// byAge and networksByAge have the oldest first, by creation time and then by name: it keeps what several claim.
	uplinksByAge  []*Uplink
	networksByAge []*HostNetwork
	// native is the native VLAN of each fabric, 0 for none.
	native map[string]int
	// unserved has, for an uplink and a network of its fabric, why the network is not built there.
	unserved map[pair]Problem
}

type pair struct{ uplink, network string }

// Uplink is a HostUplink with what the catalog knows about it.
type Uplink struct {
	Object *v1alpha1.HostUplink
	// Interface is the name of the uplink interface on hosts: a NIC or a bond that is there, or the bond that is built.
	Interface string
	// Problem is nil when revisions can be rendered for the uplink.
	Problem *Problem
	// Notices are fields that have no effect in this version.
	Notices []v1alpha1.FieldNotice
}

// HostNetwork is a HostNetwork with what the catalog knows about it.
type HostNetwork struct {
	Object *v1alpha1.HostNetwork
	// Segment is the broadcast domain; the zero value for a trunk, which has one for each VLAN (On, SegmentText).
	Segment ipam.Segment
	// VLAN is the tag on the wire, 0 for untagged frames and for a trunk. It is not that of Segment where the fabric has a native
	// VLAN.
	VLAN int
	// vlans are the VLANs of a trunk, merged and in order.
	vlans []nmstate.VLANRange
	// Bridge is the name of the bridge on hosts; empty for types that have none.
	Bridge string
	// NAD is the name of the attachments; empty for a trunk, which has one for each VLAN, and where somebody else makes them.
	NAD string
	// MTU is the largest MTU that a guest can use, in bytes, or 0 when nothing says.
	MTU int
	// Problem is nil when the network can be used.
	Problem *Problem
	// Warnings are about what does not keep the network from being used.
	Warnings []Problem
	// Notices are fields that have no effect in this version.
	Notices []v1alpha1.FieldNotice
}

// Problem says what is wrong with an object, and what to do.
type Problem struct {
	// Reason is one word of the vocabulary of reasons.
	Reason string
	// Path is the path of the field, or empty.
	Path string
	// Message names the value and the fix.
	Message string
}

// String gives path and message.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// NewCatalog checks uplinks and networks. The objects are kept, not copied.
func NewCatalog(uplinks []v1alpha1.HostUplink, networks []v1alpha1.HostNetwork) *Catalog {
	c := &Catalog{uplinks: map[string]*Uplink{}, networks: map[string]*HostNetwork{}, native: map[string]int{}, unserved: map[pair]Problem{}}
	for i := range uplinks {
		u := &Uplink{Object: &uplinks[i], Interface: uplinkInterface(&uplinks[i])}
		c.uplinks[u.Object.Name] = u
		c.uplinksByAge = append(c.uplinksByAge, u)
	}
	for i := range networks {
		n := &HostNetwork{Object: &networks[i]}
		c.networks[n.Object.Name] = n
		c.networksByAge = append(c.networksByAge, n)
	}
	slices.SortFunc(c.uplinksByAge, func(a, b *Uplink) int { return byAge(a.Object, b.Object) })
	slices.SortFunc(c.networksByAge, func(a, b *HostNetwork) int { return byAge(a.Object, b.Object) })
	c.checkUplinks()
	c.checkNetworks()
	c.checkServing()
	return c
}

// byAge orders objects by creation time and then by name. Objects that are in no cluster yet count as the oldest.
func byAge(a, b metav1.Object) int {
	return cmp.Or(a.GetCreationTimestamp().UTC().Compare(b.GetCreationTimestamp().UTC()), strings.Compare(a.GetName(), b.GetName()))
}

func uplinkInterface(u *v1alpha1.HostUplink) string {
	if u.Spec.Bond != nil {
		return string(u.Spec.Bond.Name)
	}
	return string(u.Spec.Interface)
}

// Interfaces gives the interfaces of hosts that the uplink has for itself: the uplink interface, and the ports of its bond.
func (u *Uplink) Interfaces() []string {
	out := []string{u.Interface}
	if bond := u.Object.Spec.Bond; bond != nil {
		for _, p := range bond.Ports {
			out = append(out, string(p))
		}
	}
	return out
}

// Uplinks gives all HostUplinks by name.
func (c *Catalog) Uplinks() []*Uplink {
	out := slices.Clone(c.uplinksByAge)
	slices.SortFunc(out, func(a, b *Uplink) int { return strings.Compare(a.Object.Name, b.Object.Name) })
	return out
}

// HostNetworks gives all HostNetworks by name.
func (c *Catalog) HostNetworks() []*HostNetwork {
	out := slices.Clone(c.networksByAge)
	slices.SortFunc(out, func(a, b *HostNetwork) int { return strings.Compare(a.Object.Name, b.Object.Name) })
	return out
}

// Uplink gives the HostUplink of that name.
func (c *Catalog) Uplink(name string) (*Uplink, bool) {
	u, ok := c.uplinks[name]
	return u, ok
}

// HostNetwork gives the HostNetwork of that name.
func (c *Catalog) HostNetwork(name string) (*HostNetwork, bool) {
	n, ok := c.networks[name]
	return n, ok
}

// Segment gives the broadcast domain of a HostNetwork that is no trunk: a native VLAN of its fabric makes the untagged frames that VLAN.
func (c *Catalog) Segment(n *v1alpha1.HostNetwork) ipam.Segment {
	return c.segment(n.Spec.PhysicalNetwork, n.Spec.VLAN)
}

func (c *Catalog) segment(physicalNetwork v1alpha1.PhysicalNetworkName, vlan *v1alpha1.VLANID) ipam.Segment {
	fabric := string(physicalNetwork)
	s := ipam.Segment{Fabric: fabric, VLAN: c.native[fabric]}
	if vlan != nil {
		s.VLAN = int(*vlan)
	}
	return s
}

// UplinksOf gives the HostUplinks, by name, on which a HostNetwork can be built.
func (c *Catalog) UplinksOf(n *v1alpha1.HostNetwork) []*v1alpha1.HostUplink {
	var out []*v1alpha1.HostUplink
	for _, u := range c.Uplinks() {
		if c.serves(u, n) {
			out = append(out, u.Object)
		}
	}
	return out
}

// Unserved says why a HostNetwork is not built on a HostUplink of its fabric although both are usable, or nil.
func (c *Catalog) Unserved(uplink, network string) *Problem {
	if p, ok := c.unserved[pair{uplink, network}]; ok {
		return &p
	}
	return nil
}

// serves says whether a revision of the uplink can build the network.
func (c *Catalog) serves(u *Uplink, n *v1alpha1.HostNetwork) bool {
	known, ok := c.networks[n.Name]
	if !ok || known.Problem != nil || u.Problem != nil || u.Object.Spec.PhysicalNetwork != n.Spec.PhysicalNetwork {
		return false
	}
	_, refused := c.unserved[pair{u.Object.Name, n.Name}]
	return !refused
}

// NamespaceInfo is what the tenant gate needs to know about a namespace.
type NamespaceInfo struct {
	Name   string
	Labels map[string]string
}

// Allowed says whether a namespace may use a HostNetwork. It is the one gate between tenants and hosts: nothing said, or a
// selector that cannot be read, means no.
func Allowed(n *v1alpha1.HostNetwork, ns NamespaceInfo) bool {
	return n.Spec.AllowedNamespaces != nil && lists(n.Spec.AllowedNamespaces, ns)
}

func lists(allowed *v1alpha1.AllowedNamespaces, ns NamespaceInfo) bool {
	if ns.Name == "" {
		return false
	}
	if slices.Contains(allowed.Names, ns.Name) {
		return true
	}
	if allowed.Selector == nil {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
	return err == nil && selector.Matches(labels.Set(ns.Labels))
}

func invalidSpec(path, format string, args ...any) *Problem {
	return &Problem{Reason: v1alpha1.ReasonInvalidSpec, Path: path, Message: fmt.Sprintf(format, args...)}
}
