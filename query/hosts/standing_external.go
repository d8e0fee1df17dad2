package hosts

import (
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// externalStandings gives where nodes stand with the policy that a pipeline applies.
func (v *View) externalStandings(u *render.Uplink) []Standing {
	target, _ := v.Catalog.Revision(u.Object, v.inUse) // where it cannot be rendered, the status says why
	var out []Standing
	for _, node := range v.nodeNames() {
		if !render.Selects(u.Object, v.labelsOf(node)) {
			continue
		}
		n := v.pipelinesNode(u, node)
		p := u.ProgressOf(target, n)
		s := Standing{Node: node, Progress: p.Progress, Reason: p.Reason, Message: p.Message, Networks: v.carriedByLabel(u, node)}
		if n.Selected {
			s.Revision = u.Object.Spec.ExternalPolicy
		}
		s.Machines = v.attached(node, s.Networks)
		out = append(out, v.told(u.Object, s, nmstate.State{}))
	}
	return out
}

// pipelinesNode is what is known of the policy of a pipeline on a node.
func (v *View) pipelinesNode(u *render.Uplink, node string) render.PipelinesNode {
	out := render.PipelinesNode{Name: node, Ready: v.ready(node), Labels: v.labelsOf(node), Report: v.report(node),
		Rival: v.Catalog.RivalOn(u, v.labelsOf(node), v.annotationsOf(node))}
	name := u.Object.Spec.ExternalPolicy
	p, exists := v.policies[name]
	if !exists {
		return out
	}
	out.Policy = &v1alpha1.PolicyVersion{UID: p.object.UID, Generation: p.object.Generation}
	if out.Selected = labels.SelectorFromSet(p.object.Spec.NodeSelector).Matches(v.labelsOf(node)); out.Selected {
		e := v.enactments[enactmentKey{name, node}]
		out.Outcome, out.Message = nmstate.Classify(p.object.Ref(), e), e.Message()
	}
	return out
}

// carriedByLabel gives the networks of an uplink's fabric that the labels of a node say it has.
func (v *View) carriedByLabel(u *render.Uplink, node string) []string {
	var out []string
	for _, n := range v.Catalog.HostNetworks() {
		has := v.labelsOf(node)[v1alpha1.NetworkLabelPrefix+n.Object.Name] == v1alpha1.NetworkLabelValue
		if has && n.Object.Spec.PhysicalNetwork == u.Object.Spec.PhysicalNetwork {
			out = append(out, n.Object.Name)
		}
	}
	return out
}
