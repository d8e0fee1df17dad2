package lab

import (
	"context"
	"time"
)

// Machine is a host that is not simulated: the handler of its node reads and changes it instead of a Host.
type Machine interface {
	// State is what the node's NodeNetworkState shows, as nmstate describes it.
	State(ctx context.Context) (map[string]any, error)
	// Apply makes the desired state so. objection is nmstate's error, as "Kind: text", when it could not be done.
	Apply(ctx context.Context, desired map[string]any) (objection string, err error)
}

// state reads the host of the node.
func (h *handler) state(ctx context.Context) (map[string]any, error) {
	if h.spec.Machine != nil {
		return h.spec.Machine.State(ctx)
	}
	return h.snapshot().State(), nil
}

// applyTo changes the machine of the node. A non-empty message says why it did not work.
func (h *handler) applyTo(ctx context.Context, machine Machine, desired map[string]any) (message string, err error) {
	h.mu.Lock()
	cause := h.fault.strike(nil, desired)
	h.mu.Unlock()
	if cause == "" {
		if cause, err = machine.Apply(ctx, desired); err != nil {
			return "", err
		}
	}
	if cause == "" {
		return "", nil
	}
	return applyFailure(h.spec.Name, cause, time.Now()), nil
}
