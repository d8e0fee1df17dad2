package ipam

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// world is one address, the object that locks it, and the machines that would answer to the address on the wire. Several
// controllers read the object, perhaps an old version of it, decide by this package, and write by create and
// compare-and-swap. Their clocks differ.
type world struct {
	t       *testing.T
	rand    *rand.Rand
	clock   time.Time
	lease   *Lease
	version int
	read    [3]struct { // what each controller read last
		lease   *Lease
		version int
	}
	using map[string]bool // machines that have the address configured
	log   []string
}

// now is a clock that is up to two minutes off.
func (w *world) now() time.Time {
	return w.clock.Add(time.Duration(w.rand.IntN(240)-120) * time.Second)
}

// asker is one of a few Wukongs: two namespaces, made again at times, two names, two networks, two machines.
func (w *world) asker() Holder {
	namespace := fmt.Sprintf("team-%d", w.rand.IntN(2))
	h := holder(namespace, fmt.Sprintf("web-%d", w.rand.IntN(2)))
	h.Network = fmt.Sprintf("eth%d", w.rand.IntN(2))
	if w.rand.IntN(4) == 0 {
		h.UID += "-again"
	}
	if w.rand.IntN(8) == 0 {
		h.NamespaceUID, h.UID = h.NamespaceUID+"-again", h.UID+"-again-too"
	}
	h.VirtualMachine = h.Namespace + "/" + h.NamespaceUID + "/" + h.Name + fmt.Sprintf("/vm-%d/", w.rand.IntN(2)) + h.Network
	return h
}

// write is create or compare-and-swap.
func (w *world) write(l Lease, version int) bool {
	if version != w.version {
		return false
	}
	w.t.Helper()
	checkInvariants(w.t, l)
	w.checkTime(l)
	kept := clone(l)
	w.lease, w.version = &kept, w.version+1
	return true
}

// checkTime: a write never moves the lease back in time, nor loses or changes what its history has recorded as ended.
func (w *world) checkTime(l Lease) {
	if w.lease == nil {
		return
	}
	if l.Since.Before(w.lease.Since) {
		w.fail("since %s comes after since %s", l.Since, w.lease.Since)
	}
	fresh := 0
	for fresh < len(l.History) && !(len(w.lease.History) > 0 && l.History[fresh].From.Equal(w.lease.History[0].From) && l.History[fresh].UID == w.lease.History[0].UID && l.History[fresh].MAC == w.lease.History[0].MAC) {
		fresh++
	}
	if fresh > 1 {
		w.fail("%d entries of history in one step", fresh)
	}
	for i := 1; i < len(w.lease.History) && i+fresh < len(l.History); i++ {
		if l.History[i+fresh] != w.lease.History[i] {
			w.fail("history was changed: %s", cmp.Diff(w.lease.History, l.History))
		}
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.log[max(0, len(w.log)-20):] {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

// take asks, and configures a machine when, and only when, the lease is written or is the asker's already.
func (w *world) take(c int) {
	h := w.asker()
	if w.rand.IntN(3) > 0 && w.lease != nil && w.lease.Held() {
		h = w.lease.Holder
	}
	req := request(h).with(func(r *Request) {
		r.Reserve = w.rand.IntN(3) == 0
		r.MAC = fmt.Sprintf("02:00:00:00:00:%02d", w.rand.IntN(3))
	})
	seen := w.read[c]
	got, verdict := Take(seen.lease, req, w.now())
	if verdict.Writes() && !w.write(got, seen.version) || !verdict.Granted() {
		return
	}
	if verdict.Outcome == Keep && seen.version != w.version {
		return // a status that says so carries the version too, and is not written
	}
	w.log = append(w.log, fmt.Sprintf("take %v by %d: %s %s", h, c, verdict.Outcome, verdict.Rule))
	w.using[h.VirtualMachine] = true
}

// leave lets go, proves what is true, expires or frees.
func (w *world) leave(c int) {
	seen := w.read[c]
	if seen.lease == nil {
		return
	}
	before := clone(*seen.lease)
	step := w.rand.IntN(8)
	var got Lease
	var changed bool
	var err error
	switch {
	case step < 3:
		got, changed, err = Release(*seen.lease, "Gone", w.now())
	case step < 6:
		if w.using[seen.lease.Holder.VirtualMachine] {
			return // the live read shows the machine
		}
		got, changed, err = Proven(*seen.lease, w.now(), cooldown)
	case step < 7:
		got, changed, err = Expire(*seen.lease, w.now())
	default:
		if w.using[seen.lease.Holder.VirtualMachine] {
			return // the engineer looked
		}
		got, changed, err = Free(*seen.lease, "Freed", w.now())
	}
	if !sameState(before, *seen.lease) || !slices.Equal(before.History, seen.lease.History) {
		w.fail("a step changed its argument: %s", cmp.Diff(before, *seen.lease, same))
	}
	if err == nil && changed && w.write(got, seen.version) {
		w.log = append(w.log, fmt.Sprintf("step %d of %s by %d: %s", step, before.Phase, c, got.Phase))
	}
}

// stop takes the address off a machine that nobody asks it for: its Wukong is gone, or was given another machine.
func (w *world) stop() {
	for machine := range w.using {
		if w.lease.Phase != Allocated || w.lease.Holder.VirtualMachine != machine {
			delete(w.using, machine)
			w.log = append(w.log, "stop "+machine)
			return
		}
	}
}

func (w *world) step() {
	w.clock = w.clock.Add(time.Duration(w.rand.IntN(120)) * time.Second)
	c := w.rand.IntN(len(w.read))
	switch w.rand.IntN(6) {
	case 0, 1:
		w.read[c].lease, w.read[c].version = nil, w.version
		if w.lease != nil {
			seen := clone(*w.lease)
			w.read[c].lease = &seen
		}
	case 2, 3:
		w.take(c)
	case 4:
		w.leave(c)
	case 5:
		w.stop()
	}
	if len(w.using) > 1 {
		w.fail("several machines have one address: %v", w.using)
	}
	for machine := range w.using {
		if !w.lease.Held() || w.lease.Holder.VirtualMachine != machine {
			w.fail("%s uses an address that is %s for %+v", machine, w.lease.Phase, w.lease.Holder)
		}
	}
}

// TestNoHistoryGivesOneAddressToTwoHolders runs random histories of several controllers with stale reads and clocks that
// differ: at no time two machines have the address, and none has it without the lease.
func TestNoHistoryGivesOneAddressToTwoHolders(t *testing.T) {
	phases := map[Phase]int{}
	full := 0
	for seed := range uint64(200) {
		w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 1)), clock: noon, using: map[string]bool{}}
		for range 400 {
			w.step()
			if w.lease != nil {
				phases[w.lease.Phase]++
			}
		}
		if w.lease != nil && len(w.lease.History) == MaxHistory {
			full++
		}
	}
	t.Logf("steps by phase: %v, histories at their bound: %d", phases, full)
	for _, p := range []Phase{Allocated, Releasing, Cooling, Reserved, Released} {
		if phases[p] == 0 {
			t.Errorf("no history came to %s: the test does not see enough", p)
		}
	}
	if full == 0 {
		t.Error("no history reached its bound: the test does not see enough")
	}
}
