package install

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	certutil "k8s.io/client-go/util/cert"

	"novasphere.dev/wukong-network/e2e/cluster"
)

// account makes a ServiceAccount, bound to a ClusterRole if one is given, and returns a token of it.
func account(t *testing.T, c *cluster.Cluster, namespace, name, role string) string {
	t.Helper()
	admin := administrator(t, c)
	if err := admin.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}); err != nil {
		t.Fatal(err)
	}
	if role != "" {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace + "-" + name},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}}}
		if err := admin.Create(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
	}
	rc, err := c.ServiceAccountConfig(t.Context(), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return rc.BearerToken
}

// scrape gets a page over TLS. Without roots no certificate is checked, as with a self-signed one.
func scrape(address, page, token string, roots *x509.CertPool) (int, string, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, InsecureSkipVerify: roots == nil}, DisableKeepAlives: true}
	req, err := http.NewRequest(http.MethodGet, "https://"+address+page, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestMetricsAreForThoseWhomTheAPIServerLetsReadThem(t *testing.T) {
	c := installed(t)
	namespace := c.Namespace(t)
	reader := account(t, c, namespace, "prometheus", "wukong-network-metrics-reader")
	other := account(t, c, namespace, "other", "")
	r := start(t, c, "scraped", nil, "--leader-elect=false")
	eventually(t, func() error {
		code, body, err := scrape(r.metrics, "/metrics", reader, nil)
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
		code, body, err := scrape(r.metrics, c.page, c.token, nil)
		if err != nil || code != c.code || strings.Contains(body, "reconcile") {
			t.Errorf("%s %s: %d %.200s %v, want %d", c.page, name, code, body, err, c.code)
		}
	}
	if code, _, err := probe(r.metrics, "/metrics"); err == nil && code == http.StatusOK {
		t.Error("metrics are served without TLS, too")
	}
	if code, body, err := probe(r.Health, "/metrics"); err != nil || code != http.StatusNotFound {
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
		code, body, err := scrape(r.metrics, "/metrics", reader, roots)
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
	folder := t.TempDir()
	r := start(t, c, "uncertified", nil, "--metrics-cert-dir="+folder)
	select {
	case <-r.Exited():
	case <-time.After(time.Minute):
		t.Fatal("it runs all the same")
	}
	if err := r.Stop(); err == nil || !strings.Contains(r.Log(), filepath.Join(folder, "tls.crt")) || !strings.Contains(r.Log(), "self-signed") {
		t.Errorf("it ended with %v: %s", err, r.Log())
	}
}
