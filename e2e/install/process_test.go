package install

import (
	"context"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/manager"
)

var built struct {
	sync.Once
	dir, path string
	err       error
}

// binary is the path of the manager, built once for all tests.
func binary(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "wukong-install-"); built.err == nil {
			built.path, built.err = manager.Build(context.Background(), built.dir, nil)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// start runs a replica with the rights of as, or with its own when that is nil. It ends with the test at the latest.
func start(t *testing.T, c *cluster.Cluster, name string, as *rest.Config, flags ...string) *manager.Process {
	t.Helper()
	p, err := manager.Start(context.Background(), c, binary(t), manager.Options{Name: name, As: as, Args: flags})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-p.Exited():
		default:
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Logf("the log of %s:\n%s", name, p.Log())
		}
	})
	return p
}
