package controllers

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// reportOf is what a node reports that has these interfaces beside eth0.
func reportOf(t testing.TB, interfaces string) *nmstate.NodeNetworkState {
	t.Helper()
	out := &nmstate.NodeNetworkState{}
	text := `{"status":{"currentState":{"interfaces":[{"name":"eth0","type":"ethernet","state":"up"}` + interfaces + `]}}}`
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// pipelineStage is a HostUplink whose policy, of generation 3, a pipeline applies, and whose one node was seen to have carried it
// out: it has the bridge of network blue, and the label. Its handler is at work on the policy once more.
func pipelineStage(t testing.TB) (*uplinkScope, *nmstate.Enactment) {
	t.Helper()
	u, blue := testUplink(), testNetwork("blue", 0)
	u.Spec.Management, u.Spec.ExternalPolicy = v1alpha1.ManagementExternal, "from-git"
	u.Status.ProvenPolicy = &v1alpha1.PolicyVersion{UID: "policy-uid", Generation: 3}
	catalog := render.NewCatalog([]v1alpha1.HostUplink{*u}, []v1alpha1.HostNetwork{blue})
	known, _ := catalog.Uplink(u.Name)
	node := testNode(map[string]string{v1alpha1.NetworkLabelPrefix + "blue": v1alpha1.NetworkLabelValue}, nil)
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	e := &nmstate.Enactment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{nmstate.PolicyLabel: "from-git", nmstate.NodeLabel: node.Name}, Name: "node-a.from-git"}}
	e.Status.PolicyGeneration = 3
	conditions(e, nmstate.ConditionProgressing)
	return &uplinkScope{uplink: u, before: u.DeepCopy(), now: time.Unix(1000, 0), catalog: catalog, known: known, inUse: sets.New("blue"),
		nodes: []corev1.Node{*node},
		states: map[string]*nmstate.NodeNetworkState{node.Name: reportOf(t, `,{"name":"eth1","type":"ethernet","state":"up"},
			{"name":"br-blue","type":"linux-bridge","state":"up","bridge":{"port":[{"name":"eth1"}]}}`)},
		enactments: enactments{byNode: map[enactmentKey]*nmstate.Enactment{{"from-git", node.Name}: e}},
		observed: &observedPolicy{ForeignPolicy: nmstate.ForeignPolicy{Name: "from-git"}, ref: nmstate.PolicyRef{Name: "from-git", Generation: 3},
			version: v1alpha1.PolicyVersion{UID: "policy-uid", Generation: 3}}}, e
}

// conditions makes those of an enactment: the given ones are True.
func conditions(e *nmstate.Enactment, yes ...string) {
	e.Status.Conditions = nil
	for _, typ := range yes {
		e.Status.Conditions = append(e.Status.Conditions, nmstate.EnactmentCondition{Type: typ, Status: metav1.ConditionTrue,
			Message: "eth1 is on fire", LastHeartbeatTime: metav1.Unix(900, 0)})
	}
}

func TestANodeThatCarriesThePolicyOfAPipelineOutOnceMoreStaysApplied(t *testing.T) {
	edited := v1alpha1.PolicyVersion{UID: "policy-uid", Generation: 4}
	applied := Verdict{Done, v1alpha1.ReasonApplied, "1/1 nodes configured"}
	atWork := Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "0/1 nodes configured"}
	for name, test := range map[string]struct {
		change func(*uplinkScope, *nmstate.Enactment)
		want   Verdict
	}{
		"while it is at work":                    {func(*uplinkScope, *nmstate.Enactment) {}, applied},
		"while kubernetes-nmstate holds it back": {func(_ *uplinkScope, e *nmstate.Enactment) { conditions(e, nmstate.ConditionPending) }, applied},
		"not when it fails": {func(_ *uplinkScope, e *nmstate.Enactment) { conditions(e, nmstate.ConditionFailing) },
			Verdict{Stalled, v1alpha1.ReasonNodeNetworkDegraded, "node-a: eth1 is on fire (0/1 nodes configured)"}},
		"not when an attempt failed": {func(_ *uplinkScope, e *nmstate.Enactment) {
			conditions(e, nmstate.ConditionFailing, nmstate.ConditionProgressing)
		}, Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "0/1 nodes configured; node-a: eth1 is on fire (all of it: kubectl get nnce node-a.from-git -o yaml)"}},
		"not when no node was seen to have carried it out": {func(s *uplinkScope, _ *nmstate.Enactment) { s.known.Object.Status.ProvenPolicy = nil }, atWork},
		"not when the policy was edited": {func(s *uplinkScope, e *nmstate.Enactment) {
			s.observed.version, s.observed.ref.Generation, e.Status.PolicyGeneration = edited, 4, 4
		}, atWork},
		"not when it is another policy of the name": {func(s *uplinkScope, _ *nmstate.Enactment) { s.observed.version.UID = "another" }, atWork},
		"not without the label":                     {func(s *uplinkScope, _ *nmstate.Enactment) { s.nodes[0].Labels = nil }, atWork},
		"not when its bridge is gone":               {func(s *uplinkScope, _ *nmstate.Enactment) { s.states["node-a"] = reportOf(t, "") }, atWork},
		"not when nothing is reported":              {func(s *uplinkScope, _ *nmstate.Enactment) { s.states = nil }, atWork},
	} {
		t.Run(name, func(t *testing.T) {
			s, e := pipelineStage(t)
			test.change(s, e)
			if err := s.observeExternal(s.inUse); err != nil {
				t.Fatal(err)
			}
			s.report()
			if diff := cmp.Diff(test.want, uplinkVerdict(s)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThePolicyOfAPipelineIsProvenOnceEveryNodeHasCarriedItOut(t *testing.T) {
	third, fourth := &v1alpha1.PolicyVersion{UID: "policy-uid", Generation: 3}, &v1alpha1.PolicyVersion{UID: "policy-uid", Generation: 4}
	edit := func(s *uplinkScope, e *nmstate.Enactment) {
		s.observed.version, s.observed.ref.Generation, e.Status.PolicyGeneration = *fourth, 4, 4
	}
	for name, test := range map[string]struct {
		change func(*uplinkScope, *nmstate.Enactment)
		want   *v1alpha1.PolicyVersion
	}{
		"an edit is not proven while a node is at work on it": {edit, third},
		"and is when each node has carried it out": {func(s *uplinkScope, e *nmstate.Enactment) {
			edit(s, e)
			conditions(e, nmstate.ConditionAvailable)
		}, fourth},
		"nothing is proven without the policy": {func(s *uplinkScope, _ *nmstate.Enactment) { s.observed = nil }, nil},
		"nor where nodes are given revisions": {func(s *uplinkScope, _ *nmstate.Enactment) {
			s.uplink.Spec.Management = v1alpha1.ManagementManaged
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, e := pipelineStage(t)
			test.change(s, e)
			if err := s.observeExternal(s.inUse); err != nil {
				t.Fatal(err)
			}
			s.report()
			if diff := cmp.Diff(test.want, s.uplink.Status.ProvenPolicy); diff != "" {
				t.Errorf("proven (-want +got):\n%s", diff)
			}
		})
	}
}
