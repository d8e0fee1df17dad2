package hosts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/query/hosts"
)

// Nothing is under way on a node that came back, or lost its label: it waits for its turn, as the controller has it.
func TestANodeThatCameBackWaitsForItsTurn(t *testing.T) {
	const label, proof = ", uplink.vm.novasphere.dev/workers: s4rmkd3aye}", ", annotations: {applied.uplink.vm.novasphere.dev/workers: s4rmkd3aye}"
	for name, changes := range map[string][]string{
		"it lost its label":         {label + proof, "}" + proof},
		"it came back without both": {label + proof, "}", "  networks: [lab, lab-100]", "  departed: [{node: node-d, revision: wukong-workers-s4rmkd3aye, since: \"2026-01-31T12:00:00Z\"}]\n  networks: [lab, lab-100]"},
	} {
		t.Run(name, func(t *testing.T) {
			node, _ := hosts.NewView(copied(t, changes...)).Status("workers", time.Time{}).Uplink("workers").Node("node-d")
			if diff := cmp.Diff("Waiting (Queued): waits for its turn: 1 of 1 nodes are in transition", node.Words()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// pipeline is a node whose handler carries the policy of a pipeline out once more.
const pipeline = `
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata: {name: piped, generation: 1}
spec: {physicalNetwork: piped, nodeSelector: {}, interface: eth1, management: External, externalPolicy: from-git}
status: {observedGeneration: 1, revision: from-git, networks: [piped], provenPolicy: {uid: p-1, generation: 3}}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostNetwork
metadata: {name: piped, generation: 1}
spec: {physicalNetwork: piped, provision: Always}
status: {observedGeneration: 1, provisioned: true, segment: piped, bridge: br-piped}
---
apiVersion: v1
kind: Node
metadata: {name: node-a, labels: {network.vm.novasphere.dev/piped: "true"}}
---
apiVersion: nmstate.io/v1beta1
kind: NodeNetworkState
metadata: {name: node-a}
status:
  currentState:
    interfaces:
    - {name: eth1, type: ethernet, state: up, controller: br-piped}
    - {name: br-piped, type: linux-bridge, state: up, bridge: {port: [{name: eth1}]}}
---
apiVersion: nmstate.io/v1
kind: NodeNetworkConfigurationPolicy
metadata: {name: from-git, uid: p-1, generation: 3}
spec: {desiredState: {interfaces: [{name: br-piped, type: linux-bridge, state: up, bridge: {port: [{name: eth1, vlan: {}}]}}]}}
---
apiVersion: nmstate.io/v1beta1
kind: NodeNetworkConfigurationEnactment
metadata: {name: node-a.from-git, labels: {nmstate.io/policy: from-git, nmstate.io/node: node-a}}
status: {policyGeneration: 3, conditions: [{type: Progressing, status: "True"}]}
`

func TestWhereANodeStandsWithThePolicyOfAPipeline(t *testing.T) {
	for name, test := range map[string]struct {
		changes []string
		want    string
	}{
		"it is proved to have it, and carries it out once more": {nil, "Applied"},
		"another version of it was proved":                      {[]string{"provenPolicy: {uid: p-1, generation: 3}", "provenPolicy: {uid: p-1, generation: 2}"}, "Applying"},
		"it was never seen to have it":                          {[]string{`{network.vm.novasphere.dev/piped: "true"}`, "{a: b}"}, "Applying"},
		"it does not show what was built":                       {[]string{"controller: br-piped}", "controller: br-other}", "port: [{name: eth1}]", "port: []"}, "Applying"},
		"it is not ready, and was never seen to have it": {[]string{`{network.vm.novasphere.dev/piped: "true"}}`, `{a: b}}
status: {conditions: [{type: Ready, status: "False"}]}`}, "Unknown (NodeNotReady): the node is not ready"},
		"its policy is another one": {[]string{"externalPolicy: from-git", "externalPolicy: gone"},
			`LeftOut (ExternalPolicyMissing): there is no policy "gone" of a pipeline: have the pipeline apply it`},
		"the policy does not select it": {[]string{"spec: {desiredState", "spec: {nodeSelector: {a: b}, desiredState"},
			`LeftOut (NodeNotSelected): policy "from-git" does not select the node: widen its nodeSelector, or narrow that of the HostUplink`},
		"it has the label of a HostUplink that it was taken from": {[]string{`{network.vm.novasphere.dev/piped: "true"}`, "{uplink.vm.novasphere.dev/other: abc}", "---\napiVersion: v1\nkind: Node\n", `---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata: {name: other}
spec: {physicalNetwork: piped, nodeSelector: {matchLabels: {c: d}}, interface: eth1}
---
apiVersion: v1
kind: Node
`}, `LeftOut (UplinkOverlap): HostUplink "other" has not given the node back yet`},
		"it failed": {[]string{`{type: Progressing, status: "True"}`, `{type: Failing, status: "True", message: "eth1 is on fire"}`}, "Failing: eth1 is on fire"},
		"the controller found that it shows something else": {[]string{"networks: [piped],", `networks: [piped], problems: [{node: node-a, progress: Applied, reason: NodeDrifted, message: "br-piped is missing"}],`},
			"Applied (NodeDrifted): br-piped is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := read(t, strings.NewReplacer(test.changes...).Replace(pipeline))
			node, _ := hosts.NewView(w).Status("piped", time.Time{}).Uplink("piped").Node("node-a")
			if diff := cmp.Diff(test.want, node.Words()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsSaidOfANetworkThatNobodyUses(t *testing.T) {
	for name, test := range map[string]struct{ spec, status, want string }{
		"hosts shall have it anyhow":     {"provision: Always", "provisioned: true", "wanted on hosts all the same: provision is Always"},
		"it stays where it was built":    {"reclaimPolicy: Retain", "provisioned: true", "kept on hosts: reclaimPolicy is Retain"},
		"it lingers":                     {"linger: 1h", `provisioned: true, lastUsed: "2026-01-31T12:00:00Z"`, "still on hosts: linger ends at 2026-01-31T13:00:00Z"},
		"it lingers as long as is usual": {"vlan: 5", "provisioned: true", "still on hosts"},
		"it is built at first use":       {"vlan: 5", "provisioned: false", "not on hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			w := read(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: blue}, spec: {physicalNetwork: lab, `+test.spec+
				`}, status: {observedGeneration: 1, `+test.status+`}}`)
			var out strings.Builder
			if err := hosts.NewView(w).Status("blue", time.Time{}).Write(&out); err != nil {
				t.Fatal(err)
			}
			if want := "used by nobody, and " + test.want + "\n"; !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in\n%s", want, out.String())
			}
		})
	}
}

func TestStepsOfAChangeHaveTheNodesThatJoin(t *testing.T) {
	const label = "labels: {kubernetes.io/hostname: node-d, uplink.vm.novasphere.dev/workers: s4rmkd3aye}, annotations: {applied.uplink.vm.novasphere.dev/workers: s4rmkd3aye}"
	v := hosts.NewView(copied(t, label, "labels: {kubernetes.io/hostname: node-d}",
		"metadata: {name: workers, ", "metadata: {name: workers, annotations: {vm.novasphere.dev/adopt: node-d}, "))
	plan, err := v.PlanChange(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	known, _ := v.Catalog.Uplink("workers")
	// node-b is on the revision already.
	if diff := cmp.Diff([][]string{{"node-d"}}, plan.HostUplinks[0].Steps(known)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestWhatAPipelineIsToApplyIsKnownBeforeTheControllerHasLooked(t *testing.T) {
	manifests, _, _ := strings.Cut(strings.NewReplacer(
		"status: {observedGeneration: 1, revision: from-git, networks: [piped], provenPolicy: {uid: p-1, generation: 3}}\n", "",
		"status: {observedGeneration: 1, provisioned: true, segment: piped, bridge: br-piped}\n", "",
	).Replace(pipeline), "---\napiVersion: v1\nkind: Node\n")
	v := hosts.NewView(read(t, manifests))
	var got []string
	for _, p := range v.Revisions() {
		got = append(got, p.Name)
	}
	if diff := cmp.Diff([]string{"from-git"}, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	plan, err := hosts.NewView(read(t, "")).PlanChange(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := plan.Write(&out); err != nil || strings.Contains(out.String(), "wukong-") || !strings.Contains(out.String(), "policy from-git is applied by a pipeline") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if n := v.Status("piped", time.Time{}).HostNetworks; len(n) != 1 || !n[0].Provisioned {
		t.Errorf("%+v, want one that hosts shall have", n)
	}
}
