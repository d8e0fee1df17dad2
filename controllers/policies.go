package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// policy is a NodeNetworkConfigurationPolicy that was made here for one HostUplink.
type policy struct {
	object *nmstate.Policy
	// hash is the revision that the name promises.
	hash string
	// state is what the policy says, if it is intact.
	state nmstate.State
	// intact: the policy still says what its name promises, and still carries its labels.
	intact bool
}

// readPolicy holds a policy of ours against its own name.
func readPolicy(p *nmstate.Policy, uplink string) policy {
	out := policy{object: p}
	out.hash, out.state, out.intact = render.ReadPolicy(p, uplink)
	return out
}

func readForeign(p *nmstate.Policy) nmstate.ForeignPolicy {
	return nmstate.ReadForeign(p.Name, p.Spec.NodeSelector, p.Spec.DesiredState.Raw)
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
	nmstate.ForeignPolicy
	ref     nmstate.PolicyRef
	version v1alpha1.PolicyVersion
	// madeHere: it is a revision of a HostUplink, and no pipeline's.
	madeHere bool
}

// observedIn finds the policy of an External HostUplink.
func observedIn(list []nmstate.Policy, u *v1alpha1.HostUplink) *observedPolicy {
	if u.Spec.Management != v1alpha1.ManagementExternal {
		return nil
	}
	for i := range list {
		p := &list[i]
		if p.Name == u.Spec.ExternalPolicy && p.DeletionTimestamp.IsZero() {
			return &observedPolicy{readForeign(p), p.Ref(), v1alpha1.PolicyVersion{UID: p.UID, Generation: p.Generation}, madeHere(p)}
		}
	}
	return nil
}

// madeHere says whether a policy carries all that is written on a revision, be its HostUplink there or not.
func madeHere(p *nmstate.Policy) bool {
	return p.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy && p.Annotations[v1alpha1.OwnerUIDAnnotation] != ""
}

func (p *observedPolicy) selects(node *corev1.Node) bool { return p.Selects(node.Labels) }

// errNameTaken: somebody else has a policy of the name that is needed.
type errNameTaken struct{ name string }

func (e errNameTaken) Error() string {
	return fmt.Sprintf("the policy %s exists and was not made for this HostUplink: delete it (kubectl delete nncp %s)", e.name, e.name)
}

// createPolicy makes the policy of a revision. One that is there already is kept if it was made here and is intact: its
// creation succeeded earlier and the answer was lost, or the cache does not have it yet.
func (r *HostUplinkReconciler) createPolicy(ctx context.Context, u *v1alpha1.HostUplink, revision *render.Revision) (policy, bool, error) {
	object := revision.Policy(u)
	err := r.Create(ctx, &object)
	if err == nil {
		return readPolicy(&object, u.Name), true, nil
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
	object := &nmstate.Policy{}
	err := r.Live.Get(ctx, types.NamespacedName{Name: name}, object)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	if !render.Owns(u, object) {
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
	list := &nmstate.PolicyList{}
	if err := r.List(ctx, list); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	u, all := s.uplink, s.catalog.Uplinks()
	ours, foreign := map[string]policy{}, []nmstate.ForeignPolicy{}
	for i := range list.Items {
		object := &list.Items[i]
		switch {
		case render.Owns(u, object):
			p := readPolicy(object, u.Name)
			ours[p.hash] = p
		case !slices.ContainsFunc(all, func(other *render.Uplink) bool { return render.Owns(other.Object, object) }):
			foreign = append(foreign, readForeign(object))
		}
	}
	slices.SortFunc(foreign, func(a, b nmstate.ForeignPolicy) int { return strings.Compare(a.Name, b.Name) })
	s.policies, s.foreign, s.observed = ours, foreign, observedIn(list.Items, u)
	return nil
}
