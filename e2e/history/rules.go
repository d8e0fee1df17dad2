package history

import (
	"fmt"
	"time"
)

// Rule is something that has to be true at every revision, or at rest.
type Rule string

// Rules about every revision.
const (
	// RuleOrder: revisions never go back. Breaking it is a fault of the recording.
	RuleOrder Rule = "Order"
	// RuleLegible: addresses and segments can be read and are canonical.
	RuleLegible Rule = "Legible"
	// RuleNamed: a lease is named from its address and segment, so that there is one object for both.
	RuleNamed Rule = "Named"
	// RuleOneHolder: on one segment no address is held by two leases.
	RuleOneHolder Rule = "OneHolder"
	// RuleOnePublisher: on one segment no address is published by two Wukongs.
	RuleOnePublisher Rule = "OnePublisher"
	// RulePublishedHeld: a Wukong publishes an address only while its own lease of it is Allocated or Releasing.
	RulePublishedHeld Rule = "PublishedHeld"
	// RuleAskedFor: a Wukong that says that its addresses are leased publishes none that its spec does not ask for. Until then
	// it keeps what it had.
	RuleAskedFor Rule = "AskedFor"
	// RuleStays: a network of a Wukong loses an address that it asks for only when its spec changes. It may gain one that it
	// had to wait for, and then lose one that it asks for no more.
	RuleStays Rule = "Stays"
	// RuleStep: a lease moves from phase to phase as documented, one step per write, and its times never go back.
	RuleStep Rule = "Step"
	// RuleHolder: the holder of a lease changes only where its phase lets another one in.
	RuleHolder Rule = "Holder"
	// RuleRests: an address goes to somebody else only after its time of rest.
	RuleRests Rule = "Rests"
)

// Rules about a world at rest.
const (
	// RuleNoLeak: a lease is held by a Wukong that lives and publishes it, or that waits for another address; nothing is on its
	// way out any more.
	RuleNoLeak Rule = "NoLeak"
	// RuleLookedAt: the status of each Wukong speaks of its present spec.
	RuleLookedAt Rule = "LookedAt"
	// RuleServed: a Wukong whose addresses are all free, or its own, has them.
	RuleServed Rule = "Served"
)

// Object names an object of the store.
type Object struct {
	Kind      Kind
	Namespace string
	Name      string
}

// Kind is the kind of an object that the history is about.
type Kind string

// Kinds of objects.
const (
	LeaseKind  Kind = "AddressLease"
	WukongKind Kind = "Wukong"
)

// String gives the kind and the name, with the namespace where there is one.
func (o Object) String() string {
	if o.Namespace == "" {
		return fmt.Sprintf("%s %s", o.Kind, o.Name)
	}
	return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
}

// Violation is one rule that was broken by one revision of one object.
type Violation struct {
	Revision int64
	Object   Object
	Rule     Rule
	Detail   string
}

// String gives the violation in one line.
func (v Violation) String() string {
	return fmt.Sprintf("revision %d, %s: %s: %s", v.Revision, v.Object, v.Rule, v.Detail)
}

// Limits are settings of the controller that the rules need.
type Limits struct {
	// Cooldown is the least time that a released address of no pool rests.
	Cooldown time.Duration
	// PoolCooldowns are those of pools that have their own, by name.
	PoolCooldowns map[string]time.Duration
}

func (l Limits) cooldown(pool string) time.Duration {
	if d, ok := l.PoolCooldowns[pool]; ok && pool != "" {
		return d
	}
	return l.Cooldown
}
