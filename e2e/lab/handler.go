package lab

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
)

// handler is the nmstate handler of one node. It works on one policy at a time.
type handler struct {
	lab  *Lab
	spec NodeSpec

	poke       chan struct{} // asks for a look at the host before it is due
	publishing sync.Mutex    // one NodeNetworkState write at a time

	mu        sync.Mutex // guards what follows
	host      *Host
	fault     *Fault
	hung      chan struct{}             // closed when a hang ends; nil when there is none
	offline   chan struct{}             // closed when the node can be reached again; nil when it can
	published []byte                    // the state last written
	applyTime time.Duration             // of one apply; zero is that of the options
	lingering bool                      // enactments of deleted policies stay
	captured  map[string]map[string]any // policy -> the state that its captures were evaluated against
	queue     workqueue.TypedRateLimitingInterface[string]
	stop      context.CancelFunc // nil while the handler is down
	done      chan struct{}      // closed when the handler has stopped
}

// errAbandoned ends a reconcile whose handler was stopped in the middle.
var errAbandoned = errors.New("the handler was stopped")

// start runs the handler until its context ends. A handler that starts looks at every policy, in order of name, and
// forgets that earlier attempts were exhausted.
func (h *handler) start(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != nil {
		return
	}
	ctx, h.stop = context.WithCancel(ctx)
	o := h.lab.opts
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](o.Backoff, o.MaxBackoff))
	done := make(chan struct{})
	h.queue, h.done = queue, done
	go func() {
		<-ctx.Done()
		queue.ShutDown()
	}()
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		wg.Go(func() { h.keepPublishing(ctx) })
		h.retryUntil(ctx, h.lookAtEverything)
		for h.next(ctx, queue) {
		}
		wg.Wait()
	}()
}

// halt stops the handler in the middle of whatever it does.
func (h *handler) halt() {
	h.mu.Lock()
	stop, done := h.stop, h.done
	h.stop, h.queue = nil, nil
	h.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

// look queues policies for this node; nothing happens while the handler is down.
func (h *handler) look(policies ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.queue == nil {
		return
	}
	for _, name := range policies {
		h.queue.Add(name)
	}
}

// retryUntil repeats a step until it works or the handler stops.
func (h *handler) retryUntil(ctx context.Context, step func(context.Context) error) {
	for step(ctx) != nil && h.sleep(ctx, h.lab.opts.MaxBackoff) == nil {
	}
}

// lookAtEverything queues all policies, and those of which only this node's enactment is left.
func (h *handler) lookAtEverything(ctx context.Context) error {
	if err := h.reachable(ctx); err != nil {
		return err
	}
	mine, err := h.lab.store.enactments(ctx, nodeLabel, h.spec.Name)
	if err != nil {
		return err
	}
	names, err := h.lab.store.policyNames(ctx)
	if err != nil {
		return err
	}
	for _, e := range mine {
		names = append(names, e.Metadata.Labels[policyLabel])
		if err := h.forgive(ctx, e); err != nil {
			return err
		}
	}
	h.look(names...)
	return nil
}

// forgive lets a handler that starts try again what it had given up: with new attempts, and without the slot it kept.
func (h *handler) forgive(ctx context.Context, e enactment) error {
	if len(e.Status.RetryCount) == 0 {
		return nil
	}
	if hasFailed(e) {
		if err := h.lab.giveBack(ctx, e.Metadata.Labels[policyLabel], e.Status.PolicyGeneration); err != nil {
			return err
		}
	}
	_, err := h.lab.store.updateEnactment(ctx, e.Metadata.Name, func(s *enactmentStatus) { s.RetryCount = nil })
	return err
}

// next works on one policy of the queue and reports whether to go on.
func (h *handler) next(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string]) bool {
	name, shutdown := queue.Get()
	if shutdown {
		return false
	}
	defer queue.Done(name)
	again, err := h.reconcile(ctx, name)
	switch {
	case ctx.Err() != nil:
	case err != nil || again:
		if err != nil && !apierrors.IsNotFound(err) {
			h.lab.tell(Event{Kind: HandlerError, Node: h.spec.Name, Policy: name, Message: err.Error()})
		}
		queue.AddRateLimited(name)
	default:
		queue.Forget(name)
	}
	return true
}

// reachable waits until the node has a network.
func (h *handler) reachable(ctx context.Context) error {
	h.mu.Lock()
	offline := h.offline
	h.mu.Unlock()
	return await(ctx, offline)
}

func (h *handler) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return errAbandoned
	case <-time.After(d):
		return nil
	}
}

// await blocks until the gate is closed; a nil gate is open.
func await(ctx context.Context, gate <-chan struct{}) error {
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return errAbandoned
	}
	return nil
}

func (h *handler) snapshot() *Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.host
}
