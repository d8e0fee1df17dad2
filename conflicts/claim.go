package conflicts

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Claim says that an owner has, uses or wants something on one segment: an address, a range of addresses, or a MAC address.
type Claim struct {
	// Segment is the broadcast domain, such as "lab" or "lab.100". Empty is unknown, and counts as the same segment as
	// any other.
	Segment string
	// Addr is the address, or the first one of a range; zero for a claim on a MAC address. IPv4 in IPv6 form and zones are
	// normalised away.
	Addr netip.Addr
	// Last is the last address of a range, of the same family as Addr and not below it; zero for one address.
	Last netip.Addr
	// MAC is a MAC address, lower case with colons (other spellings that net.ParseMAC reads are normalised). It stands in
	// the place of Addr: a claim with both is one on the address alone.
	MAC string
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
	// For is an owner to whom this claim is no obstacle: the owner itself ("Wukong team-a/web network eth0"), or a Wukong
	// ("Wukong team-a/web"), which means each of its networks. Empty: nobody. Only engineers are told of it.
	For string
}

// Kind is what a claim is.
type Kind string

// Kinds of claims.
const (
	// Request: a Wukong asks for the address and has no lease of it.
	Request Kind = "Request"
	// Lease: an AddressLease that somebody holds, or that rests or is reserved. One whose rest is over is no claim.
	Lease Kind = "Lease"
	// Reservation: an AddressReservation keeps the address back.
	Reservation Kind = "Reservation"
	// Excluded: a pool excludes the address.
	Excluded Kind = "Excluded"
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

// normal is the claim with its address in the one canonical form and the time without a location, so that equal claims
// are ==. ok is false when the claim is on nothing: no address and no MAC address, or a range that is none.
func (c Claim) normal() (_ Claim, ok bool) {
	c.Addr, c.Last = c.Addr.Unmap().WithZone(""), c.Last.Unmap().WithZone("")
	c.Since = c.Since.UTC().Round(0)
	if !c.Addr.IsValid() {
		c.Last = netip.Addr{}
		c.MAC, ok = canonicalMAC(c.MAC)
		return c, ok
	}
	c.MAC = ""
	if c.Last == c.Addr {
		c.Last = netip.Addr{}
	}
	return c, !c.Last.IsValid() || c.Last.BitLen() == c.Addr.BitLen() && c.Addr.Less(c.Last)
}

// canonicalMAC writes a MAC address in lower case with colons. One that is written so already costs nothing.
func canonicalMAC(s string) (string, bool) {
	if len(s) == len("02:00:00:00:00:00") && strings.Trim(s, "0123456789abcdef:") == "" {
		for i := range len(s) {
			if (i%3 == 2) != (s[i] == ':') {
				return "", false
			}
		}
		return s, true
	}
	mac, err := net.ParseMAC(s)
	return mac.String(), err == nil
}

// end is the last address that the claim is on.
func (c *Claim) end() netip.Addr {
	if c.Last.IsValid() {
		return c.Last
	}
	return c.Addr
}

// meets says whether two claims can be about one address, or one MAC address, of one segment.
func (c *Claim) meets(o *Claim) bool {
	if c.Segment != o.Segment && c.Segment != "" && o.Segment != "" {
		return false
	}
	if c.Addr.IsValid() != o.Addr.IsValid() {
		return false
	}
	return c.MAC == o.MAC && c.Addr.Compare(o.end()) <= 0 && o.Addr.Compare(c.end()) <= 0
}

// sameOwner says whether two claims are of one owner.
func (c *Claim) sameOwner(o *Claim) bool {
	return c.Owner == o.Owner && c.Namespace == o.Namespace
}

// admits says whether the claim is no obstacle to the asker, because it is there for it.
func (c *Claim) admits(asker *Claim) bool {
	rest, ok := strings.CutPrefix(asker.Owner, c.For)
	return ok && c.For != "" && (rest == "" || strings.HasPrefix(rest, " network "))
}

// byAge orders claims by who came first: the older one, at the same age the owner whose name sorts first. The rest makes
// the order total, so that it does not depend on the order of the input.
func byAge(a, b *Claim) int {
	if c := cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Owner, b.Owner)); c != 0 {
		return c
	}
	return cmp.Or(
		strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Segment, b.Segment),
		strings.Compare(string(a.Kind), string(b.Kind)),
		strings.Compare(a.Evidence, b.Evidence),
		strings.Compare(a.Record, b.Record),
		strings.Compare(a.For, b.For),
		byPlace(a, b),
	)
}

// byPlace orders claims by what they are on: MAC addresses, then addresses and ranges by where they begin.
func byPlace(a, b *Claim) int {
	if c := a.Addr.Compare(b.Addr); c != 0 {
		return c
	}
	return cmp.Or(a.Last.Compare(b.Last), strings.Compare(a.MAC, b.MAC))
}

// byAddress orders claims by what they are on, and on one address by age.
func byAddress(a, b *Claim) int {
	if c := byPlace(a, b); c != 0 {
		return c
	}
	return byAge(a, b)
}

// canonical gives the claims that are on something, normalised, sorted by what they are on and by age, and each once.
func canonical(claims []Claim) []Claim {
	sorted := ordered(claims)
	out := make([]Claim, 0, len(sorted))
	for _, c := range sorted {
		out = append(out, *c)
	}
	return out
}

// ordered gives what canonical gives, without copies of the claims that are normal already.
func ordered(claims []Claim) []*Claim {
	out := make([]*Claim, 0, len(claims))
	for i := range claims {
		n, ok := claims[i].normal()
		switch {
		case !ok:
		case n == claims[i]:
			out = append(out, &claims[i])
		default:
			out = append(out, new(n))
		}
	}
	slices.SortFunc(out, byAddress)
	return slices.CompactFunc(out, func(a, b *Claim) bool { return *a == *b })
}
