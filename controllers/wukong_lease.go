package controllers

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// lease takes every address of the Wukong, or none that it does not hold already: a Wukong that has to wait for one address
// does not sit on the others.
func (r *WukongReconciler) lease(ctx context.Context, s *wukongScope) error {
	holder, err := r.holder(ctx, s)
	if err != nil {
		return err
	}
	granted := true
	for _, n := range s.networks {
		if !n.choice.Chosen() {
			granted = granted && !n.Served()
			continue
		}
		if err := r.examine(ctx, s, n, holder); err != nil {
			return err
		}
		granted = granted && len(n.held) == 0 && !refused(n.conflicts)
	}
	for _, n := range s.networks {
		if err := r.takeAll(ctx, s, n, holder, granted); err != nil {
			return err
		}
	}
	if !granted {
		return errStop
	}
	return nil
}

func (r *WukongReconciler) holder(ctx context.Context, s *wukongScope) (ipam.Holder, error) {
	namespace, err := r.namespace(ctx, s.wukong.Namespace)
	if err != nil {
		return ipam.Holder{}, err
	}
	h := ipam.Holder{Namespace: s.wukong.Namespace, NamespaceUID: string(namespace.UID), Name: s.wukong.Name, UID: string(s.wukong.UID)}
	if s.request.Machine != nil || s.request.Foreign {
		h.VirtualMachine = s.request.VirtualMachine
	}
	return h, nil
}

// examine asks, without writing, whether each address of the network can be had.
func (r *WukongReconciler) examine(ctx context.Context, s *wukongScope, n *networkScope, holder ipam.Holder) error {
	for _, a := range n.Addresses {
		verdict, err := r.leaser.peek(ctx, r.request(n, a, holder), s.now)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Path, err)
		}
		if !verdict.Granted() {
			n.held = append(n.held, verdict)
			s.again(verdict.Until.Sub(s.now))
			continue
		}
		found, err := r.conflicts(ctx, s, n, a.Prefix.Addr(), verdict.Rule == ipam.RuleOwn)
		if err != nil {
			return err
		}
		n.conflicts = append(n.conflicts, found...)
	}
	return nil
}

// takeAll takes the leases of a network: all of them when the whole Wukong can be granted, else only those that it holds.
func (r *WukongReconciler) takeAll(ctx context.Context, s *wukongScope, n *networkScope, holder ipam.Holder, granted bool) error {
	if !n.choice.Chosen() {
		return nil
	}
	for _, a := range n.Addresses {
		req := r.request(n, a, holder)
		if !granted {
			verdict, err := r.leaser.peek(ctx, req, s.now)
			if err != nil {
				return err
			}
			if verdict.Rule != ipam.RuleOwn {
				continue
			}
		}
		lease, verdict, err := r.leaser.take(ctx, req, s.now)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Path, err)
		}
		if lease == nil {
			n.held = append(n.held, verdict) // somebody was faster; their lease's event brings us back
			return errStop
		}
		n.leases = append(n.leases, lease)
		if verdict.Writes() && verdict.Rule != ipam.RuleOwn {
			log.FromContext(ctx).Info("address leased", "address", a.Prefix.String(), "segment", req.Segment.String(), "lease", lease.Name)
			r.Events.Eventf(s.wukong, nil, corev1.EventTypeNormal, v1alpha1.ReasonAddressLeased, "Lease",
				"%s on %s is leased for network %s", a.Prefix, req.Segment, n.Name)
		}
	}
	return nil
}

func (r *WukongReconciler) request(n *networkScope, a render.Address, holder ipam.Holder) ipam.Request {
	holder.Network = n.Name
	return ipam.Request{Address: a.Prefix, Segment: n.choice.Segment, Holder: holder, HostNetwork: n.choice.HostNetwork,
		MAC: n.mac, Reserve: a.Reserved}
}

// conflicts asks what the nodes report about an address. own says that the Wukong holds its lease already, so that nothing
// takes it away and a collision is only reported.
func (r *WukongReconciler) conflicts(ctx context.Context, s *wukongScope, n *networkScope, addr netip.Addr, own bool) ([]conflicts.Conflict, error) {
	claims, err := r.observedClaims(ctx, s.catalog, addr)
	if err != nil || len(claims) == 0 {
		return nil, err
	}
	asker := conflicts.Claim{Segment: n.choice.Segment.String(), Addr: addr, Kind: conflicts.Request, Namespace: s.wukong.Namespace,
		Owner: fmt.Sprintf("Wukong %s/%s network %s", s.wukong.Namespace, s.wukong.Name, n.Name), Since: s.wukong.CreationTimestamp.Time}
	if own {
		asker.Kind = conflicts.Lease
	}
	index := &conflicts.Index{}
	index.Replace("nodes", claims)
	return conflicts.Conflicts(asker, index), nil
}

func refused(found []conflicts.Conflict) bool {
	for _, c := range found {
		if c.Severity == conflicts.Refuses {
			return true
		}
	}
	return false
}
