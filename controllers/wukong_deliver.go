package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	done bool
	// secret is the Secret that is there, also where something else is in the way; empty where none was written or is wanted.
	secret string
	// rewritten is when a Secret that keeps its name was written just now; else nil.
	rewritten *metav1.Time
	state     State
	reason    string
	message   string
}

// stop says what is in the way of the rest.
func (d *delivery) stop(state State, reason, format string, args ...any) {
	d.state, d.reason, d.message = state, reason, fmt.Sprintf(format, args...)
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
	name := s.nodeName()
	if name == "" {
		return nil
	}
	node := &corev1.Node{}
	err := r.Get(ctx, client.ObjectKey{Name: name}, node)
	if err == nil {
		s.node = node
	}
	return client.IgnoreNotFound(err)
}

// deliver writes what the guest needs, in the order in which each is needed: attachments and Secret, then the machine. It is
// reached only when every address is leased.
func (r *WukongReconciler) deliver(ctx context.Context, s *wukongScope) error {
	if s.request.Foreign && !macsKnown(s) {
		return nil
	}
	objects, err := render.Wukong(s.request, choices(s), render.Options{ClusterName: r.Config.ClusterName, MACs: macs(s)})
	if errors.Is(err, render.ErrSameMAC) {
		s.delivered.stop(Stalled, v1alpha1.ReasonInvalidSpec, "%s", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("render Wukong %s/%s: %w", s.wukong.Namespace, s.wukong.Name, err)
	}
	s.objects = &objects
	// The Secret does not wait for attachments: without Multus it is what people can use.
	for _, write := range []func(context.Context, *wukongScope) error{r.writeNADs, r.writeSecret} {
		if err := write(ctx, s); err != nil {
			return err
		}
	}
	if s.delivered.reason != "" {
		return nil
	}
	if err := r.writeMachine(ctx, s); err != nil || s.delivered.reason != "" {
		return err
	}
	s.delivered.done = true
	return r.dropSecrets(ctx, s)
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
			s.delivered.stop(Stalled, v1alpha1.ReasonMultusMissing, "the cluster has no Multus, so a machine cannot attach to networks: install Multus")
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
			s.delivered.stop(Stalled, v1alpha1.ReasonNameTaken,
				"NetworkAttachmentDefinition %s exists and was not made for this network: rename or delete it", have.Name)
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

// writeMachine applies the VirtualMachine when it is missing or was rendered for another request. Another rendering of the
// same request, such as after an upgrade of the controller, changes nothing.
func (r *WukongReconciler) writeMachine(ctx context.Context, s *wukongScope) error {
	want := s.objects.VirtualMachine
	if want == nil {
		return nil
	}
	switch {
	case !r.components.Has(KubeVirt):
		s.delivered.stop(Stalled, v1alpha1.ReasonKubeVirtMissing, "the cluster has no KubeVirt, so the machine cannot be made: install KubeVirt; its networks are prepared")
		return nil
	case s.vm != nil && (!s.vm.DeletionTimestamp.IsZero() || leftBehind(s.vm, s.wukong)):
		s.delivered.stop(Working, v1alpha1.ReasonMachinePending, "VirtualMachine %s is being deleted; it is made again afterwards", s.vm.Name)
		return nil
	case s.vm != nil && !metav1.IsControlledBy(s.vm, s.wukong):
		s.delivered.stop(Stalled, v1alpha1.ReasonNameTaken,
			"VirtualMachine %s exists and belongs to somebody else: delete it, or name it in spec.virtualMachineName to have it served", s.vm.Name)
		return nil
	case s.vm != nil && s.vm.Annotations[v1alpha1.RequestAnnotation] == s.objects.RequestHash:
		return nil
	}
	if taken, err := r.volumeTaken(ctx, s); taken != nil || err != nil {
		if taken != nil {
			s.delivered.stop(Stalled, taken.Reason, "%s: %s", taken.Path, taken.Message)
			s.again(r.Config.RetryAfter) // nothing tells when the other one gives it up
		}
		return err
	}
	vm := want.DeepCopy()
	own(s, vm)
	keepPlugged(vm, s.vm)
	s.applied = vm
	return r.apply(ctx, vm)
}

// leftBehind says whether a machine belongs to a deleted Wukong of the same name: garbage collection is about to take it.
func leftBehind(vm *kubevirtv1.VirtualMachine, w *v1alpha1.Wukong) bool {
	owner := metav1.GetControllerOf(vm)
	return owner != nil && owner.APIVersion == v1alpha1.GroupVersion.String() && owner.Kind == "Wukong" && owner.Name == w.Name && owner.UID != w.UID
}

// keepPlugged takes over the volumes that somebody plugged into the running machine. Lists of volumes and disks have one owner,
// so they would go with an apply that does not have them. The machine has to be the one that was looked at.
func keepPlugged(vm, now *kubevirtv1.VirtualMachine) {
	if now == nil || now.Spec.Template == nil {
		return
	}
	from, to := &now.Spec.Template.Spec, &vm.Spec.Template.Spec
	for _, v := range from.Volumes {
		if !render.Hotplugged(from.Volumes, v.Name) || slices.ContainsFunc(to.Volumes, func(o kubevirtv1.Volume) bool { return o.Name == v.Name }) {
			continue
		}
		to.Volumes = append(to.Volumes, v)
		for _, d := range from.Domain.Devices.Disks {
			if d.Name == v.Name {
				to.Domain.Devices.Disks = append(to.Domain.Devices.Disks, d)
			}
		}
		vm.ResourceVersion = now.ResourceVersion
	}
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
	log.FromContext(ctx).Info("Object applied", "kind", obj.GetObjectKind().GroupVersionKind().Kind, "name", obj.GetName())
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
		s.delivered.stop(s.awaited(s.since(v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse)), v1alpha1.ReasonMachineNotFound,
			"VirtualMachine %s does not exist in this namespace: create it, or correct spec.virtualMachineName", s.request.VirtualMachine)
		return false
	}
	for _, n := range s.networks {
		if n.Served() && n.mac == "" {
			s.delivered.stop(Stalled, v1alpha1.ReasonGuestNetworkPending,
				"VirtualMachine %s has no interface with a MAC address on network %s: set macAddress on its interface %q, or in %s.macAddress",
				s.vm.Name, n.Name, n.Name, n.Path)
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
			return render.LowerMAC(i.MacAddress)
		}
	}
	return ""
}
