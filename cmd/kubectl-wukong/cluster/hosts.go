package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// Kinds of kubernetes-nmstate that are read.
var (
	nodeStateKind = nmstate.GroupVersion.WithKind("NodeNetworkState")
	enactmentKind = nmstate.GroupVersion.WithKind("NodeNetworkConfigurationEnactment")
	policyKind    = schema.FromAPIVersionAndKind(render.PolicyAPIVersion, render.PolicyKind)
)

// Uplink gives one HostUplink.
func (c *Cluster) Uplink(ctx context.Context, name string) (*v1alpha1.HostUplink, error) {
	u := &v1alpha1.HostUplink{}
	return u, c.get(ctx, "HostUplink", client.ObjectKey{Name: name}, u)
}

// Nodes gives all nodes.
func (c *Cluster) Nodes(ctx context.Context) ([]corev1.Node, error) {
	list := func() *corev1.NodeList { return &corev1.NodeList{} }
	return pages(ctx, c, "Nodes", list, func(l *corev1.NodeList) []corev1.Node { return l.Items })
}

// NodeStates gives what all nodes report, and the reports themselves by node, as JSON.
func (c *Cluster) NodeStates(ctx context.Context) ([]nmstate.NodeNetworkState, map[string][]byte, error) {
	raw, err := c.Raw(ctx, nodeStateKind, "NodeNetworkStates", "")
	if err != nil {
		return nil, nil, err
	}
	out, reports := make([]nmstate.NodeNetworkState, len(raw)), map[string][]byte{}
	for i := range raw {
		if err := decode(&raw[i], &out[i]); err != nil {
			return nil, nil, err
		}
		if current, found, _ := unstructured.NestedFieldNoCopy(raw[i].Object, "status", "currentState"); found {
			if reports[out[i].Name], err = json.Marshal(current); err != nil {
				return nil, nil, err
			}
		}
	}
	return out, reports, nil
}

// Enactments gives how all policies fare on all nodes.
func (c *Cluster) Enactments(ctx context.Context) ([]nmstate.Enactment, error) {
	raw, err := c.Raw(ctx, enactmentKind, "NodeNetworkConfigurationEnactments", "")
	if err != nil {
		return nil, err
	}
	return decodeAll[nmstate.Enactment](raw)
}

// EnactmentsWith gives the enactments that have a label of kubernetes-nmstate, such as those of one policy or of one node.
func (c *Cluster) EnactmentsWith(ctx context.Context, label, value string) ([]nmstate.Enactment, error) {
	raw, err := c.Raw(ctx, enactmentKind, "NodeNetworkConfigurationEnactments", "", client.MatchingLabels{label: value})
	if err != nil {
		return nil, err
	}
	return decodeAll[nmstate.Enactment](raw)
}

// WholeMessage gives what an enactment says went wrong, word for word; empty where it says nothing.
func (c *Cluster) WholeMessage(ctx context.Context, enactment string) (string, error) {
	raw := &unstructured.Unstructured{}
	raw.SetGroupVersionKind(enactmentKind)
	if err := c.get(ctx, enactmentKind.Kind, client.ObjectKey{Name: enactment}, raw); err != nil {
		return "", err
	}
	conditions, _, _ := unstructured.NestedSlice(raw.Object, "status", "conditions")
	for _, one := range conditions {
		c, _ := one.(map[string]any)
		if text, _ := c["message"].(string); text != "" && c["status"] == "True" && (c["type"] == nmstate.ConditionFailing || c["type"] == nmstate.ConditionAborted) {
			return text, nil
		}
	}
	return "", nil
}

// Policy gives one NodeNetworkConfigurationPolicy, whoever made it.
func (c *Cluster) Policy(ctx context.Context, name string) (*nmstate.Policy, error) {
	raw := &unstructured.Unstructured{}
	raw.SetGroupVersionKind(policyKind)
	if err := c.get(ctx, policyKind.Kind, client.ObjectKey{Name: name}, raw); err != nil {
		return nil, err
	}
	policy := &nmstate.Policy{}
	return policy, decode(raw, policy)
}

// Policies gives all NodeNetworkConfigurationPolicies, whoever made them.
func (c *Cluster) Policies(ctx context.Context) ([]nmstate.Policy, error) {
	raw, err := c.Raw(ctx, policyKind, "NodeNetworkConfigurationPolicies", "")
	if err != nil {
		return nil, err
	}
	return decodeAll[nmstate.Policy](raw)
}

func decodeAll[T any](raw []unstructured.Unstructured) ([]T, error) {
	out := make([]T, len(raw))
	for i := range raw {
		if err := decode(&raw[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decode(raw *unstructured.Unstructured, into any) error {
	text, err := json.Marshal(raw.Object)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s cannot be read: %w", raw.GetKind(), raw.GetName(), err)
	}
	return nil
}

// AnnotateUplink sets an annotation of a HostUplink, or takes it off where the value is empty. The object must be as it was
// read, but for what its status says of the progress of nodes: one that changed meanwhile is an Error with the cause Changed.
func (c *Cluster) AnnotateUplink(ctx context.Context, u *v1alpha1.HostUplink, key, value string, mode DryRun) error {
	var set any
	if value != "" {
		set = value
	}
	for tries := 1; ; tries++ {
		err := c.patchUplink(ctx, u, mode, map[string]any{"metadata": map[string]any{
			"resourceVersion": u.ResourceVersion, "annotations": map[string]any{key: set}}})
		if tries == annotateTries || CauseOf(err) != Changed {
			return err
		}
		now, again := c.Uplink(ctx, u.Name)
		if again != nil || !asRead(u, now) {
			return err
		}
		u = now
	}
}

// annotateTries is how often a HostUplink is read and written whose status changes all the time.
const annotateTries = 10

// asRead says whether a HostUplink still is what was decided about.
func asRead(before, now *v1alpha1.HostUplink) bool {
	return before.UID == now.UID && before.Generation == now.Generation && maps.Equal(before.Annotations, now.Annotations) &&
		before.Status.Revision == now.Status.Revision && before.Status.LastGoodRevision == now.Status.LastGoodRevision
}

// PauseUplink sets spec.paused of a HostUplink, and no other field.
func (c *Cluster) PauseUplink(ctx context.Context, u *v1alpha1.HostUplink, paused bool, mode DryRun) error {
	return c.patchUplink(ctx, u, mode, map[string]any{"spec": map[string]any{"paused": paused}})
}

func (c *Cluster) patchUplink(ctx context.Context, u *v1alpha1.HostUplink, mode DryRun, patch map[string]any) error {
	if mode == DryRunClient {
		return nil
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	c.options.Progress.Say("changing HostUplink %s", u.Name)
	defer c.options.Progress.Done()
	err = c.client.Patch(ctx, u.DeepCopy(), client.RawPatch(types.MergePatchType, text), &client.PatchOptions{DryRun: dryRun(mode)})
	return explain("patch HostUplink "+u.Name, err)
}
