package ipam

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const cooldown = 5 * time.Minute

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	lab  = Segment{Fabric: "lab", VLAN: 100}
	same = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateEmpty()}
)

func holder(namespace, name string) Holder {
	return Holder{Namespace: namespace, NamespaceUID: "uid-" + namespace, Name: name, UID: "uid-" + namespace + "-" + name,
		Network: "eth0", VirtualMachine: name + "-vm"}
}

// with gives h changed.
func (h Holder) with(change func(*Holder)) Holder { change(&h); return h }

func request(h Holder) Request {
	return Request{Address: netip.MustParsePrefix("10.0.0.5/24"), Segment: lab, Holder: h, HostNetwork: "vlan100", MAC: "02:00:00:00:00:01"}
}

func (r Request) with(change func(*Request)) Request { change(&r); return r }

// after gives a lease of team-a/web that was taken at noon and has gone one step a minute since, up to phase.
func after(t *testing.T, phase Phase, change func(*Request)) Lease {
	t.Helper()
	req := request(holder("team-a", "web"))
	if change != nil {
		change(&req)
	}
	l, verdict := Take(nil, req, noon)
	if !verdict.Granted() {
		t.Fatal(verdict)
	}
	steps := []func(Lease) (Lease, bool, error){
		func(l Lease) (Lease, bool, error) { return Release(l, "HolderDeleted", noon.Add(time.Minute)) },
		func(l Lease) (Lease, bool, error) { return Proven(l, noon.Add(2*time.Minute), cooldown) },
		func(l Lease) (Lease, bool, error) { return Expire(l, noon.Add(time.Hour)) },
	}
	for _, step := range steps {
		if l.Phase == phase {
			return l
		}
		var changed bool
		var err error
		if l, changed, err = step(l); err != nil || !changed {
			t.Fatalf("cannot reach %s: %+v, %v", phase, l, err)
		}
	}
	if l.Phase != phase {
		t.Fatalf("cannot reach %s: %+v", phase, l)
	}
	return l
}

func keep(r *Request) { r.Reserve = true }

func TestTakeOfAnAddressThatNobodyHas(t *testing.T) {
	got, verdict := Take(nil, request(holder("team-a", "web")), noon.In(time.FixedZone("x", 3600)).Add(300*time.Millisecond))
	want := Lease{Address: netip.MustParseAddr("10.0.0.5"), Segment: lab, Phase: Allocated, Since: noon, Holder: holder("team-a", "web"),
		PrefixLength: 24, HostNetwork: "vlan100", MAC: "02:00:00:00:00:01",
		History: []Change{{Holder: "team-a/web/eth0", UID: "uid-team-a-web", MAC: "02:00:00:00:00:01", From: noon}}}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("Take (-want +got):\n%s", diff)
	}
	if verdict.Outcome != Create || !verdict.Granted() || !verdict.Writes() {
		t.Errorf("verdict %+v", verdict)
	}
}

func TestTake(t *testing.T) {
	web, db := holder("team-a", "web"), holder("team-b", "db")
	madeAgain := web.with(func(h *Holder) { h.UID = "uid-web-2" })
	otherNamespace := madeAgain.with(func(h *Holder) { h.NamespaceUID = "uid-team-a-2" })
	soon, later := noon.Add(3*time.Minute), noon.Add(time.Hour)
	cases := map[string]struct {
		phase   Phase
		lease   func(*Request)
		asker   Holder
		now     time.Time
		outcome Outcome
		rule    Rule
	}{
		"a holder that asks again changes nothing":                            {phase: Allocated, asker: web, now: soon, outcome: Keep, rule: RuleOwn},
		"a held address is not given to another":                              {phase: Allocated, asker: db, now: later, outcome: Held, rule: RuleHeld},
		"a held address is not given to another network of the same Wukong":   {phase: Allocated, asker: web.with(func(h *Holder) { h.Network = "eth1" }), now: later, outcome: Held, rule: RuleHeld},
		"a held address is not given to the same Wukong made again":           {phase: Allocated, asker: madeAgain, now: later, outcome: Held, rule: RuleHeld},
		"a held address is not given to another name with the same UID":       {phase: Allocated, asker: web.with(func(h *Holder) { h.Name = "forged" }), now: later, outcome: Held, rule: RuleHeld},
		"a held address does not follow to another machine":                   {phase: Allocated, asker: web.with(func(h *Holder) { h.VirtualMachine = "other" }), now: later, outcome: Held, rule: RuleOtherMachine},
		"a holder that does not know its machine keeps it":                    {phase: Allocated, asker: web.with(func(h *Holder) { h.VirtualMachine = "" }), now: soon, outcome: Keep, rule: RuleOwn},
		"a holder that changes its mind keeps a releasing address":            {phase: Releasing, asker: web, now: soon, outcome: Update, rule: RuleOwn},
		"a releasing address is not given to another":                         {phase: Releasing, asker: db, now: later, outcome: Held, rule: RuleLeaving},
		"a releasing address follows the same Wukong made again":              {phase: Releasing, asker: madeAgain, now: soon, outcome: Update, rule: RuleMadeAgain},
		"but not to another machine of it":                                    {phase: Releasing, asker: madeAgain.with(func(h *Holder) { h.VirtualMachine = "other" }), now: later, outcome: Held, rule: RuleLeaving},
		"nor where the machine is not known":                                  {phase: Releasing, asker: madeAgain.with(func(h *Holder) { h.VirtualMachine = "" }), now: later, outcome: Held, rule: RuleLeaving},
		"nor into a namespace that was made again":                            {phase: Releasing, asker: otherNamespace, now: later, outcome: Held, rule: RuleLeaving},
		"nor by its own UID for another machine":                              {phase: Releasing, asker: web.with(func(h *Holder) { h.VirtualMachine = "other" }), now: later, outcome: Held, rule: RuleOtherMachine},
		"a cooling address is not given to another":                           {phase: Cooling, asker: db, now: soon, outcome: Held, rule: RuleCooling},
		"a cooling address is given to another when its time is over":         {phase: Cooling, asker: db, now: noon.Add(7 * time.Minute), outcome: Update, rule: RuleFree},
		"and not a moment before":                                             {phase: Cooling, asker: db, now: noon.Add(7*time.Minute - 1), outcome: Held, rule: RuleCooling},
		"a cooling address goes back to its holder at once":                   {phase: Cooling, asker: web, now: soon, outcome: Update, rule: RuleMadeAgain},
		"also for another machine, since none uses it":                        {phase: Cooling, asker: web.with(func(h *Holder) { h.VirtualMachine = "other" }), now: soon, outcome: Update, rule: RuleMadeAgain},
		"a cooling address goes to the same Wukong made again at once":        {phase: Cooling, asker: madeAgain, now: soon, outcome: Update, rule: RuleMadeAgain},
		"a cooling address does not go to a namespace made again":             {phase: Cooling, asker: otherNamespace, now: soon, outcome: Held, rule: RuleCooling},
		"a reserved address is given to nobody else, ever":                    {phase: Reserved, lease: keep, asker: db, now: noon.AddDate(10, 0, 0), outcome: Held, rule: RuleReserved},
		"a reserved address goes to the same Wukong made again":               {phase: Reserved, lease: keep, asker: madeAgain, now: later, outcome: Update, rule: RuleMadeAgain},
		"a reserved address goes back to its holder":                          {phase: Reserved, lease: keep, asker: web, now: later, outcome: Update, rule: RuleMadeAgain},
		"a reserved address does not go to another network of the Wukong":     {phase: Reserved, lease: keep, asker: madeAgain.with(func(h *Holder) { h.Network = "eth1" }), now: later, outcome: Held, rule: RuleReserved},
		"a reserved address does not go to a namespace made again":            {phase: Reserved, lease: keep, asker: otherNamespace, now: later, outcome: Held, rule: RuleOtherNamespace},
		"a released address is given to anybody":                              {phase: Released, asker: db, now: later, outcome: Update, rule: RuleFree},
		"a lease in an unknown phase is given to nobody, not even its holder": {phase: "Surprise", asker: web, now: later, outcome: Held, rule: RuleUnknownPhase},
		"nor is one without a phase":                                          {phase: "", asker: web, now: later, outcome: Held, rule: RuleUnknownPhase},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var existing Lease
			if c.phase == "" || c.phase == "Surprise" {
				existing = after(t, Allocated, c.lease)
				existing.Phase = c.phase
			} else {
				existing = after(t, c.phase, c.lease)
			}
			before := clone(existing)
			got, verdict := Take(&existing, request(c.asker), c.now)
			if verdict.Outcome != c.outcome || verdict.Rule != c.rule {
				t.Fatalf("%s %s, want %s %s: %s", verdict.Outcome, verdict.Rule, c.outcome, c.rule, verdict)
			}
			if diff := cmp.Diff(before, existing, same); diff != "" {
				t.Errorf("the existing lease was changed (-before +after):\n%s", diff)
			}
			if !verdict.Writes() {
				if diff := cmp.Diff(before, got, same); diff != "" {
					t.Errorf("nothing to write, and still a change (-want +got):\n%s", diff)
				}
				return
			}
			if got.Phase != Allocated || got.Holder != c.asker || !got.Until.IsZero() {
				t.Errorf("granted, and still %+v", got)
			}
			if open := got.History[0]; open.UID != c.asker.UID || !open.Until.IsZero() || open.Reason != "" {
				t.Errorf("the new holding is not open in the history: %+v", got.History)
			}
		})
	}
}

func TestAnAddressMovesAmongTheNetworksOfOneWukongAlone(t *testing.T) {
	web := holder("team-a", "web")
	lan := web.with(func(h *Holder) { h.Network = "lan" })
	cases := map[string]struct {
		phase Phase
		asker Holder
		from  string
		rule  Rule
	}{
		"to a network that the first one left it to":       {Allocated, lan, "eth0", RuleMoved},
		"also while it is about to be let go":              {Releasing, lan, "eth0", RuleMoved},
		"not while the first one asks for it":              {Allocated, lan, "", RuleHeld},
		"not from a network that does not have it":         {Allocated, lan, "eth7", RuleHeld},
		"not to another machine":                           {Allocated, lan.with(func(h *Holder) { h.VirtualMachine = "other" }), "eth0", RuleHeld},
		"not to another Wukong of the name":                {Allocated, lan.with(func(h *Holder) { h.UID = "uid-web-2" }), "eth0", RuleHeld},
		"not to another Wukong, whatever it says":          {Allocated, holder("team-b", "db"), "eth0", RuleHeld},
		"what rests is given by the rules of rest":         {Cooling, lan, "eth0", RuleCooling},
		"a network that has it does not move it to itself": {Allocated, web, "eth0", RuleOwn},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			existing := after(t, c.phase, nil)
			req := request(c.asker)
			req.From = c.from
			got, verdict := Take(&existing, req, noon.Add(3*time.Minute))
			if verdict.Rule != c.rule {
				t.Fatalf("%s, want %s", verdict.Rule, c.rule)
			}
			if c.rule == RuleMoved && (got.Phase != Allocated || got.Holder != c.asker || len(got.History) != len(existing.History)+1 || got.History[1].Until.IsZero()) {
				t.Errorf("moved, and still %+v", got)
			}
		})
	}
}

func clone(l Lease) Lease {
	l.History = append([]Change(nil), l.History...)
	return l
}

func TestTakeBringsTheLeaseUpToDate(t *testing.T) {
	l := after(t, Allocated, nil)
	asks := request(holder("team-a", "web"))
	cases := map[string]struct {
		change func(*Request)
		want   func(*Lease)
	}{
		"with the pool":                   {func(r *Request) { r.Pool = "p" }, func(l *Lease) { l.Pool = "p" }},
		"with the host network":           {func(r *Request) { r.HostNetwork = "n" }, func(l *Lease) { l.HostNetwork = "n" }},
		"with the wish to keep it":        {keep, func(l *Lease) { l.Reserve = true }},
		"with the prefix length":          {func(r *Request) { r.Address = netip.MustParsePrefix("10.0.0.5/16") }, func(l *Lease) { l.PrefixLength = 16 }},
		"with the UID of the namespace":   {func(r *Request) { r.Holder.NamespaceUID = "found" }, func(l *Lease) { l.Holder.NamespaceUID = "found" }},
		"with the MAC, noting the change": {func(r *Request) { r.MAC = "02:00:00:00:00:02" }, func(l *Lease) { l.MAC = "02:00:00:00:00:02"; l.History = macChanged(l.History) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, verdict := Take(&l, asks.with(c.change), noon.Add(time.Minute))
			want := clone(l)
			c.want(&want)
			if diff := cmp.Diff(want, got, same); diff != "" {
				t.Errorf("Take (-want +got):\n%s", diff)
			}
			if verdict.Outcome != Update || verdict.Rule != RuleOwn {
				t.Errorf("verdict %s %s", verdict.Outcome, verdict.Rule)
			}
			if again, verdict := Take(&got, asks.with(c.change), noon.Add(time.Hour)); verdict.Outcome != Keep || !again.HeldSince().Equal(noon) {
				t.Errorf("asked again: %s, held since %s", verdict.Outcome, again.HeldSince())
			}
		})
	}
}

func macChanged(h []Change) []Change {
	ended := h[0]
	ended.Until, ended.Reason = noon.Add(time.Minute), ReasonMACChanged
	return []Change{{Holder: ended.Holder, UID: ended.UID, MAC: "02:00:00:00:00:02", From: noon.Add(time.Minute)}, ended}
}

func TestTakeRefusesARequestThatMakesNoSense(t *testing.T) {
	l := after(t, Released, nil)
	cases := map[string]struct {
		change func(*Request)
		err    string
	}{
		"no address":                     {func(r *Request) { r.Address = netip.Prefix{} }, "is no address"},
		"an address in another form":     {func(r *Request) { r.Address = netip.MustParsePrefix("::ffff:10.0.0.5/128") }, "write the IPv4 address 10.0.0.5"},
		"no segment":                     {func(r *Request) { r.Segment = Segment{} }, "is not the name of a fabric"},
		"a holder without UID":           {func(r *Request) { r.Holder.UID = "" }, `"team-a/web/eth0" does not identify a holder`},
		"a holder without namespace UID": {func(r *Request) { r.Holder.NamespaceUID = "" }, "does not identify a holder"},
		"a holder without network":       {func(r *Request) { r.Holder.Network = "" }, "does not identify a holder"},
		"another address than the lease": {func(r *Request) { r.Address = netip.MustParsePrefix("10.0.0.6/24") }, `"10.0.0.5 on lab.100" is not what the request asks for`},
		"another segment than the lease": {func(r *Request) { r.Segment.VLAN = 7 }, "is not what the request asks for"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, verdict := Take(&l, request(holder("team-a", "web")).with(c.change), noon)
			if verdict.Outcome != Invalid || verdict.Granted() || verdict.Writes() {
				t.Errorf("verdict %+v", verdict)
			}
			checkError(t, verdict.Err, c.err)
			if verdict.String() != verdict.Err.Error() || verdict.Tenant() != verdict.Err.Error() {
				t.Errorf("the verdict reads %q", verdict)
			}
		})
	}
}

func TestHeldSince(t *testing.T) {
	mac := func(l Lease, mac string, minute int) Lease {
		got, _ := Take(&l, request(holder("team-a", "web")).with(func(r *Request) { r.MAC = mac }), noon.Add(time.Duration(minute)*time.Minute))
		return got
	}
	again := after(t, Cooling, nil)
	again = mac(again, "02:00:00:00:00:01", 5)
	tampered := after(t, Allocated, nil)
	tampered.History = nil
	cases := map[string]struct {
		lease Lease
		want  time.Time
	}{
		"a lease that was just taken":               {after(t, Allocated, nil), noon},
		"another MAC address is no new holding":     {mac(mac(after(t, Allocated, nil), "02:00:00:00:00:02", 3), "02:00:00:00:00:03", 4), noon},
		"a releasing lease is held":                 {after(t, Releasing, nil), noon},
		"a lease that was let go and retaken":       {again, noon.Add(5 * time.Minute)},
		"a new holding with another MAC afterwards": {mac(again, "02:00:00:00:00:02", 6), noon.Add(5 * time.Minute)},
		"a lease without a history":                 {tampered, noon},
		"a cooling lease is held by nobody":         {after(t, Cooling, nil), time.Time{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.lease.HeldSince(); !got.Equal(c.want) {
				t.Errorf("held since %s, want %s: %+v", got, c.want, c.lease.History)
			}
		})
	}
}
