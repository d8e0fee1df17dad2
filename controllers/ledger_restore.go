package controllers

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// restore matches what Wukongs publish with leases, by live reads, before anything is allocated. A published address whose
// lease is gone, such as after a backup was restored, gets its lease again if the status agrees with the spec and with what
// was delivered to the guest. The oldest Wukong comes first. What cannot be restored is reported.
func (l *ledger) restore(ctx context.Context) error {
	wukongs := &v1alpha1.WukongList{}
	if err := l.live.List(ctx, wukongs); err != nil {
		return err
	}
	slices.SortFunc(wukongs.Items, func(a, b v1alpha1.Wukong) int {
		return cmp.Or(a.CreationTimestamp.UTC().Compare(b.CreationTimestamp.UTC()), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	// What is lost is found first: of two that publish one address, the one that does not get it is told.
	lost := make([]map[string]bool, len(wukongs.Items))
	for i := range wukongs.Items {
		if w := &wukongs.Items[i]; w.DeletionTimestamp.IsZero() {
			var err error
			if lost[i], err = l.unleased(ctx, w); err != nil {
				return err
			}
		}
	}
	for i := range wukongs.Items {
		if len(lost[i]) == 0 {
			continue
		}
		if err := l.restoreLeases(ctx, &wukongs.Items[i], lost[i]); err != nil {
			return err
		}
	}
	for i := range wukongs.Items {
		if w := &wukongs.Items[i]; w.DeletionTimestamp.IsZero() {
			if err := l.rejoin(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// unleased gives the names of published leases that do not exist.
func (l *ledger) unleased(ctx context.Context, w *v1alpha1.Wukong) (map[string]bool, error) {
	lost := map[string]bool{}
	for _, n := range w.Status.Networks {
		for _, a := range n.Addresses {
			if a.Lease == "" || l.knows(a.Lease) {
				continue
			}
			err := l.live.Get(ctx, client.ObjectKey{Name: a.Lease}, &v1alpha1.AddressLease{})
			if client.IgnoreNotFound(err) != nil {
				return nil, err
			}
			if err != nil {
				lost[a.Lease] = true
			}
		}
	}
	return lost, nil
}

func (l *ledger) knows(lease string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.leases[lease]
	return ok
}

// restoreLeases makes the lost leases of one Wukong again.
func (l *ledger) restoreLeases(ctx context.Context, w *v1alpha1.Wukong, lost map[string]bool) error {
	requests, why := l.published(ctx, w)
	if why != "" {
		l.report(ctx, w, lost, why)
		return nil
	}
	for _, req := range requests {
		name, err := ipam.LeaseName(req.Address.Addr(), req.Segment.String())
		if err != nil || !lost[name] {
			continue
		}
		lease, verdict, err := l.leaser.take(ctx, req, w.Generation, l.clock.Now())
		switch {
		case err != nil:
			return err
		case lease == nil:
			l.report(ctx, w, map[string]bool{name: true}, verdict.Tenant())
		default:
			l.sawLease(lease)
			log.FromContext(ctx).Info("Lease restored from what is published", "lease", name, "holder", req.Holder.String())
			l.events.Eventf(w, nil, corev1.EventTypeNormal, v1alpha1.ReasonLeaseAdopted, "Restore",
				"AddressLease %s was lost and is restored from this status", name)
		}
	}
	return nil
}

func (l *ledger) report(ctx context.Context, w *v1alpha1.Wukong, lost map[string]bool, why string) {
	var names []string
	for name := range lost {
		names = append(names, name)
	}
	slices.Sort(names)
	log.FromContext(ctx).Info("Leases are lost and cannot be restored", "wukong", client.ObjectKeyFromObject(w), "leases", names, "why", why)
	l.events.Eventf(w, nil, corev1.EventTypeWarning, v1alpha1.ReasonLeaseLost, "Restore", "%s", clip(fmt.Sprintf(
		"AddressLease %s is lost and cannot be restored: %s", strings.Join(names, ", "), why)))
}

// published gives the requests for which the addresses of a status were leased, if the status agrees with the spec and with
// what was delivered; else why it does not.
func (l *ledger) published(ctx context.Context, w *v1alpha1.Wukong) ([]ipam.Request, string) {
	request, invalid := render.ParseWukong(w)
	if len(invalid) > 0 {
		return nil, "the spec is invalid: " + invalid.ToAggregate().Error()
	}
	if w.Status.ObservedGeneration != w.Generation {
		return nil, "the spec was changed since the status was written"
	}
	o, err := l.offers.current(ctx)
	if err != nil {
		return nil, err.Error()
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := l.Get(ctx, client.ObjectKey{Name: w.Namespace}, namespace); err != nil {
		return nil, err.Error()
	}
	p := publication{wukong: w, request: request, offer: o, holder: ipam.Holder{Namespace: w.Namespace, NamespaceUID: string(namespace.UID),
		Name: w.Name, UID: string(w.UID), VirtualMachine: machineOf(request)}, taken: map[string]netip.Prefix{}, macs: map[string]string{}}
	for _, n := range request.Networks {
		if why := p.network(n); why != "" {
			return nil, why
		}
	}
	return p.requests, p.disagrees(l.cluster)
}

// publication compares one status with its spec.
type publication struct {
	wukong  *v1alpha1.Wukong
	request *render.Request
	offer   *offer
	holder  ipam.Holder

	choices  []render.Choice
	taken    map[string]netip.Prefix
	macs     map[string]string
	requests []ipam.Request
}

// network takes in what is published for one network, or says why it does not fit the spec.
func (p *publication) network(n render.Network) string {
	choice := render.Choice{}
	defer func() { p.choices = append(p.choices, choice) }()
	if !n.Served() {
		return ""
	}
	i := slices.IndexFunc(p.wukong.Status.Networks, func(st v1alpha1.WukongNetworkStatus) bool { return st.Name == n.Name })
	if i < 0 {
		return fmt.Sprintf("network %s is not in the status", n.Name)
	}
	st := p.wukong.Status.Networks[i]
	var ok bool
	if choice, ok = p.offer.catalog.Choice(st.HostNetwork, st.Segment, n); !ok {
		return fmt.Sprintf("HostNetwork %q is not on segment %q any more", st.HostNetwork, st.Segment)
	}
	if len(st.Addresses) != len(n.Addresses) {
		return fmt.Sprintf("network %s publishes %d addresses and asks for %d", n.Name, len(st.Addresses), len(n.Addresses))
	}
	p.macs[n.Name] = st.MACAddress
	for k, a := range n.Addresses {
		prefix, err := netip.ParsePrefix(st.Addresses[k].Address)
		if err != nil || (a.Explicit() && prefix != a.Prefix) || st.Addresses[k].Pool != a.Pool {
			return fmt.Sprintf("%s does not ask for the published %s", a.Path, st.Addresses[k].Address)
		}
		p.taken[a.Path] = prefix
		holder := p.holder
		holder.Network = n.Name
		p.requests = append(p.requests, ipam.Request{Address: prefix, Segment: choice.Segment, Holder: holder, HostNetwork: choice.HostNetwork,
			Pool: a.Pool, MAC: st.MACAddress, Reserve: a.Reserved})
	}
	return ""
}

// disagrees says why what was delivered is not what the published addresses give, or nothing.
func (p *publication) disagrees(cluster string) string {
	if p.wukong.Status.RequestHash == "" {
		return "nothing was delivered to a guest with it, so that none can have it" // it is asked for anew, as by anybody
	}
	granted, invalid := p.offer.pools.Grant(p.request, p.taken)
	if len(invalid) > 0 {
		return invalid.ToAggregate().Error()
	}
	objects, err := render.Wukong(granted, p.choices, render.Options{ClusterName: cluster, MACs: p.macs})
	if err != nil {
		return err.Error()
	}
	if objects.RequestHash != p.wukong.Status.RequestHash {
		return "what was delivered to the guest is not what the status and the spec give"
	}
	return ""
}
