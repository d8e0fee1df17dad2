package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// componentSettles is how long Components may take to notice that a definition came or went.
const componentSettles = 2 * time.Second

// nmstateDefinitions lets through the definitions of kubernetes-nmstate.
var nmstateDefinitions = predicate.NewPredicateFuncs(func(o client.Object) bool { return componentCRDs[o.GetName()] == Nmstate })

// afterComponent looks at objects again when a definition came or went. The loss of one stops the watches that would else
// tell, and is known to Components only a moment later.
type afterComponent struct{ requests handler.MapFunc }

func (h afterComponent) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.later(ctx, e.Object, q)
}

func (h afterComponent) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	if e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero() {
		h.later(ctx, e.ObjectNew, q)
	}
}

func (h afterComponent) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	h.later(ctx, e.Object, q)
}

func (h afterComponent) Generic(context.Context, event.GenericEvent, queue) {}

func (h afterComponent) later(ctx context.Context, o client.Object, q queue) {
	for _, request := range h.requests(ctx, o) {
		q.AddAfter(request, componentSettles)
	}
}

var _ handler.TypedEventHandler[client.Object, reconcile.Request] = afterComponent{}
