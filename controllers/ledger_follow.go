package controllers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// restoreRetry is how long to wait before start-up is tried again after the API server failed.
const restoreRetry = time.Second

// follower keeps the ledger up to date by the watches of the manager's cache.
type follower struct {
	*ledger
	cache cache.Cache

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
	<-ctx.Done()
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
