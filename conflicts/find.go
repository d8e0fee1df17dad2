package conflicts

import (
	"cmp"
	"slices"
)

// Conflicts gives what is in the way of a request (a claim of kind Request, or of kind Lease for a holder that wants to
// know of collisions), the gravest first and then the oldest. No conflict that Refuses means that the address can be
// leased as far as anybody knows.
func Conflicts(request Claim, idx *Index) []Conflict {
	request, ok := request.normal()
	if !ok {
		return nil
	}
	var out []Conflict
	for _, other := range idx.Find(request.Segment, request.Addr) {
		if rule, severity := decide(request, other); severity != 0 {
			out = append(out, Conflict{Asker: request, Other: other, Rule: rule, Severity: severity})
		}
	}
	slices.SortStableFunc(out, func(a, b Conflict) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}

// FindAll gives every conflict within a set of claims, such as the manifests of a folder, sorted by address and asker.
// Each conflict names one who is told (a Request or a Lease); a Request with a conflict that Refuses does not get the
// address, and everybody else keeps it. One that does not get the address is in nobody's way: with an unknown segment
// between two known ones, only the one in the middle loses if it is the youngest.
func FindAll(claims []Claim) []Conflict {
	var out []Conflict
	for rest := canonical(claims); len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Addr == rest[0].Addr {
			n++
		}
		out = append(out, findOnAddress(rest[:n])...)
		rest = rest[n:]
	}
	return out
}

// findOnAddress takes the claims on one address, oldest first. Requests are asked in that order, and one that wins joins
// those that younger ones have to respect, so the cost grows with the winners and not with the losers.
func findOnAddress(claims []Claim) []Conflict {
	if len(claims) < 2 {
		return nil
	}
	standing := slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.Kind == Request })
	var out []Conflict
	for _, asker := range claims {
		if !asker.Kind.asks() {
			continue
		}
		refused := false
		for _, other := range standing {
			if rule, severity := decide(asker, other); severity != 0 {
				out = append(out, Conflict{Asker: asker, Other: other, Rule: rule, Severity: severity})
				refused = refused || severity == Refuses
			}
		}
		if asker.Kind == Request && !refused {
			standing = append(standing, asker)
		}
	}
	return out
}
