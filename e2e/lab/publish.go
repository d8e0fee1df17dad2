package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// keepPublishing looks at the host from time to time, as the real handler does each minute.
func (h *handler) keepPublishing(ctx context.Context) {
	for h.reachable(ctx) == nil {
		if err := h.publish(ctx); err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
			h.lab.tell(Event{Kind: HandlerError, Node: h.spec.Name, Message: err.Error()})
		}
		select {
		case <-ctx.Done():
			return
		case <-h.poke:
		case <-time.After(h.lab.opts.StateRefresh):
		}
	}
}

// refresh asks for a look at the host now.
func (h *handler) refresh() {
	select {
	case h.poke <- struct{}{}:
	default: // asked already
	}
}

// publish writes the NodeNetworkState if, and only if, the state differs from the one last written.
func (h *handler) publish(ctx context.Context) error {
	h.publishing.Lock()
	defer h.publishing.Unlock()
	state, err := h.state(ctx)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	h.mu.Lock()
	same := bytes.Equal(raw, h.published)
	h.mu.Unlock()
	if same {
		return nil
	}
	node := &corev1.Node{}
	if err := h.lab.store.Get(ctx, types.NamespacedName{Name: h.spec.Name}, node); err != nil {
		return err
	}
	if err := h.lab.store.publish(ctx, node, state); err != nil {
		return err
	}
	h.mu.Lock()
	h.published = raw
	h.mu.Unlock()
	h.lab.tell(Event{Kind: StatePublished, Node: h.spec.Name})
	return nil
}

// republish writes the NodeNetworkState again although nothing changed: somebody deleted it.
func (h *handler) republish() {
	h.mu.Lock()
	h.published = nil
	h.mu.Unlock()
	h.refresh()
}

// change replaces the host by what the operation makes of it.
func (h *handler) change(operation func(*Host) *Host) {
	h.mu.Lock()
	h.host = operation(h.host)
	h.mu.Unlock()
	h.refresh()
}
