package controllers

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
)

// scanned is a ledger with leases of 192.0.2.0/24 and of a node that has the first address.
func scanned(t testing.TB, leases ...client.Object) (*ledger, *[]netip.Addr) {
	t.Helper()
	l := &ledger{Client: fake.NewClientBuilder().WithScheme(NewScheme()).WithObjects(leases...).Build(),
		clock: clocktesting.NewFakePassiveClock(time.Unix(1000, 0))}
	l.claims.Replace("node", []conflicts.Claim{{Segment: "lab", Addr: netip.MustParseAddr("192.0.2.1"), Kind: conflicts.NodeInterface,
		Owner: "node node-a", Evidence: "interface eth1 of node node-a"}})
	heard := &[]netip.Addr{}
	l.subscribe(func(c conflicts.Changes) { *heard = append(*heard, c.Addrs...) })
	return l, heard
}

func leaseSaying(address, conflict string, phase v1alpha1.LeasePhase) *v1alpha1.AddressLease {
	return &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-" + address}, Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: "lab",
		Phase: phase, Conflict: conflict, Holder: &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "web", UID: "1", Network: "data"}}}
}

func TestAScanHasLeasesLookedAtThatSayWhatIsNotTrueAnyMore(t *testing.T) {
	for name, c := range map[string]struct {
		lease *v1alpha1.AddressLease
		want  []netip.Addr
	}{
		"a collision that no event told of":    {leaseSaying("192.0.2.1", "", v1alpha1.LeaseAllocated), []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		"a collision that is gone":             {leaseSaying("192.0.2.2", "collides with something", v1alpha1.LeaseAllocated), []netip.Addr{netip.MustParseAddr("192.0.2.2")}},
		"a lease that says what is true":       {leaseSaying("192.0.2.2", "", v1alpha1.LeaseAllocated), nil},
		"a record of an address that was free": {leaseSaying("192.0.2.1", "", v1alpha1.LeaseReleased), nil},
	} {
		t.Run(name, func(t *testing.T) {
			l, heard := scanned(t, c.lease)
			if !l.scans.lastScan().IsZero() {
				t.Error("a scan went through before there was one")
			}
			if err := l.scan(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(*heard, c.want) {
				t.Errorf("%v are looked at, want %v", *heard, c.want)
			}
			if at := l.scans.lastScan(); !at.Equal(time.Unix(1000, 0)) {
				t.Errorf("the last scan was at %s", at)
			}
		})
	}
}

func BenchmarkAScanOf1000Leases(b *testing.B) {
	var leases []client.Object
	for i := range 1000 {
		leases = append(leases, leaseSaying(fmt.Sprintf("192.0.%d.%d", 2+i/250, 2+i%250), "", v1alpha1.LeaseAllocated))
	}
	l, _ := scanned(b, leases...)
	list := &v1alpha1.AddressLeaseList{}
	if err := l.List(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for i := range list.Items {
			l.outdated(&list.Items[i])
		}
	}
}
