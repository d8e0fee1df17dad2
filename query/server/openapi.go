package server

import (
	_ "embed"
	"fmt"

	"sigs.k8s.io/yaml"
)

// openAPI describes the paths, their parameters and their answers.
//
//go:embed openapi.yaml
var openAPI []byte

// openAPIJSON is the same as JSON.
func openAPIJSON() ([]byte, error) {
	out, err := yaml.YAMLToJSON(openAPI)
	if err != nil {
		return nil, fmt.Errorf("the description of the query server: %w", err)
	}
	return out, nil
}
