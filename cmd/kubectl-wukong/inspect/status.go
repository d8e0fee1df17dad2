package inspect

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Status says where Wukongs stand.
type Status struct {
	metav1.TypeMeta `json:",inline"`
	// Total and Ready count Wukongs.
	Total int `json:"total"`
	Ready int `json:"ready"`
	// Unread are the kinds that the caller may not read, sorted.
	Unread []string `json:"unread,omitempty"`
	// Next is the command to go on with; empty where all are Ready.
	Next string `json:"next,omitempty"`
	// Wukongs are ordered by namespace and name.
	Wukongs []*Item `json:"wukongs"`

	// Ungrouped shows people every node in a line of its own, and what is below Wukongs that are Ready.
	Ungrouped bool `json:"-"`
	// Conditions shows people the conditions of Wukongs.
	Conditions bool `json:"-"`
}

// Item is an object, or a part of one, with what it needs below it.
type Item struct {
	// Kind is that of an object, or network, for a network of a Wukong, or guest.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Ready says whether it is as asked for; absent where that is no question.
	Ready metav1.ConditionStatus `json:"ready,omitempty"`
	// Stalled says that it is not, and that a person has to act.
	Stalled bool   `json:"stalled,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Since is when Ready became what it is, in RFC 3339.
	Since string `json:"since,omitempty"`
	// Unread says that the caller may not read the object.
	Unread     bool        `json:"unread,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
	Below      []*Item     `json:"below,omitempty"`

	// summary is what a line says in the place of the message where all is well, or where another line says the message.
	summary string
}

// Condition is one condition of a Wukong.
type Condition struct {
	Type    string                 `json:"type"`
	Status  metav1.ConditionStatus `json:"status"`
	Reason  string                 `json:"reason"`
	Message string                 `json:"message,omitempty"`
	Since   string                 `json:"since,omitempty"`
}

// Status says where the Wukongs of the facts stand.
func (f Facts) Status() *Status {
	s := &Status{TypeMeta: answer.Report("Status"), Wukongs: []*Item{}}
	wukongs := slices.Clone(f.Wukongs)
	slices.SortFunc(wukongs, func(a, b v1alpha1.Wukong) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for i := range wukongs {
		item := f.wukong(&wukongs[i])
		s.Wukongs = append(s.Wukongs, item)
		s.Total++
		if item.Ready == metav1.ConditionTrue {
			s.Ready++
		}
	}
	s.Unread = sets.List(f.Unread)
	if worst := s.worst(); worst != nil {
		s.Next = "kubectl wukong why " + worst.Namespace + "/" + worst.Name
	}
	return s
}

// worst is the first Wukong that needs a person, or else the first that is not Ready; nil where all are.
func (st *Status) worst() *Item {
	for _, fits := range []func(*Item) bool{
		func(w *Item) bool { return w.Stalled },
		func(w *Item) bool { return w.Ready != metav1.ConditionTrue },
	} {
		if at := slices.IndexFunc(st.Wukongs, fits); at >= 0 {
			return st.Wukongs[at]
		}
	}
	return nil
}

// AllReady says whether every Wukong is Ready.
func (st *Status) AllReady() bool { return st.Ready == st.Total }

// NotReady gives the first Wukong that is not Ready, or nil.
func (st *Status) NotReady() *Item {
	if at := slices.IndexFunc(st.Wukongs, func(w *Item) bool { return w.Ready != metav1.ConditionTrue }); at >= 0 {
		return st.Wukongs[at]
	}
	return nil
}

// Stalled gives the first Wukong that needs a person, or nil.
func (st *Status) Stalled() *Item {
	if worst := st.worst(); worst != nil && worst.Stalled {
		return worst
	}
	return nil
}

// Names are the Wukongs as kubectl names them.
func (st *Status) Names() []string {
	var out []string
	for _, w := range st.Wukongs {
		out = append(out, "wukong."+v1alpha1.GroupVersion.Group+"/"+w.Name)
	}
	return out
}

func (f Facts) wukong(w *v1alpha1.Wukong) *Item {
	item := itemOf(kindWukong, w, readyOf(w), w.Status.Conditions)
	if !w.DeletionTimestamp.IsZero() {
		item.Message = "is being deleted since " + moment(w.DeletionTimestamp.Time)
	}
	item.summary = strings.Join(nonEmpty(strings.ReplaceAll(w.Status.Addresses, ",", ", "), w.Status.NodeName), " on ")
	for _, c := range w.Status.Conditions {
		item.Conditions = append(item.Conditions, Condition{c.Type, c.Status, c.Reason, c.Message, moment(c.LastTransitionTime.Time)})
	}
	slices.SortStableFunc(item.Conditions, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(rank(a.Type), rank(b.Type)), cmp.Compare(a.Type, b.Type))
	})
	for i := range w.Spec.Networks {
		item.Below = append(item.Below, f.network(w, &w.Spec.Networks[i]))
	}
	if w.Status.ObservedGeneration == w.Generation {
		item.Below = append(item.Below, machine(w), guest(w))
	}
	return item
}

// itemOf is an object with its condition Ready.
func itemOf(kind string, o metav1.Object, ready metav1.Condition, conditions []metav1.Condition) *Item {
	return &Item{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), Ready: ready.Status, Reason: ready.Reason, Message: ready.Message,
		Since: moment(ready.LastTransitionTime.Time), Stalled: ready.Status != metav1.ConditionTrue && stalled(conditions)}
}

// order is that of the path of an address.
var order = []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionAddressesAllocated,
	v1alpha1.ConditionConflictFree, v1alpha1.ConditionNodeNetworkReady, v1alpha1.ConditionGuestNetworkReady, v1alpha1.ConditionVirtualMachineReady,
	v1alpha1.ConditionGuestInSync}

func rank(typ string) int {
	if at := slices.Index(order, typ); at >= 0 {
		return at
	}
	return len(order)
}

// network is one network of a Wukong with its leases and what hosts have of it.
func (f Facts) network(w *v1alpha1.Wukong, spec *v1alpha1.WukongNetwork) *Item {
	item := &Item{Kind: "network", Name: spec.Name}
	if spec.Name == v1alpha1.PodNetworkName {
		item.Message = "the pod network"
		return item
	}
	n := networkOf(w, spec.Name)
	item.Reason, item.Message = n.Reason, n.Message
	item.summary = strings.Join(nonEmpty(addressing(spec, &n), n.Segment), " on segment ")
	if n.Reason != "" {
		item.Ready, item.Stalled = metav1.ConditionFalse, stalled(w.Status.Conditions)
	} else {
		item.Message = item.summary
	}
	for _, a := range n.Addresses {
		item.Below = append(item.Below, f.lease(w, &n, &a))
	}
	if other := f.contested(w, spec, &n); other != nil {
		item.Below = append(item.Below, other)
	}
	if n.HostNetwork != "" {
		item.Below = append(item.Below, f.hostNetwork(&n))
	}
	return item
}

// addressing says which addresses a network has.
func addressing(spec *v1alpha1.WukongNetwork, n *v1alpha1.WukongNetworkStatus) string {
	var out []string
	for _, a := range n.Addresses {
		out = append(out, a.Address)
	}
	switch {
	case len(out) > 0:
		return strings.Join(out, ", ")
	case spec.IPConfig == nil, spec.IPConfig.Mode == v1alpha1.IPModeDHCP:
		return "DHCP"
	}
	return "no address yet"
}

// lease is the AddressLease of an address that the status of a Wukong has.
func (f Facts) lease(w *v1alpha1.Wukong, n *v1alpha1.WukongNetworkStatus, a *v1alpha1.WukongAddressStatus) *Item {
	item := &Item{Kind: KindLease, Name: a.Lease}
	l := named(f.Leases, "", a.Lease)
	switch {
	case f.Unread.Has(KindLease):
		item.Unread, item.Message = true, notReadable
	case l == nil:
		item.Ready, item.Reason, item.Message = metav1.ConditionFalse, v1alpha1.ReasonLeaseLost, "the status has "+a.Address+", and there is no such lease"
	case !holds(l, w, n.Name):
		item.Ready, item.Reason, item.Message = metav1.ConditionFalse, v1alpha1.ReasonAddressInUse, leased(l)
	default:
		item.Ready, item.Reason, item.Since = metav1.ConditionTrue, string(l.Spec.Phase), answer.Since(l)
		if l.Spec.Conflict != "" {
			item.Ready, item.Reason = metav1.ConditionFalse, v1alpha1.ReasonAddressConflict
			item.Message = "collides with " + l.Spec.Conflict
		}
	}
	return item
}

// contested is the lease of somebody else, of an address that a network asks for; nil where there is none.
func (f Facts) contested(w *v1alpha1.Wukong, spec *v1alpha1.WukongNetwork, n *v1alpha1.WukongNetworkStatus) *Item {
	if n.Reason == "" {
		return nil
	}
	for _, asked := range spec.IPConfig.All() {
		l := f.leaseOn(asked, n.Segment)
		if l != nil && !holds(l, w, n.Name) && l.Spec.Phase != v1alpha1.LeaseReleased {
			return &Item{Kind: KindLease, Name: l.Name, Reason: string(l.Spec.Phase), Message: leased(l), Since: answer.Since(l)}
		}
	}
	return nil
}

// leaseOn gives the lease of an explicit address on a segment, or nil.
func (f Facts) leaseOn(asked v1alpha1.AdditionalAddress, segment string) *v1alpha1.AddressLease {
	return named(f.Leases, "", leaseName(asked, segment))
}

// leaseName is the name of the lease of an explicit address; empty where none is given, or what is given is none.
func leaseName(asked v1alpha1.AdditionalAddress, segment string) string {
	if asked.Address == nil {
		return ""
	}
	prefix, err := netip.ParsePrefix(string(*asked.Address))
	if err != nil {
		return ""
	}
	name, err := ipam.LeaseName(prefix.Addr(), segment)
	if err != nil {
		return ""
	}
	return name
}

// LeasesOf names the leases that matter to Wukongs: those that they have, and those of addresses that they ask for. Sorted.
func LeasesOf(wukongs []v1alpha1.Wukong) []string {
	names := sets.New[string]()
	for i := range wukongs {
		w := &wukongs[i]
		for j := range w.Spec.Networks {
			n := networkOf(w, w.Spec.Networks[j].Name)
			for _, a := range n.Addresses {
				names.Insert(a.Lease)
			}
			for _, asked := range w.Spec.Networks[j].IPConfig.All() {
				names.Insert(leaseName(asked, n.Segment))
			}
		}
	}
	return sets.List(names.Delete(""))
}

// holds says whether a network of a Wukong has a lease.
func holds(l *v1alpha1.AddressLease, w *v1alpha1.Wukong, network string) bool {
	h := l.Spec.Holder
	return h != nil && h.Namespace == w.Namespace && h.Name == w.Name && h.Network == network && l.Spec.Phase == v1alpha1.LeaseAllocated
}

// leased says who has a lease.
func leased(l *v1alpha1.AddressLease) string {
	if l.Spec.Holder == nil {
		return "nobody has it"
	}
	holder := l.Spec.Holder.Namespace + "/" + l.Spec.Holder.Name
	switch l.Spec.Phase {
	case v1alpha1.LeaseReserved:
		return "kept for " + holder
	case v1alpha1.LeaseCooling:
		return holder + " had it last"
	}
	return "held by " + holder
}

// machine is the VirtualMachine as the status of its Wukong has it.
func machine(w *v1alpha1.Wukong) *Item {
	c := condition(w.Status.Conditions, v1alpha1.ConditionVirtualMachineReady, w.Status.ObservedGeneration, w.Generation)
	item := &Item{Kind: kindVirtualMachine, Name: cmp.Or(w.Status.VMName, w.Spec.VirtualMachineName, render.VMName(w.Name)), Ready: c.Status, Reason: c.Reason,
		Message: c.Message, Since: moment(c.LastTransitionTime.Time), Stalled: c.Status == metav1.ConditionFalse && blames(w, c)}
	if c.Status == metav1.ConditionTrue && w.Status.NodeName != "" {
		item.Message = "on " + w.Status.NodeName
	}
	if w.Spec.VirtualMachineName != "" {
		item.Message = strings.Join(nonEmpty(item.Message, "somebody else manages it"), ", ")
	}
	return item
}

// guest is what the guest agent says.
func guest(w *v1alpha1.Wukong) *Item {
	c := condition(w.Status.Conditions, v1alpha1.ConditionGuestInSync, w.Status.ObservedGeneration, w.Generation)
	return &Item{Kind: "guest", Ready: c.Status, Reason: c.Reason, Message: c.Message, Since: moment(c.LastTransitionTime.Time),
		Stalled: c.Status == metav1.ConditionFalse && blames(w, c)}
}

// blames says whether a Wukong is stalled for this reason.
func blames(w *v1alpha1.Wukong, c metav1.Condition) bool {
	found := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionStalled)
	return found != nil && found.Status == metav1.ConditionTrue && found.Reason == c.Reason
}

// nonEmpty leaves the empty texts out.
func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(t string) bool { return t == "" })
}

func number(n int) string { return strconv.Itoa(n) }
