package controllers

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// modelReplica is one controller process: the real reconcilers and the real ledger on a cache that lags behind, each kind by
// as much as the model wants.
type modelReplica struct {
	model   *model
	dead    bool
	cache   modelView
	cursors map[string]int // by kind: how much of the store's log the cache has seen

	wukongs *WukongReconciler
	leases  *AddressLeaseReconciler
	ledger  *follower
	handler map[string]toolscache.ResourceEventHandler

	queue  []modelWork
	timers []modelTimer
	tasks  []*modelTask
}

// modelWork is a reconcile that is due.
type modelWork struct {
	lease bool // else a Wukong
	key   types.NamespacedName
}

type modelTimer struct {
	at   time.Time
	work modelWork
}

// modelTask is a reconcile that has begun. It stops before each call of the API server until the model lets it go on.
type modelTask struct {
	work modelWork
	next func() (struct{}, bool)
	stop func()
	// pause waits for the model; false says that the process has died.
	pause  func(struct{}) bool
	result reconcile.Result
	err    error
}

type modelTaskKey struct{}

// Errors of the model's API server.
var (
	errModelDead = errors.New("this process is dead")
	errModelLost = errors.New("connection lost before the answer came")
)

// modelKinds are the kinds that a cache follows.
var modelKinds = []string{"AddressLease", "Namespace", "Wukong"}

// call is one request.
func (r *modelReplica) call(ctx context.Context, write bool, do func() error) error {
	if task, ok := ctx.Value(modelTaskKey{}).(*modelTask); ok && !r.dead && !task.pause(struct{}{}) {
		r.dead = true
	}
	if r.dead {
		return errModelDead
	}
	fate := r.model.fate(write)
	if fate == modelDiesBefore {
		r.dead = true
		return errModelDead
	}
	err := do()
	switch fate {
	case modelDiesUnanswered:
		r.dead = true
		return errModelDead
	case modelLosesAnswer:
		return errModelLost
	}
	return err
}

// modelManager is what the controllers need of a manager.
type modelManager struct {
	manager.Manager
	client  client.Client
	live    client.Reader
	indexes modelIndexes
}

func (m modelManager) GetClient() client.Client                       { return m.client }
func (m modelManager) GetAPIReader() client.Reader                    { return m.live }
func (m modelManager) GetFieldIndexer() client.FieldIndexer           { return m.indexes }
func (m modelManager) GetEventRecorder(string) recorder.EventRecorder { return modelEvents{} }
func (m modelManager) GetScheme() *runtime.Scheme                     { return modelScheme }

// modelEvents drops events.
type modelEvents struct{ recorder.EventRecorder }

func (modelEvents) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// modelQueue takes what the ledger wakes.
type modelQueue struct {
	queue
	add func(reconcile.Request)
}

func (q modelQueue) Add(r reconcile.Request) { q.add(r) }

// newReplica starts a process: its cache has all that is stored, and it looks at everything.
func (m *model) newReplica() *modelReplica {
	r := &modelReplica{model: m, cache: m.store.snapshot(), cursors: map[string]int{}}
	for _, kind := range modelKinds {
		r.cursors[kind] = len(m.store.log)
	}
	mgr := modelManager{client: modelAPI{replica: r, cached: true}, live: modelAPI{replica: r}, indexes: m.indexes}
	components := &Components{served: map[Component]bool{}}
	l := newLedger(mgr, m.config, components)
	r.ledger = &follower{ledger: l}
	r.wukongs = &WukongReconciler{Client: mgr.client, Live: mgr.live, Config: m.config, Events: modelEvents{}, components: components, ledger: l, leaser: l.leaser}
	r.leases = &AddressLeaseReconciler{Client: mgr.client, Live: mgr.live, Config: m.config, Events: modelEvents{}, components: components, ledger: l}
	ctx := context.Background()
	r.handler = map[string]toolscache.ResourceEventHandler{"AddressLease": r.ledger.onLease(), "Wukong": r.ledger.onWukong(ctx)}
	must(r.wukongs.hearLedger(ctx, modelQueue{add: func(q reconcile.Request) { r.enqueue(modelWork{key: q.NamespacedName}) }}))
	must(r.leases.hearLedger(ctx, modelQueue{add: func(q reconcile.Request) { r.enqueue(modelWork{lease: true, key: q.NamespacedName}) }}))
	r.ledger.offerChanged(ctx)
	for _, key := range sortedModelKeys(r.cache) {
		if h := r.handler[key.kind]; h != nil {
			h.OnAdd(r.cache[key], true)
			r.enqueue(modelWork{lease: key.kind == "AddressLease", key: key.NamespacedName})
		}
	}
	if err := r.ledger.restore(ctx); err != nil {
		r.dead = true // it died while it started
	}
	close(r.ledger.ready)
	return r
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func sortedModelKeys(v modelView) []modelKey {
	var keys []modelKey
	for key := range v {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b modelKey) int {
		return slices.Compare([]string{a.kind, a.Namespace, a.Name}, []string{b.kind, b.Namespace, b.Name})
	})
	return keys
}

func (r *modelReplica) enqueue(w modelWork) {
	if !slices.Contains(r.queue, w) {
		r.queue = append(r.queue, w)
	}
}

// deliver lets the cache see the next write of a kind, and says whether there was one.
func (r *modelReplica) deliver(kind string) bool {
	log := r.model.store.log
	for r.cursors[kind] < len(log) {
		e := log[r.cursors[kind]]
		r.cursors[kind]++
		if e.key.kind == kind {
			r.see(e)
			return true
		}
	}
	return false
}

// see does what the watches of the controllers do with one write.
func (r *modelReplica) see(e modelEvent) {
	before := r.cache[e.key]
	h := r.handler[e.key.kind]
	switch {
	case e.object == nil && before == nil:
		return
	case e.object == nil:
		delete(r.cache, e.key)
		if h != nil {
			h.OnDelete(before)
		}
	default:
		r.cache[e.key] = e.object
		if before == nil && h != nil {
			h.OnAdd(e.object, false)
		} else if h != nil {
			h.OnUpdate(before, e.object)
		}
	}
	ctx := context.Background()
	for _, o := range []client.Object{before, e.object} {
		switch o := o.(type) {
		case *v1alpha1.AddressLease:
			r.enqueue(modelWork{lease: true, key: e.key.NamespacedName})
			for _, q := range r.wukongs.forLease(ctx, o) {
				r.enqueue(modelWork{key: q.NamespacedName})
			}
		case *v1alpha1.Wukong:
			if touched(before, e.object) {
				r.enqueue(modelWork{key: e.key.NamespacedName})
			}
			for _, q := range r.leases.leasesOf(ctx, o) {
				r.enqueue(modelWork{lease: true, key: q.NamespacedName})
			}
		}
	}
}

// touched is the predicate of the Wukong controller's watch of Wukongs.
func touched(before, after client.Object) bool {
	a, ok1 := before.(*v1alpha1.Wukong)
	b, ok2 := after.(*v1alpha1.Wukong)
	return !ok1 || !ok2 || a.Generation != b.Generation || !equality.Semantic.DeepEqual(a.Status, b.Status)
}

// begin starts the i-th reconcile that is due, unless one of the same object runs.
func (r *modelReplica) begin(i int) {
	work := r.queue[i]
	if slices.ContainsFunc(r.tasks, func(t *modelTask) bool { return t.work == work }) {
		return
	}
	r.queue = slices.Delete(r.queue, i, i+1)
	task := &modelTask{work: work}
	ctx := context.WithValue(context.Background(), modelTaskKey{}, task)
	task.next, task.stop = iter.Pull(func(yield func(struct{}) bool) {
		task.pause = yield
		request := reconcile.Request{NamespacedName: work.key}
		if work.lease {
			task.result, task.err = r.leases.Reconcile(ctx, request)
		} else {
			task.result, task.err = r.wukongs.Reconcile(ctx, request)
		}
	})
	r.tasks = append(r.tasks, task)
	r.proceed(task)
}

// proceed lets a reconcile go on to its next call of the API server, or to its end.
func (r *modelReplica) proceed(task *modelTask) {
	_, goesOn := task.next()
	if goesOn && !r.dead {
		return
	}
	r.tasks = slices.DeleteFunc(r.tasks, func(t *modelTask) bool { return t == task })
	task.stop()
	switch {
	case r.dead:
		r.die()
	case task.err != nil:
		r.enqueue(task.work)
	case task.result.RequeueAfter > 0:
		r.timers = append(r.timers, modelTimer{r.model.clock.Add(task.result.RequeueAfter), task.work})
	}
}

// die ends all reconciles where they are.
func (r *modelReplica) die() {
	r.dead = true
	for _, task := range r.tasks {
		task.stop()
	}
	r.tasks, r.queue, r.timers = nil, nil, nil
}

// ring makes those reconciles due whose time has come.
func (r *modelReplica) ring() {
	r.timers = slices.DeleteFunc(r.timers, func(t modelTimer) bool {
		due := !t.at.After(r.model.clock)
		if due {
			r.enqueue(t.work)
		}
		return due
	})
}

// settle runs the process, which is the only one now, for a while, and says whether it came to rest: whoever waits for an address
// asks again at times, and nothing else is left to do.
func (r *modelReplica) settle(while time.Duration) bool {
	end := r.model.clock.Add(while)
	for range 100_000 {
		if r.settleOne(end) {
			return true
		}
	}
	return false
}

// settleOne takes one step, and says whether none is left before the end.
func (r *modelReplica) settleOne(end time.Time) bool {
	switch {
	case slices.ContainsFunc(modelKinds, r.deliver):
	case len(r.tasks) > 0:
		r.proceed(r.tasks[0])
	case len(r.queue) > 0:
		r.begin(0)
	case len(r.timers) > 0:
		first := slices.MinFunc(r.timers, func(a, b modelTimer) int { return a.at.Compare(b.at) })
		if first.at.After(end) {
			return true
		}
		r.model.tick(max(0, first.at.Sub(r.model.clock)))
		r.ring()
	default:
		return true
	}
	return false
}

// modelNamespace is a namespace as the controllers read it.
func modelNamespace(name string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.APIVersion, o.Kind, o.Name = "v1", "Namespace", name
	return o
}
