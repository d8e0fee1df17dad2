package controllers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// restoreRetry is how long to wait before start-up is tried again after the API server failed.
const restoreRetry = time.Second

// follower keeps the ledger up to date by the watches of the manager's cache.
type follower struct {
	*ledger
	cache cache.Cache
	sweep time.Duration

	// inOrder is held from reading what an object claims until the ledger has it: several watches lead to one look, and the one
	// that read last has to be the one that counts.
	inOrder sync.Mutex
	// declared is the offer that claims were last read with.
	declared uint64
	// machines are those that claim anything.
	machines map[types.NamespacedName]bool
}

// Start reads everything once, matches what is published with leases, opens the ledger, and follows the watches until ctx
// ends. It runs where the controllers run: on the leader.
func (f *follower) Start(ctx context.Context) error {
	var handlers syncing
	for _, w := range []struct {
		obj     client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&v1alpha1.AddressLease{}, f.onLease()},
		{&v1alpha1.Wukong{}, f.onWukong(ctx)},
		{&v1alpha1.HostUplink{}, f.onOffer(ctx)},
		{&v1alpha1.HostNetwork{}, f.onOffer(ctx)},
		{&v1alpha1.AddressPool{}, f.onOffer(ctx)},
		{&v1alpha1.AddressReservation{}, f.onReservation(ctx)},
		{&corev1.Node{}, f.onChange(func(o client.Object) { f.node(ctx, o.GetName()) })},
		{&corev1.Service{}, f.onService()},
	} {
		if err := f.follow(ctx, w.obj, w.handler, &handlers); err != nil {
			return err
		}
	}
	for component, objects := range map[Component]map[client.Object]toolscache.ResourceEventHandler{
		Nmstate:  {&nmstate.NodeNetworkState{}: f.onChange(func(o client.Object) { f.node(ctx, o.GetName()) })},
		KubeVirt: {&kubevirtv1.VirtualMachineInstance{}: f.onChange(func(o client.Object) { f.machine(ctx, client.ObjectKeyFromObject(o)) })},
		Multus:   {podMetadata(): f.onPod()},
	} {
		for obj, handler := range objects {
			// What a component says that comes later counts from then on.
			if err := f.components.WhenServed(component, func(context.Context) error {
				return f.follow(ctx, obj, handler, &handlers)
			}); err != nil {
				return err
			}
		}
	}
	f.components.WhenLost(Nmstate, func(context.Context) { f.everyNode(ctx) })
	f.components.WhenLost(KubeVirt, func(context.Context) { f.noMachine() })
	if !toolscache.WaitForCacheSync(ctx.Done(), handlers.done) {
		return ctx.Err()
	}
	if err := f.restoreAll(ctx); err != nil {
		return err
	}
	close(f.ready)
	f.scanUntil(ctx, f.sweep)
	return nil
}

// restoreAll tries until the API server answers: before that, nothing is decided.
func (f *follower) restoreAll(ctx context.Context) error {
	for {
		err := f.restore(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		log.FromContext(ctx).Error(err, "Leases cannot be matched with what is published yet, trying again")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(restoreRetry):
		}
	}
}

// syncing are handlers that have to see what exists before anything is decided.
type syncing struct {
	mu       sync.Mutex
	handlers []toolscache.InformerSynced
	// informers are those that have a handler. One of a component that went and came again is another one.
	informers []cache.Informer
}

// add adds a handler to an informer, unless it has one.
func (s *syncing) add(informer cache.Informer, handler toolscache.ResourceEventHandler) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.informers, informer) {
		return nil
	}
	registration, err := informer.AddEventHandler(handler)
	if err == nil {
		s.handlers, s.informers = append(s.handlers, registration.HasSynced), append(s.informers, informer)
	}
	return err
}

func (s *syncing) done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(s.handlers, func(has toolscache.InformerSynced) bool { return !has() })
}

// follow adds a handler to the informer of a kind.
func (f *follower) follow(ctx context.Context, obj client.Object, handler toolscache.ResourceEventHandler, handlers *syncing) error {
	informer, err := f.cache.GetInformer(ctx, obj)
	if err != nil {
		return err
	}
	return handlers.add(informer, handler)
}

// onChange calls look after every change of an object, its end included. look reads the object from the cache.
func (f *follower) onChange(look func(client.Object)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { look(o.(client.Object)) },
		UpdateFunc: func(_, o any) { look(o.(client.Object)) },
		DeleteFunc: func(o any) { look(lastKnown(o)) },
	}
}

// lastKnown gives the object of a deletion, also where the deletion itself was missed.
func lastKnown(o any) client.Object {
	if unknown, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = unknown.Obj
	}
	return o.(client.Object)
}

func (f *follower) onLease() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { f.heardOfLease(o.(*v1alpha1.AddressLease)) },
		UpdateFunc: func(_, o any) { f.heardOfLease(o.(*v1alpha1.AddressLease)) },
		DeleteFunc: func(o any) {
			l := lastKnown(o).(*v1alpha1.AddressLease)
			f.leaser.seen(l)
			f.lostLease(l.Name)
		},
	}
}

// heardOfLease takes in a lease as the cache has it, unless it was written here since.
func (f *follower) heardOfLease(o *v1alpha1.AddressLease) {
	if f.leaser.seen(o) {
		f.sawLease(o)
	}
}

// onWukong follows the MAC addresses that Wukongs have, and takes those that go out of every line.
func (f *follower) onWukong(ctx context.Context) toolscache.ResourceEventHandler {
	look := func(o any) {
		w := o.(*v1alpha1.Wukong)
		f.replace(wukongSource(client.ObjectKeyFromObject(w)), macClaims(w))
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			look(o)
			f.machine(ctx, machineKey(o.(*v1alpha1.Wukong)))
		},
		UpdateFunc: func(before, o any) {
			look(o)
			if was, is := machineKey(before.(*v1alpha1.Wukong)), machineKey(o.(*v1alpha1.Wukong)); was != is {
				f.machine(ctx, was)
				f.machine(ctx, is)
			}
		},
		DeleteFunc: func(o any) {
			w := lastKnown(o).(*v1alpha1.Wukong)
			key := client.ObjectKeyFromObject(w)
			f.replace(wukongSource(key), nil)
			f.leave(key, nil)
			f.machine(ctx, machineKey(w))
		},
	}
}

func wukongSource(key types.NamespacedName) string { return "Wukong/" + key.String() }

func machineKey(w *v1alpha1.Wukong) types.NamespacedName {
	return types.NamespacedName{Namespace: w.Namespace, Name: wukongMachine(w)[0]}
}

// macClaims are the MAC addresses that a Wukong's interfaces have. One that was refused for its MAC address has none.
func macClaims(w *v1alpha1.Wukong) []conflicts.Claim {
	var out []conflicts.Claim
	for _, n := range w.Status.Networks {
		if n.MACAddress == "" || n.Segment == "" || n.Reason == v1alpha1.ReasonMACConflict {
			continue
		}
		out = append(out, conflicts.Claim{Segment: n.Segment, MAC: n.MACAddress, Kind: conflicts.Lease, Namespace: w.Namespace,
			Owner: render.HolderName(w.Namespace, w.Name, n.Name), Since: w.CreationTimestamp.Time})
	}
	return out
}

// onOffer follows HostUplinks, HostNetworks and AddressPools, of which only what people declared matters here.
func (f *follower) onOffer(ctx context.Context) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { f.offerChanged(ctx) },
		UpdateFunc: func(before, after any) {
			if before.(client.Object).GetGeneration() != after.(client.Object).GetGeneration() {
				f.offerChanged(ctx)
			}
		},
		DeleteFunc: func(any) { f.offerChanged(ctx) },
	}
}

// offerChanged reads anew what depends on where uplinks lead and on what pools say.
func (f *follower) offerChanged(ctx context.Context) {
	o, changed := f.declare(ctx)
	if !changed {
		return
	}
	f.everyNode(ctx)
	for _, r := range requestsFor(ctx, f, &v1alpha1.AddressReservationList{}) {
		f.reservation(ctx, r.Name)
	}
	f.mu.Lock()
	f.attach(o)
	wake := f.everyLine()
	f.mu.Unlock()
	f.wake(wake)
}

// declare takes in what pools claim, and says whether anything that people declared has changed.
func (f *follower) declare(ctx context.Context) (*offer, bool) {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	o, err := f.offers.current(ctx)
	if err != nil {
		f.complain(ctx, err)
		return nil, false
	}
	if f.declared == o.specs {
		return o, false
	}
	f.declared = o.specs
	seen := map[string]bool{}
	for _, p := range o.pools.All() {
		source := poolSource(p.Object.Name)
		seen[source] = true
		f.replace(source, render.PoolClaims(p))
	}
	f.forget(seen)
	return o, true
}

// everyNode reads anew what each node claims: where its interfaces lead may have changed, or nobody reports any more.
func (f *follower) everyNode(ctx context.Context) {
	names := f.claimants()
	for _, node := range requestsFor(ctx, f, &corev1.NodeList{}) {
		names[node.Name] = true
	}
	for name := range names {
		f.node(ctx, name)
	}
}

func poolSource(name string) string { return "AddressPool/" + name }

// forget drops the claims of pools that are gone.
func (l *ledger) forget(present map[string]bool) {
	l.mu.Lock()
	var gone []string
	for source := range l.poolSources {
		if !present[source] {
			gone = append(gone, source)
		}
	}
	l.poolSources = present
	l.mu.Unlock()
	for _, source := range gone {
		l.replace(source, nil)
	}
}

// node reads anew what one node claims: its own addresses, and what it reports.
func (f *follower) node(ctx context.Context, name string) {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	o, err := f.offers.current(ctx)
	if err != nil {
		f.complain(ctx, err)
		return
	}
	node, state := &corev1.Node{}, &nmstate.NodeNetworkState{}
	there, known := f.find(ctx, client.ObjectKey{Name: name}, node)
	if !there {
		node = nil
	}
	reports, readable := false, true
	if f.components.Has(Nmstate) {
		reports, readable = f.find(ctx, client.ObjectKey{Name: name}, state)
	}
	if !reports {
		state = nil
	}
	if !known || !readable {
		return
	}
	f.replaceNode(name, render.NodeClaims(o.catalog, name, node, state))
}

// onReservation follows AddressReservations. What a deleted one kept back rests like an address that was released: a pipeline may
// be about to apply it again, and whoever waits for the address must not get it in between.
func (f *follower) onReservation(ctx context.Context) toolscache.ResourceEventHandler {
	look := func(o client.Object) { f.reservation(ctx, o.GetName()) }
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { look(o.(client.Object)) },
		UpdateFunc: func(_, o any) { look(o.(client.Object)) },
		DeleteFunc: func(o any) {
			look(lastKnown(o))
			time.AfterFunc(f.cooldown, func() {
				if ctx.Err() == nil {
					look(lastKnown(o))
				}
			})
		},
	}
}

// reservation reads anew what one AddressReservation keeps back.
func (f *follower) reservation(ctx context.Context, name string) {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	o, err := f.offers.current(ctx)
	if err != nil {
		f.complain(ctx, err)
		return
	}
	obj := &v1alpha1.AddressReservation{}
	there, known := f.find(ctx, client.ObjectKey{Name: name}, obj)
	if !known {
		return
	}
	var claims []conflicts.Claim
	f.mu.Lock()
	if there {
		r := render.NewReservation(o.catalog, obj) // its own controller says what is wrong with it
		f.reservations[name], claims = r, r.Claims()
		delete(f.resting, name)
	} else {
		claims = f.rest(name)
	}
	f.reserved++
	f.attach(o)
	wake := f.everyLine()
	pools := slices.Collect(maps.Keys(f.attached))
	f.mu.Unlock()
	f.replace("AddressReservation/"+name, claims)
	f.wake(wake)
	f.touch(pools...)
}

// rest gives what a deleted reservation still keeps back: all of it until its time of rest is over.
func (l *ledger) rest(name string) []conflicts.Claim {
	r, known := l.reservations[name]
	if !known {
		return nil
	}
	if l.resting[name].IsZero() {
		l.resting[name] = l.clock.Now().Add(l.cooldown)
	}
	until := l.resting[name]
	if !l.clock.Now().Before(until) {
		delete(l.reservations, name)
		delete(l.resting, name)
		return nil
	}
	claims := r.Claims()
	for i := range claims {
		claims[i].Evidence = "deleted, its addresses rest until " + until.UTC().Format(time.RFC3339)
	}
	return claims
}

func (f *follower) onService() toolscache.ResourceEventHandler {
	look := func(o client.Object, claims []conflicts.Claim) {
		f.replace("Service/"+client.ObjectKeyFromObject(o).String(), claims)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { look(o.(client.Object), render.ServiceClaims(o.(*corev1.Service))) },
		UpdateFunc: func(before, o any) {
			if b, a := before.(*corev1.Service), o.(*corev1.Service); !equality.Semantic.DeepEqual(b.Spec, a.Spec) || !equality.Semantic.DeepEqual(b.Status, a.Status) {
				look(a, render.ServiceClaims(a))
			}
		},
		DeleteFunc: func(o any) { look(lastKnown(o), nil) },
	}
}

// machine reads anew what a machine that no Wukong serves reports about itself.
func (f *follower) machine(ctx context.Context, key types.NamespacedName) {
	if !f.components.Has(KubeVirt) {
		return
	}
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	vmi := &kubevirtv1.VirtualMachineInstance{}
	var claims []conflicts.Claim
	there, known := f.find(ctx, key, vmi)
	if !known {
		return
	}
	if there && len(requestsFor(ctx, f, &v1alpha1.WukongList{}, client.InNamespace(key.Namespace), client.MatchingFields{indexWukongMachine: key.Name})) == 0 {
		claims = render.MachineClaims(vmi, nil)
	}
	if f.machines == nil {
		f.machines = map[types.NamespacedName]bool{}
	}
	if f.machines[key] = true; len(claims) == 0 {
		delete(f.machines, key)
	}
	f.replace(machineSource(key), claims)
}

// noMachine drops what machines claim: there are none without KubeVirt.
func (f *follower) noMachine() {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	for key := range f.machines {
		f.replace(machineSource(key), nil)
	}
	f.machines = nil
}

func machineSource(key types.NamespacedName) string { return "VirtualMachineInstance/" + key.String() }

// podMetadata stands for pods of which only the metadata is watched.
func podMetadata() *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	return m
}

func (f *follower) onPod() toolscache.ResourceEventHandler {
	look := func(o client.Object, claims []conflicts.Claim) {
		f.replace("Pod/"+client.ObjectKeyFromObject(o).String(), claims)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { look(o.(client.Object), render.PodClaims(o.(*metav1.PartialObjectMetadata))) },
		UpdateFunc: func(before, o any) {
			if !equality.Semantic.DeepEqual(before.(client.Object).GetAnnotations(), o.(client.Object).GetAnnotations()) {
				look(o.(client.Object), render.PodClaims(o.(*metav1.PartialObjectMetadata)))
			}
		},
		DeleteFunc: func(o any) { look(lastKnown(o), nil) },
	}
}

// find reads an object from the cache and says whether it is there. An error is never absence: it says that nothing is known.
func (f *follower) find(ctx context.Context, key client.ObjectKey, obj client.Object) (there, known bool) {
	err := f.Get(ctx, key, obj)
	if client.IgnoreNotFound(err) != nil {
		f.complain(ctx, err)
		return false, false
	}
	return err == nil, true
}

// complain logs what keeps the ledger from taking in a change. It happens only while the process ends: the cache answers
// from memory.
func (f *follower) complain(ctx context.Context, err error) {
	if !errors.Is(err, context.Canceled) && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "Change is not taken into account")
	}
}
