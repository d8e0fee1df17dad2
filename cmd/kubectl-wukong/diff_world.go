package main

import (
	"context"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/hosts"
)

// diffWorld reads what manifests are laid over. Without what is declared there is no answer; without nodes, or what they report,
// nothing is told of them.
func diffWorld(ctx context.Context, from *cluster.Cluster) (w hosts.World, nodesKnown bool, err error) {
	if w.HostUplinks, err = from.Uplinks(ctx); err != nil {
		return w, false, err
	}
	if w.HostNetworks, err = from.HostNetworks(ctx); err != nil {
		return w, false, err
	}
	if w.AddressPools, err = from.Pools(ctx); err != nil {
		return w, false, err
	}
	if w.AddressReservations, err = from.Reservations(ctx); err != nil {
		return w, false, err
	}
	if nodesKnown, err = addNodes(ctx, from, &w); err != nil {
		return w, false, err
	}
	return w, nodesKnown, query.AddUsers(ctx, reading{from}, &w)
}

// addNodes reads what concerns nodes, or nothing of it.
func addNodes(ctx context.Context, from *cluster.Cluster, w *hosts.World) (known bool, err error) {
	var read hosts.World
	const missing = "what becomes of nodes is not told"
	if read.Nodes, err = from.Nodes(ctx); err != nil {
		return false, from.Optional(err, missing)
	}
	if read.NodeStates, read.Reports, err = from.NodeStates(ctx); err != nil {
		return false, from.Optional(err, missing)
	}
	if read.Policies, err = from.Policies(ctx); err != nil {
		return false, from.Optional(err, missing)
	}
	if read.Enactments, err = from.Enactments(ctx); err != nil {
		return false, from.Optional(err, missing)
	}
	w.Nodes, w.NodeStates, w.Reports, w.Policies, w.Enactments = read.Nodes, read.NodeStates, read.Reports, read.Policies, read.Enactments
	return true, nil
}
