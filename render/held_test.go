package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// lease is a lease on segment lab of network a of a Wukong of team-a.
func lease(address, holder, pool string, phase v1alpha1.LeasePhase) v1alpha1.AddressLease {
	return v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-" + strings.ReplaceAll(address, ".", "-") + ".lab"},
		Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: "lab", Phase: phase, Pool: pool, PrefixLength: 24,
			Holder: &v1alpha1.LeaseHolder{Namespace: "team-a", Name: holder, Network: "a"}}}
}

func TestWhoHoldsAnAddressKeepsIt(t *testing.T) {
	small := pool("small", "192.0.2.0/24", ranges("192.0.2.10-192.0.2.12"))
	type wukongs = []v1alpha1.Wukong
	type held = []v1alpha1.AddressLease
	cases := map[string]struct {
		wukongs          wukongs
		held             held
		leases, refusals []string
	}{
		"an address of a pool stays with its holder, whoever is older": {wukongs{draws("a", 1, "small"), draws("b", 2, "small")},
			held{lease("192.0.2.10", "b", "small", v1alpha1.LeaseAllocated)}, []string{"192.0.2.10 b", "192.0.2.11 a"}, nil},
		"of several that it holds the lowest": {wukongs{draws("a", 1, "small")},
			held{lease("192.0.2.12", "a", "small", v1alpha1.LeaseAllocated), lease("192.0.2.11", "a", "small", v1alpha1.LeaseReleasing)}, []string{"192.0.2.11 a"}, nil},
		"an address that another one holds is refused to an older one that names it": {wukongs{draws("a", 1, "192.0.2.50/24"), draws("b", 2, "192.0.2.50/24")},
			held{lease("192.0.2.50", "b", "", v1alpha1.LeaseAllocated)}, []string{"192.0.2.50 b"}, []string{"a AddressInUse"}},
		"an address that rests is nobody's yet": {wukongs{draws("a", 1, "small"), draws("b", 2, "192.0.2.10/24")},
			held{lease("192.0.2.10", "gone", "small", v1alpha1.LeaseCooling)}, []string{"192.0.2.11 a"}, []string{"b AddressInUse"}},
		"its last holder may have it again": {wukongs{draws("a", 1, "192.0.2.10/24")},
			held{lease("192.0.2.10", "a", "", v1alpha1.LeaseCooling)}, []string{"192.0.2.10 a"}, nil},
		"a record of a lease is in nobody's way": {wukongs{draws("a", 1, "small")},
			held{lease("192.0.2.10", "gone", "small", v1alpha1.LeaseReleased)}, []string{"192.0.2.10 a"}, nil},
		"one that holds an address of another pool draws anew": {wukongs{draws("a", 1, "small")},
			held{lease("192.0.2.10", "a", "other", v1alpha1.LeaseAllocated)}, []string{"192.0.2.11 a"}, nil},
		"leases can exhaust a pool": {wukongs{draws("a", 1, "small")},
			held{lease("192.0.2.10", "x", "small", v1alpha1.LeaseAllocated), lease("192.0.2.11", "y", "small", v1alpha1.LeaseReserved), lease("192.0.2.12", "z", "small", v1alpha1.LeaseReleasing)},
			nil, []string{"a PoolExhausted"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := lab(c.wukongs, small)
			in.Held = c.held
			leases, refusals := leased(in)
			if diff := cmp.Diff(c.leases, leases); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.refusals, refusals); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWukongStaysOnTheHostNetworkThatItsStatusNames(t *testing.T) {
	w := asks("team-a", "web", 1, "192.0.2.10/24")
	in := lab([]v1alpha1.Wukong{w})
	in.HostNetworks = append(in.HostNetworks, hostNetwork("older", "lab", isDefault, vlan(200)))
	in.HostNetworks[0].CreationTimestamp, in.HostNetworks[1].CreationTimestamp = day(2), day(1)
	networkOf := func() string {
		out, _ := render.Plan(in)
		if len(out.NADs) != 1 {
			t.Fatalf("%d attachments", len(out.NADs))
		}
		return out.NADs[0].Labels[v1alpha1.HostNetworkLabel]
	}
	if got := networkOf(); got != "older" {
		t.Errorf("a new one is on %s", got)
	}
	in.Wukongs[0].Status.Networks = []v1alpha1.WukongNetworkStatus{{Name: "a", HostNetwork: "lan"}}
	if got := networkOf(); got != "lan" {
		t.Errorf("one that was bound to lan is on %s", got)
	}
}

func TestTheMACAddressesOfSomebodyElsesMachineAreThoseOfTheStatus(t *testing.T) {
	w := asks("team-a", "web", 1, "192.0.2.10/24")
	w.Spec.VirtualMachineName, w.Spec.Disks = "theirs", nil
	w.Status.Networks = []v1alpha1.WukongNetworkStatus{{Name: "a", MACAddress: "02:00:00:00:5E:01"}}
	out, findings := render.Plan(lab([]v1alpha1.Wukong{w}))
	if len(out.Secrets) != 1 || !strings.Contains(out.Secrets[0].StringData[render.NetworkDataKey], "02:00:00:00:5e:01") {
		t.Errorf("%v, %v", out.Secrets, findings)
	}
}
