package controllers

import (
	"context"
	"net/netip"
	"slices"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// NewScheme knows every kind that the controllers read or write. Node states and enactments are decoded into the small
// types of package nmstate, so that a cache never holds the large originals.
func NewScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme,
		nmstate.AddToScheme, kubevirtv1.AddToScheme, netattach.AddToScheme} {
		utilruntime.Must(add(s))
	}
	s.AddKnownTypes(nmstatev1.GroupVersion, &nmstatev1.NodeNetworkConfigurationPolicy{}, &nmstatev1.NodeNetworkConfigurationPolicyList{})
	metav1.AddToGroupVersion(s, nmstatev1.GroupVersion)
	return s
}

// CacheOptions keeps of each object what the controllers read.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Node{}:    {Transform: slimNode},
			&corev1.Pod{}:     {Transform: slimPod},
			&corev1.Service{}: {Transform: slimService},
		},
	}
}

// slimNode keeps labels, annotations, addresses and conditions of a node; its images alone are larger.
func slimNode(obj any) (any, error) {
	if n, ok := obj.(*corev1.Node); ok {
		n.ManagedFields = nil
		n.Status = corev1.NodeStatus{Addresses: n.Status.Addresses, Conditions: n.Status.Conditions}
	}
	return obj, nil
}

// slimPod keeps of a pod's metadata what says which addresses it has: there are many pods, and their specs are never read.
func slimPod(obj any) (any, error) {
	if p, ok := obj.(*metav1.PartialObjectMetadata); ok {
		status, has := p.Annotations[netattach.NetworkStatusAnnot]
		p.ManagedFields, p.OwnerReferences, p.Annotations = nil, nil, nil
		if has {
			p.Annotations = map[string]string{netattach.NetworkStatusAnnot: status}
		}
	}
	return obj, nil
}

// slimService keeps what says which addresses a Service has.
func slimService(obj any) (any, error) {
	if s, ok := obj.(*corev1.Service); ok {
		s.ManagedFields, s.Labels, s.Annotations = nil, nil, nil
		s.Spec = corev1.ServiceSpec{Type: s.Spec.Type, ClusterIP: s.Spec.ClusterIP, ClusterIPs: s.Spec.ClusterIPs, ExternalIPs: s.Spec.ExternalIPs}
		s.Status.Conditions = nil
	}
	return obj, nil
}

// Names of cache indexes.
const (
	// indexWukongHostNetwork: Wukongs by the HostNetworks that their status names.
	indexWukongHostNetwork = "hostNetwork"
	// indexWukongAddress: Wukongs by the addresses that their spec asks for or their status publishes, in canonical form.
	indexWukongAddress = "address"
	// indexWukongMAC: Wukongs by the MAC addresses that their spec asks for or their status publishes, in lower case.
	indexWukongMAC = "mac"
	// indexWukongNextHop: Wukongs by the gateways and DNS servers that their spec names.
	indexWukongNextHop = "nextHop"
	// indexWukongPool: Wukongs by the AddressPools that they name.
	indexWukongPool = "pool"
	// indexWukongReason: Wukongs by the reasons of their networks.
	indexWukongReason = "reason"
	// indexWukongMachine: Wukongs by the name of the VirtualMachine that they serve.
	indexWukongMachine = "machine"
	// indexWukongNode: Wukongs by the node that their machine runs on.
	indexWukongNode = "node"
	// indexLeaseMachine: leases by namespace/name of the VirtualMachine that uses them.
	indexLeaseMachine = "machine"
	// indexLeaseHostNetwork: leases by the HostNetwork that their holder attaches to.
	indexLeaseHostNetwork = "hostNetwork"
	// indexLeaseHolder: leases by namespace/name of their holder.
	indexLeaseHolder = "holder"
	// indexLeaseAddress: leases by their address.
	indexLeaseAddress = "address"
	// indexReservationFor: reservations by namespace/name of the Wukong that they wait for.
	indexReservationFor = "for"
	// indexEnactmentPolicy and indexEnactmentNode: enactments by policy and by node.
	indexEnactmentPolicy = "policy"
	indexEnactmentNode   = "node"
)

// Setup adds every controller to the manager.
func Setup(ctx context.Context, mgr manager.Manager, cfg Config) error {
	if err := addIndexes(ctx, mgr); err != nil {
		return err
	}
	components, err := NewComponents(mgr)
	if err != nil {
		return err
	}
	if err := components.WhenServed(Nmstate, func(ctx context.Context) error { return addNmstateIndexes(ctx, mgr) }); err != nil {
		return err
	}
	for _, setup := range []func(manager.Manager, Config, *Components) error{SetupHostUplink, SetupHostNetwork} {
		if err := setup(mgr, cfg, components); err != nil {
			return err
		}
	}
	l := newLedger(mgr, cfg, components)
	for _, setup := range []func(manager.Manager, Config, *Components, *ledger) error{
		SetupAddressLease, SetupWukong, SetupAddressPool, SetupAddressReservation,
	} {
		if err := setup(mgr, cfg, components, l); err != nil {
			return err
		}
	}
	return mgr.Add(&follower{ledger: l, cache: mgr.GetCache()})
}

func addIndexes(ctx context.Context, mgr manager.Manager) error {
	indexer := mgr.GetFieldIndexer()
	for _, index := range []struct {
		obj  client.Object
		name string
		keys client.IndexerFunc
	}{
		{&v1alpha1.Wukong{}, indexWukongHostNetwork, wukongHostNetworks},
		{&v1alpha1.Wukong{}, indexWukongAddress, wukongAddresses},
		{&v1alpha1.Wukong{}, indexWukongMAC, wukongMACs},
		{&v1alpha1.Wukong{}, indexWukongNextHop, wukongNextHops},
		{&v1alpha1.Wukong{}, indexWukongPool, wukongPools},
		{&v1alpha1.Wukong{}, indexWukongReason, wukongReasons},
		{&v1alpha1.Wukong{}, indexWukongMachine, wukongMachine},
		{&v1alpha1.Wukong{}, indexWukongNode, wukongNode},
		{&v1alpha1.AddressLease{}, indexLeaseMachine, leaseMachine},
		{&v1alpha1.AddressLease{}, indexLeaseHostNetwork, leaseHostNetwork},
		{&v1alpha1.AddressLease{}, indexLeaseHolder, leaseHolder},
		{&v1alpha1.AddressLease{}, indexLeaseAddress, leaseAddress},
		{&v1alpha1.AddressReservation{}, indexReservationFor, reservationFor},
	} {
		if err := indexer.IndexField(ctx, index.obj, index.name, index.keys); err != nil {
			return err
		}
	}
	return nil
}

func addNmstateIndexes(ctx context.Context, mgr manager.Manager) error {
	indexer := mgr.GetFieldIndexer()
	if err := indexer.IndexField(ctx, &nmstate.Enactment{}, indexEnactmentPolicy, func(o client.Object) []string {
		return []string{o.GetLabels()[nmstate.PolicyLabel]}
	}); err != nil {
		return err
	}
	return indexer.IndexField(ctx, &nmstate.Enactment{}, indexEnactmentNode, func(o client.Object) []string {
		return []string{o.GetLabels()[nmstate.NodeLabel]}
	})
}

// unresolved is the key of Wukongs with a network that has no HostNetwork. No HostNetwork can have this name.
const unresolved = "?"

func wukongHostNetworks(o client.Object) []string {
	var names []string
	for _, n := range o.(*v1alpha1.Wukong).Status.Networks {
		if n.HostNetwork != "" {
			names = append(names, n.HostNetwork)
		}
	}
	if len(names) < len(o.(*v1alpha1.Wukong).Spec.Networks) {
		names = append(names, unresolved)
	}
	return names
}

func wukongMachine(o client.Object) []string {
	w := o.(*v1alpha1.Wukong)
	if w.Spec.VirtualMachineName != "" {
		return []string{w.Spec.VirtualMachineName}
	}
	return []string{render.VMName(w.Name)}
}

func wukongNode(o client.Object) []string {
	if name := o.(*v1alpha1.Wukong).Status.NodeName; name != "" {
		return []string{name}
	}
	return nil
}

func leaseMachine(o client.Object) []string {
	if h := o.(*v1alpha1.AddressLease).Spec.Holder; h != nil && h.VirtualMachine != "" {
		return []string{h.Namespace + "/" + h.VirtualMachine}
	}
	return nil
}

// wukongAddresses reads the spec leniently: what cannot be parsed is reported elsewhere and asks for nothing.
func wukongAddresses(o client.Object) []string {
	var out []string
	add := func(text string) {
		if p, err := netip.ParsePrefix(text); err == nil {
			if a := p.Addr().Unmap().String(); !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	w := o.(*v1alpha1.Wukong)
	for _, n := range w.Spec.Networks {
		if n.IPConfig == nil {
			continue
		}
		for _, a := range append([]v1alpha1.AdditionalAddress{{Address: n.IPConfig.Address}}, n.IPConfig.AdditionalAddresses...) {
			if a.Address != nil {
				add(string(*a.Address))
			}
		}
	}
	for _, n := range w.Status.Networks {
		for _, a := range n.Addresses {
			add(a.Address)
		}
	}
	return out
}

func wukongMACs(o client.Object) []string {
	var out []string
	w := o.(*v1alpha1.Wukong)
	for _, n := range w.Spec.Networks {
		if n.MACAddress != nil {
			out = append(out, lowerMAC(string(*n.MACAddress)))
		}
	}
	for _, n := range w.Status.Networks {
		if mac := lowerMAC(n.MACAddress); mac != "" && !slices.Contains(out, mac) {
			out = append(out, mac)
		}
	}
	return out
}

// wukongNextHops reads the spec leniently. What a Wukong inherits is found by its pools.
func wukongNextHops(o client.Object) []string {
	var out []string
	add := func(text string) {
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(out, a.Unmap().String()) {
			out = append(out, a.Unmap().String())
		}
	}
	for _, n := range o.(*v1alpha1.Wukong).Spec.Networks {
		if n.IPConfig == nil {
			continue
		}
		for _, a := range append([]v1alpha1.AdditionalAddress{{Gateway: n.IPConfig.Gateway}}, n.IPConfig.AdditionalAddresses...) {
			if a.Gateway != nil {
				add(string(*a.Gateway))
			}
		}
		for _, r := range n.IPConfig.Routes {
			add(string(r.Via))
		}
		for _, server := range n.IPConfig.DNSServers {
			add(string(server))
		}
	}
	return out
}

func wukongPools(o client.Object) []string {
	var out []string
	for _, n := range o.(*v1alpha1.Wukong).Spec.Networks {
		if n.IPConfig == nil {
			continue
		}
		for _, a := range append([]v1alpha1.AdditionalAddress{{IPPool: n.IPConfig.IPPool}}, n.IPConfig.AdditionalAddresses...) {
			if a.IPPool != "" && !slices.Contains(out, a.IPPool) {
				out = append(out, a.IPPool)
			}
		}
	}
	return out
}

func wukongReasons(o client.Object) []string {
	var out []string
	for _, n := range o.(*v1alpha1.Wukong).Status.Networks {
		if n.Reason != "" && !slices.Contains(out, n.Reason) {
			out = append(out, n.Reason)
		}
	}
	return out
}

func leaseAddress(o client.Object) []string { return []string{o.(*v1alpha1.AddressLease).Spec.Address} }

func reservationFor(o client.Object) []string {
	if f := o.(*v1alpha1.AddressReservation).Spec.For; f != nil {
		return []string{f.Namespace + "/" + f.Name}
	}
	return nil
}

func leaseHostNetwork(o client.Object) []string {
	if name := o.(*v1alpha1.AddressLease).Spec.HostNetwork; name != "" {
		return []string{name}
	}
	return nil
}

func leaseHolder(o client.Object) []string {
	if h := o.(*v1alpha1.AddressLease).Spec.Holder; h != nil {
		return []string{h.Namespace + "/" + h.Name}
	}
	return nil
}
