package world

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
)

// Namespace and ServiceAccount are those of config/default.
const (
	Namespace      = "wukong-network"
	ServiceAccount = "wukong-network"
)

// World is a running cluster with simulated nodes. The controller is started apart, so that a test can stop and start it.
type World struct {
	Cluster *cluster.Cluster
	Lab     *lab.Lab
	// Admin is an uncached client of the administrator.
	Admin client.WithWatch
	// Requests are what the controller sent.
	Requests *Recorder
}

// Start prepares a world on a cluster: permissions of the controller, the rules of admission, and a lab without nodes, which runs until ctx ends.
func Start(ctx context.Context, c *cluster.Cluster, opts lab.Options) (*World, error) {
	w, err := Prepare(ctx, c)
	if err != nil {
		return nil, err
	}
	return w, w.StartLab(ctx, opts)
}

// Prepare is Start without the lab, which needs nmstate in the cluster.
func Prepare(ctx context.Context, c *cluster.Cluster) (*World, error) {
	root, err := Repository()
	if err != nil {
		return nil, err
	}
	for _, file := range []string{"manager/namespace.yaml", "rbac/service_account.yaml", "rbac/role.yaml", "rbac/role_binding.yaml"} {
		manifest, err := os.ReadFile(filepath.Join(root, "config", file))
		if err != nil {
			return nil, err
		}
		if err := c.Apply(ctx, manifest); err != nil {
			return nil, fmt.Errorf("apply config/%s: %w", file, err)
		}
	}
	if err := c.ApplyFolder(ctx, filepath.Join(root, "config", "policies")); err != nil {
		return nil, err
	}
	admin, err := client.NewWithWatch(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		return nil, err
	}
	return &World{Cluster: c, Admin: admin, Requests: &Recorder{}}, nil
}

// StartLab adds a lab without nodes, which runs until ctx ends.
func (w *World) StartLab(ctx context.Context, opts lab.Options) error {
	l, err := lab.New(w.Cluster.AdminConfig(), opts)
	if err != nil {
		return err
	}
	w.Lab = l
	return l.Start(ctx)
}

// RunController starts the controller as its ServiceAccount. The function that is returned stops it and gives its error.
// What wraps its transport comes above the recorder, the last one outermost.
func (w *World) RunController(ctx context.Context, cfg controllers.Config, wraps ...transport.WrapperFunc) (stop func() error, err error) {
	rc, err := w.Cluster.ServiceAccountConfig(ctx, Namespace, ServiceAccount)
	if err != nil {
		return nil, err
	}
	rc.Wrap(w.Requests.Wrap)
	for _, wrap := range wraps {
		rc.Wrap(wrap)
	}
	rc.ContentType = "application/json"
	running, cancel := context.WithCancel(ctx)
	mgr, err := controllers.NewManager(running, rc, cfg, controllers.ManagerOptions{ManyInOneProcess: true})
	if err != nil {
		cancel()
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(running) }()
	if !mgr.GetCache().WaitForCacheSync(running) {
		cancel()
		return nil, errors.Join(errors.New("the controller's cache did not sync"), <-done)
	}
	return func() error { cancel(); return <-done }, nil
}

// Repository is the root of the repository that the process runs in.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "config", "rbac")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s is not inside the repository: run the command there", dir)
		}
	}
}

// Node describes a simulated node of which nothing is special: eth0 is its primary NIC with address and default route, eth1
// and eth2 are free.
func Node(name string, index byte) lab.NodeSpec {
	address := netip.AddrFrom4([4]byte{203, 0, 113, index})
	return lab.NodeSpec{
		Name: name, Address: address, DNS: []netip.Addr{netip.AddrFrom4([4]byte{203, 0, 113, 254})},
		NICs: []lab.NIC{
			{Name: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(address, 24)}, Gateways: []netip.Addr{netip.AddrFrom4([4]byte{203, 0, 113, 1})}},
			{Name: "eth1"}, {Name: "eth2"},
		},
	}
}
