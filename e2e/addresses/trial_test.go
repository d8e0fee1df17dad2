package addresses_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/history"
	"novasphere.dev/wukong-network/e2e/world"
)

// patience bounds each wait, on a machine that is busy with other tests.
const patience = 2 * time.Minute

// plan is what goes wrong in a trial.
type plan struct {
	site   world.Site
	mishap world.Mishap
	again  *plan         // what goes wrong with the controller that comes after a crash
	two    bool          // two controllers work all the time, and only one of them meets the mishap
	freeze string        // the resource whose watches bring nothing …
	from   int           // … from before this action
	stale  time.Duration // … for this long
}

// String gives the plan in one line.
func (p plan) String() string {
	var out []string
	if p.two {
		out = append(out, "two controllers")
	}
	if p.mishap != "" {
		out = append(out, fmt.Sprintf("%s at %s", p.mishap, p.site))
	}
	if p.freeze != "" {
		out = append(out, fmt.Sprintf("%s held back for %s from action %d", p.freeze, p.stale, p.from))
	}
	if p.again != nil {
		out = append(out, "then "+p.again.String())
	}
	if len(out) == 0 {
		return "nothing goes wrong"
	}
	return strings.Join(out, ", ")
}

// trial is one run of a script in a part of the world of its own: a fabric and two namespaces that carry its name.
type trial struct {
	*world.World
	recorder *history.Recorder
	name     string
	script   script
	plan     plan

	view *history.Checker // what is stored, as of the last look
	seen int              // events that were looked at
	last time.Time        // when the last of them was

	mu      sync.Mutex
	running []func() error // stops controllers
	first   *world.Gate    // of the controller that meets the mishap
	struck  int            // mishaps that have happened
	stopped int            // controllers that have crashed and ended
	started int            // controllers that have started
	failed  error          // of the work beside the script
	work    sync.WaitGroup
}

// limits are the times that history holds the controller to.
var limits = history.Limits{Cooldown: fast().Cooldown}

// run plays the script and returns who has what in the end. The error says which rule was broken, or what did not come.
func (t *trial) run(ctx context.Context) (end []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	t.view = &history.Checker{Limits: limits}
	defer func() {
		cancel()
		t.work.Wait()
		err = errors.Join(err, t.stop())
	}()
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	t.first = world.NewGate(t.plan.site, t.plan.mishap)
	if err := t.start(ctx, t.first, t.plan); err != nil {
		return nil, err
	}
	if t.plan.two {
		if err := t.start(ctx, world.NewGate(world.Site{}, ""), plan{}); err != nil {
			return nil, err
		}
	}
	for i, a := range t.script.actions {
		if t.plan.freeze != "" && i == t.plan.from {
			t.first.Freeze(t.plan.freeze)
			thaw := time.AfterFunc(t.plan.stale, t.first.Thaw)
			defer thaw.Stop()
		}
		if err := t.do(ctx, a); err != nil {
			return nil, fmt.Errorf("action %d, %s: %w", i+1, a, err)
		}
		pause(ctx, a.pause)
	}
	if err := t.rest(ctx); err != nil {
		return nil, err
	}
	// A controller that was stopped in the middle of a write goes on now, when others have done all the work.
	t.first.Resume()
	if err := t.rest(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.canonical(), t.failed
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (t *trial) namespace(n int) string { return fmt.Sprintf("%s-%c", t.name, 'a'+rune(n)) }

func (t *trial) prepare(ctx context.Context) error {
	uplink, network := fabric(t.name, t.namespace(0), t.namespace(1))
	pool := &v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: t.name}, Spec: v1alpha1.AddressPoolSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: v1alpha1.PhysicalNetworkName(t.name)}, Subnet: "192.0.2.0/24",
		Ranges: []v1alpha1.AddressRange{"192.0.2.100-192.0.2.109"}, Cooldown: &metav1.Duration{Duration: fast().Cooldown}}}
	objects := []client.Object{uplink, network, pool}
	for n := range namespacesCount {
		objects = append(objects, t.newNamespace(n))
	}
	for _, o := range objects {
		if err := t.Admin.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) newNamespace(n int) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.namespace(n), Labels: map[string]string{trialLabel: t.name}}}
}

// start runs a controller behind a gate, and another one when it crashes or stalls.
func (t *trial) start(ctx context.Context, gate *world.Gate, p plan) error {
	stop, err := t.RunController(context.WithoutCancel(ctx), fast(), only(t.name), gate.Wrap)
	if err != nil {
		return fmt.Errorf("start the controller: %w", err)
	}
	stopOnce := sync.OnceValue(stop)
	t.mu.Lock()
	t.started++
	t.running = append(t.running, func() error { gate.Kill(); return stopOnce() })
	t.mu.Unlock()
	if p.mishap == "" {
		return nil
	}
	t.work.Go(func() {
		select {
		case <-ctx.Done():
			return
		case <-gate.Struck():
		}
		t.mu.Lock()
		t.struck++
		t.mu.Unlock()
		if p.mishap == world.LoseReply {
			return
		}
		if p.mishap != world.Stall {
			_ = stopOnce() // it complains about its dead connection
			t.mu.Lock()
			t.stopped++
			t.mu.Unlock()
		}
		next := plan{}
		if p.again != nil {
			next = *p.again
		}
		if err := t.start(ctx, world.NewGate(next.site, next.mishap), next); err != nil && ctx.Err() == nil {
			t.mu.Lock()
			t.failed = errors.Join(t.failed, err)
			t.mu.Unlock()
		}
	})
	return nil
}

// stop ends all controllers.
func (t *trial) stop() error {
	for _, stop := range t.running {
		_ = stop() // a controller whose connection is dead complains about that
	}
	return nil
}

// look reads what was stored since the last look.
func (t *trial) look() {
	events := t.recorder.Events(t.seen)
	t.seen += len(events)
	for _, e := range events {
		if t.concerns(e.Object) {
			t.view.Add(e)
			t.last = time.Now()
		}
	}
}

func (t *trial) concerns(o history.Object) bool {
	if o.Kind == history.LeaseKind {
		return strings.HasSuffix(o.Name, "."+t.name)
	}
	return o.Namespace == t.namespace(0) || o.Namespace == t.namespace(1)
}

// until looks at what is stored until it is as wanted: content returns what is missing. It ends early when a rule is broken.
func (t *trial) until(ctx context.Context, content func() error) error {
	deadline := time.Now().Add(patience)
	for {
		t.look()
		if found := t.view.Violations(); len(found) > 0 {
			return violated(found)
		}
		err := content()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if time.Now().After(deadline) {
			t.mu.Lock()
			defer t.mu.Unlock()
			return errors.Join(fmt.Errorf("not within %s, with %d controllers started, %d mishaps, %d controllers ended by them: %w",
				patience, t.started, t.struck, t.stopped, err), t.failed)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func violated(found []history.Violation) error {
	var errs []error
	for _, v := range found[:min(len(found), 10)] {
		errs = append(errs, errors.New(v.String()))
	}
	return errors.Join(errs...)
}

// rest waits until nothing moves any more and everything is as it has to be at rest.
func (t *trial) rest(ctx context.Context) error {
	const calm = 700 * time.Millisecond
	if err := t.recorder.Sync(ctx); err != nil {
		return err
	}
	t.last = time.Now()
	return t.until(ctx, func() error {
		if found := t.view.Unsettled(); len(found) > 0 {
			return violated(found)
		}
		if time.Since(t.last) < calm {
			return errors.New("it still moves")
		}
		return nil
	})
}

// do does one action of the script, or waits for what it waits for.
func (t *trial) do(ctx context.Context, a action) error {
	key := client.ObjectKey{Namespace: t.namespace(a.who.namespace), Name: a.who.name}
	switch a.verb {
	case create:
		w := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{trialLabel: t.name}}}
		t.fill(w, a.asks)
		return t.Admin.Create(ctx, w)
	case change:
		w := &v1alpha1.Wukong{}
		if err := t.Admin.Get(ctx, key, w); err != nil {
			return err
		}
		before := w.DeepCopy()
		t.fill(w, a.asks)
		return t.Admin.Patch(ctx, w, client.MergeFrom(before))
	case remove:
		return t.Admin.Delete(ctx, &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}})
	case renewNamespace:
		return t.renew(ctx, a.who.namespace)
	case free:
		return t.free(ctx, t.leaseName(a.lost))
	case awaitHeld:
		return t.until(ctx, func() error { return t.holds(key, a.asks) })
	case awaitGivenUp:
		return t.until(ctx, func() error {
			l := t.view.Lease(t.leaseName(a.lost))
			if l != nil && l.Spec.Phase == v1alpha1.LeaseAllocated && l.Spec.Holder.Namespace == key.Namespace && l.Spec.Holder.Name == key.Name {
				return fmt.Errorf("%s is still %s", l.Name, l.Spec.Phase)
			}
			return nil
		})
	case awaitKept:
		return t.until(ctx, func() error {
			if l := t.view.Lease(t.leaseName(a.lost)); l == nil || l.Spec.Phase != v1alpha1.LeaseReserved {
				return fmt.Errorf("the lease of %s is not Reserved: %v", a.lost, l)
			}
			return nil
		})
	}
	return fmt.Errorf("nobody knows how to %s", a.verb)
}

func (t *trial) leaseName(address string) string {
	text := strings.NewReplacer(".", "-", ":", "-").Replace(address)
	if strings.HasSuffix(text, "-") {
		text += "0"
	}
	return "ip-" + text + "." + t.name
}

// fill writes what a Wukong asks for into its spec.
func (t *trial) fill(w *v1alpha1.Wukong, ask asks) {
	config := &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Reserved: ask.reserved}
	if ask.pool {
		config.IPPool = t.name
	}
	for i, text := range ask.addresses {
		cidr := v1alpha1.CIDR(text + "/24")
		if netip.MustParseAddr(text).Is6() {
			cidr = v1alpha1.CIDR(text + "/48")
		}
		if i == 0 {
			config.Address = &cidr
		} else {
			config.AdditionalAddresses = append(config.AdditionalAddresses, v1alpha1.AdditionalAddress{Address: &cidr, Reserved: ask.reserved})
		}
	}
	w.Spec.Networks = []v1alpha1.WukongNetwork{{Name: "lan", HostNetwork: t.name, IPConfig: config}}
	if ask.machine {
		w.Spec.VirtualMachineName = w.Name + "-machine"
	}
}

// holds says what a Wukong lacks of what it asks for.
func (t *trial) holds(key client.ObjectKey, ask asks) error {
	w := t.view.Wukong(key.Namespace, key.Name)
	if w == nil {
		return fmt.Errorf("Wukong %s does not exist", key)
	}
	if w.Status.ObservedGeneration != w.Generation {
		return fmt.Errorf("Wukong %s: generation %d was not looked at", key, w.Generation)
	}
	addresses := ask.addresses
	if ask.pool {
		if addresses = published(w); len(addresses) != 1 {
			return fmt.Errorf("Wukong %s publishes %v and asks for one address of the pool", key, addresses)
		}
	}
	for _, a := range addresses {
		l := t.view.Lease(t.leaseName(a))
		switch {
		case l == nil || l.Spec.Phase != v1alpha1.LeaseAllocated || l.Spec.Holder.UID != w.UID:
			return fmt.Errorf("Wukong %s does not hold %s: %s", key, a, summary(w.Status.Conditions))
		case l.Spec.Reserved != ask.reserved:
			return fmt.Errorf("the lease of %s does not say yet whether it is to be kept", a)
		case !slices.Contains(published(w), a):
			return fmt.Errorf("Wukong %s does not publish %s", key, a)
		}
	}
	return nil
}

func published(w *v1alpha1.Wukong) []string {
	var out []string
	for _, n := range w.Status.Networks {
		for _, a := range n.Addresses {
			text, _, _ := strings.Cut(a.Address, "/")
			out = append(out, text)
		}
	}
	return out
}

// free orders to free a lease, and waits until that has been looked at.
func (t *trial) free(ctx context.Context, name string) error {
	l := &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"the test wants it"}}}`, v1alpha1.FreeAnnotation)
	if err := t.Admin.Patch(ctx, l, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		return err
	}
	if err := t.recorder.Sync(ctx); err != nil {
		return err
	}
	return t.until(ctx, func() error {
		if l := t.view.Lease(name); l != nil && l.Annotations[v1alpha1.FreeAnnotation] != "" {
			return errors.New("nobody has looked at the order to free " + name)
		}
		return nil
	})
}

// renew deletes a namespace and makes it again once it is gone.
func (t *trial) renew(ctx context.Context, n int) error {
	if err := t.Admin.Delete(ctx, t.newNamespace(n)); err != nil {
		return err
	}
	return t.until(ctx, func() error {
		err := t.Admin.Create(ctx, t.newNamespace(n))
		if apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("namespace %s is still there", t.namespace(n))
		}
		return err
	})
}

// canonical says who has what, in names that are the same in every trial of a script.
func (t *trial) canonical() []string {
	t.look()
	var out []string
	held, kept := 0, 0
	short := func(namespace, name string) string { return strings.TrimPrefix(namespace, t.name+"-") + "/" + name }
	for _, l := range t.view.Leases() {
		switch {
		case l.Spec.Pool == "":
		case l.Spec.Phase == v1alpha1.LeaseReserved:
			kept++
			continue
		case l.Spec.Phase == v1alpha1.LeaseAllocated: // that it is published is checked at rest
			held++
			continue
		}
		switch l.Spec.Phase {
		case v1alpha1.LeaseReserved:
			out = append(out, fmt.Sprintf("%s is kept for %s", l.Spec.Address, short(l.Spec.Holder.Namespace, l.Spec.Holder.Name)))
		case v1alpha1.LeaseReleased:
		default:
			w := t.view.Wukong(l.Spec.Holder.Namespace, l.Spec.Holder.Name)
			what := "held"
			if w != nil && w.UID == l.Spec.Holder.UID && slices.Contains(published(w), l.Spec.Address) {
				what = "held and published"
			}
			out = append(out, fmt.Sprintf("%s is %s by %s", l.Spec.Address, what, short(l.Spec.Holder.Namespace, l.Spec.Holder.Name)))
		}
	}
	out = append(out, poolEnd(held, kept)...)
	slices.Sort(out)
	return out
}
