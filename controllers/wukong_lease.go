package controllers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// poolTries bounds how often one reconcile chooses again because others were faster.
const poolTries = 16

// lease takes every address of the Wukong, or none that it does not hold already: a Wukong that has to wait for one address
// does not sit on the others.
func (r *WukongReconciler) lease(ctx context.Context, s *wukongScope) error {
	holder := r.holder(s)
	held, err := r.leaser.heldBy(ctx, client.ObjectKeyFromObject(s.wukong))
	if err != nil {
		return err
	}
	if err := r.leaser.catchUp(ctx, s.before, held); err != nil {
		return err
	}
	defer r.abandon(s)
	r.claimMACs(s, held)
	granted := true
	for _, n := range s.networks {
		if !n.choice.Chosen() {
			granted = granted && !n.Served()
			continue
		}
		if err := r.examine(ctx, s, n, holder, held); err != nil {
			return err
		}
		granted = granted && n.clear()
	}
	for _, n := range s.networks {
		if granted, err = r.takeAll(ctx, s, n, holder, granted); err != nil {
			return err
		}
	}
	r.queue(s, granted)
	if granted {
		return r.grant(s)
	}
	for _, n := range s.networks {
		n.keep(s, held)
	}
	return errStop
}

func (r *WukongReconciler) holder(s *wukongScope) ipam.Holder {
	return ipam.Holder{Namespace: s.wukong.Namespace, NamespaceUID: string(s.namespaceUID), Name: s.wukong.Name, UID: string(s.wukong.UID),
		VirtualMachine: machineOf(s.request)}
}

// clear says whether nothing is known to keep the network from its addresses.
func (n *networkScope) clear() bool {
	return !refused(n.macConflicts) && !slices.ContainsFunc(n.slots, func(t *slot) bool { return !t.clear() })
}

// examine asks, without writing, whether each address of the network can be had.
func (r *WukongReconciler) examine(ctx context.Context, s *wukongScope, n *networkScope, holder ipam.Holder, held map[string]*v1alpha1.AddressLease) error {
	if err := r.slots(ctx, s, n, held); err != nil {
		return err
	}
	for _, t := range n.slots {
		if err := r.examineSlot(ctx, s, n, t, holder); err != nil {
			return fmt.Errorf("%s: %w", t.Path, err)
		}
	}
	return nil
}

func (r *WukongReconciler) examineSlot(ctx context.Context, s *wukongScope, n *networkScope, t *slot, holder ipam.Holder) error {
	if !t.addr.IsValid() {
		r.choose(s, n, t)
		return nil
	}
	verdict, err := r.leaser.peek(ctx, r.request(n, t, holder), s.now)
	if err != nil {
		return err
	}
	if !verdict.Granted() {
		t.held = &verdict
		s.again(verdict.Until.Sub(s.now))
		return nil
	}
	t.own = verdict.Rule == ipam.RuleOwn
	if t.refusal = r.admit(s, n, t); t.refusal != nil {
		return nil
	}
	asker := r.asker(s, n)
	asker.Addr = t.addr.Addr()
	if t.own {
		asker.Kind = conflicts.Lease
	}
	t.conflicts = conflicts.Conflicts(asker, &r.ledger.claims)
	if t.own || (refused(t.conflicts) && t.Explicit()) {
		return nil
	}
	if refused(t.conflicts) {
		t.conflicts = nil
		r.choose(s, n, t)
		return nil
	}
	if t.shortage = r.ledger.book(s.offer, t.addr.Addr(), r.wish(s, n, t), s.now); t.shortage.line == "" {
		t.flying, _ = ipam.LeaseName(t.addr.Addr(), n.choice.Segment.String())
	}
	return nil
}

// admit asks the rules of pools. What the Wukong holds already stays with it, as long as its pool can say what the address
// comes with.
func (r *WukongReconciler) admit(s *wukongScope, n *networkScope, t *slot) *render.Refusal {
	if t.own && (t.Pool == "" || (t.pool != nil && t.pool.Problem == nil && t.pool.Segment == n.choice.Segment)) {
		return nil
	}
	return s.offer.pools.Admit(r.selection(s, n), n.choice, t.Address)
}

// choose picks an address of the slot's pool.
func (r *WukongReconciler) choose(s *wukongScope, n *networkScope, t *slot) {
	t.addr = netip.Prefix{}
	if t.refusal = s.offer.pools.Admit(r.selection(s, n), n.choice, t.Address); t.refusal != nil {
		return
	}
	var addr netip.Addr
	if addr, t.shortage = r.ledger.choose(s.offer, r.wish(s, n, t), s.now); t.shortage.line != "" {
		return
	}
	t.addr = netip.PrefixFrom(addr, t.pool.Config.Subnet().Bits())
	t.flying, _ = ipam.LeaseName(addr, n.choice.Segment.String())
	asker := r.asker(s, n)
	asker.Addr = addr
	t.conflicts = conflicts.Conflicts(asker, &r.ledger.claims) // nothing refuses it, and what warns is told
}

func (r *WukongReconciler) wish(s *wukongScope, n *networkScope, t *slot) wish {
	return wish{asker: r.asker(s, n), age: s.age(), hostNetwork: n.choice.HostNetwork, pool: t.pool,
		quotas: s.offer.pools.Quotas(n.choice, t.Address), avoid: s.request.NextHops()}
}

func (s *wukongScope) age() age {
	return age{since: s.wukong.CreationTimestamp.Time, key: client.ObjectKeyFromObject(s.wukong)}
}

// takeAll takes the leases of a network: all of them when the whole Wukong can be granted, else only those that it holds. With a
// MAC address that it cannot have it stays as it is.
func (r *WukongReconciler) takeAll(ctx context.Context, s *wukongScope, n *networkScope, holder ipam.Holder, granted bool) (bool, error) {
	if refused(n.macConflicts) {
		return false, nil
	}
	for _, t := range n.slots {
		if !t.own && !granted {
			continue
		}
		for tries := 0; ; tries++ {
			if err := r.take(ctx, s, n, t, holder); err != nil {
				return false, fmt.Errorf("%s: %w", t.Path, err)
			}
			if t.lease != nil {
				break
			}
			if t.Explicit() {
				granted = false // somebody was faster; their lease's event brings us back
				break
			}
			if t.held = nil; tries == poolTries {
				t.addr = netip.Prefix{}
			} else {
				r.choose(s, n, t)
			}
			if !t.addr.IsValid() {
				granted = false
				break
			}
		}
	}
	return granted, nil
}

// take takes one lease, or notes who has it.
func (r *WukongReconciler) take(ctx context.Context, s *wukongScope, n *networkScope, t *slot, holder ipam.Holder) error {
	req := r.request(n, t, holder)
	lease, verdict, err := r.leaser.take(ctx, req, s.wukong.Generation, s.now)
	if err != nil {
		return err
	}
	if lease == nil {
		t.held, t.flying = &verdict, ""
		return r.correct(ctx, req)
	}
	t.lease, t.flying = lease, ""
	r.ledger.sawLease(lease)
	if verdict.Writes() && verdict.Rule != ipam.RuleOwn {
		log.FromContext(ctx).Info("Address leased", "address", t.addr.String(), "segment", req.Segment.String(), "lease", lease.Name)
		metrics.Leased(t.Pool)
		r.Events.Eventf(s.wukong, nil, corev1.EventTypeNormal, v1alpha1.ReasonAddressLeased, "Lease",
			"%s on %s is leased for network %s", t.addr, req.Segment, n.Name)
	}
	return nil
}

// correct takes in who really has an address that the ledger thought free.
func (r *WukongReconciler) correct(ctx context.Context, req ipam.Request) error {
	obj, err := r.leaser.read(ctx, r.Live, req)
	if err == nil && obj != nil {
		r.ledger.sawLease(obj)
	}
	return err
}

// abandon gives back what was chosen and not taken.
func (r *WukongReconciler) abandon(s *wukongScope) {
	for _, n := range s.networks {
		for _, t := range n.slots {
			if t.flying != "" {
				r.ledger.abandon(t.flying, client.ObjectKeyFromObject(s.wukong))
				t.flying = ""
			}
		}
	}
}

// queue puts the Wukong into the lines of what it lacks, if that is all that it lacks, and takes it out of all others.
func (r *WukongReconciler) queue(s *wukongScope, granted bool) {
	key := client.ObjectKeyFromObject(s.wukong)
	if granted {
		r.ledger.served(key)
		return
	}
	r.abandon(s) // before it waits, so that nothing which it cannot use is kept from those behind it
	needs := s.needs()
	for _, n := range s.networks {
		for _, t := range n.slots {
			if need, waits := needs[t.shortage.line]; waits && r.ledger.join(s.offer, r.wish(s, n, t), t.shortage, need) {
				s.again(soon)
			}
		}
	}
	if s.short() {
		s.again(r.Config.Sweep) // also where something else is in the way, so that what the status says does not grow old
	}
	r.ledger.leave(key, needs)
}

// soon is when to look again after what is needed came while it was looked for.
const soon = 10 * time.Millisecond

// short says whether there is a slot for which a pool or a bound has nothing left.
func (s *wukongScope) short() bool {
	return slices.ContainsFunc(s.networks, func(n *networkScope) bool {
		return slices.ContainsFunc(n.slots, func(t *slot) bool { return t.shortage.line != "" })
	})
}

// needs gives, by line, what the Wukong waits for; nothing if something else is in its way, too.
func (s *wukongScope) needs() map[string]need {
	out := map[string]need{}
	for _, n := range s.networks {
		if (n.Served() && !n.choice.Chosen()) || refused(n.macConflicts) {
			return nil
		}
		for _, t := range n.slots {
			switch {
			case t.shortage.line != "":
				short := out[t.shortage.line]
				out[t.shortage.line] = need{wants: short.wants + 1, missing: short.missing + 1}
			case !t.clear():
				return nil
			}
		}
	}
	for _, n := range s.networks {
		for _, t := range n.slots {
			if short, waits := out[poolLine(t.Pool)]; waits && t.clear() && !t.own && !t.Explicit() {
				out[poolLine(t.Pool)] = need{wants: short.wants + 1, missing: short.missing}
			}
		}
	}
	return out
}

// grant makes the request complete: every address is known, and what pools say is inherited.
func (r *WukongReconciler) grant(s *wukongScope) error {
	taken := map[string]netip.Prefix{}
	for _, n := range s.networks {
		for _, t := range n.slots {
			taken[t.Path] = t.addr
		}
	}
	request, errs := s.offer.pools.Grant(s.request, taken)
	if len(errs) > 0 {
		s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonInvalidSpec, message: errs.ToAggregate().Error()}
		return errStop
	}
	s.request = request
	for i, n := range s.networks {
		n.Network = request.Networks[i]
	}
	return nil
}

func (r *WukongReconciler) request(n *networkScope, t *slot, holder ipam.Holder) ipam.Request {
	holder.Network = n.Name
	return ipam.Request{Address: t.addr, Segment: n.choice.Segment, Holder: holder, HostNetwork: n.choice.HostNetwork,
		Pool: t.Pool, MAC: n.mac, Reserve: t.Reserved, From: t.from}
}

func refused(found []conflicts.Conflict) bool {
	for _, c := range found {
		if c.Severity == conflicts.Refuses {
			return true
		}
	}
	return false
}
