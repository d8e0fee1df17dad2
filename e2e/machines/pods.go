package machines

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// launcherApp is the value of the label kubevirt.io of pods that run a machine.
const launcherApp = "virt-launcher"

// launcherGrace is what a launcher pod gets on top of the time for the guest, in seconds.
const launcherGrace = 15

// launcher is the pod for an instance, or for the migration of one if there is a UID of it. node pins it to a node.
func launcher(vmi *kubevirtv1.VirtualMachineInstance, migrationUID types.UID, node string) *corev1.Pod {
	no, grace := false, *vmi.Spec.TerminationGracePeriodSeconds+launcherGrace
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: vmi.Namespace, GenerateName: "virt-launcher-" + vmi.Name + "-",
			Labels: map[string]string{}, Annotations: map[string]string{},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(vmi,
				kubevirtv1.SchemeGroupVersion.WithKind("VirtualMachineInstance"))},
		},
		Spec: corev1.PodSpec{
			NodeSelector: maps.Clone(vmi.Spec.NodeSelector), Affinity: vmi.Spec.Affinity.DeepCopy(),
			Tolerations: slices.Clone(vmi.Spec.Tolerations), TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken: &no, RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "compute", Image: "simulated.invalid/virt-launcher"}},
		},
	}
	maps.Copy(pod.Labels, vmi.Labels)
	maps.Copy(pod.Labels, map[string]string{
		kubevirtv1.AppLabel: launcherApp, kubevirtv1.CreatedByLabel: string(vmi.UID),
		kubevirtv1.DeprecatedVirtualMachineNameLabel: vmi.Name,
	})
	maps.Copy(pod.Annotations, vmi.Annotations)
	pod.Annotations[kubevirtv1.DomainAnnotation] = vmi.Name
	if attached := attachments(vmi); attached != "" {
		pod.Annotations["k8s.v1.cni.cncf.io/networks"] = attached
	}
	if migrationUID != "" {
		pod.Labels[kubevirtv1.MigrationJobLabel] = string(migrationUID)
	}
	if node != "" {
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[corev1.LabelHostname] = node
	}
	return pod
}

// attachments is the annotation from which Multus reads what to attach.
func attachments(vmi *kubevirtv1.VirtualMachineInstance) string {
	type attachment struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		MAC       string `json:"mac,omitempty"`
		Interface string `json:"interface"`
	}
	var out []attachment
	for i := range vmi.Spec.Networks {
		network := &vmi.Spec.Networks[i]
		if network.Multus == nil {
			continue
		}
		key := nadKey(vmi.Namespace, network.Multus.NetworkName)
		a := attachment{Name: key.Name, Namespace: key.Namespace, Interface: podInterface(network)}
		if nic := interfaceOf(vmi.Spec, network.Name); nic != nil {
			a.MAC = nic.MacAddress
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return ""
	}
	text, _ := json.Marshal(out) // strings alone cannot fail
	return string(text)
}

// nadKey reads the name of an attachment, with or without its namespace.
func nadKey(namespace, name string) types.NamespacedName {
	if before, after, found := strings.Cut(name, "/"); found {
		return types.NamespacedName{Namespace: before, Name: after}
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// podsOf gives the launcher pods of an instance, oldest first; those of migrations have the UID of theirs.
func (p *pass) podsOf(vmi *kubevirtv1.VirtualMachineInstance) []*corev1.Pod {
	pods := p.pods[vmi.UID]
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return pods
}

// podNamed finds a launcher pod of an instance.
func (p *pass) podNamed(vmi *kubevirtv1.VirtualMachineInstance, name string) *corev1.Pod {
	for _, pod := range p.pods[vmi.UID] {
		if pod.Name == name {
			return pod
		}
	}
	return nil
}

// load counts the launcher pods of each node.
func (p *pass) load() map[string]int {
	out := map[string]int{}
	for _, pods := range p.pods {
		for _, pod := range pods {
			out[pod.Spec.NodeName]++
		}
	}
	return out
}

// hasEnded says whether nothing runs in a pod any more.
func hasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
