package lab

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// AddNode makes a node join: its Node, the Pod of its handler, its NodeNetworkState. Its handler runs at once if the
// lab does.
func (l *Lab) AddNode(ctx context.Context, spec NodeSpec) error {
	h := &handler{lab: l, spec: spec, poke: make(chan struct{}, 1), applyTime: spec.ApplyTime}
	if spec.Machine == nil {
		host, err := newHost(spec)
		if err != nil {
			return err
		}
		h.host = host
	}
	return l.join(ctx, h)
}

// RemoveNode takes a node out of the cluster, and its host with it. Its NodeNetworkState and enactments are left to the
// garbage collector.
func (l *Lab) RemoveNode(ctx context.Context, node string) error {
	l.mu.Lock()
	_, lost := l.lost[node]
	delete(l.lost, node)
	l.mu.Unlock()
	if lost {
		return nil
	}
	_, err := l.part(ctx, node)
	return err
}

// LoseNode takes a node's objects out of the cluster and leaves its host as it is, as when somebody deletes the Node of
// a machine that is only switched off. Host still shows it. Rejoin brings the node back.
func (l *Lab) LoseNode(ctx context.Context, node string) error {
	h, err := l.part(ctx, node)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[node] = h
	return nil
}

// Rejoin registers a lost node again under its name: the Node has a new UID and the labels of its NodeSpec, and the host
// is as it was. What the garbage collector has not taken yet of the earlier Node's objects it still takes, also after
// the handler has written to them.
func (l *Lab) Rejoin(ctx context.Context, node string) error {
	l.mu.Lock()
	h, ok := l.lost[node]
	l.mu.Unlock()
	if !ok {
		return fmt.Errorf("lab: node %q is not lost: call LoseNode first", node)
	}
	h.mu.Lock()
	h.published, h.captured = nil, nil
	if h.offline != nil {
		close(h.offline)
		h.offline = nil
	}
	h.mu.Unlock()
	return l.join(ctx, h)
}

// join registers the node of a handler and runs the handler if the lab runs.
func (l *Lab) join(ctx context.Context, h *handler) error {
	name := h.spec.Name
	if err := l.store.createNode(ctx, h.spec); err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	err := h.publish(ctx)
	for range 500 { // that of the earlier Node may go while it is written
		if !apierrors.IsNotFound(err) || ctx.Err() != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = h.publish(ctx)
	}
	if err != nil {
		return fmt.Errorf("node %s: NodeNetworkState: %w", name, err)
	}
	l.tell(Event{Kind: NodeJoined, Node: name})
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lost, name)
	l.handlers[name] = h
	if l.running != nil {
		h.start(l.running)
	}
	return nil
}

// part stops a node's handler, deletes the Node, and returns the handler.
func (l *Lab) part(ctx context.Context, node string) (*handler, error) {
	h, err := l.handler(node)
	if err != nil {
		return nil, err
	}
	h.halt()
	l.mu.Lock()
	delete(l.handlers, node)
	l.mu.Unlock()
	if err := l.store.deleteNode(ctx, node); err != nil {
		return nil, fmt.Errorf("node %s: %w", node, err)
	}
	l.tell(Event{Kind: NodeLeft, Node: node})
	return h, nil
}
