package render_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// draws is a Wukong with one network on the default HostNetwork for each address: one that holds a slash is named, any other is
// the name of a pool.
func draws(name string, hour int, addresses ...string) v1alpha1.Wukong {
	w := asks("team-a", name, hour)
	for i, a := range addresses {
		n := static(string(rune('a'+i)), v1alpha1.CIDR(a), "")
		if !strings.Contains(a, "/") {
			n.IPConfig.Address, n.IPConfig.IPPool = nil, a
		}
		w.Spec.Networks = append(w.Spec.Networks, n)
	}
	return w
}

func reservation(name, holder string, addresses ...v1alpha1.AddressRange) v1alpha1.AddressReservation {
	r := v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AddressReservationSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Addresses: addresses, Reason: "a test"}}
	if holder != "" {
		r.Spec.For = &v1alpha1.ReservedFor{Namespace: "team-a", Name: holder}
	}
	return r
}

// lab is an input with a default network that is open to team-a.
func lab(wukongs []v1alpha1.Wukong, pools ...v1alpha1.AddressPool) render.Input {
	return render.Input{Wukongs: wukongs, AddressPools: pools, HostUplinks: []v1alpha1.HostUplink{uplink("workers", "lab", "eth1")},
		HostNetworks: []v1alpha1.HostNetwork{hostNetwork("lan", "lab", isDefault)}}
}

// leased gives leases as "address holder", sorted by address, and the reasons of errors as "holder reason".
func leased(in render.Input) (leases, refusals []string) {
	out, findings := render.Plan(in)
	for _, l := range out.Leases {
		leases = append(leases, l.Address.Addr().String()+" "+l.Wukong)
	}
	for _, f := range findings {
		if f.Severity == render.SeverityError {
			refusals = append(refusals, f.Object.Name+" "+f.Reason)
		}
	}
	return leases, refusals
}

func TestPoolsGiveOutAddressesInOrder(t *testing.T) {
	small := pool("small", "192.0.2.0/24", ranges("192.0.2.10-192.0.2.12"))
	bounded := func(n int32) func(*v1alpha1.AddressPool) {
		return func(p *v1alpha1.AddressPool) {
			p.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: []string{"team-a"}, MaxAddresses: &n}
		}
	}
	type wukongs = []v1alpha1.Wukong
	cases := map[string]struct {
		in               render.Input
		leases, refusals []string
	}{
		"the oldest first, and the lowest address first": {lab(wukongs{draws("a", 2, "small"), draws("b", 1, "small", "small")}, small),
			[]string{"192.0.2.10 b", "192.0.2.11 b", "192.0.2.12 a"}, nil},
		"at the same age the first by name": {lab(wukongs{draws("b", 1, "small"), draws("a", 1, "small")}, small), []string{"192.0.2.10 a", "192.0.2.11 b"}, nil},
		"an address that a younger one names is passed over": {lab(wukongs{draws("a", 1, "small"), draws("b", 2, "192.0.2.10/24")}, small),
			[]string{"192.0.2.10 b", "192.0.2.11 a"}, nil},
		"an exhausted pool refuses the youngest": {lab(wukongs{draws("a", 1, "small", "small"), draws("b", 2, "small", "small"), draws("c", 3, "small")}, small),
			[]string{"192.0.2.10 a", "192.0.2.11 a", "192.0.2.12 c"}, []string{"b PoolExhausted"}},
		"one that gets none from a pool gives back those that it names": {lab(wukongs{draws("a", 1, "small", "small", "small"), draws("b", 2, "192.0.2.50/24", "small"), draws("c", 3, "192.0.2.50/24")}, small),
			[]string{"192.0.2.10 a", "192.0.2.11 a", "192.0.2.12 a", "192.0.2.50 c"}, []string{"b PoolExhausted"}},
		"one that is refused an address that it names draws none": {lab(wukongs{draws("a", 1, "192.0.2.50/24"), draws("b", 2, "192.0.2.50/24", "small"), draws("c", 3, "small")}, small),
			[]string{"192.0.2.10 c", "192.0.2.50 a"}, []string{"b AddressInUse"}},
		"a namespace has as many as the pool lets it have": {lab(wukongs{draws("a", 1, "small"), draws("b", 2, "small", "small"), draws("c", 3, "small")}, pool("small", "192.0.2.0/24", bounded(2))),
			[]string{"192.0.2.1 a", "192.0.2.2 c"}, []string{"b AddressQuotaExceeded"}},
		"an address that names no pool counts against none": {lab(wukongs{draws("a", 1, "192.0.2.7/24"), draws("b", 2, "small")}, pool("small", "192.0.2.0/24", bounded(1))),
			[]string{"192.0.2.1 b", "192.0.2.7 a"}, nil},
		"none is a bound": {lab(wukongs{draws("a", 1, "small")}, pool("small", "192.0.2.0/24", bounded(0))), nil, []string{"a AddressQuotaExceeded"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			leases, refusals := leased(c.in)
			if diff := cmp.Diff(c.leases, leases); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.refusals, refusals); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReservedAddressesWaitForTheirHolder(t *testing.T) {
	small := pool("small", "192.0.2.0/24", ranges("192.0.2.10-192.0.2.13"))
	in := lab([]v1alpha1.Wukong{draws("a", 1, "small"), draws("b", 2, "small", "small"), draws("c", 3, "192.0.2.12/24"), draws("d", 4, "192.0.2.200/24")}, small)
	in.AddressReservations = []v1alpha1.AddressReservation{reservation("out-of-use", "", "192.0.2.10", "192.0.2.128/25"), reservation("for-b", "b", "192.0.2.13"), reservation("for-c", "c", "192.0.2.12")}
	leases, refusals := leased(in)
	if diff := cmp.Diff([]string{"192.0.2.11 a", "192.0.2.12 c"}, leases); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b PoolExhausted", "d AddressReserved"}, refusals); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	in.Wukongs = in.Wukongs[1:]
	leases, _ = leased(in)
	if diff := cmp.Diff([]string{"192.0.2.11 b", "192.0.2.12 c", "192.0.2.13 b"}, leases); diff != "" {
		t.Errorf("leases once there is room (-want +got):\n%s", diff)
	}
}

// TestPlansKeepTheirPromises plans random inputs: two Wukongs never get one address, nobody gets half of what it asks for, who gets
// nothing is in nobody's way, and the order of the input changes nothing.
func TestPlansKeepTheirPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sources := []string{"p", "p", "q", "192.0.2.5/24", "192.0.2.6/24", "192.0.2.9/24", "192.0.2.17/24"}
	for range 300 {
		var wukongs []v1alpha1.Wukong
		asked := map[string]int{}
		for i := range 1 + r.IntN(8) {
			var addresses []string
			for range 1 + r.IntN(3) {
				if a := sources[r.IntN(len(sources))]; !strings.Contains(a, "/") || !strings.Contains(strings.Join(addresses, " "), a) {
					addresses = append(addresses, a)
				}
			}
			w := draws(fmt.Sprint("w", i), r.IntN(3), addresses...)
			wukongs, asked[w.Name] = append(wukongs, w), len(addresses)
		}
		in := lab(wukongs, pool("p", "192.0.2.0/24", ranges("192.0.2.4-192.0.2.9")), pool("q", "192.0.2.0/24", ranges("192.0.2.8-192.0.2.11"), exclude("192.0.2.10")))
		in.AddressReservations = []v1alpha1.AddressReservation{reservation("r", "w1", "192.0.2.6-192.0.2.7")}
		if r.IntN(2) == 0 {
			in.HostNetworks[0].Spec.AllowedNamespaces.MaxAddresses = number(1 + r.Int32N(8))
		}
		out, findings := render.Plan(in)
		checkLeases(t, out.Leases, asked)
		if refused := errorsOf(findings); refused+len(out.Netplans) != len(wukongs) {
			t.Errorf("%d refused, %d rendered of %d", refused, len(out.Netplans), len(wukongs))
		}
		without := in
		without.Wukongs = slices.DeleteFunc(slices.Clone(in.Wukongs), func(w v1alpha1.Wukong) bool {
			return !slices.ContainsFunc(out.Leases, func(l render.PlannedLease) bool { return l.Wukong == w.Name })
		})
		if alone, _ := render.Plan(without); !slices.Equal(alone.Leases, out.Leases) {
			t.Fatalf("without those who get nothing (-with +without):\n%s", cmp.Diff(out.Leases, alone.Leases, byValue))
		}
		r.Shuffle(len(in.Wukongs), func(i, k int) { in.Wukongs[i], in.Wukongs[k] = in.Wukongs[k], in.Wukongs[i] })
		again, findingsAgain := render.Plan(in)
		if diff := cmp.Diff(out, again, byValue) + cmp.Diff(findings, findingsAgain); diff != "" {
			t.Fatalf("another order (-before +after):\n%s", diff)
		}
	}
}

func checkLeases(t *testing.T, leases []render.PlannedLease, asked map[string]int) {
	t.Helper()
	holders, got := map[netip.Addr]string{}, map[string]int{}
	for _, l := range leases {
		addr := l.Address.Addr()
		if other := holders[addr]; other != "" {
			t.Fatalf("%s is leased to %s and %s", addr, other, l.Wukong)
		}
		holders[addr] = l.Wukong
		got[l.Wukong]++
		if text := addr.String(); text == "192.0.2.10" || l.Wukong != "w1" && (text == "192.0.2.6" || text == "192.0.2.7") {
			t.Errorf("%s, which is kept back, is leased to %s", addr, l.Wukong)
		}
	}
	for name, n := range got {
		if n != asked[name] {
			t.Errorf("%s asks for %d addresses and gets %d", name, asked[name], n)
		}
	}
}
