package changes

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// Apply gives a cluster with manifests applied. With prune, HostUplinks and HostNetworks that they lack are gone, and so are Wukongs of
// the namespaces that they have Wukongs in.
func Apply(world hosts.World, given render.Input, prune bool) hosts.World {
	out := world.Overlay(hosts.World{Input: given}, prune)
	if !prune {
		return out
	}
	namespaces, names := sets.New[string](), sets.New[render.Object]()
	for i := range given.Wukongs {
		w := &given.Wukongs[i]
		namespaces.Insert(w.Namespace)
		names.Insert(render.Object{Namespace: w.Namespace, Name: w.Name})
	}
	out.Wukongs = slices.DeleteFunc(slices.Clone(out.Wukongs), func(w v1alpha1.Wukong) bool {
		return namespaces.Has(w.Namespace) && !names.Has(render.Object{Namespace: w.Namespace, Name: w.Name})
	})
	return out
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
