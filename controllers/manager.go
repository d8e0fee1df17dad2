package controllers

import (
	"context"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"sigs.k8s.io/controller-runtime/pkg/config"
)

// leaderElectionID is the name of the leader's Lease.
const leaderElectionID = "wukong-network.vm.novasphere.dev"

// ManagerOptions are the settings of the process around the controllers.
type ManagerOptions struct {
	// LeaderElection makes replicas take turns. Safety never depends on it.
	LeaderElection bool
	// LeaderElectionNamespace is where the leader's Lease is; the namespace of the pod when empty.
	LeaderElectionNamespace string
	// HealthAddress and MetricsAddress are what to listen on; "0" or empty means nothing.
	HealthAddress, MetricsAddress string
	// ManyInOneProcess allows several managers in one process, as tests need.
	ManyInOneProcess bool
}

// The leader's Lease is in the controller's own namespace, and so are the events about it, of the older kind that client-go makes. A
// name restricts everything but create.
//
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=create,namespace=wukong-network,roleName=wukong-network-leader-election
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,resourceNames=wukong-network.vm.novasphere.dev,verbs=get;update,namespace=wukong-network,roleName=wukong-network-leader-election
// +kubebuilder:rbac:groups="",resources=events,verbs=create,namespace=wukong-network,roleName=wukong-network-leader-election

// NewManager makes a manager with every controller in it.
func NewManager(ctx context.Context, rc *rest.Config, cfg Config, opts ManagerOptions) (manager.Manager, error) {
	rc = rest.CopyConfig(rc)
	rc.QPS, rc.Burst = -1, -1 // the API server's priority and fairness is the limit
	grace := 20 * time.Second
	mgr, err := manager.New(rc, manager.Options{
		Scheme: NewScheme(), Cache: CacheOptions(),
		LeaderElection: opts.LeaderElection, LeaderElectionID: leaderElectionID,
		LeaderElectionNamespace: opts.LeaderElectionNamespace, LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress: opts.HealthAddress, Metrics: metricsserver.Options{BindAddress: orOff(opts.MetricsAddress)},
		GracefulShutdownTimeout: &grace,
		Controller:              config.Controller{SkipNameValidation: &opts.ManyInOneProcess},
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, Setup(ctx, mgr, cfg)
}

func orOff(address string) string {
	if address == "" {
		return "0"
	}
	return address
}
