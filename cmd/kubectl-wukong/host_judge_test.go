package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/nmstatectl"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/query/hosts"
)

const (
	judgedNode = `
apiVersion: nmstate.io/v1beta1
kind: NodeNetworkState
metadata: {name: node-a}
status:
  currentState:
    interfaces:
    - {name: eth1, type: ethernet, state: up, mtu: 1500, ipv4: {enabled: false}, ipv6: {enabled: true, autoconf: true}}
    - {name: br-lab-7, type: linux-bridge, state: up, mtu: 1500, ipv4: {enabled: false}, ipv6: {enabled: false}, bridge: {options: {stp: {enabled: true}}, port: [{name: eth1.7}]}}
    - {name: eth1.7, type: vlan, state: up, mtu: 1500, controller: br-lab-7, vlan: {base-iface: eth1, id: 7}}
---
`
	judgedManifests = `
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata: {name: workers}
spec: {physicalNetwork: lab, nodeSelector: {}, interface: eth1, mtu: 9000}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostNetwork
metadata: {name: lab}
spec: {physicalNetwork: lab, provision: Always}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostNetwork
metadata: {name: lab-7}
spec: {physicalNetwork: lab, provision: Always, vlan: 7}
`
)

// TestThePlanSaysWhatNmstatectlWouldChange asks the real nmstatectl, which also knows of the spanning tree that nobody else
// compares.
func TestThePlanSaysWhatNmstatectlWouldChange(t *testing.T) {
	real := parts.NmstatectlForTest(t)
	t.Setenv(nmstatectl.PathVariable, real.Path)
	code, out, stderr := runWith(t, strings.NewReader(judgedNode+judgedManifests), "host", "plan", "-f", "-", "-o", "yaml")
	if code != exitClean || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var plan hosts.Plan
	if err := yaml.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatal(err)
	}
	want := []hosts.Change{
		{Interface: "br-lab", Action: hosts.ActionCreate, Message: "linux-bridge, port eth1, mtu 9000"},
		{Interface: "br-lab-7", Action: hosts.ActionChange, Message: "bridge.options.stp.enabled: true → false; mtu: 1500 → 9000"},
		{Interface: "eth1", Action: hosts.ActionChange, Message: "ipv6.enabled: true → false; mtu: 1500 → 9000"},
		{Interface: "eth1.7", Action: hosts.ActionChange, Message: "mtu: 1500 → 9000"},
	}
	if plan.ComparedBy != "nmstatectl "+real.Version || len(plan.HostUplinks) != 1 || len(plan.HostUplinks[0].Nodes) != 1 {
		t.Fatalf("plan %+v", plan)
	}
	if diff := cmp.Diff(want, plan.HostUplinks[0].Nodes[0].Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestNmstatectlFindsNothingToChangeWhereTheNodeHasEverything holds the two comparisons against one another.
func TestNmstatectlFindsNothingToChangeWhereTheNodeHasEverything(t *testing.T) {
	real := parts.NmstatectlForTest(t)
	for _, judge := range []string{real.Path, nmstatectl.Without} {
		t.Setenv(nmstatectl.PathVariable, judge)
		_, out, _ := runWith(t, nil, "host", "plan", "-f", "testdata/hosts/cluster.yaml")
		for _, want := range []string{"node node-a  nothing changes", "node node-d  2 interfaces change", "+ eth1.100: VLAN 100 on eth1", "node node-c  left out"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", judge, want, out)
			}
		}
	}
}

// TestWhatNmstatectlRefusesIsAnAnswer has it evaluate captures, and refuse a port that the node lacks.
func TestWhatNmstatectlRefusesIsAnAnswer(t *testing.T) {
	t.Setenv(nmstatectl.PathVariable, parts.NmstatectlForTest(t).Path)
	judge, err := nmstatectl.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report := []byte(`{"interfaces":[{"name":"eth1","type":"ethernet","state":"up","mtu":1500,"mac-address":"52:54:00:00:00:01"}]}`)
	_, refusal, err := judge.Compare(hosts.Desired{State: []byte(`{"interfaces":[{"name":"br0","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth9","vlan":{}}]}}]}`)}, report)
	if want := "InvalidArgument: Controller interface br0 is holding unknown port eth9"; err != nil || refusal != want {
		t.Errorf("refusal %q, %v; want %q", refusal, err, want)
	}
	changes, refusal, err := judge.Compare(hosts.Desired{
		Capture: map[string]string{"nic": `interfaces.name=="eth1"`},
		State:   []byte(`{"interfaces":[{"name":"{{ capture.nic.interfaces.0.name }}","type":"ethernet","state":"up","mtu":1400}]}`),
	}, report)
	want := []hosts.Change{{Interface: "eth1", Action: hosts.ActionChange, Message: "mtu: 1500 → 1400"}}
	if diff := cmp.Diff(want, changes); diff != "" || refusal != "" || err != nil {
		t.Errorf("refusal %q, %v, changes (-want +got):\n%s", refusal, err, diff)
	}
}
