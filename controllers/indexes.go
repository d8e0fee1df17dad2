package controllers

import (
	"context"
	"net/netip"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

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
		for _, a := range n.IPConfig.All() {
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
	add := func(text string) {
		if mac := render.LowerMAC(text); mac != "" && !slices.Contains(out, mac) {
			out = append(out, mac)
		}
	}
	w := o.(*v1alpha1.Wukong)
	for _, n := range w.Spec.Networks {
		if n.MACAddress != nil {
			add(string(*n.MACAddress))
		}
	}
	for _, n := range w.Status.Networks {
		add(n.MACAddress)
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
		for _, a := range n.IPConfig.All() {
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
		for _, a := range n.IPConfig.All() {
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
