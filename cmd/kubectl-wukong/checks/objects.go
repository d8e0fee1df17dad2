package checks

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/render"
)

// needed says whether a HostUplink selects a node, so that something waits for it.
func (f *Facts) needed(n *corev1.Node) bool {
	for i := range f.Uplinks.Value {
		if render.Selects(&f.Uplinks.Value[i], n.Labels) {
			return true
		}
	}
	return false
}

// nodeStates asks whether what nodes report is there, and whether somebody keeps it up to date. The time in the report is that of
// the last change, so it says nothing about its age.
func nodeStates(f *Facts) *answer {
	const what = "reports of nodes"
	switch {
	case f.NodeStates.Absent:
		return nil
	case !f.NodeStates.known():
		return unknown(what, f.NodeStates.Unread)
	case !f.Nodes.known():
		return unknown(what, f.Nodes.Unread)
	}
	reported := map[string]bool{}
	for _, s := range f.NodeStates.Value {
		reported[s.Name] = true
	}
	var bad []string
	level := Warning
	for i := range f.Nodes.Value {
		n := &f.Nodes.Value[i]
		trouble := ""
		switch {
		case !reported[n.Name]:
			trouble = "has no NodeNetworkState"
		case !nodeReady(n):
			trouble = "is not Ready, so its NodeNetworkState may be old"
		case f.Handlers.known() && f.handlerTrouble(n.Name) != "":
			trouble = "has no working handler, so its NodeNetworkState may be old"
		default:
			continue
		}
		bad = append(bad, "node "+n.Name+" "+trouble)
		if !reported[n.Name] && f.needed(n) {
			level = Failed
		}
	}
	if len(bad) > 0 {
		return tell(level, bad, "kubectl get nodes; kubectl get pods -A -l "+HandlerLabel+" -o wide", "%s missing or old: nothing is decided about these nodes on old evidence", style.Count(len(bad), "report of a node is", "reports of nodes are"))
	}
	return pass("%s up to date", style.Count(len(f.Nodes.Value), "report of a node is", "reports of nodes are"))
}

// ownerlessPolicies asks whether policies with our labels belong to a HostUplink that exists: whatever else carries them is left
// behind, or made by hand.
func ownerlessPolicies(f *Facts) *answer {
	const what = "policies without an owner"
	switch {
	case f.Policies.Absent:
		return nil
	case !f.Policies.known():
		return unknown(what, f.Policies.Unread)
	case !f.Uplinks.known() && !f.Uplinks.Absent:
		return unknown(what, f.Uplinks.Unread)
	}
	var lost []string
	for i := range f.Policies.Value {
		p := &f.Policies.Value[i]
		labelled := p.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy || p.Labels[v1alpha1.UplinkLabel] != ""
		owned := slices.ContainsFunc(f.Uplinks.Value, func(u v1alpha1.HostUplink) bool { return render.Owns(&u, p) })
		if labelled && !owned {
			lost = append(lost, p.Name+orWhose(p.Labels[v1alpha1.UplinkLabel]))
		}
	}
	if len(lost) > 0 {
		return tell(Failed, lost, "look at each, then kubectl delete nncp NAME: that removes nothing from hosts",
			"%s labelled as ours without a HostUplink that owns it", style.Count(len(lost), "policy is", "policies are"))
	}
	return pass("every policy with our labels has its HostUplink")
}

func orWhose(uplink string) string {
	if uplink == "" {
		return ""
	}
	return " (HostUplink " + uplink + ")"
}

// status is what every kind of ours says about itself.
type status struct {
	name       string
	generation int64
	observed   int64
	conditions []metav1.Condition
}

// trouble says why an object is not Ready, or nothing. stalled says that a person has to act.
func (s status) trouble() (text string, stalled bool) {
	ready := meta.FindStatusCondition(s.conditions, v1alpha1.ConditionReady)
	switch {
	case s.observed < s.generation || ready == nil:
		return s.name + ": the controller has not looked at it yet", false
	case ready.Status == metav1.ConditionTrue:
		return "", false
	}
	return fmt.Sprintf("%s: %s: %s", s.name, ready.Reason, ready.Message), meta.IsStatusConditionTrue(s.conditions, v1alpha1.ConditionStalled)
}

// readiness answers for all objects of a kind.
func readiness(all []status, worst Level, one, many, fix string) *answer {
	var bad, waiting []string
	for _, s := range all {
		if text, stalled := s.trouble(); stalled {
			bad = append(bad, text)
		} else if text != "" {
			waiting = append(waiting, text)
		}
	}
	switch {
	case len(bad) > 0:
		return tell(worst, append(bad, waiting...), fix, "%s of %d not Ready, of which %d wait for a person", style.Count(len(bad)+len(waiting), one, many), len(all), len(bad))
	case len(waiting) > 0:
		return tell(Warning, waiting, fix, "%s of %d not Ready yet", style.Count(len(waiting), one, many), len(all))
	}
	return pass("%s, all Ready", style.Count(len(all), one, many))
}

func uplinks(f *Facts) *answer {
	if f.Uplinks.Absent {
		return nil
	}
	if !f.Uplinks.known() {
		return unknown("HostUplinks", f.Uplinks.Unread)
	}
	var all []status
	for i := range f.Uplinks.Value {
		u := &f.Uplinks.Value[i]
		all = append(all, status{u.Name, u.Generation, u.Status.ObservedGeneration, u.Status.Conditions})
	}
	return readiness(all, Failed, "HostUplink", "HostUplinks", "kubectl wukong host status")
}

func networks(f *Facts) *answer {
	if f.HostNetworks.Absent {
		return nil
	}
	if !f.HostNetworks.known() {
		return unknown("HostNetworks", f.HostNetworks.Unread)
	}
	var all []status
	for i := range f.HostNetworks.Value {
		n := &f.HostNetworks.Value[i]
		all = append(all, status{n.Name, n.Generation, n.Status.ObservedGeneration, n.Status.Conditions})
	}
	return readiness(all, Failed, "HostNetwork", "HostNetworks", "kubectl wukong host status")
}

// pools answers for AddressPools and AddressReservations.
func pools(f *Facts) *answer {
	switch {
	case f.Pools.Absent || f.Reservations.Absent:
		return nil
	case !f.Pools.known():
		return unknown("AddressPools", f.Pools.Unread)
	case !f.Reservations.known():
		return unknown("AddressReservations", f.Reservations.Unread)
	}
	var all []status
	for i := range f.Pools.Value {
		p := &f.Pools.Value[i]
		all = append(all, status{"AddressPool " + p.Name, p.Generation, p.Status.ObservedGeneration, p.Status.Conditions})
	}
	for i := range f.Reservations.Value {
		r := &f.Reservations.Value[i]
		all = append(all, status{"AddressReservation " + r.Name, r.Generation, r.Status.ObservedGeneration, r.Status.Conditions})
	}
	return readiness(all, Failed, "pool or reservation", "pools and reservations", "kubectl wukong pool list")
}

// nearlyFull is the share of a pool, in percent, from which on it is told.
const nearlyFull = 85

func poolSpace(f *Facts) *answer {
	if f.Pools.Absent {
		return nil
	}
	if !f.Pools.known() {
		return unknown("space in AddressPools", f.Pools.Unread)
	}
	var full, nearly []string
	for i := range f.Pools.Value {
		p := &f.Pools.Value[i]
		// A number that is none, such as 2^64, is more than anybody uses.
		total, errT := strconv.ParseInt(p.Status.Total, 10, 64)
		free, errF := strconv.ParseInt(p.Status.Free, 10, 64)
		if errT != nil || errF != nil || total == 0 {
			continue
		}
		text := fmt.Sprintf("AddressPool %s: %d of %d free", p.Name, free, total)
		switch {
		case p.Status.Missing > 0:
			full = append(full, fmt.Sprintf("%s, and Wukongs wait for %d", text, p.Status.Missing))
		case free == 0:
			full = append(full, text)
		case (total-free)*100 >= nearlyFull*total:
			nearly = append(nearly, text)
		}
	}
	const fix = "kubectl wukong pool list, then add ranges, or release what nobody needs"
	switch {
	case len(full) > 0:
		return tell(Failed, append(full, nearly...), fix, "%s exhausted", style.Count(len(full), "AddressPool is", "AddressPools are"))
	case len(nearly) > 0:
		return tell(Warning, nearly, fix, "%s more than %d%% full", style.Count(len(nearly), "AddressPool is", "AddressPools are"), nearlyFull)
	}
	return pass("no AddressPool is more than %d%% full", nearlyFull)
}

func collisions(f *Facts) *answer {
	if f.Leases.Absent {
		return nil
	}
	if !f.Leases.known() {
		return unknown("collisions", f.Leases.Unread)
	}
	var found []string
	for i := range f.Leases.Value {
		if l := &f.Leases.Value[i]; l.Spec.Conflict != "" {
			found = append(found, fmt.Sprintf("%s on %s: %s", l.Spec.Address, l.Spec.Segment, l.Spec.Conflict))
		}
	}
	if len(found) > 0 {
		return tell(Failed, found, "kubectl wukong ip who ADDRESS", "%s with somebody else", style.Count(len(found), "leased address collides", "leased addresses collide"))
	}
	return pass("%s, none known to collide", style.Count(len(f.Leases.Value), "lease", "leases"))
}

// ownerlessLeases asks whether the holder of every allocated lease exists. The controller gives such a lease up by itself, once
// nobody can use the address any more.
func ownerlessLeases(f *Facts) *answer {
	switch {
	case f.Leases.Absent || f.Wukongs.Absent:
		return nil
	case !f.Leases.known():
		return unknown("leases without a holder", f.Leases.Unread)
	case !f.Wukongs.known():
		return unknown("leases without a holder", f.Wukongs.Unread)
	}
	holders := map[types.UID]bool{}
	for i := range f.Wukongs.Value {
		holders[f.Wukongs.Value[i].UID] = true
	}
	var lost []string
	for i := range f.Leases.Value {
		l := &f.Leases.Value[i]
		if h := l.Spec.Holder; l.Spec.Phase == v1alpha1.LeaseAllocated && h != nil && !holders[h.UID] {
			lost = append(lost, fmt.Sprintf("%s on %s, of Wukong %s/%s", l.Spec.Address, l.Spec.Segment, h.Namespace, h.Name))
		}
	}
	if len(lost) > 0 {
		return tell(Warning, lost, "wait: the controller gives them up; if they stay, kubectl wukong ip who ADDRESS", "%s a holder that does not exist", style.Count(len(lost), "lease has", "leases have"))
	}
	return pass("every allocated lease has its holder")
}

// attachments asks whether the names that the controller needs are its own.
func attachments(f *Facts) *answer {
	switch {
	case f.Attachments.Absent || f.HostNetworks.Absent:
		return nil
	case !f.Attachments.known():
		return unknown("attachments", f.Attachments.Unread)
	case !f.HostNetworks.known():
		return unknown("attachments", f.HostNetworks.Unread)
	}
	names := map[string]string{}
	for i := range f.HostNetworks.Value {
		names[render.NADName(f.HostNetworks.Value[i].Name)] = f.HostNetworks.Value[i].Name
	}
	var taken []string
	count := 0
	for i := range f.Attachments.Value {
		nad := &f.Attachments.Value[i]
		if nad.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy {
			count++
			continue
		}
		if network, needed := names[nad.Name]; needed {
			taken = append(taken, fmt.Sprintf("%s/%s has the name of the attachment to HostNetwork %s and was not made by the controller", nad.Namespace, nad.Name, network))
		}
	}
	if len(taken) > 0 {
		return tell(Failed, taken, "rename or delete it: kubectl -n NAMESPACE get network-attachment-definition NAME -o yaml", "%s in the way of the controller's", style.Count(len(taken), "attachment is", "attachments are"))
	}
	return pass("%s of the controller, none in its way", style.Count(count, "attachment", "attachments"))
}

// wukongs is a warning at most: they are in the hands of application teams.
func wukongs(f *Facts) *answer {
	if f.Wukongs.Absent {
		return nil
	}
	if !f.Wukongs.known() {
		return unknown("Wukongs", f.Wukongs.Unread)
	}
	var all []status
	for i := range f.Wukongs.Value {
		w := &f.Wukongs.Value[i]
		all = append(all, status{w.Namespace + "/" + w.Name, w.Generation, w.Status.ObservedGeneration, w.Status.Conditions})
	}
	return readiness(all, Warning, "Wukong", "Wukongs", "kubectl get wukongs -A -o wide")
}
