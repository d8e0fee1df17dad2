package controllers

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// leaseTries bounds how often one reconcile reads a lease again because somebody else wrote it meanwhile.
const leaseTries = 4

// leaser takes leases. Creating the object is the lock; every other change is a compare-and-swap. A write whose answer was
// lost is repeated by the next reconcile, which then finds the lease with its own holder and keeps it.
type leaser struct {
	client client.Client
	live   client.Reader

	mu sync.Mutex
	// recent are the leases that were written here and that the cache does not have yet, by holder and name.
	recent map[types.NamespacedName]map[string]*v1alpha1.AddressLease
	// writtenFor has the holder of each of them.
	writtenFor map[string]types.NamespacedName
	// versions are those in which leases were written here last, by name.
	versions map[string]string
}

// peek says what take would decide on what is known, without writing.
func (l *leaser) peek(ctx context.Context, req ipam.Request, now time.Time) (ipam.Verdict, error) {
	obj, err := l.known(ctx, req)
	if err != nil {
		return ipam.Verdict{}, err
	}
	_, _, verdict, err := decideLease(obj, req, now)
	return verdict, err
}

// take gets the lease, or says who has it. The lease is nil unless the verdict grants. generation is that of the spec that asks:
// the first time that a generation asks, the lease is written even if nothing else changes, so that a decision to let the lease go
// that was made on an earlier generation loses. The error is a conflict where a later generation of the same Wukong has asked
// already: the cache is behind, and what it has must not be written over what was asked since.
func (l *leaser) take(ctx context.Context, req ipam.Request, generation int64, now time.Time) (*v1alpha1.AddressLease, ipam.Verdict, error) {
	obj, err := l.known(ctx, req)
	for range leaseTries {
		if err != nil {
			return nil, ipam.Verdict{}, err
		}
		var lease ipam.Lease
		var verdict ipam.Verdict
		obj, lease, verdict, err = decideLease(obj, req, now)
		if err != nil || !verdict.Granted() {
			return nil, verdict, err
		}
		if verdict.Rule == ipam.RuleOwn && askedBy(obj) > generation {
			return nil, ipam.Verdict{}, behind(req.Holder, generation, askedBy(obj))
		}
		if err := l.holderLives(ctx, req, verdict); err != nil {
			return nil, ipam.Verdict{}, err
		}
		wrote := false
		wrote, err = l.write(ctx, obj, lease, verdict, generation)
		if err == nil {
			if wrote {
				l.remember(obj)
			}
			return obj, verdict, nil
		}
		if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return nil, ipam.Verdict{}, fmt.Errorf("AddressLease %s: %w", obj.Name, err)
		}
		obj, err = l.read(ctx, l.live, req) // the cache was behind: only a live read tells who has it
	}
	return nil, ipam.Verdict{}, fmt.Errorf("AddressLease of %s on %s: others keep writing it, trying again", req.Address.Addr(), req.Segment)
}

// askedBy is the generation of its holder that asked for a lease last; zero where none is noted.
func askedBy(obj *v1alpha1.AddressLease) int64 {
	generation, err := strconv.ParseInt(obj.Annotations[v1alpha1.AskedAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return generation
}

func behind(h ipam.Holder, generation, asked int64) error {
	return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("wukongs").GroupResource(), h.Name,
		fmt.Errorf("generation %d was read, and generation %d has asked already", generation, asked))
}

// holderLives asks the API server whether the Wukong still exists before an address that is to be kept is leased to it: a
// lease for one that is gone would be kept for nobody until an engineer frees it. Without that wish it goes by itself.
func (l *leaser) holderLives(ctx context.Context, req ipam.Request, verdict ipam.Verdict) error {
	if !req.Reserve || !verdict.Writes() || verdict.Rule == ipam.RuleOwn {
		return nil
	}
	w := &v1alpha1.Wukong{}
	if err := l.live.Get(ctx, holderKey(req.Holder), w); err != nil {
		return err
	}
	if string(w.UID) != req.Holder.UID {
		return apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("wukongs").GroupResource(), req.Holder.Name)
	}
	return nil
}

// known gives the lease as the cache has it, or as it was written here if that is newer.
func (l *leaser) known(ctx context.Context, req ipam.Request) (*v1alpha1.AddressLease, error) {
	obj, err := l.read(ctx, l.client, req)
	if err != nil {
		return nil, err
	}
	name, err := ipam.LeaseName(req.Address.Addr(), req.Segment.String())
	if err != nil {
		return nil, err
	}
	return l.newer(holderKey(req.Holder), name, obj), nil
}

// heldBy gives the leases that name a Wukong as their holder, as the cache has them or as they were written here, by name.
func (l *leaser) heldBy(ctx context.Context, key types.NamespacedName) (map[string]*v1alpha1.AddressLease, error) {
	list := &v1alpha1.AddressLeaseList{}
	if err := l.client.List(ctx, list, client.MatchingFields{indexLeaseHolder: key.String()}); err != nil {
		return nil, err
	}
	out := map[string]*v1alpha1.AddressLease{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	l.mu.Lock()
	var names []string
	for name := range l.recent[key] {
		names = append(names, name)
	}
	l.mu.Unlock()
	for _, name := range names {
		if obj := l.newer(key, name, out[name]); obj != nil {
			out[name] = obj
		}
	}
	return out, nil
}

// catchUp reads those leases that a status publishes and that the cache does not show as held by the Wukong: another replica may
// have written them, and nothing that is published is taken back because the cache is behind.
func (l *leaser) catchUp(ctx context.Context, w *v1alpha1.Wukong, held map[string]*v1alpha1.AddressLease) error {
	holds := func(o *v1alpha1.AddressLease) bool {
		return o != nil && o.Spec.Holder != nil && o.Spec.Holder.UID == w.UID && o.Spec.Phase == v1alpha1.LeaseAllocated
	}
	for _, n := range w.Status.Networks {
		for _, a := range n.Addresses {
			if a.Lease == "" || holds(held[a.Lease]) {
				continue
			}
			obj := &v1alpha1.AddressLease{}
			if err := l.live.Get(ctx, client.ObjectKey{Name: a.Lease}, obj); client.IgnoreNotFound(err) != nil {
				return err
			}
			if holds(obj) {
				l.remember(obj)
				held[a.Lease] = obj
			}
		}
	}
	return nil
}

// remember keeps what was written until the cache has it.
func (l *leaser) remember(obj *v1alpha1.AddressLease) {
	key := types.NamespacedName{Namespace: obj.Spec.Holder.Namespace, Name: obj.Spec.Holder.Name}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recent == nil {
		l.recent = map[types.NamespacedName]map[string]*v1alpha1.AddressLease{}
		l.writtenFor, l.versions = map[string]types.NamespacedName{}, map[string]string{}
	}
	if before, ok := l.writtenFor[obj.Name]; ok && before != key {
		l.drop(before, obj.Name)
	}
	if l.recent[key] == nil {
		l.recent[key] = map[string]*v1alpha1.AddressLease{}
	}
	l.recent[key][obj.Name], l.writtenFor[obj.Name], l.versions[obj.Name] = obj.DeepCopy(), key, obj.ResourceVersion
}

// newer gives what was written here if the cache is behind it, else what the cache has.
func (l *leaser) newer(key types.NamespacedName, name string, cached *v1alpha1.AddressLease) *v1alpha1.AddressLease {
	l.mu.Lock()
	defer l.mu.Unlock()
	written, ok := l.recent[key][name]
	if !ok {
		return cached
	}
	if cached == nil || olderThan(cached, written) {
		return written.DeepCopy()
	}
	l.drop(key, name)
	return cached
}

func olderThan(a, b client.Object) bool {
	order, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && order < 0
}

// seen forgets what was written here once the cache has it, or has lost it. It is false when what was written here is newer.
func (l *leaser) seen(obj *v1alpha1.AddressLease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, ok := l.writtenFor[obj.Name]
	if !ok {
		return true
	}
	if olderThan(obj, l.recent[key][obj.Name]) {
		return false
	}
	l.drop(key, obj.Name)
	return true
}

// own says whether a lease is exactly what was written here last.
func (l *leaser) own(obj *v1alpha1.AddressLease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	version, ok := l.versions[obj.Name]
	delete(l.versions, obj.Name)
	return ok && version == obj.ResourceVersion
}

func (l *leaser) drop(key types.NamespacedName, name string) {
	delete(l.writtenFor, name)
	delete(l.recent[key], name)
	if len(l.recent[key]) == 0 {
		delete(l.recent, key)
	}
}

func holderKey(h ipam.Holder) types.NamespacedName {
	return types.NamespacedName{Namespace: h.Namespace, Name: h.Name}
}

// read gives the lease of the address, or nil when there is none.
func (l *leaser) read(ctx context.Context, from client.Reader, req ipam.Request) (*v1alpha1.AddressLease, error) {
	name, err := ipam.LeaseName(req.Address.Addr(), req.Segment.String())
	if err != nil {
		return nil, err
	}
	obj := &v1alpha1.AddressLease{}
	if err := from.Get(ctx, client.ObjectKey{Name: name}, obj); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return obj, nil
}

func (l *leaser) write(ctx context.Context, obj *v1alpha1.AddressLease, lease ipam.Lease, verdict ipam.Verdict, generation int64) (bool, error) {
	asked := strconv.FormatInt(generation, 10)
	if verdict.Outcome == ipam.Keep && obj.Annotations[v1alpha1.AskedAnnotation] == asked {
		return false, nil
	}
	writeLease(lease, obj)
	metav1.SetMetaDataAnnotation(&obj.ObjectMeta, v1alpha1.AskedAnnotation, asked)
	if verdict.Outcome == ipam.Create {
		return true, l.client.Create(ctx, obj)
	}
	return true, l.client.Update(ctx, obj)
}

// decideLease asks ipam about the lease that was read, which may be nil, and gives the object to write.
func decideLease(obj *v1alpha1.AddressLease, req ipam.Request, now time.Time) (*v1alpha1.AddressLease, ipam.Lease, ipam.Verdict, error) {
	var existing *ipam.Lease
	if obj != nil {
		l, err := leaseOf(obj)
		if err != nil {
			return nil, ipam.Lease{}, ipam.Verdict{}, err
		}
		existing, obj = &l, obj.DeepCopy()
	} else {
		name, err := ipam.LeaseName(req.Address.Addr(), req.Segment.String())
		if err != nil {
			return nil, ipam.Lease{}, ipam.Verdict{}, err
		}
		obj = &v1alpha1.AddressLease{}
		obj.Name = name
	}
	lease, verdict := ipam.Take(existing, req, now)
	return obj, lease, verdict, verdict.Err
}
