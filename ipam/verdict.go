package ipam

import (
	"fmt"
	"time"
)

// Outcome is what the caller of Take does next.
type Outcome string

// Outcomes of Take.
const (
	// Create: write the lease as a new object. Create is the lock: when the object exists by now, read it and ask again.
	Create Outcome = "Create"
	// Update: write the lease over the one that was read, by compare-and-swap.
	Update Outcome = "Update"
	// Keep: the holder has what it asks for, there is nothing to write.
	Keep Outcome = "Keep"
	// Held: the address belongs to somebody else, or rests. Wait.
	Held Outcome = "Held"
	// Invalid: the request makes no sense; Verdict.Err says why.
	Invalid Outcome = "Invalid"
)

// Rule is what decided.
type Rule string

// Rules that grant.
const (
	// RuleNew: no lease existed.
	RuleNew Rule = "New"
	// RuleOwn: the asker has the address already.
	RuleOwn Rule = "Own"
	// RuleMadeAgain: the address waited for this namespace, name and network.
	RuleMadeAgain Rule = "MadeAgain"
	// RuleMoved: another network of the asker's Wukong had it and asks for it no more.
	RuleMoved Rule = "Moved"
	// RuleFree: the address was released, and its time of rest is over.
	RuleFree Rule = "Free"
)

// Rules that refuse.
const (
	// RuleHeld: somebody else has the address.
	RuleHeld Rule = "Held"
	// RuleLeaving: somebody else had it, and a machine may still use it.
	RuleLeaving Rule = "Leaving"
	// RuleOtherMachine: the asker has it for another machine, which may still use it.
	RuleOtherMachine Rule = "OtherMachine"
	// RuleCooling: somebody else had it, and it rests.
	RuleCooling Rule = "Cooling"
	// RuleReserved: it is kept for somebody else.
	RuleReserved Rule = "Reserved"
	// RuleOtherNamespace: it is kept for an earlier namespace of the asker's name.
	RuleOtherNamespace Rule = "OtherNamespace"
	// RuleUnknownPhase: the lease has a phase that this version does not know.
	RuleUnknownPhase Rule = "UnknownPhase"
	// RuleInvalid: the request makes no sense.
	RuleInvalid Rule = "Invalid"
)

func (r Rule) grants() bool {
	return r == RuleNew || r == RuleOwn || r == RuleMadeAgain || r == RuleMoved || r == RuleFree
}

// Verdict is the answer of Take.
type Verdict struct {
	Outcome Outcome
	Rule    Rule
	// Until is when a Held address may be asked for again, where that is known; else zero: wait for the lease to change.
	Until time.Time
	// Err is why the request is Invalid.
	Err error

	request  Request
	existing Lease
}

func (r Request) verdict(o Outcome, rule Rule, existing Lease) Verdict {
	v := Verdict{Outcome: o, Rule: rule, request: r, existing: existing}
	if rule == RuleCooling {
		v.Until = existing.Until
	}
	return v
}

// Granted says whether the asker has the address once the lease is written.
func (v Verdict) Granted() bool {
	return v.Outcome == Create || v.Outcome == Update || v.Outcome == Keep
}

// Writes says whether the lease has to be written.
func (v Verdict) Writes() bool { return v.Outcome == Create || v.Outcome == Update }

// String is the verdict for engineers: it names the holder.
func (v Verdict) String() string {
	return v.text(v.existing.Holder.String())
}

// Tenant is the verdict for the status of the asker. It names a holder only in the asker's own namespace, and otherwise
// the lease, which an engineer can read.
func (v Verdict) Tenant() string {
	if v.existing.Holder.NamespaceUID == v.request.Holder.NamespaceUID && v.existing.Holder.Namespace == v.request.Holder.Namespace {
		return v.String()
	}
	return v.text("somebody else")
}

func (v Verdict) text(holder string) string {
	if v.Outcome == Invalid {
		return v.Err.Error()
	}
	addr, segment := v.request.Address.Addr(), v.request.Segment.String()
	subject := fmt.Sprintf("%s on segment %s", addr, segment)
	if v.Granted() {
		return fmt.Sprintf("%s is leased to %s", subject, v.request.Holder)
	}
	name, _ := LeaseName(addr, segment) // Take refuses a request whose lease has no name
	return fmt.Sprintf("%s %s (AddressLease %s)", subject, v.because(holder), name)
}

// because says why the address is refused and what to do.
func (v Verdict) because(holder string) string {
	const fix = ": choose another address, or have an engineer free it"
	switch v.Rule {
	case RuleLeaving:
		return "was given up by " + holder + " and is not yet proved unused: wait, or choose another address"
	case RuleOtherMachine:
		return "is held for the machine " + v.existing.Holder.VirtualMachine + ": it follows when that machine no longer uses it"
	case RuleCooling:
		return "was released by " + holder + " and rests until " + v.existing.Until.UTC().Format(time.RFC3339) + ": wait, or choose another address"
	case RuleReserved:
		return "is reserved for " + holder + fix
	case RuleOtherNamespace:
		return "is reserved for an earlier namespace of the name " + v.request.Holder.Namespace + fix
	case RuleUnknownPhase:
		return fmt.Sprintf("has a lease in the unknown phase %s: an engineer has to look at it", quote(string(v.existing.Phase)))
	}
	return "is held by " + holder + ": choose another address, or have its holder give it up"
}
