package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
)

// WhyWukong explains where a Wukong stands.
func (f Facts) WhyWukong(w *v1alpha1.Wukong) *Explanation {
	ready := readyOf(w)
	object := kindWukong + " " + fullName(w)
	if ready.Status == metav1.ConditionUnknown {
		e := begin(object, fullName(w), ready)
		e.Headline = "it is not known yet whether " + fullName(w) + " is ready"
		text := fmt.Sprintf("generation %d, and the status is about generation %d", w.Generation, w.Status.ObservedGeneration)
		if w.Status.ObservedGeneration <= 0 {
			text = "its status says nothing"
		}
		e.see(kindWukong+"/"+fullName(w), moment(w.CreationTimestamp.Time), "%s", text)
		e.do("wait a moment; if it stays, see whether the controller runs: kubectl get deployments -A -l app.kubernetes.io/name=wukong-network")
		e.Docs = []string{"docs/troubleshooting.md"}
		return e
	}
	if ready.Status == metav1.ConditionTrue {
		return f.whyReady(w, ready)
	}
	e := begin(object, fullName(w), ready)
	reason, _ := reasons.Find(ready.Reason)
	f.evidence(e, w, reason)
	f.others(e, w, ready.Reason)
	return e.conclude(reasons.Selection, reasons.Addresses, reasons.Pools, reasons.Hosts, reasons.Guest, reasons.Spec)
}

// whyReady explains a Wukong that is Ready: all of it, or what is amiss all the same.
func (f Facts) whyReady(w *v1alpha1.Wukong, ready metav1.Condition) *Explanation {
	e := begin(kindWukong+" "+fullName(w), fullName(w), ready)
	guest := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionGuestInSync)
	if guest != nil && guest.Status == metav1.ConditionFalse {
		e.Headline = fmt.Sprintf("%s is ready, and its guest is not as asked for: %s", fullName(w), guest.Reason)
		e.Reason, e.What = guest.Reason, one(guest.Message)
		f.guestEvidence(e, w)
		return e.conclude(reasons.Guest)
	}
	for i := range w.Spec.Networks {
		n := networkOf(w, w.Spec.Networks[i].Name)
		for _, a := range n.Addresses {
			f.leaseEvidence(e, a.Lease)
		}
	}
	for _, c := range w.Status.Conditions {
		if c.Type != v1alpha1.ConditionReady && c.Status != metav1.ConditionTrue && c.Reason != v1alpha1.ReasonNoMachineRequested {
			e.see("condition "+c.Type, moment(c.LastTransitionTime.Time), "%s: %s", c.Reason, c.Message)
		}
	}
	return e.conclude(reasons.Spec)
}

// evidence adds what was seen of a reason.
func (f Facts) evidence(e *Explanation, w *v1alpha1.Wukong, reason reasons.Reason) {
	if found := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionReady); found != nil {
		since := moment(found.LastTransitionTime.Time)
		defer func() {
			e.see(kindWukong+"/"+fullName(w), since, "not ready at generation %d", found.ObservedGeneration)
		}()
	}
	groups := []reasons.Group{}
	for _, use := range reason.Uses() {
		groups = append(groups, use.Group)
	}
	is := func(g ...reasons.Group) bool {
		return slices.ContainsFunc(g, func(one reasons.Group) bool { return slices.Contains(groups, one) })
	}
	switch {
	case is(reasons.Addresses, reasons.Pools, reasons.Selection):
		f.addressEvidence(e, w)
	case is(reasons.Hosts, reasons.Node):
		f.hostEvidence(e, w)
	case is(reasons.Guest):
		f.guestEvidence(e, w)
	}
}

// others says what else is wrong with networks of the Wukong.
func (f Facts) others(e *Explanation, w *v1alpha1.Wukong, told string) {
	for _, n := range w.Status.Networks {
		if n.Reason != "" && n.Reason != told {
			e.see("network "+n.Name, "", "also: %s: %s", n.Reason, n.Message)
		}
	}
}

// addressEvidence is about networks that do not get what they ask for.
func (f Facts) addressEvidence(e *Explanation, w *v1alpha1.Wukong) {
	for i := range w.Spec.Networks {
		spec := &w.Spec.Networks[i]
		n := networkOf(w, spec.Name)
		if n.Reason != e.Reason {
			continue
		}
		path := fmt.Sprintf("spec.networks[%d]", i)
		if free := offered(n.Message); free != "" {
			e.do("take a free address: " + free)
		}
		switch {
		case e.Reason == v1alpha1.ReasonMACConflict && n.MACAddress != "":
			e.see("network "+n.Name, "", "has the MAC address %s", n.MACAddress)
			e.do("see who else has it: kubectl wukong ip who " + n.MACAddress)
		case e.Reason == v1alpha1.ReasonAddressQuotaExceeded:
			e.do("see what the namespace holds: kubectl wukong ip list -n " + w.Namespace)
		}
		for k, asked := range spec.IPConfig.All() {
			f.askedEvidence(e, w, &n, asked, fieldOf(path, k))
		}
		if len(n.CandidateUplinks) > 0 {
			e.see("nodes", "", "report NICs that could serve as an uplink: %s", strings.Join(n.CandidateUplinks, ", "))
		}
		if n.HostNetwork == "" && slices.Contains([]string{v1alpha1.ReasonHostNetworkNotFound, v1alpha1.ReasonHostNetworkNotAllowed, v1alpha1.ReasonHostNetworkAmbiguous}, e.Reason) {
			f.networksEvidence(e, path)
		}
	}
}

// fieldOf is the path of an address of a network: its own, or one of the additional ones.
func fieldOf(network string, address int) string {
	if address == 0 {
		return network + ".ipConfig"
	}
	return fmt.Sprintf("%s.ipConfig.additionalAddresses[%d]", network, address-1)
}

// offered are the free addresses that a message of the status names.
func offered(message string) string {
	if _, rest, ok := strings.Cut(message, "free now: "); ok {
		return strings.TrimRight(rest, ").")
	}
	if _, rest, ok := strings.Cut(message, "choose another address, such as "); ok {
		rest, _, _ = strings.Cut(rest, " (free now)")
		return rest
	}
	return ""
}

// askedEvidence is about one address that a network asks for.
func (f Facts) askedEvidence(e *Explanation, w *v1alpha1.Wukong, n *v1alpha1.WukongNetworkStatus, asked v1alpha1.AdditionalAddress, path string) {
	switch {
	case asked.Address != nil:
		if l := f.leaseOn(asked, n.Segment); l != nil && (!holds(l, w, n.Name) || l.Spec.Conflict != "") {
			f.leaseEvidence(e, l.Name)
			switch l.Spec.Phase {
			case v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling, v1alpha1.LeaseReserved:
				e.do(fmt.Sprintf("an engineer frees it, if no machine uses it any more: kubectl wukong ip release %s --segment %s --reason TEXT", l.Spec.Address, l.Spec.Segment))
			}
		} else if name := leaseName(asked, n.Segment); name != "" && f.Unread.Has(KindLease) {
			e.unread(KindLease + "/" + name)
			e.do("an engineer sees who has it: kubectl wukong why " + strings.Split(string(*asked.Address), "/")[0])
		}
		e.see(kindWukong+"/"+fullName(w), moment(w.CreationTimestamp.Time), "%s.address asks for %s", path, *asked.Address)
		f.declaredEvidence(e, n.Segment, string(*asked.Address))
	case asked.IPPool != "":
		e.see(kindWukong+"/"+fullName(w), moment(w.CreationTimestamp.Time), "%s.ipPool asks for an address of %s", path, asked.IPPool)
	}
	if asked.IPPool != "" {
		f.poolEvidence(e, asked.IPPool)
	}
}

// leaseEvidence says what a lease says.
func (f Facts) leaseEvidence(e *Explanation, name string) {
	l := named(f.Leases, "", name)
	switch {
	case name == "":
	case l == nil && f.Unread.Has(KindLease):
		e.unread(KindLease + "/" + name)
	case l == nil:
		e.see(KindLease+"/"+name, "", "there is no such lease")
	default:
		e.see(KindLease+"/"+name, answer.Since(l), "%s, %s", l.Spec.Phase, leased(l))
		if l.Spec.Conflict != "" {
			since := ""
			if l.Spec.ConflictSince != nil {
				since = moment(l.Spec.ConflictSince.Time)
			}
			e.see(KindLease+"/"+name, since, "collides with %s", l.Spec.Conflict)
		}
	}
}

// declaredEvidence says what pools, reservations and gateways say about an address.
func (f Facts) declaredEvidence(e *Explanation, segment, address string) {
	prefix, err := netip.ParsePrefix(address)
	if err != nil {
		return
	}
	known := answer.WhoHasAddress(prefix.Addr(), answer.Facts{Declared: answer.NewDeclared(f.HostUplinks, f.AddressPools, f.AddressReservations)})
	for _, note := range known.Notes {
		if note.Segment == "" || note.Segment == segment {
			e.see(note.Object, "", "%s", note.Message)
		}
	}
}

// poolEvidence says how full a pool is, and which others of its segment have some left.
func (f Facts) poolEvidence(e *Explanation, name string) {
	p := named(f.AddressPools, "", name)
	if p == nil {
		if f.Unread.Has(KindPool) {
			e.unread(KindPool + "/" + name)
			return
		}
		e.see(KindPool+"/"+name, "", "there is no such pool")
		return
	}
	ready := condition(p.Status.Conditions, v1alpha1.ConditionReady, p.Status.ObservedGeneration, p.Generation)
	e.see(KindPool+"/"+name, moment(ready.LastTransitionTime.Time), "%s", counts(p))
	if e.Reason != v1alpha1.ReasonPoolExhausted {
		return
	}
	for i := range f.AddressPools {
		other := &f.AddressPools[i]
		if other.Name != name && answer.SegmentName(other.Spec.Segment) == answer.SegmentName(p.Spec.Segment) && other.Status.Free != "" && other.Status.Free != "0" {
			e.do(fmt.Sprintf("name another pool of the segment, if it is open to the namespace: %s has %s free", other.Name, other.Status.Free))
		}
	}
	e.do("see who has its addresses: kubectl wukong ip list --pool " + name)
}

// counts says how full a pool is.
func counts(p *v1alpha1.AddressPool) string {
	if p.Status.Total == "" {
		return "the controller has not counted yet"
	}
	out := fmt.Sprintf("%s total, %d used, %d reserved, %d cooling, %s free", p.Status.Total, p.Status.Allocated, p.Status.Reserved, p.Status.Cooling, p.Status.Free)
	if p.Status.Missing > 0 {
		out += fmt.Sprintf("; Wukongs wait for %d", p.Status.Missing)
	}
	return out
}

// networksEvidence names the HostNetworks that there are to select from.
func (f Facts) networksEvidence(e *Explanation, path string) {
	if f.Unread.Has(KindHostNetwork) {
		e.unread(KindHostNetwork)
		return
	}
	var names []string
	for i := range f.HostNetworks {
		names = append(names, f.HostNetworks[i].Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		e.see(KindHostNetwork, "", "there is none")
		return
	}
	e.see(KindHostNetwork, "", "there are %s", few(names))
	e.do("name one: " + path + ".hostNetwork")
}

// guestEvidence is about the guest and its machine.
func (f Facts) guestEvidence(e *Explanation, w *v1alpha1.Wukong) {
	for i := range w.Status.Networks {
		n := &w.Status.Networks[i]
		for _, a := range n.Addresses {
			if a.Guest == v1alpha1.GuestAddressMissing {
				since := ""
				if a.GuestSince != nil {
					since = moment(a.GuestSince.Time)
				}
				e.see("network "+n.Name, since, "%s is asked for, and the guest does not report it", a.Address)
			}
		}
		if len(n.UnexpectedAddresses) > 0 {
			e.see("network "+n.Name, "", "the guest reports %s, which nobody asked for", strings.Join(n.UnexpectedAddresses, ", "))
		}
	}
	for _, line := range w.Status.PendingRestart {
		e.see(kindVirtualMachine+"/"+w.Status.VMName, "", "waits for a restart: %s", line)
	}
	for _, typ := range []string{v1alpha1.ConditionGuestNetworkReady, v1alpha1.ConditionVirtualMachineReady, v1alpha1.ConditionGuestInSync} {
		if c := meta.FindStatusCondition(w.Status.Conditions, typ); c != nil {
			e.see("condition "+typ, moment(c.LastTransitionTime.Time), "%s: %s", c.Reason, c.Message)
		}
	}
	e.do(fmt.Sprintf("compare what was asked for, delivered and observed: kubectl wukong guest verify %s", fullName(w)))
}
