package conflicts

import (
	"cmp"
	"slices"
)

// Conflicts gives what is in the way of a request (a claim of kind Request, or of kind Lease for a holder that wants to
// know of collisions) for an address, a range or a MAC address, the gravest first and then the oldest. No conflict that
// Refuses means that it can be leased as far as anybody knows.
func Conflicts(request Claim, idx *Index) []Conflict {
	request, ok := request.normal()
	if !ok {
		return nil
	}
	out := collisions(request, idx.find(request))
	slices.SortStableFunc(out, func(a, b Conflict) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}

// collisions decides between an asker and each of the others.
func collisions(asker Claim, others []Claim) []Conflict {
	var out []Conflict
	for _, other := range others {
		if rule, severity := decide(asker, other); severity != 0 {
			out = append(out, Conflict{Asker: asker, Other: other, Rule: rule, Severity: severity})
		}
	}
	return out
}

// FindAll gives every conflict within a set of claims, such as the manifests of a folder, sorted by what the asker asks
// for, by asker, and by the age of the other side. Each conflict names one who is told (a Request or a Lease); a Request
// with a conflict that Refuses does not get the address, and everybody else keeps it. One that does not get the address is
// in nobody's way: with an unknown segment between two known ones, only the one in the middle loses if it is the youngest.
//
// Requests are asked in the order of their age, and one that wins joins those that younger ones have to respect, so the
// cost grows with the winners and not with the losers.
func FindAll(claims []Claim) []Conflict {
	all := canonical(claims)
	var standing table
	var known []*entry
	var askers []int // indexes of all
	for i := range all {
		if all[i].Kind != Request {
			known = append(known, wholeEntry(&all[i]))
		}
		if all[i].Kind.asks() {
			askers = append(askers, i)
		}
	}
	standing.add(known)
	slices.SortFunc(askers, func(a, b int) int { return byAge(all[a], all[b]) })
	found := make([][]Conflict, len(all))
	for _, i := range askers {
		asker := &all[i]
		found[i] = collisions(*asker, claimsOf(standing.meeting(asker, nil)))
		refused := slices.ContainsFunc(found[i], func(c Conflict) bool { return c.Severity == Refuses })
		if asker.Kind == Request && !refused {
			standing.add([]*entry{wholeEntry(asker)})
		}
	}
	return slices.Concat(found...)
}
