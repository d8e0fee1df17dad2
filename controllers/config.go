package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Config holds the settings of the controllers. Begin with DefaultConfig: the zero value is of no use.
type Config struct {
	// ClusterName goes into derived MAC addresses and firmware UUIDs, so that two clusters on one segment differ.
	ClusterName string
	// Cooldown is how long a released address that belongs to no pool rests before somebody else may have it.
	Cooldown time.Duration
	// Retention is how long the record of a released lease is kept.
	Retention time.Duration
	// RetryAfter is how long a node that gave up is left alone before it is asked to try again. A change of what the node
	// reports asks earlier, but never before a tenth of it.
	RetryAfter time.Duration
	// SilentAfter is how long a node may take without any sign of progress before it counts as unknown.
	SilentAfter time.Duration
	// MachineAfter is how long a machine that is missing, or for which KubeVirt finds no node or no volume, counts as about to come.
	MachineAfter time.Duration
	// Sweep is how often leases are checked against what lives, and against what is known to use addresses.
	Sweep time.Duration
	// ObjectMetrics adds a series for each condition of each object, with the names of namespaces and Wukongs.
	ObjectMetrics bool
	// Clock tells the time.
	Clock clock.PassiveClock
}

// DefaultConfig returns the settings of production.
func DefaultConfig() Config {
	return Config{Cooldown: 5 * time.Minute, Retention: 90 * 24 * time.Hour, RetryAfter: 10 * time.Minute, SilentAfter: 20 * time.Minute,
		MachineAfter: 5 * time.Minute, Sweep: time.Minute, Clock: clock.RealClock{}}
}

// patchStatus writes the status of after when it differs from that of before. The patch carries the resource version that
// the decision was made on, so that a decision on stale data loses.
func patchStatus[T client.Object](ctx context.Context, c client.Client, before, after T) error {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return c.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
