package main

import (
	"context"

	eventsv1 "k8s.io/api/events/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
	"novasphere.dev/wukong-network/nmstate"
)

// history reads what tells of an object. A lease, a policy and a node that are gone may still be told of.
func (g *inspection) history(what *object) error {
	if err := g.about(what); err != nil {
		return err
	}
	if what.kind == wukongKind {
		what.name = g.Wukongs[0].Name
	}
	g.told()
	if g.err != nil {
		return g.err
	}
	if _, err := explainIn(&g.Facts, *what); err != nil { // there is no such object
		return err
	}
	for _, s := range subjectsOf(g.Facts, what, false) {
		if s.Kind == inspect.KindNode || s.Kind == inspect.KindPolicy || g.Unread.Has(inspect.KindEvent) {
			continue
		}
		g.Events = append(g.Events, may(g, inspect.KindEvent, func(ctx context.Context) ([]eventsv1.Event, error) {
			return g.from.EventsAbout(ctx, s.Kind, s.Namespace, s.Name)
		})...)
	}
	return g.err
}

// told reads the enactments of revisions that are rolled out, well or not, where none was read yet.
func (g *inspection) told() {
	if len(g.Enactments) > 0 || g.Unread.Has(inspect.KindEnactment) {
		return
	}
	for i := range g.HostUplinks {
		if policy := g.HostUplinks[i].Status.Revision; policy != "" {
			g.Enactments = append(g.Enactments, may(g, inspect.KindEnactment, g.enactmentsWith(nmstate.PolicyLabel, policy))...)
		}
	}
}

// everything reads what tells of the Wukongs of a namespace, or of all that is ours.
func (g *inspection) everything(all bool, namespace string) error {
	if all {
		namespace = ""
	}
	g.Wukongs = require(&g.gathering, g.wukongs(namespace))
	g.Events = may(g, inspect.KindEvent, func(ctx context.Context) ([]eventsv1.Event, error) {
		return g.from.EventsOf(ctx, v1alpha1.GroupVersion.String(), namespace)
	})
	if !all {
		g.leases(inspect.LeasesOf(g.Wukongs))
		return g.err
	}
	g.Leases = may(g, inspect.KindLease, g.leasesWith())
	g.hosts()
	g.declared()
	g.told()
	return g.err
}
