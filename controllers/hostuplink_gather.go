package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// gather reads the world: what is declared, what nodes report, and what was written for them.
func (r *HostUplinkReconciler) gather(ctx context.Context, s *uplinkScope) error {
	var err error
	if s.catalog, err = listCatalog(ctx, r.Client); err != nil {
		return err
	}
	known, ok := s.catalog.Uplink(s.uplink.Name)
	if !ok {
		return errAgain // the cache lost it between two reads
	}
	s.known = known
	if s.nodes, err = r.nodes.list(ctx); err != nil {
		return err
	}
	s.departed = s.departedNodes(r.sightings.missed(s))
	s.nmstateGone = !r.components.Has(Nmstate)
	if s.nmstateGone {
		return nil
	}
	if s.states, err = listNodeStates(ctx, r.Client); err != nil {
		return err
	}
	if s.enactments, err = listEnactments(ctx, r.Client); err != nil {
		return err
	}
	if err = r.listPolicies(ctx, s); err != nil {
		return err
	}
	return r.findMissing(ctx, s)
}

// listCatalog reads everything that platform teams declare.
func listCatalog(ctx context.Context, c client.Reader) (*render.Catalog, error) {
	uplinks, networks := &v1alpha1.HostUplinkList{}, &v1alpha1.HostNetworkList{}
	if err := c.List(ctx, uplinks); err != nil {
		return nil, fmt.Errorf("host uplinks: %w", err)
	}
	if err := c.List(ctx, networks); err != nil {
		return nil, fmt.Errorf("host networks: %w", err)
	}
	return render.NewCatalog(uplinks.Items, networks.Items), nil
}

// findMissing looks past the cache for policies that nodes are on and the cache does not have: what a policy says decides what
// is taken back, so its absence must be true.
func (r *HostUplinkReconciler) findMissing(ctx context.Context, s *uplinkScope) error {
	for i := range s.nodes {
		hash := s.marks(&s.nodes[i]).Held()
		if _, ok := s.policies[hash]; ok || hash == "" {
			continue
		}
		p, err := r.livePolicy(ctx, s.uplink, render.PolicyName(s.uplink.Name, hash))
		if err != nil {
			return err
		}
		if p != nil {
			s.policies[hash] = *p
		}
	}
	return nil
}

// networksInUse gives the HostNetworks of the fabric that hosts should have now, as their own controller decided. One that
// it has not looked at yet is waiting: to take its bridge away now would cut machines off.
func networksInUse(catalog *render.Catalog, u *v1alpha1.HostUplink) (inUse sets.Set[string], waiting string) {
	inUse = sets.New[string]()
	for _, n := range catalog.HostNetworks() {
		switch {
		case n.Object.Spec.PhysicalNetwork != u.Spec.PhysicalNetwork:
		case n.Object.Status.ObservedGeneration <= 0:
			waiting = n.Object.Name
		case n.Object.Status.Provisioned:
			inUse.Insert(n.Object.Name)
		}
	}
	return inUse, waiting
}
