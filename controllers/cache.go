package controllers

import (
	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CacheOptions keeps of each object what the controllers read.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Node{}:    {Transform: slimNode},
			&corev1.Pod{}:     {Transform: slimPod},
			&corev1.Service{}: {Transform: slimService},
		},
	}
}

// slimNode keeps labels, annotations, addresses and conditions of a node; its images alone are larger.
func slimNode(obj any) (any, error) {
	if n, ok := obj.(*corev1.Node); ok {
		n.ManagedFields = nil
		n.Status = corev1.NodeStatus{Addresses: n.Status.Addresses, Conditions: n.Status.Conditions}
	}
	return obj, nil
}

// slimPod keeps of a pod's metadata what says which addresses it has: there are many pods, and their specs are never read.
func slimPod(obj any) (any, error) {
	if p, ok := obj.(*metav1.PartialObjectMetadata); ok {
		status, has := p.Annotations[netattach.NetworkStatusAnnot]
		p.ManagedFields, p.OwnerReferences, p.Annotations = nil, nil, nil
		if has {
			p.Annotations = map[string]string{netattach.NetworkStatusAnnot: status}
		}
	}
	return obj, nil
}

// slimService keeps what says which addresses a Service has.
func slimService(obj any) (any, error) {
	if s, ok := obj.(*corev1.Service); ok {
		s.ManagedFields, s.Labels, s.Annotations = nil, nil, nil
		s.Spec = corev1.ServiceSpec{Type: s.Spec.Type, ClusterIP: s.Spec.ClusterIP, ClusterIPs: s.Spec.ClusterIPs, ExternalIPs: s.Spec.ExternalIPs}
		s.Status.Conditions = nil
	}
	return obj, nil
}
