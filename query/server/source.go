package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query"
)

// Kinds that answers are made of, as rights name them.
var (
	leases       = v1alpha1.GroupVersion.WithResource("addressleases")
	pools        = v1alpha1.GroupVersion.WithResource("addresspools")
	reservations = v1alpha1.GroupVersion.WithResource("addressreservations")
	uplinks      = v1alpha1.GroupVersion.WithResource("hostuplinks")
	networks     = v1alpha1.GroupVersion.WithResource("hostnetworks")
	wukongs      = v1alpha1.GroupVersion.WithResource("wukongs")
	machines     = schema.GroupVersionResource{Group: kubevirtv1.GroupVersion.Group, Version: kubevirtv1.GroupVersion.Version, Resource: "virtualmachines"}
	instances    = schema.GroupVersionResource{Group: kubevirtv1.GroupVersion.Group, Version: kubevirtv1.GroupVersion.Version, Resource: "virtualmachineinstances"}
	attachments  = nadv1.SchemeGroupVersion.WithResource("network-attachment-definitions")
	namespaces   = corev1.SchemeGroupVersion.WithResource("namespaces")
	nodes        = corev1.SchemeGroupVersion.WithResource("nodes")
	nodeStates   = nmstate.GroupVersion.WithResource("nodenetworkstates")
	enactments   = nmstate.GroupVersion.WithResource("nodenetworkconfigurationenactments")
	policies     = nmstate.PolicyGroupVersion.WithResource("nodenetworkconfigurationpolicies")
)

// owners are the components whose kinds a cluster may lack, by API group.
var owners = map[string]string{nmstate.GroupVersion.Group: "kubernetes-nmstate", kubevirtv1.GroupVersion.Group: "KubeVirt", nadv1.SchemeGroupVersion.Group: "Multus"}

// caches are the manager's copies of what is stored. What they give is shared: whoever gets it must not change it.
type caches struct{ reader client.Reader }

// source reads the caches for somebody.
type source struct {
	caches
	access *access
	who    user.Info
	// missing is what could not be read, once each, in order.
	missing []string
}

var _ query.Source = &source{}

// list reads all objects of a kind, or those of a namespace, into list, if whoever asks may.
func (s *source) list(ctx context.Context, kind schema.GroupVersionResource, namespace string, list client.ObjectList) error {
	if err := s.access.allowed(ctx, s.who, right{verb: "list", group: kind, namespace: namespace}); err != nil {
		return err
	}
	return s.caches.list(ctx, kind, namespace, list)
}

func (c *caches) list(ctx context.Context, kind schema.GroupVersionResource, namespace string, list client.ObjectList) error {
	if err := c.served(ctx, kind); err != nil {
		return err
	}
	return c.reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
}

// served refuses to ask for a kind of a component that the cluster lacks: a cache would wait for it for ever.
func (c *caches) served(ctx context.Context, kind schema.GroupVersionResource) error {
	owner := owners[kind.Group]
	if owner == "" {
		return nil
	}
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	err := c.reader.Get(ctx, client.ObjectKey{Name: kind.Resource + "." + kind.Group}, crd)
	if apierrors.IsNotFound(err) || (err == nil && !crd.DeletionTimestamp.IsZero()) {
		return &absentError{fmt.Sprintf("the API server does not know %s: is %s installed in this cluster?", kind.GroupResource(), owner)}
	}
	return err
}

// absentError says that the cluster lacks a kind.
type absentError struct{ text string }

// Error gives the text.
func (e *absentError) Error() string { return e.text }

// Optional is that of query.Source.
func (s *source) Optional(err error, missing string) error {
	var absent *absentError
	switch {
	case err == nil, errors.As(err, &absent):
		return nil
	case forbidden(err):
		s.note(err.Error() + ": " + missing)
		return nil
	}
	return err
}

// note remembers what is missing.
func (s *source) note(text string) {
	if !slices.Contains(s.missing, text) {
		s.missing = append(s.missing, text)
	}
}

// Leases is that of query.Source.
func (s *source) Leases(ctx context.Context, which query.Leases) ([]v1alpha1.AddressLease, error) {
	if err := s.access.allowed(ctx, s.who, right{verb: "list", group: leases}); err != nil {
		return nil, err
	}
	return s.caches.leases(ctx, which)
}

func (c *caches) leases(ctx context.Context, which query.Leases) ([]v1alpha1.AddressLease, error) {
	list := &v1alpha1.AddressLeaseList{}
	if err := c.list(ctx, leases, "", list); err != nil {
		return nil, err
	}
	var out []v1alpha1.AddressLease
	for i := range list.Items {
		if which.Matches(&list.Items[i]) {
			out = append(out, list.Items[i])
		}
	}
	return out, nil
}

// Pools is that of query.Source.
func (s *source) Pools(ctx context.Context) ([]v1alpha1.AddressPool, error) {
	list := &v1alpha1.AddressPoolList{}
	err := s.list(ctx, pools, "", list)
	return list.Items, err
}

// Reservations is that of query.Source.
func (s *source) Reservations(ctx context.Context) ([]v1alpha1.AddressReservation, error) {
	list := &v1alpha1.AddressReservationList{}
	err := s.list(ctx, reservations, "", list)
	return list.Items, err
}

// Uplinks is that of query.Source.
func (s *source) Uplinks(ctx context.Context) ([]v1alpha1.HostUplink, error) {
	list := &v1alpha1.HostUplinkList{}
	err := s.list(ctx, uplinks, "", list)
	return list.Items, err
}

// HostNetworks is that of query.Source.
func (s *source) HostNetworks(ctx context.Context) ([]v1alpha1.HostNetwork, error) {
	list := &v1alpha1.HostNetworkList{}
	err := s.list(ctx, networks, "", list)
	return list.Items, err
}

// Wukong is that of query.Source.
func (s *source) Wukong(ctx context.Context, namespace, name string) (*v1alpha1.Wukong, error) {
	if err := s.access.allowed(ctx, s.who, right{"get", wukongs, namespace, name}); err != nil {
		return nil, err
	}
	w := &v1alpha1.Wukong{}
	err := s.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, w)
	return w, err
}

// Wukongs is that of query.Source.
func (s *source) Wukongs(ctx context.Context, namespace string) ([]v1alpha1.Wukong, error) {
	list := &v1alpha1.WukongList{}
	err := s.list(ctx, wukongs, namespace, list)
	return list.Items, err
}

// VirtualMachines is that of query.Source.
func (s *source) VirtualMachines(ctx context.Context, namespace string) ([]kubevirtv1.VirtualMachine, error) {
	list := &kubevirtv1.VirtualMachineList{}
	err := s.list(ctx, machines, namespace, list)
	return list.Items, err
}

// Instances is that of query.Source.
func (s *source) Instances(ctx context.Context) ([]kubevirtv1.VirtualMachineInstance, error) {
	list := &kubevirtv1.VirtualMachineInstanceList{}
	err := s.list(ctx, instances, "", list)
	return list.Items, err
}

// Attachments is that of query.Source.
func (s *source) Attachments(ctx context.Context) ([]nadv1.NetworkAttachmentDefinition, error) {
	list := &nadv1.NetworkAttachmentDefinitionList{}
	err := s.list(ctx, attachments, "", list)
	return list.Items, err
}

// Namespaces is that of query.Source.
func (s *source) Namespaces(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	err := s.list(ctx, namespaces, "", list)
	return list.Items, err
}

// Nodes is that of query.Source.
func (s *source) Nodes(ctx context.Context) ([]corev1.Node, error) {
	list := &corev1.NodeList{}
	err := s.list(ctx, nodes, "", list)
	return list.Items, err
}

// NodeStates is that of query.Source. The caches do not have the reports themselves.
func (s *source) NodeStates(ctx context.Context) ([]nmstate.NodeNetworkState, map[string][]byte, error) {
	list := &nmstate.NodeNetworkStateList{}
	err := s.list(ctx, nodeStates, "", list)
	return list.Items, nil, err
}

// Policies is that of query.Source.
func (s *source) Policies(ctx context.Context) ([]nmstate.Policy, error) {
	list := &nmstate.PolicyList{}
	err := s.list(ctx, policies, "", list)
	return list.Items, err
}

// Enactments is that of query.Source.
func (s *source) Enactments(ctx context.Context) ([]nmstate.Enactment, error) {
	list := &nmstate.EnactmentList{}
	err := s.list(ctx, enactments, "", list)
	return list.Items, err
}
