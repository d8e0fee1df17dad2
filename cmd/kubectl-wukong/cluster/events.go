package cluster

import (
	"context"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Fields of events that the API server selects by.
const (
	fieldEventKind    = "regarding.kind"
	fieldEventName    = "regarding.name"
	fieldEventVersion = "regarding.apiVersion"
)

// EventsAbout gives the events about one object. Those about objects without a namespace are in the namespace default.
func (c *Cluster) EventsAbout(ctx context.Context, kind, namespace, name string) ([]eventsv1.Event, error) {
	if namespace == "" {
		namespace = "default"
	}
	return c.events(ctx, client.InNamespace(namespace), client.MatchingFields{fieldEventKind: kind, fieldEventName: name})
}

// EventsOf gives the events about all objects of a version of an API, such as vm.novasphere.dev/v1alpha1, in a namespace; "" means
// all namespaces.
func (c *Cluster) EventsOf(ctx context.Context, apiVersion, namespace string) ([]eventsv1.Event, error) {
	return c.events(ctx, client.InNamespace(namespace), client.MatchingFields{fieldEventVersion: apiVersion})
}

func (c *Cluster) events(ctx context.Context, options ...client.ListOption) ([]eventsv1.Event, error) {
	list := func() *eventsv1.EventList { return &eventsv1.EventList{} }
	return pages(ctx, c, "Events", list, func(l *eventsv1.EventList) []eventsv1.Event { return l.Items }, options...)
}
