package cluster

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// DryRun says how far a write goes, as kubectl has it.
type DryRun string

// Dry runs.
const (
	// DryRunNone writes.
	DryRunNone DryRun = "none"
	// DryRunServer has the API server check the write without keeping it.
	DryRunServer DryRun = "server"
	// DryRunClient sends no write.
	DryRunClient DryRun = "client"
)

// Reserve creates an AddressReservation. One that exists is an Error with the cause Changed.
func (c *Cluster) Reserve(ctx context.Context, r *v1alpha1.AddressReservation, mode DryRun) error {
	if mode == DryRunClient {
		return nil
	}
	c.options.Progress.Say("creating AddressReservation %s", r.Name)
	defer c.options.Progress.Done()
	return explain("create AddressReservation "+r.Name, c.client.Create(ctx, r, &client.CreateOptions{DryRun: dryRun(mode)}))
}

// Reservation gives one AddressReservation.
func (c *Cluster) Reservation(ctx context.Context, name string) (*v1alpha1.AddressReservation, error) {
	r := &v1alpha1.AddressReservation{}
	return r, c.get(ctx, "AddressReservation", client.ObjectKey{Name: name}, r)
}

// Free asks the controller to free a lease, for a reason. The lease must be as it was read: one that changed meanwhile is an
// Error with the cause Changed. The lease that is returned is the one that was written.
func (c *Cluster) Free(ctx context.Context, l *v1alpha1.AddressLease, reason string, mode DryRun) (*v1alpha1.AddressLease, error) {
	asked := l.DeepCopy()
	if mode == DryRunClient {
		return asked, nil
	}
	metav1.SetMetaDataAnnotation(&asked.ObjectMeta, v1alpha1.FreeAnnotation, reason)
	patch := client.MergeFromWithOptions(l, client.MergeFromWithOptimisticLock{})
	err := c.client.Patch(ctx, asked, patch, &client.PatchOptions{DryRun: dryRun(mode)})
	return asked, explain("annotate AddressLease "+l.Name, err)
}

// Answer waits until the controller has acted on Free and gives the lease as the controller left it. asked is what Free
// returned. When ctx ends first, its error is part of the one returned.
func (c *Cluster) Answer(ctx context.Context, asked *v1alpha1.AddressLease) (*v1alpha1.AddressLease, error) {
	c.options.Progress.Say("waiting for the controller")
	defer c.options.Progress.Done()
	for from := asked; ; {
		answer, err := c.answerSince(ctx, from)
		if answer != nil || err != nil {
			return answer, err
		}
		// The watch ended without an answer: go on from what is there now.
		now := &v1alpha1.AddressLease{}
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(asked), now); err != nil {
			return nil, explain("get AddressLease "+asked.Name, errors.Join(err, ctx.Err()))
		}
		if !waiting(now) {
			return now, nil
		}
		from = now
	}
}

// answerSince watches a lease from the version that was read. Neither an answer nor an error means that the watch ended.
func (c *Cluster) answerSince(ctx context.Context, from *v1alpha1.AddressLease) (*v1alpha1.AddressLease, error) {
	w, err := c.client.Watch(ctx, &v1alpha1.AddressLeaseList{}, client.MatchingFields{metav1.ObjectNameField: from.Name},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: from.ResourceVersion}})
	if err != nil {
		return nil, explain("watch AddressLease "+from.Name, err)
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, &Error{Cause: Unreachable, Text: "the controller has not answered", Err: ctx.Err()}
		case event, open := <-w.ResultChan():
			if !open || event.Type == watch.Error {
				return nil, nil
			}
			l, ok := event.Object.(*v1alpha1.AddressLease)
			switch {
			case !ok:
			case event.Type == watch.Deleted:
				return nil, &Error{Cause: NotFound, Text: "AddressLease " + from.Name + " was deleted meanwhile"}
			case !waiting(l):
				return l, nil
			}
		}
	}
}

// waiting says whether the controller has not acted yet: it takes the annotation off in the write that acts.
func waiting(l *v1alpha1.AddressLease) bool {
	_, asked := l.Annotations[v1alpha1.FreeAnnotation]
	return asked
}

// dryRun gives the value of the option of that name.
func dryRun(mode DryRun) []string {
	if mode == DryRunServer {
		return []string{metav1.DryRunAll}
	}
	return nil
}
