package controllers

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/nmstate"
)

// enactments are all enactments of the cluster, for one reconcile. They are shared with the cache and must not be changed.
type enactments struct {
	byNode   map[enactmentKey]*nmstate.Enactment
	byPolicy map[string]int
}

type enactmentKey struct{ policy, node string }

func listEnactments(ctx context.Context, c client.Reader) (enactments, error) {
	out := enactments{byNode: map[enactmentKey]*nmstate.Enactment{}, byPolicy: map[string]int{}}
	list := &nmstate.EnactmentList{}
	if err := c.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return out, fmt.Errorf("enactments: %w", err)
	}
	for i := range list.Items {
		e := &list.Items[i]
		out.byNode[enactmentKey{e.Policy(), e.NodeName()}] = e
		out.byPolicy[e.Policy()]++
	}
	return out, nil
}

func (e enactments) of(policy, node string) *nmstate.Enactment {
	return e.byNode[enactmentKey{policy, node}]
}

// remain says how many enactments of a policy there are, also where the policy itself is gone.
func (e enactments) remain(policy string) int { return e.byPolicy[policy] }

// failedAt is when an enactment failed for good; the zero time where that cannot be told.
func failedAt(e *nmstate.Enactment) time.Time {
	if e == nil {
		return time.Time{}
	}
	for _, c := range e.Status.Conditions {
		if (c.Type == nmstate.ConditionFailing || c.Type == nmstate.ConditionAborted) && c.Status == "True" {
			if c.LastTransitionTime.IsZero() {
				return c.LastHeartbeatTime.Time
			}
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// appliedAt is when an enactment last said that the node has the revision; the zero time where it does not.
func appliedAt(e *nmstate.Enactment) time.Time {
	if e == nil {
		return time.Time{}
	}
	for _, c := range e.Status.Conditions {
		if c.Type == nmstate.ConditionAvailable && c.Status == "True" {
			return c.LastHeartbeatTime.Time
		}
	}
	return time.Time{}
}

// listNodeStates gives the reports of all nodes by node, shared with the cache.
func listNodeStates(ctx context.Context, c client.Reader) (map[string]*nmstate.NodeNetworkState, error) {
	list := &nmstate.NodeNetworkStateList{}
	if err := c.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("node states: %w", err)
	}
	out := make(map[string]*nmstate.NodeNetworkState, len(list.Items))
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out, nil
}
