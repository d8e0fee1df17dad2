package machines

import (
	"context"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// migration is one live migration of an instance, from the wish for it to its end.
type migration struct {
	uid    types.UID
	target string // node; empty is any other one that fits
	pod    string // on the target
	began  time.Time
	ended  time.Time
}

func newMigration(node string) *migration {
	return &migration{uid: types.UID(uuid.NewString()), target: node}
}

func (m *migration) completed() bool { return m != nil && !m.ended.IsZero() }

// gap says whether a migration is in the moment in which an interface is missing from what the instance reports.
func (m *migration) gap(p *pass) bool {
	if m == nil || m.began.IsZero() || m.completed() {
		return false
	}
	return p.passed(m.began, p.opts.MigrationTime/2)
}

// migrating says whether an instance moves at the moment.
func migrating(vmi *kubevirtv1.VirtualMachineInstance) bool {
	m := vmi.Status.MigrationState
	return m != nil && !m.Completed && !m.Failed
}

// migrate does one step of a migration that is asked for: a pod on the target, which needs there what the first one needed, both
// for a while, then the switch.
func (p *pass) migrate(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, i *instance, w *wishes) error {
	if w.migrates != nil && (i.migration == nil || i.migration.completed()) {
		i.migration, w.migrates = w.migrates, nil
	}
	m := i.migration
	if m == nil {
		return nil
	}
	stored := vmi.Status.MigrationState
	if stored == nil || stored.MigrationUID != m.uid {
		m.began = time.Time{} // it was not stored, or not yet
	} else if !stored.Completed {
		m.ended = time.Time{}
	}
	switch {
	case m.completed():
		return p.stopSource(ctx, vmi)
	case m.pod == "":
		return p.makeTarget(ctx, vmi, i)
	}
	pod := p.podNamed(vmi, m.pod)
	switch {
	case pod == nil:
		p.within(soon)
		return nil
	case pod.Spec.NodeName == "":
		return p.bindTarget(ctx, vmi, pod)
	case m.began.IsZero():
		return p.startMigration(ctx, vmi, i, pod)
	case p.passed(m.began, p.opts.MigrationTime):
		return p.switchOver(ctx, vmi, i, pod)
	}
	return nil
}

func (p *pass) makeTarget(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, i *instance) error {
	target := launcher(vmi, i.migration.uid, i.migration.target)
	if err := p.client.Create(ctx, target); err != nil {
		return err
	}
	i.migration.pod = target.Name
	p.within(soon)
	return nil
}

// bindTarget schedules the pod on the target, which is never the node that the guest runs on.
func (p *pass) bindTarget(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, pod *corev1.Pod) error {
	all := p.nodes
	defer func() { p.nodes = all }()
	p.nodes = nil
	for _, node := range all {
		if node.Name != vmi.Status.NodeName {
			p.nodes = append(p.nodes, node)
		}
	}
	return p.bind(ctx, pod)
}

func (p *pass) startMigration(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, i *instance, pod *corev1.Pod) error {
	ready, err := p.prepared(ctx, vmi, pod)
	if err != nil || ready == nil {
		return err
	}
	source := p.activePod(vmi)
	if err := p.runPod(ctx, pod); err != nil {
		return err
	}
	i.migration.began = p.now
	vmi.Status.ActivePods[pod.UID] = pod.Spec.NodeName
	start := metav1.NewTime(p.now).Rfc3339Copy()
	vmi.Status.MigrationState = &kubevirtv1.VirtualMachineInstanceMigrationState{
		MigrationUID: i.migration.uid, StartTimestamp: &start, Mode: kubevirtv1.MigrationPreCopy,
		SourceNode: vmi.Status.NodeName, SourcePod: source.Name, TargetNode: pod.Spec.NodeName, TargetPod: pod.Name,
	}
	p.within(p.opts.MigrationTime / 2)
	return nil
}

// switchOver has the guest go on where the target pod runs, with what waited for a migration. The agent has to be found again.
func (p *pass) switchOver(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, i *instance, pod *corev1.Pod) error {
	source, vm := p.activePod(vmi), &kubevirtv1.VirtualMachine{}
	if err := p.client.Get(ctx, i.key, vm); err != nil {
		return err
	}
	if vm.Spec.Template != nil {
		vmi.Spec = migrated(vmi.Spec, vm.Spec.Template.Spec)
	}
	delete(vmi.Status.ActivePods, source.UID)
	place(vmi, pod)
	end, m := metav1.NewTime(p.now).Rfc3339Copy(), vmi.Status.MigrationState
	m.EndTimestamp, m.Completed, m.TargetNodeDomainDetected, m.TargetNodeDomainReadyTimestamp = &end, true, true, &end
	i.migration.ended, i.agentAt = p.now, p.now
	return nil
}

// stopSource ends the pod that the guest left; it stays as a record.
func (p *pass) stopSource(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) error {
	source := p.podNamed(vmi, vmi.Status.MigrationState.SourcePod)
	if source == nil || hasEnded(source) {
		return nil
	}
	return p.stopPod(ctx, source, corev1.PodSucceeded)
}
