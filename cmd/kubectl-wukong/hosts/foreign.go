package hosts

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// foreignPolicy is a policy that was made by somebody else: two policies that name one interface undo each other's work.
type foreignPolicy struct {
	name     string
	selector map[string]string
	// names are the interfaces that it lists, and the ports that it gives to bridges and bonds.
	names map[string]bool
}

// foreignPolicies reads the policies that no HostUplink owns, by label and UID together, leniently: what cannot be read names
// nothing.
func (v *View) foreignPolicies() []foreignPolicy {
	owners := map[string]bool{}
	for i := range v.HostUplinks {
		owners[string(v.HostUplinks[i].UID)] = v.HostUplinks[i].UID != ""
	}
	var out []foreignPolicy
	for i := range v.Policies {
		p := &v.Policies[i]
		labelled := p.Labels[v1alpha1.UplinkLabel] != "" || p.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy
		if !labelled || !owners[p.Annotations[v1alpha1.OwnerUIDAnnotation]] {
			out = append(out, readForeign(p))
		}
	}
	return out
}

// knowing gives the view with the policies that belong to a HostUplink in an earlier one not counted as somebody else's: the
// HostUplink may be gone here.
func (v *View) knowing(earlier *View) *View {
	out := *v
	out.foreign = slices.DeleteFunc(slices.Clone(v.foreign), func(p foreignPolicy) bool {
		_, known := earlier.policies[p.name]
		return known && !slices.ContainsFunc(earlier.foreign, func(e foreignPolicy) bool { return e.name == p.name })
	})
	return &out
}

func readForeign(p *render.Policy) foreignPolicy {
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
		mentioned := append([]any{i.Name}, i.LinkAggregation.Port...)
		for _, port := range i.Bridge.Port {
			mentioned = append(mentioned, port.Name)
		}
		for _, name := range mentioned {
			if name != nil {
				out.names[fmt.Sprint(name)] = true
			}
		}
	}
	return out
}

// namedElsewhere refuses a state that names an interface which somebody else's policy configures on the node.
func (v *View) namedElsewhere(node string, state nmstate.State) *nmstate.Refusal {
	have := v.labelsOf(node)
	for _, p := range v.foreign {
		if !labels.SelectorFromSet(p.selector).Matches(have) {
			continue
		}
		for _, i := range state.Canonical().Interfaces {
			if p.names[i.Name] {
				return &nmstate.Refusal{Reason: v1alpha1.ReasonUplinkNamedByPolicy, Message: fmt.Sprintf(
					"policy %q, which was not made here, configures %s on this node: take %s out of it, or the node out of its nodeSelector", p.name, i.Name, i.Name)}
			}
		}
	}
	return nil
}
