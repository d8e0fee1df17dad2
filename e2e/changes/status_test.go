package changes

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// guestWord waits until the status says this of the first address of a Wukong, and returns the entry.
func (r *trial) guestWord(name string, want v1alpha1.GuestAddress) v1alpha1.WukongAddressStatus {
	r.t.Helper()
	var entry v1alpha1.WukongAddressStatus
	r.eventually(func() string {
		st := r.wukong(name).Status
		if len(st.Networks) == 0 || len(st.Networks[0].Addresses) == 0 {
			return "no address is published"
		}
		if entry = st.Networks[0].Addresses[0]; entry.Guest != want {
			return fmt.Sprintf("the guest's word about %s is %q, want %s", entry.Address, entry.Guest, want)
		}
		return ""
	})
	return entry
}

func TestTheStatusSaysWhatWaitsForARestart(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.50/24")
	if entry := r.guestWord("web", v1alpha1.GuestAddressPresent); entry.GuestSince == nil {
		t.Error("it does not say since when")
	}
	r.asks("web", network("lan", "lan", "192.0.2.51/24"))
	r.eventually(func() string {
		return cmp.Diff([]string{"network lan: address 192.0.2.50/24 -> 192.0.2.51/24"}, r.wukong("web").Status.PendingRestart)
	})
	t.Log("the guest is as it was started, so nothing is missing")
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionTrue, v1alpha1.ReasonInSync)
	r.guestWord("web", v1alpha1.GuestAddressUnknown)
	r.must(r.Machines.Restart(r.ctx, key))
	r.guestWord("web", v1alpha1.GuestAddressPresent)
	r.inSync("web")
	if left := r.wukong("web").Status.PendingRestart; len(left) > 0 {
		t.Errorf("after the restart there still waits %v", left)
	}
}

func TestTheStatusSaysWhichAddressIsMissingSinceWhenAndWhichOneIsUnexpected(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.52/24")
	own, other, third := netip.MustParsePrefix("192.0.2.52/24"), netip.MustParsePrefix("203.0.113.98/24"), netip.MustParsePrefix("203.0.113.99/24")
	unexpected := func(want ...string) {
		t.Helper()
		r.eventually(func() string { return cmp.Diff(want, r.wukong("web").Status.Networks[0].UnexpectedAddresses) })
	}

	t.Log("one address more is a warning")
	r.Machines.Drift(key, "lan", own, other)
	unexpected(other.Addr().String())
	r.inSync("web")
	r.guestWord("web", v1alpha1.GuestAddressPresent)

	t.Log("the missing one is drift, since the moment in which it went")
	r.Machines.Drift(key, "lan", other)
	r.is("web", v1alpha1.ConditionGuestInSync, metav1.ConditionFalse, v1alpha1.ReasonDrifted)
	since := r.guestWord("web", v1alpha1.GuestAddressMissing).GuestSince
	for began := time.Now(); time.Since(began) < 1100*time.Millisecond; {
		time.Sleep(10 * time.Millisecond) // times in a status have whole seconds
	}
	r.Machines.Drift(key, "lan", third)
	unexpected(third.Addr().String())
	if entry := r.guestWord("web", v1alpha1.GuestAddressMissing); !entry.GuestSince.Equal(since) {
		t.Errorf("missing since %s, and then since %s", since, entry.GuestSince)
	}
	r.Machines.Mend(key)
	r.inSync("web")
	unexpected()
}

func TestTheSecretOfAnEarlierRequestStaysAsLongAsAnInstanceNeedsIt(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.54/24")
	old := types.NamespacedName{Namespace: r.namespace, Name: r.wukong("web").Status.NetworkDataSecret}
	r.asks("web", network("lan", "lan", "192.0.2.55/24"))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRestartRequired)

	t.Log("a migration mounts the earlier Secret once more")
	from := r.instance(key).Status.NodeName
	r.must(r.Machines.Migrate(r.ctx, key, ""))
	r.eventually(func() string {
		if got := r.instance(key).Status.NodeName; got == from {
			return "it has not moved"
		}
		return ""
	})
	r.guestHas("web-vm", "lan", "192.0.2.54/24")
	r.must(r.Admin.Get(r.ctx, old, &corev1.Secret{}))
	r.staysLeased("192.0.2.54")

	r.must(r.Machines.Restart(r.ctx, key))
	r.guestHas("web-vm", "lan", "192.0.2.55/24")
	r.inSync("web")
	r.eventually(func() string { return r.gone(&corev1.Secret{}, old) })
	now := types.NamespacedName{Namespace: r.namespace, Name: r.wukong("web").Status.NetworkDataSecret}
	r.must(r.Admin.Get(r.ctx, now, &corev1.Secret{}))
}
