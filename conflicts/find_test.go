package conflicts

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFindAll(t *testing.T) {
	a, b, c := wukong(Request, "ns", "a", "lab", 0), wukong(Request, "ns", "b", "lab", 1), wukong(Request, "ns", "c", "lab", 2)
	loses := func(asker, other Claim, rule Rule) Conflict {
		return Conflict{Asker: asker, Other: other, Rule: rule, Severity: Refuses}
	}
	cases := map[string]struct {
		claims []Claim
		want   []Conflict
	}{
		"nothing conflicts with nothing":                        {},
		"one claim conflicts with nobody":                       {claims: []Claim{a}},
		"the same claim twice is one claim":                     {claims: []Claim{a, a}},
		"of three the oldest keeps it, and the others are told": {claims: []Claim{c, b, a}, want: []Conflict{loses(b, a, OldestKeeps), loses(c, a, OldestKeeps)}},
		"one address on two segments is no collision":           {claims: []Claim{a, b.on("lab.7")}},
		"an unknown segment in the middle loses alone, if it is the younger one": {
			claims: []Claim{a, b.on(""), c.on("lab.7")}, want: []Conflict{loses(b.on(""), a, OldestKeeps)}},
		"an unknown segment that is the oldest beats both": {
			claims: []Claim{a.on(""), b, c.on("lab.7")}, want: []Conflict{loses(b, a.on(""), OldestKeeps), loses(c.on("lab.7"), a.on(""), OldestKeeps)}},
		"gateways, nodes and Services do not conflict among themselves": {
			claims: []Claim{node(NodeAddress, "lab"), {Segment: "lab", Addr: addr, Kind: Gateway, Owner: "AddressPool p"}, {Addr: addr, Kind: Service, Owner: "Service x"}}},
		"one that a gateway refuses stands in nobody's way": {
			claims: []Claim{node(Gateway, "lab"), a.on(""), b.on("lab.7")}, want: []Conflict{loses(a.on(""), node(Gateway, "lab"), InUseOutside)}},
		"a lease beats older requests and is told of the node": {
			claims: []Claim{a, c.kind(Lease), node(NodeInterface, "lab")},
			want: []Conflict{
				loses(a, node(NodeInterface, "lab"), InUseOutside), loses(a, c.kind(Lease), HolderKeeps),
				{Asker: c.kind(Lease), Other: node(NodeInterface, "lab"), Rule: NobodyIsMoved, Severity: Reports},
			}},
		"a lease is in the way once": {
			claims: []Claim{a.kind(Lease), b, c}, want: []Conflict{loses(b, a.kind(Lease), HolderKeeps), loses(c, a.kind(Lease), HolderKeeps)}},
		"a warning takes the address from nobody": {
			claims: []Claim{a, b, wukong(GuestReport, "evil", "x", "lab", -9)},
			want: []Conflict{
				{Asker: a, Other: wukong(GuestReport, "evil", "x", "lab", -9), Rule: TenantsOnlyWarn, Severity: Warns},
				{Asker: b, Other: wukong(GuestReport, "evil", "x", "lab", -9), Rule: TenantsOnlyWarn, Severity: Warns},
				loses(b, a, OldestKeeps),
			}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, FindAll(c.claims), equal); diff != "" {
				t.Errorf("FindAll (-want +got):\n%s", diff)
			}
		})
	}
}

func (c Claim) on(segment string) Claim { c.Segment = segment; return c }

// randomClaims makes few addresses, segments, owners and ages, so that everything collides often.
func randomClaims(r *rand.Rand, n int) []Claim {
	kinds := []Kind{Request, Request, Request, Lease, Reservation, NodeAddress, NodeInterface, Gateway, Service, GuestReport, "Surprise"}
	segments := []string{"", "lab", "lab.100", "dmz"}
	claims := make([]Claim, 0, n)
	for range n {
		namespace := fmt.Sprintf("ns-%d", r.IntN(3))
		claims = append(claims, Claim{
			Segment: segments[r.IntN(len(segments))], Kind: kinds[r.IntN(len(kinds))], Namespace: namespace,
			Addr:  netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(6))}),
			Owner: fmt.Sprintf("Wukong w%d", r.IntN(4)), Since: start.Add(time.Duration(r.IntN(3)) * time.Hour),
			Evidence: []string{"", "x"}[r.IntN(2)], Record: []string{"", "y"}[r.IntN(2)],
		})
	}
	return claims
}

func sameConflict(a, b Conflict) bool {
	return a.Asker == b.Asker && a.Other == b.Other && a.Rule == b.Rule && a.Severity == b.Severity && slices.Equal(a.Free, b.Free)
}

func TestFindingConflictsDoesNotDependOnTheOrderOfTheInput(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		claims := randomClaims(r, 1+r.IntN(40))
		want := FindAll(claims)
		for range 5 {
			shuffled := slices.Clone(claims)
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if got := FindAll(shuffled); !slices.EqualFunc(want, got, sameConflict) {
				t.Fatalf("another order gives another answer (-want +got):\n%s", cmp.Diff(want, got, equal))
			}
		}
	}
}

// TestNoTwoKeepersMeet: of requests, whoever is not refused shares address and segment with no other such request, with
// nothing that is in use, and with no lease; and whoever is refused is refused for one that keeps it.
func TestNoTwoKeepersMeet(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		claims := canonical(randomClaims(r, 1+r.IntN(40)))
		refused := map[Claim]bool{}
		found := FindAll(claims)
		for _, c := range found {
			refused[c.Asker] = refused[c.Asker] || c.Severity == Refuses
		}
		for _, c := range found {
			if c.Severity == Refuses && (refused[c.Other] || c.Asker.Kind != Request) {
				t.Fatalf("refused for one that does not keep it: %v", c)
			}
		}
		for _, a := range claims {
			for _, b := range claims {
				if a.Kind == Request && !refused[a] && !refused[b] && a != b && a.meets(b) && !a.sameOwner(b) && b.Kind != GuestReport {
					t.Fatalf("two keep one address:\n%+v\n%+v", a, b)
				}
			}
		}
	}
}

// TestFindAllIsNotQuadratic would take very long if each of the losers were compared with each other.
func TestFindAllIsNotQuadratic(t *testing.T) {
	claims := make([]Claim, 0, 30_000)
	for i := range cap(claims) {
		claims = append(claims, wukong(Request, "ns", fmt.Sprint(i), "lab", i))
	}
	if got := len(FindAll(claims)); got != len(claims)-1 {
		t.Errorf("%d conflicts, want one for each but the oldest: %d", got, len(claims)-1)
	}
}
