package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Some attachments reach the guest by a network binding plugin, which somebody registers in the settings of KubeVirt. Without
// it KubeVirt starts no machine that names it.

// observeBindings reads which network binding plugins KubeVirt has. Without settings that can be read nothing is known.
func (r *WukongReconciler) observeBindings(ctx context.Context, s *wukongScope) error {
	if !r.components.Has(KubeVirtSettings) || s.request.Machine == nil {
		return nil
	}
	list := &kubevirtv1.KubeVirtList{}
	if err := r.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("settings of KubeVirt: %w", err)
	}
	if len(list.Items) > 0 {
		s.bindings = sets.New[string]()
	}
	for i := range list.Items {
		s.bindings.Insert(bindingsOf(&list.Items[i])...)
	}
	return nil
}

// bindingsOf gives the plugins that are registered, sorted.
func bindingsOf(o client.Object) []string {
	kv, ok := o.(*kubevirtv1.KubeVirt)
	if !ok || kv.Spec.Configuration.NetworkConfiguration == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(kv.Spec.Configuration.NetworkConfiguration.Binding))
}

// unbound says which network of the machine needs a plugin that KubeVirt does not have; empty where there is none, or where
// that is not known.
func (s *wukongScope) unbound() string {
	if s.bindings == nil || s.objects == nil || s.objects.VirtualMachine == nil || s.objects.VirtualMachine.Spec.Template == nil {
		return ""
	}
	for _, nic := range s.objects.VirtualMachine.Spec.Template.Spec.Domain.Devices.Interfaces {
		if nic.Binding == nil || s.bindings.Has(nic.Binding.Name) {
			continue
		}
		has := "it has none"
		if len(s.bindings) > 0 {
			has = "it has " + strings.Join(sets.List(s.bindings), ", ")
		}
		return fmt.Sprintf("%s %q: KubeVirt has no network binding plugin %q, so the machine cannot start; %s: have it registered in the KubeVirt object at spec.configuration.network.binding.%s",
			s.pathOf(nic.Name), nic.Name, nic.Binding.Name, has, nic.Binding.Name)
	}
	return ""
}

// pathOf gives the field of a network.
func (s *wukongScope) pathOf(name string) string {
	for _, n := range s.networks {
		if n.Name == name {
			return n.Path
		}
	}
	return "spec.networks"
}

// bindingsChanged lets through changes of the plugins: KubeVirt writes its status all the time.
type bindingsChanged struct{ predicate.Funcs }

func (bindingsChanged) Update(e event.UpdateEvent) bool {
	return !slices.Equal(bindingsOf(e.ObjectOld), bindingsOf(e.ObjectNew))
}

// bindingVerdict says that the machine cannot start for want of a plugin, or is nil.
func (s *wukongScope) bindingVerdict() *Verdict {
	if message := s.unbound(); message != "" {
		return &Verdict{State: Stalled, Reason: v1alpha1.ReasonBindingPluginMissing, Message: message}
	}
	return nil
}
