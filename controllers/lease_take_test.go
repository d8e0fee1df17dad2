package controllers

import (
	"context"
	"net/netip"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// oneLease stores one lease.
type oneLease struct {
	client.Client
	stored *v1alpha1.AddressLease
}

func (o *oneLease) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if o.stored == nil {
		return apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("addressleases").GroupResource(), "")
	}
	o.stored.DeepCopyInto(into.(*v1alpha1.AddressLease))
	return nil
}

func (o *oneLease) Create(_ context.Context, lease client.Object, _ ...client.CreateOption) error {
	o.stored = lease.DeepCopyObject().(*v1alpha1.AddressLease)
	return nil
}

func (o *oneLease) Update(_ context.Context, lease client.Object, _ ...client.UpdateOption) error {
	o.stored = lease.DeepCopyObject().(*v1alpha1.AddressLease)
	return nil
}

// Another replica may have served a later generation while this one still reads the earlier one.
func TestWhatAnEarlierGenerationAskedIsNotWrittenOverWhatALaterOneDid(t *testing.T) {
	segment, err := ipam.ParseSegment("lab")
	if err != nil {
		t.Fatal(err)
	}
	store := &oneLease{}
	request := func(uid string, reserve bool) ipam.Request {
		return ipam.Request{Address: netip.MustParsePrefix("192.0.2.10/24"), Segment: segment, HostNetwork: "lab",
			Holder: ipam.Holder{Namespace: "a", NamespaceUID: "n", Name: "vm", UID: uid, Network: "lan"}, MAC: "02:aa:00:00:00:01", Reserve: reserve}
	}
	take := func(req ipam.Request, generation int64) error {
		// A replica that has written nothing itself.
		_, _, err := (&leaser{client: store, live: store}).take(t.Context(), req, generation, time.Now())
		return err
	}
	if err := take(request("u", false), 1); err != nil {
		t.Fatal(err)
	}
	if err := take(request("u", true), 3); err != nil || !store.stored.Spec.Reserved {
		t.Fatalf("a later generation asks: %v, %+v", err, store.stored.Spec)
	}
	for _, reserve := range []bool{false, true} {
		if err := take(request("u", reserve), 2); !apierrors.IsConflict(err) {
			t.Errorf("an earlier generation asks: %v", err)
		}
	}
	if !store.stored.Spec.Reserved || store.stored.Annotations[v1alpha1.AskedAnnotation] != "3" {
		t.Errorf("the lease has %+v, %v", store.stored.Spec, store.stored.Annotations)
	}
	if err := take(request("u", false), 3); err != nil || store.stored.Spec.Reserved {
		t.Errorf("the same generation corrects itself: %v, %+v", err, store.stored.Spec)
	}
}
