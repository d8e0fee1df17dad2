package controllers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// troubles says, for each network, what keeps it from its addresses or collides with them, in the words of the status.
func (r *WukongReconciler) troubles(s *wukongScope) {
	for _, n := range s.networks {
		n.trouble = r.trouble(s, n)
	}
}

func (r *WukongReconciler) trouble(s *wukongScope, n *networkScope) *Verdict {
	for i := range n.macConflicts {
		if n.macConflicts[i].Severity >= conflicts.Reports {
			return &Verdict{State: Stalled, Reason: v1alpha1.ReasonMACConflict, Message: n.macConflicts[i].Tenant()}
		}
	}
	for _, t := range n.slots {
		if v := r.slotTrouble(s, n, t); v != nil {
			return v
		}
	}
	return nil
}

// slotTrouble gives nil for an address that is held and collides with nothing.
func (r *WukongReconciler) slotTrouble(s *wukongScope, n *networkScope, t *slot) *Verdict {
	switch c := gravest(t.conflicts); {
	case t.refusal != nil:
		v := &Verdict{State: Stalled, Reason: t.refusal.Reason, Message: t.refusal.Error()}
		if t.Explicit() && anotherDoes(t) {
			v.Message = r.offerFree(s, n, t, v.Message)
		}
		return v
	case t.shortage.line != "":
		return s.shortVerdict(t.shortage)
	case t.held != nil && t.former:
		return &Verdict{State: Working, Reason: v1alpha1.ReasonAddressCooling, Message: fmt.Sprintf(
			"%s is still leased to a Wukong of this name that was there before: it goes to this one when no machine of the other can use it", t.addr.Addr())}
	case t.held != nil:
		return r.heldVerdict(s, n, t)
	case t.lease == nil && !t.addr.IsValid():
		return &Verdict{State: Working, Reason: v1alpha1.ReasonAddressInUse, Message: fmt.Sprintf(
			"others are faster in taking addresses of AddressPool %s; it is tried again", t.Pool)}
	case c != nil && c.Severity == conflicts.Refuses:
		return &Verdict{State: Stalled, Reason: conflictReason(*c), Message: r.offered(s, n, t, *c)}
	case c != nil:
		return &Verdict{State: Stalled, Reason: conflictReason(*c), Message: c.Tenant()}
	}
	return nil
}

// anotherDoes says whether another address would do where this one is refused.
func anotherDoes(t *slot) bool {
	switch t.refusal.Reason {
	case v1alpha1.ReasonAddressOutsidePool, v1alpha1.ReasonAddressExcluded:
		return true
	}
	return t.refusal.Reason == v1alpha1.ReasonPoolNotAllowed && t.Pool == ""
}

// shortVerdict says how much is missing of what is short.
func (s *wukongScope) shortVerdict(short shortage) *Verdict {
	if short.pool == "" {
		return &Verdict{State: Stalled, Reason: short.reason, Message: short.message}
	}
	missing := 0
	for _, n := range s.networks {
		for _, t := range n.slots {
			if t.shortage.line == short.line {
				missing++
			}
		}
	}
	count := "1 address is"
	if missing > 1 {
		count = fmt.Sprintf("%d addresses are", missing)
	}
	return &Verdict{State: Stalled, Reason: short.reason, Message: fmt.Sprintf("%s missing: %s", count, short.message)}
}

func conflictReason(c conflicts.Conflict) string {
	if c.Other.Kind == conflicts.Reservation {
		return v1alpha1.ReasonAddressReserved
	}
	return v1alpha1.ReasonAddressConflict
}

// heldVerdict says who is in the way: a resting address comes free by itself, one that is held needs a person.
func (r *WukongReconciler) heldVerdict(s *wukongScope, n *networkScope, t *slot) *Verdict {
	switch t.held.Rule {
	case ipam.RuleCooling, ipam.RuleLeaving, ipam.RuleOtherMachine:
		return &Verdict{State: Working, Reason: v1alpha1.ReasonAddressCooling, Message: t.held.Tenant()}
	}
	return &Verdict{State: Stalled, Reason: v1alpha1.ReasonAddressInUse, Message: r.offerFree(s, n, t, t.held.Tenant())}
}

// offered is the text of a conflict with free addresses to choose from.
func (r *WukongReconciler) offered(s *wukongScope, n *networkScope, t *slot, c conflicts.Conflict) string {
	c.Free = nil
	plain := c.Tenant()
	if before, ok := said(s, n, plain); ok {
		return before
	}
	c.Free = r.free(s, n, t)
	return c.Tenant()
}

// offerFree adds free addresses to a message. What was offered before stays: addresses that others take meanwhile must not
// make the status change.
func (r *WukongReconciler) offerFree(s *wukongScope, n *networkScope, t *slot, message string) string {
	if before, ok := said(s, n, message); ok {
		return before
	}
	var texts []string
	for _, a := range r.free(s, n, t) {
		texts = append(texts, a.String())
	}
	if len(texts) == 0 {
		return message
	}
	return message + freeNow + strings.Join(texts, ", ")
}

const freeNow = "; free now: "

// said gives the message of the last status if it says the same, apart from the addresses that it offers.
func said(s *wukongScope, n *networkScope, message string) (string, bool) {
	head, _, _ := strings.Cut(message, "; fix: ")
	for _, before := range s.before.Status.Networks {
		if before.Name == n.Name && (before.Message == head || strings.HasPrefix(before.Message, head+"; ")) {
			return before.Message, true
		}
	}
	return "", false
}

// free gives addresses near the one that cannot be had, which the network could have.
func (r *WukongReconciler) free(s *wukongScope, n *networkScope, t *slot) []netip.Addr {
	if !t.Prefix.IsValid() {
		return nil
	}
	if t.refusal != nil && t.pool != nil {
		return r.ledger.offerOf(s.offer, r.wish(s, n, t))
	}
	return r.ledger.suggest(s.offer, r.asker(s, n), t.Prefix, func(p netip.Prefix) bool {
		return s.offer.pools.Admit(r.selection(s, n), n.choice, render.Address{Path: t.Path, Pool: t.Pool, Prefix: p}) == nil
	})
}

// found are all conflicts of a network.
func (n *networkScope) found() []conflicts.Conflict {
	out := slices.Clone(n.macConflicts)
	for _, t := range n.slots {
		out = append(out, t.conflicts...)
	}
	return out
}

// gravest gives the first conflict that is more than a warning, or nil.
func gravest(found []conflicts.Conflict) *conflicts.Conflict {
	for i := range found {
		if found[i].Severity >= conflicts.Reports {
			return &found[i]
		}
	}
	return nil
}
