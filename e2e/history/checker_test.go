package history

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestALegalHistoryBreaksNoRule(t *testing.T) {
	c := &Checker{Limits: limits}
	for _, e := range numbered(story()) {
		c.Add(e)
	}
	for _, v := range append(c.Violations(), c.Unsettled()...) {
		t.Error(v)
	}
}

func TestEachRuleIsNoticedWhenBroken(t *testing.T) {
	const (
		allocated = v1alpha1.LeaseAllocated
		releasing = v1alpha1.LeaseReleasing
		cooling   = v1alpha1.LeaseCooling
		reserved  = v1alpha1.LeaseReserved
		released  = v1alpha1.LeaseReleased
	)
	// Each case changes the story from one event on; what follows is left out. The last event is the one to be blamed.
	cases := map[string]struct {
		upTo int // how much of the story comes first
		then []Event
		rule Rule
		says string
	}{
		"a status is published before there is a lease":               {1, []Event{of(publishes(web1, "192.0.2.10/24"))}, RulePublishedHeld, "there is no lease"},
		"a status is published with the lease of another":             {5, []Event{of(publishes(db, "192.0.2.10/24"))}, RuleOnePublisher, "published by 2 Wukongs"},
		"a status is published with a lease that another has":         {2, []Event{of(db), of(publishes(db, "192.0.2.10/24"))}, RulePublishedHeld, "held by team-a/web network lan"},
		"a status is published with a lease that rests":               {11, []Event{of(publishes(db, "192.0.2.10/24"))}, RulePublishedHeld, "the lease is Cooling"},
		"a lease is let go while it is published":                     {3, []Event{of(lease("192.0.2.10", releasing, holder(web1), 1)), of(lease("192.0.2.10", cooling, holder(web1), 2))}, RulePublishedHeld, "Wukong team-a/web still publishes"},
		"a lease is deleted while it is published":                    {3, []Event{gone(lease("192.0.2.10", allocated, nil, 0))}, RulePublishedHeld, "there is no lease"},
		"a lease is deleted while it is kept":                         {18, []Event{gone(lease("192.0.2.10", reserved, nil, 0))}, RuleStep, "deleted while Reserved"},
		"a lease is published under another name":                     {2, []Event{of(misnamed(publishes(web1, "192.0.2.10/24")))}, RuleNamed, "which must be ip-192-0-2-10.lab"},
		"a lease does not have the name of its address":               {1, []Event{of(renamed(lease("192.0.2.10", allocated, holder(web1), 0)))}, RuleNamed, "must be named ip-192-0-2-10.lab"},
		"two leases hold one address":                                 {2, []Event{of(renamed(lease("192.0.2.10", allocated, holder(db), 0)))}, RuleOneHolder, "is held by ip-192-0-2-10.lab and other"},
		"an address is not canonical":                                 {1, []Event{of(spelled(lease("2001:db8::5", allocated, holder(web1), 0), "2001:db8:0::5"))}, RuleLegible, "not canonical"},
		"a published address cannot be read":                          {2, []Event{of(unreadable(publishes(web1, "192.0.2.10/24")))}, RuleLegible, "192.0.2.10"},
		"a new lease is not Allocated":                                {1, []Event{of(lease("192.0.2.10", cooling, holder(web1), 0))}, RuleStep, "a new lease is Cooling"},
		"a lease skips a phase":                                       {9, []Event{of(lease("192.0.2.10", cooling, holder(web1), 2))}, RuleStep, "from Allocated to Cooling"},
		"a lease goes back from rest to release":                      {11, []Event{of(lease("192.0.2.10", releasing, holder(web1), 3))}, RuleStep, "from Cooling to Releasing"},
		"a lease changes hands while it is held":                      {9, []Event{of(lease("192.0.2.10", allocated, holder(db), 1))}, RuleHolder, "team-b/db"},
		"a lease changes hands while it is let go":                    {10, []Event{of(lease("192.0.2.10", allocated, holder(db), 1))}, RuleHolder, "team-b/db"},
		"a lease is taken back by the same name without its machine":  {10, []Event{of(lease("192.0.2.10", allocated, again(holder(web1)), 1))}, RuleHolder, "UID again"},
		"a lease names another holder while it is let go":             {10, []Event{of(lease("192.0.2.10", releasing, holder(db), 1))}, RuleHolder, "team-b/db"},
		"a held lease has no holder":                                  {9, []Event{of(lease("192.0.2.10", allocated, nil, 1))}, RuleHolder, "has no holder"},
		"an address is taken before its rest is over":                 {11, []Event{of(lease("192.0.2.10", allocated, holder(db), 6))}, RuleRests, "rests until"},
		"an address is a record before its rest is over":              {11, []Event{of(lease("192.0.2.10", released, nil, 6))}, RuleRests, "rests until"},
		"the rest is shorter than it has to be":                       {10, []Event{of(until(lease("192.0.2.10", cooling, holder(web1), 2), 6))}, RuleRests, "less than 5m0s"},
		"the rest is shortened":                                       {11, []Event{of(until(lease("192.0.2.10", cooling, holder(web1), 2), 6))}, RuleRests, "until moves"},
		"an address does not rest at all":                             {10, []Event{of(lease("192.0.2.10", released, nil, 2))}, RuleRests, "nobody had ordered"},
		"a kept address rests instead":                                {17, []Event{of(lease("192.0.2.10", cooling, holder(db), 10))}, RuleStep, "to be kept for its holder"},
		"an address is kept unasked":                                  {10, []Event{of(lease("192.0.2.10", reserved, holder(web1), 2))}, RuleStep, "nobody had asked to keep it"},
		"a kept address goes to somebody else":                        {18, []Event{of(lease("192.0.2.10", allocated, holder(web1), 11))}, RuleHolder, "was kept for team-b/db"},
		"a kept address goes to a namespace that was made again":      {18, []Event{of(lease("192.0.2.10", allocated, elsewhere(holder(dbAgain)), 11))}, RuleHolder, "was kept for"},
		"a kept address is freed by nobody's order":                   {24, []Event{of(lease("192.0.2.10", released, nil, 14))}, RuleStep, "nobody had ordered"},
		"time goes back":                                              {10, []Event{of(lease("192.0.2.10", cooling, holder(web1), 0))}, RuleStep, "since goes back"},
		"time moves within a phase":                                   {3, []Event{of(lease("192.0.2.10", allocated, holder(web1), 1))}, RuleStep, "since moves"},
		"an address of a Wukong is replaced, and its spec is as ever": {6, []Event{of(lease("192.0.2.11", allocated, holder(web1), 1)), of(publishes(web1, "192.0.2.11/24"))}, RuleStays, "had 192.0.2.10 on segment lab and has 192.0.2.11"},
		"an address that a pool gave is replaced":                     {0, []Event{of(fromPool()), of(drawn(lease("192.0.2.10", allocated, holder(web1), 0))), of(publishesDrawn("192.0.2.10/24")), of(drawn(lease("192.0.2.11", allocated, holder(web1), 0))), of(publishesDrawn("192.0.2.11/24"))}, RuleStays, "had 192.0.2.10 on segment lab and has 192.0.2.11"},
		"an address is published that no pool gave":                   {0, []Event{of(fromPool()), of(lease("192.0.2.10", allocated, holder(web1), 0)), of(publishesDrawn("192.0.2.10/24"))}, RuleAskedFor, `the lease says pool ""`},
		"an address of a Wukong is lost, and its spec is as ever":     {9, []Event{of(publishes(web2))}, RuleStays, "has none"},
		"an address is published that nobody asks for":                {8, []Event{of(publishes(web2, "192.0.2.10/24"))}, RuleAskedFor, "does not ask for 192.0.2.10"},
	}
	seen := map[Rule]bool{RuleOrder: true} // has a test of its own
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			events := numbered(append(story()[:c.upTo], c.then...))
			last := events[len(events)-1]
			found := Check(events, limits)
			if i := slices.IndexFunc(found, func(v Violation) bool {
				return v.Revision == last.Revision && v.Object == last.Object && v.Rule == c.rule && strings.Contains(v.Detail, c.says)
			}); i < 0 {
				t.Errorf("no violation of %s at revision %d that says %q, but %v", c.rule, last.Revision, c.says, found)
			}
			for _, v := range found {
				if v.Revision != last.Revision {
					t.Errorf("an event is blamed that is right: %s", v)
				}
			}
		})
		seen[c.rule] = true
	}
	for _, rule := range []Rule{RuleOrder, RuleLegible, RuleNamed, RuleOneHolder, RuleOnePublisher, RulePublishedHeld, RuleAskedFor,
		RuleStays, RuleStep, RuleHolder, RuleRests} {
		if !seen[rule] {
			t.Errorf("no case breaks %s", rule)
		}
	}
}

// fromPool is web, and asks for any address of a pool.
func fromPool() *v1alpha1.Wukong {
	w := wukong("team-a", "web", web1.UID, 1)
	w.Spec.Networks[0].IPConfig.IPPool = "vms"
	return w
}

// waiting gives the Wukong with a status that says that it does not have all that it asks for.
func waiting(w *v1alpha1.Wukong) *v1alpha1.Wukong {
	w.Status.Conditions[0].Status = metav1.ConditionFalse
	return w
}

func drawn(l *v1alpha1.AddressLease) *v1alpha1.AddressLease {
	l.Spec.Pool = "vms"
	return l
}

func publishesDrawn(address string) *v1alpha1.Wukong {
	w := publishes(fromPool(), address)
	w.Status.Networks[0].Addresses[0].Pool = "vms"
	return w
}

// Ways to spoil an object.

func misnamed(w *v1alpha1.Wukong) *v1alpha1.Wukong {
	w.Status.Networks[0].Addresses[0].Lease = "ip-192-0-2-11.lab"
	return w
}

func unreadable(w *v1alpha1.Wukong) *v1alpha1.Wukong {
	w.Status.Networks[0].Addresses[0].Address = "192.0.2.10"
	return w
}

func renamed(l *v1alpha1.AddressLease) *v1alpha1.AddressLease {
	l.Name, l.UID = "other", "other"
	return l
}

func spelled(l *v1alpha1.AddressLease, address string) *v1alpha1.AddressLease {
	l.Spec.Address = address
	return l
}

func until(l *v1alpha1.AddressLease, minutes int) *v1alpha1.AddressLease {
	t := at(minutes)
	l.Spec.Until = &t
	return l
}

func again(h *v1alpha1.LeaseHolder) *v1alpha1.LeaseHolder {
	h.UID = "again"
	return h
}

func elsewhere(h *v1alpha1.LeaseHolder) *v1alpha1.LeaseHolder {
	h.NamespaceUID = "another"
	return h
}

func TestWhatLooksLikeAViolationAndIsNone(t *testing.T) {
	const allocated, releasing, cooling, released = v1alpha1.LeaseAllocated, v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling, v1alpha1.LeaseReleased
	machine := func(h *v1alpha1.LeaseHolder) *v1alpha1.LeaseHolder { h.VirtualMachine = "web-vm"; return h }
	both := wukong("team-a", "web", "uid-web", 1, "192.0.2.10/24", "192.0.2.11/24")
	quick := func(l *v1alpha1.AddressLease) *v1alpha1.AddressLease { l.Spec.Pool = "quick"; return l }
	cases := map[string]struct {
		upTo int
		then []Event
	}{
		"a holder changes its mind":                             {10, []Event{of(lease("192.0.2.10", allocated, holder(web1), 2))}},
		"a holder made again for the same machine":              {1, []Event{of(lease("192.0.2.10", allocated, machine(holder(web1)), 0)), of(lease("192.0.2.10", releasing, machine(holder(web1)), 1)), of(lease("192.0.2.10", allocated, machine(again(holder(web1))), 2))}},
		"a holder made again while the address rests":           {11, []Event{of(lease("192.0.2.10", allocated, again(holder(web1)), 3))}},
		"somebody else, at the moment when the rest is over":    {11, []Event{of(lease("192.0.2.10", allocated, holder(db), 7))}},
		"an engineer frees an address that is let go":           {10, []Event{of(ordered(lease("192.0.2.10", releasing, holder(web1), 1))), of(lease("192.0.2.10", released, nil, 2))}},
		"an engineer frees an address that rests":               {11, []Event{of(ordered(lease("192.0.2.10", cooling, holder(web1), 2))), of(lease("192.0.2.10", released, nil, 3))}},
		"an address of a pool that wants no rest":               {1, []Event{of(quick(lease("192.0.2.10", allocated, holder(web1), 0))), of(quick(lease("192.0.2.10", releasing, holder(web1), 1))), of(lease("192.0.2.10", released, nil, 2))}},
		"a Wukong that waited for its second address":           {1, []Event{of(both), of(lease("192.0.2.10", allocated, holder(web1), 0)), of(waiting(publishes(both, "192.0.2.10/24"))), of(lease("192.0.2.11", allocated, holder(web1), 0)), of(publishes(both, "192.0.2.10/24", "192.0.2.11/24"))}},
		"a Wukong that gets what it asks for gives up the rest": {7, []Event{of(waiting(publishes(web2, "192.0.2.10/24"))), of(lease("192.0.2.11", allocated, holder(web2), 1)), of(publishes(web2, "192.0.2.11/24"))}},
		"an address of a pool":                                  {0, []Event{of(fromPool()), of(drawn(lease("192.0.2.10", allocated, holder(web1), 0))), of(publishesDrawn("192.0.2.10/24"))}},
		"a record goes":                                         {12, []Event{gone(lease("192.0.2.10", released, nil, 0))}},
		"a status is published while the lease is on its way":   {10, []Event{of(respec(publishes(web1, "192.0.2.10/24"), web2))}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			events := story()[:c.upTo]
			if name == "a status is published while the lease is on its way" {
				events = append(story()[:7], story()[9])
			}
			for _, v := range Check(numbered(append(events, c.then...)), limits) {
				t.Error(v)
			}
		})
	}
}

func TestRevisionsThatGoBackAreAFaultOfTheRecording(t *testing.T) {
	events := numbered(story())
	events[5].Revision = 50
	found := Check(events, limits)
	if len(found) != 1 || found[0].Rule != RuleOrder || found[0].Revision != 50 {
		t.Errorf("%v", found)
	}
}

func TestWhatIsLeftAtRestIsNoticed(t *testing.T) {
	invalid := publishes(web1)
	invalid.Status.Conditions = append(invalid.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonInvalidSpec})
	forgetful := publishes(web1, "192.0.2.10/24")
	forgetful.Status.Networks = nil
	cases := map[string]struct {
		events []Event
		rule   Rule
		says   string
	}{
		"a lease whose holder is gone":                       {append(story()[:3], gone(web1)), RuleNoLeak, "is gone"},
		"a lease whose holder was made again":                {append(story()[:3], gone(web1), of(wukong("team-a", "web", "uid-other", 1))), RuleNoLeak, "is gone"},
		"a lease that is still let go":                       {story()[:10], RuleNoLeak, "still Releasing"},
		"a lease that still rests":                           {story()[:11], RuleNoLeak, "still Cooling"},
		"a lease that its holder does not publish":           {append(story()[:2], of(forgetful)), RuleNoLeak, "neither publishes it nor waits"},
		"a Wukong that says too much":                        {append(story()[:2], of(forgetful)), RuleServed, "does not publish 192.0.2.10"},
		"a Wukong that nobody looked at":                     {story()[:2], RuleLookedAt, "generation -1, not 1"},
		"a Wukong that waits for an address that is free":    {append(story()[:12], of(publishes(db))), RuleServed, "nobody else has what it asks for"},
		"a Wukong that waits for an address that was let go": {append(story()[:3], gone(web1), of(publishes(db))), RuleNoLeak, "is gone"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			checker := &Checker{Limits: limits}
			for _, e := range numbered(c.events) {
				checker.Add(e)
			}
			found := checker.Unsettled()
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == c.rule && strings.Contains(v.Detail, c.says) }) {
				t.Errorf("no violation of %s that says %q, but %v", c.rule, c.says, found)
			}
		})
	}
	for name, events := range map[string][]Event{
		"a Wukong that waits for another's address": {of(web1), of(lease("192.0.2.10", v1alpha1.LeaseAllocated, holder(web1), 0)), of(publishes(web1, "192.0.2.10/24")), of(publishes(db))},
		"a Wukong whose spec cannot work":           {of(invalid)},
	} {
		t.Run("nothing is wrong with "+name, func(t *testing.T) {
			checker := &Checker{Limits: limits}
			for _, e := range numbered(events) {
				checker.Add(e)
			}
			for _, v := range append(checker.Violations(), checker.Unsettled()...) {
				t.Error(v)
			}
		})
	}
}

// FuzzTheCheckerAgreesWithAPlainReading feeds arbitrary histories, mostly illegal, to the checker and to a plain reading that
// looks at the whole world after each event: the first revision at which an address has two holders, two publishers, or a
// publisher that does not hold it, is the same. No history makes the checker panic.
func FuzzTheCheckerAgreesWithAPlainReading(f *testing.F) {
	f.Add([]byte{0x00, 0x41, 0x82, 0xc3})
	f.Add([]byte("\x40\x00\x80\xff\x13\x55\xaa\x01\x42\x93"))
	f.Add([]byte{0x40, 0x02, 0x48, 0x03, 0x60, 0x22, 0x81, 0xc1})
	f.Fuzz(func(t *testing.T, script []byte) {
		var events []Event
		plain := plainWorld{leases: map[Object]*v1alpha1.AddressLease{}, wukongs: map[Object]*v1alpha1.Wukong{}}
		first := map[Rule]int64{}
		for i, b := range script[:min(len(script), 64)] {
			e := arbitrary(b)
			e.Revision = int64(i + 1)
			events = append(events, e)
			for _, rule := range plain.add(e) {
				if first[rule] == 0 {
					first[rule] = e.Revision
				}
			}
		}
		got := map[Rule]int64{}
		for _, v := range Check(events, limits) {
			if got[v.Rule] == 0 {
				got[v.Rule] = v.Revision
			}
		}
		for _, rule := range []Rule{RuleOneHolder, RuleOnePublisher, RulePublishedHeld} {
			if got[rule] != first[rule] {
				t.Errorf("%s: first noticed at revision %d, first broken at %d", rule, got[rule], first[rule])
			}
		}
	})
}

// arbitrary makes any event on two addresses, two Wukongs and a few UIDs.
func arbitrary(b byte) Event {
	address := []string{"192.0.2.10", "192.0.2.11"}[b&1]
	name := []string{"web", "db"}[b>>1&1]
	uid := types.UID(name)
	if b>>2&1 == 1 {
		uid += "-again"
	}
	w := wukong("team-a", name, uid, 1, address+"/24")
	phase := []v1alpha1.LeasePhase{v1alpha1.LeaseAllocated, v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling, v1alpha1.LeaseReleased}[b>>3&3]
	switch b >> 5 {
	case 0, 1:
		return of(lease(address, phase, holder(w), int(b)))
	case 2:
		return of(renamed(lease(address, phase, holder(w), int(b))))
	case 3:
		return gone(lease(address, phase, nil, 0))
	case 4:
		return gone(w)
	case 5:
		return of(publishes(w))
	}
	return of(publishes(w, address+"/24"))
}

// plainWorld is the world after an event.
type plainWorld struct {
	leases  map[Object]*v1alpha1.AddressLease
	wukongs map[Object]*v1alpha1.Wukong
}

func (p plainWorld) add(e Event) (broken []Rule) {
	delete(p.leases, e.Object)
	delete(p.wukongs, e.Object)
	if e.Lease != nil {
		p.leases[e.Object] = e.Lease
	}
	if e.Wukong != nil {
		p.wukongs[e.Object] = e.Wukong
	}
	holders, publishers := map[string]int{}, map[string]map[string]bool{}
	for _, l := range p.leases {
		if isHeld(l) {
			holders[l.Spec.Address]++
		}
	}
	for _, w := range p.wukongs {
		for _, a := range w.Status.Networks[0].Addresses {
			text, _, _ := strings.Cut(a.Address, "/")
			if publishers[text] == nil {
				publishers[text] = map[string]bool{}
			}
			publishers[text][string(w.UID)] = true
			l := p.leases[Object{Kind: LeaseKind, Name: "ip-" + strings.ReplaceAll(text, ".", "-") + ".lab"}]
			if l == nil || !isHeld(l) || l.Spec.Holder.UID != w.UID {
				broken = append(broken, RulePublishedHeld)
			}
		}
	}
	for _, n := range holders {
		if n > 1 {
			broken = append(broken, RuleOneHolder)
		}
	}
	for _, uids := range publishers {
		if len(uids) > 1 {
			broken = append(broken, RuleOnePublisher)
		}
	}
	return broken
}
