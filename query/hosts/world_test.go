package hosts_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query/hosts"
)

// read gives the world of manifests.
func read(t testing.TB, text string) hosts.World {
	t.Helper()
	reader := manifests.Reader{Namespace: "default", WithHosts: true}
	set, err := reader.Read([]manifests.Source{{Name: "test.yaml", Text: []byte(text)}})
	if err != nil || len(set.Findings) > 0 {
		t.Fatalf("%v, %v", err, set.Findings)
	}
	return hosts.World{Input: set.Input, Hosts: set.Hosts}
}

// copied is the cluster of the scripts, with changes of its text: from, to, from, to.
func copied(t testing.TB, changes ...string) hosts.World {
	t.Helper()
	text, err := os.ReadFile("../../cmd/kubectl-wukong/testdata/hosts/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			t.Fatalf("%q is not in the copy", changes[i])
		}
	}
	return read(t, strings.NewReplacer(changes...).Replace(string(text)))
}

func TestARollbackNeedsSomethingToLeaveAndSomethingToReturnTo(t *testing.T) {
	const good = "lastGoodRevision: wukong-workers-s4rmkd3aye"
	tests := map[string]struct {
		changes []string
		want    string
	}{
		"there is both":                       {nil, ""},
		"no revision was on every node":       {[]string{good, "lastGoodRevision: \"\""}, "status.lastGoodRevision is empty"},
		"no network is in use":                {[]string{"  revision: wukong-workers-b6aoaj24k6", "  revision: \"\""}, "status.revision is empty"},
		"every node had what is rolled out":   {[]string{good, "lastGoodRevision: wukong-workers-b6aoaj24k6"}, "there is nothing to go back from"},
		"the good revision is gone":           {[]string{good, "lastGoodRevision: wukong-workers-aaaaaaaaaa"}, "is gone or was edited"},
		"it is rolled back already":           {[]string{"metadata: {name: workers, ", `metadata: {name: workers, annotations: {vm.novasphere.dev/rollback: wukong-workers-b6aoaj24k6}, `}, "is rolled back already"},
		"somebody edited the good revision":   {[]string{"metadata:\n  name: wukong-workers-s4rmkd3aye", "metadata:\n  name: wukong-workers-hvf72l3tg5", good, "lastGoodRevision: wukong-workers-hvf72l3tg5"}, "is gone or was edited"},
		"the name of the uplink is not known": {[]string{"status:\n  observedGeneration: 2", "status:\n  observedGeneration: 1"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := hosts.NewView(copied(t, test.changes...))
			u, _ := v.Catalog.Uplink("workers")
			_, err := v.RollbackOf(u)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// verdicts are those of the nodes of a plan, with reasons.
func verdicts(p *hosts.Plan) []string {
	var out []string
	for _, u := range p.HostUplinks {
		if u.Problem != "" {
			reason, _, _ := strings.Cut(u.Problem, ":")
			out = append(out, u.Name+": "+reason)
		}
		for _, n := range u.Nodes {
			out = append(out, strings.TrimSpace(n.Node+" "+string(n.Verdict)+" "+n.Reason))
		}
	}
	return out
}

func TestWhatWouldBecomeOfNodes(t *testing.T) {
	const network = `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: %s}, spec: {physicalNetwork: lab%s}}`
	uplink := func(name, rest string) string {
		return `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: ` + name + `}, spec: {physicalNetwork: lab, interface: eth1, ` + rest + `}}`
	}
	declared := func(name, rest string) string {
		return strings.NewReplacer("%s}}", rest+"}}", "%s}", name+"}").Replace(network)
	}
	tests := map[string]struct {
		given string
		prune bool
		want  []string
	}{
		"the same once more": {uplink("workers", "nodeSelector: {}"), false,
			[]string{"node-a Unchanged", "node-b Changes", "node-c LeftOut UplinkCarriesNodeAddress", "node-d Changes"}},
		"nodes that are no longer selected give back what they have": {uplink("workers", "nodeSelector: {matchLabels: {kubernetes.io/hostname: node-a}}"), false,
			[]string{"node-a Unchanged", "node-b Changes", "node-d Changes"}},
		"a younger HostUplink of the fabric gets no node that an older one has": {uplink("another", "nodeSelector: {}"), false,
			[]string{"node-a LeftOut UplinkOverlap", "node-b LeftOut UplinkOverlap", "node-c LeftOut UplinkOverlap", "node-d LeftOut UplinkOverlap",
				"node-a Unchanged", "node-b Changes", "node-c LeftOut UplinkCarriesNodeAddress", "node-d Changes"}},
		"a network in use that cannot be built any more leaves nodes as they are": {declared("lab-100", ", vlan: 100, mtu: 9000") + "\n---\n" + uplink("workers", "mtu: 1500, nodeSelector: {}"), false,
			[]string{"workers: InvalidSpec", "node-a Unaffected", "node-b Unaffected", "node-c Unaffected", "node-d Unaffected"}},
		"everything goes": {declared("other", ", vlan: 5"), true,
			[]string{"node-a Changes", "node-b Changes", "node-d Changes"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			live := copied(t)
			plan, err := hosts.NewView(live).PlanChange(hosts.NewView(live.Overlay(read(t, test.given), test.prune)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, verdicts(plan)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPolicyOfSomebodyElseThatNamesTheUplinkKeepsTheNodeOut(t *testing.T) {
	foreign := read(t, `
apiVersion: nmstate.io/v1
kind: NodeNetworkConfigurationPolicy
metadata: {name: hand-made}
spec:
  nodeSelector: {kubernetes.io/hostname: node-d}
  desiredState: {interfaces: [{name: 7}, {name: br1, bridge: {port: [{name: eth1}]}}]}
`)
	v := hosts.NewView(copied(t).Overlay(foreign, false))
	node, _ := v.Status("workers", time.Time{}).Uplink("workers").Node("node-d")
	if node.Reason != "UplinkNamedByPolicy" || !strings.Contains(node.Message, `policy "hand-made"`) {
		t.Errorf("%+v", node)
	}
}

func TestNetworksOfAPipelineAreDrawnOnTheNodesThatHaveThem(t *testing.T) {
	v := hosts.NewView(copied(t, "nodeSelector: {}, interface: eth1}", "nodeSelector: {}, interface: eth1, management: External, externalPolicy: lab-from-git}",
		"uplink.vm.novasphere.dev/workers: s4rmkd3aye}, annotations: {applied.uplink.vm.novasphere.dev/workers: s4rmkd3aye}", `network.vm.novasphere.dev/lab: "true"}`))
	var out strings.Builder
	if err := v.Topology("node-d").Write(&out); err != nil {
		t.Fatal(err)
	}
	want := `node node-d
└─ eth1  HostUplink workers  fabric lab  lab-from-git
   └─ br-lab  HostNetwork lab  segment lab
      └─ team-b/db-vm  192.0.2.77
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The names of attachments, machines and networks come from tenants.
func TestNoNameLeavesItsLabel(t *testing.T) {
	evil := "x\"]\n;<script>`$(a)`\\\x1b[31m\u202e"
	top := &hosts.Topology{Nodes: []hosts.TopologyNode{{Node: evil, Uplinks: []hosts.TopologyUplink{{HostUplink: evil, PhysicalNetwork: evil, Interface: evil,
		Networks: []hosts.TopologyNetwork{{HostNetwork: evil, Interface: evil, Machines: []hosts.Machine{{Namespace: evil, Name: evil, Addresses: []string{evil}}}}}}}}}}
	var dot, mermaid, tree strings.Builder
	for _, err := range []error{top.WriteDot(&dot), top.WriteMermaid(&mermaid), top.Write(&tree)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"dot": dot.String(), "mermaid": mermaid.String(), "tree": tree.String()} {
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s has what a terminal obeys: %q", name, text)
		}
	}
	if lines := strings.Count(dot.String(), "\n"); lines != 2+5+4+1 {
		t.Errorf("a name begins a line of its own:\n%s", dot.String())
	}
	unescaped := strings.NewReplacer(`\\`, "", `\"`, "").Replace(dot.String())
	if strings.Count(unescaped, `"`) != 2*5 {
		t.Errorf("a name ends its label:\n%s", dot.String())
	}
	if strings.Count(mermaid.String(), `"`) != 2*5 || strings.ContainsAny(mermaid.String(), "`$\\;<") && strings.Contains(mermaid.String(), "<script") {
		t.Errorf("a name ends its label:\n%s", mermaid.String())
	}
}

func TestAnswersDoNotDependOnTheOrderOfWhatIsRead(t *testing.T) {
	print := func(w hosts.World) string {
		var out strings.Builder
		v := hosts.NewView(w)
		plan, err := v.PlanChange(v, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{v.Status("", time.Time{}).Write(&out), v.Topology("").Write(&out), v.Topology("").WriteDot(&out), plan.Write(&out), v.Suggest().WriteManifests(&out)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	want := print(copied(t))
	w := copied(t)
	slices.Reverse(w.Nodes)
	slices.Reverse(w.NodeStates)
	slices.Reverse(w.HostNetworks)
	slices.Reverse(w.Policies)
	slices.Reverse(w.Enactments)
	slices.Reverse(w.Instances)
	slices.Reverse(w.Attachments)
	slices.Reverse(w.Leases)
	if diff := cmp.Diff(want, print(w)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnAttachmentLeadsWhereItsBridgeIs(t *testing.T) {
	for config, want := range map[string]string{`{"bridge":"br-lab"}`: "br-lab", `{"plugins":[{"type":"tuning"},{"bridge":"br-lab"}]}`: "br-lab",
		`{"type":"macvlan"}`: "", `{"bridge":7}`: "", ``: "", `[`: ""} {
		if got := hosts.BridgeOf(config); got != want {
			t.Errorf("%s: %q, want %q", config, got, want)
		}
	}
}
