package nmstate

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// PolicyGroupVersion is the version in which kubernetes-nmstate serves policies.
var PolicyGroupVersion = schema.GroupVersion{Group: GroupVersion.Group, Version: "v1"}

// Policy is a NodeNetworkConfigurationPolicy without its status, which sums up what the enactments say one by one. It is for
// reading and for making policies: writing back what somebody else made would drop what is not kept here.
type Policy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the policy asks of nodes (spec).
	Spec PolicySpec `json:"spec"`
}

// PolicySpec is what a policy asks of nodes. Its fields are all that spec of nmstate.io/v1 has.
type PolicySpec struct {
	// NodeSelector has the labels that a node must have, all of them, for its handler to carry the policy out
	// (spec.nodeSelector). Without any, every node does.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Capture has expressions by name, which the handler works out from what the node has now; DesiredState refers to their
	// results (spec.capture).
	Capture map[string]string `json:"capture,omitempty"`
	// DesiredState is the state of the host in nmstate's own terms, as JSON (spec.desiredState): what State.Marshal gives, where
	// the policy is one of ours. Its bytes are kept as they are read.
	DesiredState runtime.RawExtension `json:"desiredState,omitzero"`
	// MaxUnavailable is how many nodes may carry the policy out at one time: a number of nodes, or a percentage ("50%", the
	// default) of those that it selects (spec.maxUnavailable).
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

// Ref is the policy as enactments are held against it.
func (p *Policy) Ref() PolicyRef {
	return PolicyRef{Name: p.Name, Generation: p.Generation, Created: p.CreationTimestamp.Time}
}

// PolicyList is a list of Policies.
type PolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Policy `json:"items"`
}

// DeepCopyObject implements runtime.Object.
func (p *Policy) DeepCopyObject() runtime.Object { return p.DeepCopy() }

// DeepCopy gives an independent copy.
func (p *Policy) DeepCopy() *Policy {
	if p == nil {
		return nil
	}
	out := &Policy{TypeMeta: p.TypeMeta, Spec: p.Spec}
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.NodeSelector, out.Spec.Capture = maps.Clone(p.Spec.NodeSelector), maps.Clone(p.Spec.Capture)
	p.Spec.DesiredState.DeepCopyInto(&out.Spec.DesiredState)
	if p.Spec.MaxUnavailable != nil {
		limit := *p.Spec.MaxUnavailable
		out.Spec.MaxUnavailable = &limit
	}
	return out
}

// DeepCopyObject implements runtime.Object.
func (l *PolicyList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	out := &PolicyList{TypeMeta: l.TypeMeta}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range l.Items {
		out.Items = append(out.Items, *l.Items[i].DeepCopy())
	}
	return out
}
