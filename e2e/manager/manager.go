package manager

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// Overlay replaces files of the repository in a build: the path from the root, and the text that takes the file's place. It makes a
// controller that differs from the one in the tree as another release would.
type Overlay map[string]string

// Build builds the controller into a folder, and returns the path of the binary.
func Build(ctx context.Context, dir string, overlay Overlay) (string, error) {
	root, err := world.Repository()
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range overlay {
		path := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = path
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlays, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "wukong-network")
	if err := os.WriteFile(overlays, list, 0o600); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlays, "-o", binary, "./cmd/wukong-network")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the controller: %w\n%s", err, out)
	}
	return binary, nil
}

// Options say how a controller runs. The zero value is a replica that stands for election.
type Options struct {
	// Args come after those that every replica has.
	Args []string
	// Env are further variables of its environment.
	Env []string
	// Name of the replica, for its log file and for the kubeconfig.
	Name string
	// As is who it acts as; nil for the controller's ServiceAccount, which must exist with its permissions.
	As *rest.Config
}

// Process is a running controller.
type Process struct {
	// Began is when it was executed.
	Began time.Time
	// Health and Metrics are the addresses of its probes and of its metrics.
	Health, Metrics string

	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	err  error
}

// patience bounds a request, on a machine that is busy.
const patience = 10 * time.Second

// stopTimeout is longer than the grace that the controller gives itself.
const stopTimeout = 30 * time.Second

// Start runs a binary as the controller. It returns at once; a caller has to call Stop. The log is beside those of the cluster.
func Start(ctx context.Context, c *cluster.Cluster, binary string, o Options) (*Process, error) {
	kubeconfig, err := kubeconfig(ctx, c, o)
	if err != nil {
		return nil, err
	}
	health, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	metrics, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(c.LogDir(), o.Name+".log"))
	if err != nil {
		return nil, err
	}
	args := append([]string{"--kubeconfig=" + kubeconfig, "--leader-election-namespace=" + world.Namespace, "--health-probe-bind-address=" + health, "--metrics-bind-address=" + metrics}, o.Args...)
	p := &Process{cmd: exec.Command(binary, args...), log: log, Health: health, Metrics: metrics, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = log, log, append(os.Environ(), o.Env...)
	// It ends with the thread that started it at the latest, should the test be killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.Began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// kubeconfig writes the credentials into a file.
func kubeconfig(ctx context.Context, c *cluster.Cluster, o Options) (string, error) {
	rc := o.As
	if rc == nil {
		var err error
		if rc, err = c.ServiceAccountConfig(ctx, world.Namespace, world.ServiceAccount); err != nil {
			return "", err
		}
	}
	path := filepath.Join(c.LogDir(), o.Name+".kubeconfig")
	return path, cluster.WriteKubeconfig(path, rc)
}

// FreeAddress is an address of this machine that nobody listens on now.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Ready says whether its readiness probe answers well.
func (p *Process) Ready() bool {
	_, code, err := Probe(p.Health, "/readyz")
	return err == nil && code == http.StatusOK
}

// Scrape reads its metrics with a token, and gives the status of the answer, too. Nobody can check its certificate, which it made for
// itself.
func (p *Process) Scrape(token string) (text string, code int, err error) {
	return p.Get("/metrics", token, nil)
}

// Get reads a page from where its metrics are, with a token unless that is empty. Without roots no certificate is checked.
func (p *Process) Get(page, token string, roots *x509.CertPool) (text string, code int, err error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, InsecureSkipVerify: roots == nil}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequest(http.MethodGet, "https://"+p.Metrics+page, nil)
	if err != nil {
		return "", 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return answer(client.Do(request))
}

// Probe reads a page without TLS from an address, as the kubelet does.
func Probe(address, page string) (text string, code int, err error) {
	client := http.Client{Timeout: patience}
	return answer(client.Get("http://" + address + page))
}

func answer(resp *http.Response, err error) (text string, code int, _ error) {
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp.StatusCode, err
}

// PID is the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.done }

// Log is the end of what it has written so far.
func (p *Process) Log() string {
	const most = 16 << 10
	data, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

// Stop ends it as a node does that takes a pod down, and returns what was wrong with that.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return errors.Join(p.err, p.log.Close())
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("the controller did not end within %s and was killed", stopTimeout), p.cmd.Process.Kill())
	}
}
