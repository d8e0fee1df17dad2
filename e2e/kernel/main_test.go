//go:build linux

package kernel

import (
	"errors"
	"net/netip"
	"os"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/parts"
)

var shared cluster.Shared

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.UseDevMode(true)))
	os.Exit(shared.Run(m))
}

// nmstatectlForTest returns nmstatectl where network namespaces can be made. Else it skips the test, or fails it with CI=true.
func nmstatectlForTest(t *testing.T) *parts.Nmstatectl {
	t.Helper()
	if testing.Short() {
		t.Skip("needs network namespaces, which -short leaves out")
	}
	n, err := NewNamespace()
	switch {
	case err == nil:
	case errors.Is(err, os.ErrPermission) && os.Getenv("CI") != "true":
		t.Skipf("not tried on a kernel: run make e2e as root: %v", err)
	default:
		t.Fatalf("no network namespaces to test with: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return parts.NmstatectlForTest(t)
}

// fabricForTest makes a fabric with a gateway for nodes and a peer for guests. It goes when the test ends.
func fabricForTest(t *testing.T, ctl *parts.Nmstatectl) *Fabric {
	t.Helper()
	return fabricWith(t, ctl, gateway, peer)
}

// fabricWith makes a fabric with these machines.
func fabricWith(t *testing.T, ctl *parts.Nmstatectl, machines ...netip.Prefix) *Fabric {
	t.Helper()
	f, err := NewFabric(t.Context(), ctl, machines...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func join(t *testing.T, f *Fabric, nics ...NIC) *Node {
	t.Helper()
	n, err := f.Join(t.Context(), nics...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
