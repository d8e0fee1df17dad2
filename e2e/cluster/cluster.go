package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"novasphere.dev/wukong-network/e2e/parts"
)

// Options say what a cluster consists of. The zero value is a complete cluster.
type Options struct {
	// CRDs is the folder of our own definitions. Default: config/crd of the repository that the process runs in.
	CRDs string
	// Without names components that are not installed at start, to test how their absence is met. Install adds one later.
	Without []Component
	// Audit has the API server record what service accounts ask of it, for Requests.
	Audit bool
	// Durable makes etcd sync its log to disk, as in production. Slower; needed where processes are killed on purpose.
	Durable bool
}

// Cluster is a running control plane. Its methods are safe for concurrent use.
type Cluster struct {
	dir      string // everything the cluster writes; removed by Stop
	binaries parts.ControlPlane
	crds     map[Component]string // folder of definitions
	env      *envtest.Environment
	admin    *rest.Config
	client   client.Client
	hooks    *http.Server
	manager  *process
	watchdog *watchdog
	logs     []*os.File

	stopOnce sync.Once
	stopErr  error
}

// AdminConfig returns a configuration of the cluster's administrator, without client-side rate limit. The administrator is in
// the group system:masters: access rules and fair queuing do not apply to it, so a controller under test should use
// ServiceAccountConfig instead. The caller may change the returned copy.
func (c *Cluster) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// Kubeconfig returns the path of a kubeconfig file of the administrator. Stop removes it.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }

// EtcdURL returns the address of the store's client port (plain HTTP on loopback), for observers that must not depend on the
// API server. Objects are below /registry.
func (c *Cluster) EtcdURL() *url.URL {
	u := *c.env.ControlPlane.Etcd.URL
	return &u
}

// LogDir returns the folder with the output of each process, named after it. Stop removes it.
func (c *Cluster) LogDir() string { return filepath.Join(c.dir, "logs") }

// KubectlPath returns the path of a kubectl of the cluster's version.
func (c *Cluster) KubectlPath() string { return c.binaries.Kubectl }

// Kubectl runs kubectl as the administrator and returns its standard output. Its standard error is part of the error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.binaries.Kubectl, append([]string{"--kubeconfig", c.Kubeconfig()}, args...)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, fmt.Errorf("kubectl %v: %w: %s", args, err, exit.Stderr)
	}
	return out, err
}

// Stop ends the processes that Start started and removes everything the cluster wrote. Later calls return the first result.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() { c.stopErr = c.stop() })
	return c.stopErr
}

func (c *Cluster) stop() error {
	var errs []error
	if c.manager != nil {
		errs = append(errs, c.manager.stop())
	}
	if c.hooks != nil {
		errs = append(errs, c.hooks.Close())
	}
	if c.env != nil {
		errs = append(errs, c.env.Stop())
	}
	for _, f := range c.logs {
		errs = append(errs, f.Close())
	}
	errs = append(errs, os.RemoveAll(c.dir))
	if c.watchdog != nil {
		errs = append(errs, c.watchdog.stop())
	}
	return errors.Join(errs...)
}
