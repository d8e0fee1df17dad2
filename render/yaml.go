package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	goyaml "go.yaml.in/yaml/v2"
)

// yamlOf writes a value as YAML, byte for byte as sigs.k8s.io/yaml does, and by the library below it. That one reads the JSON
// of a value as YAML before it writes it, which takes longer than everything else that is done for a Wukong.
func yamlOf(value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	plain, err := plainOf(raw)
	if err != nil {
		return nil, err
	}
	return goyaml.Marshal(plain)
}

// plainOf reads JSON into maps, lists, texts and numbers. Whole numbers stay whole.
func plainOf(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var out any
	if err := decoder.Decode(&out); err != nil {
		return nil, err
	}
	return withNumbers(out)
}

// withNumbers turns the numbers of a value into those of Go, in place.
func withNumbers(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		for key, item := range v {
			if v[key], err = withNumbers(item); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, item := range v {
			if v[i], err = withNumbers(item); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func number(n json.Number) (any, error) {
	if whole, err := n.Int64(); err == nil {
		return whole, nil
	}
	if whole, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return whole, nil
	}
	out, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("%s is a number that nothing can hold: %w", n, err)
	}
	return out, nil
}
