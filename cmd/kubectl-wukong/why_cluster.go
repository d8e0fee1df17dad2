package main

import (
	"context"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
	"novasphere.dev/wukong-network/nmstate"
)

// about reads what explains an object. Without the right to read the object itself there is no answer; what else may not be
// read is missing from it.
func (g *inspection) about(ctx context.Context, what *object) error {
	var err error
	switch what.kind {
	case "":
		return g.aboutAddress(ctx, what.addr.String())
	case inspect.KindLease:
		return g.aboutLease(ctx, what.name)
	case inspect.KindHostUplink:
		if g.HostUplinks, err = g.from.Uplinks(ctx); err != nil {
			return err
		}
		return g.enactments(ctx, func(u *v1alpha1.HostUplink) bool { return u.Name == what.name })
	case inspect.KindHostNetwork:
		if g.HostNetworks, err = g.from.HostNetworks(ctx); err != nil {
			return err
		}
		return g.aboutNetworks(ctx, what.name)
	case inspect.KindPool:
		if g.AddressPools, err = g.from.Pools(ctx); err != nil {
			return err
		}
		g.Wukongs, err = g.from.Wukongs(ctx, "")
		return g.may(wukongKind, err)
	case inspect.KindReservation:
		if g.AddressReservations, err = g.from.Reservations(ctx); err != nil {
			return err
		}
		if r := among(g.AddressReservations, "", what.name); r != nil {
			return g.leases(ctx, r.Status.Held)
		}
		return nil
	case inspect.KindNode:
		return g.aboutNode(ctx, what.name)
	case inspect.KindPolicy:
		return g.aboutPolicy(ctx, what.name)
	}
	return g.aboutWukong(ctx, what)
}

func (g *inspection) aboutWukong(ctx context.Context, what *object) error {
	w, err := wukongOf(ctx, g.from, guestArg{what.namespace, what.name})
	if err != nil {
		return err
	}
	g.Wukongs = []v1alpha1.Wukong{*w}
	if err := g.forStatus(ctx); err != nil {
		return err
	}
	if err := g.declared(ctx); err != nil {
		return err
	}
	return g.enactments(ctx, func(u *v1alpha1.HostUplink) bool {
		return slices.ContainsFunc(w.Status.Networks, func(n v1alpha1.WukongNetworkStatus) bool {
			o := among(g.HostNetworks, "", n.HostNetwork)
			return o != nil && slices.Contains(o.Status.Uplinks, u.Name)
		})
	})
}

// declared reads pools and reservations.
func (g *inspection) declared(ctx context.Context) error {
	var err error
	g.AddressPools, err = g.from.Pools(ctx)
	if err := g.may(inspect.KindPool, err); err != nil {
		return err
	}
	g.AddressReservations, err = g.from.Reservations(ctx)
	return g.may(inspect.KindReservation, err)
}

func (g *inspection) aboutAddress(ctx context.Context, addr string) error {
	var err error
	g.Leases, err = g.from.Leases(ctx, cluster.Is(cluster.FieldAddress, addr))
	if err != nil {
		return err
	}
	if err := g.declared(ctx); err != nil {
		return err
	}
	g.HostUplinks, err = g.from.Uplinks(ctx)
	if err := g.may(inspect.KindHostUplink, err); err != nil {
		return err
	}
	g.Wukongs, err = g.from.Wukongs(ctx, "")
	return g.may(wukongKind, err)
}

func (g *inspection) aboutLease(ctx context.Context, name string) error {
	l, err := g.from.Lease(ctx, name)
	if cluster.CauseOf(err) == cluster.NotFound {
		return found("there is no AddressLease %q", name)
	}
	if err != nil {
		return err
	}
	return g.aboutAddress(ctx, l.Spec.Address)
}

func (g *inspection) aboutNetworks(ctx context.Context, name string) error {
	var err error
	g.HostUplinks, err = g.from.Uplinks(ctx)
	if err := g.may(inspect.KindHostUplink, err); err != nil {
		return err
	}
	o := among(g.HostNetworks, "", name)
	return g.enactments(ctx, func(u *v1alpha1.HostUplink) bool { return o != nil && slices.Contains(o.Status.Uplinks, u.Name) })
}

func (g *inspection) aboutNode(ctx context.Context, name string) error {
	var err error
	if g.Nodes, err = g.from.NodeMetadata(ctx); err != nil {
		return err
	}
	g.HostUplinks, err = g.from.Uplinks(ctx)
	if err := g.may(inspect.KindHostUplink, err); err != nil {
		return err
	}
	g.Enactments, err = g.from.EnactmentsWith(ctx, nmstate.NodeLabel, name)
	return g.may(inspect.KindEnactment, err)
}

func (g *inspection) aboutPolicy(ctx context.Context, name string) error {
	p, err := g.from.Policy(ctx, name)
	if err == nil {
		g.Policies = append(g.Policies, *p)
	} else if cluster.CauseOf(err) != cluster.NotFound {
		return err
	}
	g.Enactments, err = g.from.EnactmentsWith(ctx, nmstate.PolicyLabel, name)
	return g.may(inspect.KindEnactment, err)
}

// enactments reads how the revisions of some HostUplinks fare, of those with problems.
func (g *inspection) enactments(ctx context.Context, wanted func(*v1alpha1.HostUplink) bool) error {
	for i := range g.HostUplinks {
		u := &g.HostUplinks[i]
		policy := u.Status.Revision
		if policy == "" {
			policy = u.Spec.ExternalPolicy
		}
		if !wanted(u) || policy == "" || len(u.Status.Problems) == 0 {
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
