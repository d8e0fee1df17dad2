package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/query/server"
)

// leaderElectionID is the name of the leader's Lease.
const leaderElectionID = "wukong-network.vm.novasphere.dev"

// ManagerOptions are the settings of the process around the controllers.
type ManagerOptions struct {
	// LeaderElection makes replicas take turns. Safety never depends on it.
	LeaderElection bool
	// LeaderElectionNamespace is where the leader's Lease is; the namespace of the pod when empty.
	LeaderElectionNamespace string
	// HealthAddress and MetricsAddress are what to listen on; "0" or empty means nothing. Health is plain HTTP, for the kubelet.
	HealthAddress, MetricsAddress string
	// QueryAddress is what to answer questions on; "0" or empty means nothing.
	QueryAddress string
	// CertDir is the folder with tls.crt and tls.key of the HTTPS servers; empty for a self-signed certificate.
	CertDir string
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
	serving, err := NewServing(rc, opts.CertDir)
	if err != nil {
		return nil, err
	}
	mgr, err := manager.New(rc, manager.Options{
		Scheme: NewScheme(), Cache: CacheOptions(),
		LeaderElection: opts.LeaderElection, LeaderElectionID: leaderElectionID,
		LeaderElectionNamespace: opts.LeaderElectionNamespace, LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress: opts.HealthAddress, Metrics: serving.metricsOptions(opts.MetricsAddress),
		GracefulShutdownTimeout: &grace,
		Controller:              config.Controller{SkipNameValidation: &opts.ManyInOneProcess},
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	if err := mgr.AddReadyzCheck("cache", cacheSynced(mgr.GetCache())); err != nil {
		return nil, err
	}
	if err := mgr.Add(serving); err != nil {
		return nil, err
	}
	if orOff(opts.QueryAddress) != "0" {
		if err := server.Add(mgr, server.Options{Address: opts.QueryAddress, TLS: serving.TLS,
			Authenticator: serving.access.who, Authorizer: serving.access.may, Measure: metrics.Query}); err != nil {
			return nil, err
		}
	}
	err = Setup(ctx, mgr, cfg)
	if meta.IsNoMatchError(err) {
		err = fmt.Errorf("%w: install the definitions of the kinds first, as in kubectl apply --server-side -k config/crd", err)
	}
	return mgr, err
}

// Run runs the manager until ctx ends. It returns without an error once controllers have finished what they do and the Lease is given
// back. Before everything that is watched has been listed, which may take for ever, there is nothing of that: no controller runs
// and no Lease is held. Start of controller-runtime would wait for it all the same.
func Run(ctx context.Context, mgr manager.Manager) error {
	listed := make(chan struct{})
	if err := mgr.Add(everyReplica(func(context.Context) error { close(listed); return nil })); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case <-listed:
		return <-ended
	default:
		return nil
	}
}

// everyReplica is run also where a replica does not lead.
type everyReplica manager.RunnableFunc

func (f everyReplica) Start(ctx context.Context) error { return f(ctx) }

func (f everyReplica) NeedLeaderElection() bool { return false }

// cacheSynced holds while everything that is watched has been listed. Replicas that do not lead are ready, too.
func cacheSynced(c cache.Cache) healthz.Checker {
	return func(req *http.Request) error {
		ctx, cancel := context.WithTimeout(req.Context(), 500*time.Millisecond)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("not everything that is watched has been listed yet")
		}
		return nil
	}
}

func orOff(address string) string {
	if address == "" {
		return "0"
	}
	return address
}
