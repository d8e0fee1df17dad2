package controllers

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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/history"
)

// model runs the real reconcilers of Wukongs and leases, in one or several replicas at once, against an API server in memory.
// Every order of reads, writes and watch events is possible, reads may be stale, processes die at any write, answers get lost.
type model struct {
	rand     *rand.Rand
	store    *modelStore
	indexes  modelIndexes
	config   Config
	clock    time.Time
	replicas []*modelReplica
	calm     bool // nothing goes wrong any more

	fates   map[modelFate]int
	actions []string
}

// modelFate is what becomes of one request.
type modelFate int

const (
	modelGoesWell modelFate = iota
	modelDiesBefore
	modelDiesUnanswered
	modelLosesAnswer
)

// Settings of the model.
const (
	modelCooldown = 5 * time.Minute
	// modelRest is how long the world has to come to rest in the end: as many cooldowns as Wukongs can wait for each other in a row.
	modelRest   = 45 * time.Minute
	modelFabric = "lab"
)

func newModel(seed uint64) *model {
	m := &model{rand: rand.New(rand.NewPCG(seed, 3)), indexes: modelIndexes{}, fates: map[modelFate]int{},
		clock: time.Now().UTC().Truncate(time.Second)}
	m.config = DefaultConfig()
	m.config.Cooldown, m.config.Sweep, m.config.Clock = modelCooldown, time.Minute, clocktesting.NewFakePassiveClock(m.clock)
	m.store = &modelStore{now: func() time.Time { return m.clock }, objects: map[modelKey]client.Object{},
		checker: history.Checker{Limits: history.Limits{Cooldown: modelCooldown, PoolCooldowns: map[string]time.Duration{"vms": time.Minute}}}}
	must(addIndexes(context.Background(), modelManager{indexes: m.indexes}))
	subnet := v1alpha1.AddressPoolSpec{Segment: v1alpha1.Segment{PhysicalNetwork: modelFabric}, Subnet: "192.0.2.0/24",
		Ranges: []v1alpha1.AddressRange{"192.0.2.100-192.0.2.104"}, Cooldown: &metav1.Duration{Duration: time.Minute}}
	for _, o := range []client.Object{
		&v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: modelFabric}, Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: modelFabric, Interface: "eth1"}},
		&v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: modelFabric}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: modelFabric,
			AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: []string{"team-a", "team-b"}}}},
		&v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "vms"}, Spec: subnet},
		modelNamespace("team-a"), modelNamespace("team-b"),
	} {
		must(m.store.create(o))
	}
	return m
}

// fate decides what becomes of a request.
func (m *model) fate(write bool) modelFate {
	fate := modelGoesWell
	if !m.calm && m.rand.IntN(40) == 0 {
		fate = []modelFate{modelDiesBefore, modelDiesUnanswered, modelLosesAnswer}[m.rand.IntN(3)]
	}
	if !write && fate == modelDiesUnanswered {
		fate = modelLosesAnswer
	}
	m.fates[fate]++
	return fate
}

func (m *model) note(format string, args ...any) {
	m.actions = append(m.actions, fmt.Sprintf("%6d ", m.store.version)+fmt.Sprintf(format, args...))
}

// step does one thing that can happen.
func (m *model) step() {
	r := m.replicas[m.rand.IntN(len(m.replicas))]
	switch n := m.rand.IntN(100); {
	case r.dead:
		m.replace(r)
	case n < 10:
		m.user()
	case n < 50:
		r.deliver(modelKinds[m.rand.IntN(len(modelKinds))])
	case n < 72 && len(r.queue) > 0 && len(r.tasks) < 4:
		r.begin(m.rand.IntN(len(r.queue)))
	case n < 94 && len(r.tasks) > 0:
		r.proceed(r.tasks[m.rand.IntN(len(r.tasks))])
	case n < 98:
		m.tick(time.Duration(m.rand.IntN(90)) * time.Second)
	case n == 98 && m.rand.IntN(4) == 0:
		m.note("a process dies")
		r.die()
	}
}

// tick lets time pass. All processes have one clock.
func (m *model) tick(d time.Duration) {
	m.clock = m.clock.Add(d)
	m.now()
	for _, r := range m.replicas {
		r.ring()
	}
}

func (m *model) now() {
	m.config.Clock.(*clocktesting.FakePassiveClock).SetTime(m.clock)
}

// replace puts a new process in the place of one that died.
func (m *model) replace(r *modelReplica) {
	i := slices.Index(m.replicas, r)
	m.replicas[i] = m.newReplica()
}

// user does what users and engineers do.
func (m *model) user() {
	key := modelKey{"Wukong", client.ObjectKey{Namespace: []string{"team-a", "team-b"}[m.rand.IntN(2)], Name: fmt.Sprintf("vm-%d", m.rand.IntN(3))}}
	w, exists := m.store.objects[key].(*v1alpha1.Wukong)
	switch n := m.rand.IntN(12); {
	case !exists && n < 8:
		w = &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
		m.fill(w)
		must(m.store.create(w))
		m.note("create %s %s", key.NamespacedName, asksText(w))
	case n < 5 && exists:
		w = w.DeepCopy()
		m.fill(w)
		must(m.store.replace(w, false))
		m.note("change %s %s", key.NamespacedName, asksText(w))
	case n < 9 && exists:
		must(m.store.remove(key, nil))
		m.note("delete %s", key.NamespacedName)
	case n == 9:
		m.free()
	case n == 10 && m.rand.IntN(4) == 0:
		m.renew(key.Namespace)
	}
}

// fill gives a Wukong something to ask for.
func (m *model) fill(w *v1alpha1.Wukong) {
	config := &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Reserved: m.rand.IntN(3) == 0}
	explicit := func() *v1alpha1.CIDR {
		cidr := v1alpha1.CIDR(fmt.Sprintf("192.0.2.%d/24", 10+m.rand.IntN(4)))
		return &cidr
	}
	if m.rand.IntN(3) == 0 {
		config.IPPool = "vms"
	} else {
		config.Address = explicit()
	}
	switch m.rand.IntN(4) {
	case 0:
		if cidr := explicit(); config.Address == nil || *cidr != *config.Address {
			config.AdditionalAddresses = []v1alpha1.AdditionalAddress{{Address: cidr}}
		}
	case 1:
		config.AdditionalAddresses = []v1alpha1.AdditionalAddress{{IPPool: "vms"}}
	}
	w.Spec = v1alpha1.WukongSpec{GuestConfig: v1alpha1.GuestConfigManual,
		Networks: []v1alpha1.WukongNetwork{{Name: "lan", HostNetwork: modelFabric, IPConfig: config}}}
	if w.Name == "vm-0" {
		w.Spec.VirtualMachineName = "machine" // one that somebody else manages; it is the same when the Wukong is made again
	}
}

func asksText(w *v1alpha1.Wukong) string {
	c := w.Spec.Networks[0].IPConfig
	text := c.IPPool
	if c.Address != nil {
		text = string(*c.Address)
	}
	for _, a := range c.AdditionalAddresses {
		if text += " and " + a.IPPool; a.Address != nil {
			text += string(*a.Address)
		}
	}
	return fmt.Sprintf("%s reserved=%v machine=%s", text, c.Reserved, w.Spec.VirtualMachineName)
}

// free orders to free any lease.
func (m *model) free() {
	leases := m.store.checker.Leases()
	if len(leases) == 0 {
		return
	}
	l := leases[m.rand.IntN(len(leases))].DeepCopy()
	l.Annotations = map[string]string{v1alpha1.FreeAnnotation: "asked for"}
	must(m.store.replace(l, false))
	m.note("free %s, which is %s", l.Name, l.Spec.Phase)
}

// renew deletes a namespace with what is in it and makes it again.
func (m *model) renew(namespace string) {
	for _, w := range m.store.checker.Wukongs() {
		if w.Namespace == namespace {
			must(m.store.remove(keyOf(w), nil))
		}
	}
	n := modelNamespace(namespace)
	must(m.store.remove(keyOf(n), nil))
	must(m.store.create(n))
	m.note("renew namespace %s", namespace)
}

// run plays one history and gives what is wrong with it.
func (m *model) run(steps int) []string {
	for range 1 + m.rand.IntN(2) {
		m.replicas = append(m.replicas, m.newReplica())
	}
	for range steps {
		if m.step(); len(m.store.checker.Violations()) > 0 {
			break
		}
	}
	m.calm = true
	for _, r := range m.replicas {
		r.die()
	}
	var wrong []string
	if !m.newReplica().settle(modelRest) {
		wrong = append(wrong, "it never comes to rest")
	}
	for _, v := range append(m.store.checker.Violations(), m.store.checker.Unsettled()...) {
		wrong = append(wrong, v.String())
	}
	return append(wrong, m.restartWrites()...)
}

// restartWrites gives what a process writes that starts when all is done. Where somebody waits it may be something: what waits
// is kept in memory.
func (m *model) restartWrites() []string {
	for _, w := range m.store.checker.Wukongs() {
		if !satisfied(w) {
			return nil
		}
	}
	var wrong []string
	done := len(m.store.log)
	m.newReplica().settle(modelCooldown)
	for _, e := range m.store.log[done:] {
		wrong = append(wrong, fmt.Sprintf("a process that starts when all is done writes %s %s", e.key.kind, e.key.NamespacedName))
	}
	return wrong
}

// histories is how many histories of how many steps are played.
func histories(t *testing.T) (int, int) {
	if text := os.Getenv("WUKONG_HISTORIES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n, 200
	}
	if testing.Short() {
		return 500, 200
	}
	return 10_000, 200
}

// TestNoHistoryOfTheModelGivesAnAddressToTwo plays histories on the model, side by side, and has package history judge each
// write and the rest that follows. WUKONG_SEED plays one.
func TestNoHistoryOfTheModelGivesAnAddressToTwo(t *testing.T) {
	if text := os.Getenv("WUKONG_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		playModel(t, seed, 200, map[string]int{})
		return
	}
	count, steps := histories(t)
	base := uint64(time.Now().UnixNano() % 1_000_000_000)
	var next atomic.Int64
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			mine := map[string]int{}
			for i := next.Add(1); i <= int64(count) && !t.Failed(); i = next.Add(1) {
				playModel(t, base+uint64(i), steps, mine)
			}
			mu.Lock()
			defer mu.Unlock()
			for what, n := range mine {
				seen[what] += n
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%8d %s", seen[what], what)
	}
	for _, what := range []string{"crashes before a write", "crashes with the answer on its way", "lost answers", "Allocated", "Releasing", "Cooling", "Reserved", "Released"} {
		if seen[what] == 0 {
			t.Errorf("no history saw %s: the test does not see enough", what)
		}
	}
}

// playModel plays the history of a seed and counts what it saw.
func playModel(t *testing.T, seed uint64, steps int, seen map[string]int) {
	m := newModel(seed)
	wrong := m.run(steps)
	seen["histories"]++
	seen["writes"] += int(m.store.version)
	seen["crashes before a write"] += m.fates[modelDiesBefore]
	seen["crashes with the answer on its way"] += m.fates[modelDiesUnanswered]
	seen["lost answers"] += m.fates[modelLosesAnswer]
	for _, e := range m.store.log {
		if l, ok := e.object.(*v1alpha1.AddressLease); ok {
			seen[string(l.Spec.Phase)]++
		}
	}
	if len(wrong) == 0 {
		return
	}
	t.Errorf("%s\nwhat users did, by revision:\n%s\nwhat was written:\n%s\nagain: WUKONG_SEED=%d go test -run '^TestNoHistoryOfTheModelGivesAnAddressToTwo$' ./controllers",
		strings.Join(wrong[:min(len(wrong), 5)], "\n"), strings.Join(m.actions, "\n"), m.writes(), seed)
}

// writes tells what was written, the last of it.
func (m *model) writes() string {
	var out []string
	for i, e := range m.store.log {
		line := fmt.Sprintf("%6d %s %s", i+1, e.key.kind, e.key.NamespacedName)
		switch o := e.object.(type) {
		case nil:
			line += " deleted"
		case *v1alpha1.AddressLease:
			line += fmt.Sprintf(" %s reserved=%v pool=%q", o.Spec.Phase, o.Spec.Reserved, o.Spec.Pool)
			if h := o.Spec.Holder; h != nil {
				line += fmt.Sprintf(" %s/%s %s", h.Namespace, h.Name, h.UID)
			}
		case *v1alpha1.Wukong:
			line += fmt.Sprintf(" %s generation %d observed %d publishes %s", o.UID, o.Generation, o.Status.ObservedGeneration, o.Status.Addresses)
		}
		out = append(out, line)
	}
	return strings.Join(out[max(0, len(out)-80):], "\n")
}

// TestTheModelNoticesAStoreThatIsNoLock: where creates and updates always succeed, two get one address, and that is noticed.
func TestTheModelNoticesAStoreThatIsNoLock(t *testing.T) {
	noticed := map[history.Rule]bool{}
	for seed := range uint64(300) {
		m := newModel(seed)
		m.store.broken = true
		m.run(250)
		for _, v := range m.store.checker.Violations() {
			noticed[v.Rule] = true
		}
	}
	for _, rule := range []history.Rule{history.RuleOnePublisher, history.RulePublishedHeld, history.RuleStep} {
		if !noticed[rule] {
			t.Errorf("no violation of %s in 300 histories of a store that is no lock", rule)
		}
	}
}
