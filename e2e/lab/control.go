package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Readiness is what a node's Ready condition says.
type Readiness string

// A node is either in touch with the cluster or it is not.
const (
	Ready    Readiness = "Ready"
	NotReady Readiness = "NotReady"
)

func (l *Lab) handler(node string) (*handler, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.handlers[node]
	if !ok {
		return nil, fmt.Errorf("lab: no node %q: add it first", node)
	}
	return h, nil
}

// Host returns what a node's network really is, whatever its NodeNetworkState says. It is nil for an unknown node, and
// for one with a Machine.
func (l *Lab) Host(node string) *Host {
	l.mu.Lock()
	h := cmp.Or(l.handlers[node], l.lost[node])
	l.mu.Unlock()
	if h == nil {
		return nil
	}
	return h.snapshot()
}

// Fail breaks a node: applies fail as the fault says.
func (l *Lab) Fail(node string, fault Fault) error {
	return l.with(node, Event{Kind: NodeBroken, Message: fault.Gone + fault.Error}, func(h *handler) { h.fault = &fault })
}

// Repair ends Fail, Hang and Linger. What failed already stays failed: the handler does not try again by itself.
func (l *Lab) Repair(node string) error {
	lingered := false
	err := l.with(node, Event{Kind: NodeRepaired}, func(h *handler) {
		h.fault, lingered, h.lingering = nil, h.lingering, false
		if h.hung != nil {
			close(h.hung)
			h.hung = nil
		}
	})
	if err != nil || !lingered {
		return err
	}
	return l.catchUp(node)
}

// Hang makes a node's applies never end: its enactments stay in progress until Repair.
func (l *Lab) Hang(node string) error {
	return l.with(node, Event{Kind: NodeHung}, func(h *handler) {
		if h.hung == nil {
			h.hung = make(chan struct{})
		}
	})
}

// Slow makes each of a node's applies take that long; zero is as long as the lab's options say.
func (l *Lab) Slow(node string, applyTime time.Duration) error {
	return l.with(node, Event{Kind: NodeSlowed, Message: applyTime.String()}, func(h *handler) { h.applyTime = applyTime })
}

// Linger makes a node's enactments outlive their policies, as they do when a handler misses a deletion. Repair ends it,
// and then those go whose policy is gone.
func (l *Lab) Linger(node string) error {
	return l.with(node, Event{Kind: NodeLingers}, func(h *handler) { h.lingering = true })
}

func (h *handler) lingers() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lingering
}

// catchUp makes a node look at those policies of which only its enactment is left.
func (l *Lab) catchUp(node string) error {
	h, err := l.handler(node)
	if err != nil {
		return err
	}
	ctx := context.Background()
	mine, err := l.store.enactments(ctx, nodeLabel, node)
	if err != nil {
		return err
	}
	names, err := l.store.policyNames(ctx)
	if err != nil {
		return err
	}
	for _, e := range mine {
		if name := e.Metadata.Labels[policyLabel]; !slices.Contains(names, name) {
			h.look(name)
		}
	}
	return nil
}

// with changes a handler's behaviour and tells of it.
func (l *Lab) with(node string, told Event, change func(*handler)) error {
	h, err := l.handler(node)
	if err != nil {
		return err
	}
	h.mu.Lock()
	change(h)
	h.mu.Unlock()
	told.Node = node
	l.tell(told)
	return nil
}

// SetReady connects a node to the cluster or disconnects it. A NotReady node answers nothing: its enactments stay as
// they are, also when their policy is deleted, until it is Ready again and catches up.
func (l *Lab) SetReady(ctx context.Context, node string, readiness Readiness) error {
	h, err := l.handler(node)
	if err != nil {
		return err
	}
	if readiness == NotReady {
		h.mu.Lock()
		if h.offline == nil {
			h.offline = make(chan struct{})
		}
		h.mu.Unlock()
	}
	if err := l.store.setReady(ctx, node, readiness); err != nil {
		return fmt.Errorf("node %s: %w", node, err)
	}
	l.tell(Event{Kind: map[Readiness]EventKind{Ready: NodeReady, NotReady: NodeNotReady}[readiness], Node: node})
	if readiness == Ready {
		h.mu.Lock()
		if h.offline != nil {
			close(h.offline)
			h.offline = nil
		}
		h.mu.Unlock()
	}
	return nil
}

// StopHandler ends a node's handler in the middle of whatever it does; the node stays Ready.
func (l *Lab) StopHandler(ctx context.Context, node string) error {
	h, err := l.handler(node)
	if err != nil {
		return err
	}
	h.halt()
	l.tell(Event{Kind: HandlerStopped, Node: node})
	return l.store.setPodReady(ctx, node, NotReady)
}

// StartHandler starts it again: it looks at all policies, and tries again what it had given up.
func (l *Lab) StartHandler(ctx context.Context, node string) error {
	h, err := l.handler(node)
	if err != nil {
		return err
	}
	if err := l.store.setPodReady(ctx, node, Ready); err != nil {
		return err
	}
	l.mu.Lock()
	running := l.running
	l.mu.Unlock()
	if running == nil {
		return fmt.Errorf("lab: not started: call Start first")
	}
	h.start(running)
	l.tell(Event{Kind: HandlerStarted, Node: node})
	return nil
}

// Plug adds a NIC to a node, or puts it back as described.
func (l *Lab) Plug(node string, nic NIC) error {
	return l.hardware(node, nic.Name+" plugged in", func(h *Host) *Host { return h.plugged(node, nic) })
}

// Unplug takes a NIC out of a node, with the VLANs on top of it.
func (l *Lab) Unplug(node, nic string) error {
	return l.hardware(node, nic+" unplugged", func(h *Host) *Host { return h.unplugged(nic) })
}

// Change applies a state on the node behind everybody's back, as a person at its console would: drift.
func (l *Lab) Change(node, state string) error {
	desired, err := parseState(state)
	if err != nil {
		return err
	}
	var failed error
	err = l.hardware(node, "changed by hand", func(h *Host) *Host {
		next, err := h.Apply(desired)
		if err != nil {
			failed = err
			return h
		}
		return next
	})
	if err != nil {
		return err
	}
	return failed
}

// AttachGuest puts the veth of a pod or VM into a bridge, as a CNI plugin does.
func (l *Lab) AttachGuest(node, bridge, veth string) error {
	return l.hardware(node, veth+" attached to "+bridge, func(h *Host) *Host { return h.withGuest(bridge, veth) })
}

func (l *Lab) hardware(node, what string, operation func(*Host) *Host) error {
	h, err := l.handler(node)
	if err != nil {
		return err
	}
	if h.spec.Machine != nil {
		return fmt.Errorf("lab: node %s has a Machine: change that instead", node)
	}
	h.change(operation)
	l.tell(Event{Kind: HardwareChanged, Node: node, Message: what})
	return nil
}
