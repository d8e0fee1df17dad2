package machines

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// machine does one step of a VirtualMachine: its instance comes and goes as its run strategy says, and follows its template as
// far as that is possible live.
func (p *pass) machine(ctx context.Context, vm *kubevirtv1.VirtualMachine) error {
	vmi := p.vmis[client.ObjectKeyFromObject(vm)]
	if vmi != nil && !metav1.IsControlledBy(vmi, vm) {
		vmi = nil // of an earlier machine of this name, which is about to go
	}
	if !vm.DeletionTimestamp.IsZero() {
		return p.retire(ctx, vm, vmi)
	}
	if controllerutil.AddFinalizer(vm, kubevirtv1.VirtualMachineControllerFinalizer) {
		return p.client.Update(ctx, vm)
	}
	if vm.Spec.Template == nil {
		return nil
	}
	if err := p.obey(ctx, vm, vmi); err != nil {
		return err
	}
	// What an instance lacked stands until it has gone.
	restart := vmi != nil && slices.ContainsFunc(vm.Status.Conditions, func(c kubevirtv1.VirtualMachineCondition) bool {
		return c.Type == kubevirtv1.VirtualMachineRestartRequired
	})
	if vmi != nil && vmi.DeletionTimestamp.IsZero() && !vmi.IsFinal() {
		var err error
		if restart, err = p.follow(ctx, vm, vmi); err != nil {
			return err
		}
	}
	return p.describe(ctx, vm, vmi, restart)
}

// retire lets a machine go once its instance has gone.
func (p *pass) retire(ctx context.Context, vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance) error {
	if vmi != nil {
		if err := p.end(ctx, vmi); err != nil {
			return err
		}
		return p.describe(ctx, vm, vmi, false)
	}
	delete(p.disks, vm.UID)
	if controllerutil.RemoveFinalizer(vm, kubevirtv1.VirtualMachineControllerFinalizer) {
		return p.client.Update(ctx, vm)
	}
	return nil
}

// end asks an instance to go, once.
func (p *pass) end(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) error {
	if !vmi.DeletionTimestamp.IsZero() {
		return nil
	}
	return p.client.Delete(ctx, vmi, client.Preconditions{UID: &vmi.UID})
}

// strategyOf reads the run strategy, and the older field that said less.
func strategyOf(vm *kubevirtv1.VirtualMachine) kubevirtv1.VirtualMachineRunStrategy {
	switch {
	case vm.Spec.RunStrategy != nil:
		return *vm.Spec.RunStrategy
	case vm.Spec.Running != nil && *vm.Spec.Running:
		return kubevirtv1.RunStrategyAlways
	}
	return kubevirtv1.RunStrategyHalted
}

// obey starts or ends the instance: requests first, then the run strategy.
func (p *pass) obey(ctx context.Context, vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance) error {
	if requests := vm.Status.StateChangeRequests; len(requests) > 0 {
		return p.fulfil(ctx, vm, vmi, requests[0])
	}
	strategy := strategyOf(vm)
	if vmi == nil {
		if strategy == kubevirtv1.RunStrategyAlways || strategy == kubevirtv1.RunStrategyRerunOnFailure {
			return p.begin(ctx, vm)
		}
		return nil
	}
	ended := vmi.IsFinal()
	switch {
	case strategy == kubevirtv1.RunStrategyHalted,
		strategy == kubevirtv1.RunStrategyAlways && ended,
		strategy == kubevirtv1.RunStrategyRerunOnFailure && vmi.Status.Phase == kubevirtv1.Failed:
		return p.end(ctx, vmi)
	}
	return nil
}

// fulfil works on the first of the requests that virtctl left, and takes it off once it is fulfilled.
func (p *pass) fulfil(ctx context.Context, vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance,
	request kubevirtv1.VirtualMachineStateChangeRequest,
) error {
	if request.Action == kubevirtv1.StopRequest && vmi != nil && request.UID != nil && *request.UID == vmi.UID {
		return p.end(ctx, vmi)
	}
	if request.Action == kubevirtv1.StartRequest {
		switch {
		case vmi != nil && vmi.IsFinal():
			return p.end(ctx, vmi)
		case vmi == nil:
			return p.begin(ctx, vm)
		}
	}
	before := vm.DeepCopy()
	vm.Status.StateChangeRequests = vm.Status.StateChangeRequests[1:]
	return p.client.Status().Patch(ctx, vm, client.MergeFrom(before))
}

// begin makes the instance of a machine from its template.
func (p *pass) begin(ctx context.Context, vm *kubevirtv1.VirtualMachine) error {
	if p.vmis[client.ObjectKeyFromObject(vm)] != nil {
		return nil // one of an earlier machine is in the way
	}
	template := vm.Spec.Template
	vmi := &kubevirtv1.VirtualMachineInstance{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: vm.Namespace, Name: vm.Name,
			Labels: maps.Clone(template.ObjectMeta.Labels), Annotations: maps.Clone(template.ObjectMeta.Annotations),
			Finalizers: []string{kubevirtv1.VirtualMachineInstanceFinalizer},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(vm,
				kubevirtv1.SchemeGroupVersion.WithKind("VirtualMachine"))},
		},
		Spec: filled(template.Spec, kubevirtv1.VirtualMachineInstanceSpec{}),
	}
	return p.client.Create(ctx, vmi)
}

// follow takes over from the template what can be changed live, and says whether the rest needs a restart.
func (p *pass) follow(ctx context.Context, vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance) (restart bool, err error) {
	now := live(vmi.Spec, vm.Spec.Template.Spec, vmi.Status.Phase)
	i := p.instances[vmi.UID]
	if i != nil {
		i.migrates = now.needsMigration
	}
	if !equality.Semantic.DeepEqual(vmi.Spec, now.spec) {
		vmi.Spec = now.spec
		if err := p.client.Update(ctx, vmi); err != nil {
			return false, err
		}
	}
	// As KubeVirt does, the template forgets an interface that was unplugged.
	if detached := withoutDetached(vm.Spec.Template.Spec, vmi.Spec); detached != nil {
		vm.Spec.Template.Spec = *detached
		return now.needsRestart, p.client.Update(ctx, vm)
	}
	return now.needsRestart, nil
}

// describe writes the status of a machine.
func (p *pass) describe(ctx context.Context, vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance, restart bool) error {
	before := vm.DeepCopy()
	st := &vm.Status
	st.Created, st.Ready = vmi != nil, vmi != nil && instanceHas(vmi, kubevirtv1.VirtualMachineInstanceReady)
	st.PrintableStatus = printable(vm, vmi)
	if strategy := strategyOf(vm); strategy != kubevirtv1.RunStrategyHalted {
		st.RunStrategy = strategy // the last one with which it ran
	}
	ready := kubevirtv1.VirtualMachineCondition{Type: kubevirtv1.VirtualMachineReady, Status: corev1.ConditionTrue}
	switch {
	case vmi == nil:
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, "VMINotExists", "VMI does not exist"
	case !st.Ready:
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, "GuestNotRunning", "Guest VM is not reported as running"
	}
	p.setMachineCondition(vm, ready)
	p.setMachineCondition(vm, kubevirtv1.VirtualMachineCondition{Type: kubevirtv1.VirtualMachineRestartRequired, Status: truth(restart),
		Reason: "RestartRequired", Message: "a non-live-updatable field was changed in the template spec"})
	for _, typ := range []kubevirtv1.VirtualMachineInstanceConditionType{kubevirtv1.VirtualMachineInstanceAgentConnected, kubevirtv1.VirtualMachineInstanceIsMigratable} {
		has := vmi != nil && instanceHas(vmi, typ)
		p.setMachineCondition(vm, kubevirtv1.VirtualMachineCondition{Type: kubevirtv1.VirtualMachineConditionType(typ), Status: truth(has)})
	}
	if equality.Semantic.DeepEqual(before.Status, vm.Status) {
		return nil
	}
	return p.client.Status().Update(ctx, vm)
}

func truth(is bool) corev1.ConditionStatus {
	if is {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

// setMachineCondition sets a condition; those other than Ready are absent instead of False.
func (p *pass) setMachineCondition(vm *kubevirtv1.VirtualMachine, c kubevirtv1.VirtualMachineCondition) {
	conditions := &vm.Status.Conditions
	i := slices.IndexFunc(*conditions, func(have kubevirtv1.VirtualMachineCondition) bool { return have.Type == c.Type })
	c.LastTransitionTime = metav1.NewTime(p.now).Rfc3339Copy()
	switch {
	case c.Status == corev1.ConditionFalse && c.Type != kubevirtv1.VirtualMachineReady:
		if i >= 0 {
			*conditions = slices.Delete(*conditions, i, i+1)
		}
	case i < 0:
		*conditions = append(*conditions, c)
	case (*conditions)[i].Status != c.Status || (*conditions)[i].Reason != c.Reason:
		(*conditions)[i] = c
	}
}

// printable is the column STATUS of kubectl get vm.
func printable(vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance) kubevirtv1.VirtualMachinePrintableStatus {
	switch {
	case !vm.DeletionTimestamp.IsZero():
		return kubevirtv1.VirtualMachineStatusTerminating
	case vmi == nil || vmi.IsFinal():
		return kubevirtv1.VirtualMachineStatusStopped
	case !vmi.DeletionTimestamp.IsZero():
		return kubevirtv1.VirtualMachineStatusStopping
	case vmi.Status.Phase == kubevirtv1.Running && migrating(vmi):
		return kubevirtv1.VirtualMachineStatusMigrating
	case vmi.Status.Phase == kubevirtv1.Running:
		return kubevirtv1.VirtualMachineStatusRunning
	case unschedulable(vmi):
		return kubevirtv1.VirtualMachineStatusUnschedulable
	}
	return kubevirtv1.VirtualMachineStatusStarting
}
