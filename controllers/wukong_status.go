package controllers

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/render"
)

// conclude writes everything that the reconcile found out into the status. It needs no client.
func conclude(s *wukongScope) {
	st := &s.wukong.Status
	st.ObservedGeneration = s.wukong.Generation
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
	st.NodeName = ""
	if s.vmi != nil {
		st.NodeName = s.vmi.Status.NodeName
	}
	if s.delivered.done && s.objects.Secret != nil {
		st.NetworkDataSecret = s.objects.Secret.Name
	}
	if s.delivered.done {
		st.RequestHash = s.objects.RequestHash
		st.GuestDependent = guestDependent(s)
	}
	verdicts := []Verdict{
		setAddressesAllocated(s), setConflictFree(s), setNodeNetworkReady(s),
		setGuestNetworkReady(s), setVirtualMachineReady(s),
	}
	setGuestInSync(s)
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
	out := s.request.Notices
	return slices.Clone(out[:min(len(out), mostNotices)])
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

// setVirtualMachineReady answers: does the machine run? A machine that is stopped on purpose is no fault of the network.
func setVirtualMachineReady(s *wukongScope) Verdict {
	status, v := metav1.ConditionFalse, Verdict{State: Working, Reason: v1alpha1.ReasonMachinePending, Message: "the machine is asked for and does not run yet"}
	switch {
	case s.request.Machine == nil && !s.request.Foreign:
		status, v = metav1.ConditionTrue, Verdict{State: Done, Reason: v1alpha1.ReasonNoMachineRequested, Message: "no machine is asked for, because spec.disks is empty"}
	case s.vmi != nil && s.vmi.Status.Phase == kubevirtv1.Running:
		status, v = metav1.ConditionTrue, Verdict{State: Done, Reason: v1alpha1.ReasonRunning, Message: "the machine runs on node " + s.vmi.Status.NodeName}
	case s.bindingVerdict() != nil:
		v = *s.bindingVerdict()
	case s.vm != nil && s.vmi == nil && stoppedOnPurpose(s.vm):
		v = Verdict{State: Done, Reason: v1alpha1.ReasonNotRunning, Message: "the machine is stopped, as its run strategy says"}
	case s.request.Foreign && s.vm == nil:
		v = Verdict{State: Working, Reason: v1alpha1.ReasonMachineNotFound, Message: "VirtualMachine " + s.request.VirtualMachine + " does not exist in this namespace"}
	}
	if v.State == Done && s.vm != nil && hasCondition(s.vm, kubevirtv1.VirtualMachineRestartRequired) {
		v = Verdict{State: Working, Reason: v1alpha1.ReasonRestartRequired, Message: "the machine runs with an older request until it is restarted: restart it when that suits you"}
	}
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionVirtualMachineReady, status, v.Reason, v.Message)
	return v
}

func stoppedOnPurpose(vm *kubevirtv1.VirtualMachine) bool {
	if vm.Spec.RunStrategy != nil {
		return *vm.Spec.RunStrategy == kubevirtv1.RunStrategyHalted || *vm.Spec.RunStrategy == kubevirtv1.RunStrategyManual
	}
	return vm.Spec.Running != nil && !*vm.Spec.Running
}

func hasCondition(vm *kubevirtv1.VirtualMachine, typ kubevirtv1.VirtualMachineConditionType) bool {
	return slices.ContainsFunc(vm.Status.Conditions, func(c kubevirtv1.VirtualMachineCondition) bool {
		return c.Type == typ && c.Status == corev1.ConditionTrue
	})
}

func phase(s *wukongScope, v Verdict) v1alpha1.WukongPhase {
	machine := meta.FindStatusCondition(s.wukong.Status.Conditions, v1alpha1.ConditionVirtualMachineReady)
	switch {
	case v.State == Stalled:
		return v1alpha1.PhaseError
	case machine != nil && machine.Reason == v1alpha1.ReasonNotRunning:
		return v1alpha1.PhaseStopped
	case v.State == Done, machine != nil && machine.Reason == v1alpha1.ReasonRunning:
		return v1alpha1.PhaseRunning
	case s.delivered.done && s.request.Machine != nil:
		return v1alpha1.PhaseCreating
	}
	return v1alpha1.PhasePending
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

// parseObserved reads an address that a guest reports; link-local ones and what cannot be read do not count.
func parseObserved(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil && !a.IsLinkLocalUnicast() && !a.IsLoopback()
}
