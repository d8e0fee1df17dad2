package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// machineUse looks, by live reads alone, for a machine that may use the address of a lease, and names it. Empty means proof
// that there is none. Any error means that nothing is proved.
func (r *AddressLeaseReconciler) machineUse(ctx context.Context, l ipam.Lease) (string, error) {
	if l.Holder.VirtualMachine == "" {
		return "", nil // no machine was ever asked for
	}
	key := client.ObjectKey{Namespace: l.Holder.Namespace, Name: l.Holder.VirtualMachine}
	current, err := r.currentDocument(ctx, l)
	if err != nil {
		return "", err
	}
	if r.components.Has(KubeVirt) {
		return r.kubevirtUse(ctx, key, current)
	}
	return r.launcherPod(ctx, key, "")
}

// document is what the holder's machine should run with now that it no longer asks for an address. The zero value is none:
// the holder is gone, or has not delivered its present request.
type document struct {
	secret string
	// since is when the Secret had its present content, where its name does not tell; else zero.
	since time.Time
}

func (r *AddressLeaseReconciler) currentDocument(ctx context.Context, l ipam.Lease) (document, error) {
	w := &v1alpha1.Wukong{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: l.Holder.Namespace, Name: l.Holder.Name}, w)
	if err != nil {
		return document{}, client.IgnoreNotFound(err)
	}
	if string(w.UID) != l.Holder.UID || w.Status.ObservedGeneration != w.Generation || !delivered(w) || asksFor(w, l) == asked {
		return document{}, nil
	}
	d := document{secret: w.Status.NetworkDataSecret}
	if w.Spec.VirtualMachineName != "" {
		// Its Secret keeps its name: only an instance that began later has read the present content.
		d.since = l.Since
		if written := w.Status.NetworkDataSince; written != nil && written.After(d.since) {
			d.since = written.Time
		}
	}
	return d, nil
}

// delivered says whether the guest's network data is that of the present spec: until it is, a machine may well start with what
// was there before.
func delivered(w *v1alpha1.Wukong) bool {
	c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionGuestNetworkReady)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == w.Generation
}

func (r *AddressLeaseReconciler) kubevirtUse(ctx context.Context, key client.ObjectKey, current document) (string, error) {
	vm := &kubevirtv1.VirtualMachine{}
	err := r.Live.Get(ctx, key, vm)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return "", err
	case err == nil && (vm.Spec.Template == nil || !runsWith(vm.Spec.Template.Spec.Volumes, current.secret)):
		return fmt.Sprintf("VirtualMachine %s", key), nil
	}
	vmi := &kubevirtv1.VirtualMachineInstance{}
	err = r.Live.Get(ctx, key, vmi)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return "", err
	case err != nil, vmi.IsFinal():
		return r.launcherPod(ctx, key, "") // its guest has ended, or there is none
	case !runsWith(vmi.Spec.Volumes, current.secret) || !vmi.CreationTimestamp.After(current.since):
		return fmt.Sprintf("VirtualMachineInstance %s", key), nil
	}
	return r.launcherPod(ctx, key, vmi.UID)
}

// runsWith says whether the volumes take their network data from the Secret of this name.
func runsWith(volumes []kubevirtv1.Volume, secret string) bool {
	for _, v := range volumes {
		if v.CloudInitNoCloud != nil && v.CloudInitNoCloud.NetworkDataSecretRef != nil {
			return secret != "" && v.CloudInitNoCloud.NetworkDataSecretRef.Name == secret
		}
	}
	return false
}

// launcherPod finds a pod of the machine that has not ended. KubeVirt marks it with the machine's name, and with the UID of its
// instance: pods of present, of which a migration makes two, do not count.
func (r *AddressLeaseReconciler) launcherPod(ctx context.Context, key client.ObjectKey, present types.UID) (string, error) {
	pods := &corev1.PodList{}
	err := r.Live.List(ctx, pods, client.InNamespace(key.Namespace), client.MatchingLabels{kubevirtv1.AppLabel: "virt-launcher"})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	for _, p := range pods.Items {
		ours := p.Annotations[kubevirtv1.DomainAnnotation] == key.Name || p.Labels[kubevirtv1.DeprecatedVirtualMachineNameLabel] == key.Name
		if present != "" && p.Labels[kubevirtv1.CreatedByLabel] == string(present) {
			continue
		}
		if ours && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			return fmt.Sprintf("Pod %s/%s", p.Namespace, p.Name), nil
		}
	}
	return "", nil
}
