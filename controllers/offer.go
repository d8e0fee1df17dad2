package controllers

import (
	"context"
	"hash/maphash"
	"strconv"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// offer is what platform teams have on offer at one moment, checked. It is shared by reconciles and must not be changed.
type offer struct {
	catalog *render.Catalog
	pools   *render.Pools
	// specs stands for everything that people declared, statuses left out.
	specs uint64
}

// offers makes an offer from the cache, and keeps it as long as nothing in it changed: a reconcile then costs a comparison
// of versions instead of checking every HostUplink, HostNetwork and AddressPool again.
type offers struct {
	cache client.Reader
	seed  maphash.Seed

	mu      sync.Mutex
	last    *offer
	version uint64
}

func newOffers(cache client.Reader) *offers {
	return &offers{cache: cache, seed: maphash.MakeSeed()}
}

// current gives what the cache has on offer now.
func (o *offers) current(ctx context.Context) (*offer, error) {
	uplinks, networks, pools := &v1alpha1.HostUplinkList{}, &v1alpha1.HostNetworkList{}, &v1alpha1.AddressPoolList{}
	for _, list := range []client.ObjectList{uplinks, networks, pools} {
		if err := o.cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
	}
	// The cache lists in no order, so a sum of hashes stands for the set.
	var version, specs uint64
	note := func(obj client.Object) {
		version += maphash.String(o.seed, string(obj.GetUID())+obj.GetResourceVersion())
		specs += maphash.String(o.seed, string(obj.GetUID())+strconv.FormatInt(obj.GetGeneration(), 10))
	}
	for i := range uplinks.Items {
		note(&uplinks.Items[i])
	}
	for i := range networks.Items {
		note(&networks.Items[i])
	}
	for i := range pools.Items {
		note(&pools.Items[i])
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last == nil || o.version != version {
		catalog := render.NewCatalog(uplinks.Items, networks.Items)
		o.last, o.version = &offer{catalog: catalog, pools: render.NewPools(catalog, pools.Items), specs: specs}, version
	}
	return o.last, nil
}
