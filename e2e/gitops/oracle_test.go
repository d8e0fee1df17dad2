package gitops

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// moment is the store at one revision. It says, from evidence and without what it judges, whether an object is what it asks for.
type moment struct {
	objects map[id]*unstructured.Unstructured
	// proven has, by node and owner, the policy that the node was last seen to have carried out. That the handler carries it out
	// again, as it does with all policies when a label of the node changes, takes nothing away; that it gives up does.
	proven map[proof]*unstructured.Unstructured
}

// proof is a node, and the HostUplink of a policy, or the policy itself where a pipeline applies it.
type proof struct{ node, owner string }

func newMoment() moment {
	return moment{objects: map[id]*unstructured.Unstructured{}, proven: map[proof]*unstructured.Unstructured{}}
}

// next takes one revision.
func (m moment) next(r revision) {
	if r.deleted {
		delete(m.objects, r.id)
		return
	}
	m.objects[r.id] = r.object
	if r.id.kind != "NodeNetworkConfigurationEnactment" {
		return
	}
	node, name, _ := strings.Cut(r.id.Name, ".")
	policy := m.objects[id{"NodeNetworkConfigurationPolicy", types.NamespacedName{Name: name}}]
	generation, _, _ := unstructured.NestedInt64(r.object.Object, "status", "policyGeneration")
	if policy == nil || generation != policy.GetGeneration() {
		return
	}
	key := proof{node, cmp.Or(policy.GetLabels()[v1alpha1.UplinkLabel], name)}
	switch {
	case holds(r.object, "Available"):
		m.proven[key] = policy
	case holds(r.object, "Failing") && !holds(r.object, "Progressing"):
		delete(m.proven, key)
	}
}

// holds says whether a condition is True.
func holds(object *unstructured.Unstructured, typ string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition := c.(map[string]any)
		return condition["type"] == typ && condition["status"] == "True"
	})
}

// evidence gives an error that says what is missing for an object to be current.
func (m moment) evidence(object *unstructured.Unstructured) error {
	switch object.GetKind() {
	case "HostNetwork":
		return m.network(decoded[v1alpha1.HostNetwork](object))
	case "HostUplink":
		return m.uplink(decoded[v1alpha1.HostUplink](object))
	case "Wukong":
		return m.wukong(decoded[v1alpha1.Wukong](object))
	case "AddressReservation":
		return m.reservation(decoded[v1alpha1.AddressReservation](object))
	case "AddressPool":
		return m.pool(decoded[v1alpha1.AddressPool](object))
	}
	return nil
}

// network wants the bridge of a network on each node that is not left out.
func (m moment) network(n *v1alpha1.HostNetwork) error {
	if n.Spec.Provision != v1alpha1.ProvisionAlways && !m.used(n.Name) {
		return nil
	}
	var errs []error
	for _, u := range all[v1alpha1.HostUplink](m) {
		if u.Spec.PhysicalNetwork == n.Spec.PhysicalNetwork && u.DeletionTimestamp.IsZero() {
			errs = append(errs, m.built(u, n))
		}
	}
	if len(errs) == 0 {
		return errors.New("no HostUplink leads to it")
	}
	return errors.Join(errs...)
}

// used says whether a lease is held on a network.
func (m moment) used(network string) bool {
	return slices.ContainsFunc(all[v1alpha1.AddressLease](m), func(l *v1alpha1.AddressLease) bool {
		return l.Spec.HostNetwork == network && l.Spec.Phase == v1alpha1.LeaseAllocated
	})
}

// built wants a network on each node of an uplink that the uplink does not name as left out.
func (m moment) built(u *v1alpha1.HostUplink, n *v1alpha1.HostNetwork) error {
	var errs []error
	for _, node := range m.nodesOf(u) {
		policy, err := m.carriedOut(u, node.GetName())
		switch {
		case err != nil:
			errs = append(errs, err)
		case !builds(policy, u, n):
			errs = append(errs, fmt.Errorf("%s is known for policy %s, which does not build network %s as it is declared", node.GetName(), policy.GetName(), n.Name))
		case node.GetLabels()[v1alpha1.NetworkLabelPrefix+n.Name] != v1alpha1.NetworkLabelValue:
			errs = append(errs, fmt.Errorf("%s does not have the label of network %s", node.GetName(), n.Name))
		}
	}
	return errors.Join(errs...)
}

// uplink wants the present policy carried out on each node that is not left out, where there is one.
func (m moment) uplink(u *v1alpha1.HostUplink) error {
	if u.Status.Revision == "" {
		return nil
	}
	var errs []error
	for _, node := range m.nodesOf(u) {
		policy, err := m.carriedOut(u, node.GetName())
		if err == nil && policy.GetName() != u.Status.Revision {
			err = fmt.Errorf("%s has carried out policy %s", node.GetName(), policy.GetName())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// nodesOf gives the nodes of an uplink that it does not name as left out.
func (m moment) nodesOf(u *v1alpha1.HostUplink) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for which, node := range m.objects {
		labels := node.GetLabels()
		matches := which.kind == "Node"
		for key, value := range u.Spec.NodeSelector.MatchLabels {
			matches = matches && labels[key] == value
		}
		if matches && !slices.ContainsFunc(u.Status.Problems, func(p v1alpha1.NodeProblem) bool {
			return p.Node == which.Name && p.Progress == v1alpha1.NodeLeftOut
		}) {
			out = append(out, node)
		}
	}
	return out
}

// carriedOut gives the policy of an uplink that a node was last seen to have carried out.
func (m moment) carriedOut(u *v1alpha1.HostUplink, node string) (*unstructured.Unstructured, error) {
	policy := m.proven[proof{node, cmp.Or(u.Spec.ExternalPolicy, u.Name)}]
	if policy == nil {
		return nil, fmt.Errorf("%s has carried out no policy of HostUplink %s", node, u.Name)
	}
	return policy, nil
}

// builds says whether a policy has the bridge of a network, on its VLAN, with its MTU.
func builds(policy *unstructured.Unstructured, u *v1alpha1.HostUplink, n *v1alpha1.HostNetwork) bool {
	interfaces, _, _ := unstructured.NestedSlice(policy.Object, "spec", "desiredState", "interfaces")
	named := map[string]map[string]any{}
	for _, i := range interfaces {
		named[i.(map[string]any)["name"].(string)] = i.(map[string]any)
	}
	port, bridge := string(u.Spec.Interface), named["br-"+n.Name]
	if n.Spec.VLAN != nil {
		port = fmt.Sprintf("%s.%d", port, *n.Spec.VLAN)
	}
	if bridge == nil || bridge["state"] != "up" || named[port] == nil || named[port]["state"] != "up" {
		return false
	}
	if mtu, found := bridge["mtu"].(int64); n.Spec.MTU != nil && (!found || mtu != int64(*n.Spec.MTU)) {
		return false
	}
	ports, _, _ := unstructured.NestedSlice(bridge, "bridge", "port")
	return slices.ContainsFunc(ports, func(p any) bool { return p.(map[string]any)["name"] == port })
}

// wukong wants the lease of each address, the networks on a node, the network data, and the machine.
func (m moment) wukong(w *v1alpha1.Wukong) error {
	var errs []error
	for i, n := range w.Spec.Networks {
		if n.IPConfig == nil || n.IPConfig.Mode != v1alpha1.IPModeStatic {
			continue
		}
		errs = append(errs, m.leased(w, n))
		if i < len(w.Status.Networks) {
			errs = append(errs, m.reachable(w, w.Status.Networks[i]))
		}
	}
	if m.objects[id{"Secret", types.NamespacedName{Namespace: w.Namespace, Name: w.Status.NetworkDataSecret}}] == nil {
		errs = append(errs, fmt.Errorf("there is no Secret %q", w.Status.NetworkDataSecret))
	}
	if len(w.Spec.Disks) > 0 {
		errs = append(errs, m.runs(w))
	}
	return errors.Join(errs...)
}

// leased wants a lease for a network of a Wukong, of the address that it names, if it names one.
func (m moment) leased(w *v1alpha1.Wukong, n v1alpha1.WukongNetwork) error {
	for _, l := range all[v1alpha1.AddressLease](m) {
		h := l.Spec.Holder
		if h == nil || h.UID != w.UID || h.Network != n.Name || l.Spec.Phase != v1alpha1.LeaseAllocated {
			continue
		}
		if n.IPConfig.Address == nil || netip.MustParsePrefix(string(*n.IPConfig.Address)).Addr().String() == l.Spec.Address {
			return nil
		}
	}
	return fmt.Errorf("network %s holds no lease of what it asks for", n.Name)
}

// reachable wants the network on the node of the machine, or on some node.
func (m moment) reachable(w *v1alpha1.Wukong, n v1alpha1.WukongNetworkStatus) error {
	for which, node := range m.objects {
		if which.kind == "Node" && (w.Status.NodeName == "" || w.Status.NodeName == which.Name) &&
			node.GetLabels()[v1alpha1.NetworkLabelPrefix+n.HostNetwork] == v1alpha1.NetworkLabelValue {
			return nil
		}
	}
	return fmt.Errorf("no node, or not %q, has network %s", w.Status.NodeName, n.HostNetwork)
}

func (m moment) runs(w *v1alpha1.Wukong) error {
	vmi := m.objects[id{"VirtualMachineInstance", types.NamespacedName{Namespace: w.Namespace, Name: w.Status.VMName}}]
	if vmi == nil {
		return fmt.Errorf("there is no instance of %s", w.Status.VMName)
	}
	if phase, _, _ := unstructured.NestedString(vmi.Object, "status", "phase"); phase != "Running" {
		return fmt.Errorf("the instance of %s is %s", w.Status.VMName, phase)
	}
	return nil
}

// reservation wants nobody to hold what is kept back.
func (m moment) reservation(r *v1alpha1.AddressReservation) error {
	for _, l := range all[v1alpha1.AddressLease](m) {
		if l.Spec.Phase == v1alpha1.LeaseAllocated && l.Spec.Segment == segment(r.Spec.Segment) && within(r.Spec.Addresses, l.Spec.Address) {
			return fmt.Errorf("%s is held by lease %s", l.Spec.Address, l.Name)
		}
	}
	return nil
}

// pool wants no more Wukongs to ask for its addresses than there are, beside those that are kept back or were taken by name.
func (m moment) pool(p *v1alpha1.AddressPool) error {
	if len(p.Spec.Ranges) == 0 {
		return nil // no story exhausts a whole subnet
	}
	asked, left := 0, 0
	for _, w := range all[v1alpha1.Wukong](m) {
		for _, n := range w.Spec.Networks {
			network := m.objects[id{"HostNetwork", types.NamespacedName{Name: n.HostNetwork}}]
			if n.IPConfig != nil && n.IPConfig.IPPool == p.Name && n.IPConfig.Address == nil && w.DeletionTimestamp.IsZero() && network != nil &&
				m.serves(network, p.Spec.Segment) {
				asked++
			}
		}
	}
	first, last, _ := strings.Cut(string(p.Spec.Ranges[0]), "-")
	for at := netip.MustParseAddr(first); at.Compare(netip.MustParseAddr(last)) <= 0; at = at.Next() {
		if m.gives(p, at.String()) {
			left++
		}
	}
	if asked > left {
		return fmt.Errorf("%d Wukongs ask for addresses of the pool, which has %d", asked, left)
	}
	return nil
}

// serves says whether a HostNetwork is there for a segment.
func (m moment) serves(network *unstructured.Unstructured, s v1alpha1.Segment) bool {
	n := decoded[v1alpha1.HostNetwork](network)
	return n.DeletionTimestamp.IsZero() && segment(v1alpha1.Segment{PhysicalNetwork: n.Spec.PhysicalNetwork, VLAN: n.Spec.VLAN}) == segment(s)
}

// gives says whether a Wukong has an address from the pool, or could.
func (m moment) gives(p *v1alpha1.AddressPool, address string) bool {
	for _, l := range all[v1alpha1.AddressLease](m) {
		if l.Spec.Address == address && l.Spec.Segment == segment(p.Spec.Segment) && l.Spec.Phase == v1alpha1.LeaseAllocated {
			return l.Spec.Pool == p.Name
		}
	}
	return !slices.ContainsFunc(all[v1alpha1.AddressReservation](m), func(r *v1alpha1.AddressReservation) bool {
		return segment(r.Spec.Segment) == segment(p.Spec.Segment) && within(r.Spec.Addresses, address)
	})
}

// segment is how leases name a segment.
func segment(s v1alpha1.Segment) string {
	if s.VLAN == nil {
		return string(s.PhysicalNetwork)
	}
	return fmt.Sprintf("%s.%d", s.PhysicalNetwork, *s.VLAN)
}

// within says whether an address is in one of the ranges, which stories write as FIRST-LAST.
func within[T ~string](ranges []T, address string) bool {
	at := netip.MustParseAddr(address)
	return slices.ContainsFunc(ranges, func(text T) bool {
		first, last, _ := strings.Cut(string(text), "-")
		return at.Compare(netip.MustParseAddr(first)) >= 0 && at.Compare(netip.MustParseAddr(last)) <= 0
	})
}

// all gives the objects of a kind of ours, by name.
func all[T any](m moment) []*T {
	kind := fmt.Sprintf("%T", *new(T))
	kind = kind[strings.LastIndexByte(kind, '.')+1:]
	var out []*T
	for _, which := range slices.SortedFunc(maps.Keys(m.objects), func(a, b id) int { return strings.Compare(a.String(), b.String()) }) {
		if which.kind == kind {
			out = append(out, decoded[T](m.objects[which]))
		}
	}
	return out
}

// decoded gives an object as its type. What the API server has served fits.
func decoded[T any](object *unstructured.Unstructured) *T {
	out := new(T)
	raw, err := json.Marshal(object.Object)
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", idOf(object), err))
	}
	return out
}
