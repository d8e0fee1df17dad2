package lab

import (
	"errors"
	"fmt"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// maxNameLength is what the kernel allows for an interface name (IFNAMSIZ less the terminating zero).
const maxNameLength = 15

// nmstateError is an error of nmstate itself, written as nmstatectl prints it: "Kind: text".
type nmstateError struct{ kind, text string }

func (e *nmstateError) Error() string { return e.kind + ": " + e.text }

func invalid(format string, args ...any) error {
	return &nmstateError{"InvalidArgument", fmt.Sprintf(format, args...)}
}

// parseState reads a desired or current state written as YAML or JSON.
func parseState(text string) (map[string]any, error) {
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("state is not YAML: %w", err)
	}
	state := map[string]any{}
	if err := utiljson.Unmarshal(raw, &state); err != nil {
		return nil, fmt.Errorf("state is not a mapping: %w", err)
	}
	return state, nil
}

// errCapture is returned for policies with captures when no evaluator was given.
var errCapture = errors.New("the lab evaluates no captures: set Options.Capture")

// withVLANDefaults returns the desired state as the handler records it in the enactment: each port of a linux-bridge
// that is up and that lacks the key vlan becomes a trunk of 2-4094. An empty vlan prevents it.
func withVLANDefaults(desired map[string]any) map[string]any {
	out := clone(desired)
	for _, iface := range mappings(out["interfaces"]) {
		if text(iface, "type") != "linux-bridge" || text(iface, "state") != "up" {
			continue
		}
		for _, port := range mappings(dig(iface, "bridge", "port")) {
			if _, ok := port["vlan"]; !ok {
				port["vlan"] = map[string]any{"mode": "trunk", "trunk-tags": []any{
					map[string]any{"id-range": map[string]any{"min": int64(2), "max": int64(4094)}},
				}}
			}
		}
	}
	return out
}

var knownSections = []string{"dns-resolver", "hostname", "interfaces", "ovn", "ovs-db", "route-rules", "routes"}

// wantedInterfaces returns the interfaces of a desired state, or nmstate's objection to their form.
func wantedInterfaces(desired map[string]any) ([]map[string]any, error) {
	for _, key := range sortedKeys(desired) {
		if !slices.Contains(knownSections, key) {
			return nil, invalid("unknown field `%s`", key)
		}
	}
	wanted := mappings(desired["interfaces"])
	if list, _ := desired["interfaces"].([]any); len(list) != len(wanted) {
		return nil, invalid("interfaces: invalid type, expected a list of mappings")
	}
	for i, iface := range wanted {
		name := text(iface, "name")
		if name == "" {
			return nil, invalid("interfaces[%d]: missing field `name`", i)
		}
		if len(name) > maxNameLength && text(iface, "type") != "ovs-bridge" {
			return nil, invalid("connection.interface-name: '%s': interface name is longer than 15 characters", name)
		}
	}
	return wanted, nil
}

// portSections says where each kind of controller lists its ports.
var portSections = map[string][2]string{
	"linux-bridge": {"bridge", "port"},
	"ovs-bridge":   {"bridge", "port"},
	"bond":         {"link-aggregation", "port"},
}

// portsOf returns the names in an interface's port list, and whether it has such a list at all.
func portsOf(iface map[string]any) (ports []string, given bool) {
	section, ok := portSections[text(iface, "type")]
	if !ok {
		return nil, false
	}
	list, given := dig(iface, section[0], section[1]).([]any)
	for _, entry := range list {
		switch port := entry.(type) {
		case string:
			ports = append(ports, port)
		case map[string]any:
			ports = append(ports, text(port, "name"))
		}
	}
	return ports, given
}
