package nmstate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/nmstate"
)

func files(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(name), ".json")] = raw
	}
	return out
}

func TestNmstatectlAcceptsEveryShape(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	for name, golden := range files(t, "states") {
		t.Run(name, func(t *testing.T) {
			state, err := nmstate.Parse(golden, nil)
			if err != nil {
				t.Fatal(err)
			}
			formatted, err := judge.Format(t.Context(), state.Marshal())
			if err != nil {
				t.Fatalf("format: %v", err)
			}
			// What nmstate writes back has the same meaning: nothing was dropped on the way. It names the type that is not
			// given.
			formatted = bytes.ReplaceAll(formatted, []byte("  type: unknown\n"), nil)
			if again, err := nmstate.Parse(formatted, nil); err != nil || again.Hash() != state.Hash() {
				t.Errorf("nmstatectl reads something else (%v):\n%s\nfrom\n%s", err, formatted, state.Marshal())
			}
			// A state without types says nothing without a node; TestNmstatectlAgreesWithTheChecks has nodes.
			if bytes.Contains(formatted, []byte("type: ethernet")) {
				if err := judge.Validate(t.Context(), state.Marshal(), nil); err != nil {
					t.Errorf("validate: %v", err)
				}
			}
		})
	}
}

func TestNmstatectlAcceptsTheNodesOfTheTests(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	for name, node := range files(t, "nodes") {
		t.Run(name, func(t *testing.T) {
			if _, err := judge.Format(t.Context(), node); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every shape can be applied where the checks pass, whether its untyped uplink is a NIC or a bond there, and taken back.
func TestNmstatectlAgreesWithTheChecks(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	// passing says how many shapes fit each kind of node at least, so that the test says something.
	for name, passing := range map[string]int{"worker": 3, "plain": 14, "existing-bond": 9, "vlans-there": 10, "machines": 1, "ovs-node": 12, "ovn": 1} {
		t.Run(name, func(t *testing.T) {
			current := files(t, "nodes")[name]
			node := nmstate.ParseNodeState(current)
			passed := 0
			for shape, golden := range files(t, "states") {
				state, err := nmstate.Parse(golden, nil)
				if err != nil {
					t.Fatal(err)
				}
				if nmstate.CheckTarget(nmstate.TargetCheck{Node: node, Target: state}) != nil {
					continue
				}
				passed++
				if err := judge.Validate(t.Context(), state.Marshal(), current); err != nil {
					t.Errorf("%s passes the checks on the node, and nmstatectl refuses it: %v", shape, err)
				}
				if len(state.Removed()) > 0 {
					continue // what a removal takes away, its reverse does not tell from what was never there
				}
				if _, err := judge.Policy(t.Context(), append([]byte(`{"desiredState":`), append(state.Marshal(), '}')...), current); err != nil {
					t.Errorf("%s as a policy: %v", shape, err)
				}
				judgeRevert(t, judge, node, state, current)
			}
			if passed < passing {
				t.Errorf("only %d shapes pass the checks: the test says little", passed)
			}
		})
	}
}

// judgeRevert compares what nmstate itself would do to take a state back with our removal: it takes away what we built and the
// node did not have, and nothing else.
func judgeRevert(t *testing.T, judge *parts.Nmstatectl, node nmstate.Node, state nmstate.State, current []byte) {
	t.Helper()
	raw, err := judge.Revert(t.Context(), state.Marshal(), current)
	if err != nil {
		t.Errorf("gr of %s: %v", state.Marshal(), err)
		return
	}
	var revert struct {
		Interfaces []struct {
			Name  string                 `json:"name"`
			Type  nmstate.InterfaceType  `json:"type"`
			State nmstate.InterfaceState `json:"state"`
		} `json:"interfaces"`
	}
	if err := yaml.Unmarshal(raw, &revert); err != nil {
		t.Fatalf("gr gives %s: %v", raw, err)
	}
	theirs := map[string]bool{}
	for _, i := range revert.Interfaces {
		if i.State == nmstate.Absent {
			theirs[i.Name] = true
		}
	}
	ours := map[string]bool{}
	for _, r := range nmstate.Removal(nmstate.State{}, state.Built(), nil).Removed() {
		if _, there := node.Interface(r.Name); !there {
			ours[r.Name] = true
		}
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("what is taken away of %s (-nmstatectl +ours):\n%s", state.Marshal(), diff)
	}
}

// An entry without a type needs the interface on the node: nmstate looks its type up there. The checks refuse such a node first.
func TestAnUntypedUplinkMustBeThere(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	state := []byte(`{"interfaces":[{"name":"eth9","state":"up","ipv4":{"enabled":false}}]}`)
	for name, current := range files(t, "nodes") {
		if err := judge.Validate(t.Context(), state, current); err == nil {
			t.Errorf("nmstatectl accepts eth9 on %s, which lacks it", name)
		}
		parsed, err := nmstate.Parse(state, nil)
		if err != nil {
			t.Fatal(err)
		}
		refusal := nmstate.CheckTarget(nmstate.TargetCheck{Node: nmstate.ParseNodeState(current), Target: parsed})
		if refusal == nil || refusal.Reason != nmstate.RefusedUplinkMissing {
			t.Errorf("%s: %v", name, refusal)
		}
	}
}

func TestNmstatectlRefusesWhatTheDocumentsMustNotHold(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	cases := map[string]string{
		"an unknown field":       `{"interfaces":[{"name":"br0","type":"linux-bridge","state":"up","brigde":{"port":[]}}]}`,
		"a trunk without tags":   `{"interfaces":[{"name":"br0","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth1","vlan":{"mode":"trunk"}}]}},{"name":"eth1","type":"ethernet","state":"up"}]}`,
		"a port in two bridges":  `{"interfaces":[{"name":"br0","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth1","vlan":{}}]}},{"name":"br1","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth1","vlan":{}}]}},{"name":"eth1","type":"ethernet","state":"up"}]}`,
		"a VLAN base that goes":  `{"interfaces":[{"name":"b0","type":"bond","state":"absent"},{"name":"b0.5","type":"vlan","state":"up","vlan":{"base-iface":"b0","id":5}}]}`,
		"an MTU that is no unit": `{"interfaces":[{"name":"eth1","type":"ethernet","state":"up","mtu":"big"}]}`,
	}
	for name, state := range cases {
		t.Run(name, func(t *testing.T) {
			if err := judge.Validate(t.Context(), []byte(state), nil); err == nil {
				t.Errorf("nmstatectl accepts %s", state)
			}
		})
	}
}
