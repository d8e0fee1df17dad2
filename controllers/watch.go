package controllers

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// watchAll adds watches of several kinds to a controller that runs already.
func watchAll(c controller.Controller, mgr manager.Manager, h handler.TypedEventHandler[client.Object, reconcile.Request], p predicate.Predicate, objs ...client.Object) error {
	for _, obj := range objs {
		if err := c.Watch(source.Kind(mgr.GetCache(), obj, h, p)); err != nil {
			return err
		}
	}
	return nil
}

// lookAtAll makes a controller that runs already look at everything that all lists: a component came, and what waited for
// it may have no other event.
func lookAtAll(c controller.Controller, all handler.MapFunc) error {
	return c.Watch(source.Func(func(ctx context.Context, q queue) error {
		for _, request := range all(ctx, nil) {
			q.Add(request)
		}
		return nil
	}))
}

// requestsFor gives a request for each object of a kind that the cache has and that the options select. list says which kind.
func requestsFor(ctx context.Context, c client.Reader, list client.ObjectList, opts ...client.ListOption) []reconcile.Request {
	if err := c.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		log.FromContext(ctx).Error(err, "What an event is about cannot be listed") // only while the process ends
		return nil
	}
	out := make([]reconcile.Request, 0, meta.LenList(list))
	_ = meta.EachListItem(list, func(o runtime.Object) error { // no error but ours
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o.(client.Object))})
		return nil
	})
	return out
}

// gathered queues what requests gives for an object a while after its event, so that many events in a row are one reconcile.
func gathered(e *effort, requests handler.MapFunc) handler.TypedEventHandler[client.Object, reconcile.Request] {
	later := func(ctx context.Context, o client.Object, q queue) {
		for _, request := range requests(ctx, o) {
			q.AddAfter(request, e.pause())
		}
	}
	return handler.TypedFuncs[client.Object, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { later(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { later(ctx, e.ObjectNew, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { later(ctx, e.Object, q) },
	}
}

// effort remembers how long the last look of a controller took. A look at all nodes takes longer the more there are, so that
// events are gathered for longer: however many they are, looks take a fraction of a processor.
type effort struct{ last atomic.Int64 }

// share is how much longer than a look events are gathered.
const share = 4

// measure notes how long the look took that began at that time.
func (e *effort) measure(began time.Time) { e.last.Store(int64(time.Since(began))) }

// pause is how long to gather events.
func (e *effort) pause() time.Duration {
	return max(enactmentPace, share*time.Duration(e.last.Load()))
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func never(event.CreateEvent) bool         { return false }
func neverUpdate(event.UpdateEvent) bool   { return false }
func neverGeneric(event.GenericEvent) bool { return false }
