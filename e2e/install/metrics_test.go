package install

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	certutil "k8s.io/client-go/util/cert"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/manager"
)

// account makes a ServiceAccount, bound to ClusterRoles, and returns a token of it.
func account(t *testing.T, c *cluster.Cluster, namespace, name string, roles ...string) string {
	t.Helper()
	if err := c.Account(t.Context(), namespace, name, roles...); err != nil {
		t.Fatal(err)
	}
	rc, err := c.ServiceAccountConfig(t.Context(), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return rc.BearerToken
}

func TestMetricsAreForThoseWhomTheAPIServerLetsReadThem(t *testing.T) {
	c := installed(t)
	namespace := c.Namespace(t)
	reader := account(t, c, namespace, "prometheus", "wukong-network-metrics-reader")
	other := account(t, c, namespace, "other")
	r := start(t, c, "scraped", nil, "--leader-elect=false")
	eventually(t, func() error {
		body, code, err := r.Scrape(reader)
		if err == nil && (code != http.StatusOK || !strings.Contains(body, "controller_runtime_reconcile_total")) {
			err = fmt.Errorf("%d %.200s", code, body)
		}
		return err
	})
	for name, c := range map[string]struct {
		page, token string
		code        int
	}{
		"without a token":                      {"/metrics", "", http.StatusUnauthorized},
		"with a token that nobody gave":        {"/metrics", "wrong", http.StatusUnauthorized},
		"with a token that has no right to it": {"/metrics", other, http.StatusForbidden},
		"of the process, by a reader":          {"/debug/pprof/", reader, http.StatusNotFound},
		"of anything else, by a reader":        {"/", reader, http.StatusNotFound},
	} {
		body, code, err := r.Get(c.page, c.token, nil)
		if err != nil || code != c.code || strings.Contains(body, "reconcile") {
			t.Errorf("%s %s: %d %.200s %v, want %d", c.page, name, code, body, err, c.code)
		}
	}
	if _, code, err := manager.Probe(r.Metrics, "/metrics"); err == nil && code == http.StatusOK {
		t.Error("metrics are served without TLS, too")
	}
	if body, code, err := manager.Probe(r.Health, "/metrics"); err != nil || code != http.StatusNotFound {
		t.Errorf("the port of the probes has metrics: %d %.200s %v", code, body, err)
	}
}

// certify writes a new pair of tls.crt and tls.key, and returns the roots that trust it.
func certify(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	crt, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("metrics.example.com", []net.IP{net.IPv4(127, 0, 0, 1)}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"tls.crt": crt, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(crt)
	return roots
}

func TestAGivenCertificateIsServedAndReadAgainWhenItChanges(t *testing.T) {
	c := installed(t)
	reader := account(t, c, c.Namespace(t), "prometheus", "wukong-network-metrics-reader")
	folder := t.TempDir()
	before := certify(t, folder)
	r := start(t, c, "certified", nil, "--leader-elect=false", "--metrics-cert-dir="+folder)
	serves := func(roots *x509.CertPool) error {
		body, code, err := r.Get("/metrics", reader, roots)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%d %.200s", code, body)
		}
		return err
	}
	eventually(t, func() error { return serves(before) })
	after := certify(t, folder)
	eventually(t, func() error { return serves(after) })
	if err := serves(before); err == nil {
		t.Error("the earlier certificate is served still")
	}
}

func TestAFolderWithoutACertificateIsAnErrorAtOnce(t *testing.T) {
	c := installed(t)
	empty, broken, mixed := t.TempDir(), t.TempDir(), t.TempDir()
	certify(t, mixed)
	key, err := os.ReadFile(filepath.Join(mixed, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	certify(t, mixed)
	for path, text := range map[string][]byte{filepath.Join(mixed, "tls.key"): key, filepath.Join(broken, "tls.crt"): []byte("none"), filepath.Join(broken, "tls.key"): []byte("none")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for folder, want := range map[string]string{empty: filepath.Join(empty, "tls.crt"), broken: "failed to find any PEM data", mixed: "private key does not match public key"} {
		r := start(t, c, "uncertified", nil, "--metrics-cert-dir="+folder)
		select {
		case <-r.Exited():
		case <-time.After(time.Minute):
			t.Fatal("it runs all the same")
		}
		log := r.Log()
		if err := r.Stop(); err == nil || !strings.Contains(log, want) || !strings.Contains(log, "no serving certificate in "+folder) || !strings.Contains(log, "self-signed") {
			t.Errorf("it ended with %v, and does not say %q: %s", err, want, log)
		}
	}
}
