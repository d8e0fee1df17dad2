package function

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Which policies are added.
const (
	policiesExternal = "External"
	policiesAll      = "All"
)

// chosen reads the functionConfig: spec.policies, or data.policies of a ConfigMap.
func chosen(config *yaml.RNode) (string, error) {
	if config.IsNilOrEmpty() {
		return policiesExternal, nil
	}
	section := "spec"
	if config.GetKind() == "ConfigMap" {
		section = "data"
	}
	settings := config.Field(section)
	if settings == nil || settings.Value.IsNilOrEmpty() {
		return policiesExternal, nil
	}
	names, err := settings.Value.Fields()
	if err != nil {
		return "", fmt.Errorf("functionConfig: %s: must have fields: %w", section, err)
	}
	for _, name := range names {
		if name != "policies" {
			return "", fmt.Errorf("functionConfig: %s.%s: is not known: the one setting is policies", section, name)
		}
	}
	value := yaml.GetValue(settings.Value.Field("policies").Value)
	if !slices.Contains([]string{policiesExternal, policiesAll}, value) {
		return "", fmt.Errorf("functionConfig: %s.policies: %q is not known: write %s or %s", section, value, policiesExternal, policiesAll)
	}
	return value, nil
}
