package changes

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// serves has a Wukong serve somebody else's machine.
func (r *trial) serves(name, machine, address string) {
	r.t.Helper()
	r.apply(`
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: %s, name: %s}
spec:
  virtualMachineName: %s
  networks: [%s]
`, r.namespace, name, machine, network("lan", "lan", address))
}

func TestAMachineOfSomebodyElseIsServedAndNeverChanged(t *testing.T) {
	r := newTrial(t)
	r.theirs("theirs", "02:AA:00:00:00:40", "web-net")
	key := types.NamespacedName{Namespace: r.namespace, Name: "theirs"}
	r.serves("web", "theirs", "192.0.2.40/24")
	r.inSync("web")
	r.guestHas("theirs", "lan", "192.0.2.40/24")
	before := r.read(key)
	if got := r.wukong("web").Status.Networks[0].MACAddress; got != "02:aa:00:00:00:40" {
		t.Errorf("the status names MAC address %s", got)
	}

	first := r.instance(key).UID
	r.serves("web", "theirs", "192.0.2.41/24")
	r.leased("192.0.2.41", v1alpha1.LeaseAllocated)
	r.leased("192.0.2.40", v1alpha1.LeaseReleasing)
	r.quiet()
	r.staysLeased("192.0.2.40")
	r.guestHas("theirs", "lan", "192.0.2.40/24")
	r.must(r.Machines.Restart(r.ctx, key))
	r.guestHas("theirs", "lan", "192.0.2.41/24")
	r.inSync("web")
	r.freed("192.0.2.40")
	if now := r.instance(key).UID; now == first {
		t.Error("it was not restarted")
	}

	r.must(r.Admin.Delete(r.ctx, r.wukong("web")))
	r.eventually(func() string {
		return r.gone(&corev1.Secret{}, types.NamespacedName{Namespace: r.namespace, Name: "web-net"})
	})
	r.leased("192.0.2.41", v1alpha1.LeaseReleasing)
	r.staysLeased("192.0.2.41") // the machine lives, and has it
	after := r.read(key)
	if diff := cmp.Diff(before.Spec, after.Spec); diff != "" || before.UID != after.UID || !after.DeletionTimestamp.IsZero() {
		t.Errorf("the machine of somebody else was changed (-before +after):\n%s", diff)
	}
	for _, m := range after.ManagedFields {
		if m.Manager == "wukong-network" {
			t.Errorf("the controller wrote to it: %s %s", m.Operation, m.FieldsV1)
		}
	}
	r.must(r.Admin.Delete(r.ctx, after))
	r.freed("192.0.2.41")
}

func (r *trial) read(key types.NamespacedName) *kubevirtv1.VirtualMachine {
	r.t.Helper()
	vm := &kubevirtv1.VirtualMachine{}
	r.must(r.Admin.Get(r.ctx, key, vm))
	return vm
}

func TestAMachineOfSomebodyElseThatDoesNotExistYetIsWaitedFor(t *testing.T) {
	r := newTrial(t)
	r.serves("web", "later", "192.0.2.44/24")
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMachineNotFound)
	r.leased("192.0.2.44", v1alpha1.LeaseAllocated)
}

func TestAMachineOfSomebodyElseThatWaitedForItsSecretNeedsNoRestart(t *testing.T) {
	r := newTrial(t)
	r.theirs("theirs", "02:AA:00:00:00:40", "web-net")
	key := types.NamespacedName{Namespace: r.namespace, Name: "theirs"}
	r.eventually(func() string {
		for _, pod := range r.pods(key) {
			for _, c := range pod.Status.ContainerStatuses {
				// Times of objects have whole seconds.
				if c.State.Waiting != nil && time.Since(r.instance(key).CreationTimestamp.Time) > 2*time.Second {
					return ""
				}
			}
		}
		return "its pod does not wait for the Secret"
	})
	r.serves("web", "theirs", "192.0.2.46/24")
	r.guestHas("theirs", "lan", "192.0.2.46/24")
	r.inSync("web")
	if left := r.wukong("web").Status.PendingRestart; len(left) > 0 {
		t.Errorf("the guest has its address, and there waits %v", left)
	}
}

func TestAMachineWithAnotherMACAddressThanItsWukongSaysFollowsNothingAndThatIsSaid(t *testing.T) {
	r := newTrial(t)
	r.apply(`
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: %s, name: web}
spec:
  virtualMachineName: theirs
  networks: [{name: lan, hostNetwork: lan, macAddress: "02:bb:00:00:00:48", ipConfig: {mode: static, address: 192.0.2.48/24}}]
`, r.namespace)
	r.theirs("theirs", "02:aa:00:00:00:48", "web-net")
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted)
	if c := meta.FindStatusCondition(r.wukong("web").Status.Conditions, v1alpha1.ConditionGuestInSync); !strings.Contains(c.Message, "02:aa:00:00:00:48") {
		t.Errorf("the message does not name the MAC address that the machine has: %s", c.Message)
	}
	guest, _ := r.Machines.Guest(types.NamespacedName{Namespace: r.namespace, Name: "theirs"})
	if guest.Refused == "" || len(guest.NIC("lan").Addresses) > 0 {
		t.Errorf("the guest followed a document about an interface that it does not have: %+v", guest)
	}
}
