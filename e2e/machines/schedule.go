package machines

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// schedule picks the node for a pod: of those that fit, the one with the fewest launcher pods, by name. Without one it says why,
// as the scheduler does.
func schedule(pod *corev1.Pod, nodes []corev1.Node, load map[string]int) (node, why string) {
	reasons := map[string]int{}
	var fitting []string
	for i := range nodes {
		if reason := misfit(pod, &nodes[i]); reason != "" {
			reasons[reason]++
			continue
		}
		fitting = append(fitting, nodes[i].Name)
	}
	if len(fitting) > 0 {
		return slices.MinFunc(fitting, func(a, b string) int { return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(a, b)) }), ""
	}
	var said []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		said = append(said, fmt.Sprintf("%d %s", reasons[reason], reason))
	}
	return "", fmt.Sprintf("0/%d nodes are available: %s.", len(nodes), strings.Join(said, ", "))
}

// misfit says why a pod may not run on a node; empty is that it may.
func misfit(pod *corev1.Pod, node *corev1.Node) string {
	ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	switch {
	case !ready || !node.DeletionTimestamp.IsZero():
		return "node(s) were not ready"
	case node.Spec.Unschedulable:
		return "node(s) were unschedulable"
	case !tolerates(pod.Spec.Tolerations, node.Spec.Taints):
		return "node(s) had untolerated taint(s)"
	case !labels.SelectorFromSet(pod.Spec.NodeSelector).Matches(labels.Set(node.Labels)) || !matchesAffinity(pod.Spec.Affinity, node):
		return "node(s) didn't match Pod's node affinity/selector"
	}
	return ""
}

func tolerates(tolerations []corev1.Toleration, taints []corev1.Taint) bool {
	return !slices.ContainsFunc(taints, func(taint corev1.Taint) bool {
		return taint.Effect != corev1.TaintEffectPreferNoSchedule &&
			!slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool { return toleratesTaint(t, taint) })
	})
}

func toleratesTaint(t corev1.Toleration, taint corev1.Taint) bool {
	effect := t.Effect == "" || t.Effect == taint.Effect
	key := t.Key == "" || t.Key == taint.Key
	value := t.Operator == corev1.TolerationOpExists || t.Value == taint.Value
	return effect && key && value
}

// matchesAffinity looks at what is required of the node: one term has to match as a whole.
func matchesAffinity(affinity *corev1.Affinity, node *corev1.Node) bool {
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return true
	}
	terms := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	return slices.ContainsFunc(terms, func(term corev1.NodeSelectorTerm) bool {
		if len(term.MatchExpressions)+len(term.MatchFields) == 0 {
			return false // as documented, an empty term matches nothing
		}
		fields := map[string]string{"metadata.name": node.Name}
		return all(term.MatchExpressions, node.Labels) && all(term.MatchFields, fields)
	})
}

func all(requirements []corev1.NodeSelectorRequirement, have map[string]string) bool {
	return !slices.ContainsFunc(requirements, func(r corev1.NodeSelectorRequirement) bool { return !holds(r, have) })
}

var operators = map[corev1.NodeSelectorOperator]selection.Operator{
	corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn, corev1.NodeSelectorOpExists: selection.Exists,
	corev1.NodeSelectorOpDoesNotExist: selection.DoesNotExist,
}

func holds(r corev1.NodeSelectorRequirement, have map[string]string) bool {
	if r.Operator == corev1.NodeSelectorOpGt || r.Operator == corev1.NodeSelectorOpLt {
		return holdsNumber(r, have[r.Key])
	}
	requirement, err := labels.NewRequirement(r.Key, operators[r.Operator], r.Values)
	return err == nil && requirement.Matches(labels.Set(have))
}

func holdsNumber(r corev1.NodeSelectorRequirement, value string) bool {
	have, err := strconv.ParseInt(value, 10, 64)
	if err != nil || len(r.Values) != 1 {
		return false
	}
	bound, err := strconv.ParseInt(r.Values[0], 10, 64)
	return err == nil && ((r.Operator == corev1.NodeSelectorOpGt && have > bound) || (r.Operator == corev1.NodeSelectorOpLt && have < bound))
}
