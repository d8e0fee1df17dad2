package lab

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// createNode registers a node as a kubelet and the node controller do, and starts the pod of its handler.
func (s store) createNode(ctx context.Context, spec NodeSpec) error {
	labels := map[string]string{corev1.LabelHostname: spec.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64"}
	maps.Copy(labels, spec.Labels)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: spec.Name, Labels: labels}}
	if err := s.Create(ctx, node); err != nil {
		return err
	}
	node.Spec.Taints = nil // admission taints new nodes as not ready; the node controller would take that back
	if err := s.Update(ctx, node); err != nil {
		return err
	}
	if err := s.updateNode(ctx, spec.Name, func(node *corev1.Node) {
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: spec.Name}}
		if spec.Address.IsValid() {
			node.Status.Addresses = append(node.Status.Addresses,
				corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: spec.Address.String()})
		}
		node.Status.NodeInfo.OperatingSystem, node.Status.NodeInfo.Architecture = "linux", "amd64"
	}); err != nil {
		return err
	}
	if err := s.createHandlerPod(ctx, spec.Name); err != nil {
		return err
	}
	return s.setReady(ctx, spec.Name, Ready)
}

func (s store) deleteNode(ctx context.Context, name string) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: handlerNamespace, Name: handlerPod(name)}}
	if err := s.Delete(ctx, pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
		return err
	}
	return client.IgnoreNotFound(s.Delete(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

func handlerPod(node string) string { return "nmstate-handler-" + node }

// createHandlerPod makes the pod that stands for the handler; nothing runs in it.
func (s store) createHandlerPod(ctx context.Context, node string) error {
	no := false
	meta := metav1.ObjectMeta{Namespace: handlerNamespace, Name: "nmstate-handler"}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: handlerNamespace}},
		&corev1.ServiceAccount{ObjectMeta: meta},
		&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: handlerNamespace, Name: handlerPod(node), Labels: map[string]string{
				"app": "kubernetes-nmstate", "component": handlerComponent}},
			Spec: corev1.PodSpec{NodeName: node, ServiceAccountName: meta.Name, AutomountServiceAccountToken: &no,
				HostNetwork: true, Containers: []corev1.Container{{Name: "nmstate-handler", Image: "simulated.invalid/handler"}}},
		},
	} {
		if err := s.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// setReady writes a node's Ready condition, and that of its handler's pod.
func (s store) setReady(ctx context.Context, name string, readiness Readiness) error {
	if err := s.updateNode(ctx, name, func(node *corev1.Node) {
		condition := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}
		if readiness == NotReady {
			condition.Status, condition.Reason = corev1.ConditionUnknown, "NodeStatusUnknown"
			condition.Message = "Kubelet stopped posting node status."
		}
		node.Status.Conditions = []corev1.NodeCondition{condition}
	}); err != nil {
		return err
	}
	return s.setPodReady(ctx, name, readiness)
}

func (s store) setPodReady(ctx context.Context, node string, readiness Readiness) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		pod := &corev1.Pod{}
		if err := s.Get(ctx, types.NamespacedName{Namespace: handlerNamespace, Name: handlerPod(node)}, pod); err != nil {
			return err
		}
		status := corev1.ConditionTrue
		if readiness == NotReady {
			status = corev1.ConditionFalse
		}
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
		return s.Status().Update(ctx, pod)
	})
}

func (s store) updateNode(ctx context.Context, name string, change func(*corev1.Node)) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node := &corev1.Node{}
		if err := s.Get(ctx, types.NamespacedName{Name: name}, node); err != nil {
			return err
		}
		change(node)
		return s.Status().Update(ctx, node)
	})
}

func isReady(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
