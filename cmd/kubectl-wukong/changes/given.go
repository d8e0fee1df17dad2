package changes

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/render"
)

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
