package query

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/query/hosts"
)

// World reads what is known about hosts. Without nodes or what they report there is no answer; what else cannot be read is
// missing from it.
func World(ctx context.Context, from Source) (hosts.World, error) {
	var w hosts.World
	var err error
	if w.Nodes, err = from.Nodes(ctx); err != nil {
		return w, err
	}
	if w.HostUplinks, err = from.Uplinks(ctx); err != nil {
		return w, err
	}
	if w.HostNetworks, err = from.HostNetworks(ctx); err != nil {
		return w, err
	}
	if w.NodeStates, w.Reports, err = from.NodeStates(ctx); err != nil {
		return w, err
	}
	if w.Policies, err = from.Policies(ctx); err != nil {
		return w, err
	}
	if w.Enactments, err = from.Enactments(ctx); err != nil {
		return w, err
	}
	return w, AddUsers(ctx, from, &w)
}

// AddUsers reads, into a world, what uses hosts.
func AddUsers(ctx context.Context, from Source, w *hosts.World) error {
	var err error
	w.Wukongs, err = from.Wukongs(ctx, "")
	if err = from.Optional(err, "Wukongs are not regarded"); err != nil {
		return err
	}
	w.Instances, err = from.Instances(ctx)
	if err = from.Optional(err, "running machines are not regarded"); err != nil {
		return err
	}
	w.Attachments, err = from.Attachments(ctx)
	if err = from.Optional(err, "running machines are not regarded"); err != nil {
		return err
	}
	w.Leases, err = from.Leases(ctx, Leases{})
	if err = from.Optional(err, "addresses are not shown"); err != nil {
		return err
	}
	namespaces, err := from.Namespaces(ctx)
	if err = from.Optional(err, "labels of namespaces are not regarded"); err != nil {
		return err
	}
	for _, ns := range namespaces {
		w.Namespaces = append(w.Namespaces, corev1.Namespace{ObjectMeta: ns.ObjectMeta})
	}
	w.NADBridges = bridgesOf(w)
	return nil
}

// bridgesOf gives the bridges of attachments, as package render has them.
func bridgesOf(w *hosts.World) map[string]map[string]string {
	out := map[string]map[string]string{}
	for i := range w.Attachments {
		nad := &w.Attachments[i]
		if bridge := hosts.BridgeOf(nad.Spec.Config); bridge != "" {
			if out[nad.Namespace] == nil {
				out[nad.Namespace] = map[string]string{}
			}
			out[nad.Namespace][nad.Name] = bridge
		}
	}
	return out
}
