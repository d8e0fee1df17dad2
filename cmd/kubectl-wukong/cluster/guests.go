package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// VirtualMachine gives one VirtualMachine, or nil where there is none or KubeVirt is not installed.
func (c *Cluster) VirtualMachine(ctx context.Context, namespace, name string) (*kubevirtv1.VirtualMachine, error) {
	vm := &kubevirtv1.VirtualMachine{}
	return orNil(vm, c.get(ctx, "VirtualMachine", client.ObjectKey{Namespace: namespace, Name: name}, vm))
}

// Instance gives one VirtualMachineInstance, or nil where there is none or KubeVirt is not installed.
func (c *Cluster) Instance(ctx context.Context, namespace, name string) (*kubevirtv1.VirtualMachineInstance, error) {
	vmi := &kubevirtv1.VirtualMachineInstance{}
	return orNil(vmi, c.get(ctx, "VirtualMachineInstance", client.ObjectKey{Namespace: namespace, Name: name}, vmi))
}

// Secret gives one Secret, or nil where there is none. Secrets are never listed.
func (c *Cluster) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return orNil(secret, c.get(ctx, "Secret", client.ObjectKey{Namespace: namespace, Name: name}, secret))
}

// orNil takes what is not there for an answer.
func orNil[T any](object *T, err error) (*T, error) {
	switch CauseOf(err) {
	case NotFound, NotInstalled:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return object, nil
}
