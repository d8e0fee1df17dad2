package render

import (
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// External says whether a pipeline applies the policy of the uplink.
func (u *Uplink) External() bool {
	return u.Object.Spec.Management == v1alpha1.ManagementExternal
}

// ExternalPolicy gives what a pipeline can apply for an External uplink: a policy of the name that is observed, for the nodes
// of the uplink, without anything by which the controller knows its own. kubernetes-nmstate decides how many nodes change at a
// time. It is false where the labels of a policy cannot say which nodes the uplink has.
func (r *Revision) ExternalPolicy(uplink *v1alpha1.HostUplink) (nmstate.Policy, bool) {
	if len(uplink.Spec.NodeSelector.MatchExpressions) > 0 {
		return nmstate.Policy{}, false
	}
	return nmstate.Policy{
		TypeMeta:   metav1.TypeMeta{APIVersion: PolicyAPIVersion, Kind: PolicyKind},
		ObjectMeta: metav1.ObjectMeta{Name: uplink.Spec.ExternalPolicy},
		Spec: nmstate.PolicySpec{
			NodeSelector: maps.Clone(uplink.Spec.NodeSelector.MatchLabels),
			DesiredState: runtime.RawExtension{Raw: r.Raw},
		},
	}, true
}

// policy prints the policy of an uplink: the revision, or what its pipeline can apply.
func (p *planner) policy(u *Uplink, r *Revision) {
	o := objectOf("HostUplink", u.Object)
	p.notePreserved(u, r)
	if !u.External() {
		p.out.Policies = append(p.out.Policies, r.Policy(u.Object))
		return
	}
	for _, other := range p.out.Policies {
		if other.Name == u.Object.Spec.ExternalPolicy {
			p.find(o, SeverityError, Problem{Reason: v1alpha1.ReasonNameTaken, Path: "spec.externalPolicy",
				Message: fmt.Sprintf("policy %q is printed for another HostUplink already, so nothing is printed for this one: name a policy for each", other.Name)})
			return
		}
	}
	policy, ok := r.ExternalPolicy(u.Object)
	if !ok {
		p.find(o, SeverityError, Problem{Reason: v1alpha1.ReasonNotSupportedYet, Path: "spec.nodeSelector.matchExpressions",
			Message: fmt.Sprintf("a policy selects nodes by labels alone, so %q is not printed, which would reach other nodes too: give the nodes a label, and select it by matchLabels", u.Object.Spec.ExternalPolicy)})
		return
	}
	p.out.Policies = append(p.out.Policies, policy)
}

// notePreserved tells that the policy is not all that nodes need which live on the NIC.
func (p *planner) notePreserved(u *Uplink, r *Revision) {
	if u.Object.Spec.Protect != v1alpha1.ProtectPreserve || !r.State.Keeps(u.Interface) {
		return
	}
	severity, message := SeverityNote, "nodes whose %s carries their addresses pass first through a policy with captures, which the controller makes for each of them: what is printed is the policy after that, and takes the addresses away if it is applied there by hand"
	if u.External() {
		severity, message = SeverityWarning, "nobody moves the addresses of nodes whose %s carries them: what is printed takes them away there, so have the pipeline leave these nodes out, or set management: Managed"
	}
	p.find(objectOf("HostUplink", u.Object), severity, Problem{Reason: nmstate.RefusedUplinkCarriesNodeAddress, Path: "spec.protect",
		Message: fmt.Sprintf(message, u.Interface)})
}

// ForPipeline says whether a policy that was planned is one for a pipeline to apply: it has nothing by which the controller knows
// its own.
func ForPipeline(p *nmstate.Policy) bool {
	return p.Labels[v1alpha1.ManagedByLabel] != v1alpha1.ManagedBy
}
