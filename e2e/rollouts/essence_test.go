package rollouts

import (
	"maps"
	"slices"
	"strings"
)

// essence reduces a snapshot to what two worlds share in which the same is declared, whatever happened in one of them before:
// not how often something was edited, nor the MTU of a NIC, which nobody gives back, nor nodes that are left out: they keep
// what they had. fresh is the snapshot of the world in which nothing happened.
func essence(snapshot, fresh map[string]any) map[string]any {
	leftOut := map[string]bool{}
	for key, value := range fresh {
		if strings.HasPrefix(key, "*v1alpha1.HostUplink ") {
			for _, p := range list(dig(value, "status", "problems")) {
				if dig(p, "progress") == "LeftOut" {
					leftOut[dig(p, "node").(string)] = true
				}
			}
		}
	}
	out := map[string]any{}
	for key, value := range snapshot {
		kind, name, _ := strings.Cut(key, " ")
		node, policy, _ := strings.Cut(name, ".")
		_, known := fresh[key]
		switch {
		case leftOut[node]:
		case kind == "enactment" && policy == foreignPolicy:
		case kind == "policy" && !known && len(leftOut) > 0 && onlyOn(name, snapshot, leftOut):
		case kind == "host":
			out[key] = hostEssence(value.(map[string]any))
		case strings.HasPrefix(kind, "*v1alpha1."):
			out[key] = map[string]any{"spec": dig(value, "spec"), "status": statusEssence(dig(value, "status"))}
		default:
			out[key] = value
		}
	}
	return out
}

// onlyOn says whether all nodes that have a policy are left out.
func onlyOn(policy string, snapshot map[string]any, leftOut map[string]bool) bool {
	for key := range snapshot {
		if node, ok := strings.CutSuffix(key, "."+policy); ok && !leftOut[strings.TrimPrefix(node, "enactment ")] {
			return false
		}
	}
	return true
}

// hostEssence leaves out MTUs of NICs.
func hostEssence(state map[string]any) map[string]any {
	out := maps.Clone(state)
	var interfaces []any
	for _, i := range list(state["interfaces"]) {
		if dig(i, "type") == "ethernet" {
			i = maps.Clone(i.(map[string]any))
			delete(i.(map[string]any), "mtu")
		}
		interfaces = append(interfaces, i)
	}
	out["interfaces"] = interfaces
	return out
}

// statusEssence is what a status says about now.
func statusEssence(status any) map[string]any {
	out := map[string]any{}
	for _, key := range []string{"nodes", "nodesSummary", "networks", "revision", "problems", "eligibleNodes", "readyNodes", "provisioned",
		"bridge", "segment", "uplinks"} {
		if value := dig(status, key); value != nil {
			out[key] = value
		}
	}
	var conditions []string
	for _, c := range list(dig(status, "conditions")) {
		conditions = append(conditions, strings.Join([]string{dig(c, "type").(string), dig(c, "status").(string), dig(c, "reason").(string), dig(c, "message").(string)}, " "))
	}
	slices.Sort(conditions)
	out["conditions"] = conditions
	return out
}

// dig reads plain maps.
func dig(v any, path ...string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
