package gitops

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// at makes a revision of an object whose manifest is given.
func at(t *testing.T, number int64, text string) revision {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	raw, err := object.MarshalJSON() // numbers as a client reads them
	if err == nil {
		err = object.UnmarshalJSON(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return revision{number: number, id: idOf(object), object: object}
}

// of is an object of ours of generation 2, with conditions of a generation.
func of(kind, name, spec string, observed int, conditions ...string) string {
	out := fmt.Sprintf("apiVersion: vm.novasphere.dev/v1alpha1\nkind: %s\nmetadata: {name: %s, generation: 2, uid: u}\nspec: %s\nstatus:\n  observedGeneration: %d\n  conditions:\n",
		kind, name, spec, observed)
	for _, c := range conditions {
		typ, status, _ := strings.Cut(c, "=")
		out += fmt.Sprintf("  - {type: %s, status: %q, reason: Reason, message: text, observedGeneration: %d}\n", typ, status, observed)
	}
	return out
}

func TestTheJudgesFindWhatIsWrongInARecording(t *testing.T) {
	const (
		always = "{physicalNetwork: lan, provision: Always}"
		fabric = "{physicalNetwork: lan, nodeSelector: {}, interface: eth1}"
		held   = "{networks: [{name: lan, ipConfig: {mode: static, address: 192.0.2.1/24}}]}"
		kept   = "{segment: {physicalNetwork: lan}, reason: test, addresses: [192.0.2.1-192.0.2.9]}"
		node   = "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\n"
		lease  = "apiVersion: vm.novasphere.dev/v1alpha1\nkind: AddressLease\nmetadata: {name: l}\nspec: {address: 192.0.2.3, segment: lan, phase: Allocated, since: null}\n"
	)
	for name, c := range map[string]struct {
		recording []string
		problems  []told
		want      string
	}{
		"a network that no host has": {
			recording: []string{node, of("HostUplink", "workers", fabric, 2, "Ready=True"), of("HostNetwork", "lan", always, 2, "Ready=True")},
			want:      "HostNetwork /lan: reads current: node-a has carried out no policy of HostUplink workers"},
		"a network without an uplink": {
			recording: []string{of("HostNetwork", "lan", always, 2, "Ready=True")},
			want:      "no HostUplink leads to it"},
		"a Wukong without its lease": {
			recording: []string{of("Wukong", "web", held, 2, "Ready=True")},
			want:      "network lan holds no lease of what it asks for"},
		"a reservation of an address that is held": {
			recording: []string{lease, of("AddressReservation", "late", kept, 2, "Ready=True")},
			want:      "192.0.2.3 is held by lease l"},
		"a condition of an earlier generation": {
			recording: []string{strings.Replace(of("AddressPool", "few", "{}", 2, "Ready=True"), "observedGeneration: 2}", "observedGeneration: 1}", 1)},
			want:      "breaks a rule of Flux"},
		"Ready and Stalled": {
			recording: []string{of("AddressPool", "few", "{}", 2, "Ready=True", "Stalled=True")},
			want:      "Ready condition must be False when Stalled"},
		"a status that says nothing": {
			recording: []string{of("AddressPool", "few", "{}", 2)},
			want:      "kstatus reads Current, and Argo CD Progressing"},
		"a problem that is not told at once": {
			recording: []string{of("AddressPool", "few", "{}", 2, "Ready=False", "Reconciling=True"), of("AddressPool", "few", "{}", 2, "Ready=False", "Stalled=True")},
			problems:  []told{{pool("few"), 2, "Reason"}},
			want:      "the first status of generation 2 reads InProgress and Progressing"},
		"a problem that is never told": {
			problems: []told{{pool("few"), 2, "Reason"}},
			want:     "AddressPool /few has no status of generation 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var recording []revision
			for i, text := range c.recording {
				recording = append(recording, at(t, int64(i+1), text))
			}
			got := strings.Join(verdicts(t.Context(), newJudges(t), recording, c.problems), "\n")
			if !strings.Contains(got, c.want) {
				t.Errorf("the judges say\n%s\nand should say %q", got, c.want)
			}
		})
	}
}
