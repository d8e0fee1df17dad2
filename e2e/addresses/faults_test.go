package addresses_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/history"
	"novasphere.dev/wukong-network/e2e/world"
)

// How much is tried: histories run side by side until the time is over, or until there were WUKONG_HISTORIES of them.
// WUKONG_SEED runs the histories of one seed alone.
const (
	lanes     = 4
	tryFor    = 50 * time.Second
	perScript = 5 // plans that are tried on each script, besides the run in which nothing goes wrong
)

// tests is what the lanes share.
type tests struct {
	*world.World
	recorder *history.Recorder
	deadline time.Time
	most     int64 // histories; 0 is as many as the time allows
	seed     atomic.Uint64
	done     atomic.Int64

	mu      sync.Mutex
	planned map[string]int // by kind of mishap
	struck  map[string]int
}

// TestNoHistoryOfFaultsGivesAnAddressToTwo plays random scripts of what users do, each once with nothing going wrong, and then
// several times while controllers crash before, during and after writes, lose answers, stall and come back after another has
// done their work, run two at a time, or see old caches. Each history is judged at every revision of the store and at rest,
// and ends in the same state.
func TestNoHistoryOfFaultsGivesAnAddressToTwo(t *testing.T) {
	c := shared.ForTest(t)
	w, err := world.Prepare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := history.Record(t.Context(), c.EtcdURL())
	if err != nil {
		t.Fatal(err)
	}
	all := &tests{World: w, recorder: recorder, deadline: time.Now().Add(tryFor), planned: map[string]int{}, struck: map[string]int{}}
	if text := os.Getenv("WUKONG_HISTORIES"); text != "" {
		all.most = int64(number(t, text))
		all.deadline = time.Now().Add(24 * time.Hour)
	}
	if text := os.Getenv("WUKONG_SEED"); text != "" {
		all.deadline = time.Now().Add(24 * time.Hour)
		all.script(t, number(t, text))
	} else {
		all.seed.Store(uint64(time.Now().Unix() % 1_000_000))
		var wg sync.WaitGroup
		for range lanes {
			wg.Go(func() {
				for !t.Failed() && all.goOn() {
					all.script(t, all.seed.Add(1))
				}
			})
		}
		wg.Wait()
	}
	all.whole(t)
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *tests) goOn() bool {
	return time.Now().Before(s.deadline) && (s.most == 0 || s.done.Load() < s.most)
}

// script plays the script of a seed without and with faults.
func (s *tests) script(t *testing.T, seed uint64) {
	played := newScript(seed)
	reference := &trial{World: s.World, recorder: s.recorder, name: fmt.Sprintf("t%d-0", seed), script: played}
	end := s.play(t, reference, played.end)
	if t.Failed() {
		return
	}
	sites := reference.first.Sites()
	random := rand.New(rand.NewPCG(seed, 11))
	for i := range perScript {
		p := newPlan(random, sites, len(played.actions))
		if i > 0 && !s.goOn() {
			return
		}
		s.play(t, &trial{World: s.World, recorder: s.recorder, name: fmt.Sprintf("t%d-%d", seed, i+1), script: played, plan: p}, end)
		if t.Failed() {
			return
		}
	}
}

// play runs a trial and compares its end.
func (s *tests) play(t *testing.T, trial *trial, want []string) []string {
	t.Helper()
	got, err := trial.run(t.Context())
	s.done.Add(1)
	s.count(trial)
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		err = fmt.Errorf("the end is another one (-want +got):\n%s", diff)
	}
	if err == nil {
		return got
	}
	var actions []string
	for i, a := range trial.script.actions {
		actions = append(actions, fmt.Sprintf("%3d %s", i+1, a))
	}
	t.Errorf("%s, %s: %v\nscript:\n%s\nagain: WUKONG_SEED=%d go test -run '^%s$' ./e2e/addresses\n%s", trial.name, trial.plan, err,
		strings.Join(actions, "\n"), trial.script.seed, "TestNoHistoryOfFaultsGivesAnAddressToTwo", trial.story())
	return nil
}

// story gives the last of what was stored in a trial.
func (t *trial) story() string {
	var lines []string
	for _, e := range t.recorder.Events(0) {
		if !t.concerns(e.Object) {
			continue
		}
		line := fmt.Sprintf("%d %s ", e.Revision, e.Object)
		switch {
		case e.Deleted():
			line += "deleted"
		case e.Lease != nil:
			h := e.Lease.Spec.Holder
			line += string(e.Lease.Spec.Phase)
			if h != nil {
				line += fmt.Sprintf(" %s/%s %.8s reserved=%v", h.Namespace, h.Name, h.UID, e.Lease.Spec.Reserved)
			}
		default:
			line += fmt.Sprintf("%.8s generation %d observed %d publishes %v: %s", e.Wukong.UID, e.Wukong.Generation, e.Wukong.Status.ObservedGeneration,
				published(e.Wukong), summary(e.Wukong.Status.Conditions[:min(1, len(e.Wukong.Status.Conditions))]))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

func (s *tests) count(t *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := t.plan.kind()
	s.planned[kind]++
	if t.struck > 0 || t.plan.mishap == "" {
		s.struck[kind]++
	}
}

// kind is the plan without its details.
func (p plan) kind() string {
	var out []string
	if p.two {
		out = append(out, "two controllers")
	}
	if p.freeze != "" {
		out = append(out, p.freeze+" held back")
	}
	if p.mishap != "" {
		out = append(out, string(p.mishap))
	}
	if p.again != nil {
		out = append(out, "twice")
	}
	return strings.Join(out, ", ")
}

// newPlan decides what goes wrong. sites are the writes of a run in which nothing did.
func newPlan(random *rand.Rand, sites []world.Site, actions int) plan {
	var p plan
	switch random.IntN(8) {
	case 0, 1, 2:
		p.mishap = []world.Mishap{world.CrashBefore, world.CrashUnanswered, world.CrashAfter}[random.IntN(3)]
		if random.IntN(3) == 0 {
			p.again = &plan{site: anySite(random, sites, 4), mishap: world.CrashUnanswered}
		}
	case 3:
		p.mishap = world.LoseReply
	case 4, 5:
		p.mishap = world.Stall
	case 6:
		p.two = true
	}
	p.two = p.two || random.IntN(5) == 0
	if p.mishap != "" {
		p.site = anySite(random, sites, 1)
	}
	if p.mishap == "" || random.IntN(4) == 0 {
		p.freeze = []string{"addressleases", "wukongs"}[random.IntN(2)]
		p.from = random.IntN(actions)
		p.stale = time.Duration(300+random.IntN(3000)) * time.Millisecond
	}
	return p
}

// anySite gives one of the writes about addresses, one as likely as the other, within the given part of the run.
func anySite(random *rand.Rand, sites []world.Site, part int) world.Site {
	var all []world.Site
	for _, site := range sites {
		if !slices.Contains([]string{"addressleases", "wukongs/status", "secrets"}, site.Resource) {
			continue
		}
		for n := range max(1, site.Occurrence/part) {
			site.Occurrence = n + 1
			all = append(all, site)
		}
	}
	if len(all) == 0 {
		return world.Site{Method: "POST", Resource: "addressleases", Occurrence: 1}
	}
	return all[random.IntN(len(all))]
}

// whole judges the history of the whole store, and says whether the tests have seen enough.
func (s *tests) whole(t *testing.T) {
	if t.Failed() {
		return
	}
	if err := s.recorder.Sync(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	events := s.recorder.Events(0)
	for _, v := range history.Check(events, limits) {
		t.Error(v)
	}
	planned, struck := 0, 0
	for _, kind := range slices.Sorted(maps.Keys(s.planned)) {
		t.Logf("%3d of %3d: %s", s.struck[kind], s.planned[kind], kind)
		planned, struck = planned+s.planned[kind], struck+s.struck[kind]
	}
	t.Logf("%d histories, %d events of addresses stored", s.done.Load(), len(events))
	if planned >= 20 && struck*2 < planned {
		t.Errorf("only %d of %d plans came about: the test does not see enough", struck, planned)
	}
}
