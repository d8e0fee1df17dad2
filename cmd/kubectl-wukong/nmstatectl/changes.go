package nmstatectl

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/query/hosts"
)

// changesOf reads a desired state and the state that reverts it, which has the present value of everything that the desired one
// mentions. What has the same value in both does not change.
func changesOf(desired, revert []byte) ([]hosts.Change, error) {
	want, err := interfacesOf(desired)
	if err != nil {
		return nil, err
	}
	have, err := interfacesOf(revert)
	if err != nil {
		return nil, err
	}
	var out []hosts.Change
	for _, before := range have {
		name := textOf(before["name"])
		after, mentioned := find(want, name, textOf(before["type"]))
		change := hosts.Change{Interface: name}
		switch {
		case before["state"] == "absent":
			change.Action, change.Message = hosts.ActionCreate, shape(after)
		case mentioned && after["state"] == "absent":
			change.Action, change.Message = hosts.ActionRemove, textOf(before["type"])
		case mentioned:
			var lines []string
			differences("", after, before, &lines)
			if len(lines) == 0 {
				continue
			}
			change.Action, change.Message = hosts.ActionChange, strings.Join(lines, "; ")
		default:
			change.Action, change.Message = hosts.ActionChange, "is changed with the others"
		}
		out = append(out, change)
	}
	slices.SortFunc(out, func(a, b hosts.Change) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Message, b.Message))
	})
	return out, nil
}

func interfacesOf(text []byte) ([]map[string]any, error) {
	var state struct {
		Interfaces []map[string]any `json:"interfaces"`
	}
	err := yaml.Unmarshal(text, &state)
	return state.Interfaces, err
}

// find looks for an interface by name and type: Open vSwitch gives a bridge and its internal port one name. An entry without a
// type is for any.
func find(all []map[string]any, name, kind string) (map[string]any, bool) {
	for _, i := range all {
		if textOf(i["name"]) == name && (i["type"] == nil || textOf(i["type"]) == kind) {
			return i, true
		}
	}
	return nil, false
}

// shape says what a new interface is.
func shape(i map[string]any) string {
	parts := []string{cmp.Or(textOf(i["type"]), "interface")}
	if vlan, ok := i["vlan"].(map[string]any); ok {
		parts = []string{fmt.Sprintf("VLAN %v on %v", vlan["id"], vlan["base-iface"])}
	}
	for _, section := range []string{"bridge", "link-aggregation"} {
		if s, ok := i[section].(map[string]any); ok {
			if ports := names(s["port"]); len(ports) > 0 {
				parts = append(parts, "port "+strings.Join(ports, ", "))
			}
		}
	}
	if mtu := i["mtu"]; mtu != nil {
		parts = append(parts, fmt.Sprintf("mtu %v", mtu))
	}
	return strings.Join(parts, ", ")
}

// names gives the names of ports, which are texts or objects.
func names(list any) []string {
	var out []string
	items, _ := list.([]any)
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			item = object["name"]
		}
		out = append(out, textOf(item))
	}
	slices.Sort(out)
	return out
}

// ignored are keys that name an interface, or that nmstate fills in.
var ignored = map[string]bool{"name": true, "type": true}

// differences writes one line for each value of want that have does not have.
func differences(path string, want, have map[string]any, lines *[]string) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		if path == "" && ignored[key] {
			continue
		}
		a, b := want[key], have[key]
		objectA, isObject := a.(map[string]any)
		objectB, _ := b.(map[string]any)
		switch {
		case isObject:
			differences(at, objectA, objectB, lines)
		case key == "port":
			portDifferences(at, a, b, lines)
		case !same(a, b):
			*lines = append(*lines, fmt.Sprintf("%s: %s → %s", at, value(b), value(a)))
		}
	}
}

// portDifferences compares ports by name, and the VLAN filters of those that stay.
func portDifferences(at string, want, have any, lines *[]string) {
	if a, b := names(want), names(have); !slices.Equal(a, b) {
		*lines = append(*lines, fmt.Sprintf("%s: %s → %s", at, listed(b), listed(a)))
	}
	for _, item := range asList(want) {
		port, ok := item.(map[string]any)
		if !ok {
			continue
		}
		before, found := find(asObjects(have), textOf(port["name"]), "")
		if !found {
			continue
		}
		a, _ := port["vlan"].(map[string]any)
		b, _ := before["vlan"].(map[string]any)
		if len(a) == 0 && len(b) == 0 {
			continue
		}
		if len(a) == 0 {
			*lines = append(*lines, fmt.Sprintf("%s.%s.vlan: %s → none", at, textOf(port["name"]), value(b)))
			continue
		}
		differences(at+"."+textOf(port["name"])+".vlan", a, b, lines)
	}
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func asObjects(v any) []map[string]any {
	var out []map[string]any
	for _, item := range asList(v) {
		if object, ok := item.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// same compares values. Nothing, false and an empty list mean the same where they are the value of a switch.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || empty(a) && empty(b)
}

func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case bool:
		return !x
	case []any:
		return len(x) == 0
	}
	return false
}

func value(v any) string {
	if v == nil {
		return "none"
	}
	switch v.(type) {
	case map[string]any, []any:
		text, err := yaml.Marshal(v)
		if err == nil {
			return strings.Join(strings.Fields(string(text)), " ")
		}
	}
	return fmt.Sprint(v)
}

func textOf(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
