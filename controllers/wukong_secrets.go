package controllers

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// Secrets are never read: the name stands for the content, and the status remembers which were made.

// writeSecret creates the Secret of the request.
func (r *WukongReconciler) writeSecret(ctx context.Context, s *wukongScope) error {
	secret := s.objects.Secret
	if secret == nil {
		return nil
	}
	before := &s.before.Status
	written := before.NetworkDataSecret == secret.Name && (!s.request.Foreign || before.RequestHash == s.objects.RequestHash)
	if !written {
		secret = secret.DeepCopy()
		own(s, secret)
		if s.request.Foreign {
			return r.writeStableSecret(ctx, s, secret)
		}
		err := r.Create(ctx, secret)
		if apierrors.IsAlreadyExists(err) {
			return r.keepSecret(ctx, s, secret)
		}
		if err != nil {
			return err
		}
	}
	s.delivered.secret = secret.Name
	return nil
}

// keepSecret makes the Wukong an owner of a Secret that is there already: written before a crash, or by a deleted Wukong of the same
// name, with which garbage collection would take it from the machine.
func (r *WukongReconciler) keepSecret(ctx context.Context, s *wukongScope, secret *corev1.Secret) error {
	owner := secret.OwnerReferences[0]
	owner.Controller = nil // there may be one
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []metav1.OwnerReference{owner}}})
	if err != nil {
		return err
	}
	kept := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}
	err = r.Patch(ctx, kept, client.RawPatch(types.StrategicMergePatchType, patch))
	switch {
	case refusedByPolicy(err):
		s.delivered.stop(Stalled, v1alpha1.ReasonNameTaken, "Secret %s exists and was not made for this Wukong: rename or delete it", secret.Name)
		s.again(r.Config.RetryAfter)
		return nil
	case err != nil:
		return err
	case !kept.DeletionTimestamp.IsZero():
		s.delivered.stop(Working, v1alpha1.ReasonGuestNetworkPending, "Secret %s is being deleted; it is made again afterwards", secret.Name)
		s.again(secretGoes)
		return nil
	}
	s.delivered.secret = secret.Name
	return nil
}

// secretGoes is when to look whether a Secret that is being deleted has gone.
const secretGoes = time.Second

// writeStableSecret applies a Secret that keeps its name, so that somebody else's machine can refer to it.
func (r *WukongReconciler) writeStableSecret(ctx context.Context, s *wukongScope, secret *corev1.Secret) error {
	if s.delivered.reason != "" {
		return nil // it is written once, when all is well
	}
	err := r.applySecret(ctx, secret)
	if refusedByPolicy(err) {
		// The controller may not read Secrets, so it learns from admission alone whose this one is.
		s.delivered.stop(Stalled, v1alpha1.ReasonNameTaken, "Secret %s exists and was not made for this Wukong: rename or delete it", secret.Name)
		s.again(r.Config.RetryAfter)
		return nil
	}
	if err == nil {
		s.delivered.secret, s.delivered.rewritten = secret.Name, &metav1.Time{Time: r.Config.Clock.Now()}
	}
	return err
}

// secretsPolicy is the admission policy of config/policies that keeps the controller from Secrets that it did not make.
const secretsPolicy = "wukong-network-controller-secrets"

// refusedByPolicy says whether that policy refused a write, and not permissions or somebody else's rules.
func refusedByPolicy(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), secretsPolicy)
}

func (r *WukongReconciler) applySecret(ctx context.Context, secret *corev1.Secret) error {
	secret.Data = map[string][]byte{}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
	return r.apply(ctx, secret)
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
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.wukong.Namespace, Name: name}}
			err := r.Delete(ctx, secret)
			switch {
			case apierrors.IsForbidden(err):
				log.FromContext(ctx).Info("Secret of an earlier request stays", "secret", name, "reason", err.Error())
			case client.IgnoreNotFound(err) != nil:
				return err
			}
		}
		s.dropped = append(s.dropped, name)
	}
	return nil
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
