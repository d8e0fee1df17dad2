package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// anHour is when the tests below look, one hour after the world began.
var anHour = time.Unix(3600, 0)

// machineScope is a Wukong whose networks are there since the world began, and whose machine does not run since then.
func machineScope(change ...func(*wukongScope)) *wukongScope {
	s := &wukongScope{wukong: &v1alpha1.Wukong{}, now: anHour, patience: time.Minute,
		request: &render.Request{VirtualMachine: "web-vm", Machine: &render.Machine{}}, vm: &kubevirtv1.VirtualMachine{}}
	s.vm.Name = "web-vm"
	for typ, status := range map[string]metav1.ConditionStatus{v1alpha1.ConditionNodeNetworkReady: metav1.ConditionTrue,
		v1alpha1.ConditionGuestNetworkReady: metav1.ConditionTrue, v1alpha1.ConditionVirtualMachineReady: metav1.ConditionFalse} {
		became(s, typ, status, time.Unix(0, 0))
	}
	for _, c := range change {
		c(s)
	}
	return s
}

// became gives a condition a status from a time on.
func became(s *wukongScope, typ string, status metav1.ConditionStatus, at time.Time) {
	c := metav1.Condition{Type: typ, Status: status, Reason: "Test", LastTransitionTime: metav1.NewTime(at)}
	for i := range s.wukong.Status.Conditions {
		if s.wukong.Status.Conditions[i].Type == typ {
			s.wukong.Status.Conditions[i] = c
			return
		}
	}
	s.wukong.Status.Conditions = append(s.wukong.Status.Conditions, c)
}

func says(status kubevirtv1.VirtualMachinePrintableStatus) func(*wukongScope) {
	return func(s *wukongScope) { s.vm.Status.PrintableStatus = status }
}

func since(typ string, status metav1.ConditionStatus, ago time.Duration) func(*wukongScope) {
	return func(s *wukongScope) { became(s, typ, status, anHour.Add(-ago)) }
}

func TestAMachineThatDoesNotRunWaitsOrNeedsAPerson(t *testing.T) {
	theirs := func(s *wukongScope) { s.request.Machine, s.request.Foreign, s.vm = nil, true, nil }
	for name, test := range map[string]struct {
		scope *wukongScope
		state State
		// again is when the controller looks again by itself.
		again  time.Duration
		reason string
	}{
		"KubeVirt finds nothing wrong, however long it takes": {scope: machineScope(says(kubevirtv1.VirtualMachineStatusStarting)), state: Working},
		"a disk is filled, however long it takes":             {scope: machineScope(says(kubevirtv1.VirtualMachineStatusProvisioning)), state: Working},
		"no image":                 {scope: machineScope(says(kubevirtv1.VirtualMachineStatusErrImagePull)), state: Stalled},
		"no image for a while":     {scope: machineScope(says(kubevirtv1.VirtualMachineStatusImagePullBackOff)), state: Stalled},
		"a disk cannot be filled":  {scope: machineScope(says(kubevirtv1.VirtualMachineStatusDataVolumeError)), state: Stalled},
		"it fails again and again": {scope: machineScope(says(kubevirtv1.VirtualMachineStatusCrashLoopBackOff)), state: Stalled},
		"no node for long":         {scope: machineScope(says(kubevirtv1.VirtualMachineStatusUnschedulable)), state: Stalled},
		"no volume for long":       {scope: machineScope(says(kubevirtv1.VirtualMachineStatusPvcNotFound)), state: Stalled},
		"no node yet": {scope: machineScope(says(kubevirtv1.VirtualMachineStatusUnschedulable),
			since(v1alpha1.ConditionVirtualMachineReady, metav1.ConditionFalse, 20*time.Second)), state: Working, again: 40 * time.Second},
		"no node, and it ran a moment ago": {scope: machineScope(says(kubevirtv1.VirtualMachineStatusUnschedulable),
			since(v1alpha1.ConditionVirtualMachineReady, metav1.ConditionTrue, time.Hour)), state: Working, again: time.Minute},
		"no node, and hosts have the network since a moment": {scope: machineScope(says(kubevirtv1.VirtualMachineStatusUnschedulable),
			since(v1alpha1.ConditionNodeNetworkReady, metav1.ConditionTrue, time.Second)), state: Working, again: 59 * time.Second},
		"no node, and hosts do not have the network": {scope: machineScope(says(kubevirtv1.VirtualMachineStatusUnschedulable),
			since(v1alpha1.ConditionNodeNetworkReady, metav1.ConditionFalse, time.Hour)), state: Working, again: time.Minute},
		"somebody else's machine does not exist yet": {scope: machineScope(theirs, since(v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, 50*time.Second)),
			state: Working, again: 10 * time.Second, reason: v1alpha1.ReasonMachineNotFound},
		"somebody else's machine does not exist": {scope: machineScope(theirs, since(v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, time.Minute)),
			state: Stalled, reason: v1alpha1.ReasonMachineNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.scope
			macsKnown(s) // says the same of the guest's network data
			v := setVirtualMachineReady(s)
			reason := test.reason
			if reason == "" {
				reason = v1alpha1.ReasonMachinePending
			}
			if v.State != test.state || v.Reason != reason || s.requeue != test.again {
				t.Errorf("state %d %s, looked at again after %s; want %d %s, %s", v.State, v.Reason, s.requeue, test.state, reason, test.again)
			}
			if s.vm == nil && s.delivered.state != test.state {
				t.Errorf("the network data: state %d, want %d", s.delivered.state, test.state)
			}
		})
	}
}

func TestARestartIsForAPersonUnlessItIsOnItsWay(t *testing.T) {
	asked := func(s *wukongScope) {
		s.vm.Status.Conditions = []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineRestartRequired, Status: corev1.ConditionTrue}}
	}
	bigger := func(s *wukongScope) { s.applied.Spec.Template.Spec.Domain.Memory = memory("4Gi") }
	otherDisk := func(s *wukongScope) {
		s.applied.Spec.Template.Spec.Domain.Devices.Disks = []kubevirtv1.Disk{{Name: "data"}}
	}
	for name, test := range map[string]struct {
		change []func(*wukongScope)
		want   State
	}{
		"another disk": {[]func(*wukongScope){otherDisk}, Stalled},
		"another size, which KubeVirt may change while the machine runs":     {[]func(*wukongScope){bigger}, Working},
		"another size, which KubeVirt does not change":                       {[]func(*wukongScope){bigger, asked}, Stalled},
		"another size and another disk":                                      {[]func(*wukongScope){bigger, otherDisk}, Stalled},
		"KubeVirt asks for it":                                               {[]func(*wukongScope){asked}, Stalled},
		"another disk, and the machine goes down to start again":             {[]func(*wukongScope){otherDisk, goesDown}, Working},
		"KubeVirt asks for it, and the machine goes down to start again":     {[]func(*wukongScope){asked, goesDown}, Working},
		"the Secret of somebody else's machine has got something else since": {[]func(*wukongScope){func(s *wukongScope) { s.request.Foreign = true }}, Stalled},
	} {
		t.Run(name, func(t *testing.T) {
			s := machineScope(func(s *wukongScope) {
				s.vmi = &kubevirtv1.VirtualMachineInstance{}
				s.vmi.Status.Phase, s.vmi.Spec.Domain.Memory = kubevirtv1.Running, memory("2Gi")
				s.applied = &kubevirtv1.VirtualMachine{Spec: kubevirtv1.VirtualMachineSpec{Template: &kubevirtv1.VirtualMachineInstanceTemplateSpec{Spec: *s.vmi.Spec.DeepCopy()}}}
			})
			for _, change := range test.change {
				change(s)
			}
			s.wukong.Status.PendingRestart = []string{"something is another"}
			v := setVirtualMachineReady(s)
			if v.State != test.want || v.Reason != v1alpha1.ReasonRestartRequired {
				t.Errorf("state %d %s, want %d", v.State, v.Reason, test.want)
			}
			if got := phase(s, v); got != v1alpha1.PhaseRunning {
				t.Errorf("phase %s of a machine that runs", got)
			}
		})
	}
}

func goesDown(s *wukongScope) { s.vmi.DeletionTimestamp = &metav1.Time{Time: anHour} }

func memory(size string) *kubevirtv1.Memory {
	return &kubevirtv1.Memory{Guest: new(resource.MustParse(size))}
}
