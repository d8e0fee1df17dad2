package changes

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestAMigrationIsNoReasonForAlarm(t *testing.T) {
	r := newTrial(t)
	r.machine("web", network("lan", "lan", "192.0.2.15/24"), network("back", "lan-100", "198.51.100.15/24"))
	r.inSync("web")
	key := r.vm("web")
	from := r.instance(key).Status.NodeName
	to := map[string]string{"node-a": "node-b", "node-b": "node-a"}[from]
	r.eventually(func() string {
		return lacksLabel(r, to, "network.vm.novasphere.dev/lan") + lacksLabel(r, to, "network.vm.novasphere.dev/lan-100")
	})
	follow := r.follow("web")
	r.must(r.Machines.Migrate(r.ctx, key, to))
	r.eventually(func() string {
		if got := r.wukong("web").Status.NodeName; got != to {
			return fmt.Sprintf("the status says that it runs on %q", got)
		}
		return ""
	})
	r.eventually(func() string {
		for _, nic := range r.instance(key).Status.Interfaces {
			if nic.IP == "" {
				return "the agent was not found again"
			}
		}
		return ""
	})
	r.quiet()
	r.inSync("web")
	follow(func(w *v1alpha1.Wukong) string {
		for _, typ := range []string{v1alpha1.ConditionGuestInSync, v1alpha1.ConditionReady, v1alpha1.ConditionNodeNetworkReady} {
			if c := meta.FindStatusCondition(w.Status.Conditions, typ); c.Status == metav1.ConditionFalse {
				return fmt.Sprintf("%s is False for %s: %s", typ, c.Reason, c.Message)
			}
		}
		if w.Status.Phase != v1alpha1.PhaseRunning {
			return "phase " + string(w.Status.Phase)
		}
		return ""
	})
	r.guestHas("web-vm", "lan", "192.0.2.15/24")
	r.guestHas("web-vm", "back", "198.51.100.15/24")
}

func TestAMachineMigratesOnlyToANodeThatHasItsNetwork(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.16/24")
	from, follow := r.instance(key).Status.NodeName, r.follow("web")
	r.must(r.Machines.Migrate(r.ctx, key, "node-c"))
	r.eventually(func() string {
		for _, pod := range r.pods(key) {
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable {
					return ""
				}
			}
		}
		return "no pod for node-c waits"
	})
	r.quiet()
	if got := r.instance(key).Status.NodeName; got != from {
		t.Errorf("it moved to %s, which does not have the network", got)
	}
	follow(func(w *v1alpha1.Wukong) string { return says(w, v1alpha1.ConditionReady, metav1.ConditionTrue, "") })
}
