package cluster

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// pageSize is the number of objects that one request asks for, as kubectl has it.
const pageSize = 500

// Fields of AddressLeases that the API server selects by.
const (
	FieldAddress   = "spec.address"
	FieldSegment   = "spec.segment"
	FieldPool      = "spec.pool"
	FieldPhase     = "spec.phase"
	FieldNamespace = "spec.holder.namespace"
	FieldName      = "spec.holder.name"
)

// The label that the Deployment of the controller is known by, whatever its name and namespace.
const (
	ControllerLabel = "app.kubernetes.io/name"
	ControllerName  = "wukong-network"
)

// Controllers gives the Deployments of the controller, in whatever namespace.
func (c *Cluster) Controllers(ctx context.Context) ([]appsv1.Deployment, error) {
	list := func() *appsv1.DeploymentList { return &appsv1.DeploymentList{} }
	return pages(ctx, c, "Deployments", list, func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items },
		client.MatchingLabels{ControllerLabel: ControllerName})
}

// Lease gives one AddressLease.
func (c *Cluster) Lease(ctx context.Context, name string) (*v1alpha1.AddressLease, error) {
	l := &v1alpha1.AddressLease{}
	return l, c.get(ctx, "AddressLease", client.ObjectKey{Name: name}, l)
}

// Leases gives the AddressLeases that the terms select; none selects all.
func (c *Cluster) Leases(ctx context.Context, terms ...fields.Selector) ([]v1alpha1.AddressLease, error) {
	list := func() *v1alpha1.AddressLeaseList { return &v1alpha1.AddressLeaseList{} }
	items := func(l *v1alpha1.AddressLeaseList) []v1alpha1.AddressLease { return l.Items }
	return pages(ctx, c, "AddressLeases", list, items, client.MatchingFieldsSelector{Selector: fields.AndSelectors(terms...)})
}

// SomeLeases gives the first AddressLeases by name, at most limit of them, for suggestions.
func (c *Cluster) SomeLeases(ctx context.Context, limit int64) ([]v1alpha1.AddressLease, error) {
	list := &v1alpha1.AddressLeaseList{}
	err := c.client.List(ctx, list, client.Limit(limit))
	return list.Items, explain("list AddressLeases", err)
}

// Pool gives one AddressPool.
func (c *Cluster) Pool(ctx context.Context, name string) (*v1alpha1.AddressPool, error) {
	p := &v1alpha1.AddressPool{}
	return p, c.get(ctx, "AddressPool", client.ObjectKey{Name: name}, p)
}

// Pools gives all AddressPools.
func (c *Cluster) Pools(ctx context.Context) ([]v1alpha1.AddressPool, error) {
	list := func() *v1alpha1.AddressPoolList { return &v1alpha1.AddressPoolList{} }
	return pages(ctx, c, "AddressPools", list, func(l *v1alpha1.AddressPoolList) []v1alpha1.AddressPool { return l.Items })
}

// Reservations gives all AddressReservations.
func (c *Cluster) Reservations(ctx context.Context) ([]v1alpha1.AddressReservation, error) {
	list := func() *v1alpha1.AddressReservationList { return &v1alpha1.AddressReservationList{} }
	return pages(ctx, c, "AddressReservations", list,
		func(l *v1alpha1.AddressReservationList) []v1alpha1.AddressReservation { return l.Items })
}

// Uplinks gives all HostUplinks.
func (c *Cluster) Uplinks(ctx context.Context) ([]v1alpha1.HostUplink, error) {
	list := func() *v1alpha1.HostUplinkList { return &v1alpha1.HostUplinkList{} }
	return pages(ctx, c, "HostUplinks", list, func(l *v1alpha1.HostUplinkList) []v1alpha1.HostUplink { return l.Items })
}

// Wukong gives one Wukong.
func (c *Cluster) Wukong(ctx context.Context, namespace, name string) (*v1alpha1.Wukong, error) {
	w := &v1alpha1.Wukong{}
	return w, c.get(ctx, "Wukong", client.ObjectKey{Namespace: namespace, Name: name}, w)
}

// Wukongs gives the Wukongs of a namespace; "" means all namespaces.
func (c *Cluster) Wukongs(ctx context.Context, namespace string) ([]v1alpha1.Wukong, error) {
	list := func() *v1alpha1.WukongList { return &v1alpha1.WukongList{} }
	return pages(ctx, c, "Wukongs", list, func(l *v1alpha1.WukongList) []v1alpha1.Wukong { return l.Items }, client.InNamespace(namespace))
}

// VirtualMachines gives the VirtualMachines of a namespace; "" means all namespaces.
func (c *Cluster) VirtualMachines(ctx context.Context, namespace string) ([]kubevirtv1.VirtualMachine, error) {
	list := func() *kubevirtv1.VirtualMachineList { return &kubevirtv1.VirtualMachineList{} }
	items := func(l *kubevirtv1.VirtualMachineList) []kubevirtv1.VirtualMachine { return l.Items }
	return pages(ctx, c, "VirtualMachines", list, items, client.InNamespace(namespace))
}

// Optional is for a read that an answer can do without. When the caller may not, or the kind is not there, it gives nil and
// says once what is missing from the answer; any other error stays one.
func (c *Cluster) Optional(err error, missing string) error {
	switch CauseOf(err) {
	case NotInstalled:
		return nil
	case Forbidden:
		if !c.skipping[missing] {
			c.skipping[missing] = true
			fmt.Fprintf(c.options.Diagnostics, "note: %v: %s\n", err, missing)
		}
		return nil
	}
	return err
}

func (c *Cluster) get(ctx context.Context, kind string, key client.ObjectKey, into client.Object) error {
	c.options.Progress.Say("reading %s %s", kind, key.Name)
	defer c.options.Progress.Done()
	return explain("get "+kind+" "+key.Name, c.client.Get(ctx, key, into))
}

// pages reads a list page by page. When a page's token expires the list is read anew, at once.
func pages[L client.ObjectList, T any](ctx context.Context, c *Cluster, kinds string, newList func() L, items func(L) []T, options ...client.ListOption) ([]T, error) {
	var all []T
	defer c.options.Progress.Done()
	c.options.Progress.Say("reading %s", kinds)
	limit, token := int64(pageSize), ""
	for {
		page := newList()
		err := c.client.List(ctx, page, append(slices.Clone(options), client.Limit(limit), client.Continue(token))...)
		if apierrors.IsResourceExpired(err) && token != "" {
			all, limit, token = nil, 0, ""
			continue
		}
		if err != nil {
			return nil, explain("list "+kinds, err)
		}
		all = append(all, items(page)...)
		if token = page.GetContinue(); token == "" {
			return all, nil
		}
		c.options.Progress.Say("reading %s: %d", kinds, len(all))
	}
}

// Is selects leases by the value of a field.
func Is(field, value string) fields.Selector { return fields.OneTermEqualSelector(field, value) }

// IsNot selects leases whose field has another value.
func IsNot(field, value string) fields.Selector { return fields.OneTermNotEqualSelector(field, value) }
