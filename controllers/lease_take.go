package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
}

// peek says what take would decide on what the cache knows, without writing.
func (l leaser) peek(ctx context.Context, req ipam.Request, now time.Time) (ipam.Verdict, error) {
	obj, err := l.read(ctx, l.client, req)
	if err != nil {
		return ipam.Verdict{}, err
	}
	_, _, verdict, err := decideLease(obj, req, now)
	return verdict, err
}

// take gets the lease, or says who has it. The lease is nil unless the verdict grants.
func (l leaser) take(ctx context.Context, req ipam.Request, now time.Time) (*v1alpha1.AddressLease, ipam.Verdict, error) {
	obj, err := l.read(ctx, l.client, req)
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
		err = l.write(ctx, obj, lease, verdict)
		if err == nil {
			return obj, verdict, nil
		}
		if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return nil, ipam.Verdict{}, fmt.Errorf("AddressLease %s: %w", obj.Name, err)
		}
		obj, err = l.read(ctx, l.live, req) // the cache was behind: only a live read tells who has it
	}
	return nil, ipam.Verdict{}, fmt.Errorf("AddressLease of %s on %s: others keep writing it, trying again", req.Address.Addr(), req.Segment)
}

// read gives the lease of the address, or nil when there is none.
func (l leaser) read(ctx context.Context, from client.Reader, req ipam.Request) (*v1alpha1.AddressLease, error) {
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

func (l leaser) write(ctx context.Context, obj *v1alpha1.AddressLease, lease ipam.Lease, verdict ipam.Verdict) error {
	switch verdict.Outcome {
	case ipam.Create:
		writeLease(lease, obj)
		return l.client.Create(ctx, obj)
	case ipam.Update:
		writeLease(lease, obj)
		return l.client.Update(ctx, obj)
	}
	return nil
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
