package lab

import (
	"context"
	"encoding/json"
	"maps"

	"novasphere.dev/wukong-network/e2e/parts"
)

// Captures evaluates captures with the real nmstatectl, for Options.Capture.
func Captures(n *parts.Nmstatectl) func(capture map[string]string, desired, current map[string]any) (map[string]any, error) {
	return func(capture map[string]string, desired, current map[string]any) (map[string]any, error) {
		policy, err := json.Marshal(map[string]any{"capture": capture, "desiredState": desired})
		if err != nil {
			return nil, err
		}
		state, err := json.Marshal(current)
		if err != nil {
			return nil, err
		}
		rendered, err := n.Policy(context.Background(), policy, state)
		if err != nil {
			return nil, err
		}
		return parseState(string(rendered))
	}
}

// render works out what a policy asks of this node. Captures are evaluated against the state that the node had when its
// enactment was made, however often it is applied.
func (h *handler) render(ctx context.Context, p *policy) (map[string]any, error) {
	switch {
	case len(p.Spec.Capture) == 0:
		return p.Spec.DesiredState, nil
	case h.lab.opts.Capture == nil:
		return nil, errCapture
	}
	current, err := h.capturedState(ctx, p.Metadata.Name)
	if err != nil {
		return nil, err
	}
	desired, err := h.lab.opts.Capture(maps.Clone(p.Spec.Capture), clone(p.Spec.DesiredState), current)
	if err != nil {
		return nil, err
	}
	return plain(desired)
}

// capturedState is the host as it was when this node first met the policy.
func (h *handler) capturedState(ctx context.Context, policy string) (map[string]any, error) {
	h.mu.Lock()
	current, known := h.captured[policy]
	h.mu.Unlock()
	if known {
		return current, nil
	}
	current, err := h.state(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.captured == nil {
		h.captured = map[string]map[string]any{}
	}
	h.captured[policy] = current
	return current, nil
}

// forget deletes this node's enactment of a policy, and what was captured for it.
func (h *handler) forget(ctx context.Context, policy string) error {
	h.mu.Lock()
	delete(h.captured, policy)
	h.mu.Unlock()
	return h.lab.store.deleteEnactment(ctx, enactmentName(h.spec.Name, policy))
}
