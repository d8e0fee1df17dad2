package ipam

import (
	"net/netip"
	"time"
)

// Request asks for one address for one network of a Wukong.
type Request struct {
	// Address is the address with the prefix length of its subnet, as ParseAddress gives it.
	Address netip.Prefix
	Segment Segment
	// Holder is who asks. Namespace, NamespaceUID, Name, UID and Network are required: without them one Wukong could pass
	// for another.
	Holder Holder
	// From is another network of the same Wukong that asks for the address no more, or empty. Only the caller, who knows the
	// whole spec, can tell; the address then moves, since one Wukong's machine cannot collide with itself.
	From string
	// HostNetwork, Pool, MAC and Reserve become those of the lease.
	HostNetwork string
	Pool        string
	MAC         string
	Reserve     bool
}

// Take decides whether a request gets an address. existing is the lease of that address and segment as it was last read,
// or nil when there is none; it is never changed. The verdict says what to do with the lease that is returned: create it,
// write it over the existing one by compare-and-swap, leave it, or wait. When the write fails because the object changed
// meanwhile, read it again and ask again.
//
// Who may have the address, by the phase of the existing lease:
//
//   - none, or Released: anybody.
//   - Allocated or Releasing: another network of the holder's Wukong, once its network asks for the address no more.
//   - Allocated: its holder (UID and network), which keeps it. When that Wukong now serves another machine the old one
//     must be proved gone first, so the lease has to be released.
//   - Releasing: its holder, which changed its mind; and the same Wukong made again for the same machine, since one
//     machine cannot collide with itself.
//   - Cooling: its last holder, and the same Wukong made again, at once; anybody when the time is over.
//   - Reserved: the holder it is kept for, and the same Wukong made again in the same namespace. A namespace that was
//     deleted and made again is another one.
//   - a phase that is not known: nobody.
func Take(existing *Lease, req Request, now time.Time) (Lease, Verdict) {
	if err := req.validate(); err != nil {
		return Lease{}, Verdict{Outcome: Invalid, Rule: RuleInvalid, request: req, Err: err}
	}
	if existing == nil {
		return grant(Lease{Address: req.Address.Addr(), Segment: req.Segment}, req, now), req.verdict(Create, RuleNew, Lease{})
	}
	if existing.Address != req.Address.Addr() || existing.Segment != req.Segment {
		err := &InvalidError{Value: existing.Address.String() + " on " + existing.Segment.String(), Problem: "is not what the request asks for",
			Fix: "compare the request with the lease of " + req.Address.Addr().String() + " on " + req.Segment.String()}
		return *existing, Verdict{Outcome: Invalid, Rule: RuleInvalid, request: req, Err: err}
	}
	rule := decide(*existing, req.Holder, now)
	if existing.Held() && !rule.grants() && existing.movesTo(req) {
		rule = RuleMoved
	}
	switch {
	case !rule.grants():
		return *existing, req.verdict(Held, rule, *existing)
	case rule == RuleOwn:
		return resume(*existing, req, now)
	}
	return grant(*existing, req, now), req.verdict(Update, rule, *existing)
}

func decide(l Lease, asker Holder, now time.Time) Rule {
	switch l.Phase {
	case Allocated:
		return decideHeld(l, asker, RuleHeld)
	case Releasing:
		if l.Holder.sameName(asker) && l.Holder.sameMachine(asker) && !l.Holder.sameWukong(asker) {
			return RuleMadeAgain
		}
		return decideHeld(l, asker, RuleLeaving)
	case Cooling:
		switch {
		case l.Holder.sameWukong(asker), l.Holder.sameName(asker):
			return RuleMadeAgain
		case now.Before(l.Until):
			return RuleCooling
		}
		return RuleFree
	case Reserved:
		switch {
		case l.Holder.sameWukong(asker), l.Holder.sameName(asker):
			return RuleMadeAgain
		case l.Holder.String() == asker.String():
			return RuleOtherNamespace
		}
		return RuleReserved
	case Released:
		return RuleFree
	}
	return RuleUnknownPhase
}

// movesTo says whether the address goes from one network of a Wukong to another.
func (l Lease) movesTo(req Request) bool {
	from := req.Holder
	from.Network = req.From
	return req.From != "" && l.Holder.sameWukong(from) && !l.Holder.otherMachine(from)
}

func decideHeld(l Lease, asker Holder, otherwise Rule) Rule {
	switch {
	case !l.Holder.sameWukong(asker):
		return otherwise
	case l.Holder.otherMachine(asker):
		return RuleOtherMachine
	}
	return RuleOwn
}

// grant gives the address to the asker, as a new holding.
func grant(l Lease, req Request, now time.Time) Lease {
	now = l.moment(now)
	l.shut(now)
	l.enter(Allocated, now)
	l.Holder = req.Holder
	l.describe(req)
	l.open(now)
	return l
}

// resume leaves the address with its holder and brings the lease up to date with what it asks for now.
func resume(l Lease, req Request, now time.Time) (Lease, Verdict) {
	before, now := l, l.moment(now)
	if req.Holder.VirtualMachine == "" {
		req.Holder.VirtualMachine = l.Holder.VirtualMachine
	}
	l.Holder = req.Holder
	l.describe(req)
	if l.Phase == Releasing {
		l.enter(Allocated, now)
		l.mark("")
	}
	if before.MAC != l.MAC {
		l.mark(ReasonMACChanged)
		l.shut(now)
		l.open(now)
	}
	if sameState(before, l) {
		return before, req.verdict(Keep, RuleOwn, before)
	}
	return l, req.verdict(Update, RuleOwn, before)
}

// describe copies onto the lease what the request says besides who asks.
func (l *Lease) describe(req Request) {
	l.PrefixLength = req.Address.Bits()
	l.HostNetwork, l.Pool, l.MAC, l.Reserve = req.HostNetwork, req.Pool, req.MAC, req.Reserve
}

// sameState compares everything but the history, which changes only with the rest.
func sameState(a, b Lease) bool {
	return a.Phase == b.Phase && a.Since.Equal(b.Since) && a.Until.Equal(b.Until) && a.Holder == b.Holder &&
		a.PrefixLength == b.PrefixLength && a.HostNetwork == b.HostNetwork && a.Pool == b.Pool && a.MAC == b.MAC && a.Reserve == b.Reserve
}

func (r Request) validate() error {
	if !r.Address.IsValid() {
		return &InvalidError{Value: "", Problem: "is no address", Fix: "give an address with its prefix length, such as 192.0.2.10/24"}
	}
	if _, err := LeaseName(r.Address.Addr(), r.Segment.String()); err != nil {
		return err
	}
	h := r.Holder
	if h.Namespace == "" || h.NamespaceUID == "" || h.Name == "" || h.UID == "" || h.Network == "" {
		return &InvalidError{Value: h.String(), Problem: "does not identify a holder",
			Fix: "give the names and UIDs of namespace and Wukong, and the network"}
	}
	return nil
}
