package controllers

import (
	"context"
	"fmt"
	"strings"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// fieldOwner owns, by server-side apply, what the controller says about a VirtualMachine. Fields of others stay theirs.
const fieldOwner = client.FieldOwner("wukong-network")

// delivery says how far the objects of a Wukong got. An empty problem with done false means that nothing was due yet.
type delivery struct {
	done    bool
	state   State
	reason  string
	message string
}

// observeMachine reads the machine that uses the networks: the one that is made here, or somebody else's.
func (r *WukongReconciler) observeMachine(ctx context.Context, s *wukongScope) error {
	if !r.components.Has(KubeVirt) {
		return nil
	}
	key := client.ObjectKey{Namespace: s.wukong.Namespace, Name: s.request.VirtualMachine}
	vm, vmi := &kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{}
	if err := r.Get(ctx, key, vm); err == nil {
		s.vm = vm
	} else if !apierrors.IsNotFound(err) {
		return err
	}
	if err := r.Get(ctx, key, vmi); err == nil {
		s.vmi = vmi
	} else if !apierrors.IsNotFound(err) {
		return err
	}
	return r.observeNode(ctx, s)
}

// observeNode reads the node that the machine runs on, and the MAC addresses of somebody else's machine.
func (r *WukongReconciler) observeNode(ctx context.Context, s *wukongScope) error {
	if s.request.Foreign && s.vm != nil && s.vm.Spec.Template != nil {
		for _, n := range s.networks {
			if n.MAC == "" && n.choice.Chosen() {
				n.mac = machineMAC(s.vm, n)
			}
		}
	}
	if s.vmi == nil || s.vmi.Status.NodeName == "" {
		return nil
	}
	node := &corev1.Node{}
	err := r.Get(ctx, client.ObjectKey{Name: s.vmi.Status.NodeName}, node)
	if err == nil {
		s.node = node
	}
	return client.IgnoreNotFound(err)
}

// deliver writes what the guest needs, in the order in which each is needed: attachments, Secret, machine. It is reached
// only when every address is leased.
func (r *WukongReconciler) deliver(ctx context.Context, s *wukongScope) error {
	if s.request.Foreign && !macsKnown(s) {
		return nil
	}
	objects, err := render.Wukong(s.request, choices(s), render.Options{ClusterName: r.Config.ClusterName, MACs: macs(s)})
	if err != nil {
		return fmt.Errorf("render Wukong %s/%s: %w", s.wukong.Namespace, s.wukong.Name, err)
	}
	s.objects = &objects
	for _, write := range []func(context.Context, *wukongScope) error{r.writeNADs, r.writeSecret, r.writeMachine} {
		if err := write(ctx, s); err != nil || s.delivered.reason != "" {
			return err
		}
	}
	s.delivered.done = true
	return nil
}

func choices(s *wukongScope) []render.Choice {
	out := make([]render.Choice, len(s.networks))
	for i, n := range s.networks {
		out[i] = n.choice
	}
	return out
}

// writeNADs makes the attachments, one per namespace and network, and per VLAN of a trunk, shared by all Wukongs of the
// namespace.
func (r *WukongReconciler) writeNADs(ctx context.Context, s *wukongScope) error {
	if len(s.objects.NADs) > 0 && !r.components.Has(Multus) {
		if s.request.Machine != nil {
			s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonMultusMissing,
				message: "the cluster has no Multus, so a machine cannot attach to networks: install Multus"}
		}
		return nil
	}
	for i := range s.objects.NADs {
		want := &s.objects.NADs[i]
		have := &netattach.NetworkAttachmentDefinition{}
		err := r.Get(ctx, client.ObjectKeyFromObject(want), have)
		switch {
		case apierrors.IsNotFound(err):
			if err := r.Create(ctx, want.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		case err != nil:
			return err
		case !sameAttachment(have, want):
			s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonNameTaken,
				message: fmt.Sprintf("NetworkAttachmentDefinition %s exists and was not made for this network: rename or delete it", have.Name)}
			return nil
		case have.Spec.Config != want.Spec.Config || !carriesAnnotations(have, want):
			have = have.DeepCopy()
			have.Spec.Config = want.Spec.Config
			for key, value := range want.Annotations {
				metav1.SetMetaDataAnnotation(&have.ObjectMeta, key, value)
			}
			if err := r.Update(ctx, have); err != nil {
				return err
			}
		}
	}
	return nil
}

// carriesAnnotations says whether an attachment has what is annotated, such as the resource of its device plugin.
func carriesAnnotations(have, want *netattach.NetworkAttachmentDefinition) bool {
	for key, value := range want.Annotations {
		if have.Annotations[key] != value {
			return false
		}
	}
	return true
}

// sameAttachment says whether an attachment was made by the controller for the same HostNetwork.
func sameAttachment(have, want *netattach.NetworkAttachmentDefinition) bool {
	return have.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedBy &&
		have.Labels[v1alpha1.HostNetworkLabel] == want.Labels[v1alpha1.HostNetworkLabel] &&
		have.Annotations[v1alpha1.OwnerUIDAnnotation] == want.Annotations[v1alpha1.OwnerUIDAnnotation]
}

// writeSecret creates the Secret of the request. Secrets are never read: the name stands for the content, and the status
// remembers that it was made.
func (r *WukongReconciler) writeSecret(ctx context.Context, s *wukongScope) error {
	secret := s.objects.Secret
	if secret == nil || (s.before.Status.NetworkDataSecret == secret.Name && s.before.Status.RequestHash == s.objects.RequestHash) {
		return nil
	}
	secret = secret.DeepCopy()
	own(s, secret)
	if s.request.Foreign {
		err := r.applySecret(ctx, secret) // its name stays, so that somebody else's machine can refer to it
		if !refusedByPolicy(err) {
			return err
		}
		// The controller may not read Secrets, so it learns from admission alone whose this one is.
		s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonNameTaken,
			message: fmt.Sprintf("Secret %s exists and was not made for this Wukong: rename or delete it", secret.Name)}
		s.again(r.Config.RetryAfter)
		return nil
	}
	err := r.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		return nil
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

// writeMachine applies the VirtualMachine when it is missing or was rendered for another request. Another rendering of the
// same request, such as after an upgrade of the controller, changes nothing.
func (r *WukongReconciler) writeMachine(ctx context.Context, s *wukongScope) error {
	want := s.objects.VirtualMachine
	if want == nil {
		return nil
	}
	switch {
	case !r.components.Has(KubeVirt):
		s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonKubeVirtMissing,
			message: "the cluster has no KubeVirt, so the machine cannot be made: install KubeVirt; its networks are prepared"}
		return nil
	case s.vm != nil && !metav1.IsControlledBy(s.vm, s.wukong):
		s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonNameTaken,
			message: fmt.Sprintf("VirtualMachine %s exists and belongs to somebody else: delete it, or name it in spec.virtualMachineName to have it served", s.vm.Name)}
		return nil
	case s.vm != nil && !s.vm.DeletionTimestamp.IsZero():
		s.delivered = delivery{state: Working, reason: v1alpha1.ReasonMachinePending,
			message: fmt.Sprintf("VirtualMachine %s is being deleted; it is made again afterwards", s.vm.Name)}
		return nil
	case s.vm != nil && s.vm.Annotations[v1alpha1.RequestAnnotation] == s.objects.RequestHash:
		return nil
	}
	vm := want.DeepCopy()
	own(s, vm)
	return r.apply(ctx, vm)
}

// apply writes by server-side apply what the controller says about an object, and nothing else.
func (r *WukongReconciler) apply(ctx context.Context, obj client.Object) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return err
	}
	delete(content, "status")
	for _, path := range [][]string{{"metadata", "creationTimestamp"}, {"spec", "template", "metadata", "creationTimestamp"}} {
		unstructured.RemoveNestedField(content, path...)
	}
	log.FromContext(ctx).Info("object applied", "kind", obj.GetObjectKind().GroupVersionKind().Kind, "name", obj.GetName())
	return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content}), fieldOwner, client.ForceOwnership)
}

// own makes the Wukong the controller of an object of its namespace, so that it goes with the Wukong. Deleting the Wukong
// never waits for it.
func own(s *wukongScope, o client.Object) {
	ref := metav1.NewControllerRef(s.wukong, v1alpha1.GroupVersion.WithKind("Wukong"))
	ref.BlockOwnerDeletion = nil
	o.SetOwnerReferences([]metav1.OwnerReference{*ref})
}

// macs has the MAC addresses that are decided, by network.
func macs(s *wukongScope) map[string]string {
	out := map[string]string{}
	for _, n := range s.networks {
		out[n.Name] = n.mac
	}
	return out
}

// macsKnown says whether every interface of somebody else's machine was found.
func macsKnown(s *wukongScope) bool {
	if s.vm == nil {
		s.delivered = delivery{state: Working, reason: v1alpha1.ReasonMachineNotFound,
			message: fmt.Sprintf("VirtualMachine %s does not exist in this namespace: create it, or correct spec.virtualMachineName", s.request.VirtualMachine)}
		return false
	}
	for _, n := range s.networks {
		if n.Served() && n.mac == "" {
			s.delivered = delivery{state: Stalled, reason: v1alpha1.ReasonGuestNetworkPending,
				message: fmt.Sprintf("VirtualMachine %s has no interface with a MAC address on network %s: set macAddress on its interface %q, or in %s.macAddress",
					s.vm.Name, n.Name, n.Name, n.Path)}
			return false
		}
	}
	return true
}

// machineMAC finds the interface of a machine that belongs to a network: the one of its name, or the one on its attachment.
func machineMAC(vm *kubevirtv1.VirtualMachine, n *networkScope) string {
	spec := vm.Spec.Template.Spec
	name := n.Name
	for _, network := range spec.Networks {
		if network.Multus != nil && (network.Multus.NetworkName == n.choice.NADName || network.Multus.NetworkName == vm.Namespace+"/"+n.choice.NADName) {
			name = network.Name
		}
	}
	for _, i := range spec.Domain.Devices.Interfaces {
		if i.Name == name {
			return lowerMAC(i.MacAddress)
		}
	}
	return ""
}
