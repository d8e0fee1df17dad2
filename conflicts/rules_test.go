package conflicts

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	addr  = netip.MustParseAddr("10.0.0.5")
	mac   = "02:00:00:aa:bb:01"
	start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	// equal compares claims and addresses by value.
	equal = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateEmpty()}
)

func wukong(kind Kind, namespace, name, segment string, minute int) Claim {
	return Claim{Segment: segment, Addr: addr, Kind: kind, Namespace: namespace,
		Owner: "Wukong " + namespace + "/" + name + " network eth0", Since: start.Add(time.Duration(minute) * time.Minute)}
}

func node(kind Kind, segment string) Claim {
	return Claim{Segment: segment, Addr: addr, Kind: kind, Owner: "node node-a", Evidence: "interface eth1 of node node-a"}
}

func TestRules(t *testing.T) {
	young := wukong(Request, "team-b", "cache", "lab", 10)
	old := wukong(Request, "team-a", "web", "lab", 0)
	holder := wukong(Lease, "team-a", "web", "lab", 20)
	cases := map[string]struct {
		asker, other Claim
		rule         Rule
		severity     Severity
	}{
		"a request yields to a lease, however young the lease is":     {asker: old.as("team-c", "x"), other: holder, rule: HolderKeeps, severity: Refuses},
		"a holder is not troubled by one who asks":                    {asker: holder, other: young},
		"two leases on what may be one segment are reported":          {asker: holder, other: wukong(Lease, "team-b", "cache", "", 30), rule: NobodyIsMoved, severity: Reports},
		"a younger request yields to an older one":                    {asker: young, other: old, rule: OldestKeeps, severity: Refuses},
		"an older request is not troubled by a younger one":           {asker: old, other: young},
		"at the same age the name decides against the later one":      {asker: wukong(Request, "team-b", "cache", "lab", 0), other: old, rule: OldestKeeps, severity: Refuses},
		"at the same age the name decides for the earlier one":        {asker: old, other: wukong(Request, "team-b", "cache", "lab", 0)},
		"a request yields to an address on a node":                    {asker: old, other: node(NodeInterface, "lab"), rule: InUseOutside, severity: Refuses},
		"a request yields to a node's cluster address":                {asker: old, other: node(NodeAddress, "lab"), rule: InUseOutside, severity: Refuses},
		"a request yields to a gateway":                               {asker: old, other: node(Gateway, "lab"), rule: InUseOutside, severity: Refuses},
		"a request yields to a DNS server":                            {asker: old, other: node(DNSServer, "lab"), rule: InUseOutside, severity: Refuses},
		"a request yields to a Service":                               {asker: old, other: node(Service, ""), rule: InUseOutside, severity: Refuses},
		"a request yields to a reservation":                           {asker: old, other: node(Reservation, "lab"), rule: KeptBack, severity: Refuses},
		"a request yields to what a pool excludes":                    {asker: old, other: node(Excluded, "lab"), rule: KeptBack, severity: Refuses},
		"a holder of what a pool excludes later is told, and stays":   {asker: holder, other: node(Excluded, "lab"), rule: NobodyIsMoved, severity: Warns},
		"what is kept for an owner is no obstacle to it":              {asker: old, other: node(Reservation, "lab").keptFor("Wukong team-a/web network eth0")},
		"what is kept for a Wukong is no obstacle to its networks":    {asker: old, other: node(Reservation, "lab").keptFor("Wukong team-a/web")},
		"what is kept for one network is an obstacle to another":      {asker: old, other: node(Reservation, "lab").keptFor("Wukong team-a/web network eth1"), rule: KeptBack, severity: Refuses},
		"a Wukong whose name only begins alike is another":            {asker: old, other: node(Reservation, "lab").keptFor("Wukong team-a/we"), rule: KeptBack, severity: Refuses},
		"a lease that is kept for somebody refuses everybody else":    {asker: young, other: holder.keptFor("Wukong team-a/db"), rule: HolderKeeps, severity: Refuses},
		"a range is in the way of each of its addresses":              {asker: old, other: Claim{Segment: "lab", Addr: addr.Prev(), Last: addr.Next(), Kind: Reservation, Owner: "x"}, rule: KeptBack, severity: Refuses},
		"a range ends with its last address":                          {asker: old, other: Claim{Segment: "lab", Addr: addr.Prev().Prev(), Last: addr.Prev(), Kind: Reservation, Owner: "x"}},
		"a range is of one family":                                    {asker: old, other: Claim{Segment: "lab", Addr: netip.MustParseAddr("::"), Last: netip.MustParseAddr("ffff::"), Kind: Reservation, Owner: "x"}},
		"a request yields to the MAC address of a lease":              {asker: old.onMAC(mac).as("team-c", "x"), other: holder.onMAC(mac), rule: HolderKeeps, severity: Refuses},
		"a request yields to the MAC address of an older request":     {asker: young.onMAC(mac), other: old.onMAC(mac), rule: OldestKeeps, severity: Refuses},
		"a request yields to the MAC address of a node":               {asker: old.onMAC(mac), other: node(NodeInterface, "lab").onMAC(mac), rule: InUseOutside, severity: Refuses},
		"a guest's report of a MAC address only warns":                {asker: old.onMAC(mac), other: wukong(GuestReport, "team-b", "x", "", 0).onMAC(mac), rule: TenantsOnlyWarn, severity: Warns},
		"one MAC address on two segments is no collision":             {asker: old.onMAC(mac), other: node(NodeInterface, "dmz").onMAC(mac)},
		"another MAC address does not matter":                         {asker: old.onMAC(mac), other: node(NodeInterface, "lab").onMAC("02:00:00:aa:bb:02")},
		"an address and a MAC address do not meet":                    {asker: old, other: node(NodeInterface, "lab").onMAC(mac)},
		"a request yields to a claim of an unknown kind":              {asker: old, other: node("Surprise", "lab"), rule: InUseOutside, severity: Refuses},
		"a holder is told of an address on a node, and stays":         {asker: holder, other: node(NodeInterface, "lab"), rule: NobodyIsMoved, severity: Reports},
		"an external IP that a tenant wrote only warns a request":     {asker: old, other: wukong(ServiceExternalIP, "team-b", "x", "", 0), rule: TenantsOnlyWarn, severity: Warns},
		"a guest's report only warns a holder":                        {asker: holder, other: wukong(GuestReport, "team-b", "x", "lab", 0), rule: TenantsOnlyWarn, severity: Warns},
		"a pod's annotation only warns a request":                     {asker: old, other: wukong(PodNetwork, "team-b", "x", "lab", 0), rule: TenantsOnlyWarn, severity: Warns},
		"an unknown segment counts as the same, on the other's side":  {asker: old, other: node(NodeInterface, ""), rule: InUseOutside, severity: Refuses},
		"an unknown segment counts as the same, on the asker's side":  {asker: wukong(Request, "team-a", "web", "", 0), other: node(NodeInterface, "lab"), rule: InUseOutside, severity: Refuses},
		"one address on two segments is no collision":                 {asker: old, other: node(NodeInterface, "lab.100")},
		"claims of one owner do not conflict":                         {asker: old, other: wukong(Lease, "team-a", "web", "lab", 5)},
		"a machine's own report does not warn it":                     {asker: holder, other: wukong(GuestReport, "team-a", "web", "lab", 5)},
		"an owner of the same words in another namespace is another":  {asker: old, other: old.in("team-z").kind(Lease), rule: HolderKeeps, severity: Refuses},
		"another address does not matter, also if it is told as such": {asker: old, other: Claim{Segment: "lab", Addr: addr.Next(), Kind: Gateway, Owner: "x"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rule, severity := decide(&c.asker, &c.other)
			if rule != c.rule || severity != c.severity {
				t.Errorf("decide = %q %v, want %q %v", rule, severity, c.rule, c.severity)
			}
		})
	}
}

func (c Claim) as(namespace, name string) Claim {
	c.Namespace, c.Owner = namespace, "Wukong "+namespace+"/"+name+" network eth0"
	return c
}

func (c Claim) keptFor(owner string) Claim { c.For = owner; return c }

func (c Claim) in(namespace string) Claim { c.Namespace = namespace; return c }

func (c Claim) kind(k Kind) Claim { c.Kind = k; return c }

func TestConflictsSaysNothingInTheWay(t *testing.T) {
	var idx Index
	if got := Conflicts(wukong(Request, "team-a", "web", "lab", 0), &idx); got != nil {
		t.Errorf("an empty index conflicts: %v", got)
	}
	if got := Conflicts(Claim{Segment: "lab", Kind: Request, Owner: "x"}, &idx); got != nil {
		t.Errorf("a claim without address conflicts: %v", got)
	}
}

func TestConflictsComeGravestFirstThenOldest(t *testing.T) {
	var idx Index
	warn := wukong(GuestReport, "team-c", "x", "lab", -100)
	older, younger := node(Gateway, "lab"), wukong(Lease, "team-b", "db", "lab", 1)
	idx.Replace("a", []Claim{younger, warn})
	idx.Replace("b", []Claim{older})
	request := wukong(Request, "team-a", "web", "lab", 0)
	want := []Conflict{
		{Asker: request, Other: older, Rule: InUseOutside, Severity: Refuses},
		{Asker: request, Other: younger, Rule: HolderKeeps, Severity: Refuses},
		{Asker: request, Other: warn, Rule: TenantsOnlyWarn, Severity: Warns},
	}
	if diff := cmp.Diff(want, Conflicts(request, &idx), equal); diff != "" {
		t.Errorf("Conflicts (-want +got):\n%s", diff)
	}
}

func TestConflictsTakesOtherSpellingsOfTheAddress(t *testing.T) {
	var idx Index
	idx.Replace("node-a", []Claim{{Addr: netip.MustParseAddr("::ffff:10.0.0.5"), Kind: NodeInterface, Owner: "node node-a"}})
	request := wukong(Request, "team-a", "web", "lab", 0)
	if got := Conflicts(request, &idx); len(got) != 1 {
		t.Errorf("a mapped address hides a claim: %v", got)
	}
	request.Addr = netip.MustParseAddr("::ffff:10.0.0.5")
	if got := Conflicts(request, &idx); len(got) != 1 {
		t.Errorf("a mapped address hides a request: %v", got)
	}
}

func TestTexts(t *testing.T) {
	asker := wukong(Request, "team-b", "cache", "lab", 10)
	lease := wukong(Lease, "team-a", "web", "lab", 0)
	lease.Evidence, lease.Record = "network eth0 of team-a/web", "AddressLease ip-10-0-0-5.lab"
	reservation := Claim{Segment: "lab", Addr: netip.MustParseAddr("10.0.0.1"), Last: netip.MustParseAddr("10.0.0.9"), Kind: Reservation,
		Owner: "AddressReservation printers", Evidence: "spec.addresses[1]", For: "Wukong team-z/print"}
	excluded := Claim{Segment: "lab", Addr: addr, Kind: Excluded, Owner: "AddressPool lab", Evidence: "spec.exclude[0]"}
	free := []netip.Addr{netip.MustParseAddr("10.0.0.12"), netip.MustParseAddr("10.0.0.13"), netip.MustParseAddr("10.0.0.14")}
	secret := reservation.in("team-z")
	secret.Kind, secret.Record = Lease, "AddressLease x"
	cases := map[string]struct {
		asker, other     Claim
		free             []netip.Addr
		engineer, tenant string
	}{
		"a reservation is named to both, and whom it is for to engineers only": {
			asker: asker, other: reservation, free: free[:1],
			engineer: "10.0.0.5 on segment lab, asked for by Wukong team-b/cache network eth0, is kept back by AddressReservation printers " +
				"(10.0.0.1-10.0.0.9, spec.addresses[1], for Wukong team-z/print); " +
				"rule: an address that is kept back is given to nobody but those whom it is kept for; " +
				"fix: choose another address, such as 10.0.0.12 (free now), or ask the platform team to reserve this one for the Wukong",
			tenant: "10.0.0.5 on segment lab, asked for by Wukong team-b/cache network eth0, is kept back by AddressReservation printers " +
				"(10.0.0.1-10.0.0.9, spec.addresses[1]); " +
				"rule: an address that is kept back is given to nobody but those whom it is kept for; " +
				"fix: choose another address, such as 10.0.0.12 (free now), or ask the platform team to reserve this one for the Wukong",
		},
		"what a pool excludes, with two free addresses": {
			asker: asker, other: excluded, free: free[:2],
			engineer: "10.0.0.5 on segment lab, asked for by Wukong team-b/cache network eth0, is excluded by AddressPool lab (spec.exclude[0]); " +
				"rule: an address that is kept back is given to nobody but those whom it is kept for; " +
				"fix: choose another address, such as 10.0.0.12 or 10.0.0.13 (free now), or ask the platform team to take this one out of what the pool excludes",
			tenant: "10.0.0.5 on segment lab, asked for by Wukong team-b/cache network eth0, is excluded by AddressPool lab (spec.exclude[0]); " +
				"rule: an address that is kept back is given to nobody but those whom it is kept for; " +
				"fix: choose another address, such as 10.0.0.12 or 10.0.0.13 (free now), or ask the platform team to take this one out of what the pool excludes",
		},
		"a holder of what is excluded later, with three free addresses": {
			asker: asker.kind(Lease), other: excluded, free: free,
			engineer: "10.0.0.5 on segment lab, leased to Wukong team-b/cache network eth0, is excluded by AddressPool lab (spec.exclude[0]); " +
				"rule: a lease is kept and nobody is moved; both sides are told; " +
				"fix: choose another address, such as 10.0.0.12, 10.0.0.13 or 10.0.0.14 (free now), or ask the platform team to take this one out of what the pool excludes",
			tenant: "10.0.0.5 on segment lab, leased to Wukong team-b/cache network eth0, is excluded by AddressPool lab (spec.exclude[0]); " +
				"rule: a lease is kept and nobody is moved; both sides are told; " +
				"fix: choose another address, such as 10.0.0.12, 10.0.0.13 or 10.0.0.14 (free now), or ask the platform team to take this one out of what the pool excludes",
		},
		"a collision that is reported, with free addresses": {
			asker: asker.kind(Lease), other: node(NodeInterface, "lab"), free: free[:2],
			engineer: "10.0.0.5 on segment lab, leased to Wukong team-b/cache network eth0, is on an interface of node node-a (interface eth1 of node node-a); " +
				"rule: a lease is kept and nobody is moved; both sides are told; " +
				"fix: take the address away from one of the two (free now: 10.0.0.12, 10.0.0.13)",
			tenant: "10.0.0.5 on segment lab, leased to Wukong team-b/cache network eth0, is on an interface of node node-a (interface eth1 of node node-a); " +
				"rule: a lease is kept and nobody is moved; both sides are told; " +
				"fix: take the address away from one of the two (free now: 10.0.0.12, 10.0.0.13)",
		},
		"a MAC address of another namespace, whatever addresses are free": {
			asker: asker.onMAC(mac), other: lease.onMAC(mac), free: free,
			engineer: "02:00:00:aa:bb:01 on segment lab, asked for by Wukong team-b/cache network eth0, is leased to Wukong team-a/web network eth0 " +
				"(network eth0 of team-a/web, AddressLease ip-10-0-0-5.lab, since 2026-11-23T08:00:00Z); " +
				"rule: the first holder keeps the address; fix: choose another MAC address, or have its holder give it up",
			tenant: "02:00:00:aa:bb:01 on segment lab, asked for by Wukong team-b/cache network eth0, is leased to another holder " +
				"(AddressLease ip-10-0-0-5.lab); " +
				"rule: the first holder keeps the address; fix: choose another MAC address, or have its holder give it up",
		},
		"a range asks, and a range of another namespace is in the way": {
			asker: reservation.kind(Request).as("team-b", "cache"), other: secret,
			engineer: "10.0.0.1-10.0.0.9 on segment lab, asked for by Wukong team-b/cache network eth0, is leased to AddressReservation printers " +
				"(10.0.0.1-10.0.0.9, spec.addresses[1], AddressLease x, for Wukong team-z/print); " +
				"rule: the first holder keeps the address; fix: choose another address, or have its holder give it up",
			tenant: "10.0.0.1-10.0.0.9 on segment lab, asked for by Wukong team-b/cache network eth0, is leased to another holder " +
				"(10.0.0.1-10.0.0.9, AddressLease x); " +
				"rule: the first holder keeps the address; fix: choose another address, or have its holder give it up",
		},
		"a lease of another namespace is named to engineers only": {
			asker: asker, other: lease,
			engineer: "10.0.0.5 on segment lab, asked for by Wukong team-b/cache network eth0, is leased to Wukong team-a/web network eth0 " +
				"(network eth0 of team-a/web, AddressLease ip-10-0-0-5.lab, since 2026-11-23T08:00:00Z); " +
				"rule: the first holder keeps the address; fix: choose another address, or have its holder give it up",
			tenant: "10.0.0.5 on segment lab, asked for by Wukong team-b/cache network eth0, is leased to another holder " +
				"(AddressLease ip-10-0-0-5.lab); " +
				"rule: the first holder keeps the address; fix: choose another address, or have its holder give it up",
		},
		"a node is named to both, with its evidence and the doubt about its segment": {
			asker: asker, other: node(NodeInterface, ""),
			engineer: "10.0.0.5 on segment lab (the other side's segment is unknown and counts as the same), asked for by Wukong team-b/cache network eth0, " +
				"is on an interface of node node-a (interface eth1 of node node-a); " +
				"rule: an address that the network or the cluster uses is not given to a machine; fix: choose another address, or take this one away there",
			tenant: "10.0.0.5 on segment lab (the other side's segment is unknown and counts as the same), asked for by Wukong team-b/cache network eth0, " +
				"is on an interface of node node-a (interface eth1 of node node-a); " +
				"rule: an address that the network or the cluster uses is not given to a machine; fix: choose another address, or take this one away there",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rule, severity := decide(&c.asker, &c.other)
			conflict := Conflict{Asker: c.asker, Other: c.other, Rule: rule, Severity: severity, Free: c.free}
			if diff := cmp.Diff(c.engineer, conflict.String()); diff != "" {
				t.Errorf("String (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.tenant, conflict.Tenant()); diff != "" {
				t.Errorf("Tenant (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTenantNamesNothingOfAnotherNamespace tries every kind: whatever the other side is, a word of its namespace that is
// not in its record must not come out.
func TestTenantNamesNothingOfAnotherNamespace(t *testing.T) {
	kinds := []Kind{Request, Lease, Reservation, Excluded, NodeAddress, NodeInterface, Gateway, DNSServer, Service, ServiceExternalIP, GuestReport, PodNetwork, "Surprise"}
	for _, kind := range kinds {
		other := wukong(kind, "secret-ns", "secret-name", "", -10).keptFor("Wukong secret-ns/other")
		other.Evidence, other.Record = "secret-evidence", "AddressLease ip-10-0-0-5.lab"
		long := other
		long.Last = addr.Next()
		places := map[string]func(asker Claim) (Claim, Claim){
			"an address":    func(asker Claim) (Claim, Claim) { return asker, other },
			"a range":       func(asker Claim) (Claim, Claim) { return asker, long },
			"a MAC address": func(asker Claim) (Claim, Claim) { return asker.onMAC(mac), other.onMAC(mac) },
		}
		for name, place := range places {
			for _, asker := range []Claim{wukong(Request, "team-b", "cache", "lab", 10), wukong(Lease, "team-b", "cache", "", 10)} {
				asker, other := place(asker)
				rule, severity := decide(&asker, &other)
				c := Conflict{Asker: asker, Other: other, Rule: rule, Severity: severity, Free: []netip.Addr{addr.Next()}}
				if text := c.Tenant(); strings.Contains(text, "secret") || !strings.Contains(text, other.Record) {
					t.Errorf("%s of %s: %s", name, kind, text)
				}
				if text := c.String(); !strings.Contains(text, "secret-name") || !strings.Contains(text, "secret-ns/other") {
					t.Errorf("%s of %s: engineers are not told: %s", name, kind, text)
				}
				if same := (Conflict{Asker: asker.in("secret-ns"), Other: other}); !strings.Contains(same.Tenant(), "secret-name") {
					t.Errorf("%s of %s: the own namespace is not named: %s", name, kind, same.Tenant())
				}
			}
		}
	}
}

// TestTenantIsToldWhatTheClusterKeepsBack: what belongs to the cluster is named, and whom it is kept for is not.
func TestTenantIsToldWhatTheClusterKeepsBack(t *testing.T) {
	for _, kind := range []Kind{Reservation, Excluded} {
		other := node(kind, "lab").in("").keptFor("Wukong secret-ns/secret-name")
		other.Owner = "AddressPool lab"
		text := Conflict{Asker: wukong(Request, "team-b", "cache", "lab", 10), Other: other, Rule: KeptBack, Severity: Refuses}.Tenant()
		if !strings.Contains(text, "AddressPool lab") || strings.Contains(text, "secret") {
			t.Errorf("%s: %s", kind, text)
		}
	}
}

func TestEveryRuleAndSeverityHasWords(t *testing.T) {
	for _, r := range []Rule{TenantsOnlyWarn, NobodyIsMoved, HolderKeeps, KeptBack, InUseOutside, OldestKeeps} {
		if !strings.Contains(r.String(), " ") {
			t.Errorf("rule %q is not a sentence: %q", string(r), r)
		}
	}
	if got := Rule("new").String(); got != "new" {
		t.Errorf("an unknown rule reads %q", got)
	}
	want := []string{"none", "warns", "reports", "refuses"}
	for i, w := range want {
		if got := Severity(i).String(); got != w {
			t.Errorf("severity %d reads %q, want %q", i, got, w)
		}
	}
	for segments, want := range map[[2]string]string{
		{"lab", "lab"}: "10.0.0.5 on segment lab, ",
		{"lab", ""}:    "10.0.0.5 on segment lab (the other side's segment is unknown",
		{"", "lab"}:    "10.0.0.5 on segment lab (the asker's segment is unknown",
		{"", ""}:       "10.0.0.5 on an unknown segment, ",
	} {
		c := Conflict{Asker: wukong(Lease, "a", "b", segments[0], 0), Other: Claim{Segment: segments[1], Addr: addr, Kind: Gateway, Owner: "AddressPool p"}}
		if got := c.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "leased to Wukong a/b network eth0, is the gateway of AddressPool p; rule:") {
			t.Errorf("%q reads %s", segments, got)
		}
	}
}
