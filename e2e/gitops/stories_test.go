package gitops

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

const teamA = `
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
`

// stories are what happens to objects in their lives. Each leaves nothing behind that the next one minds.
var stories = []struct {
	name string
	play func(*stage)
}{
	{"a new Wukong has its network built", func(s *stage) {
		s.apply(teamA, world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}"), world.HostNetwork("lan", "lan"))
		s.ready(uplink("workers"), network("lan"))
		s.apply(wukongText("web", "lan", static("192.0.2.10/24")))
		s.ready(wukong("web"), network("lan"), uplink("workers"))
	}},
	{"a new Wukong has a machine made", func(s *stage) {
		s.apply(wukongText("db", "lan", static("192.0.2.20/24"), "cpu: 1", "memory: 1Gi", "disks: [{name: root, size: 1Gi, boot: true}]"))
		s.ready(wukong("db"))
	}},
	{"a network is built on all nodes, and edited", func(s *stage) {
		s.apply(world.HostNetwork("blue", "lan", "vlan: 100", "provision: Always"))
		s.ready(network("blue"))
		s.apply(world.HostNetwork("blue", "lan", "vlan: 100", "provision: Always", "mtu: 1400"))
		s.ready(network("blue"), uplink("workers"))
	}},
	{"a collision is told and ends with another address", func(s *stage) {
		s.apply(wukongText("cache", "lan", static("192.0.2.10/24")))
		s.fails(wukong("cache"), "AddressInUse")
		s.apply(wukongText("cache", "lan", static("192.0.2.11/24")))
		s.ready(wukong("cache"))
	}},
	{"an address of a node is a conflict", func(s *stage) {
		s.apply(wukongText("node-like", "lan", static("203.0.113.97/24")))
		s.fails(wukong("node-like"), "AddressConflict")
		s.remove(wukong("node-like"))
	}},
	{"a ready Wukong is edited", func(s *stage) {
		s.apply(wukongText("web", "lan", static("192.0.2.12/24")))
		s.ready(wukong("web"))
		s.apply(wukongText("web", "nowhere", static("192.0.2.12/24")))
		s.fails(wukong("web"), "HostNetworkNotFound")
		s.apply(wukongText("web", "lan", "mode: static"))
		s.fails(wukong("web"), "InvalidSpec")
		s.apply(wukongText("web", "lan", static("192.0.2.12/24")))
		s.ready(wukong("web"))
	}},
	{"a pool is exhausted, and extended", func(s *stage) {
		text := func(ranges string) string {
			return "apiVersion: vm.novasphere.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: few}\nspec:\n" +
				"  segment: {physicalNetwork: lan}\n  subnet: 192.0.2.0/24\n  allowedNamespaces: {selector: {}}\n  ranges: [" + ranges + "]\n"
		}
		s.apply(text("192.0.2.200-192.0.2.200"))
		s.ready(pool("few"))
		s.apply(wukongText("first", "lan", "mode: static, ipPool: few"))
		s.ready(wukong("first"))
		s.apply(wukongText("second", "lan", "mode: static, ipPool: few"))
		s.fails(wukong("second"), "PoolExhausted")
		s.comesToFail(pool("few"), "PoolExhausted")
		s.apply(text("192.0.2.200-192.0.2.201"))
		s.ready(pool("few"), wukong("second"))
		s.remove(wukong("first"))
		s.remove(wukong("second"))
	}},
	{"a reservation comes too late", func(s *stage) {
		text := func(addresses string) string {
			return "apiVersion: vm.novasphere.dev/v1alpha1\nkind: AddressReservation\nmetadata: {name: late}\nspec:\n" +
				"  segment: {physicalNetwork: lan}\n  reason: test\n  addresses: [" + addresses + "]\n"
		}
		s.apply(text("192.0.2.1-192.0.2.99"))
		s.fails(reservation("late"), "AddressesHeld")
		s.apply(text("192.0.2.100-192.0.2.110"))
		s.ready(reservation("late"))
		s.apply(wukongText("late", "lan", static("192.0.2.101/24")))
		s.fails(wukong("late"), "AddressReserved")
		s.remove(wukong("late"))
	}},
	{"a node is broken and repaired", func(s *stage) {
		s.must(s.Lab.Fail("node-b", lab.Fault{Error: "InvalidArgument: eth1 is on fire"}))
		s.apply(world.HostNetwork("green", "lan", "vlan: 200", "provision: Always"))
		s.comesToFail(uplink("workers"), "NodeNetworkDegraded")
		s.comesToFail(network("green"), "NodeNetworkDegraded")
		s.must(s.Lab.Repair("node-b"))
		s.ready(network("green"), uplink("workers"), network("blue"))
	}},
	{"a rollout is paused", func(s *stage) {
		paused := func(is string) string {
			return world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}", "paused: "+is)
		}
		s.apply(paused("true"))
		s.reads(uplink("workers"), status.CurrentStatus, "spec.paused")
		s.apply(world.HostNetwork("red", "lan", "vlan: 300", "provision: Always"))
		s.comesToFail(network("red"), "Paused")
		s.apply(paused("false"))
		s.ready(uplink("workers"), network("red"))
		s.remove(network("red"))
		s.ready(uplink("workers"))
	}},
	{"a network has no uplink, and an uplink no node", func(s *stage) {
		s.apply(world.HostNetwork("lost", "elsewhere", "provision: Always"))
		s.fails(network("lost"), "NoUplink")
		s.apply(world.HostUplink("elsewhere", "elsewhere", "eth2", "nodeSelector: {matchLabels: {no: node}}"))
		s.fails(uplink("elsewhere"), "NoMatchingNodes")
		s.comesToFail(network("lost"), "NoMatchingNodes")
		s.remove(network("lost"))
		s.remove(uplink("elsewhere"))
	}},
	{"somebody else's machine comes late", func(s *stage) {
		s.apply(wukongText("erp", "lan", static("192.0.2.30/24"), "virtualMachineName: theirs"))
		s.reads(wukong("erp"), status.InProgressStatus, "MachineNotFound")
		s.apply(world.Machine("team-a", "theirs", "02:aa:00:00:00:30", "erp-net"))
		s.ready(wukong("erp"))
	}},
	{"a pipeline applies the policy, and forgets to after an edit", func(s *stage) {
		piped := func(mtu string) string {
			return world.HostUplink("piped", "store", "eth2", "nodeSelector: {}", "management: External", "externalPolicy: store-from-git") +
				world.HostNetwork("store", "store", "vlan: 500", "provision: Always", "mtu: "+mtu)
		}
		s.apply(piped("1500"))
		s.comesToFail(uplink("piped"), "ExternalPolicyMissing")
		s.comesToFail(network("store"), "NoEligibleNodes")
		s.pipeline(piped("1500"))
		s.ready(network("store"), uplink("piped"))
		s.apply(piped("1400"))
		s.reads(network("store"), status.InProgressStatus, "NodeNetworkProgressing")
		s.pipeline(piped("1400"))
		s.ready(network("store"), uplink("piped"))
		s.remove(network("store"))
		s.remove(uplink("piped"))
	}},
	{"everything is taken back", func(s *stage) {
		for _, name := range []string{"web", "db", "cache", "erp"} {
			s.remove(wukong(name))
		}
		_, err := s.Cluster.Kubectl(s.t.Context(), "delete", "virtualmachine", "-n", "team-a", "theirs")
		s.must(err)
		s.remove(reservation("late"))
		s.remove(pool("few"))
		for _, name := range []string{"lan", "blue", "green"} {
			s.remove(network(name))
		}
		s.remove(uplink("workers"))
	}},
}

// pipeline applies the policies that are rendered for manifests, again while kubernetes-nmstate refuses them because the policy of
// before is in progress.
func (s *stage) pipeline(manifests string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "networks.yaml")
	s.must(os.WriteFile(file, []byte(manifests), 0o600))
	policies, stderr, err := command(s.t, "kubectl-wukong", "render", "-f", file, "--only", "external-policies")
	if err != nil || stderr != "" {
		s.t.Fatalf("%v %s", err, stderr)
	}
	s.eventually(func() error { return s.Cluster.Apply(s.t.Context(), []byte(policies)) })
}

// TestNoObjectReadsAsCurrentBeforeItIs plays stories, and judges every revision of every object that the store had.
func TestNoObjectReadsAsCurrentBeforeItIs(t *testing.T) {
	withPrograms(t)
	s := newStage(t, cluster.Options{})
	recording, err := record(t.Context(), s.Admin)
	s.must(err)
	s.run()
	for _, story := range stories {
		t.Log(story.name)
		story.play(s)
	}
	recording.sync(t)
	revisions := recording.revisions()
	for _, line := range verdicts(t.Context(), s.tools, revisions, s.problems) {
		t.Error(line)
	}
	counts := map[string]int{}
	for _, r := range revisions {
		counts[r.id.kind]++
	}
	for _, kind := range kinds {
		if counts[kind] < 3 {
			t.Errorf("the recording has %d revisions of %s", counts[kind], kind)
		}
	}
	t.Logf("judged %d revisions: %v", len(revisions), counts)
}
