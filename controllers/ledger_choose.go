package controllers

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// wish is one address that a network of a Wukong is about to take.
type wish struct {
	// asker is the claim of the network, without the address.
	asker conflicts.Claim
	// age is the place in line.
	age         age
	hostNetwork string
	// pool is nil for an address that belongs to none.
	pool *render.Pool
	// quotas are the bounds that the address counts against.
	quotas []render.Quota
	// avoid are the gateways and DNS servers that the Wukong itself names: no address for its own machine.
	avoid []netip.Addr
}

// shortage says what an address is missing for. The zero value is none.
type shortage struct {
	reason, message string
	// line is where to wait.
	line string
	// pool is what has none left, or quota what is used up, and most its bound.
	pool  string
	quota quota
	most  int
}

// choose picks an address of the pool and keeps it from everybody else in this process until sawLease or abandon ends that.
// Those who are ahead in the pool's line leave it the addresses that they do not need.
func (l *ledger) choose(o *offer, w wish, now time.Time) (netip.Addr, shortage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	if s := l.overQuota(w, ""); s.line != "" {
		return netip.Addr{}, s
	}
	name := w.pool.Object.Name
	addr, ok := l.pick(w, l.lines[poolLine(name)].ahead(w.age))
	if !ok {
		return netip.Addr{}, shortage{reason: v1alpha1.ReasonPoolExhausted, line: poolLine(name), pool: name, message: fmt.Sprintf(
			"AddressPool %s has none left: have the pool extended, or wait until one is released", name)}
	}
	l.fly(addr, w, now)
	return addr, shortage{}
}

// pick gives the next address of the pool that the asker can use, after leaving some to others.
func (l *ledger) pick(w wish, left int) (netip.Addr, bool) {
	return l.space(w.pool.Segment.String()).Choose(w.pool.Object.Name, func(a netip.Addr) bool {
		if slices.Contains(w.avoid, a) || l.blocked(w.asker, a) {
			return true
		}
		left--
		return left >= 0
	})
}

// book keeps an address that was named from exceeding a quota, until sawLease or abandon.
func (l *ledger) book(o *offer, addr netip.Addr, w wish, now time.Time) shortage {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	name, err := ipam.LeaseName(addr, w.asker.Segment)
	if err != nil {
		return shortage{} // parsed addresses and segments have names
	}
	if s := l.overQuota(w, name); s.line != "" {
		return s
	}
	l.fly(addr, w, now)
	return shortage{}
}

// overQuota says whether one more address is too many for the namespace. The lease of the address may count already, such as
// while it waits for the asker.
func (l *ledger) overQuota(w wish, lease string) shortage {
	namespace := w.age.key.Namespace
	for _, m := range w.quotas {
		q := quota{namespace: namespace, hostNetwork: m.Object.Name}
		if m.Object.Kind == "AddressPool" {
			q = quota{namespace: namespace, pool: m.Object.Name}
		}
		held := l.quotas[q]
		if slices.Contains(l.leases[lease].quotas(), q) {
			held--
		}
		if held >= m.Max {
			return shortage{reason: v1alpha1.ReasonAddressQuotaExceeded, line: quotaLine(q), quota: q, most: m.Max, message: fmt.Sprintf(
				"namespace %s has all of the %d addresses of %s that it may have: delete a Wukong that needs its address no more, have what is kept for one freed, or have the bound raised",
				namespace, m.Max, m.Object)}
		}
	}
	return shortage{}
}

// fly notes an address as taken before its lease is.
func (l *ledger) fly(addr netip.Addr, w wish, now time.Time) {
	name, err := ipam.LeaseName(addr, w.asker.Segment)
	if err != nil {
		return // parsed addresses and segments have names
	}
	if _, flying := l.flights[name]; !flying {
		l.flights[name] = l.leases[name]
	}
	f := leaseFact{segment: w.asker.Segment, addr: addr, use: ipam.Use{Phase: ipam.Allocated, Since: now},
		namespace: w.age.key.Namespace, hostNetwork: w.hostNetwork}
	if w.pool != nil {
		f.pool = w.pool.Object.Name
	}
	l.put(name, f)
}

// abandon gives up an address that was chosen or booked and not leased. by is not woken for it.
func (l *ledger) abandon(name string, by types.NamespacedName) {
	l.mu.Lock()
	before, flying := l.flights[name]
	if !flying {
		l.mu.Unlock()
		return
	}
	delete(l.flights, name)
	wake := l.freed(l.put(name, before), before, by)
	l.mu.Unlock()
	l.wake(wake)
}

// blocked says whether something other than a lease keeps the asker from an address.
func (l *ledger) blocked(asker conflicts.Claim, addr netip.Addr) bool {
	asker.Addr = addr
	return conflicts.Refused(asker, &l.claims)
}

// maxSuggestions is how many free addresses a message offers.
const maxSuggestions = 3

// suggest gives free addresses near one that cannot be had. admit says whether the asker may have one at all.
func (l *ledger) suggest(o *offer, asker conflicts.Claim, near netip.Prefix, admit func(netip.Prefix) bool) []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	space := l.space(asker.Segment)
	var out []netip.Addr
	after := near.Addr()
	tries := 0
	skip := func(a netip.Addr) bool {
		tries++
		return tries < maxSuggestionTries && (l.blocked(asker, a) || !admit(netip.PrefixFrom(a, near.Bits())))
	}
	for len(out) < maxSuggestions && tries < maxSuggestionTries {
		addr, ok := space.Next(near.Masked(), after, skip)
		if !ok || tries >= maxSuggestionTries || addr == near.Addr() || (len(out) > 0 && addr == out[0]) {
			break
		}
		out, after = append(out, addr), addr
	}
	return out
}

// offerOf gives addresses that a pool would give to an asker next.
func (l *ledger) offerOf(o *offer, w wish) []netip.Addr {
	if w.pool.Problem != nil || w.pool.Segment.String() != w.asker.Segment {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	var out []netip.Addr
	for len(out) < maxSuggestions {
		addr, ok := l.pick(w, len(out))
		if !ok {
			break
		}
		out = append(out, addr)
	}
	return out
}

// maxSuggestionTries bounds the search where an excluded range or a long row of claims follows the address.
const maxSuggestionTries = 4096

// available says whether no lease takes the address.
func (l *ledger) available(segment string, addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	phase := l.space(segment).Use(addr).Phase
	return phase == "" || phase == ipam.Released
}
