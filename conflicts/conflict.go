package conflicts

import (
	"fmt"
	"strings"
	"time"
)

// Conflict says that the asker's claim meets another one, and what follows for the asker.
type Conflict struct {
	// Asker is the one who is told.
	Asker Claim
	// Other is the claim that is in the way.
	Other Claim
	// Rule is what decided.
	Rule Rule
	// Severity is what it means for the asker.
	Severity Severity
}

// String is the conflict for engineers. It names both sides, the evidence, the rule and the fix.
func (c Conflict) String() string {
	return c.text(c.other())
}

// Tenant is the conflict for the status of the asker: what it says about the other side names nothing of another
// namespace, only a record that an engineer can read.
func (c Conflict) Tenant() string {
	if c.Other.Namespace == "" || c.Other.Namespace == c.Asker.Namespace {
		return c.String()
	}
	return c.text(c.Other.Kind.elsewhere() + parenthesis(c.Other.Record))
}

func (c Conflict) text(other string) string {
	claim := "asked for by"
	if c.Asker.Kind == Lease {
		claim = "leased to"
	}
	return fmt.Sprintf("%s%s, %s %s, %s %s; rule: %s; fix: %s",
		c.Asker.Addr, c.segment(), claim, c.Asker.Owner, c.Other.Kind.verb(), other, c.Rule, c.fix())
}

// segment names where the two meet, and how sure that is.
func (c Conflict) segment() string {
	switch {
	case c.Asker.Segment != "" && c.Other.Segment != "":
		return " on segment " + c.Asker.Segment
	case c.Asker.Segment != "":
		return " on segment " + c.Asker.Segment + " (the other side's segment is unknown and counts as the same)"
	case c.Other.Segment != "":
		return " on segment " + c.Other.Segment + " (the asker's segment is unknown and counts as the same)"
	}
	return " on an unknown segment"
}

func (c Conflict) other() string {
	details := []string{}
	for _, d := range []string{c.Other.Evidence, c.Other.Record} {
		if d != "" && d != c.Other.Owner {
			details = append(details, d)
		}
	}
	if !c.Other.Since.IsZero() {
		details = append(details, "since "+c.Other.Since.UTC().Format(time.RFC3339))
	}
	return c.Other.Owner + parenthesis(strings.Join(details, ", "))
}

func (c Conflict) fix() string {
	switch {
	case c.Severity == Refuses && (c.Other.Kind == Lease || c.Other.Kind == Request):
		return "choose another address, or have its holder give it up"
	case c.Severity == Refuses:
		return "choose another address, or take this one away there"
	}
	return "take the address away from one of the two"
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// verb leads from the address to the owner of a claim of this kind.
func (k Kind) verb() string {
	switch k {
	case Request:
		return "is asked for by"
	case Lease:
		return "is leased to"
	case Reservation:
		return "is kept back by"
	case NodeAddress:
		return "is the address of"
	case NodeInterface:
		return "is on an interface of"
	case Gateway:
		return "is the gateway of"
	case DNSServer:
		return "is the DNS server of"
	case Service:
		return "is assigned to"
	case ServiceExternalIP:
		return "is an external IP of"
	case GuestReport:
		return "is reported by the guest of"
	case PodNetwork:
		return "is mentioned by"
	}
	return "is used by"
}

// elsewhere stands for an owner that must not be named.
func (k Kind) elsewhere() string {
	switch k {
	case Request:
		return "somebody else"
	case Service, ServiceExternalIP:
		return "a Service elsewhere"
	case GuestReport:
		return "a machine elsewhere"
	case PodNetwork:
		return "a pod elsewhere"
	}
	return "another holder"
}
