package controllers

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// ledger is what this process knows about addresses: who holds or claims each, what pools have left, and who waits for what.
// Watches keep it up to date. It is a hint: whatever is decided on it is confirmed by a write that the API server refuses
// when the hint was wrong. A restart builds it anew, and decides the same.
type ledger struct {
	client.Client
	live       client.Reader
	offers     *offers
	components *Components
	leaser     *leaser
	events     events.EventRecorder
	cluster    string
	clock      clock.PassiveClock
	cooldown   time.Duration

	// claims has everything that can collide with a lease but the leases themselves.
	claims conflicts.Index
	// macs keeps looking at the claims on a MAC address and adding one together.
	macs sync.Mutex
	// ready is closed when everything was read once and published addresses were matched with leases.
	ready chan struct{}

	mu       sync.Mutex
	leases   map[string]leaseFact
	flights  map[string]leaseFact
	spaces   map[string]*ipam.Space
	attached map[string]attachment
	quotas   map[quota]int
	lines    map[string]*line
	specs    uint64
	// reservations are those of the cluster, by name; reserved counts their changes, and attachedAt is where it stood when
	// pools were attached last.
	reservations         map[string]*render.Reservation
	reserved, attachedAt int
	// resting are those that were deleted, with the time at which their addresses are free.
	resting map[string]time.Time
	// nextHops are the gateways and DNS servers of each node that claims anything, and users how many nodes use each.
	nextHops map[string][]nextHop
	users    map[nextHop]int
	// poolSources are the sources of claims that pools have.
	poolSources map[string]bool

	listeners listeners
	scans     scans
}

// leaseFact is what the ledger keeps of one lease. The zero value stands for no lease.
type leaseFact struct {
	segment                      string
	addr                         netip.Addr
	use                          ipam.Use
	namespace, hostNetwork, pool string
	conflict                     bool
}

// attachment is a pool as it was attached to the space of its segment: what it may give out to anybody, under its name, and
// all of it, for counting.
type attachment struct {
	segment string
	config  ipam.Pool
}

// whole is the name under which all of a pool is attached. No pool can have it.
func whole(pool string) string { return pool + "/" }

// quota counts what one namespace holds of a HostNetwork or of a pool; the other one is empty.
type quota struct{ namespace, hostNetwork, pool string }

func newLedger(mgr manager.Manager, cfg Config, components *Components) *ledger {
	c, live := mgr.GetClient(), mgr.GetAPIReader()
	return &ledger{Client: c, live: live, offers: newOffers(c), components: components, cluster: cfg.ClusterName,
		clock: cfg.Clock, cooldown: cfg.Cooldown, resting: map[string]time.Time{},
		leaser: &leaser{client: c, live: live}, events: mgr.GetEventRecorder("wukong-network"), ready: make(chan struct{}),
		leases: map[string]leaseFact{}, flights: map[string]leaseFact{}, spaces: map[string]*ipam.Space{},
		attached: map[string]attachment{}, quotas: map[quota]int{}, lines: map[string]*line{},
		reservations: map[string]*render.Reservation{}, nextHops: map[string][]nextHop{}, users: map[nextHop]int{}}
}

// taken says whether the address is not to be had.
func (f leaseFact) taken() bool {
	return f.use.Phase != "" && f.use.Phase != ipam.Released
}

// counted says whether the lease counts against quotas: also while it is reserved, or a namespace could keep back a pool.
func (f leaseFact) counted() bool {
	return f.use.Phase == ipam.Allocated || f.use.Phase == ipam.Releasing || f.use.Phase == ipam.Reserved
}

func (f leaseFact) quotas() []quota {
	var out []quota
	if !f.counted() || f.namespace == "" {
		return nil
	}
	if f.hostNetwork != "" {
		out = append(out, quota{namespace: f.namespace, hostNetwork: f.hostNetwork})
	}
	if f.pool != "" {
		out = append(out, quota{namespace: f.namespace, pool: f.pool})
	}
	return out
}

func factOf(o *v1alpha1.AddressLease) leaseFact {
	addr, err := netip.ParseAddr(o.Spec.Address)
	if err != nil {
		return leaseFact{} // the schema refuses it
	}
	f := leaseFact{segment: o.Spec.Segment, addr: addr, use: ipam.Use{Phase: ipam.Phase(o.Spec.Phase), Since: o.Spec.Since.Time},
		hostNetwork: o.Spec.HostNetwork, pool: o.Spec.Pool, conflict: o.Spec.Conflict != ""}
	if o.Spec.Holder != nil {
		f.namespace = o.Spec.Holder.Namespace
	}
	return f
}

// sawLease takes in a lease as it was read or written.
func (l *ledger) sawLease(o *v1alpha1.AddressLease) {
	l.mu.Lock()
	delete(l.flights, o.Name)
	now := factOf(o)
	before := l.put(o.Name, now)
	wake := l.freed(before, now, types.NamespacedName{})
	l.mu.Unlock()
	l.leaseMAC(o)
	l.wake(wake)
	l.tell(before, now)
}

// lostLease takes in that a lease is gone.
func (l *ledger) lostLease(name string) {
	l.mu.Lock()
	delete(l.flights, name)
	before := l.put(name, leaseFact{})
	wake := l.freed(before, leaseFact{}, types.NamespacedName{})
	l.mu.Unlock()
	l.replace(leaseSource(name), nil)
	l.wake(wake)
	l.tell(before)
}

// put replaces what is known about one lease, and gives what was known before.
func (l *ledger) put(name string, f leaseFact) leaseFact {
	old := l.leases[name]
	for _, q := range old.quotas() {
		if l.quotas[q]--; l.quotas[q] == 0 {
			delete(l.quotas, q)
		}
	}
	for _, q := range f.quotas() {
		l.quotas[q]++
	}
	if f.addr.IsValid() {
		l.leases[name] = f
		l.space(f.segment).Set(f.addr, f.use)
	} else {
		delete(l.leases, name)
		if old.addr.IsValid() {
			l.space(old.segment).Set(old.addr, ipam.Use{})
		}
	}
	return old
}

// freed gives who is next, apart from one, in each line for which something became free.
func (l *ledger) freed(before, now leaseFact, except types.NamespacedName) []types.NamespacedName {
	var out []types.NamespacedName
	for _, q := range l.lines {
		if !q.hears(before, now) && !(before.taken() && !now.taken() && l.has(q.pool, before)) {
			continue
		}
		if key, ok := q.next(except); ok {
			out = append(out, key)
		}
	}
	return out
}

func (l *ledger) space(segment string) *ipam.Space {
	s := l.spaces[segment]
	if s == nil {
		s = &ipam.Space{}
		l.spaces[segment] = s
	}
	return s
}

// attach brings the pools of the spaces up to those on offer and to the reservations.
func (l *ledger) attach(o *offer) {
	if l.specs == o.specs && l.attachedAt == l.reserved {
		return
	}
	l.specs, l.attachedAt = o.specs, l.reserved
	for name, a := range l.attached {
		if p, ok := o.pools.Pool(name); !ok || p.Problem != nil || a.segment != p.Segment.String() {
			l.space(a.segment).Detach(name)
			l.space(a.segment).Detach(whole(name))
			delete(l.attached, name)
		}
	}
	var reservations []*render.Reservation
	for _, r := range l.reservations {
		reservations = append(reservations, r)
	}
	for _, p := range o.pools.All() {
		if p.Problem != nil {
			continue
		}
		name, space := p.Object.Name, l.space(p.Segment.String())
		l.attached[name] = attachment{segment: p.Segment.String(), config: p.Config}
		space.Attach(name, o.pools.Offer(p, reservations))
		space.Attach(whole(name), p.Config)
	}
}

// poolUse is what the ledger knows about one pool. Total is the sum of the four counts after it.
type poolUse struct {
	total, free                  ipam.Count
	allocated, cooling, reserved ipam.Count
	missing, conflicts           int
	// outside are leases from the pool that it would not give out today, sorted.
	outside []string
}

// poolUse counts what a pool has given out and has left. Reserved are addresses that wait for a holder, and those that
// reservations, or other pools of the segment, keep out of use.
func (l *ledger) poolUse(o *offer, p *render.Pool) poolUse {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	name := p.Object.Name
	out := poolUse{missing: l.lines[poolLine(name)].missing()}
	if p.Problem == nil {
		s := l.space(p.Segment.String())
		counts := s.Counts(whole(name))
		out.total, out.free = p.Config.Size(), s.FreeIn(name)
		out.allocated, out.cooling = ipam.CountOf(uint64(counts.Allocated+counts.Releasing)), ipam.CountOf(uint64(counts.Cooling))
		out.reserved = out.total.Sub(out.free).Sub(out.allocated).Sub(out.cooling)
	}
	for lease, f := range l.leases {
		if f.pool != name || !f.taken() {
			continue
		}
		if f.conflict {
			out.conflicts++
		}
		if p.Problem == nil && (f.segment != p.Segment.String() || !p.Config.Contains(f.addr)) {
			out.outside = append(out.outside, lease)
		}
	}
	slices.Sort(out.outside)
	return out
}

// poolsOf gives the pools that have the address of a lease.
func (l *ledger) poolsOf(f leaseFact) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for name, a := range l.attached {
		if a.segment == f.segment && a.config.Contains(f.addr) {
			out = append(out, name)
		}
	}
	return out
}

// within gives the leases of addresses in the ranges.
func (l *ledger) within(ranges []conflicts.Claim) []string {
	if len(ranges) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for name, f := range l.leases {
		if inAny(ranges, f.addr) {
			out = append(out, name)
		}
	}
	return out
}

// inAny says whether one of the ranges has the address.
func inAny(ranges []conflicts.Claim, addr netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(c conflicts.Claim) bool {
		return c.Addr.BitLen() == addr.BitLen() && c.Addr.Compare(addr) <= 0 && addr.Compare(c.Last) <= 0
	})
}

// await blocks until the ledger is complete: nothing is decided before.
func (l *ledger) await(done <-chan struct{}) bool {
	select {
	case <-l.ready:
		return true
	default:
	}
	select {
	case <-l.ready:
		return true
	case <-done:
		return false
	}
}

// replace puts the claims of a source in the place of what it said before, and tells whom it concerns.
func (l *ledger) replace(source string, claims []conflicts.Claim) {
	changes := l.claims.Replace(source, claims)
	if changes.Empty() {
		return
	}
	l.mu.Lock()
	hear := l.listeners.claims
	var wake []types.NamespacedName
	for _, addr := range changes.Addrs {
		wake = append(wake, l.unblocked(addr)...)
	}
	l.mu.Unlock()
	for _, f := range hear {
		f(changes)
	}
	l.wake(wake)
}

// everyLine gives all who wait, for when pools or bounds changed.
func (l *ledger) everyLine() []types.NamespacedName {
	var out []types.NamespacedName
	for _, q := range l.lines {
		for {
			key, ok := q.next(types.NamespacedName{})
			if !ok {
				break
			}
			out = append(out, key)
		}
	}
	return out
}

// unblocked gives who is next for an address that may have become usable because a claim on it went.
func (l *ledger) unblocked(addr netip.Addr) []types.NamespacedName {
	var out []types.NamespacedName
	for segment := range l.spaces {
		taken := leaseFact{segment: segment, addr: addr, use: ipam.Use{Phase: ipam.Cooling}}
		out = append(out, l.freed(taken, leaseFact{}, types.NamespacedName{})...)
	}
	return out
}

// age orders those who wait: who was created first is served first.
type age struct {
	since time.Time
	key   types.NamespacedName
}
