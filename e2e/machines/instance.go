package machines

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// instance is what is known of a VirtualMachineInstance besides its object.
type instance struct {
	key   types.NamespacedName
	since time.Time // of its phase, as first seen
	phase kubevirtv1.VirtualMachineInstancePhase
	// seed was read when its first pod started; what becomes of the Secret afterwards does not matter.
	seed    *seed
	booted  bool
	guest   Guest // as it booted
	agentAt time.Time
	// migrates says that something waits for a migration.
	migrates  bool
	migration *migration
}

// instanceOf gives what is known of an instance.
func (p *pass) instanceOf(vmi *kubevirtv1.VirtualMachineInstance) *instance {
	i := p.instances[vmi.UID]
	if i == nil {
		i = &instance{key: client.ObjectKeyFromObject(vmi), since: p.now, phase: vmi.Status.Phase}
		p.instances[vmi.UID] = i
	}
	if i.phase != vmi.Status.Phase {
		i.phase, i.since = vmi.Status.Phase, p.now
	}
	return i
}

// instance does one step of a VirtualMachineInstance on its way from Pending to its end.
func (p *pass) instance(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) error {
	i, before := p.instanceOf(vmi), vmi.DeepCopy()
	if !vmi.DeletionTimestamp.IsZero() {
		return p.shutDown(ctx, vmi)
	}
	if !p.passed(i.since, p.opts.StepTime) {
		return nil
	}
	var err error
	switch vmi.Status.Phase {
	case "":
		p.enter(vmi, kubevirtv1.Pending)
	case kubevirtv1.Pending:
		err = p.makePod(ctx, vmi)
	case kubevirtv1.Scheduling:
		err = p.placePod(ctx, vmi, i)
	case kubevirtv1.Scheduled:
		p.bootGuest(vmi, i)
	case kubevirtv1.Running:
		err = p.keepRunning(ctx, vmi, i)
	}
	if err != nil || equality.Semantic.DeepEqual(before, vmi) {
		return err
	}
	return p.client.Update(ctx, vmi)
}

// enter puts an instance into its next phase.
func (p *pass) enter(vmi *kubevirtv1.VirtualMachineInstance, phase kubevirtv1.VirtualMachineInstancePhase) {
	vmi.Status.Phase = phase
	vmi.Status.PhaseTransitionTimestamps = append(vmi.Status.PhaseTransitionTimestamps,
		kubevirtv1.VirtualMachineInstancePhaseTransitionTimestamp{Phase: phase, PhaseTransitionTimestamp: metav1.NewTime(p.now).Rfc3339Copy()})
}

func (p *pass) makePod(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) error {
	if len(p.podsOf(vmi)) == 0 {
		if err := p.client.Create(ctx, launcher(vmi, "", "")); err != nil {
			return err
		}
	}
	p.enter(vmi, kubevirtv1.Scheduling)
	return nil
}

// placePod waits for a node, and then for what the pod needs there.
func (p *pass) placePod(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, i *instance) error {
	pods := p.podsOf(vmi)
	if len(pods) == 0 || !pods[0].DeletionTimestamp.IsZero() {
		p.enter(vmi, kubevirtv1.Failed)
		return nil
	}
	pod := pods[0]
	if pod.Spec.NodeName == "" {
		if err := p.bind(ctx, pod); err != nil {
			return err
		}
		copyScheduled(vmi, pod)
		return nil
	}
	dropInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceConditionType(corev1.PodScheduled))
	s, err := p.prepared(ctx, vmi, pod)
	if err != nil || s == nil {
		return err
	}
	i.seed = s
	if err := p.runPod(ctx, pod); err != nil {
		return err
	}
	p.enter(vmi, kubevirtv1.Scheduled)
	place(vmi, pod)
	return nil
}

// copyScheduled takes over from a pod why it has no node.
func copyScheduled(vmi *kubevirtv1.VirtualMachineInstance, pod *corev1.Pod) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceConditionType(c.Type),
				Status: c.Status, Reason: c.Reason, Message: c.Message})
		}
	}
}

func unschedulable(vmi *kubevirtv1.VirtualMachineInstance) bool {
	return slices.ContainsFunc(vmi.Status.Conditions, func(c kubevirtv1.VirtualMachineInstanceCondition) bool {
		return c.Type == kubevirtv1.VirtualMachineInstanceConditionType(corev1.PodScheduled) && c.Status == corev1.ConditionFalse
	})
}

// place says that an instance is on the node of a pod.
func place(vmi *kubevirtv1.VirtualMachineInstance, pod *corev1.Pod) {
	vmi.Status.NodeName = pod.Spec.NodeName
	if vmi.Labels == nil {
		vmi.Labels = map[string]string{}
	}
	vmi.Labels[kubevirtv1.NodeNameLabel] = pod.Spec.NodeName
	if vmi.Status.ActivePods == nil {
		vmi.Status.ActivePods = map[types.UID]string{}
	}
	vmi.Status.ActivePods[pod.UID] = pod.Spec.NodeName
}

// bootGuest starts the guest.
func (p *pass) bootGuest(vmi *kubevirtv1.VirtualMachineInstance, i *instance) {
	if i.seed == nil {
		p.enter(vmi, kubevirtv1.Failed) // it started under another runner, so nothing is known of its guest
		return
	}
	if !i.booted {
		w := p.of(i.key)
		clear(w.drift)
		w.ends, w.migrates = "", nil
		i.guest, i.booted, i.agentAt = p.diskOf(vmi).boot(*i.seed, hardware(vmi.Spec)), true, p.now
	}
	p.enter(vmi, kubevirtv1.Running)
	setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionTrue})
	setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceIsMigratable, Status: corev1.ConditionTrue})
	vmi.Status.Interfaces = reported(vmi.Spec, i.guest, p.podIP(vmi), domainOnly, 0)
}

// diskOf is what the guest of an instance remembers, as long as its machine exists.
func (p *pass) diskOf(vmi *kubevirtv1.VirtualMachineInstance) *disk {
	owner := metav1.GetControllerOf(vmi)
	if owner == nil {
		return &disk{}
	}
	if p.disks[owner.UID] == nil {
		p.disks[owner.UID] = &disk{}
	}
	return p.disks[owner.UID]
}

// hardware is what a guest finds.
func hardware(spec kubevirtv1.VirtualMachineInstanceSpec) []GuestNIC {
	var out []GuestNIC
	for _, nic := range spec.Domain.Devices.Interfaces {
		if nic.State != kubevirtv1.InterfaceStateAbsent {
			out = append(out, GuestNIC{Name: nic.Name, MAC: nic.MacAddress})
		}
	}
	return out
}

// keepRunning has a running instance say what its guest reports, migrate, or end.
func (p *pass) keepRunning(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, i *instance) error {
	w := p.of(i.key)
	pod := p.activePod(vmi)
	switch {
	case w.ends != "":
		return p.finish(ctx, vmi, w.ends)
	case pod == nil || !pod.DeletionTimestamp.IsZero():
		return p.finish(ctx, vmi, kubevirtv1.Failed) // somebody took it away
	case !i.booted:
		return nil
	}
	if err := p.migrate(ctx, vmi, i, w); err != nil {
		return err
	}
	i.guest.replug(hardware(vmi.Spec))
	p.report(vmi, i, w)
	return nil
}

// finish ends an instance whose guest has ended. Its pods stay as a record until the instance goes.
func (p *pass) finish(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, phase kubevirtv1.VirtualMachineInstancePhase) error {
	end := corev1.PodFailed
	if phase == kubevirtv1.Succeeded {
		end = corev1.PodSucceeded
	}
	for _, pod := range p.podsOf(vmi) {
		if pod.DeletionTimestamp.IsZero() && !hasEnded(pod) {
			if err := p.stopPod(ctx, pod, end); err != nil {
				return err
			}
		}
	}
	p.enter(vmi, phase)
	vmi.Status.ActivePods, vmi.Status.Interfaces = nil, nil
	setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionFalse, Reason: "PodTerminating"})
	dropInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceAgentConnected)
	if i := p.instances[vmi.UID]; i != nil {
		i.booted = false
	}
	return nil
}

// shutDown lets an instance go: its pods first, then itself.
func (p *pass) shutDown(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) error {
	pods := p.podsOf(vmi)
	for _, pod := range pods {
		if pod.DeletionTimestamp.IsZero() {
			if err := client.IgnoreNotFound(p.client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID})); err != nil {
				return err
			}
		}
	}
	before := vmi.DeepCopy()
	if len(pods) > 0 {
		setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionFalse, Reason: "PodTerminating"})
	} else {
		if !vmi.IsFinal() {
			p.enter(vmi, kubevirtv1.Succeeded)
			vmi.Status.ActivePods, vmi.Status.Interfaces = nil, nil
		}
		controllerutil.RemoveFinalizer(vmi, kubevirtv1.VirtualMachineInstanceFinalizer)
	}
	if equality.Semantic.DeepEqual(before, vmi) {
		return nil
	}
	return p.client.Update(ctx, vmi)
}

// activePod is the pod that the guest runs in.
func (p *pass) activePod(vmi *kubevirtv1.VirtualMachineInstance) *corev1.Pod {
	for _, pod := range p.podsOf(vmi) {
		if pod.Spec.NodeName == vmi.Status.NodeName && !hasEnded(pod) && pod.Status.Phase == corev1.PodRunning {
			return pod
		}
	}
	return nil
}

func (p *pass) podIP(vmi *kubevirtv1.VirtualMachineInstance) string {
	if pod := p.activePod(vmi); pod != nil {
		return pod.Status.PodIP
	}
	return ""
}

// report writes what can be seen of the guest.
func (p *pass) report(vmi *kubevirtv1.VirtualMachineInstance, i *instance, w *wishes) {
	seen := whole
	connected := !w.noAgent && p.passed(i.agentAt, p.opts.AgentTime)
	switch {
	case w.noAgent:
		seen = domainOnly
	case i.migration.gap(p):
		seen = withGap
	case !p.passed(i.agentAt, p.opts.AgentTime):
		seen = domainOnly
		connected = i.migration.completed() // in a migration, the old word stands until the agent was asked again
	}
	if connected {
		setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceAgentConnected, Status: corev1.ConditionTrue})
	} else {
		dropInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceAgentConnected)
	}
	if i.migrates {
		setInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceCondition{Type: kubevirtv1.VirtualMachineInstanceMigrationRequired, Status: corev1.ConditionTrue})
	} else {
		dropInstanceCondition(vmi, kubevirtv1.VirtualMachineInstanceMigrationRequired)
	}
	vmi.Status.Interfaces = reported(vmi.Spec, p.present(i), p.podIP(vmi), seen, len(w.drift)+len(vmi.Status.ActivePods))
}

// present is what a guest has now: as it booted, but for what it changed by itself since.
func (r *Runner) present(i *instance) Guest {
	w, out := r.of(i.key), i.guest
	out.NICs = slices.Clone(i.guest.NICs)
	for n := range out.NICs {
		if drifted, ok := w.drift[out.NICs[n].Name]; ok {
			out.NICs[n].Addresses = slices.Clone(drifted)
		}
	}
	out.NICs = append(out.NICs, w.guestOnly...)
	return out
}

func instanceHas(vmi *kubevirtv1.VirtualMachineInstance, typ kubevirtv1.VirtualMachineInstanceConditionType) bool {
	return slices.ContainsFunc(vmi.Status.Conditions, func(c kubevirtv1.VirtualMachineInstanceCondition) bool {
		return c.Type == typ && c.Status == corev1.ConditionTrue
	})
}

func setInstanceCondition(vmi *kubevirtv1.VirtualMachineInstance, c kubevirtv1.VirtualMachineInstanceCondition) {
	c.LastTransitionTime = metav1.Now().Rfc3339Copy()
	i := slices.IndexFunc(vmi.Status.Conditions, func(have kubevirtv1.VirtualMachineInstanceCondition) bool { return have.Type == c.Type })
	switch {
	case i < 0:
		vmi.Status.Conditions = append(vmi.Status.Conditions, c)
	case vmi.Status.Conditions[i].Status != c.Status || vmi.Status.Conditions[i].Message != c.Message:
		vmi.Status.Conditions[i] = c
	}
}

func dropInstanceCondition(vmi *kubevirtv1.VirtualMachineInstance, typ kubevirtv1.VirtualMachineInstanceConditionType) {
	vmi.Status.Conditions = slices.DeleteFunc(vmi.Status.Conditions, func(c kubevirtv1.VirtualMachineInstanceCondition) bool { return c.Type == typ })
}
