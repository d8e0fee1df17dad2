package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func TestProvisioned(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }
	hour := &metav1.Duration{Duration: time.Hour}
	type result struct {
		Yes      bool
		LastUsed *metav1.Time
		Wait     time.Duration
	}
	for name, test := range map[string]struct {
		in   provisioning
		want result
	}{
		"the first user builds it": {provisioning{users: 1}, result{Yes: true}},
		"nobody ever used it":      {provisioning{}, result{}},
		"the time of the last use is when the last user went": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Linger: hour}, before: true}, result{true, ago(0), time.Hour}},
		"it lingers after the last use": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Linger: hour}, before: true, lastUsed: ago(20 * time.Minute)}, result{true, ago(20 * time.Minute), 40 * time.Minute}},
		"it goes when linger is over": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Linger: hour}, before: true, lastUsed: ago(time.Hour)}, result{false, ago(time.Hour), 0}},
		"it lingers for a day unless said": {
			provisioning{before: true, lastUsed: ago(time.Hour)}, result{true, ago(time.Hour), 23 * time.Hour}},
		"it does not come back by lingering": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Linger: hour}, lastUsed: ago(time.Minute)}, result{false, ago(time.Minute), 0}},
		"a new user ends lingering": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Linger: hour}, before: true, users: 2, lastUsed: ago(time.Minute)}, result{Yes: true}},
		"Always needs no user": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Provision: v1alpha1.ProvisionAlways}}, result{Yes: true}},
		"a deleted network stays while it is used": {provisioning{deleted: true, users: 1, before: true}, result{Yes: true}},
		"a deleted network does not linger": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Provision: v1alpha1.ProvisionAlways, Linger: hour}, deleted: true, before: true, lastUsed: ago(time.Minute)},
			result{false, ago(time.Minute), 0}},
		"what is retained stays until the HostNetwork is deleted": {
			provisioning{spec: v1alpha1.HostNetworkSpec{Linger: hour, ReclaimPolicy: v1alpha1.ReclaimRetain}, before: true, lastUsed: ago(9 * time.Hour)},
			result{true, ago(9 * time.Hour), 0}},
	} {
		t.Run(name, func(t *testing.T) {
			test.in.now = now
			yes, lastUsed, wait := provisioned(test.in)
			if diff := cmp.Diff(test.want, result{yes, lastUsed, wait}); diff != "" {
				t.Errorf("provisioned (-want +got):\n%s", diff)
			}
		})
	}
}

// networkStage is a HostNetwork with one uplink that has three nodes, all of which have the network.
func networkStage() *hostNetworkScope {
	u, n := testUplink(), testNetwork("blue", 100)
	u.Generation, u.Status.ObservedGeneration = 1, 1
	u.Status.Nodes = v1alpha1.NodeCounts{Matching: 3, Applied: 3}
	u.Status.Networks = []string{"blue"}
	n.Status = v1alpha1.HostNetworkStatus{Provisioned: true, EligibleNodes: 3, ReadyNodes: 3, Uplinks: []string{"up"}}
	catalog := render.NewCatalog([]v1alpha1.HostUplink{*u}, []v1alpha1.HostNetwork{n})
	known, _ := catalog.HostNetwork("blue")
	return &hostNetworkScope{network: &n, catalog: catalog, known: known, uplinks: []*v1alpha1.HostUplink{u}}
}

func TestHostNetworkVerdict(t *testing.T) {
	deleted := &metav1.Time{Time: time.Unix(1, 0)}
	stalled := func(reason, message string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: reason, Message: message}}
	}
	for name, test := range map[string]struct {
		change func(*hostNetworkScope)
		want   Verdict
	}{
		"every eligible node has it": {func(*hostNetworkScope) {}, Verdict{Done, v1alpha1.ReasonApplied, "3/3 nodes have the network"}},
		"nodes that are left out are named, and the others serve": {func(s *hostNetworkScope) {
			s.uplinks[0].Status.Nodes = v1alpha1.NodeCounts{Matching: 4, LeftOut: 1, Applied: 3}
			s.network.Status.Problems = []v1alpha1.NodeProblem{{Node: "node-d", Progress: v1alpha1.NodeLeftOut, Message: "no eth1"}}
		}, Verdict{Done, v1alpha1.ReasonNodesLeftOut, "3/3 nodes have the network; 1 left out: node-d: no eth1"}},
		"a node is still missing": {func(s *hostNetworkScope) { s.network.Status.ReadyNodes = 2 },
			Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "2/3 nodes have the network"}},
		"a node gave up": {func(s *hostNetworkScope) {
			s.network.Status.ReadyNodes = 2
			s.uplinks[0].Status.Conditions = stalled(v1alpha1.ReasonNodeNetworkDegraded, "node-c: no eth9 (2/3 nodes configured)")
		}, Verdict{Stalled, v1alpha1.ReasonNodeNetworkDegraded, "HostUplink up: node-c: no eth9 (2/3 nodes configured)"}},
		"a stalled uplink whose nodes all have the network does not matter": {func(s *hostNetworkScope) {
			s.uplinks[0].Status.Conditions = stalled(v1alpha1.ReasonInUse, "in use")
		}, Verdict{Done, v1alpha1.ReasonApplied, "3/3 nodes have the network"}},
		"an uplink that has not seen its new spec proves nothing": {func(s *hostNetworkScope) { s.uplinks[0].Generation = 2 },
			Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "waits for its HostUplinks"}},
		"an uplink that does not know of the network yet proves nothing": {func(s *hostNetworkScope) { s.uplinks[0].Status.Networks = nil },
			Verdict{Working, v1alpha1.ReasonNodeNetworkProgressing, "waits for its HostUplinks"}},
		"an uplink that cannot go on says why": {func(s *hostNetworkScope) {
			s.uplinks[0].Status.Networks = nil
			s.uplinks[0].Status.Conditions = stalled(v1alpha1.ReasonNameTaken, "taken")
		}, Verdict{Stalled, v1alpha1.ReasonNameTaken, "HostUplink up: taken"}},
		"no node matches": {func(s *hostNetworkScope) { s.uplinks[0].Status.Nodes = v1alpha1.NodeCounts{} },
			Verdict{Stalled, v1alpha1.ReasonNoMatchingNodes, "HostUplink up: nodeSelector matches no node"}},
		"no node passes the checks": {func(s *hostNetworkScope) {
			s.uplinks[0].Status.Nodes = v1alpha1.NodeCounts{Matching: 1, LeftOut: 1}
			s.network.Status.EligibleNodes, s.network.Status.ReadyNodes = 0, 0
		}, Verdict{Stalled, v1alpha1.ReasonNoEligibleNodes, "no node passes the checks"}},
		"nobody uses it": {func(s *hostNetworkScope) { s.network.Status.Provisioned = false },
			Verdict{Done, v1alpha1.ReasonNotInUse, "nobody uses the network, so hosts are not touched: it is built at first use"}},
		"nobody uses it any more, and nodes still have it": {func(s *hostNetworkScope) { s.network.Status.Provisioned, s.holders = false, 2 },
			Verdict{Working, v1alpha1.ReasonRemoving, "2 nodes give the network back"}},
		"it is deleted and used": {func(s *hostNetworkScope) {
			s.network.DeletionTimestamp, s.users, s.network.Status.UsedBy = deleted, []string{"a/web"}, []string{"a/web"}
		}, Verdict{Stalled, v1alpha1.ReasonInUse, "is deleted once nobody uses it: 1 use it, such as a/web"}},
		"no uplink": {func(s *hostNetworkScope) { s.uplinks, s.catalog = nil, render.NewCatalog(nil, nil) },
			Verdict{Stalled, v1alpha1.ReasonNoUplink, `no HostUplink leads to physical network "lab": declare one`}},
		"nmstate is missing": {func(s *hostNetworkScope) { s.nmstateGone = true },
			Verdict{Stalled, v1alpha1.ReasonNmstateMissing, "kubernetes-nmstate is not installed, so hosts cannot be configured: install it"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := networkStage()
			test.change(s)
			if diff := cmp.Diff(test.want, networkVerdict(s)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}
