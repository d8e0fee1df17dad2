package hosts

import (
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// World is what was read about hosts, from a cluster, from files, or from a cluster with files laid over it.
type World struct {
	render.Input
	Hosts
}

// Hosts is what hosts report and what runs on them, beside the Input.
type Hosts struct {
	// Reports has the currentState of each NodeNetworkState by node, as JSON: the Input keeps only what decisions need.
	Reports     map[string][]byte
	Policies    []nmstate.Policy
	Enactments  []nmstate.Enactment
	Instances   []kubevirtv1.VirtualMachineInstance
	Attachments []nadv1.NetworkAttachmentDefinition
	Leases      []v1alpha1.AddressLease
}

// Overlay gives a world with the objects of another one laid over it, as if they had been applied: what an object of a cluster
// has beyond its spec stays. With prune, the HostUplinks and HostNetworks that the other world lacks are gone.
func (w World) Overlay(other World, prune bool) World {
	out := w
	out.HostUplinks = overlay(w.HostUplinks, other.HostUplinks, func(live, new v1alpha1.HostUplink) v1alpha1.HostUplink {
		live.Spec, live.Annotations, live.Labels = new.Spec, merged(live.Annotations, new.Annotations), merged(live.Labels, new.Labels)
		return live
	})
	out.HostNetworks = overlay(w.HostNetworks, other.HostNetworks, func(live, new v1alpha1.HostNetwork) v1alpha1.HostNetwork {
		live.Spec = new.Spec
		return live
	})
	out.Wukongs = overlay(w.Wukongs, other.Wukongs, func(live, new v1alpha1.Wukong) v1alpha1.Wukong {
		live.Spec = new.Spec
		return live
	})
	youngest(out.HostUplinks)
	youngest(out.HostNetworks)
	youngest(out.Wukongs)
	out.AddressPools = overlay(w.AddressPools, other.AddressPools, func(live, new v1alpha1.AddressPool) v1alpha1.AddressPool {
		live.Spec = new.Spec
		return live
	})
	out.AddressReservations = overlay(w.AddressReservations, other.AddressReservations, nil)
	out.Namespaces = overlay(w.Namespaces, other.Namespaces, func(live, new corev1.Namespace) corev1.Namespace {
		live.Labels = merged(live.Labels, new.Labels)
		return live
	})
	out.Nodes = overlay(w.Nodes, other.Nodes, nil)
	out.NodeStates = overlay(w.NodeStates, other.NodeStates, nil)
	out.Policies = overlay(w.Policies, other.Policies, nil)
	out.Enactments = overlay(w.Enactments, other.Enactments, nil)
	out.Instances = overlay(w.Instances, other.Instances, nil)
	out.Attachments = overlay(w.Attachments, other.Attachments, nil)
	out.Reports = map[string][]byte{}
	for _, reports := range []map[string][]byte{w.Reports, other.Reports} {
		for node, report := range reports {
			out.Reports[node] = report
		}
	}
	out.Sources = other.Sources
	if prune {
		out.HostUplinks = only(out.HostUplinks, other.HostUplinks)
		out.HostNetworks = only(out.HostNetworks, other.HostNetworks)
	}
	return out
}

// object is a pointer to T that has metadata.
type object[T any] interface {
	*T
	metav1.Object
}

type objectKey struct{ namespace, name string }

func keyOf[T any, P object[T]](o *T) objectKey {
	return objectKey{P(o).GetNamespace(), P(o).GetName()}
}

// overlay replaces objects of the same name, or has join make one of both.
func overlay[T any, P object[T]](live, given []T, join func(live, given T) T) []T {
	at := map[objectKey]int{}
	out := make([]T, 0, len(live)+len(given))
	for i := range live {
		at[keyOf[T, P](&live[i])] = len(out)
		out = append(out, live[i])
	}
	for i := range given {
		k, exists := at[keyOf[T, P](&given[i])]
		switch {
		case !exists:
			at[keyOf[T, P](&given[i])] = len(out)
			out = append(out, given[i])
		case join != nil:
			out[k] = join(out[k], given[i])
		default:
			out[k] = given[i]
		}
	}
	return out
}

// only keeps the objects whose name the others have.
func only[T any, P object[T]](all, kept []T) []T {
	names := map[objectKey]bool{}
	for i := range kept {
		names[keyOf[T, P](&kept[i])] = true
	}
	var out []T
	for i := range all {
		if names[keyOf[T, P](&all[i])] {
			out = append(out, all[i])
		}
	}
	return out
}

// youngest gives objects that are in no cluster yet a time of creation after all others, as if they were created now: older
// ones keep what several claim. Where none is from a cluster nothing changes.
func youngest[T any, P object[T]](all []T) {
	var last time.Time
	for i := range all {
		if at := P(&all[i]).GetCreationTimestamp().Time; at.After(last) {
			last = at
		}
	}
	for i := range all {
		if o := P(&all[i]); o.GetCreationTimestamp().Time.IsZero() && !last.IsZero() {
			o.SetCreationTimestamp(metav1.NewTime(last.Add(time.Second)))
		}
	}
}

func merged(a, b map[string]string) map[string]string {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for key, value := range m {
			out[key] = value
		}
	}
	return out
}
