package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// What engineers ask of a HostUplink by annotations. They stand beside the spec because they are about one moment: a pipeline
// that applies the spec again neither repeats them nor takes them back.

// abandoned says whether an engineer gave the node up.
func abandoned(u *v1alpha1.HostUplink, node string) bool {
	return render.Lists(u, v1alpha1.AbandonAnnotation, node)
}

// rollBack gives the revision to go to instead of the one that is declared, if an engineer refused that one.
func (s *uplinkScope) rollBack(declared *render.Revision) *render.Revision {
	if declared == nil || s.uplink.Annotations[v1alpha1.RollbackAnnotation] != declared.Name {
		return nil
	}
	good := s.uplink.Status.LastGoodRevision
	p, known := s.policies[strings.TrimPrefix(good, render.PolicyName(s.uplink.Name, ""))]
	if good == "" || good == declared.Name || !known || !p.intact {
		return nil
	}
	return &render.Revision{Uplink: s.uplink.Name, Hash: p.hash, Name: good, State: p.state, Raw: p.state.Marshal(), Networks: s.networksIn(p.state)}
}

// answer takes annotations off whose request is answered: every failing node that was to be tried again is, or needs it no
// more; and another revision than the refused one is declared.
func (r *HostUplinkReconciler) answer(ctx context.Context, s *uplinkScope) error {
	var done []string
	if _, asked := s.uplink.Annotations[v1alpha1.RetryAnnotation]; asked && !s.retryPending() {
		done = append(done, v1alpha1.RetryAnnotation)
	}
	refused, asked := s.uplink.Annotations[v1alpha1.RollbackAnnotation]
	if asked && s.declared != nil && s.declared.Name != refused {
		done = append(done, v1alpha1.RollbackAnnotation)
	}
	if len(done) == 0 || !s.uplink.DeletionTimestamp.IsZero() {
		return nil
	}
	var parts []string
	for _, name := range done {
		parts = append(parts, fmt.Sprintf("%q:null", name))
	}
	patch := fmt.Sprintf(`{"metadata":{"resourceVersion":%q,"annotations":{%s}}}`, s.uplink.ResourceVersion, strings.Join(parts, ","))
	status := s.uplink.Status
	if err := r.Patch(ctx, s.uplink, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return err
	}
	s.uplink.Status = status
	s.before.ObjectMeta = *s.uplink.ObjectMeta.DeepCopy()
	return nil
}

// retryPending says whether a node that is to be tried again failed and was not asked yet, such as while the rollout is paused.
func (s *uplinkScope) retryPending() bool {
	return slices.ContainsFunc(s.members, func(m *member) bool {
		return m.rollout.Outcome.Failed() && render.Lists(s.uplink, v1alpha1.RetryAnnotation, m.node.Name) && !s.acts(m.node.Name)
	})
}

// acts says whether the plan has an action for the node.
func (s *uplinkScope) acts(node string) bool {
	return slices.ContainsFunc(s.plan.Retries, func(r nmstate.NodeRevision) bool { return r.Node == node }) ||
		slices.ContainsFunc(s.plan.Moves, func(m nmstate.Move) bool { return m.Node == node })
}
