package install

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// manager is a process of cmd/wukong-network.
type manager struct {
	// health and metrics are the addresses of its servers.
	health, metrics string

	cmd    *exec.Cmd
	log    *log
	exited chan struct{} // closed when it has ended; its exit code is in cmd.ProcessState
}

// log collects what a process writes.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var built struct {
	sync.Once
	dir, path string
	err       error
}

// binary is the path of the manager, built once for all tests.
func binary(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "wukong-install-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "wukong-network")
		_, built.err = try(t, exec.CommandContext(t.Context(), "go", "build", "-o", built.path, "./cmd/wukong-network"))
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// start runs the manager with the rights of rc, which are those of its ServiceAccount unless a test wants others. It is killed when the
// test ends.
func start(t *testing.T, rc *rest.Config, flags ...string) *manager {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	config := clientcmdapi.NewConfig()
	config.Clusters["it"] = &clientcmdapi.Cluster{Server: rc.Host, CertificateAuthorityData: rc.CAData}
	config.AuthInfos["it"] = &clientcmdapi.AuthInfo{Token: rc.BearerToken}
	config.Contexts["it"] = &clientcmdapi.Context{Cluster: "it", AuthInfo: "it"}
	config.CurrentContext = "it"
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	m := &manager{health: freeAddress(t), metrics: freeAddress(t), log: &log{}, exited: make(chan struct{})}
	m.cmd = exec.Command(binary(t), append([]string{"--kubeconfig=" + kubeconfig, "--leader-election-namespace=" + world.Namespace,
		"--health-probe-bind-address=" + m.health, "--metrics-bind-address=" + m.metrics}, flags...)...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = m.cmd.Wait() // how it ended is told by ProcessState
		close(m.exited)
	}()
	t.Cleanup(func() {
		if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-m.exited
		if t.Failed() {
			t.Logf("the log of %s:\n%s", m.health, m.log)
		}
	})
	return m
}

// terminate ends it as a kubelet does, and returns its exit code.
func (m *manager) terminate() (int, error) {
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	const grace = 30 * time.Second // terminationGracePeriodSeconds
	select {
	case <-m.exited:
		return m.cmd.ProcessState.ExitCode(), nil
	case <-time.After(grace):
		return 0, fmt.Errorf("it did not end within %s", grace)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// controller is the configuration of the ServiceAccount that the installation has for the manager.
func controller(t *testing.T, c *cluster.Cluster) *rest.Config {
	t.Helper()
	rc, err := c.ServiceAccountConfig(t.Context(), world.Namespace, world.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	return rc
}
