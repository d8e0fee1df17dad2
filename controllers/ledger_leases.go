package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// What wukong-network itself gives out: leases, and the MAC addresses of Wukongs.

func (f *follower) onLease() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { f.heardOfLease(o.(*v1alpha1.AddressLease)) },
		UpdateFunc: func(_, o any) { f.heardOfLease(o.(*v1alpha1.AddressLease)) },
		DeleteFunc: func(o any) {
			l := lastKnown(o).(*v1alpha1.AddressLease)
			f.leaser.seen(l)
			f.lostLease(l.Name)
		},
	}
}

// heardOfLease takes in a lease as the cache has it, unless it was written here since.
func (f *follower) heardOfLease(o *v1alpha1.AddressLease) {
	if f.leaser.seen(o) {
		f.sawLease(o)
	}
}

// onWukong follows the MAC addresses that Wukongs have, and takes those that go out of every line.
func (f *follower) onWukong(ctx context.Context) toolscache.ResourceEventHandler {
	look := func(o any) {
		w := o.(*v1alpha1.Wukong)
		f.replace(wukongSource(client.ObjectKeyFromObject(w)), macClaims(w))
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			look(o)
			f.machine(ctx, machineKey(o.(*v1alpha1.Wukong)))
		},
		UpdateFunc: func(before, o any) {
			look(o)
			if was, is := machineKey(before.(*v1alpha1.Wukong)), machineKey(o.(*v1alpha1.Wukong)); was != is {
				f.machine(ctx, was)
				f.machine(ctx, is)
			}
		},
		DeleteFunc: func(o any) {
			w := lastKnown(o).(*v1alpha1.Wukong)
			key := client.ObjectKeyFromObject(w)
			f.replace(wukongSource(key), nil)
			f.leave(key, nil)
			f.machine(ctx, machineKey(w))
		},
	}
}

func wukongSource(key types.NamespacedName) string { return "Wukong/" + key.String() }

func machineKey(w *v1alpha1.Wukong) types.NamespacedName {
	return types.NamespacedName{Namespace: w.Namespace, Name: wukongMachine(w)[0]}
}

// macClaims are the MAC addresses that a Wukong's interfaces have. One that was refused for its MAC address has none.
func macClaims(w *v1alpha1.Wukong) []conflicts.Claim {
	var out []conflicts.Claim
	for _, n := range w.Status.Networks {
		if n.MACAddress == "" || n.Segment == "" || n.Reason == v1alpha1.ReasonMACConflict {
			continue
		}
		out = append(out, conflicts.Claim{Segment: n.Segment, MAC: n.MACAddress, Kind: conflicts.Lease, Namespace: w.Namespace,
			Owner: render.HolderName(w.Namespace, w.Name, n.Name), Since: w.CreationTimestamp.Time})
	}
	return out
}
