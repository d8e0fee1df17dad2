package controllers

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// slot is one address of a network on its way to a lease.
type slot struct {
	render.Address
	// pool is where the address comes from, or nil.
	pool *render.Pool
	// addr is the address with the length of its subnet; zero while none could be chosen.
	addr netip.Prefix
	// own: the Wukong holds the lease of it already.
	own bool
	// from is the network of the Wukong that has the lease of it and asks for it no more, or empty.
	from string
	// former: a Wukong of this name that was there before has it, and the network gets it when that is released.
	former bool
	// flying is the name of the lease that the ledger keeps free for it, or empty.
	flying string
	// lease is there once the address is taken.
	lease *v1alpha1.AddressLease

	// Why not: at most one of these says so.
	held     *ipam.Verdict
	refusal  *render.Refusal
	shortage shortage

	conflicts []conflicts.Conflict
}

// clear says whether nothing is known to keep the network from the address.
func (t *slot) clear() bool {
	return t.held == nil && t.refusal == nil && t.shortage.line == "" && !refused(t.conflicts)
}

// slots makes the slots of a network. Those that draw from a pool first get what the network has of it already: what is
// published, in the order of the status, then what else it holds, then what waits for it.
func (r *WukongReconciler) slots(ctx context.Context, s *wukongScope, n *networkScope, held map[string]*v1alpha1.AddressLease) error {
	named := map[netip.Addr]bool{}
	for _, a := range n.Addresses {
		named[a.Prefix.Addr()] = true
	}
	used := map[string]bool{}
	for _, a := range n.Addresses {
		t := &slot{Address: a}
		n.slots = append(n.slots, t)
		if a.Pool != "" {
			t.pool, _ = s.offer.pools.Pool(a.Pool)
		}
		if a.Explicit() {
			t.addr, t.from = a.Prefix, r.leftBy(s, n, held, a.Prefix.Addr())
			continue
		}
		if t.pool == nil {
			continue
		}
		for _, l := range r.claimable(s, n, held, a.Pool) {
			addr := netip.MustParseAddr(l.Spec.Address)
			if named[addr] || used[l.Name] || l.Spec.Segment != n.choice.Segment.String() {
				continue
			}
			used[l.Name] = true
			t.addr = netip.PrefixFrom(addr, t.pool.Config.Subnet().Bits())
			t.former = l.Spec.Holder.UID != s.wukong.UID
			break
		}
		if t.addr.IsValid() {
			continue
		}
		if err := r.reservedFor(ctx, s, n, t); err != nil {
			return err
		}
	}
	return nil
}

// leftBy names the other network of the Wukong that has the lease of an address and asks for it no more, such as after the
// network was renamed; or nothing.
func (r *WukongReconciler) leftBy(s *wukongScope, n *networkScope, held map[string]*v1alpha1.AddressLease, addr netip.Addr) string {
	name, err := ipam.LeaseName(addr, n.choice.Segment.String())
	obj := held[name]
	if err != nil || obj == nil || obj.Spec.Holder == nil || obj.Spec.Holder.Network == n.Name {
		return ""
	}
	if l, err := leaseOf(obj); err != nil || asksFor(s.wukong, l) != notAsked {
		return ""
	}
	return obj.Spec.Holder.Network
}

// claimable gives the leases from a pool that the network may have without choosing, the best first. Those of a Wukong of this
// name that was there before are among them, even while they are still to be released: after a restored backup everybody gets
// what they had.
func (r *WukongReconciler) claimable(s *wukongScope, n *networkScope, held map[string]*v1alpha1.AddressLease, pool string) []*v1alpha1.AddressLease {
	published := publishedOn(s.before, n.Name)
	var out []*v1alpha1.AddressLease
	for _, l := range held {
		h := l.Spec.Holder
		if h == nil || h.Network != n.Name || l.Spec.Pool != pool || (h.UID != s.wukong.UID && h.NamespaceUID != s.namespaceUID) {
			continue
		}
		if _, err := netip.ParseAddr(l.Spec.Address); err == nil {
			out = append(out, l)
		}
	}
	rank := func(l *v1alpha1.AddressLease) int {
		at := slices.IndexFunc(published, func(a v1alpha1.WukongAddressStatus) bool { return a.Lease == l.Name })
		switch {
		case at >= 0:
			return at
		case l.Spec.Phase == v1alpha1.LeaseAllocated:
			return len(published)
		}
		return len(published) + 1
	}
	slices.SortFunc(out, func(a, b *v1alpha1.AddressLease) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), netip.MustParseAddr(a.Spec.Address).Compare(netip.MustParseAddr(b.Spec.Address)), strings.Compare(a.Name, b.Name))
	})
	return out
}

// publishedOn gives the addresses that a status publishes for a network.
func publishedOn(w *v1alpha1.Wukong, network string) []v1alpha1.WukongAddressStatus {
	for _, n := range w.Status.Networks {
		if n.Name == network {
			return n.Addresses
		}
	}
	return nil
}

// maxReservedTries bounds how many addresses of a reserved range are looked at.
const maxReservedTries = 256

// reservedFor gives a slot an address of its pool that an AddressReservation keeps for this network.
func (r *WukongReconciler) reservedFor(ctx context.Context, s *wukongScope, n *networkScope, t *slot) error {
	list := &v1alpha1.AddressReservationList{}
	key := client.ObjectKeyFromObject(s.wukong).String()
	if err := r.List(ctx, list, client.MatchingFields{indexReservationFor: key}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.AddressReservation) int { return strings.Compare(a.Name, b.Name) })
	for i := range list.Items {
		claims, problem := render.ReservationClaims(s.offer.catalog, &list.Items[i])
		if problem != nil || (list.Items[i].Spec.For.Network != "" && list.Items[i].Spec.For.Network != n.Name) {
			continue
		}
		for _, c := range claims {
			if c.Segment == n.choice.Segment.String() && r.firstOf(s, n, t, c) {
				return nil
			}
		}
	}
	return nil
}

// firstOf takes the first address of a reserved range that the pool has and nobody holds.
func (r *WukongReconciler) firstOf(s *wukongScope, n *networkScope, t *slot, c conflicts.Claim) bool {
	last := c.Last
	if !last.IsValid() {
		last = c.Addr
	}
	addr := c.Addr
	for range maxReservedTries {
		asked := slices.ContainsFunc(n.slots, func(o *slot) bool { return o.addr.Addr() == addr || o.Prefix.Addr() == addr })
		if !asked && t.pool.Config.Contains(addr) && r.ledger.available(n.choice.Segment.String(), addr) && !r.ledger.blocked(r.asker(s, n), addr) {
			t.addr = netip.PrefixFrom(addr, t.pool.Config.Subnet().Bits())
			return true
		}
		if addr == last || !addr.Next().IsValid() {
			return false
		}
		addr = addr.Next()
	}
	return false
}

// asker is the claim of a network, without an address.
func (r *WukongReconciler) asker(s *wukongScope, n *networkScope) conflicts.Claim {
	return conflicts.Claim{Segment: n.choice.Segment.String(), Kind: conflicts.Request, Namespace: s.wukong.Namespace,
		Owner: render.HolderName(s.wukong.Namespace, s.wukong.Name, n.Name), Since: s.wukong.CreationTimestamp.Time}
}

// keep notes what the network published before and still holds although it asks for something else: a change that fails
// keeps what was there.
func (n *networkScope) keep(s *wukongScope, held map[string]*v1alpha1.AddressLease) {
	for _, a := range publishedOn(s.before, n.Name) {
		l := held[a.Lease]
		if l == nil || l.Spec.Holder == nil || l.Spec.Holder.UID != s.wukong.UID || l.Spec.Holder.Network != n.Name || l.Spec.Phase != v1alpha1.LeaseAllocated {
			continue
		}
		if !slices.ContainsFunc(n.slots, func(t *slot) bool { return t.lease != nil && t.lease.Name == a.Lease }) {
			n.kept = append(n.kept, a)
		}
	}
}
