package gitops

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// aMachine asks for a machine.
var aMachine = []string{"cpu: 1", "memory: 1Gi", "disks: [{name: root, size: 1Gi, boot: true}]"}

// TestWhatComesByItselfReadsAsInProgressFirstAndWhatIsForAPersonAsFailed plays the states that docs/gitops.md has in a table.
func TestWhatComesByItselfReadsAsInProgressFirstAndWhatIsForAPersonAsFailed(t *testing.T) {
	s := newStage(t, cluster.Options{})
	recording, err := record(t.Context(), s.Admin)
	s.must(err)
	s.run(func(cfg *controllers.Config) { cfg.MachineAfter = 5 * time.Second })

	t.Log("a node that is not ready before its turn keeps its uplink in progress, and no Wukong")
	s.must(s.Lab.SetReady(t.Context(), "node-c", lab.NotReady))
	s.apply(teamA, world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}"), world.HostNetwork("lan", "lan"))
	s.apply(wukongText("web", "lan", static("192.0.2.10/24"), aMachine...))
	s.ready(wukong("web"))
	s.reads(uplink("workers"), status.InProgressStatus, "NodeNetworkProgressing: 2/3 nodes configured; node-c: the node is not ready")
	s.must(s.Lab.SetReady(t.Context(), "node-c", lab.Ready))
	s.ready(uplink("workers"), network("lan"), wukong("web"))

	t.Log("a restart that somebody has to do")
	s.apply(wukongText("web", "lan", static("192.0.2.11/24"), aMachine...))
	s.comesToFail(wukong("web"), "RestartRequired")
	s.must(s.Admin.Delete(t.Context(), instanceOf("web-vm"))) // as virtctl restart does
	s.ready(wukong("web"))

	t.Log("a machine for which there is no node")
	s.cordon(true)
	s.apply(wukongText("db", "lan", static("192.0.2.20/24"), aMachine...))
	s.reads(wukong("db"), status.InProgressStatus, "MachinePending")
	s.comesToFail(wukong("db"), "MachinePending: the machine is asked for and does not run yet: KubeVirt says ErrorUnschedulable")
	s.cordon(false)
	s.ready(wukong("db"))

	t.Log("somebody else's machine that does not come with the same sync")
	s.apply(wukongText("erp", "lan", static("192.0.2.30/24"), "virtualMachineName: late"))
	s.reads(wukong("erp"), status.InProgressStatus, "MachineNotFound")
	s.comesToFail(wukong("erp"), "MachineNotFound")
	s.remove(wukong("erp"))

	recording.sync(t)
	for _, line := range verdicts(t.Context(), s.tools, recording.revisions(), s.problems) {
		t.Error(line)
	}
}

func instanceOf(machine string) *kubevirtv1.VirtualMachineInstance {
	out := &kubevirtv1.VirtualMachineInstance{}
	out.Namespace, out.Name = "team-a", machine
	return out
}

// cordon closes all nodes to new machines, or opens them.
func (s *stage) cordon(closed bool) {
	s.t.Helper()
	for _, name := range []string{"node-a", "node-b", "node-c"} {
		node := &corev1.Node{}
		s.must(s.Admin.Get(s.t.Context(), types.NamespacedName{Name: name}, node))
		before := node.DeepCopy()
		node.Spec.Unschedulable = closed
		s.must(s.Admin.Patch(s.t.Context(), node, client.MergeFrom(before)))
	}
}
