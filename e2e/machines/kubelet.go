package machines

import (
	"context"
	"fmt"
	"slices"
	"time"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// kubelet ends a pod that was deleted, once its guest had time to shut down. What a test holds stays.
func (p *pass) kubelet(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionTimestamp.IsZero() {
		return nil
	}
	if p.deletions[pod.UID].IsZero() {
		p.deletions[pod.UID] = p.now
	}
	w := p.of(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Annotations[kubevirtv1.DomainAnnotation]})
	if w.held || !p.passed(p.deletions[pod.UID], orElse(w.shutdown, p.opts.ShutdownTime)) {
		return nil
	}
	delete(p.deletions, pod.UID)
	return client.IgnoreNotFound(p.client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID}))
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// bind schedules a pod. While no node fits, its condition says why.
func (p *pass) bind(ctx context.Context, pod *corev1.Pod) error {
	node, why := schedule(pod, p.nodes, p.load())
	if node != "" {
		binding := &corev1.Binding{Target: corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node}}
		return p.client.SubResource("binding").Create(ctx, pod, binding)
	}
	return p.setPod(ctx, pod, func(st *corev1.PodStatus) {
		setPodCondition(st, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse,
			Reason: corev1.PodReasonUnschedulable, Message: why})
	})
}

// prepared gives what the guest reads at boot, once the Secrets and attachments that the pod needs are there. Until then its
// container waits, and there is nothing to give.
func (p *pass) prepared(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, pod *corev1.Pod) (*seed, error) {
	s, missing, err := p.seed(ctx, vmi)
	if err != nil {
		return nil, err
	}
	if missing == "" {
		missing, err = p.missingAttachment(ctx, vmi)
	}
	if err != nil || missing == "" {
		return s, err
	}
	return nil, p.setPod(ctx, pod, func(st *corev1.PodStatus) {
		st.Phase = corev1.PodPending
		st.ContainerStatuses = []corev1.ContainerStatus{{Name: "compute", State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating", Message: missing}}}}
	})
}

// seed reads what cloud-init gets, or says what is missing.
func (p *pass) seed(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) (_ *seed, missing string, err error) {
	out := &seed{instanceID: string(vmi.Spec.Domain.Firmware.UUID)}
	for _, v := range vmi.Spec.Volumes {
		source := v.CloudInitNoCloud
		if source == nil {
			continue
		}
		out.networkData, out.userData = source.NetworkData, source.UserData
		for _, ref := range []struct {
			from *corev1.LocalObjectReference
			key  string
			into *string
		}{{source.NetworkDataSecretRef, "networkdata", &out.networkData}, {source.UserDataSecretRef, "userdata", &out.userData}} {
			if ref.from == nil {
				continue
			}
			secret := &corev1.Secret{}
			err := p.client.Get(ctx, types.NamespacedName{Namespace: vmi.Namespace, Name: ref.from.Name}, secret)
			if apierrors.IsNotFound(err) {
				return nil, fmt.Sprintf("MountVolume.SetUp failed for volume %q: secret %q not found", v.Name, ref.from.Name), nil
			}
			if err != nil {
				return nil, "", err
			}
			if *ref.into = string(secret.Data[ref.key]); *ref.into == "" {
				*ref.into = string(secret.Data[camelKeys[ref.key]])
			}
		}
	}
	return out, "", nil
}

// camelKeys are the other names that KubeVirt knows for the keys of a Secret.
var camelKeys = map[string]string{"networkdata": "networkData", "userdata": "userData"}

func (p *pass) missingAttachment(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) (string, error) {
	for _, network := range vmi.Spec.Networks {
		if network.Multus == nil {
			continue
		}
		key := nadKey(vmi.Namespace, network.Multus.NetworkName)
		err := p.client.Get(ctx, key, &netattach.NetworkAttachmentDefinition{})
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			return fmt.Sprintf("Failed to create pod sandbox: cannot find a network-attachment-definition (%s) in namespace (%s)", key.Name, key.Namespace), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

// runPod starts the container of a pod.
func (p *pass) runPod(ctx context.Context, pod *corev1.Pod) error {
	if pod.Status.Phase == corev1.PodRunning {
		return nil
	}
	p.started++
	ip := fmt.Sprintf("10.244.%d.%d", p.started/250%250, p.started%250+1)
	return p.setPod(ctx, pod, func(st *corev1.PodStatus) {
		st.Phase, st.PodIP, st.PodIPs = corev1.PodRunning, ip, []corev1.PodIP{{IP: ip}}
		st.ContainerStatuses = []corev1.ContainerStatus{{Name: "compute", Ready: true, State: corev1.ContainerState{
			Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(p.now)}}}}
		for _, typ := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
			setPodCondition(st, corev1.PodCondition{Type: typ, Status: corev1.ConditionTrue})
		}
	})
}

// stopPod ends the container of a pod that stays as a record.
func (p *pass) stopPod(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
	return p.setPod(ctx, pod, func(st *corev1.PodStatus) {
		st.Phase = phase
		st.ContainerStatuses = []corev1.ContainerStatus{{Name: "compute", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: metav1.NewTime(p.now)}}}}
		for _, typ := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
			setPodCondition(st, corev1.PodCondition{Type: typ, Status: corev1.ConditionFalse, Reason: "PodCompleted"})
		}
	})
}

func (p *pass) setPod(ctx context.Context, pod *corev1.Pod, change func(*corev1.PodStatus)) error {
	before := pod.DeepCopy()
	change(&pod.Status)
	if equality.Semantic.DeepEqual(before.Status, pod.Status) {
		return nil
	}
	return p.client.Status().Update(ctx, pod)
}

func setPodCondition(st *corev1.PodStatus, c corev1.PodCondition) {
	i := slices.IndexFunc(st.Conditions, func(have corev1.PodCondition) bool { return have.Type == c.Type })
	if i < 0 {
		st.Conditions = append(st.Conditions, c)
		return
	}
	st.Conditions[i] = c
}
