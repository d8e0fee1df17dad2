package controllers

import (
	"context"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/nmstate"
)

// NewScheme knows every kind that the controllers read or write. What kubernetes-nmstate serves is decoded into the small
// types of package nmstate, so that a cache never holds the large originals.
func NewScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme,
		nmstate.AddToScheme, kubevirtv1.AddToScheme, netattach.AddToScheme} {
		utilruntime.Must(add(s))
	}
	return s
}

// Setup adds every controller to the manager.
func Setup(ctx context.Context, mgr manager.Manager, cfg Config) error {
	if err := addIndexes(ctx, mgr); err != nil {
		return err
	}
	components, err := NewComponents(mgr)
	if err != nil {
		return err
	}
	if err := components.WhenServed(Nmstate, func(ctx context.Context) error { return addNmstateIndexes(ctx, mgr) }); err != nil {
		return err
	}
	for _, setup := range []func(manager.Manager, Config, *Components) error{SetupHostUplink, SetupHostNetwork} {
		if err := setup(mgr, cfg, components); err != nil {
			return err
		}
	}
	l := newLedger(mgr, cfg, components)
	for _, setup := range []func(manager.Manager, Config, *Components, *ledger) error{
		SetupAddressLease, SetupWukong, SetupAddressPool, SetupAddressReservation,
	} {
		if err := setup(mgr, cfg, components, l); err != nil {
			return err
		}
	}
	metrics.Register()
	if err := mgr.Add(&metrics.Source{Reader: mgr.GetClient(), LastScan: l.scans.lastScan, PerObject: cfg.ObjectMetrics}); err != nil {
		return err
	}
	if err := mgr.Add(&follower{ledger: l, cache: mgr.GetCache()}); err != nil {
		return err
	}
	return mgr.Add(&scanner{ledger: l, every: cfg.Sweep})
}
