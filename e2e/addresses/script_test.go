package addresses_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A script is what users do, in order. It is made so that its end is certain whatever happens to controllers meanwhile: two
// Wukongs ask for one address only when it is known who has it, at most one waits for it, and what is kept for its holder was
// seen to be kept before the holder goes.
type script struct {
	seed    uint64
	actions []action
	end     []string // who has what in the end, as canonical gives it
}

// action is one thing that a user does, or waits to see.
type action struct {
	verb  verb
	who   who
	asks  asks
	lost  string // an address that must not be kept for who any more
	pause time.Duration
}

type verb string

const (
	create         verb = "create"
	change         verb = "change"
	remove         verb = "delete"
	free           verb = "free"
	renewNamespace verb = "renew the namespace of"
	awaitHeld      verb = "await that it has its addresses:"
	awaitGivenUp   verb = "await that it gives up an address:"
	awaitKept      verb = "await that its address is kept:"
)

const (
	maxNames        = 3
	namespacesCount = 2
)

// who is a Wukong by name, in one life of its namespace.
type who struct {
	namespace int
	life      int
	name      string
}

func (w who) String() string { return fmt.Sprintf("%c/%s", 'a'+rune(w.namespace), w.name) }

// asks is what a Wukong asks for.
type asks struct {
	addresses []string
	pool      bool // any address of the pool, instead
	reserved  bool
	machine   bool // it serves somebody else's machine
}

func (a action) String() string {
	text := fmt.Sprintf("%s %s", a.verb, a.who)
	if len(a.asks.addresses) > 0 {
		text += " " + strings.Join(a.asks.addresses, " ")
	}
	if a.asks.pool {
		text += " from the pool"
	}
	if a.asks.reserved {
		text += " reserved"
	}
	if a.lost != "" {
		text += " " + a.lost
	}
	return text
}

// stage is what the script has come to.
type stage struct {
	rand    *rand.Rand
	script  script
	lives   [namespacesCount]int
	wukongs map[who]*asked
	places  map[string]*place
	// drawn are the Wukongs that have an address of the pool, which has enough for all, with their wish to keep it; poolKept
	// are those for whom one is kept.
	drawn, poolKept map[who]bool
}

// asked is a living Wukong.
type asked struct {
	asks
	everReserved bool // a lease may still say so
	// keeps are addresses that it asked for before and has until it gets what it waits for now. They are kept for it when it
	// goes if keepsReserved.
	keeps         []string
	keepsReserved bool
}

// place is one address: who has it, who waits for it, for whom it is kept.
type place struct{ holder, waiter, kept *who }

// The addresses of a script. IPv6 ones are only ever asked for in addition to an IPv4 one, and while they are free.
var (
	addressesV4 = []string{"192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13"}
	addressesV6 = []string{"2001:db8::10", "2001:db8:0:1::", "2001:db8::12"}
)

// newScript makes the script of a seed.
func newScript(seed uint64) script {
	s := &stage{rand: rand.New(rand.NewPCG(seed, 7)), wukongs: map[who]*asked{}, places: map[string]*place{},
		drawn: map[who]bool{}, poolKept: map[who]bool{}}
	s.script.seed = seed
	for _, a := range slices.Concat(addressesV4, addressesV6) {
		s.places[a] = &place{}
	}
	renewed := seed%4 != 3 // it takes seconds to delete a namespace
	for steps := 6 + s.rand.IntN(8); steps > 0; steps-- {
		switch n := s.rand.IntN(26); {
		case n >= 20:
			s.draw()
		case n < 8:
			s.create()
		case n < 12:
			s.change()
		case n < 16:
			s.remove()
		case n < 18:
			s.free()
		case !renewed && len(s.wukongs) > 1:
			s.renew()
			renewed = true
		default:
			s.create()
		}
	}
	s.script.end = s.end()
	return s.script
}

func (s *stage) add(a action) {
	a.pause = time.Duration(s.rand.IntN(3)*s.rand.IntN(60)) * time.Millisecond
	s.script.actions = append(s.script.actions, a)
}

func (s *stage) living() []who {
	return slices.SortedFunc(maps.Keys(s.wukongs), func(a, b who) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.life, b.life), cmp.Compare(a.name, b.name))
	})
}

// pick gives a living Wukong.
func (s *stage) pick() (who, bool) {
	living := s.living()
	if len(living) == 0 {
		return who{}, false
	}
	return living[s.rand.IntN(len(living))], true
}

func (s *stage) create() {
	n := s.rand.IntN(namespacesCount)
	w := who{namespace: n, life: s.lives[n], name: fmt.Sprintf("vm-%d", s.rand.IntN(maxNames))}
	if s.wukongs[w] != nil {
		return
	}
	ask, ok := s.choose(w)
	if !ok {
		return
	}
	s.wukongs[w] = &asked{asks: ask, everReserved: ask.reserved}
	s.add(action{verb: create, who: w, asks: ask})
}

// choose decides what a Wukong asks for, and notes who has it then.
func (s *stage) choose(w who) (asks, bool) {
	ask := asks{reserved: s.rand.IntN(3) == 0, machine: w.name == "vm-0"}
	for _, i := range s.rand.Perm(len(addressesV4)) {
		if a := addressesV4[i]; s.claim(w, a) {
			ask.addresses = append(ask.addresses, a)
			break
		}
	}
	if len(ask.addresses) == 0 {
		return ask, false
	}
	p := s.places[ask.addresses[0]]
	if p.holder == nil || *p.holder != w || s.rand.IntN(3) > 0 {
		return ask, true
	}
	for _, a := range addressesV6 {
		p := s.places[a]
		own := p.holder != nil && *p.holder == w
		if own || (p.holder == nil && p.waiter == nil && (p.kept == nil || *p.kept == w)) {
			p.holder, p.kept = &w, nil
			ask.addresses = append(ask.addresses, a)
			break
		}
	}
	return ask, true
}

// claim notes that a Wukong asks for an address, if the outcome is certain.
func (s *stage) claim(w who, address string) bool {
	p := s.places[address]
	switch {
	case p.holder != nil && *p.holder == w:
	case p.waiter != nil:
		return false
	case p.holder == nil && (p.kept == nil || *p.kept == w):
		p.holder, p.kept = &w, nil
	case p.holder != nil && s.rand.IntN(2) == 0:
		s.await(*p.holder)
		p.waiter = &w
	case p.holder == nil && s.rand.IntN(2) == 0:
		p.waiter = &w // it is kept for somebody else
	default:
		return false
	}
	return true
}

// holdsAll says whether the Wukong has, or will have, all that it asks for.
func (s *stage) holdsAll(w who) bool {
	for _, a := range s.wukongs[w].addresses {
		if p := s.places[a]; p.holder == nil || *p.holder != w {
			return false
		}
	}
	return true
}

// await waits until a Wukong has what it asks for.
func (s *stage) await(w who) {
	if s.holdsAll(w) {
		s.add(action{verb: awaitHeld, who: w, asks: s.wukongs[w].asks})
		s.wukongs[w].everReserved = s.wukongs[w].reserved
	}
}

// leave notes that a Wukong goes, or asks for others than these addresses. reserved says that they are kept for it.
func (s *stage) leave(w who, addresses []string, reserved bool) {
	for _, a := range addresses {
		p := s.places[a]
		switch {
		case p.waiter != nil && *p.waiter == w:
			p.waiter = nil
		case p.holder != nil && *p.holder == w && reserved:
			p.holder, p.kept = nil, &w
		case p.holder != nil && *p.holder == w:
			p.holder = nil
			s.promote(a)
		}
	}
}

// promote gives a free address to the one who waits for it, who gives up what it had until now.
func (s *stage) promote(address string) {
	p := s.places[address]
	if p.waiter == nil || p.kept != nil {
		return
	}
	p.holder, p.waiter = p.waiter, nil
	next := s.wukongs[*p.holder]
	keeps := next.keeps
	next.keeps = nil
	s.leave(*p.holder, keeps, false)
}

// change gives a Wukong another address, or another wish to keep it. What it has it gives up when it gets what it asks for
// now. So where it will have to wait, it is known first what it has.
func (s *stage) change() {
	w, ok := s.pick()
	if !ok {
		return
	}
	old := *s.wukongs[w]
	held := s.holdsAll(w)
	if old.everReserved {
		s.await(w)
	}
	ask, ok := s.choose(w)
	if !ok {
		return
	}
	now := &asked{asks: ask, everReserved: ask.reserved || old.everReserved, keeps: old.keeps, keepsReserved: old.keepsReserved}
	if held {
		now.keeps, now.keepsReserved = old.addresses, old.reserved
	} else {
		s.leave(w, without(old.addresses, ask.addresses), false) // it waits no more
	}
	s.wukongs[w] = now
	if !s.holdsAll(w) {
		if held && !old.everReserved {
			s.add(action{verb: awaitHeld, who: w, asks: old.asks})
		}
		s.add(action{verb: change, who: w, asks: ask})
		return
	}
	s.add(action{verb: change, who: w, asks: ask})
	lost := without(now.keeps, ask.addresses)
	now.keeps = nil
	s.leave(w, lost, false)
	for _, a := range lost {
		if old.everReserved || now.keepsReserved {
			s.add(action{verb: awaitGivenUp, who: w, lost: a})
		}
	}
}

// without gives the addresses that are not among others.
func without(addresses, others []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return slices.Contains(others, a) })
}

func (s *stage) remove() {
	w, ok := s.pick()
	if !ok {
		return
	}
	s.beforeLeaving(w)
	s.add(action{verb: remove, who: w})
	s.gone(w)
}

// gone notes that a Wukong is no more.
func (s *stage) gone(w who) {
	is := s.wukongs[w]
	s.leave(w, is.addresses, is.reserved)
	s.leave(w, is.keeps, is.keepsReserved)
	delete(s.wukongs, w)
}

// draw makes a Wukong that asks for any address of the pool, or deletes it where there is one.
func (s *stage) draw() {
	n := s.rand.IntN(namespacesCount)
	w := who{namespace: n, life: s.lives[n], name: fmt.Sprintf("any-%d", s.rand.IntN(2))}
	if _, lives := s.drawn[w]; lives {
		s.beforeDrawnLeaves(w)
		s.add(action{verb: remove, who: w})
		s.drawnGone(w)
		return
	}
	ask := asks{pool: true, reserved: s.rand.IntN(3) == 0}
	s.drawn[w] = ask.reserved
	delete(s.poolKept, w) // it gets that one
	s.add(action{verb: create, who: w, asks: ask})
}

// beforeDrawnLeaves waits until the lease says what becomes of it. A lease that was kept before may still say that it is to be.
func (s *stage) beforeDrawnLeaves(w who) {
	s.add(action{verb: awaitHeld, who: w, asks: asks{pool: true, reserved: s.drawn[w]}})
}

func (s *stage) drawnGone(w who) {
	if s.drawn[w] {
		s.poolKept[w] = true
	}
	delete(s.drawn, w)
}

// beforeLeaving waits until what is to be kept is known to be.
func (s *stage) beforeLeaving(w who) {
	if s.wukongs[w].everReserved {
		s.await(w)
	}
}

// free has an engineer free an address that is kept.
func (s *stage) free() {
	for _, a := range slices.Concat(addressesV4, addressesV6) {
		if p := s.places[a]; p.kept != nil {
			s.add(action{verb: awaitKept, who: *p.kept, lost: a})
			s.add(action{verb: free, who: *p.kept, lost: a})
			p.kept = nil
			s.promote(a)
			return
		}
	}
}

// renew deletes a namespace with all that is in it, and makes it again.
func (s *stage) renew() {
	n := s.rand.IntN(namespacesCount)
	for _, w := range s.living() {
		if w.namespace == n {
			s.beforeLeaving(w)
		}
	}
	var drawn []who
	for w := range s.drawn {
		if w.namespace == n {
			drawn = append(drawn, w)
		}
	}
	slices.SortFunc(drawn, func(a, b who) int { return cmp.Compare(a.name, b.name) })
	for _, w := range drawn {
		s.beforeDrawnLeaves(w)
	}
	s.add(action{verb: renewNamespace, who: who{namespace: n}})
	for _, w := range drawn {
		s.drawnGone(w)
	}
	for _, w := range s.living() {
		if w.namespace == n {
			s.gone(w)
		}
	}
	s.lives[n]++
}

// end says who has what: one line per address that is held or kept.
func (s *stage) end() []string {
	out := poolEnd(len(s.drawn), len(s.poolKept))
	for a, p := range s.places {
		switch {
		case p.kept != nil:
			out = append(out, fmt.Sprintf("%s is kept for %s", a, *p.kept))
		case p.holder != nil:
			out = append(out, fmt.Sprintf("%s is held and published by %s", a, *p.holder))
		}
	}
	slices.Sort(out)
	return out
}

// poolEnd says what became of the pool: which address it was does not matter.
func poolEnd(held, kept int) []string {
	return []string{fmt.Sprintf("pool: %d held and published, %d kept", held, kept)}
}
