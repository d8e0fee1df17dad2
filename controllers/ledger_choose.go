package controllers

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

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
	age  age
	host *v1alpha1.HostNetwork
	// pool is nil for an address that belongs to none.
	pool *render.Pool
	// avoid are the gateways and DNS servers that the Wukong itself names: no address for its own machine.
	avoid []netip.Addr
}

// limit is a bound on what a namespace may hold, and what bounds it.
type limit struct {
	quota quota
	most  int
	by    string
}

// limits are those that apply to a wish.
func (w wish) limits() []limit {
	var out []limit
	namespace := w.age.key.Namespace
	if a := w.host.Spec.AllowedNamespaces; a != nil && a.MaxAddresses != nil {
		out = append(out, limit{quota{namespace: namespace, hostNetwork: w.host.Name}, int(*a.MaxAddresses), "HostNetwork " + w.host.Name})
	}
	if w.pool == nil {
		return out
	}
	if a := w.pool.Object.Spec.AllowedNamespaces; a != nil && a.MaxAddresses != nil {
		out = append(out, limit{quota{namespace: namespace, pool: w.pool.Object.Name}, int(*a.MaxAddresses), "AddressPool " + w.pool.Object.Name})
	}
	return out
}

// shortage says what an address is missing for. The zero value is none.
type shortage struct {
	reason, message string
	// line is where to wait.
	line string
}

// choose picks an address of the pool and keeps it from everybody else in this process until sawLease or abandon ends that.
func (l *ledger) choose(o *offer, w wish, now time.Time) (netip.Addr, shortage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	if s := l.overQuota(w); s.line != "" {
		return netip.Addr{}, s
	}
	name := w.pool.Object.Name
	space := l.space(w.pool.Segment.String())
	out := shortage{reason: v1alpha1.ReasonPoolExhausted, line: poolLine(name), message: fmt.Sprintf(
		"AddressPool %s has none of its %s addresses left for it: have the pool extended, or wait until one is released", name, w.pool.Config.Size())}
	if ahead, free := l.lines[poolLine(name)].ahead(w.age), space.FreeIn(name); ahead > 0 {
		if n, exact := free.Uint64(); exact && n <= ahead {
			return netip.Addr{}, out
		}
	}
	addr, ok := space.Choose(name, func(a netip.Addr) bool { return slices.Contains(w.avoid, a) || l.blocked(w.asker, a) })
	if !ok {
		return netip.Addr{}, out
	}
	l.fly(addr, w, now)
	return addr, shortage{}
}

// book keeps an address that was named from exceeding a quota, until sawLease or abandon.
func (l *ledger) book(addr netip.Addr, w wish, now time.Time) shortage {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.overQuota(w); s.line != "" {
		return s
	}
	l.fly(addr, w, now)
	return shortage{}
}

// overQuota says whether one more address is too many for the namespace.
func (l *ledger) overQuota(w wish) shortage {
	for _, m := range w.limits() {
		if held := l.quotas[m.quota]; held >= m.most {
			return shortage{reason: v1alpha1.ReasonAddressQuotaExceeded, line: quotaLine(m.quota), message: fmt.Sprintf(
				"namespace %s holds %d addresses of %s, which allows %d: delete a Wukong that needs its address no more, or have the bound raised",
				m.quota.namespace, held, m.by, m.most)}
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
		namespace: w.age.key.Namespace, hostNetwork: w.host.Name}
	if w.pool != nil {
		f.pool = w.pool.Object.Name
	}
	l.put(name, f)
}

// abandon gives up an address that was chosen or booked and not leased.
func (l *ledger) abandon(name string) {
	l.mu.Lock()
	before, flying := l.flights[name]
	if !flying {
		l.mu.Unlock()
		return
	}
	delete(l.flights, name)
	wake := l.put(name, before)
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

// maxSuggestionTries bounds the search where an excluded range or a long row of claims follows the address.
const maxSuggestionTries = 4096

// available says whether no lease takes the address.
func (l *ledger) available(segment string, addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	phase := l.space(segment).Use(addr).Phase
	return phase == "" || phase == ipam.Released
}
