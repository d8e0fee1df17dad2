package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// freshness remembers the versions that were written here until the cache has them. Deciding on an object as it was before
// the last write is safe, since every write is conditional, but repeats writes for nothing. After a restart the cache
// starts from what is stored, so nothing is lost.
type freshness struct {
	mu      sync.Mutex
	written map[types.UID]string
}

// wrote notes the version that a write returned.
func (f *freshness) wrote(o client.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.written == nil {
		f.written = map[types.UID]string{}
	}
	f.written[o.GetUID()] = o.GetResourceVersion()
}

// stale says whether the object is older than what was written here. It has to be looked at again: see own.
func (f *freshness) stale(o client.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	version, ok := f.written[o.GetUID()]
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(o.GetResourceVersion(), version)
	if err == nil && order < 0 {
		return true
	}
	delete(f.written, o.GetUID())
	return false
}

// own says whether the object is exactly what was written here last: its event tells nothing new.
func (f *freshness) own(o client.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return o.GetResourceVersion() != "" && f.written[o.GetUID()] == o.GetResourceVersion()
}
