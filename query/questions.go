package query

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// Answerer answers questions from a Source.
type Answerer struct {
	From Source
	// WithoutNodes leaves out on which nodes machines run, where nobody would see it.
	WithoutNodes bool
}

// NothingError is an answer: what was asked about does not exist.
type NothingError struct{ Text string }

// Error gives the text.
func (e *NothingError) Error() string { return e.Text }

func nothing(format string, args ...any) error { return &NothingError{fmt.Sprintf(format, args...)} }

// Bounds of answers.
const (
	// MaxNext is how many addresses of a pool are given at most.
	MaxNext = 65536
	// MaxColumns and MaxRows bound the map of a pool.
	MaxColumns, MaxRows = 1000, 500
)

// Address says who has an address. A namespace leaves out holders of others.
func (a *Answerer) Address(ctx context.Context, addr netip.Addr, namespace string) (*answer.Owners, error) {
	facts := answer.Facts{Namespace: namespace}
	var err error
	if facts.Leases, err = a.From.Leases(ctx, Leases{Address: addr.String(), Namespace: namespace}); err != nil {
		return nil, err
	}
	pools, err := a.From.Pools(ctx)
	if err := a.From.Optional(err, "what pools say about the address is not shown"); err != nil {
		return nil, err
	}
	if facts.Declared, err = a.declared(ctx, pools); err != nil {
		return nil, err
	}
	if held := slices.ContainsFunc(facts.Leases, func(l v1alpha1.AddressLease) bool { return l.Spec.Phase != v1alpha1.LeaseReleased }); !held {
		// Nobody says that it is theirs: ask what guests report.
		facts.Wukongs, err = a.From.Wukongs(ctx, namespace)
		if err := a.From.Optional(err, "what guests report is not shown"); err != nil {
			return nil, err
		}
	} else if !a.WithoutNodes {
		if facts.Wukongs, err = a.holders(ctx, facts.Leases); err != nil {
			return nil, err
		}
	}
	return answer.WhoHasAddress(addr, facts), nil
}

// MAC says which machines have a MAC address, given in lower case with colons. An empty namespace is any.
func (a *Answerer) MAC(ctx context.Context, mac, namespace string) (*answer.Owners, error) {
	facts := answer.Facts{Namespace: namespace}
	var err error
	if facts.Leases, err = a.From.Leases(ctx, Leases{MAC: mac, Namespace: namespace}); err != nil {
		return nil, err
	}
	facts.Wukongs, err = a.From.Wukongs(ctx, namespace)
	if err := a.From.Optional(err, "networks without a lease are not shown"); err != nil {
		return nil, err
	}
	facts.Machines, err = a.From.VirtualMachines(ctx, namespace)
	if err := a.From.Optional(err, "VirtualMachines without a Wukong are not shown"); err != nil {
		return nil, err
	}
	return answer.WhoHasMAC(mac, facts), nil
}

// Machine looks for a Wukong of the name, then for what serves a VirtualMachine of that name. An empty namespace is any.
func (a *Answerer) Machine(ctx context.Context, namespace, name string) (*answer.Owners, error) {
	var facts answer.Facts
	wukongs, err := a.From.Wukongs(ctx, namespace)
	if err := a.From.Optional(err, "only leases of a Wukong of that name are shown"); err != nil {
		return nil, err
	}
	names := map[answer.Holder]bool{}
	for _, w := range wukongs {
		if w.Name == name || w.Status.VMName == name {
			facts.Wukongs = append(facts.Wukongs, w)
			names[answer.Holder{Namespace: w.Namespace, Name: w.Name}] = true
		}
	}
	if err := a.leasesOf(ctx, namespace, name, names, &facts); err != nil {
		return nil, err
	}
	if len(facts.Wukongs) == 0 && len(facts.Leases) == 0 {
		machines, err := a.From.VirtualMachines(ctx, namespace)
		if err := a.From.Optional(err, "whether there is a VirtualMachine of that name is not known"); err != nil {
			return nil, err
		}
		facts.Machines = slices.DeleteFunc(machines, func(m kubevirtv1.VirtualMachine) bool { return m.Name != name })
	}
	query := name
	if namespace != "" {
		query = namespace + "/" + name
	}
	return answer.WhatHas(query, facts), nil
}

// leasesOf reads those of a Wukong of the name, and of the Wukongs that were found. Without the right to read leases, what
// Wukongs say about themselves has to do.
func (a *Answerer) leasesOf(ctx context.Context, namespace, name string, holders map[answer.Holder]bool, facts *answer.Facts) error {
	asked := []answer.Holder{{Namespace: namespace, Name: name}}
	for h := range holders {
		if h.Name != name {
			asked = append(asked, h)
		}
	}
	slices.SortFunc(asked, func(a, b answer.Holder) int { return strings.Compare(a.String(), b.String()) })
	for _, h := range asked {
		leases, err := a.From.Leases(ctx, Leases{Namespace: h.Namespace, Name: h.Name})
		if err != nil && len(holders) > 0 {
			facts.Unread = true
			err = a.From.Optional(err, "only what the Wukong says is shown")
		}
		if err != nil {
			return err
		}
		facts.Leases = append(facts.Leases, leases...)
	}
	return nil
}

// holders reads the Wukongs that have the leases. One that is gone is no error.
func (a *Answerer) holders(ctx context.Context, leases []v1alpha1.AddressLease) ([]v1alpha1.Wukong, error) {
	var out []v1alpha1.Wukong
	for _, l := range leases {
		if l.Spec.Holder == nil {
			continue
		}
		w, err := a.From.Wukong(ctx, l.Spec.Holder.Namespace, l.Spec.Holder.Name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err := a.From.Optional(err, "nodes are not shown"); err != nil {
			return nil, err
		}
		if err == nil {
			out = append(out, *w)
		}
	}
	return out, nil
}

// declared reads what platform teams say beside pools.
func (a *Answerer) declared(ctx context.Context, pools []v1alpha1.AddressPool) (*answer.Declared, error) {
	reservations, err := a.From.Reservations(ctx)
	if err := a.From.Optional(err, "reservations are not regarded"); err != nil {
		return nil, err
	}
	uplinks, err := a.From.Uplinks(ctx)
	if err := a.From.Optional(err, "native VLANs are not regarded"); err != nil {
		return nil, err
	}
	return answer.NewDeclared(uplinks, pools, reservations), nil
}

// List lists leases by segment and address.
func (a *Answerer) List(ctx context.Context, which Leases) (*answer.List, error) {
	leases, err := a.From.Leases(ctx, which)
	if err != nil {
		return nil, err
	}
	var nodes answer.Nodes
	if !a.WithoutNodes {
		wukongs, err := a.From.Wukongs(ctx, which.Namespace)
		if err := a.From.Optional(err, "nodes are not shown"); err != nil {
			return nil, err
		}
		nodes = answer.NodesOf(wukongs)
	}
	list := answer.NewList(leases, nodes)
	return &list, nil
}

// History says who had an address. An empty segment, or namespace, is any.
func (a *Answerer) History(ctx context.Context, addr netip.Addr, segment, namespace string) (*answer.History, error) {
	leases, err := a.From.Leases(ctx, Leases{Address: addr.String(), Segment: segment, Namespace: namespace})
	if err != nil {
		return nil, err
	}
	return answer.NewHistory(addr.String(), leases), nil
}

// Segments says which segments there are, and what is on them.
func (a *Answerer) Segments(ctx context.Context) (*answer.SegmentList, error) {
	pools, err := a.From.Pools(ctx)
	if err != nil {
		return nil, err
	}
	known, err := a.declared(ctx, pools)
	if err != nil {
		return nil, err
	}
	leases, err := a.From.Leases(ctx, Leases{Live: true})
	if err != nil {
		return nil, err
	}
	return known.Segments(leases), nil
}

// Pools lists pools with what their status says.
func (a *Answerer) Pools(ctx context.Context) (*answer.PoolList, error) {
	pools, err := a.From.Pools(ctx)
	if err != nil {
		return nil, err
	}
	return answer.NewPoolList(pools), nil
}

// Pool says how full a pool is, with a map of the size.
func (a *Answerer) Pool(ctx context.Context, name string, size answer.Size) (*answer.PoolReport, error) {
	known, pool, err := a.pool(ctx, name)
	if err != nil {
		return nil, err
	}
	leases, err := a.From.Leases(ctx, Leases{Segment: pool.Segment.String()})
	if err != nil {
		return nil, err
	}
	return known.Pool(pool, leases, size), nil
}

// Next gives the addresses that a pool would give out next, at most count of them.
func (a *Answerer) Next(ctx context.Context, name string, count int) (*answer.NextAddresses, error) {
	known, pool, err := a.pool(ctx, name)
	if err != nil {
		return nil, err
	}
	if pool.Problem != nil {
		return answer.NewNext(pool, nil), nil
	}
	leases, err := a.From.Leases(ctx, Leases{Segment: pool.Segment.String()})
	if err != nil {
		return nil, err
	}
	inUse, err := a.usedByNodes(ctx, known, pool)
	if err != nil {
		return nil, err
	}
	return answer.NewNext(pool, known.Next(pool, leases, inUse, min(count, MaxNext))), nil
}

// usedByNodes gives the addresses that nodes use on the segment of a pool. Where it cannot be read, the answer says so.
func (a *Answerer) usedByNodes(ctx context.Context, known *answer.Declared, pool *render.Pool) ([]netip.Addr, error) {
	const missing = "addresses that nodes use are not passed over here, as the controller does"
	states, _, err := a.From.NodeStates(ctx)
	if err := a.From.Optional(err, missing); err != nil {
		return nil, err
	}
	nodes, err := a.From.Nodes(ctx)
	if err := a.From.Optional(err, missing); err != nil {
		return nil, err
	}
	return known.InUse(pool, nodes, states), nil
}

// pool reads a pool with what else is declared: other pools of its segment keep addresses to themselves, too.
func (a *Answerer) pool(ctx context.Context, name string) (*answer.Declared, *render.Pool, error) {
	pools, err := a.From.Pools(ctx)
	if err != nil {
		return nil, nil, err
	}
	known, err := a.declared(ctx, pools)
	if err != nil {
		return nil, nil, err
	}
	pool, ok := known.Pools.Pool(name)
	if !ok {
		return nil, nil, nothing("there is no AddressPool %q%s", name, thereAre(pools))
	}
	return known, pool, nil
}

// thereAre names the pools that there are, at most ten of them.
func thereAre(pools []v1alpha1.AddressPool) string {
	const most = 10
	var names []string
	for i := range pools {
		names = append(names, pools[i].Name)
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return ", and none at all"
	case len(names) > most:
		names = append(names[:most], "…")
	}
	return "; there are: " + strings.Join(names, ", ")
}

// Hosts says where hosts stand, or one HostNetwork or HostUplink of a name.
func (a *Answerer) Hosts(ctx context.Context, name string, now time.Time) (*hosts.Status, error) {
	w, err := World(ctx, a.From)
	if err != nil {
		return nil, err
	}
	s := hosts.NewView(w).Status(name, now)
	if s == nil {
		return nil, nothing("there is no HostNetwork and no HostUplink %q", name)
	}
	return s, nil
}
