package conflicts

// Who keeps an address that two owners have, use or want on one segment. The first rule that fits decides.
//
//  1. Claims of one owner do not conflict, and what is kept for an owner is no obstacle to it.
//  2. What a tenant or a guest can write (externalIPs of a Service, annotations of a pod, reports of a guest) takes an
//     address from nobody: the asker is warned.
//  3. Whoever has a lease keeps it. A collision that is found afterwards is reported to everybody concerned, and nobody
//     is moved.
//  4. What reservations keep back and pools exclude is given to nobody else who asks. Where it is leased already the holder
//     is warned, since nobody else uses it.
//  5. What nodes, gateways, DNS servers and Services have is not given to a Wukong that asks, however old its wish is: it
//     is there, the wish is not. A kind that is not known counts as these.
//  6. Of two that ask and have nothing yet, the older one gets it; at the same age the one whose owner sorts first.
//
// The rules are the same for MAC addresses, and for a range as for each of its addresses.
//
// An unknown segment counts as the same one, since a missed collision costs more than an address left unused.

// Rule is what decided a conflict.
type Rule string

// Rules, in the order in which they are asked.
const (
	// TenantsOnlyWarn is rule 2.
	TenantsOnlyWarn Rule = "TenantsOnlyWarn"
	// NobodyIsMoved is rule 3 seen by a holder: it keeps its lease, and is told.
	NobodyIsMoved Rule = "NobodyIsMoved"
	// HolderKeeps is rule 3 seen by one who asks.
	HolderKeeps Rule = "HolderKeeps"
	// KeptBack is rule 4.
	KeptBack Rule = "KeptBack"
	// InUseOutside is rule 5.
	InUseOutside Rule = "InUseOutside"
	// OldestKeeps is rule 6.
	OldestKeeps Rule = "OldestKeeps"
)

// String states the rule in a sentence.
func (r Rule) String() string {
	switch r {
	case TenantsOnlyWarn:
		return "what tenants and guests write only warns"
	case NobodyIsMoved:
		return "a lease is kept and nobody is moved; both sides are told"
	case HolderKeeps:
		return "the first holder keeps the address"
	case KeptBack:
		return "an address that is kept back is given to nobody but those whom it is kept for"
	case InUseOutside:
		return "an address that the network or the cluster uses is not given to a machine"
	case OldestKeeps:
		return "the oldest request gets the address, at the same age the first by name"
	}
	return string(r)
}

// Severity is what a conflict means for the asker. A higher one weighs more.
type Severity int

// Severities.
const (
	// Warns: to be mentioned, and nothing else.
	Warns Severity = iota + 1
	// Reports: the asker keeps what it has, and the collision is a fault that somebody has to remove.
	Reports
	// Refuses: the asker does not get the address.
	Refuses
)

// String gives the severity as one word.
func (s Severity) String() string {
	switch s {
	case Warns:
		return "warns"
	case Reports:
		return "reports"
	case Refuses:
		return "refuses"
	}
	return "none"
}

// decide applies the rules to an asker and another claim. A zero severity says that there is no conflict for the asker.
func decide(asker, other *Claim) (Rule, Severity) {
	switch {
	case !asker.meets(other) || asker.sameOwner(other) || other.admits(asker):
		return "", 0
	case other.Kind == ServiceExternalIP || other.Kind == GuestReport || other.Kind == PodNetwork:
		return TenantsOnlyWarn, Warns
	case asker.Kind == Lease && other.Kind == Request:
		return "", 0 // the one who asks is refused, which is no fault of the holder's
	case asker.Kind == Lease && other.Kind.keepsBack():
		return NobodyIsMoved, Warns // nobody else has it: the intention came too late, which its owner is told
	case asker.Kind == Lease:
		return NobodyIsMoved, Reports
	case other.Kind == Lease:
		return HolderKeeps, Refuses
	case other.Kind.keepsBack():
		return KeptBack, Refuses
	case other.Kind != Request:
		return InUseOutside, Refuses
	case byAge(other, asker) < 0:
		return OldestKeeps, Refuses
	}
	return "", 0
}

// asks says whether claims of this kind can be told of a conflict: only Wukongs read their status.
func (k Kind) asks() bool {
	return k == Request || k == Lease
}

// keepsBack says whether the platform team keeps an address out of use by claims of this kind.
func (k Kind) keepsBack() bool {
	return k == Reservation || k == Excluded
}
