package ipam

import (
	"errors"
	"fmt"
	"time"
)

// ErrPhase is wrapped by the errors of steps that a lease cannot take from its phase. They are mistakes of the caller, or
// of whoever edited the lease.
var ErrPhase = errors.New("a lease cannot take this step from its phase")

// Release notes that the holder no longer asks for the address: Allocated becomes Releasing. reason is one word of the
// caller's vocabulary and is kept in the history. A lease that was let go already is returned unchanged. The bool says
// whether there is something to write.
//
// To let go of an address that the holder gave up for good, such as by asking for another one, clear Reserve first.
func Release(l Lease, reason string, now time.Time) (Lease, bool, error) {
	switch l.Phase {
	case Allocated:
		now = l.moment(now)
		l.enter(Releasing, now)
		l.mark(reason)
		return l, true, nil
	case Releasing, Cooling, Reserved, Released:
		return l, false, nil
	}
	return l, false, l.stuck("released")
}

// Proven notes that live reads have shown that no machine can use the address any more: Releasing becomes Reserved where
// Reserve says so, else Cooling for the time of cooldown, or Released at once if that is not positive. A lease beyond that
// is returned unchanged. Proof for an Allocated lease is an error: its holder still asks for it.
func Proven(l Lease, now time.Time, cooldown time.Duration) (Lease, bool, error) {
	switch l.Phase {
	case Releasing:
		at := l.moment(now)
		l.shut(at)
		switch {
		case l.Reserve:
			l.enter(Reserved, at)
		case cooldown <= 0:
			l.vacate(at)
		default:
			l.enter(Cooling, at)
			l.Until = restUntil(now, at, cooldown)
		}
		return l, true, nil
	case Cooling, Reserved, Released:
		return l, false, nil
	}
	return l, false, l.stuck("proved unused")
}

// Expire ends the rest of a Cooling lease whose time is over: it becomes Released. Every other lease is returned unchanged.
func Expire(l Lease, now time.Time) (Lease, bool, error) {
	switch l.Phase {
	case Cooling:
		if now.Before(l.Until) {
			return l, false, nil
		}
		l.vacate(l.moment(now))
		return l, true, nil
	case Allocated, Releasing, Reserved, Released:
		return l, false, nil
	}
	return l, false, l.stuck("expired")
}

// Free is what an engineer orders: Releasing, Cooling and Reserved become Released at once. For a Releasing lease the
// engineer answers for the proof, such as for a node that never comes back. reason is kept in the history of a holding
// that ends by it. An Allocated lease is an error: its holder still asks for the address.
func Free(l Lease, reason string, now time.Time) (Lease, bool, error) {
	switch l.Phase {
	case Releasing, Cooling, Reserved:
		now = l.moment(now)
		l.mark(reason)
		l.shut(now)
		l.vacate(now)
		return l, true, nil
	case Released:
		return l, false, nil
	}
	return l, false, l.stuck("freed")
}

// vacate leaves a record: nobody holds the address or has a claim to it.
func (l *Lease) vacate(now time.Time) {
	l.enter(Released, now)
	l.Holder, l.MAC, l.Pool, l.HostNetwork, l.PrefixLength, l.Reserve = Holder{}, "", "", "", 0, false
}

func (l Lease) stuck(step string) error {
	fix := "it is not in a phase that this version knows, an engineer has to look at it"
	if l.Phase == Allocated {
		fix = "its holder " + l.Holder.String() + " still asks for it, delete that or change its address first"
	}
	return fmt.Errorf("lease of %s on segment %s is %s and cannot be %s: %s: %w",
		l.Address, l.Segment, quote(string(l.Phase)), step, fix, ErrPhase)
}

// restUntil adds the cooldown to the later of the clock and the lease's own time, rounded up to whole seconds, so that
// the time of rest is never shorter than asked for.
func restUntil(now, at time.Time, cooldown time.Duration) time.Time {
	if now.Before(at) {
		now = at
	}
	until := now.UTC().Add(cooldown)
	if down := until.Truncate(time.Second); down.Before(until) {
		return down.Add(time.Second)
	}
	return until.Truncate(time.Second)
}
