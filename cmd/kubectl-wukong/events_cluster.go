package main

import (
	"context"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
	"novasphere.dev/wukong-network/nmstate"
)

// history reads what tells of an object. A lease, a policy and a node that are gone may still be told of.
func (g *inspection) history(ctx context.Context, what *object) error {
	if err := g.about(ctx, what); err != nil {
		return err
	}
	if what.kind == wukongKind {
		what.name = g.Wukongs[0].Name
	}
	if err := g.told(ctx); err != nil {
		return err
	}
	if _, err := explainIn(&g.Facts, *what); err != nil { // there is no such object
		return err
	}
	for _, s := range subjectsOf(g.Facts, what, false) {
		if s.Kind == inspect.KindNode || s.Kind == inspect.KindPolicy {
			continue
		}
		found, err := g.from.EventsAbout(ctx, s.Kind, s.Namespace, s.Name)
		if err := g.may(inspect.KindEvent, err); err != nil {
			return err
		}
		if g.Unread.Has(inspect.KindEvent) {
			return nil
		}
		g.Events = append(g.Events, found...)
	}
	return nil
}

// told reads the enactments of revisions that are rolled out, well or not, where none was read yet.
func (g *inspection) told(ctx context.Context) error {
	if len(g.Enactments) > 0 || g.Unread.Has(inspect.KindEnactment) {
		return nil
	}
	for i := range g.HostUplinks {
		policy := g.HostUplinks[i].Status.Revision
		if policy == "" {
			continue
		}
		found, err := g.from.EnactmentsWith(ctx, nmstate.PolicyLabel, policy)
		if err := g.may(inspect.KindEnactment, err); err != nil {
			return err
		}
		g.Enactments = append(g.Enactments, found...)
	}
	return nil
}

// everything reads what tells of the Wukongs of a namespace, or of all that is ours.
func (g *inspection) everything(ctx context.Context, all bool, namespace string) error {
	if all {
		namespace = ""
	}
	var err error
	if g.Wukongs, err = g.from.WukongsIn(ctx, cluster.Scope{Namespace: namespace}); err != nil {
		return err
	}
	g.Events, err = g.from.EventsOf(ctx, v1alpha1.GroupVersion.String(), namespace)
	if err := g.may(inspect.KindEvent, err); err != nil {
		return err
	}
	if !all {
		return g.leases(ctx, inspect.LeasesOf(g.Wukongs))
	}
	g.Leases, err = g.from.Leases(ctx)
	if err := g.may(inspect.KindLease, err); err != nil {
		return err
	}
	if err := g.hosts(ctx); err != nil {
		return err
	}
	if err := g.declared(ctx); err != nil {
		return err
	}
	return g.told(ctx)
}
