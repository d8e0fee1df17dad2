package hosts

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/nmstate"
)

const pipelinePolicy = `
---
apiVersion: nmstate.io/v1
kind: NodeNetworkConfigurationPolicy
metadata: {name: from-git}
spec:
  nodeSelector: {%s}
  maxUnavailable: 2
  desiredState:
    interfaces:
    - {name: eth1.100, type: vlan, state: up, vlan: {base-iface: eth1, id: 100}, ipv4: {enabled: false}, ipv6: {enabled: false}}
    - name: %s
      type: linux-bridge
      state: up
      ipv4: {enabled: false}
      ipv6: {enabled: false}
      bridge: {options: {stp: {enabled: false}}, port: [{name: eth1.100, vlan: {}}]}
`

const external = "management: External\n  externalPolicy: from-git"

func (s *stage) labelled(node, network string) bool {
	s.t.Helper()
	return s.node(node).Labels[v1alpha1.NetworkLabelPrefix+network] == v1alpha1.NetworkLabelValue
}

func TestAPolicyThatAPipelineAppliesIsObservedAndNothingIsWrittenForHosts(t *testing.T) {
	s := newStage(t, 3, lab.Options{Attempts: 1})
	s.patch(s.node("node-a"), `{"metadata":{"labels":{"site":"north"}}}`)
	s.patch(s.node("node-b"), `{"metadata":{"labels":{"site":"north"}}}`)
	s.apply(uplink("up", "eth1", external) + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonExternalPolicyMissing, `no NodeNetworkConfigurationPolicy "from-git"`)

	s.must(s.Lab.Fail("node-b", lab.Fault{Error: "InvalidArgument: eth1 is on fire"}))
	s.apply(fmt.Sprintf(pipelinePolicy, "site: north", "br-blue"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-b: InvalidArgument: eth1 is on fire (1/2 nodes configured)")
	s.networkIs("blue", no, v1alpha1.ReasonNodeNetworkDegraded, "node-b")
	if !s.labelled("node-a", "blue") || s.labelled("node-b", "blue") || s.labelled("node-c", "blue") {
		t.Error("node-a alone must be labelled with the network")
	}
	u := s.uplink("up")
	if got, want := u.Status.Nodes, (v1alpha1.NodeCounts{Matching: 3, LeftOut: 1, Applied: 1, Failing: 1}); got != want {
		t.Errorf("nodes: %+v, want %+v", got, want)
	}
	if u.Status.Revision != "from-git" {
		t.Errorf("revision: %q, want the policy of the pipeline", u.Status.Revision)
	}

	s.must(s.Lab.Repair("node-b"))
	s.eventually(func() string { // kubernetes-nmstate refuses edits while a policy is in progress
		policy := s.get(&nmstate.Policy{}, "from-git")
		err := s.Admin.Patch(s.ctx, policy, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"maxUnavailable":3}}`)))
		if err != nil {
			return err.Error()
		}
		return ""
	})
	s.uplinkIs("up", yes, v1alpha1.ReasonNodesLeftOut, `2/2 nodes configured; 1 left out: node-c: policy "from-git" does not select the node`)
	s.networkIs("blue", yes, v1alpha1.ReasonNodesLeftOut, "2/2 nodes have the network")
	if got := len(s.policies()); got != 1 {
		t.Errorf("%d policies, want that of the pipeline alone", got)
	}

	s.must(s.Admin.Delete(s.ctx, s.uplink("up")))
	s.uplinkIs("up", no, v1alpha1.ReasonInUse, "HostNetwork blue")
	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	s.gone(&v1alpha1.HostUplink{}, "up")
	if s.labelled("node-a", "blue") || !s.has("node-a", "br-blue") {
		t.Error("node-a must have lost the label and kept the bridge of the pipeline")
	}
}

func TestAPolicyOfAPipelineThatBuildsSomethingElseProvesNothing(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(uplink("up", "eth1", external) + network("blue", "vlan: 100") + fmt.Sprintf(pipelinePolicy, "kubernetes.io/os: linux", "br-other"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeDrifted, "br-blue")
	if s.labelled("node-a", "blue") {
		t.Error("node-a is labelled with a network that it does not have")
	}
}

func TestAnUplinkThatIsLeftToAPipelineKeepsWhatIsBuilt(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
	s.apply(fmt.Sprintf(pipelinePolicy, "kubernetes.io/os: linux", "br-blue"))
	s.apply(uplink("up", "eth1", external))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
	s.eventually(func() string {
		if n := len(s.policies()); n != 1 {
			return fmt.Sprintf("%d policies, want that of the pipeline alone", n)
		}
		return ""
	})
	if !s.has("node-a", "br-blue") || !s.labelled("node-a", "blue") {
		t.Error("node-a lost br-blue or its label")
	}
}

// Handlers up to v0.87 carry out all policies of a node again when a label of it changes, so that they give the bridge back by
// themselves.
func TestANodeThatLostItsBridgeIsReportedAndGetsNoMachines(t *testing.T) {
	s := newStage(t, 2, lab.Options{Release: lab.After087})
	s.apply(uplink("up", "eth1", atOnce) + network("blue", "vlan: 100") + network("green", "vlan: 200"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "2/2")
	s.must(s.Lab.Change("node-b", "interfaces: [{name: br-blue, type: linux-bridge, state: absent}]"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeDrifted, "node-b: ")
	s.networkIs("blue", no, v1alpha1.ReasonNodeDrifted, "br-blue")
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "2/2")
	if s.labelled("node-b", "blue") || !s.labelled("node-b", "green") || !s.labelled("node-a", "blue") {
		t.Error("node-b must have lost the label of blue, and nobody another one")
	}
	s.must(s.Lab.Change("node-b", "interfaces: [{name: br-blue, type: linux-bridge, state: up, bridge: {port: [{name: eth1.100}]}}]"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
}

// Earlier handlers may set it back by themselves, as above.
func TestASettingThatDriftedIsReportedAndTheNetworkStaysUsable(t *testing.T) {
	s := newStage(t, 1, lab.Options{Release: lab.After087})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100", "mtu: 1400"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.must(s.Lab.Change("node-a", "interfaces: [{name: br-blue, type: linux-bridge, state: up, mtu: 1300}]"))
	s.networkIs("blue", no, v1alpha1.ReasonNodeDrifted, "1300")
	if !s.labelled("node-a", "blue") {
		t.Error("node-a lost its label, though machines can use the network")
	}
	if got := s.network("blue").Status.NodesSummary; got != "1/1" {
		t.Errorf("nodes: %s, want 1/1: the node has the network", got)
	}
}

func TestANodeThatRegistersAnewIsKnownByWhatWasBuiltThere(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	s.apply(uplink("up", "eth1", atOnce) + network("blue", "vlan: 100"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	before := s.node("node-b").UID
	s.must(s.Lab.LoseNode(s.ctx, "node-b"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
	s.eventually(func() string {
		if d := s.uplink("up").Status.Departed; len(d) != 1 || d[0].Node != "node-b" {
			return fmt.Sprintf("departed: %v, want node-b", d)
		}
		return ""
	})
	s.must(s.Lab.Rejoin(s.ctx, "node-b"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	if after := s.get(&corev1.Node{}, "node-b").GetUID(); after == before {
		t.Fatal("node-b did not register anew")
	}
	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	if s.has("node-b", "br-blue") {
		t.Error("node-b still has br-blue")
	}
}

func TestABridgeThatWasThereBeforeTheNodeIsSomebodyElses(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.must(s.Lab.Change("node-a", "interfaces: [{name: br-blue, type: linux-bridge, state: up, bridge: {port: []}}]"))
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNoEligibleNodes, `a linux-bridge "br-blue" that was not built by this HostUplink`)
	s.patch(s.uplink("up"), `{"metadata":{"annotations":{"vm.novasphere.dev/adopt":"node-a"}}}`)
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
}

func TestADriftIsRepairedOnceAndNeverInALoop(t *testing.T) {
	s := newStage(t, 1, lab.Options{Release: lab.After087})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100", "mtu: 1400", "repairDrift: true"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	drift := func() {
		s.must(s.Lab.Change("node-a", "interfaces: [{name: br-blue, type: linux-bridge, state: up, mtu: 1300}]"))
	}
	drift()
	s.eventually(func() string {
		if s.node("node-a").Annotations[v1alpha1.RepairedAnnotationPrefix+"up"] == "" {
			return "node-a is not marked as repaired"
		}
		return ""
	})
	s.mtu("node-a", "br-blue", "1400")
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	drift()
	s.uplinkIs("up", no, v1alpha1.ReasonNodeDrifted, "it drifted again after a repair")
	s.quiet()
	if bridge, _ := s.Lab.Host("node-a").Interface("br-blue"); fmt.Sprint(bridge["mtu"]) != "1300" {
		t.Errorf("br-blue has mtu %v: it was repaired again", bridge["mtu"])
	}
}
