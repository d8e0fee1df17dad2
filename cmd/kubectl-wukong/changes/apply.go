package changes

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// Apply gives a cluster with manifests applied. With prune, the manifests are taken for all objects there are of each of our kinds
// that they have any of, of Wukongs in each namespace apart: the others are gone.
func Apply(world hosts.World, given render.Input, prune bool) hosts.World {
	out := world.Overlay(hosts.World{Input: given}, false)
	if prune {
		out.Wukongs = pruned("Wukong", out.Wukongs, given.Wukongs, given.Sources)
		out.HostUplinks = pruned("HostUplink", out.HostUplinks, given.HostUplinks, given.Sources)
		out.HostNetworks = pruned("HostNetwork", out.HostNetworks, given.HostNetworks, given.Sources)
		out.AddressPools = pruned("AddressPool", out.AddressPools, given.AddressPools, given.Sources)
		out.AddressReservations = pruned("AddressReservation", out.AddressReservations, given.AddressReservations, given.Sources)
	}
	return out
}

// pruned leaves out what was not given, of the namespaces in which something was. What has no namespace is in one of its own. What
// has a source was given, also where it would be refused.
func pruned[T any, P object[T]](kind string, all, given []T, sources map[render.Object]string) []T {
	named := func(o *T) render.Object {
		return render.Object{Kind: kind, Namespace: P(o).GetNamespace(), Name: P(o).GetName()}
	}
	names := sets.KeySet(sources)
	for i := range given {
		names.Insert(named(&given[i]))
	}
	namespaces := sets.New[string]()
	for name := range names {
		if name.Kind == kind {
			namespaces.Insert(name.Namespace)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(o T) bool {
		name := named(&o)
		return namespaces.Has(name.Namespace) && !names.Has(name)
	})
}

// Given are the objects of our kinds among manifests, by what names them.
func Given(in *render.Input) map[render.Object]metav1.Object {
	out := map[render.Object]metav1.Object{}
	collect(out, "Wukong", in.Wukongs)
	collect(out, "HostUplink", in.HostUplinks)
	collect(out, "HostNetwork", in.HostNetworks)
	collect(out, "AddressPool", in.AddressPools)
	collect(out, "AddressReservation", in.AddressReservations)
	return out
}

func collect[T any, P object[T]](into map[render.Object]metav1.Object, kind string, all []T) {
	for i := range all {
		o := P(&all[i])
		into[render.Object{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}] = o
	}
}
