package controllers

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// line are the Wukongs that wait for one thing, such as an address of a pool. A pool is served in the order of their creation,
// so that a restart changes no order, and one freed address wakes one of them. A nil line is empty.
type line struct {
	// pool is the pool that addresses are waited for of, or quota the bound that has no room.
	pool  string
	quota quota

	waiting map[types.NamespacedName]*waiter
}

// waiter is one that waits in a line.
type waiter struct {
	need
	since time.Time
	// woken: it was told that its turn has come and has not answered yet.
	woken bool
}

// need is how many addresses one waits for.
type need struct {
	// wants is how many it takes once it can have all of them, missing how many of these there are not.
	wants, missing int
}

// poolLine and quotaLine are the names of lines.
func poolLine(pool string) string { return "pool/" + pool }

func quotaLine(q quota) string {
	return strings.Join([]string{"quota", q.namespace, q.hostNetwork, q.pool}, "/")
}

// hears says whether the change of a lease leaves room where the line waits for it.
func (q *line) hears(before, now leaseFact) bool {
	return slices.Contains(before.quotas(), q.quota) && !slices.Contains(now.quotas(), q.quota)
}

// has says whether a pool has the address of a lease.
func (l *ledger) has(pool string, f leaseFact) bool {
	a, ok := l.attached[pool]
	return ok && a.segment == f.segment && a.config.Contains(f.addr)
}

// join puts a Wukong into the line of what it lacks. It is true if what it needs came meanwhile, so that nobody will wake it.
func (l *ledger) join(o *offer, w wish, s shortage, n need) bool {
	if s.pool != "" {
		defer l.touch(s.pool)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	l.wait(s, w.age, n)
	if s.pool == "" {
		return l.quotas[s.quota]+n.wants <= s.most
	}
	_, enough := l.pick(w, l.lines[s.line].ahead(w.age)+n.wants-1)
	return enough
}

func (l *ledger) wait(s shortage, a age, n need) {
	q := l.lines[s.line]
	if q == nil {
		q = &line{pool: s.pool, quota: s.quota, waiting: map[types.NamespacedName]*waiter{}}
		l.lines[s.line] = q
	}
	q.waiting[a.key] = &waiter{since: a.since, need: n}
}

// served takes a Wukong that got what it waited for out of every line.
func (l *ledger) served(key types.NamespacedName) {
	l.mu.Lock()
	left := l.quit(key, nil)
	l.mu.Unlock()
	l.touch(poolsIn(left)...)
}

// poolsIn gives the pools that lines are for.
func poolsIn(lines []*line) []string {
	var out []string
	for _, q := range lines {
		if q.pool != "" {
			out = append(out, q.pool)
		}
	}
	return out
}

// leave takes a Wukong out of every line but those that are named. Its place passes to the next.
func (l *ledger) leave(key types.NamespacedName, stay map[string]need) {
	l.mu.Lock()
	var wake []types.NamespacedName
	left := l.quit(key, stay)
	for _, q := range left {
		if next, ok := q.next(types.NamespacedName{}); ok {
			wake = append(wake, next)
		}
	}
	l.mu.Unlock()
	l.wake(wake)
	l.touch(poolsIn(left)...)
}

// quit gives the lines that the Wukong left.
func (l *ledger) quit(key types.NamespacedName, stay map[string]need) []*line {
	var left []*line
	for name, q := range l.lines {
		if _, stays := stay[name]; stays || q.waiting[key] == nil {
			continue
		}
		delete(q.waiting, key)
		if len(q.waiting) == 0 {
			delete(l.lines, name)
		}
		left = append(left, q)
	}
	return left
}

// next gives the first that was not woken, apart from one, and notes that it is.
func (q *line) next(except types.NamespacedName) (types.NamespacedName, bool) {
	var first *age
	for key, w := range q.waiting {
		if a := (age{w.since, key}); key != except && !w.woken && (first == nil || a.before(*first)) {
			first = &a
		}
	}
	if first == nil {
		return types.NamespacedName{}, false
	}
	q.waiting[first.key].woken = true
	return first.key, true
}

// ahead counts the addresses that those wait for who are served before a.
func (q *line) ahead(a age) int {
	n := 0
	if q != nil {
		for key, w := range q.waiting {
			if (age{w.since, key}).before(a) {
				n += w.wants
			}
		}
	}
	return n
}

// missing counts the addresses that are waited for.
func (q *line) missing() int {
	n := 0
	if q != nil {
		for _, w := range q.waiting {
			n += w.missing
		}
	}
	return n
}

func (a age) before(b age) bool {
	return cmp.Or(a.since.Compare(b.since), strings.Compare(a.key.Namespace, b.key.Namespace), strings.Compare(a.key.Name, b.key.Name)) < 0
}

// rejoin puts a Wukong that waited for addresses of pools when an earlier process ended back into its place.
func (l *ledger) rejoin(ctx context.Context, w *v1alpha1.Wukong) error {
	c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionAddressesAllocated)
	if c == nil || c.Reason != v1alpha1.ReasonPoolExhausted || c.ObservedGeneration != w.Generation {
		return nil
	}
	o, err := l.offers.current(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(o)
	for pool, count := range undrawn(w) {
		p, ok := o.pools.Pool(pool)
		if !ok || p.Problem != nil || count <= 0 {
			continue
		}
		n := need{wants: count}
		if l.space(p.Segment.String()).FreeIn(pool).IsZero() {
			n.missing = count
		}
		l.wait(shortage{line: poolLine(pool), pool: pool}, age{since: w.CreationTimestamp.Time, key: client.ObjectKeyFromObject(w)}, n)
	}
	return nil
}

// undrawn counts, by pool, the addresses that a Wukong asks for and does not publish.
func undrawn(w *v1alpha1.Wukong) map[string]int {
	out := map[string]int{}
	for _, n := range w.Spec.Networks {
		for _, a := range n.IPConfig.All() {
			if a.IPPool != "" && (a.Address == nil || *a.Address == "") {
				out[a.IPPool]++
			}
		}
	}
	for _, n := range w.Status.Networks {
		for _, a := range n.Addresses {
			if a.Pool != "" {
				out[a.Pool]--
			}
		}
	}
	return out
}
