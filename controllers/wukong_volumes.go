package controllers

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// volumeTaken says which disk cannot be had because its volume would be that of another Wukong, or gives nil: KubeVirt would
// start the machine with that volume. A disk that the machine has already is its own.
func (r *WukongReconciler) volumeTaken(ctx context.Context, s *wukongScope) (*render.Problem, error) {
	for i, d := range s.request.Machine.Disks {
		if hasVolume(s.vm, render.DiskVolumeName(s.wukong.Name, d.Name)) {
			continue
		}
		for _, other := range render.SameVolume(s.wukong.Name, d.Name) {
			holds, err := r.holdsVolume(ctx, s.wukong, other)
			if err != nil {
				return nil, err
			}
			if holds {
				taken := render.VolumeTaken(s.wukong.Name, i, d.Name, other)
				return &taken, nil
			}
		}
	}
	return nil, nil
}

// holdsVolume says whether another Wukong has the volume: its machine does, or it asks for it and is the older one.
func (r *WukongReconciler) holdsVolume(ctx context.Context, mine *v1alpha1.Wukong, other render.DiskOf) (bool, error) {
	volume := render.DiskVolumeName(other.Wukong, other.Disk)
	vm := &kubevirtv1.VirtualMachine{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: mine.Namespace, Name: render.VMName(other.Wukong)}, vm)
	if err == nil && hasVolume(vm, volume) {
		return true, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return false, err
	}
	theirs := &v1alpha1.Wukong{}
	if err := r.Get(ctx, client.ObjectKey{Namespace: mine.Namespace, Name: other.Wukong}, theirs); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, err
	}
	asks := theirs.Spec.VirtualMachineName == "" && slices.ContainsFunc(theirs.Spec.Disks, func(d v1alpha1.Disk) bool { return d.Name == other.Disk })
	return asks && createdFirst(theirs, mine), nil
}

// createdFirst says whether a was created before b; of two of one second, the first by name.
func createdFirst(a, b *v1alpha1.Wukong) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

func hasVolume(vm *kubevirtv1.VirtualMachine, name string) bool {
	return vm != nil && slices.ContainsFunc(vm.Spec.DataVolumeTemplates, func(d kubevirtv1.DataVolumeTemplateSpec) bool { return d.Name == name })
}
