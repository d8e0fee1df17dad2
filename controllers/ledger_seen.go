package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// What is seen to use addresses: nodes, Services, machines that no Wukong serves, pods.

// node reads anew what one node claims: its own addresses, and what it reports.
func (f *follower) node(ctx context.Context, name string) {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	o, err := f.offers.current(ctx)
	if err != nil {
		f.complain(ctx, err)
		return
	}
	node, state := &corev1.Node{}, &nmstate.NodeNetworkState{}
	there, known := f.find(ctx, client.ObjectKey{Name: name}, node)
	if !there {
		node = nil
	}
	reports, readable := false, true
	if f.components.Has(Nmstate) {
		reports, readable = f.find(ctx, client.ObjectKey{Name: name}, state)
	}
	if !reports {
		state = nil
	}
	if !known || !readable {
		return
	}
	f.replaceNode(name, render.NodeClaims(o.catalog, name, node, state))
}

// everyNode reads anew what each node claims: where its interfaces lead may have changed, or nobody reports any more.
func (f *follower) everyNode(ctx context.Context) {
	names := f.claimants()
	for _, node := range requestsFor(ctx, f, &corev1.NodeList{}) {
		names[node.Name] = true
	}
	for name := range names {
		f.node(ctx, name)
	}
}

func (f *follower) onService() toolscache.ResourceEventHandler {
	look := func(o client.Object, claims []conflicts.Claim) {
		f.replace("Service/"+client.ObjectKeyFromObject(o).String(), claims)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { look(o.(client.Object), render.ServiceClaims(o.(*corev1.Service))) },
		UpdateFunc: func(before, o any) {
			if b, a := before.(*corev1.Service), o.(*corev1.Service); !equality.Semantic.DeepEqual(b.Spec, a.Spec) || !equality.Semantic.DeepEqual(b.Status, a.Status) {
				look(a, render.ServiceClaims(a))
			}
		},
		DeleteFunc: func(o any) { look(lastKnown(o), nil) },
	}
}

// machine reads anew what a machine that no Wukong serves reports about itself.
func (f *follower) machine(ctx context.Context, key types.NamespacedName) {
	if !f.components.Has(KubeVirt) {
		return
	}
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	vmi := &kubevirtv1.VirtualMachineInstance{}
	var claims []conflicts.Claim
	there, known := f.find(ctx, key, vmi)
	if !known {
		return
	}
	if there && len(requestsFor(ctx, f, &v1alpha1.WukongList{}, client.InNamespace(key.Namespace), client.MatchingFields{indexWukongMachine: key.Name})) == 0 {
		claims = render.MachineClaims(vmi, nil)
	}
	if f.machines == nil {
		f.machines = map[types.NamespacedName]bool{}
	}
	if f.machines[key] = true; len(claims) == 0 {
		delete(f.machines, key)
	}
	f.replace(machineSource(key), claims)
}

// noMachine drops what machines claim: there are none without KubeVirt.
func (f *follower) noMachine() {
	f.inOrder.Lock()
	defer f.inOrder.Unlock()
	for key := range f.machines {
		f.replace(machineSource(key), nil)
	}
	f.machines = nil
}

func machineSource(key types.NamespacedName) string { return "VirtualMachineInstance/" + key.String() }

// podMetadata stands for pods of which only the metadata is watched.
func podMetadata() *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	return m
}

func (f *follower) onPod() toolscache.ResourceEventHandler {
	look := func(o client.Object, claims []conflicts.Claim) {
		f.replace("Pod/"+client.ObjectKeyFromObject(o).String(), claims)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { look(o.(client.Object), render.PodClaims(o.(*metav1.PartialObjectMetadata))) },
		UpdateFunc: func(before, o any) {
			if !equality.Semantic.DeepEqual(before.(client.Object).GetAnnotations(), o.(client.Object).GetAnnotations()) {
				look(o.(client.Object), render.PodClaims(o.(*metav1.PartialObjectMetadata)))
			}
		},
		DeleteFunc: func(o any) { look(lastKnown(o), nil) },
	}
}
