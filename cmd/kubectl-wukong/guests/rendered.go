package guests

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// rendered is what this version makes of a Wukong.
type rendered struct {
	request *render.Request
	nics    []render.NIC
	// secret is the name under which it is delivered, or would be; empty where nothing is delivered, or that is not known.
	secret string
	user   string
}

// render makes the documents of the guest, by what was planned, or else by what the status says was chosen and leased. Its error
// says what is missing.
func (f Facts) render() (*rendered, error) {
	request, errs := render.ParseWukong(f.Wukong)
	if len(errs) > 0 {
		return nil, fmt.Errorf("the spec cannot be carried out: %w", errs.ToAggregate())
	}
	out := &rendered{request: request}
	if f.Planned != nil {
		out.nics = f.Planned.Interfaces
	} else if err := f.fromStatus(out); err != nil {
		return nil, err
	}
	if request.Guest == v1alpha1.GuestConfigManual {
		return out, nil
	}
	var err error
	out.user, err = render.UserData(request.User)
	return out, err
}

// fromStatus renders the request with what its status has.
func (f Facts) fromStatus(out *rendered) error {
	choices := make([]render.Choice, len(out.request.Networks))
	taken := map[string]netip.Prefix{}
	for i, n := range out.request.Networks {
		st := f.network(n.Name)
		if n.Served() && st.HostNetwork == "" {
			return fmt.Errorf("%s %q has no HostNetwork yet%s", n.Path, n.Name, f.why())
		}
		choices[i] = render.Choice{HostNetwork: st.HostNetwork, NADName: st.NADName}
		if missing := drawn(n, st.Addresses, taken); missing != "" {
			return fmt.Errorf("%s has no address yet%s", missing, f.why())
		}
	}
	pools := render.NewPools(render.NewCatalog(nil, nil), f.Pools)
	for _, name := range PoolNames(f.Wukong) {
		if _, known := pools.Pool(name); !known && f.draws(out.request, name) {
			return fmt.Errorf("AddressPool %q is not known here, and gateway, DNS servers, search domains and routes may come from it", name)
		}
	}
	granted, errs := pools.Grant(out.request, taken)
	if len(errs) > 0 {
		return fmt.Errorf("what the pools say cannot be carried out: %w", errs.ToAggregate())
	}
	for i := range granted.Networks {
		n := &granted.Networks[i]
		mac := f.macOf(*n)
		if mac == "" && n.MAC == "" && granted.Foreign && n.Served() {
			return fmt.Errorf("%s %q: the MAC address that VirtualMachine %s has there is not known%s", n.Path, n.Name, granted.VirtualMachine, f.why())
		}
		if mac != "" {
			n.MAC = mac
		}
	}
	objects, err := render.Wukong(granted, choices, render.Options{ClusterName: f.ClusterName})
	if err != nil {
		return err
	}
	out.request, out.nics = granted, objects.Delivered
	if objects.Secret != nil {
		out.secret = objects.Secret.Name
	}
	return nil
}

// draws says whether an address of the request is of a pool.
func (f Facts) draws(req *render.Request, pool string) bool {
	return slices.ContainsFunc(req.Networks, func(n render.Network) bool {
		return slices.ContainsFunc(n.Addresses, func(a render.Address) bool { return a.Pool == pool })
	})
}

// drawn finds, among published addresses, those that a network draws from pools. It gives the path of the first address that is
// not there.
func drawn(n render.Network, published []v1alpha1.WukongAddressStatus, taken map[string]netip.Prefix) (missing string) {
	var prefixes []netip.Prefix
	for _, a := range published {
		prefix, err := netip.ParsePrefix(a.Address)
		if err != nil {
			prefix = netip.Prefix{}
		}
		prefixes = append(prefixes, prefix)
	}
	used := make([]bool, len(published))
	take := func(fits func(i int) bool) int {
		for i := range published {
			if !used[i] && prefixes[i].IsValid() && fits(i) {
				used[i] = true
				return i
			}
		}
		return -1
	}
	for _, a := range n.Addresses {
		if a.Explicit() && take(func(i int) bool { return prefixes[i].Addr() == a.Prefix.Addr() }) < 0 {
			return a.Path
		}
	}
	for _, a := range n.Addresses {
		if a.Explicit() {
			continue
		}
		at := take(func(i int) bool { return published[i].Pool == a.Pool })
		if at < 0 {
			return a.Path
		}
		taken[a.Path] = prefixes[at]
	}
	return ""
}

// network gives what the status says of a network.
func (f Facts) network(name string) v1alpha1.WukongNetworkStatus {
	for _, n := range f.Wukong.Status.Networks {
		if n.Name == name {
			return n
		}
	}
	return v1alpha1.WukongNetworkStatus{}
}

// macOf gives the MAC address that is known of a network: that of the status, or that of the machine.
func (f Facts) macOf(n render.Network) string {
	if mac := f.network(n.Name).MACAddress; mac != "" {
		return mac
	}
	if f.Machine == nil || f.Machine.Spec.Template == nil {
		return ""
	}
	interfaces := f.Machine.Spec.Template.Spec.Domain.Devices.Interfaces
	at := slices.IndexFunc(interfaces, func(i kubevirtv1.Interface) bool { return i.Name == n.Name })
	if at < 0 {
		return ""
	}
	return interfaces[at].MacAddress
}

// why repeats what the status says about Ready, as a part of a sentence.
func (f Facts) why() string {
	ready := meta.FindStatusCondition(f.Wukong.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return ": the controller has not looked at the Wukong yet"
	}
	return fmt.Sprintf(" (%s: %s)", ready.Reason, ready.Message)
}
