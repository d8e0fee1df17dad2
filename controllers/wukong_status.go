package controllers

import (
	"fmt"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// conclude writes everything that the reconcile found out into the status. It needs no client.
func conclude(s *wukongScope) {
	st := &s.wukong.Status
	st.ObservedGeneration = s.wukong.Generation
	withoutRivals(&st.Conditions)
	if s.request == nil {
		concludeInvalid(s)
		return
	}
	st.VMName = machineOf(s.request)
	st.NotActedOn = notices(s)
	st.Networks = networkStatuses(s)
	st.NetworkStatus = dashboardStatuses(st.Networks)
	st.Volumes = volumes(s)
	st.Addresses = strings.Join(leasedAddresses(s), ",")
	st.NodeName = s.nodeName()
	if s.delivered.done {
		st.RequestHash = s.objects.RequestHash
		st.GuestDependent = guestDependent(s)
	}
	if s.delivered.done || s.delivered.secret != "" {
		st.NetworkDataSecret = s.delivered.secret
	}
	if s.delivered.rewritten != nil {
		st.NetworkDataSince = s.delivered.rewritten
	}
	st.FormerSecrets = s.formerSecrets()
	st.PendingRestart = s.pendingRestart()
	guest := noteGuest(s)
	verdicts := []Verdict{
		setAddressesAllocated(s), setConflictFree(s), setNodeNetworkReady(s),
		setGuestNetworkReady(s), setVirtualMachineReady(s),
	}
	setGuestInSync(s, guest)
	st.Nodes = nodesSummary(s)
	v := worst(verdicts)
	setVerdict(&st.Conditions, s.wukong.Generation, v)
	st.Phase = phase(s, v)
}

// worst gives the verdict that Ready takes: the first that needs a person, else the first that is not done, in the order of
// the path of an address.
func worst(verdicts []Verdict) Verdict {
	for _, state := range []State{Stalled, Working} {
		for _, v := range verdicts {
			if v.State == state {
				return v
			}
		}
	}
	return Verdict{State: Done, Reason: v1alpha1.ReasonNetworkReady, Message: "addresses, hosts and guest are as asked for"}
}

// concludeInvalid reports a spec that cannot work. What was published before is taken back as far as it is not true any
// more; leases stay, because a failed change keeps what was held.
func concludeInvalid(s *wukongScope) {
	message := clip(s.invalid.Error())
	st := &s.wukong.Status
	for _, typ := range []string{v1alpha1.ConditionAddressesAllocated, v1alpha1.ConditionNodeNetworkReady, v1alpha1.ConditionGuestNetworkReady} {
		setCondition(&st.Conditions, s.wukong.Generation, typ, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec, message)
	}
	for _, typ := range []string{v1alpha1.ConditionConflictFree, v1alpha1.ConditionGuestInSync, v1alpha1.ConditionVirtualMachineReady} {
		setCondition(&st.Conditions, s.wukong.Generation, typ, metav1.ConditionUnknown, v1alpha1.ReasonInvalidSpec, message)
	}
	setVerdict(&st.Conditions, s.wukong.Generation, Verdict{State: Stalled, Reason: v1alpha1.ReasonInvalidSpec, Message: message})
	st.Phase = v1alpha1.PhaseError
}

// mostNotices is what the schema takes of a list of notices.
const mostNotices = 64

func notices(s *wukongScope) []v1alpha1.FieldNotice {
	out := slices.Clone(s.request.Notices)
	if s.rival {
		out = slices.Insert(out, 0, rivalNotice)
	}
	return out[:min(len(out), mostNotices)]
}

// guestDependent tells what of the delivered network data some guests cannot follow; nothing where none is delivered.
func guestDependent(s *wukongScope) []v1alpha1.FieldNotice {
	if s.objects.Secret == nil {
		return nil
	}
	out := render.GuestDependent(s.objects.Delivered)
	return out[:min(len(out), mostNotices)]
}

// setAddressesAllocated answers: is every static address leased?
func setAddressesAllocated(s *wukongScope) Verdict {
	v := Verdict{State: Done, Reason: v1alpha1.ReasonAddressesAllocated, Message: "every static address is leased"}
	if !slices.ContainsFunc(s.networks, func(n *networkScope) bool { return n.Served() && n.Static() }) {
		v = Verdict{State: Done, Reason: v1alpha1.ReasonNoStaticAddresses, Message: "no static address is asked for"}
	}
	for _, n := range s.networks {
		if n.Served() && n.refusal != nil {
			v = Verdict{State: Stalled, Reason: n.refusal.Reason, Message: n.refusal.Error()}
			break
		}
		if n.trouble != nil && !n.leased() {
			v = n.trouble.on(n)
			break
		}
	}
	status := metav1.ConditionTrue
	if v.State != Done {
		status = metav1.ConditionFalse
	}
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionAddressesAllocated, status, v.Reason, v.Message)
	return v
}

// leased says whether the network has all of its addresses, and may use them.
func (n *networkScope) leased() bool {
	return !refused(n.macConflicts) && !slices.ContainsFunc(n.slots, func(t *slot) bool { return t.lease == nil || t.refusal != nil })
}

// on is the verdict for the Wukong, which has more networks than one.
func (v Verdict) on(n *networkScope) Verdict {
	if strings.HasPrefix(v.Message, n.Path+".") {
		return v // it names the field of the network already
	}
	v.Message = fmt.Sprintf("%s %q: %s", n.Path, n.Name, v.Message)
	return v
}

// setConflictFree answers: does nobody else hold or use one of the addresses?
func setConflictFree(s *wukongScope) Verdict {
	v := Verdict{State: Done, Reason: v1alpha1.ReasonNoConflict, Message: "nothing is known to collide" + warnings(s)}
	for _, n := range s.networks {
		if n.trouble != nil && n.trouble.contested() {
			v = n.trouble.on(n)
			break
		}
	}
	status := metav1.ConditionTrue
	if v.State != Done {
		status = metav1.ConditionFalse
	}
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionConflictFree, status, v.Reason, v.Message)
	return v
}

// contested says whether somebody else holds or uses what the network asks for.
func (v Verdict) contested() bool {
	switch v.Reason {
	case v1alpha1.ReasonAddressInUse, v1alpha1.ReasonAddressCooling, v1alpha1.ReasonAddressConflict, v1alpha1.ReasonAddressReserved, v1alpha1.ReasonMACConflict:
		return true
	}
	return false
}

// warnings are what tenants and guests say that collides: it is told, and decides nothing.
func warnings(s *wukongScope) string {
	for _, n := range s.networks {
		for _, c := range n.found() {
			if c.Severity == conflicts.Warns {
				return "; a warning: " + c.Tenant()
			}
		}
	}
	return ""
}

// setGuestNetworkReady answers: is the guest's network data delivered?
func setGuestNetworkReady(s *wukongScope) Verdict {
	v := Verdict{State: Working, Reason: v1alpha1.ReasonGuestNetworkPending, Message: "the guest's network data waits for addresses and networks"}
	switch {
	case s.delivered.reason != "":
		v = Verdict{State: s.delivered.state, Reason: s.delivered.reason, Message: s.delivered.message}
		if s.delivered.secret != "" {
			v.Message += "; its network data is in Secret " + s.delivered.secret
		}
	case s.delivered.done && s.objects.Secret == nil && s.request.Guest == v1alpha1.GuestConfigManual:
		v = Verdict{State: Done, Reason: v1alpha1.ReasonManual, Message: "nothing is delivered, as spec.guestConfig asks: configure the guest by hand"}
	case s.delivered.done && s.objects.Secret == nil:
		v = Verdict{State: Done, Reason: v1alpha1.ReasonNoNetworks, Message: "no network of the guest has anything to be told"}
	case s.delivered.done:
		v = Verdict{State: Done, Reason: v1alpha1.ReasonGuestNetworkReady, Message: "network data is in Secret " + s.objects.Secret.Name}
	}
	status := metav1.ConditionTrue
	if v.State != Done {
		status = metav1.ConditionFalse
	}
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionGuestNetworkReady, status, v.Reason, v.Message)
	return v
}

// announce makes an event of a change of Ready's reason or status, so that events follow transitions and nothing else.
func announce(recorder events.EventRecorder, obj client.Object, before, after []metav1.Condition) {
	old, now := meta.FindStatusCondition(before, v1alpha1.ConditionReady), meta.FindStatusCondition(after, v1alpha1.ConditionReady)
	if now == nil || (old != nil && old.Status == now.Status && old.Reason == now.Reason) {
		return
	}
	kind := corev1.EventTypeNormal
	if meta.IsStatusConditionTrue(after, v1alpha1.ConditionStalled) {
		kind = corev1.EventTypeWarning
	}
	recorder.Eventf(obj, nil, kind, now.Reason, "Reconcile", "%s", now.Message)
}

// keepProgress leaves the counts of nodes as they were published when nothing but they changed while a rollout is under
// way: a rollout over thousands of nodes writes no Wukong per step.
func keepProgress(s *wukongScope) {
	if !slices.ContainsFunc(s.networks, func(n *networkScope) bool { return n.host != nil && hostWorking(n.host) }) {
		return
	}
	calm := s.wukong.DeepCopy()
	calm.Status.Nodes = s.before.Status.Nodes
	for i := range calm.Status.Networks {
		if i < len(s.before.Status.Networks) {
			calm.Status.Networks[i].Nodes = s.before.Status.Networks[i].Nodes
		}
	}
	if equality.Semantic.DeepEqual(calm.Status, s.before.Status) {
		s.wukong.Status = calm.Status
	}
}

// lowerMAC gives a MAC address in lower case with colons, or "" when it is none.
func lowerMAC(s string) string {
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 {
		return ""
	}
	return mac.String()
}
