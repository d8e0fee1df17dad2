package machines

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// requestPatience is how long a machine may be busy with an earlier request.
const requestPatience = 30 * time.Second

// Start asks a machine to run, as virtctl start does.
func (r *Runner) Start(ctx context.Context, key types.NamespacedName) error {
	vm, vmi, err := r.read(ctx, key)
	if err != nil {
		return err
	}
	switch strategy := strategyOf(vm); {
	case strategy == kubevirtv1.RunStrategyHalted:
		again := kubevirtv1.RunStrategyAlways
		if vm.Status.RunStrategy == kubevirtv1.RunStrategyRerunOnFailure {
			again = kubevirtv1.RunStrategyRerunOnFailure
		}
		return r.setStrategy(ctx, vm, again)
	case vmi != nil && !vmi.IsFinal():
		return fmt.Errorf("machines: %s runs already", key)
	case strategy == kubevirtv1.RunStrategyAlways:
		return fmt.Errorf("machines: %s is about to run, as its run strategy says", key)
	}
	return r.request(ctx, vm, kubevirtv1.VirtualMachineStateChangeRequest{Action: kubevirtv1.StartRequest})
}

// Stop asks a machine to stop, as virtctl stop does.
func (r *Runner) Stop(ctx context.Context, key types.NamespacedName) error {
	vm, vmi, err := r.read(ctx, key)
	switch {
	case err != nil:
		return err
	case vmi == nil || vmi.IsFinal():
		return fmt.Errorf("machines: %s does not run", key)
	case strategyOf(vm) != kubevirtv1.RunStrategyManual:
		return r.setStrategy(ctx, vm, kubevirtv1.RunStrategyHalted)
	}
	return r.request(ctx, vm, kubevirtv1.VirtualMachineStateChangeRequest{Action: kubevirtv1.StopRequest, UID: &vmi.UID})
}

// Restart ends the instance of a machine and starts another one, as virtctl restart does. A reboot inside the guest is not that.
func (r *Runner) Restart(ctx context.Context, key types.NamespacedName) error {
	vm, vmi, err := r.read(ctx, key)
	switch {
	case err != nil:
		return err
	case strategyOf(vm) == kubevirtv1.RunStrategyHalted || vmi == nil:
		return fmt.Errorf("machines: %s does not run", key)
	}
	return r.request(ctx, vm, kubevirtv1.VirtualMachineStateChangeRequest{Action: kubevirtv1.StopRequest, UID: &vmi.UID},
		kubevirtv1.VirtualMachineStateChangeRequest{Action: kubevirtv1.StartRequest})
}

// Migrate asks for a live migration to a node, or to any other node that fits if it is empty. It returns at once; a migration
// whose target does not fit waits until it does.
func (r *Runner) Migrate(ctx context.Context, key types.NamespacedName, node string) error {
	_, vmi, err := r.read(ctx, key)
	switch {
	case err != nil:
		return err
	case vmi == nil || vmi.Status.Phase != kubevirtv1.Running:
		return fmt.Errorf("machines: %s does not run, so it cannot migrate", key)
	case vmi.Status.NodeName == node:
		return fmt.Errorf("machines: %s runs on %s already", key, node)
	}
	r.wish(key, func(w *wishes) { w.migrates = newMigration(node) })
	return nil
}

// PowerOff has the guest shut itself down; its run strategy says what follows.
func (r *Runner) PowerOff(key types.NamespacedName) {
	r.wish(key, func(w *wishes) { w.ends = kubevirtv1.Succeeded })
}

// Crash has the instance fail.
func (r *Runner) Crash(key types.NamespacedName) {
	r.wish(key, func(w *wishes) { w.ends = kubevirtv1.Failed })
}

// Agent says whether a guest runs the guest agent.
type Agent bool

// A guest runs the guest agent unless said.
const (
	WithAgent    Agent = true
	WithoutAgent Agent = false
)

// SetAgent starts or stops the guest agent of a machine, also in guests to come.
func (r *Runner) SetAgent(key types.NamespacedName, agent Agent) {
	r.wish(key, func(w *wishes) { w.noAgent = agent == WithoutAgent })
}

// Drift gives the guest these addresses on an interface, instead of those that it has from cloud-init, until Mend or a restart.
func (r *Runner) Drift(key types.NamespacedName, nic string, addresses ...netip.Prefix) {
	r.wish(key, func(w *wishes) { w.drift[nic] = slices.Clone(addresses) })
}

// Mend ends every Drift of a machine.
func (r *Runner) Mend(key types.NamespacedName) {
	r.wish(key, func(w *wishes) { clear(w.drift) })
}

// AddGuestNIC gives the guest an interface that KubeVirt knows nothing of, such as docker0: it is reported without a name. It
// needs a MAC address, an interface name and addresses.
func (r *Runner) AddGuestNIC(key types.NamespacedName, nic GuestNIC) {
	r.wish(key, func(w *wishes) { w.guestOnly = append(w.guestOnly, nic) })
}

// Hold keeps the launcher pods of a machine from ending, as on a node that does not answer, until LetGo.
func (r *Runner) Hold(key types.NamespacedName) {
	r.wish(key, func(w *wishes) { w.held = true })
}

// LetGo ends Hold.
func (r *Runner) LetGo(key types.NamespacedName) {
	r.wish(key, func(w *wishes) { w.held = false })
}

// SetShutdownTime is how long the guest of a machine takes to shut down from now on; zero is as long as the options say.
func (r *Runner) SetShutdownTime(key types.NamespacedName, d time.Duration) {
	r.wish(key, func(w *wishes) { w.shutdown = d })
}

// Guest gives what the guest of a machine really has, whatever anybody reports; nothing while none has booted.
func (r *Runner) Guest(key types.NamespacedName) (Guest, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.instances {
		if i.key == key && i.booted {
			return r.present(i), true
		}
	}
	return Guest{}, false
}

// Trouble gives the last error that the runner itself met about an object, or nil.
func (r *Runner) Trouble(key types.NamespacedName) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.troubles[key]
}

func (r *Runner) wish(key types.NamespacedName, change func(*wishes)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r.of(key))
	r.poke()
}

// read gets a machine, and its instance if there is one.
func (r *Runner) read(ctx context.Context, key types.NamespacedName) (*kubevirtv1.VirtualMachine, *kubevirtv1.VirtualMachineInstance, error) {
	vm, vmi := &kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{}
	if err := r.client.Get(ctx, key, vm); err != nil {
		return nil, nil, err
	}
	err := r.client.Get(ctx, key, vmi)
	if err != nil {
		return vm, nil, client.IgnoreNotFound(err)
	}
	return vm, vmi, nil
}

func (r *Runner) setStrategy(ctx context.Context, vm *kubevirtv1.VirtualMachine, strategy kubevirtv1.VirtualMachineRunStrategy) error {
	before := vm.DeepCopy()
	vm.Spec.Running, vm.Spec.RunStrategy = nil, &strategy
	return r.client.Patch(ctx, vm, client.MergeFrom(before))
}

// request leaves requests for a machine, once it has fulfilled those before.
func (r *Runner) request(ctx context.Context, vm *kubevirtv1.VirtualMachine, requests ...kubevirtv1.VirtualMachineStateChangeRequest) error {
	return wait.PollUntilContextTimeout(ctx, soon, requestPatience, true, func(ctx context.Context) (bool, error) {
		if err := r.client.Get(ctx, client.ObjectKeyFromObject(vm), vm); err != nil || len(vm.Status.StateChangeRequests) > 0 {
			return false, err
		}
		before := vm.DeepCopy()
		vm.Status.StateChangeRequests = requests
		return true, r.client.Status().Patch(ctx, vm, client.MergeFrom(before))
	})
}
