package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// running says whether the guest runs.
func (s *wukongScope) running() bool {
	return s.vmi != nil && s.vmi.Status.Phase == kubevirtv1.Running
}

// nodeName is the node that the machine runs on, or is about to.
func (s *wukongScope) nodeName() string {
	if s.vmi == nil || s.vmi.IsFinal() {
		return ""
	}
	return s.vmi.Status.NodeName
}

// pendingRestart says line by line what a restart of the running machine will change. KubeVirt's own word is taken where nothing
// of what a Wukong asks for explains it; it may come late, and old versions do not have it.
func (s *wukongScope) pendingRestart() []string {
	if s.vmi == nil || s.vmi.IsFinal() {
		return nil
	}
	var out []string
	if s.request.Foreign {
		out = s.foreignLines()
	} else if template := s.template(); template != nil {
		out = render.Pending(template, s.vmi)
	}
	if len(out) == 0 && s.vm != nil {
		if c := machineCondition(s.vm, kubevirtv1.VirtualMachineRestartRequired); c != nil {
			out = []string{clip("KubeVirt asks for it: " + c.Message)}
		}
	}
	return out
}

// template is what the next instance of the machine that is made here will be, or nil.
func (s *wukongScope) template() *kubevirtv1.VirtualMachineInstanceTemplateSpec {
	switch {
	case s.applied != nil:
		return s.applied.Spec.Template
	case s.vm != nil && metav1.IsControlledBy(s.vm, s.wukong):
		return s.vm.Spec.Template
	}
	return nil
}

// foreignLines says that somebody else's machine began before its Secret got what it has now.
func (s *wukongScope) foreignLines() []string {
	st := &s.wukong.Status
	if !s.readsSecret() || st.NetworkDataSince == nil {
		return nil
	}
	read, started := render.SecretRead(s.vmi)
	if !started || !st.NetworkDataSince.After(read) {
		return nil
	}
	out := []string{fmt.Sprintf("network data: Secret %s has other content since %s, and the machine was started at %s", st.NetworkDataSecret,
		st.NetworkDataSince.UTC().Format(time.RFC3339), s.vmi.CreationTimestamp.UTC().Format(time.RFC3339))}
	for _, l := range s.late() {
		if len(out) < render.MaxPending {
			out = append(out, fmt.Sprintf("network %s: address %s is new", l.network, l.address))
		}
	}
	return out
}

// readsSecret says whether an instance of somebody else's machine was told by the Secret that is written for it.
func (s *wukongScope) readsSecret() bool {
	return s.request.Foreign && s.vmi != nil && !s.vmi.IsFinal() && render.GuestSecret(s.vmi.Spec.Volumes) == render.StableSecretName(s.wukong.Name)
}

// setVirtualMachineReady answers: does the machine run? A machine that is stopped on purpose is no fault of the network.
func setVirtualMachineReady(s *wukongScope) Verdict {
	status, v := metav1.ConditionFalse, Verdict{State: Working, Reason: v1alpha1.ReasonMachinePending, Message: "the machine is asked for and does not run yet"}
	switch {
	case !s.machineExpected():
		status, v = metav1.ConditionTrue, Verdict{State: Done, Reason: v1alpha1.ReasonNoMachineRequested, Message: "no machine is asked for, because spec.disks is empty"}
	case s.running():
		status, v = metav1.ConditionTrue, Verdict{State: Done, Reason: v1alpha1.ReasonRunning, Message: "the machine runs on node " + s.vmi.Status.NodeName}
	case s.bindingVerdict() != nil:
		v = *s.bindingVerdict()
	case s.stopped():
		v = Verdict{State: Done, Reason: v1alpha1.ReasonNotRunning, Message: "the machine is stopped, as its run strategy says"}
	case s.request.Foreign && s.vm == nil:
		v = Verdict{State: s.awaited(s.since(v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse)), Reason: v1alpha1.ReasonMachineNotFound,
			Message: "VirtualMachine " + s.request.VirtualMachine + " does not exist in this namespace"}
	case s.vm != nil && slices.Contains(machineErrors, s.vm.Status.PrintableStatus):
		v.State = s.machineTrouble()
		v.Message += fmt.Sprintf(": KubeVirt says %s; kubectl describe vm %s tells why", s.vm.Status.PrintableStatus, s.vm.Name)
	}
	if pending := s.wukong.Status.PendingRestart; v.State == Done && len(pending) > 0 {
		v = Verdict{State: s.restarts(), Reason: v1alpha1.ReasonRestartRequired,
			Message: "the machine runs with an older request: restart it when that suits you; waiting for that: " + firstLines(pending)}
	}
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionVirtualMachineReady, status, v.Reason, v.Message)
	return v
}

// firstLines names a few differences and counts the others.
func firstLines(lines []string) string {
	const most = 3
	text := strings.Join(lines[:min(len(lines), most)], "; ")
	if more := len(lines) - most; more > 0 {
		text += fmt.Sprintf("; and %d more in status.pendingRestart", more)
	}
	return text
}

// machineErrors are the states in which KubeVirt finds something wrong with a machine.
var machineErrors = []kubevirtv1.VirtualMachinePrintableStatus{kubevirtv1.VirtualMachineStatusUnschedulable, kubevirtv1.VirtualMachineStatusErrImagePull,
	kubevirtv1.VirtualMachineStatusImagePullBackOff, kubevirtv1.VirtualMachineStatusPvcNotFound, kubevirtv1.VirtualMachineStatusDataVolumeError,
	kubevirtv1.VirtualMachineStatusCrashLoopBackOff}

// machineTrouble says whether such a state is for a person. A node or a volume may come a moment later: the label of the node's
// network does, and a claim that is applied together with the machine.
func (s *wukongScope) machineTrouble() State {
	switch s.vm.Status.PrintableStatus {
	case kubevirtv1.VirtualMachineStatusUnschedulable, kubevirtv1.VirtualMachineStatusPvcNotFound:
		since := s.since(v1alpha1.ConditionVirtualMachineReady, metav1.ConditionFalse)
		for _, typ := range []string{v1alpha1.ConditionNodeNetworkReady, v1alpha1.ConditionGuestNetworkReady} {
			if had := s.since(typ, metav1.ConditionTrue); had.After(since) {
				since = had
			}
		}
		return s.awaited(since)
	}
	return Stalled
}

// restarts says whether somebody has to restart the machine. It may be going down already; and what KubeVirt may change while it runs
// waits for KubeVirt's own word.
func (s *wukongScope) restarts() State {
	asked := s.vm != nil && machineCondition(s.vm, kubevirtv1.VirtualMachineRestartRequired) != nil
	template := s.template()
	switch {
	case !s.vmi.DeletionTimestamp.IsZero():
		return Working
	case !asked && !s.request.Foreign && template != nil && render.PendingIsLive(template, s.vmi):
		return Working
	}
	return Stalled
}

// since gives the time from which on a condition has had a status: now, if it has another one.
func (s *wukongScope) since(typ string, status metav1.ConditionStatus) time.Time {
	if c := meta.FindStatusCondition(s.wukong.Status.Conditions, typ); c != nil && c.Status == status {
		return c.LastTransitionTime.Time
	}
	return s.now
}

// awaited is the state of what may come by itself and is awaited since then: a person has to act once it has taken too long.
func (s *wukongScope) awaited(since time.Time) State {
	left := since.Add(s.patience).Sub(s.now)
	if left <= 0 {
		return Stalled
	}
	s.again(left)
	return Working
}

// stopped says whether the machine is off because that is wanted.
func (s *wukongScope) stopped() bool {
	if s.vm == nil || (s.vmi != nil && !s.vmi.IsFinal()) {
		return false
	}
	strategy := s.vm.Spec.RunStrategy
	switch {
	case strategy == nil:
		return s.vmi == nil && s.vm.Spec.Running != nil && !*s.vm.Spec.Running
	case *strategy == kubevirtv1.RunStrategyHalted, *strategy == kubevirtv1.RunStrategyManual:
		return true
	case *strategy == kubevirtv1.RunStrategyOnce, *strategy == kubevirtv1.RunStrategyRerunOnFailure:
		return s.vmi != nil && s.vmi.Status.Phase == kubevirtv1.Succeeded // its guest ended by itself
	}
	return false
}

func machineCondition(vm *kubevirtv1.VirtualMachine, typ kubevirtv1.VirtualMachineConditionType) *kubevirtv1.VirtualMachineCondition {
	for i := range vm.Status.Conditions {
		if c := &vm.Status.Conditions[i]; c.Type == typ && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

func phase(s *wukongScope, v Verdict) v1alpha1.WukongPhase {
	machine := meta.FindStatusCondition(s.wukong.Status.Conditions, v1alpha1.ConditionVirtualMachineReady)
	switch {
	case v.State == Stalled && v.Reason != v1alpha1.ReasonRestartRequired:
		return v1alpha1.PhaseError
	case machine.Reason == v1alpha1.ReasonNotRunning:
		return v1alpha1.PhaseStopped
	case v.State == Done, s.running(): // also one that a restart would change
		return v1alpha1.PhaseRunning
	case s.delivered.done && s.request.Machine != nil:
		return v1alpha1.PhaseCreating
	}
	return v1alpha1.PhasePending
}

// volumes has one entry per disk. That a claim is bound is known from an instance that uses it, and stays known.
func volumes(s *wukongScope) []v1alpha1.VolumeStatus {
	if s.request.Machine == nil {
		return nil
	}
	var out []v1alpha1.VolumeStatus
	for _, d := range s.request.Machine.Disks {
		v := v1alpha1.VolumeStatus{Name: d.Name, PVCName: render.DiskVolumeName(s.wukong.Name, d.Name), Size: d.Size.String()}
		v.Bound = s.claimBound(v.Name, v.PVCName) || slices.ContainsFunc(s.before.Status.Volumes, func(b v1alpha1.VolumeStatus) bool {
			return b.Name == v.Name && b.PVCName == v.PVCName && b.Bound
		})
		out = append(out, v)
	}
	return out
}

// claimBound says whether the running instance tells of the claim of a volume, with its capacity: a claim gets that by being bound.
func (s *wukongScope) claimBound(volume, claim string) bool {
	return s.vmi != nil && slices.ContainsFunc(s.vmi.Status.VolumeStatus, func(v kubevirtv1.VolumeStatus) bool {
		info := v.PersistentVolumeClaimInfo
		return v.Name == volume && info != nil && info.ClaimName == claim && len(info.Capacity) > 0
	})
}
