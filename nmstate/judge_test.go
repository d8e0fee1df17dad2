package nmstate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
			// What nmstate writes back has the same meaning: nothing was dropped on the way.
			if again, err := nmstate.Parse(formatted, nil); err != nil || again.Hash() != state.Hash() {
				t.Errorf("nmstatectl reads something else (%v):\n%s\nfrom\n%s", err, formatted, state.Marshal())
			}
			if err := judge.Validate(t.Context(), state.Marshal(), nil); err != nil {
				t.Errorf("validate: %v", err)
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

// The order of a removal on a node, as nmstatectl sees it: every shape can be applied where the checks pass, and taken back.
func TestNmstatectlAgreesWithTheChecks(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	current := files(t, "nodes")["worker"]
	node := nmstate.ParseNodeState(current)
	passed := 0
	for name, golden := range files(t, "states") {
		state, err := nmstate.Parse(golden, nil)
		if err != nil {
			t.Fatal(err)
		}
		if nmstate.CheckTarget(nmstate.TargetCheck{Node: node, Target: state}) != nil {
			continue
		}
		passed++
		if err := judge.Validate(t.Context(), state.Marshal(), current); err != nil {
			t.Errorf("%s passes the checks on the node, and nmstatectl refuses it: %v", name, err)
		}
	}
	if passed < 3 {
		t.Errorf("only %d shapes pass the checks: the test says little", passed)
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
