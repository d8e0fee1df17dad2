package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/fields"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

// answering is who answers questions: the command line itself from what it reads, or a manager.
type answering interface {
	Address(ctx context.Context, addr netip.Addr, namespace string) (*answer.Owners, error)
	MAC(ctx context.Context, mac, namespace string) (*answer.Owners, error)
	Machine(ctx context.Context, namespace, name string) (*answer.Owners, error)
	List(ctx context.Context, which query.Leases) (*answer.List, error)
	History(ctx context.Context, addr netip.Addr, segment, namespace string) (*answer.History, error)
	Pools(ctx context.Context) (*answer.PoolList, error)
	Pool(ctx context.Context, name string, size answer.Size) (*answer.PoolReport, error)
	Next(ctx context.Context, name string, count int) (*answer.NextAddresses, error)
	Hosts(ctx context.Context, name string, now time.Time) (*hosts.Status, error)
}

var _ answering = &query.Answerer{}

// reading is a cluster as a source of answers.
type reading struct{ *cluster.Cluster }

var _ query.Source = reading{}

// Leases has the API server select, as far as it can.
func (r reading) Leases(ctx context.Context, which query.Leases) ([]v1alpha1.AddressLease, error) {
	var terms []fields.Selector
	for _, t := range []struct{ field, value string }{{cluster.FieldAddress, which.Address}, {cluster.FieldSegment, which.Segment},
		{cluster.FieldPool, which.Pool}, {cluster.FieldNamespace, which.Namespace}, {cluster.FieldName, which.Name}} {
		if t.value != "" {
			terms = append(terms, cluster.Is(t.field, t.value))
		}
	}
	if which.Live {
		terms = append(terms, cluster.IsNot(cluster.FieldPhase, string(v1alpha1.LeaseReleased)))
	}
	if len(which.Phases) == 1 {
		terms = append(terms, cluster.Is(cluster.FieldPhase, string(which.Phases[0])))
	}
	leases, err := r.Cluster.Leases(ctx, terms...)
	var out []v1alpha1.AddressLease
	for i := range leases {
		if which.Matches(&leases[i]) {
			out = append(out, leases[i])
		}
	}
	return out, err
}

// notFound makes a finding of what does not exist.
func notFound(err error) error {
	if nothing := (*query.NothingError)(nil); errors.As(err, &nothing) {
		return found("%s", nothing.Text)
	}
	return err
}
