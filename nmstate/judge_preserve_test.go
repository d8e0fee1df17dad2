package nmstate_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/nmstate"
)

// preserved gives the states of nodes and, by the name of a case, its policy.
func preserved(t *testing.T) (nodes, policies map[string][]byte) {
	t.Helper()
	policies = map[string][]byte{}
	for name, raw := range files(t, "preserve") {
		policies[strings.TrimSuffix(name, ".policy")] = raw
	}
	return files(t, filepath.Join("preserve", "nodes")), policies
}

// The files *.rendered.yaml are what real nmstatectl makes of the policies on the nodes: what is applied there.
func TestNmstatectlMovesTheAddressesOfTheNode(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	nodes, policies := preserved(t)
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			nodeName, _, _ := strings.Cut(name, ".")
			node := nodes[nodeName]
			rendered, err := judge.Policy(t.Context(), policy, node)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "preserve", name+".rendered.yaml")
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(file, rendered, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(document(t, golden), document(t, rendered)); diff != "" {
				t.Errorf("rendered (-want +got):\n%s", diff)
			}
			if err := judge.Validate(t.Context(), rendered, node); err != nil {
				t.Errorf("nmstatectl would not apply it: %v", err)
			}
		})
	}
}

func document(t *testing.T, raw []byte) any {
	t.Helper()
	var out any
	if err := yaml.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A policy that moved addresses may be tried again at any time, as after a change of the node's labels.
func TestNmstatectlFailsWhereTheAddressesHaveMovedAlready(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	nodes, policies := preserved(t)
	after := map[string]string{
		"dhcp.to-bridge": "dhcp-moved", "static.to-bridge": "static-moved", "dual-stack.to-bridge": "dual-stack-moved", "bond.to-bridge": "bond-moved",
		"dhcp-moved.back": "dhcp", "static-moved.back": "static", "dual-stack-moved.back": "dual-stack", "bond-moved.back": "bond",
	}
	for name, node := range after {
		rendered, err := judge.Policy(t.Context(), policies[name], nodes[node])
		if err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("%s on %s: %v\n%s", name, node, err, rendered)
		}
	}
}

// The steady revision follows the move, and is applied again and again.
func TestTheSteadyRevisionLeavesTheMovedAddressesAlone(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	nodes, policies := preserved(t)
	for _, name := range []string{"dhcp", "static", "dual-stack", "bond"} {
		var policy struct {
			Capture      map[string]string `json:"capture"`
			DesiredState json.RawMessage   `json:"desiredState"`
		}
		if err := json.Unmarshal(policies[name+".to-bridge"], &policy); err != nil {
			t.Fatal(err)
		}
		steady, err := nmstate.Parse(policy.DesiredState, nil)
		if err != nil {
			t.Fatal(err)
		}
		steady.Routes = nil // what is left is the steady revision
		for k := range steady.Interfaces {
			if i := &steady.Interfaces[k]; i.Name == "br-lan" {
				i.MACAddress, i.IPv4, i.IPv6 = "", nil, nil
			} else {
				i.Type = nmstate.AnyType
			}
		}
		node := nodes[name+"-moved"]
		if err := judge.Validate(t.Context(), steady.Marshal(), node); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		undo, err := judge.Revert(t.Context(), steady.Marshal(), node)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"ipv4", "ipv6", "mac-address", "routes", "dns-resolver"} {
			if strings.Contains(string(undo), word) {
				t.Errorf("%s: the steady revision changes %s; this would undo it:\n%s", name, word, undo)
			}
		}
	}
}
