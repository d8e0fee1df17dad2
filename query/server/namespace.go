package server

import (
	"context"
	"strings"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query"
)

// within reads the caches for somebody, of one namespace alone. Leases belong to no namespace, so those whose holder is in it
// are given to whoever may list its Wukongs, without what they say about others.
type within struct {
	*source
	namespace string
	// whole: whoever asks may read leases, so nothing in them is hidden.
	whole bool
}

var _ query.Source = &within{}

// newWithin finds out whether somebody may ask about a namespace.
func newWithin(ctx context.Context, from *source, namespace string) (*within, error) {
	w := &within{source: from, namespace: namespace}
	switch err := from.access.allowed(ctx, from.who, right{verb: "list", group: leases}); {
	case err == nil:
		w.whole = true
		return w, nil
	case !forbidden(err):
		return nil, err
	}
	return w, from.access.allowed(ctx, from.who, right{verb: "list", group: wukongs, namespace: namespace})
}

// Leases gives those whose holder is in the namespace.
func (w *within) Leases(ctx context.Context, which query.Leases) ([]v1alpha1.AddressLease, error) {
	which.Namespace = w.namespace
	found, err := w.caches.leases(ctx, which)
	if err != nil || w.whole {
		return found, err
	}
	for i := range found {
		found[i] = w.redacted(&found[i])
	}
	return found, nil
}

// redacted is a lease without what it says about other namespaces.
func (w *within) redacted(l *v1alpha1.AddressLease) v1alpha1.AddressLease {
	out := v1alpha1.AddressLease{Spec: l.Spec}
	out.Name = l.Name
	out.Spec.History = nil
	for _, c := range l.Spec.History {
		if strings.HasPrefix(c.Holder, w.namespace+"/") {
			out.Spec.History = append(out.Spec.History, c)
		}
	}
	if out.Spec.Conflict != "" {
		out.Spec.Conflict = "something else has the address, or claims it: whoever looks after addresses finds it in AddressLease " + l.Name
	}
	return out
}

// Wukongs gives those of the namespace.
func (w *within) Wukongs(ctx context.Context, _ string) ([]v1alpha1.Wukong, error) {
	return w.source.Wukongs(ctx, w.namespace)
}

// VirtualMachines gives those of the namespace.
func (w *within) VirtualMachines(ctx context.Context, _ string) ([]kubevirtv1.VirtualMachine, error) {
	return w.source.VirtualMachines(ctx, w.namespace)
}
