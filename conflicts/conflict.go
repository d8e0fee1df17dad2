package conflicts

import (
	"fmt"
	"net/netip"
	"slices"
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
	// Free are addresses that the asker could have instead. Where there are any, the fix names them.
	Free []netip.Addr
}

// String is the conflict for engineers. It names both sides, the evidence, the rule and the fix.
func (c Conflict) String() string {
	return c.text(c.other(c.Other.For))
}

// Tenant is the conflict for the status of the asker: what it says about the other side names nothing of another
// namespace, only a record that an engineer can read. Whom something of the cluster is kept for is left out, too.
func (c Conflict) Tenant() string {
	if c.Other.Namespace == "" || c.Other.Namespace == c.Asker.Namespace {
		return c.text(c.other(""))
	}
	return c.text(c.Other.Kind.elsewhere() + details(c.Other.span(), c.Other.Record))
}

func (c Conflict) text(other string) string {
	claim := "asked for by"
	if c.Asker.Kind == Lease {
		claim = "leased to"
	}
	return fmt.Sprintf("%s%s, %s %s, %s %s; rule: %s; fix: %s",
		c.Asker.subject(), c.segment(), claim, c.Asker.Owner, c.Other.Kind.verb(), other, c.Rule, c.fix())
}

// subject is what the claim is on.
func (c Claim) subject() string {
	switch {
	case c.MAC != "":
		return c.MAC
	case c.Last.IsValid():
		return c.span()
	}
	return c.Addr.String()
}

// span is the range that the claim is on, or nothing.
func (c Claim) span() string {
	if !c.Last.IsValid() {
		return ""
	}
	return c.Addr.String() + "-" + c.Last.String()
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

// other names the other side, with whom it keeps the address for.
func (c Conflict) other(keptFor string) string {
	words := []string{c.Other.span()}
	for _, d := range []string{c.Other.Evidence, c.Other.Record} {
		if d != c.Other.Owner {
			words = append(words, d)
		}
	}
	if keptFor != "" {
		words = append(words, "for "+keptFor)
	}
	if !c.Other.Since.IsZero() {
		words = append(words, "since "+c.Other.Since.UTC().Format(time.RFC3339))
	}
	return c.Other.Owner + details(words...)
}

// fix says what can be done: a Wukong can always take another address, the other way is with the other side.
func (c Conflict) fix() string {
	refuses := c.Severity == Refuses
	switch kind := c.Other.Kind; {
	case kind == Excluded:
		return c.choose() + ", or ask the platform team to take this one out of what the pool excludes"
	case kind == Reservation:
		return c.choose() + ", or ask the platform team to reserve this one for the Wukong"
	case refuses && (kind == Lease || kind == Request):
		return c.choose() + ", or have its holder give it up"
	case refuses:
		return c.choose() + ", or take this one away there"
	case len(c.Free) > 0:
		return "take the address away from one of the two (free now: " + list(c.Free, ", ") + ")"
	}
	return "take the address away from one of the two"
}

// choose names addresses to choose from, where it knows some.
func (c Conflict) choose() string {
	if c.Asker.MAC != "" {
		return "choose another MAC address"
	}
	if len(c.Free) == 0 {
		return "choose another address"
	}
	return "choose another address, such as " + list(c.Free, " or ") + " (free now)"
}

// list writes addresses with commas, and the given word before the last.
func list(addrs []netip.Addr, last string) string {
	var b strings.Builder
	for i, a := range addrs {
		switch {
		case i > 0 && i == len(addrs)-1:
			b.WriteString(last)
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(a.String())
	}
	return b.String()
}

// details puts what is known in parentheses, and nothing where nothing is.
func details(words ...string) string {
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
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
	case Excluded:
		return "is excluded by"
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
