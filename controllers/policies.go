package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// policy is a NodeNetworkConfigurationPolicy that was made here for one HostUplink.
type policy struct {
	object *nmstatev1.NodeNetworkConfigurationPolicy
	// hash is the revision that the name promises.
	hash string
	// state is what the policy says, if it is intact.
	state nmstate.State
	// intact: the policy still says what its name promises, and still carries its labels.
	intact bool
}

// owned says whether a policy was made for the HostUplink: by the UID that it was made with, and by a label of ours. Both
// labels must be there for it to be intact; one is enough to know it again after somebody took the other off. A name, or
// labels alone, are no proof.
func owned(p *nmstatev1.NodeNetworkConfigurationPolicy, u *v1alpha1.HostUplink) bool {
	labelled := p.Labels[v1alpha1.UplinkLabel] == u.Name || p.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy
	return labelled && u.UID != "" && p.Annotations[v1alpha1.OwnerUIDAnnotation] == string(u.UID)
}

// readPolicy holds a policy of ours against its own name.
func readPolicy(p *nmstatev1.NodeNetworkConfigurationPolicy, uplink string) policy {
	out := policy{object: p, hash: strings.TrimPrefix(p.Name, render.PolicyName(uplink, ""))}
	state, err := nmstate.Parse(p.Spec.DesiredState.Raw, p.Spec.Capture)
	selector := map[string]string{v1alpha1.UplinkLabelPrefix + uplink: out.hash}
	out.intact = err == nil && state.Hash() == out.hash && maps.Equal(p.Spec.NodeSelector, selector) &&
		p.Labels[v1alpha1.UplinkLabel] == uplink && p.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy &&
		p.DeletionTimestamp.IsZero()
	if out.intact {
		out.state = state
	}
	return out
}

// ref is the policy as enactments are held against it. It is never edited, so there is no time of writing.
func (p policy) ref() nmstate.PolicyRef {
	return nmstate.PolicyRef{Name: p.object.Name, Generation: p.object.Generation, Created: p.object.CreationTimestamp.Time}
}

// uplinkOfPolicy gives the HostUplink that a policy of such a name would belong to.
func uplinkOfPolicy(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(render.PolicyName("", ""), "-"))
	if !ok || len(rest) < nmstate.HashLength+2 {
		return "", false
	}
	return rest[:len(rest)-nmstate.HashLength-1], true
}

// observedPolicy is the policy that a pipeline applies for an External HostUplink.
type observedPolicy struct {
	foreignPolicy
	ref nmstate.PolicyRef
	// madeHere: it is a revision of a HostUplink, and no pipeline's.
	madeHere bool
}

// observedIn finds the policy of an External HostUplink.
func observedIn(list []nmstatev1.NodeNetworkConfigurationPolicy, u *v1alpha1.HostUplink) *observedPolicy {
	if u.Spec.Management != v1alpha1.ManagementExternal {
		return nil
	}
	for i := range list {
		p := &list[i]
		if p.Name == u.Spec.ExternalPolicy && p.DeletionTimestamp.IsZero() {
			return &observedPolicy{readForeign(p), nmstate.PolicyRef{Name: p.Name, Generation: p.Generation, Created: p.CreationTimestamp.Time}, madeHere(p)}
		}
	}
	return nil
}

// madeHere says whether a policy carries all that is written on a revision, be its HostUplink there or not.
func madeHere(p *nmstatev1.NodeNetworkConfigurationPolicy) bool {
	return p.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy && p.Annotations[v1alpha1.OwnerUIDAnnotation] != ""
}

// foreignPolicy is a policy that was not made here.
type foreignPolicy struct {
	name     string
	selector map[string]string
	// names are the interfaces that it lists, and the ports that it gives to bridges and bonds.
	names map[string]bool
}

func (p foreignPolicy) selects(node *corev1.Node) bool {
	for key, value := range p.selector {
		if have, ok := node.Labels[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// readForeign reads somebody else's policy leniently: what cannot be read names nothing.
func readForeign(p *nmstatev1.NodeNetworkConfigurationPolicy) foreignPolicy {
	out := foreignPolicy{name: p.Name, selector: p.Spec.NodeSelector, names: map[string]bool{}}
	var state struct {
		Interfaces []json.RawMessage `json:"interfaces"`
	}
	if yaml.Unmarshal(p.Spec.DesiredState.Raw, &state) != nil {
		return out
	}
	for _, raw := range state.Interfaces {
		var i struct {
			Name   any `json:"name"`
			Bridge struct {
				Port []struct {
					Name any `json:"name"`
				} `json:"port"`
			} `json:"bridge"`
			LinkAggregation struct {
				Port []any `json:"port"`
			} `json:"link-aggregation"`
		}
		// An error in one section leaves what was read before it.
		_ = json.Unmarshal(raw, &i)
		out.mention(i.Name)
		for _, port := range i.Bridge.Port {
			out.mention(port.Name)
		}
		for _, port := range i.LinkAggregation.Port {
			out.mention(port)
		}
	}
	return out
}

func (p foreignPolicy) mention(name any) {
	if name != nil {
		p.names[fmt.Sprint(name)] = true
	}
}

// conflictsWith gives the first interface of a state that the policy names too. Two policies that name one interface undo
// each other's work.
func (p foreignPolicy) conflictsWith(state nmstate.State) (string, bool) {
	for _, i := range state.Canonical().Interfaces {
		if p.names[i.Name] {
			return i.Name, true
		}
	}
	return "", false
}

// errNameTaken: somebody else has a policy of the name that is needed.
type errNameTaken struct{ name string }

func (e errNameTaken) Error() string {
	return fmt.Sprintf("the policy %s exists and was not made for this HostUplink: delete it (kubectl delete nncp %s)", e.name, e.name)
}

// createPolicy makes the policy of a revision. One that is there already is kept if it was made here and is intact: its
// creation succeeded earlier and the answer was lost, or the cache does not have it yet.
func (r *HostUplinkReconciler) createPolicy(ctx context.Context, u *v1alpha1.HostUplink, revision *render.Revision) (policy, bool, error) {
	rendered := revision.Policy(u)
	object := &nmstatev1.NodeNetworkConfigurationPolicy{ObjectMeta: rendered.ObjectMeta, Spec: rendered.Spec}
	err := r.Create(ctx, object)
	if err == nil {
		return readPolicy(object, u.Name), true, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return policy{}, false, fmt.Errorf("policy %s: %w", revision.Name, err)
	}
	p, err := r.livePolicy(ctx, u, revision.Name)
	switch {
	case err != nil:
		return policy{}, false, err
	case p == nil:
		return policy{}, false, errNameTaken{revision.Name}
	case !p.intact:
		return policy{}, false, errAgain // the next look finds it, and replaces it
	}
	return *p, false, nil
}

// livePolicy reads a policy past the cache. It is nil unless it exists and was made for the HostUplink.
func (r *HostUplinkReconciler) livePolicy(ctx context.Context, u *v1alpha1.HostUplink, name string) (*policy, error) {
	object := &nmstatev1.NodeNetworkConfigurationPolicy{}
	err := r.Live.Get(ctx, types.NamespacedName{Name: name}, object)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	if !owned(object, u) {
		return nil, nil
	}
	p := readPolicy(object, u.Name)
	return &p, nil
}

// deletePolicy deletes exactly the object that was looked at, and says whether it did. One that changed meanwhile is looked at
// again.
func (r *HostUplinkReconciler) deletePolicy(ctx context.Context, p policy) (bool, error) {
	uid, version := p.object.UID, p.object.ResourceVersion
	err := r.Delete(ctx, p.object.DeepCopy(), client.Preconditions{UID: &uid, ResourceVersion: &version})
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case apierrors.IsConflict(err):
		return false, errAgain
	case err != nil:
		return false, fmt.Errorf("policy %s: %w", p.object.Name, err)
	}
	return true, nil
}

// listPolicies sets the policies of the HostUplink by hash, those that no HostUplink owns, by name, and the one that it
// observes.
func (r *HostUplinkReconciler) listPolicies(ctx context.Context, s *uplinkScope) error {
	list := &nmstatev1.NodeNetworkConfigurationPolicyList{}
	if err := r.List(ctx, list); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	u, all := s.uplink, s.catalog.Uplinks()
	ours, foreign := map[string]policy{}, []foreignPolicy{}
	for i := range list.Items {
		object := &list.Items[i]
		switch {
		case owned(object, u):
			p := readPolicy(object, u.Name)
			ours[p.hash] = p
		case !slices.ContainsFunc(all, func(other *render.Uplink) bool { return owned(object, other.Object) }):
			foreign = append(foreign, readForeign(object))
		}
	}
	slices.SortFunc(foreign, func(a, b foreignPolicy) int { return strings.Compare(a.name, b.name) })
	s.policies, s.foreign, s.observed = ours, foreign, observedIn(list.Items, u)
	return nil
}
