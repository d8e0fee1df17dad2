package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// reconcile is the handler's treatment of one policy. again asks for another turn after a back-off.
func (h *handler) reconcile(ctx context.Context, name string) (again bool, err error) {
	if err := h.reachable(ctx); err != nil {
		return false, err
	}
	store := h.lab.store
	p, err := store.policy(ctx, name)
	if apierrors.IsNotFound(err) {
		if h.lingers() {
			return false, nil
		}
		return false, h.forget(ctx, name)
	}
	if err != nil {
		return false, err
	}
	if !isTrue(p.Status.Conditions, "Progressing") {
		if err := h.lab.resetPolicy(ctx, name); err != nil {
			return false, err
		}
	}
	defer func() { err = errors.Join(err, h.lab.concludePolicy(ctx, name)) }()

	node := &corev1.Node{}
	if err := store.Get(ctx, types.NamespacedName{Name: h.spec.Name}, node); err != nil {
		return false, err
	}
	if !labels.SelectorFromSet(p.Spec.NodeSelector).Matches(labels.Set(node.Labels)) {
		return false, h.forget(ctx, name) // the host keeps what it has
	}
	e, before, err := h.prepare(ctx, node, p)
	if err != nil || e == nil {
		return false, err
	}
	if e.Status.RetryCount[p.generationKey()] >= h.lab.opts.Attempts {
		return false, nil
	}
	if h.lab.opts.Release == After087 && isTrue(e.Status.Conditions, "Available") {
		return false, nil
	}
	if !isTrue(before, "Progressing") { // else it holds its slot: between two attempts, or since it was interrupted
		if start, again, err := h.claim(ctx, p); err != nil || !start {
			return again, err
		}
	}
	return h.attempt(ctx, p, e)
}

// prepare makes sure that the enactment exists and holds what this generation asks of this node. It returns it, and the
// conditions that it had before, or nil when the desired state cannot be worked out.
func (h *handler) prepare(ctx context.Context, node *corev1.Node, p *policy) (*enactment, []Condition, error) {
	desired, err := h.render(ctx, p)
	var before []Condition
	fill := func(s *enactmentStatus) {
		before = s.Conditions
		if s.PolicyGeneration != p.Metadata.Generation && h.lab.opts.Release != Before086 {
			s.Conditions = nil
		}
		s.PolicyGeneration = p.Metadata.Generation
		if err == nil {
			s.DesiredState = withVLANDefaults(desired)
			return
		}
		s.Conditions = enactmentConditions(s.Conditions, phaseFailed,
			fmt.Sprintf("failure generating desiredState and capturedStates: %v", err), metav1.Now())
	}
	mine := enactmentName(h.spec.Name, p.Metadata.Name)
	e, writeErr := h.lab.store.updateEnactment(ctx, mine, fill)
	if apierrors.IsNotFound(writeErr) {
		if writeErr = h.lab.store.createEnactment(ctx, node, p.Metadata.Name); writeErr == nil {
			e, writeErr = h.lab.store.updateEnactment(ctx, mine, fill)
		}
	}
	if err != nil || writeErr != nil {
		return nil, nil, writeErr
	}
	return e, before, nil
}

// claim takes one of the policy's slots, or notes on the enactment why there is none.
func (h *handler) claim(ctx context.Context, p *policy) (start, again bool, err error) {
	name := p.Metadata.Name
	all, err := h.lab.store.enactments(ctx, policyLabel, name)
	if err != nil {
		return false, false, err
	}
	verdict, refused := admitted, errors.New("no slot")
	err = h.lab.store.updatePolicy(ctx, name, func(current *policy) error {
		busy := current.Status.UnavailableNodeCountMap[p.generationKey()]
		if h.lab.opts.Release == After087 {
			busy = min(busy, inProgress(p.Metadata.Generation, all))
		}
		if verdict = admit(p.Spec.MaxUnavailable, busy, all); verdict != admitted {
			return refused
		}
		current.Status.count(p.generationKey(), busy+1)
		return nil
	})
	switch {
	case err == nil:
		return true, false, nil
	case !errors.Is(err, refused):
		return false, false, err
	}
	if err := h.note(ctx, p, phasePending, "Waiting for progressing nodes to finish"); err != nil {
		return false, false, err
	}
	if verdict == mustWait {
		return false, true, nil
	}
	message := fmt.Sprintf("reconciliation of enactment %q has aborted", enactmentName(h.spec.Name, name))
	return false, false, errors.Join(h.lab.store.warn(ctx, p, h.spec.Name, message), h.note(ctx, p, phaseAborted, message))
}

// count notes how many nodes hold a slot of a generation.
func (s *policyStatus) count(generation string, busy int) {
	if s.UnavailableNodeCountMap == nil {
		s.UnavailableNodeCountMap = map[string]int{}
	}
	now := metav1.Now()
	s.UnavailableNodeCountMap[generation], s.LastUnavailableNodeCountUpdate = max(busy, 0), &now
}

// attempt applies the desired state once.
func (h *handler) attempt(ctx context.Context, p *policy, e *enactment) (again bool, err error) {
	if err := h.note(ctx, p, phaseApplying, "Applying desired state"); err != nil {
		return false, err
	}
	if err := h.lab.concludePolicy(ctx, p.Metadata.Name); err != nil {
		return false, err
	}
	message, err := h.apply(ctx, e.Status.DesiredState)
	if err == nil {
		err = h.reachable(ctx)
	}
	if err != nil {
		return false, err
	}
	if message == "" {
		return false, h.succeed(ctx, p)
	}
	tries := 0
	if _, err = h.lab.store.updateEnactment(ctx, e.Metadata.Name, func(s *enactmentStatus) {
		if s.RetryCount == nil {
			s.RetryCount = map[string]int{}
		}
		s.RetryCount[p.generationKey()]++
		tries = s.RetryCount[p.generationKey()]
	}); err != nil {
		return false, err
	}
	if tries < h.lab.opts.Attempts {
		return true, h.note(ctx, p, phaseRetrying, retryMessage(h.spec.Name, tries+1, h.lab.opts.Attempts))
	}
	summary := fmt.Sprintf("reconciliation of enactment %q has failed after %d retries", e.Metadata.Name, tries)
	return false, errors.Join(h.note(ctx, p, phaseFailed, message), h.lab.store.warn(ctx, p, h.spec.Name, summary))
}

// succeed gives the slot back, says so, and publishes the new state.
func (h *handler) succeed(ctx context.Context, p *policy) error {
	if err := h.lab.giveBack(ctx, p.Metadata.Name, p.Metadata.Generation); err != nil {
		return err
	}
	if err := h.note(ctx, p, phaseSucceeded, "successfully reconciled"); err != nil {
		return err
	}
	return h.publish(ctx)
}

// note writes a phase to the node's enactment of a policy.
func (h *handler) note(ctx context.Context, p *policy, at phase, message string) error {
	_, err := h.lab.store.updateEnactment(ctx, enactmentName(h.spec.Name, p.Metadata.Name), func(s *enactmentStatus) {
		s.Conditions = enactmentConditions(s.Conditions, at, message, metav1.Now())
		if h.lab.opts.Release == Before086 && at == phaseRetrying { // handlers without the reason Retrying
			for i := range s.Conditions {
				if s.Conditions[i].Reason == "Retrying" {
					s.Conditions[i].Reason = "FailedToConfigure"
				}
			}
		}
	})
	if err == nil {
		h.lab.tell(Event{Kind: phaseEvents[at], Node: h.spec.Name, Policy: p.Metadata.Name, Message: message})
	}
	return err
}

// apply changes the host. A non-empty message says why it did not work; an error, that the handler was stopped.
func (h *handler) apply(ctx context.Context, desired map[string]any) (message string, err error) {
	h.mu.Lock()
	takes := cmp.Or(h.applyTime, h.lab.opts.ApplyTime)
	h.mu.Unlock()
	if err := h.sleep(ctx, takes); err != nil {
		return "", err
	}
	h.mu.Lock()
	hung := h.hung
	h.mu.Unlock()
	if err := await(ctx, hung); err != nil {
		return "", err
	}
	if h.spec.Machine != nil {
		return h.applyTo(ctx, h.spec.Machine, desired)
	}
	before, after, cause := h.reconfigure(desired)
	switch {
	case cause != "":
		return applyFailure(h.spec.Name, cause, time.Now()), nil
	case !h.spec.Address.IsValid() || after.Holds(h.spec.Address):
		return "", nil
	}
	if err := h.cutOff(ctx); err != nil {
		return "", err
	}
	h.change(func(*Host) *Host { return before })
	return probeFailure(h.spec.Name, after.State()), h.lab.SetReady(ctx, h.spec.Name, Ready)
}

// reconfigure applies a desired state to the host, unless a fault or nmstate objects: the cause.
func (h *handler) reconfigure(desired map[string]any) (before, after *Host, cause string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cause := h.fault.strike(h.host, desired); cause != "" {
		return h.host, h.host, cause
	}
	after, err := h.host.Apply(desired)
	if err != nil {
		return h.host, h.host, err.Error()
	}
	before, h.host = h.host, after
	return before, after, ""
}

// cutOff is what a node goes through whose own address is gone: it cannot be reached until the probes give up and the
// change is rolled back, if ever.
func (h *handler) cutOff(ctx context.Context) error {
	h.lab.tell(Event{Kind: NodeCutOff, Node: h.spec.Name, Message: fmt.Sprintf(
		"no interface carries the node's address %s any more", h.spec.Address)})
	if err := h.lab.SetReady(ctx, h.spec.Name, NotReady); err != nil {
		return err
	}
	if h.lab.opts.NoRollback {
		<-ctx.Done()
		return errAbandoned
	}
	return h.sleep(ctx, h.lab.opts.ProbeTime)
}
