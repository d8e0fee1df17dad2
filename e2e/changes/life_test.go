package changes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/machines"
)

// cordon keeps machines from a node until the test ends, or lets them in again.
func (r *trial) cordon(node string, closed bool) {
	r.t.Helper()
	patch := fmt.Sprintf(`{"spec":{"unschedulable":%v}}`, closed)
	r.must(r.Admin.Patch(r.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}, client.RawPatch(types.MergePatchType, []byte(patch))))
}

func TestAMachineStartsOnlyOnANodeThatHasItsNetwork(t *testing.T) {
	r := newTrial(t)
	warm := r.running("warm", "192.0.2.9/24") // by now both nodes are about to have the network, and node-c never is
	if got := r.instance(warm).Status.NodeName; got != "node-a" && got != "node-b" {
		t.Errorf("it runs on %q", got)
	}
	for _, node := range []string{"node-a", "node-b"} {
		r.cordon(node, true)
		defer r.cordon(node, false)
	}
	r.machine("web", network("lan", "lan", "192.0.2.10/24"))
	r.eventually(func() string {
		vm := &kubevirtv1.VirtualMachine{}
		if err := r.Admin.Get(r.ctx, r.vm("web"), vm); err != nil {
			return err.Error()
		}
		if got := vm.Status.PrintableStatus; got != kubevirtv1.VirtualMachineStatusUnschedulable {
			return fmt.Sprintf("node-c is free, and the machine is %s", got)
		}
		return ""
	})
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMachinePending)
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionUnknown, v1alpha1.ReasonNotRunning)
	r.eventually(func() string { return lacksLabel(r, "node-b", "network.vm.novasphere.dev/lan") })
	r.cordon("node-b", false)
	r.inSync("web")
	r.guestHas("web-vm", "lan", "192.0.2.10/24")
	if w := r.wukong("web"); w.Status.NodeName != "node-b" || w.Status.Phase != v1alpha1.PhaseRunning {
		t.Errorf("node %q, phase %s", w.Status.NodeName, w.Status.Phase)
	}
}

func lacksLabel(r *trial, node, label string) string {
	n := &corev1.Node{}
	r.must(r.Admin.Get(r.ctx, types.NamespacedName{Name: node}, n))
	if n.Labels[label] == "" {
		return node + " has no label " + label
	}
	return ""
}

func TestADriftedGuestIsReportedUntilItHasItsAddressAgain(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.12/24")
	r.Machines.Drift(key, "lan", netip.MustParsePrefix("192.0.2.99/24"))
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted)
	w := r.wukong("web")
	if c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionGuestInSync); !strings.Contains(c.Message, "192.0.2.12") || !strings.Contains(c.Message, "192.0.2.99") {
		t.Errorf("the message names not both addresses: %q", c.Message)
	}
	if wrong := says(w, v1alpha1.ConditionReady, metav1.ConditionTrue, ""); wrong != "" {
		t.Errorf("what a guest does decides about Ready: %s", wrong)
	}
	if got := r.phase("192.0.2.99"); got != "" {
		t.Errorf("an address that a guest took has a lease: %s", got)
	}
	r.Machines.Mend(key)
	r.inSync("web")
}

func TestInterfacesThatTheGuestMadeItselfAreNoDrift(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.13/24")
	r.quiet()
	follow, before := r.follow("web"), r.wukong("web").ResourceVersion
	r.Machines.AddGuestNIC(key, machines.GuestNIC{MAC: "02:42:00:00:00:01", Interface: "docker0", Addresses: []netip.Prefix{netip.MustParsePrefix("172.17.0.1/16")}})
	r.eventually(func() string {
		for _, nic := range r.instance(key).Status.Interfaces {
			if nic.InterfaceName == "docker0" {
				return ""
			}
		}
		return "docker0 is not reported"
	})
	r.quiet()
	if now := r.wukong("web").ResourceVersion; now != before {
		t.Errorf("a report that says nothing of what was asked for is written: revision %s, then %s", before, now)
	}
	follow(func(w *v1alpha1.Wukong) string {
		if c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionGuestInSync); c.Status != metav1.ConditionTrue {
			return c.Message
		}
		return ""
	})
}

func TestAGuestWithoutAgentIsUnknownAndTheRestIsReady(t *testing.T) {
	r := newTrial(t)
	r.Machines.SetAgent(r.vm("web"), machines.WithoutAgent)
	r.machine("web", network("lan", "lan", "192.0.2.14/24"))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionTrue, "")
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionUnknown, v1alpha1.ReasonNoGuestAgent)
	r.guestHas("web-vm", "lan", "192.0.2.14/24")
	r.Machines.SetAgent(r.vm("web"), machines.WithAgent)
	r.inSync("web")
}

// follow watches a Wukong from now on. The function that it returns ends that, and judges every revision since.
func (r *trial) follow(name string) func(judge func(*v1alpha1.Wukong) string) {
	r.t.Helper()
	now := r.wukong(name)
	revisions, err := r.Admin.Watch(r.ctx, &v1alpha1.WukongList{}, client.InNamespace(r.namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: now.ResourceVersion}})
	r.must(err)
	var mu sync.Mutex
	seen := []*v1alpha1.Wukong{now}
	go func() {
		for e := range revisions.ResultChan() {
			if w, ok := e.Object.(*v1alpha1.Wukong); ok && e.Type != watch.Deleted && w.Name == name {
				mu.Lock()
				seen = append(seen, w)
				mu.Unlock()
			}
		}
	}()
	return func(judge func(*v1alpha1.Wukong) string) {
		r.t.Helper()
		defer revisions.Stop()
		last := r.wukong(name).ResourceVersion
		r.eventually(func() string {
			mu.Lock()
			defer mu.Unlock()
			if !slices.ContainsFunc(seen, func(w *v1alpha1.Wukong) bool { return w.ResourceVersion == last }) {
				return "revision " + last + " was not watched yet"
			}
			return ""
		})
		mu.Lock()
		defer mu.Unlock()
		for _, w := range seen {
			if wrong := judge(w); wrong != "" {
				r.t.Errorf("revision %s of %d: %s", w.ResourceVersion, len(seen), wrong)
			}
		}
	}
}
