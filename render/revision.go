package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// Revision is one desired state of the hosts of one HostUplink. It never changes: another content is another revision.
type Revision struct {
	// Uplink is the name of the HostUplink.
	Uplink string
	// Hash stands for the content; it is the value of the node label.
	Hash string
	// Name is that of its policy.
	Name  string
	State nmstate.State
	// Raw is the canonical text of State.
	Raw []byte
	// Networks are the HostNetworks that it builds, sorted.
	Networks []string
}

// Revision gives the steady revision of an uplink: all its networks that are in use, by name, and nothing else. It is nil when
// none of them is. Names of networks that other uplinks serve, that cannot be built, or that are only observed, are passed over. The error is a
// *UplinkError.
func (c *Catalog) Revision(uplink *v1alpha1.HostUplink, inUse sets.Set[string]) (*Revision, error) {
	u, ok := c.uplinks[uplink.Name]
	if !ok {
		return nil, &UplinkError{Uplink: uplink.Name, Problem: *invalidSpec("", "is not in the catalog")}
	}
	if u.Problem != nil {
		return nil, &UplinkError{Uplink: uplink.Name, Problem: *u.Problem}
	}
	var state nmstate.State
	var names []string
	use := uplinkUse{}
	for _, n := range c.HostNetworks() {
		if !inUse.Has(n.Object.Name) || !c.serves(u, n.Object) || n.Observed() {
			continue
		}
		names = append(names, n.Object.Name)
		state.Interfaces = append(state.Interfaces, c.layers(u, n)...)
		use.add(n)
	}
	if len(names) == 0 {
		return nil, nil
	}
	state.Interfaces = append(state.Interfaces, use.entries(u)...)
	preserve(u, &state)
	if err := state.Validate(); err != nil {
		return nil, &UplinkError{Uplink: uplink.Name, Problem: *invalidSpec("", "its networks do not fit together: %v", err)}
	}
	return newRevision(uplink.Name, state, names), nil
}

// UplinkError says that no revision can be rendered for a HostUplink.
type UplinkError struct {
	Uplink  string
	Problem Problem
}

// Error names the uplink and its problem.
func (e *UplinkError) Error() string { return fmt.Sprintf("HostUplink %q: %s", e.Uplink, e.Problem) }

func newRevision(uplink string, state nmstate.State, networks []string) *Revision {
	state = state.Canonical()
	hash := state.Hash()
	return &Revision{Uplink: uplink, Hash: hash, Name: PolicyName(uplink, hash), State: state, Raw: state.Marshal(), Networks: networks}
}

// The kind of a policy.
const (
	PolicyAPIVersion = "nmstate.io/v1"
	PolicyKind       = "NodeNetworkConfigurationPolicy"
)

// unthrottled is more nodes than a cluster can have.
const unthrottled = 100_000

// Policy gives the object that carries the revision to the nodes that have its label.
//
// maxUnavailable is beyond any cluster, because waves are made by moving labels. kubernetes-nmstate counts failed nodes
// against it, also after their enactments are gone (kubernetes-nmstate PR 1571), and lets no other node begin, or try again,
// once they reach it. A percentage does not help: all of one node is one.
func (r *Revision) Policy(uplink *v1alpha1.HostUplink) nmstate.Policy {
	all := intstr.FromInt32(unthrottled)
	out := nmstate.Policy{
		TypeMeta: metav1.TypeMeta{APIVersion: PolicyAPIVersion, Kind: PolicyKind},
		ObjectMeta: metav1.ObjectMeta{
			Name: r.Name,
			Labels: map[string]string{
				v1alpha1.ManagedByLabel: v1alpha1.ManagedBy,
				v1alpha1.UplinkLabel:    r.Uplink,
			},
			Annotations: map[string]string{v1alpha1.NetworksAnnotation: strings.Join(r.Networks, ",")},
		},
		Spec: nmstate.PolicySpec{
			NodeSelector:   map[string]string{v1alpha1.UplinkLabelPrefix + r.Uplink: r.Hash},
			Capture:        maps.Clone(r.State.Capture),
			DesiredState:   runtime.RawExtension{Raw: slices.Clone(r.Raw)},
			MaxUnavailable: &all,
		},
	}
	if uplink.UID != "" {
		out.Annotations[v1alpha1.OwnerUIDAnnotation] = string(uplink.UID)
	}
	return out
}
