package render_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pinned are the policies of golden cases, one for each kind of network and uplink. A name stands for what the policy says.
var pinned = map[string][]string{
	"kind-bond":           {"wukong-workers-4nrhqbf6fk"},
	"kind-existing-bond":  {"wukong-workers-em4fwqcky7"},
	"kind-macvlan":        {"wukong-workers-e4ltiayu46"},
	"kind-ovs":            {"wukong-workers-w5jdm773hn"},
	"kind-sriov-with-vfs": {"wukong-workers-yyt75zatr3"},
	"kind-trunk":          {"wukong-workers-5ptqyjoh57"},
	"kind-trunk-on-bond":  {"wukong-workers-m2kyyzs6ou"},
	"kinds-on-one-uplink": {"wukong-workers-4kmjhekga7"},
	"preserve":            {"wukong-primary-ad2fhvpemq", "wukong-second-b7eqxg2bra"},
	"vlan-alone":          {"wukong-workers-6wtuppofdc"},
	"examples-together":   {"wukong-stand-in-qwfni33bgj"},
}

var policyName = regexp.MustCompile(`(?m)^  name: (wukong-\S+)$`)

// TestNamesOfRevisionsNeverChange pins them. Another name is another revision, to which every node of such an uplink is moved when the
// controller is upgraded. Where that is meant, docs/upgrade.md says how it is announced.
func TestNamesOfRevisionsNeverChange(t *testing.T) {
	for name, want := range pinned {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name, "policies.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, match := range policyName.FindAllStringSubmatch(string(text), -1) {
				got = append(got, match[1])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("an upgrade would move nodes (-pinned +rendered):\n%s", diff)
			}
		})
	}
}
