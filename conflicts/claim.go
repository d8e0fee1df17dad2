package conflicts

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Claim says that an owner has, uses or wants one address on one segment.
type Claim struct {
	// Segment is the broadcast domain, such as "lab" or "lab.100". Empty is unknown, and counts as the same segment as
	// any other.
	Segment string
	// Addr is the address. IPv4 in IPv6 form and zones are normalised away.
	Addr netip.Addr
	// Kind says what the claim is and so what weight it has.
	Kind Kind
	// Namespace is that of the object behind the claim; empty for what belongs to the cluster. Owner, Evidence and Record
	// of a claim without a namespace must name no object of a namespace.
	Namespace string
	// Owner is the one that has or wants the address, in words that name one thing: "Wukong team-a/web network eth0",
	// "node node-a". Claims of one owner never conflict with each other, so a claim about somebody else's machine bears
	// the owner of that machine's lease.
	Owner string
	// Evidence is where the claim was seen, for engineers: "interface eth1 of node node-a".
	Evidence string
	// Record is an object that anybody may be told the name of, such as "AddressLease ip-10-0-0-5.lab"; may be empty.
	Record string
	// Since is when the claim began; zero if that is not known, which counts as the oldest.
	Since time.Time
}

// Kind is what a claim is.
type Kind string

// Kinds of claims.
const (
	// Request: a Wukong asks for the address and has no lease of it.
	Request Kind = "Request"
	// Lease: an AddressLease that somebody holds, or that rests or is reserved. One whose rest is over is no claim.
	Lease Kind = "Lease"
	// Reservation: an AddressReservation keeps the address back, or a pool excludes it.
	Reservation Kind = "Reservation"
	// NodeAddress: a node of the cluster is known by it.
	NodeAddress Kind = "NodeAddress"
	// NodeInterface: an interface of a node has it.
	NodeInterface Kind = "NodeInterface"
	// Gateway: a pool declares it as its gateway, or nodes use it as a next hop.
	Gateway Kind = "Gateway"
	// DNSServer: a pool declares it as its DNS server, or nodes resolve by it.
	DNSServer Kind = "DNSServer"
	// Service: the cluster assigned it to a Service (cluster IP, load balancer).
	Service Kind = "Service"
	// ServiceExternalIP: somebody wrote it into the externalIPs of a Service.
	ServiceExternalIP Kind = "ServiceExternalIP"
	// GuestReport: the guest agent of a machine reports it.
	GuestReport Kind = "GuestReport"
	// PodNetwork: the annotation of a pod mentions it.
	PodNetwork Kind = "PodNetwork"
)

// normal is the claim with the address in its one canonical form and the time without a location, so that equal claims
// are ==. ok is false when there is no address.
func (c Claim) normal() (_ Claim, ok bool) {
	c.Addr = c.Addr.Unmap().WithZone("")
	c.Since = c.Since.UTC().Round(0)
	return c, c.Addr.IsValid()
}

// meets says whether two claims can be about one address of one segment.
func (c Claim) meets(o Claim) bool {
	return c.Addr == o.Addr && (c.Segment == "" || o.Segment == "" || c.Segment == o.Segment)
}

// sameOwner says whether two claims are of one owner.
func (c Claim) sameOwner(o Claim) bool {
	return c.Owner == o.Owner && c.Namespace == o.Namespace
}

// byAge orders claims on one address by who came first: the older one, at the same age the owner whose name sorts first.
// The rest makes the order total, so that it does not depend on the order of the input.
func byAge(a, b Claim) int {
	return cmp.Or(
		a.Since.Compare(b.Since),
		strings.Compare(a.Owner, b.Owner),
		strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Segment, b.Segment),
		strings.Compare(string(a.Kind), string(b.Kind)),
		strings.Compare(a.Evidence, b.Evidence),
		strings.Compare(a.Record, b.Record),
	)
}

// byAddress orders claims by address, and on one address by age.
func byAddress(a, b Claim) int {
	return cmp.Or(a.Addr.Compare(b.Addr), byAge(a, b))
}

// canonical gives the claims that have an address, normalised, sorted by address and age, and each once.
func canonical(claims []Claim) []Claim {
	out := make([]Claim, 0, len(claims))
	for _, c := range claims {
		if n, ok := c.normal(); ok {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, byAddress)
	return slices.Compact(out)
}
