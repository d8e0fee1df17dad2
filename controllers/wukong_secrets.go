package controllers

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// writeSecret creates the Secret of the request, or writes the one anew that keeps its name. Secrets are never read: the name
// stands for the content, and the status remembers which were made.
func (r *WukongReconciler) writeSecret(ctx context.Context, s *wukongScope) error {
	secret, before := s.objects.Secret, &s.before.Status
	if secret == nil {
		return nil
	}
	known := before.NetworkDataSecret == secret.Name
	switch {
	case known && (!s.request.Foreign || before.RequestHash == s.objects.RequestHash):
		s.delivered.secret = secret.Name
		return nil
	case s.request.Foreign && s.delivered.reason != "":
		return nil // it is written once, when all is well
	}
	secret = secret.DeepCopy()
	own(s, secret)
	if !known {
		if err := r.secrets.create(ctx, secret); !apierrors.IsAlreadyExists(err) {
			return r.wrote(s, secret, err)
		}
	}
	return r.keepSecret(ctx, s, secret)
}

// keepSecret makes the Wukong the owner of a Secret that is there already: written before, perhaps right before a crash, or by a deleted
// Wukong of the same name, with which garbage collection would take it from the machine. One that is not immutable gets the present
// content, too.
func (r *WukongReconciler) keepSecret(ctx context.Context, s *wukongScope, secret *corev1.Secret) error {
	immutable := secret.Immutable != nil
	operations := append(madeFor(s.wukong, immutable), operation{"replace", firstOwner, secret.OwnerReferences[0]})
	if !immutable {
		data := map[string][]byte{}
		for key, value := range secret.StringData {
			data[key] = []byte(value)
		}
		operations = append(operations, operation{"add", "/data", data})
	}
	kept, err := r.secrets.patch(ctx, client.ObjectKeyFromObject(secret), operations)
	switch {
	case apierrors.IsNotFound(err):
		err = r.secrets.create(ctx, secret)
	case apierrors.IsInvalid(err):
		s.delivered.stop(Stalled, v1alpha1.ReasonNameTaken, "Secret %s exists and was not made for this Wukong: rename or delete it", secret.Name)
		s.again(r.Config.RetryAfter) // Secrets are not watched
		return nil
	case err == nil && !kept.DeletionTimestamp.IsZero():
		s.delivered.stop(Working, v1alpha1.ReasonGuestNetworkPending, "Secret %s is being deleted; it is made again afterwards", secret.Name)
		s.again(secretGoes)
		return nil
	}
	return r.wrote(s, secret, err)
}

// secretGoes is when to look whether a Secret that is being deleted has gone.
const secretGoes = time.Second

// wrote notes that a Secret is there, unless that failed.
func (r *WukongReconciler) wrote(s *wukongScope, secret *corev1.Secret, err error) error {
	if err != nil {
		return err
	}
	s.delivered.secret = secret.Name
	if s.request.Foreign {
		s.delivered.rewritten = &metav1.Time{Time: r.Config.Clock.Now()}
	}
	return nil
}

// dropSecrets deletes the Secrets of earlier requests once the machine runs with the present one: KubeVirt then knows the present
// template, and starts no instance that needs an earlier Secret. A machine that is stopped keeps them.
func (r *WukongReconciler) dropSecrets(ctx context.Context, s *wukongScope) error {
	former := s.before.Status.FormerSecrets
	if len(former) == 0 || s.request.Machine == nil || s.applied != nil || !s.runsPresent(s.vm, s.vmi) {
		return nil
	}
	vm, vmi := &kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{}
	for _, o := range []client.Object{vm, vmi} {
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(s.vm), o); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	if !s.runsPresent(vm, vmi) {
		return nil
	}
	for _, name := range former {
		// The status is only a memory, and not everybody's Secret can be put into it.
		if name != s.delivered.secret && render.IsSecretOf(s.wukong.Name, name) {
			if err := r.dropSecret(ctx, s, name); err != nil {
				return err
			}
		}
		s.dropped = append(s.dropped, name)
	}
	return nil
}

// dropSecret deletes one Secret, if it was made for the Wukong.
func (r *WukongReconciler) dropSecret(ctx context.Context, s *wukongScope, name string) error {
	found, err := r.secrets.patch(ctx, client.ObjectKey{Namespace: s.wukong.Namespace, Name: name}, madeFor(s.wukong, true))
	if err == nil {
		err = r.secrets.remove(ctx, found)
	}
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
		log.FromContext(ctx).Info("Secret of an earlier request stays", "secret", name, "reason", err.Error())
		return nil
	}
	return client.IgnoreNotFound(err)
}

// runsPresent says whether machine and instance both take what the guest is told from the present Secret.
func (s *wukongScope) runsPresent(vm *kubevirtv1.VirtualMachine, vmi *kubevirtv1.VirtualMachineInstance) bool {
	return vm != nil && vmi != nil && vm.Spec.Template != nil && metav1.IsControlledBy(vm, s.wukong) && vmi.DeletionTimestamp.IsZero() &&
		render.GuestSecret(vm.Spec.Template.Spec.Volumes) == s.delivered.secret && render.GuestSecret(vmi.Spec.Volumes) == s.delivered.secret
}

// maxFormer bounds how many earlier Secrets are remembered. The oldest are forgotten first, and go with the Wukong.
const maxFormer = 16

// formerSecrets remembers the Secrets of earlier requests that were not deleted yet.
func (s *wukongScope) formerSecrets() []string {
	out := slices.Clone(s.before.Status.FormerSecrets)
	if last := s.before.Status.NetworkDataSecret; last != render.StableSecretName(s.wukong.Name) && last != "" && !slices.Contains(out, last) {
		out = append(out, last)
	}
	out = slices.DeleteFunc(out, func(name string) bool {
		return name == s.wukong.Status.NetworkDataSecret || slices.Contains(s.dropped, name)
	})
	if len(out) == 0 {
		return nil
	}
	return out[max(0, len(out)-maxFormer):]
}
