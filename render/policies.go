package render

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// Owns says whether a policy was made for a HostUplink: by the UID that it was made with, and by a label of ours. Both labels
// must be there for it to be intact; one is enough to know it again after somebody took the other off. A name, or labels alone,
// are no proof.
func Owns(u *v1alpha1.HostUplink, policy metav1.Object) bool {
	labels := policy.GetLabels()
	labelled := labels[v1alpha1.UplinkLabel] == u.Name || labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy
	return labelled && u.UID != "" && policy.GetAnnotations()[v1alpha1.OwnerUIDAnnotation] == string(u.UID)
}

// ReadPolicy holds a policy of a HostUplink against its own name. The hash is the revision that the name promises; the state is
// what the policy says if it is intact: it still says what its name promises, of the nodes that it is for, and still carries its
// labels.
func ReadPolicy(p *nmstate.Policy, uplink string) (hash string, state nmstate.State, intact bool) {
	hash = strings.TrimPrefix(p.Name, PolicyName(uplink, ""))
	state, err := nmstate.Parse(p.Spec.DesiredState.Raw, p.Spec.Capture)
	selector := map[string]string{v1alpha1.UplinkLabelPrefix + uplink: hash}
	if err != nil || state.Hash() != hash || !maps.Equal(p.Spec.NodeSelector, selector) ||
		p.Labels[v1alpha1.UplinkLabel] != uplink || p.Labels[v1alpha1.ManagedByLabel] != v1alpha1.ManagedBy ||
		!p.DeletionTimestamp.IsZero() {
		return hash, nmstate.State{}, false
	}
	return hash, state, true
}
