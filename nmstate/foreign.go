package nmstate

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// ForeignPolicy is a policy that was made by somebody else. Two policies that name one interface undo each other's work.
type ForeignPolicy struct {
	Name     string
	Selector map[string]string
	// Interfaces are those that it lists, and the ports that it gives to bridges and bonds.
	Interfaces map[string]bool
}

// ReadForeign reads the desired state of somebody else's policy, YAML or JSON, leniently: what cannot be read names nothing.
func ReadForeign(name string, selector map[string]string, desired []byte) ForeignPolicy {
	out := ForeignPolicy{Name: name, Selector: selector, Interfaces: map[string]bool{}}
	var state struct {
		Interfaces []json.RawMessage `json:"interfaces"`
	}
	if yaml.Unmarshal(desired, &state) != nil {
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
				out.Interfaces[fmt.Sprint(name)] = true
			}
		}
	}
	return out
}

// Selects says whether the policy selects a node with these labels.
func (p ForeignPolicy) Selects(node map[string]string) bool {
	return labels.SelectorFromSet(p.Selector).Matches(labels.Set(node))
}

// CheckForeign refuses a state that names an interface which a policy of somebody else configures on a node with these labels.
// The first of the policies that does is named.
func CheckForeign(policies []ForeignPolicy, node map[string]string, state State) *Refusal {
	for _, p := range policies {
		if name, conflicts := p.conflictsWith(state); conflicts && p.Selects(node) {
			return refuse(RefusedUplinkNamedByPolicy,
				"policy %q, which was not made here, configures %s on this node: take %s out of it, or the node out of its nodeSelector", p.Name, name, name)
		}
	}
	return nil
}

// conflictsWith gives the first interface of a state that the policy names too.
func (p ForeignPolicy) conflictsWith(state State) (string, bool) {
	for _, i := range state.Canonical().Interfaces {
		if p.Interfaces[i.Name] {
			return i.Name, true
		}
	}
	return "", false
}
