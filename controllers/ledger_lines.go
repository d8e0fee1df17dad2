package controllers

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/ipam"
)

// line are the Wukongs that wait for one thing, such as an address of a pool. It is served in the order of their creation, so
// that a restart changes no order, and one freed address wakes one of them. A nil line is empty.
type line struct {
	waiting map[types.NamespacedName]*waiter
}

type waiter struct {
	since time.Time
	// missing is how many addresses it waits for.
	missing int
	// woken: it was told that its turn has come and has not answered yet.
	woken bool
}

// poolLine and quotaLine are the names of lines.
func poolLine(pool string) string { return "pool/" + pool }

func quotaLine(q quota) string {
	return strings.Join([]string{"quota", q.namespace, q.hostNetwork, q.pool}, "/")
}

// linesFor gives the lines for which an address of a lease is of interest when it becomes free.
func (l *ledger) linesFor(f leaseFact) []string {
	var out []string
	for _, q := range (leaseFact{namespace: f.namespace, hostNetwork: f.hostNetwork, pool: f.pool, use: ipam.Use{Phase: ipam.Allocated}}).quotas() {
		out = append(out, quotaLine(q))
	}
	for name, a := range l.attached {
		if a.segment == f.segment && l.lines[poolLine(name)] != nil && a.config.Contains(f.addr) {
			out = append(out, poolLine(name))
		}
	}
	return out
}

// join puts a Wukong into a line.
func (l *ledger) join(name string, w age, missing int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.lines[name]
	if q == nil {
		q = &line{waiting: map[types.NamespacedName]*waiter{}}
		l.lines[name] = q
	}
	q.waiting[w.key] = &waiter{since: w.since, missing: missing}
}

// served takes a Wukong that got what it waited for out of every line.
func (l *ledger) served(key types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quit(key, nil)
}

// leave takes a Wukong out of every line but those that are named. Where its turn had come, it passes to the next.
func (l *ledger) leave(key types.NamespacedName, stay []string) {
	l.mu.Lock()
	var wake []types.NamespacedName
	for _, q := range l.quit(key, stay) {
		if next, ok := q.next(); ok {
			wake = append(wake, next)
		}
	}
	l.mu.Unlock()
	l.wake(wake)
}

// quit gives the lines that the Wukong left while its turn had come.
func (l *ledger) quit(key types.NamespacedName, stay []string) []*line {
	var turns []*line
	for name, q := range l.lines {
		w, ok := q.waiting[key]
		if !ok || slices.Contains(stay, name) {
			continue
		}
		delete(q.waiting, key)
		if len(q.waiting) == 0 {
			delete(l.lines, name)
		}
		if w.woken {
			turns = append(turns, q)
		}
	}
	return turns
}

// next gives the first that was not woken, and notes that it is.
func (q *line) next() (types.NamespacedName, bool) {
	if q == nil {
		return types.NamespacedName{}, false
	}
	var first *age
	for key, w := range q.waiting {
		if a := (age{w.since, key}); !w.woken && (first == nil || a.before(*first)) {
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
func (q *line) ahead(a age) uint64 {
	n := 0
	if q != nil {
		for key, w := range q.waiting {
			if (age{w.since, key}).before(a) {
				n += w.missing
			}
		}
	}
	return uint64(n)
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
