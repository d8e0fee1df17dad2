package controllers

import (
	"context"
	"net/netip"

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
			&corev1.Node{}: {Transform: slimNode},
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

// Names of cache indexes.
const (
	// indexWukongHostNetwork: Wukongs by the HostNetworks that their status names.
	indexWukongHostNetwork = "hostNetwork"
	// indexWukongAddress: Wukongs by the addresses that their spec asks for, in canonical form.
	indexWukongAddress = "address"
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
	// indexEnactmentPolicy and indexEnactmentNode: enactments by policy and by node.
	indexEnactmentPolicy = "policy"
	indexEnactmentNode   = "node"
	// indexObservedAddress: node states by the addresses that the node reports and that count.
	indexObservedAddress = "observedAddress"
	// indexNodeAddress: nodes by the addresses by which the cluster knows them.
	indexNodeAddress = "nodeAddress"
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
	for _, setup := range []func(manager.Manager, Config, *Components) error{
		SetupHostUplink, SetupHostNetwork, SetupAddressLease, SetupWukong, SetupPending,
	} {
		if err := setup(mgr, cfg, components); err != nil {
			return err
		}
	}
	return nil
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
		{&v1alpha1.Wukong{}, indexWukongMachine, wukongMachine},
		{&v1alpha1.Wukong{}, indexWukongNode, wukongNode},
		{&v1alpha1.AddressLease{}, indexLeaseMachine, leaseMachine},
		{&v1alpha1.AddressLease{}, indexLeaseHostNetwork, leaseHostNetwork},
		{&v1alpha1.AddressLease{}, indexLeaseHolder, leaseHolder},
		{&corev1.Node{}, indexNodeAddress, nodeAddresses},
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
	if err := indexer.IndexField(ctx, &nmstate.Enactment{}, indexEnactmentNode, func(o client.Object) []string {
		return []string{o.GetLabels()[nmstate.NodeLabel]}
	}); err != nil {
		return err
	}
	return indexer.IndexField(ctx, &nmstate.NodeNetworkState{}, indexObservedAddress, observedAddresses)
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
	add := func(c *v1alpha1.CIDR) {
		if c == nil {
			return
		}
		if p, err := netip.ParsePrefix(string(*c)); err == nil {
			out = append(out, p.Addr().Unmap().String())
		}
	}
	for _, n := range o.(*v1alpha1.Wukong).Spec.Networks {
		if n.IPConfig == nil {
			continue
		}
		add(n.IPConfig.Address)
		for _, a := range n.IPConfig.AdditionalAddresses {
			add(a.Address)
		}
	}
	return out
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

func observedAddresses(o client.Object) []string {
	var out []string
	for _, a := range o.(*nmstate.NodeNetworkState).Node.Observed() {
		if a.Relevance == nmstate.Counts {
			out = append(out, a.Prefix.Addr().String())
		}
	}
	return out
}

func nodeAddresses(o client.Object) []string {
	var out []string
	for _, a := range o.(*corev1.Node).Status.Addresses {
		if addr, err := netip.ParseAddr(a.Address); err == nil {
			out = append(out, addr.Unmap().String())
		}
	}
	return out
}
