package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/render"
)

// Forms of output.
const (
	outputYAML    = "yaml"
	outputJSON    = "json"
	outputNetplan = "netplan"
)

func outputs() []string { return []string{outputYAML, outputJSON, outputNetplan} }

// print gives what goes to standard output.
func (f *renderFlags) print(plan render.Output) ([]byte, error) {
	switch f.output {
	case outputJSON:
		return printJSON(plan)
	case outputNetplan:
		return printNetplan(plan), nil
	}
	return plan.Manifests()
}

// printJSON gives one List with the objects that Manifests gives.
func printJSON(plan render.Output) ([]byte, error) {
	list := struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Items      []json.RawMessage `json:"items"`
	}{"v1", "List", []json.RawMessage{}}
	for _, object := range plan.Objects() {
		text, err := render.Manifest(object)
		if err != nil {
			return nil, err
		}
		item, err := yaml.YAMLToJSON(text)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, item)
	}
	out, err := json.MarshalIndent(list, "", "  ")
	return append(out, '\n'), err
}

// printNetplan gives the netplan files as YAML documents, each below a comment that says whose it is.
func printNetplan(plan render.Output) []byte {
	var out bytes.Buffer
	for i, guest := range plan.Netplans {
		if i > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "# Wukong %s/%s, VirtualMachine %s\n", guest.Namespace, guest.Wukong, guest.VirtualMachine)
		out.WriteString(strings.TrimRight(guest.Text, "\n") + "\n")
	}
	return out.Bytes()
}
