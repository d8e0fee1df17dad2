package history

import (
	"fmt"
	"time"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// phases are two phases of one lease, before and after a write.
type phases struct{ from, to v1alpha1.LeasePhase }

// change is one write of a lease that existed.
type change struct {
	phases
	before, after *v1alpha1.AddressLease
}

// step checks one write of a lease against the one before; before is nil for a new one.
func (c *Checker) step(e Event, before *v1alpha1.AddressLease) {
	after := e.Lease
	if after.Spec.Phase != v1alpha1.LeaseReleased && after.Spec.Holder == nil {
		c.fail(e, RuleHolder, "it is %s and has no holder", after.Spec.Phase)
		return
	}
	if before == nil {
		if after.Spec.Phase != v1alpha1.LeaseAllocated {
			c.fail(e, RuleStep, "a new lease is %s", after.Spec.Phase)
		}
		return
	}
	if before.UID != after.UID || before.Spec.Address != after.Spec.Address || before.Spec.Segment != after.Spec.Segment {
		c.fail(e, RuleStep, "it became another object: %s on %s, UID %s", after.Spec.Address, after.Spec.Segment, after.UID)
		return
	}
	ch := change{phases{before.Spec.Phase, after.Spec.Phase}, before, after}
	if problem := ch.times(); problem != "" {
		c.fail(e, RuleStep, "%s", problem)
	}
	check, legal := steps[ch.phases]
	if !legal {
		c.fail(e, RuleStep, "it went from %s to %s", ch.from, ch.to)
		return
	}
	if check == nil {
		return
	}
	if rule, problem := check(ch, c.Limits); problem != "" {
		c.fail(e, rule, "%s to %s: %s", ch.from, ch.to, problem)
	}
}

// times: a lease never goes back in time, and keeps the time at which it entered a phase.
func (ch change) times() string {
	from, to := ch.before.Spec.Since.Time, ch.after.Spec.Since.Time
	switch {
	case to.Before(from):
		return fmt.Sprintf("since goes back from %s to %s", utc(from), utc(to))
	case ch.from == ch.to && !to.Equal(from) && ch.sameHolder():
		return fmt.Sprintf("since moves from %s to %s within %s", utc(from), utc(to), ch.to)
	}
	return ""
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// steps are the writes that a lease may see, with what has to be true of each.
var steps = map[phases]func(change, Limits) (Rule, string){
	{v1alpha1.LeaseAllocated, v1alpha1.LeaseAllocated}: keepsHolder,
	{v1alpha1.LeaseAllocated, v1alpha1.LeaseReleasing}: keepsHolder,

	{v1alpha1.LeaseReleasing, v1alpha1.LeaseReleasing}: keepsHolder,
	{v1alpha1.LeaseReleasing, v1alpha1.LeaseAllocated}: takenBack,
	{v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling}:   rests,
	{v1alpha1.LeaseReleasing, v1alpha1.LeaseReserved}:  reserves,
	{v1alpha1.LeaseReleasing, v1alpha1.LeaseReleased}:  releasedAtOnce,

	{v1alpha1.LeaseCooling, v1alpha1.LeaseCooling}:   keepsResting,
	{v1alpha1.LeaseCooling, v1alpha1.LeaseAllocated}: takenWhileCooling,
	{v1alpha1.LeaseCooling, v1alpha1.LeaseReleased}:  rested,

	{v1alpha1.LeaseReserved, v1alpha1.LeaseReserved}:  keepsHolder,
	{v1alpha1.LeaseReserved, v1alpha1.LeaseAllocated}: takenFromReserve,
	{v1alpha1.LeaseReserved, v1alpha1.LeaseReleased}:  freedByOrder,

	{v1alpha1.LeaseReleased, v1alpha1.LeaseReleased}:  nil,
	{v1alpha1.LeaseReleased, v1alpha1.LeaseAllocated}: nil, // anybody's
}

func holderText(h *v1alpha1.LeaseHolder) string {
	if h == nil {
		return "nobody"
	}
	return fmt.Sprintf("%s/%s network %s (UID %s)", h.Namespace, h.Name, h.Network, h.UID)
}

// sameHolder: one Wukong, by UID and by name. The UID of its namespace may be found out later, and the address may move between
// its networks, since one machine cannot collide with itself.
func (ch change) sameHolder() bool {
	b, a := ch.before.Spec.Holder, ch.after.Spec.Holder
	return a != nil && b != nil && a.UID != "" && a.UID == b.UID && a.Namespace == b.Namespace && a.Name == b.Name
}

// sameNames: the same network of a Wukong of the same name in the same namespace, which was not made again.
func (ch change) sameNames() bool {
	b, a := ch.before.Spec.Holder, ch.after.Spec.Holder
	return a != nil && b != nil && a.Namespace == b.Namespace && a.NamespaceUID != "" && a.NamespaceUID == b.NamespaceUID &&
		a.Name == b.Name && a.Network == b.Network
}

func (ch change) otherMachine() bool {
	b, a := ch.before.Spec.Holder.VirtualMachine, ch.after.Spec.Holder.VirtualMachine
	return b != "" && a != "" && a != b
}

// ordered: an engineer had asked to free it before this write.
func (ch change) ordered() bool {
	_, asked := ch.before.Annotations[v1alpha1.FreeAnnotation]
	return asked
}

func keepsHolder(ch change, _ Limits) (Rule, string) {
	switch {
	case !ch.sameHolder():
		return RuleHolder, fmt.Sprintf("from %s to %s", holderText(ch.before.Spec.Holder), holderText(ch.after.Spec.Holder))
	case ch.otherMachine():
		return RuleHolder, fmt.Sprintf("from machine %s to %s", ch.before.Spec.Holder.VirtualMachine, ch.after.Spec.Holder.VirtualMachine)
	}
	return "", ""
}

// takenBack: the holder changed its mind, or was made again for the same machine.
func takenBack(ch change, limits Limits) (Rule, string) {
	if machine := ch.after.Spec.Holder.VirtualMachine; ch.sameNames() && machine != "" && machine == ch.before.Spec.Holder.VirtualMachine {
		return "", ""
	}
	return keepsHolder(ch, limits)
}

func rests(ch change, limits Limits) (Rule, string) {
	rest := limits.cooldown(ch.before.Spec.Pool)
	switch {
	case !ch.sameHolder():
		return keepsHolder(ch, limits)
	case ch.before.Spec.Reserved:
		return RuleStep, "it was to be kept for its holder"
	case ch.after.Spec.Until == nil || ch.after.Spec.Until.Sub(ch.after.Spec.Since.Time) < rest:
		return RuleRests, fmt.Sprintf("it rests from %s until %v, which is less than %s", utc(ch.after.Spec.Since.Time), ch.after.Spec.Until, rest)
	}
	return "", ""
}

func reserves(ch change, limits Limits) (Rule, string) {
	if !ch.before.Spec.Reserved {
		return RuleStep, "nobody had asked to keep it"
	}
	return keepsHolder(ch, limits)
}

func releasedAtOnce(ch change, limits Limits) (Rule, string) {
	if ch.ordered() || (limits.cooldown(ch.before.Spec.Pool) <= 0 && !ch.before.Spec.Reserved) {
		return "", ""
	}
	return RuleRests, "it did not rest, and nobody had ordered that"
}

func keepsResting(ch change, limits Limits) (Rule, string) {
	if ch.before.Spec.Until == nil || ch.after.Spec.Until == nil || !ch.before.Spec.Until.Equal(ch.after.Spec.Until) {
		return RuleRests, fmt.Sprintf("until moves from %v to %v", ch.before.Spec.Until, ch.after.Spec.Until)
	}
	return keepsHolder(ch, limits)
}

func takenWhileCooling(ch change, limits Limits) (Rule, string) {
	if ch.sameHolder() || ch.sameNames() {
		return "", ""
	}
	return rested(ch, limits)
}

// rested: its time of rest was over.
func rested(ch change, _ Limits) (Rule, string) {
	until := ch.before.Spec.Until
	switch {
	case ch.to == v1alpha1.LeaseReleased && ch.ordered():
		return "", ""
	case until == nil:
		return RuleRests, "it was not said how long it rests"
	case ch.after.Spec.Since.Before(until):
		return RuleRests, fmt.Sprintf("at %s, and it rests until %s", utc(ch.after.Spec.Since.Time), utc(until.Time))
	}
	return "", ""
}

func takenFromReserve(ch change, _ Limits) (Rule, string) {
	if !ch.sameHolder() && !ch.sameNames() {
		return RuleHolder, fmt.Sprintf("it was kept for %s and went to %s", holderText(ch.before.Spec.Holder), holderText(ch.after.Spec.Holder))
	}
	return "", ""
}

func freedByOrder(ch change, _ Limits) (Rule, string) {
	if !ch.ordered() {
		return RuleStep, "nobody had ordered that"
	}
	return "", ""
}
