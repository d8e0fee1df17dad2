package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Component is software that a cluster may lack when the controller starts, and gain or lose while it runs.
type Component string

// The components that the controller works with.
const (
	Nmstate  Component = "nmstate"
	KubeVirt Component = "KubeVirt"
	Multus   Component = "Multus"
	// KubeVirtSettings is apart from KubeVirt: without them machines are made all the same.
	KubeVirtSettings Component = "settings of KubeVirt"
)

// componentKinds are the kinds by which a component is recognised: it is there when the API server serves all of them.
var componentKinds = map[Component][]schema.GroupVersionKind{
	Nmstate: {
		{Group: "nmstate.io", Version: "v1", Kind: "NodeNetworkConfigurationPolicy"},
		{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkConfigurationEnactment"},
		{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkState"},
	},
	KubeVirt: {
		{Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachine"},
		{Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachineInstance"},
	},
	Multus:           {{Group: "k8s.cni.cncf.io", Version: "v1", Kind: "NetworkAttachmentDefinition"}},
	KubeVirtSettings: {{Group: "kubevirt.io", Version: "v1", Kind: "KubeVirt"}},
}

// componentCRDs maps the CustomResourceDefinitions that are watched to the component that they belong to.
var componentCRDs = map[string]Component{
	"nodenetworkconfigurationpolicies.nmstate.io":    Nmstate,
	"nodenetworkconfigurationenactments.nmstate.io":  Nmstate,
	"nodenetworkstates.nmstate.io":                   Nmstate,
	"virtualmachines.kubevirt.io":                    KubeVirt,
	"virtualmachineinstances.kubevirt.io":            KubeVirt,
	"kubevirts.kubevirt.io":                          KubeVirtSettings,
	"network-attachment-definitions.k8s.cni.cncf.io": Multus,
}

// Components knows which components the cluster has, and starts what needs one as soon as it is there.
type Components struct {
	mgr manager.Manager

	mu      sync.Mutex
	served  map[Component]bool
	waiting map[Component][]func(context.Context) error
	leaving map[Component][]func(context.Context)
}

// NewComponents asks the API server once, so that the first reconcile already knows, and then follows the cluster's
// CustomResourceDefinitions.
func NewComponents(mgr manager.Manager) (*Components, error) {
	c := &Components{mgr: mgr, served: map[Component]bool{}, waiting: map[Component][]func(context.Context) error{},
		leaving: map[Component][]func(context.Context){}}
	for component := range componentKinds {
		served, err := c.lookup(component)
		if err != nil {
			return nil, err
		}
		c.served[component] = served
	}
	err := ctrl.NewControllerManagedBy(mgr).Named("components").
		For(&apiextensionsv1.CustomResourceDefinition{}, builder.OnlyMetadata, builder.WithPredicates(predicate.NewPredicateFuncs(
			func(o client.Object) bool { return componentCRDs[o.GetName()] != "" }))).
		Complete(c)
	return c, err
}

// Has says whether the cluster serves every kind of the component.
func (c *Components) Has(component Component) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served[component]
}

// WhenServed runs start now when the component is there, and otherwise, or again, each time that it comes.
func (c *Components) WhenServed(component Component, start func(context.Context) error) error {
	c.mu.Lock()
	c.waiting[component] = append(c.waiting[component], start)
	served := c.served[component]
	c.mu.Unlock()
	if served {
		return start(context.Background())
	}
	return nil
}

// WhenLost runs end each time that the component goes.
func (c *Components) WhenLost(component Component, end func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving[component] = append(c.leaving[component], end)
}

// Reconcile follows one CustomResourceDefinition.
func (c *Components) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	component := componentCRDs[req.Name]
	gone, err := c.missing(ctx, component)
	if err != nil {
		return ctrl.Result{}, err
	}
	if gone {
		return ctrl.Result{}, c.lost(ctx, component)
	}
	served, err := c.lookup(component)
	if err != nil || c.Has(component) {
		return ctrl.Result{}, err
	}
	if !served {
		return ctrl.Result{RequeueAfter: time.Second}, nil // its other kinds, or discovery, follow in a moment
	}
	return ctrl.Result{}, c.found(ctx, component)
}

func (c *Components) found(ctx context.Context, component Component) error {
	c.mu.Lock()
	c.served[component] = true
	starts := slices.Clone(c.waiting[component])
	c.mu.Unlock()
	log.FromContext(ctx).Info("Component found", "component", component)
	for _, start := range starts {
		if err := start(ctx); err != nil {
			return fmt.Errorf("start watching %s: %w", component, err)
		}
	}
	return nil
}

// lost stops the informers of a component, whose lists would otherwise fail for ever.
func (c *Components) lost(ctx context.Context, component Component) error {
	c.mu.Lock()
	had := c.served[component]
	c.served[component] = false
	ends := slices.Clone(c.leaving[component])
	c.mu.Unlock()
	if !had {
		return nil
	}
	log.FromContext(ctx).Info("Component lost", "component", component)
	for _, gvk := range componentKinds[component] {
		obj, err := c.mgr.GetScheme().New(gvk)
		if err != nil {
			return err
		}
		if err := c.mgr.GetCache().RemoveInformer(ctx, obj.(client.Object)); err != nil {
			return err
		}
	}
	for _, end := range ends {
		end(ctx)
	}
	return nil
}

// missing says whether one of the component's CustomResourceDefinitions does not exist.
func (c *Components) missing(ctx context.Context, component Component) (bool, error) {
	for name, of := range componentCRDs {
		if of != component {
			continue
		}
		crd := &metav1.PartialObjectMetadata{}
		crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
		err := c.mgr.GetClient().Get(ctx, types.NamespacedName{Name: name}, crd)
		if apierrors.IsNotFound(err) || (err == nil && !crd.DeletionTimestamp.IsZero()) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

func (c *Components) lookup(component Component) (bool, error) {
	for _, gvk := range componentKinds[component] {
		_, err := c.mgr.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
		if meta.IsNoMatchError(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("ask whether the cluster serves %s: %w", gvk, err)
		}
	}
	return true, nil
}
