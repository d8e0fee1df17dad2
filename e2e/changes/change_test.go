package changes

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// quiet waits until the controller has written nothing about the test for a while.
func (r *trial) quiet() {
	r.t.Helper()
	r.eventually(func() string {
		before := len(r.Requests.Writes())
		time.Sleep(500 * time.Millisecond)
		for _, w := range r.Requests.Writes()[before:] {
			if w.Namespace == r.namespace {
				return "the controller still writes: " + w.String()
			}
		}
		return ""
	})
}

func TestAChangedAddressReachesTheGuestAtItsRestartAndTheOldOneIsLeasedUntilThen(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.20/24")
	old := r.instance(key).UID
	r.asks("web", network("lan", "lan", "192.0.2.21/24"))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRestartRequired)
	r.leased("192.0.2.21", v1alpha1.LeaseAllocated)
	r.leased("192.0.2.20", v1alpha1.LeaseReleasing)
	r.quiet()
	r.staysLeased("192.0.2.20")
	r.guestHas("web-vm", "lan", "192.0.2.20/24")
	if now := r.instance(key).UID; now != old {
		t.Error("a changed address restarted the machine")
	}

	r.must(r.Machines.Restart(r.ctx, key))
	r.guestHas("web-vm", "lan", "192.0.2.21/24")
	r.inSync("web")
	r.freed("192.0.2.20")
	r.leased("192.0.2.21", v1alpha1.LeaseAllocated)
	if r.instance(key).UID == old {
		t.Error("the machine was not restarted")
	}
}

func TestAChangeThatIsTakenBackNeedsNoRestart(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.22/24")
	old := r.instance(key).UID
	r.asks("web", network("lan", "lan", "192.0.2.23/24"))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRestartRequired)
	r.asks("web", network("lan", "lan", "192.0.2.22/24"))
	r.inSync("web")
	r.freed("192.0.2.23")
	r.leased("192.0.2.22", v1alpha1.LeaseAllocated)
	r.guestHas("web-vm", "lan", "192.0.2.22/24")
	if r.instance(key).UID != old {
		t.Error("the machine was restarted")
	}
}

func TestANetworkThatIsAddedIsPluggedInLiveAndConfiguredAtTheRestart(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.24/24")
	r.asks("web", network("lan", "lan", "192.0.2.24/24"), network("back", "lan-100", "198.51.100.24/24"))
	r.eventually(func() string {
		for _, nic := range r.instance(key).Status.Interfaces {
			if nic.Name == "back" {
				return ""
			}
		}
		return "back is not plugged in"
	})
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRestartRequired)
	r.guestHas("web-vm", "lan", "192.0.2.24/24")
	r.guestHas("web-vm", "back")
	r.must(r.Machines.Restart(r.ctx, key))
	r.guestHas("web-vm", "back", "198.51.100.24/24")
	r.guestHas("web-vm", "lan", "192.0.2.24/24")
	r.inSync("web")
}

func TestAStoppedMachineGivesUpItsOldAddressOnceItsInstanceIsGone(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.26/24")
	r.asks("web", network("lan", "lan", "192.0.2.27/24"))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRestartRequired)
	r.Machines.Hold(key)
	r.must(r.Machines.Stop(r.ctx, key))
	r.eventually(func() string {
		if vmi := r.instance(key); vmi == nil || vmi.DeletionTimestamp.IsZero() {
			return "the machine is not stopping"
		}
		return ""
	})
	r.staysLeased("192.0.2.26")
	r.Machines.LetGo(key)
	r.freed("192.0.2.26")
	if got := r.gone(&kubevirtv1.VirtualMachineInstance{}, key); got != "" {
		t.Errorf("the address was freed before: %s", got)
	}
	r.leased("192.0.2.27", v1alpha1.LeaseAllocated)
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionUnknown, v1alpha1.ReasonNotRunning)
	r.eventually(func() string {
		if got := r.wukong("web").Status.Phase; got != v1alpha1.PhaseStopped {
			return "phase " + string(got)
		}
		return ""
	})
	r.must(r.Machines.Start(r.ctx, key))
	r.guestHas("web-vm", "lan", "192.0.2.27/24")
	r.inSync("web")
}
