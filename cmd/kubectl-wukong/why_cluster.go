package main

import (
	"context"
	"errors"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
	"novasphere.dev/wukong-network/nmstate"
)

// about reads what explains an object. Without the right to read the object itself there is no answer; what else may not be
// read is missing from it.
func (g *inspection) about(what *object) error {
	switch what.kind {
	case "":
		g.aboutAddress(what.addr.String())
	case inspect.KindLease:
		g.aboutLease(what.name)
	case inspect.KindHostUplink:
		g.HostUplinks = require(&g.gathering, g.from.Uplinks)
		g.enactmentsOf(func(u *v1alpha1.HostUplink) bool { return u.Name == what.name })
	case inspect.KindHostNetwork:
		g.HostNetworks = require(&g.gathering, g.from.HostNetworks)
		g.HostUplinks = may(g, inspect.KindHostUplink, g.from.Uplinks)
		o := among(g.HostNetworks, "", what.name)
		g.enactmentsOf(func(u *v1alpha1.HostUplink) bool { return o != nil && slices.Contains(o.Status.Uplinks, u.Name) })
	case inspect.KindPool:
		g.AddressPools = require(&g.gathering, g.from.Pools)
		g.Wukongs = may(g, wukongKind, g.wukongs(""))
	case inspect.KindReservation:
		g.AddressReservations = require(&g.gathering, g.from.Reservations)
		if r := among(g.AddressReservations, "", what.name); r != nil {
			g.leases(r.Status.Held)
		}
	case inspect.KindNode:
		g.Nodes = require(&g.gathering, g.from.NodeMetadata)
		g.HostUplinks = may(g, inspect.KindHostUplink, g.from.Uplinks)
		g.Enactments = may(g, inspect.KindEnactment, g.enactmentsWith(nmstate.NodeLabel, what.name))
	case inspect.KindPolicy:
		g.aboutPolicy(what.name)
	default:
		g.aboutWukong(what)
	}
	return g.err
}

func (g *inspection) aboutWukong(what *object) {
	w := require(&g.gathering, func(ctx context.Context) (*v1alpha1.Wukong, error) {
		return wukongOf(ctx, g.from, guestArg{what.namespace, what.name})
	})
	if g.err != nil {
		if nothing := (finding{}); what.noKind != "" && errors.As(g.err, &nothing) {
			g.err = found("%s. If %q was meant for a kind: write wukong, vm, hostuplink, hostnetwork, addresspool, addressreservation, addresslease, node or nncp", nothing.text, what.noKind)
		}
		return
	}
	g.Wukongs = []v1alpha1.Wukong{*w}
	g.forStatus()
	g.declared()
	g.enactmentsOf(func(u *v1alpha1.HostUplink) bool {
		return slices.ContainsFunc(w.Status.Networks, func(n v1alpha1.WukongNetworkStatus) bool {
			o := among(g.HostNetworks, "", n.HostNetwork)
			return o != nil && slices.Contains(o.Status.Uplinks, u.Name)
		})
	})
}

// declared reads pools and reservations.
func (g *inspection) declared() {
	g.AddressPools = may(g, inspect.KindPool, g.from.Pools)
	g.AddressReservations = may(g, inspect.KindReservation, g.from.Reservations)
}

func (g *inspection) aboutAddress(addr string) {
	g.Leases = require(&g.gathering, g.leasesWith(cluster.Is(cluster.FieldAddress, addr)))
	g.declared()
	g.HostUplinks = may(g, inspect.KindHostUplink, g.from.Uplinks)
	g.Wukongs = may(g, wukongKind, g.wukongs(""))
}

func (g *inspection) aboutLease(name string) {
	l := require(&g.gathering, func(ctx context.Context) (*v1alpha1.AddressLease, error) { return g.from.Lease(ctx, name) })
	switch {
	case cluster.CauseOf(g.err) == cluster.NotFound:
		g.err = found("there is no AddressLease %q", name)
	case g.err == nil:
		g.aboutAddress(l.Spec.Address)
	}
}

// aboutPolicy reads a policy, and how it fares on nodes, which outlives it there.
func (g *inspection) aboutPolicy(name string) {
	p := require(&g.gathering, func(ctx context.Context) (*nmstate.Policy, error) { return g.from.Policy(ctx, name) })
	switch {
	case g.err == nil:
		g.Policies = append(g.Policies, *p)
	case cluster.CauseOf(g.err) == cluster.NotFound:
		g.err = nil
	}
	g.Enactments = may(g, inspect.KindEnactment, g.enactmentsWith(nmstate.PolicyLabel, name))
}

// enactmentsOf reads how the revisions of some HostUplinks fare, of those with problems.
func (g *inspection) enactmentsOf(wanted func(*v1alpha1.HostUplink) bool) {
	for i := range g.HostUplinks {
		u := &g.HostUplinks[i]
		policy := u.Status.Revision
		if policy == "" {
			policy = u.Spec.ExternalPolicy
		}
		if wanted(u) && policy != "" && len(u.Status.Problems) > 0 {
			g.Enactments = append(g.Enactments, may(g, inspect.KindEnactment, g.enactmentsWith(nmstate.PolicyLabel, policy))...)
		}
	}
}

// enactmentsWith are those that have a label of kubernetes-nmstate.
func (g *inspection) enactmentsWith(label, value string) func(context.Context) ([]nmstate.Enactment, error) {
	return func(ctx context.Context) ([]nmstate.Enactment, error) {
		return g.from.EnactmentsWith(ctx, label, value)
	}
}
