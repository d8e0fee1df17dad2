package commands_test

import (
	"bytes"
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
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/manager"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/query/answer"
)

// queryName is what the certificate of the query servers has as a name, beside localhost.
const queryName = "wukong-network-query.wukong-network.svc"

// questions are a cluster with replicas of the controller that answer questions, none of which leads, so that what the test
// has written stays as it is.
type questions struct {
	t       *testing.T
	cluster *cluster.Cluster
	admin   client.Client
	// folder has ca.crt, and a kubeconfig for each account.
	folder string
	ca     *x509.CertPool
	// addresses are where the replicas answer.
	addresses []string
	binary    string
}

// ask starts them.
func ask(t *testing.T, replicas int) *questions {
	t.Helper()
	c := cluster.ForTest(t, cluster.Options{})
	if _, err := world.Prepare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	prepare(t, c)
	q := &questions{t: t, cluster: c, binary: build(t)}
	var err error
	if q.admin, err = client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()}); err != nil {
		t.Fatal(err)
	}
	if err := q.admin.Delete(t.Context(), &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "workers"}}); err != nil {
		t.Fatal(err) // that of the host commands takes its place
	}
	placeAll(t, q.admin, filepath.Join("hosts", "cluster.yaml"))
	q.rights()
	q.lead("somebody-else")
	q.certify()
	built, err := manager.Build(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range replicas {
		q.replica(built, fmt.Sprintf("replica-%d", i))
	}
	return q
}

// rights adds who looks after hosts.
func (q *questions) rights() {
	q.t.Helper()
	roles(q.t, q.cluster, "host_roles.yaml")
	if err := q.cluster.Account(q.t.Context(), "team-a", "hosts", "wukong-network-host-reader"); err != nil {
		q.t.Fatal(err)
	}
	q.folder = kubeconfigs(q.t, q.cluster, "reader", "hosts", "partial", "tenant", "nobody")
}

// lead has somebody hold the controllers' Lease for an hour.
func (q *questions) lead(who string) {
	q.t.Helper()
	now, seconds := metav1.NowMicro(), int32(3600)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: world.Namespace, Name: "wukong-network.vm.novasphere.dev"},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &who, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now}}
	if err := q.admin.Create(q.t.Context(), lease); err != nil {
		q.t.Fatal(err)
	}
}

// certify makes the certificate of the replicas, which is its own authority.
func (q *questions) certify() {
	q.t.Helper()
	crt, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, []string{queryName}, "")
	if err != nil {
		q.t.Fatal(err)
	}
	for name, data := range map[string][]byte{"tls.crt": crt, "tls.key": key, "ca.crt": crt} {
		if err := os.WriteFile(filepath.Join(q.folder, name), data, 0o600); err != nil {
			q.t.Fatal(err)
		}
	}
	q.ca = x509.NewCertPool()
	q.ca.AppendCertsFromPEM(crt)
}

// replica starts one and waits until it has listed what it watches.
func (q *questions) replica(binary, name string) {
	q.t.Helper()
	address, err := manager.FreeAddress()
	if err != nil {
		q.t.Fatal(err)
	}
	p, err := manager.Start(q.t.Context(), q.cluster, binary, manager.Options{Name: name,
		Args: []string{"--query-bind-address=" + address, "--metrics-cert-dir=" + q.folder, "--zap-log-level=1"}})
	if err != nil {
		q.t.Fatal(err)
	}
	q.t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			q.t.Errorf("%v\n%s", err, p.Log())
		}
	})
	eventually(q.t, func() error {
		if !p.Ready() {
			return fmt.Errorf("%s is not ready: %s", name, p.Log())
		}
		return nil
	})
	q.addresses = append(q.addresses, strings.Replace(address, "127.0.0.1", "localhost", 1))
}

// run runs the program as an account, and gives its exit code and what it writes.
func (q *questions) run(account string, args ...string) (code int, stdout, stderr string) {
	q.t.Helper()
	command := exec.CommandContext(q.t.Context(), q.binary, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(q.folder, account))
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		q.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// via adds the flags for a replica.
func (q *questions) via(replica int, args ...string) []string {
	return append(args, "--query-server=https://"+q.addresses[replica], "--query-certificate-authority="+filepath.Join(q.folder, "ca.crt"))
}

// get sends a request with a token.
func (q *questions) get(replica int, token, path string) (*http.Response, []byte, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: q.ca}, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+q.addresses[replica]+path, nil)
	if err != nil {
		return nil, nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// TestAManagerAnswersAsTheCommandLineDoes asks each question twice, of the cluster and of a replica that does not lead.
func TestAManagerAnswersAsTheCommandLineDoes(t *testing.T) {
	q := ask(t, 2)
	for i, line := range []string{
		"ip who 192.0.2.10", "ip who 192.0.2.10 -o wide", "ip who 192.0.2.10 -o json", "ip who 192.0.2.10 -o yaml", "ip who 192.0.2.10 -o name",
		"ip who 192.0.2.10 -n team-b -o json", "ip who 192.0.2.70 -o json", "ip who 192.0.2.9", "ip who 192.0.2.21", "ip who 192.0.2.199 -o json", "ip who 2001:db8::10 -o json",
		"ip who 02:00:00:aa:bb:02 -o json", "ip who 0200.00aa.bb66", "ip who 02:00:00:00:00:99", "ip who team-a/web -o json", "ip who web", "ip who guest-vm -n team-b", "ip who nothing",
		"ip list", "ip list -o wide", "ip list -o json", "ip list -o csv", "ip list -o hosts", "ip list -o name", "ip list -n team-a --phase Cooling --phase Reserved -o yaml",
		"ip list --segment lab.100 --pool office", "ip list --phase released -o json", "ip list -n team-c",
		"ip history 192.0.2.10", "ip history 192.0.2.10 --segment lab.200 -o json", "ip history 192.0.2.10 -n team-a -o yaml", "ip history 192.0.2.250",
		"ip next office -n 5", "ip next tiny -n 30", "ip next none", "pool list", "pool list -o wide", "pool list -o json", "pool list -o name",
		"pool show office", "pool show wide", "pool show six -o json", "pool show none",
		"host status", "host status -o json", "host status workers", "host status lab-100 -o yaml", "host status none",
	} {
		q.same(line, i%len(q.addresses))
	}
	t.Run("docs/query.md", q.documented)
	t.Run("with rights that end at a namespace", q.tenant)
	t.Run("without rights", q.withoutRights)
	t.Run("with another certificate, token or server", q.mistaken)
	t.Run("what was written is regarded from a version on that is told", q.fresh)
	t.Run("a token that is revoked", q.revoked)
	t.Run("a replica that leads", q.leading)
}

// same asks a question of the cluster and of a replica.
func (q *questions) same(line string, replica int) {
	q.t.Helper()
	account := "reader"
	if strings.HasPrefix(line, "host") {
		account = "hosts" // for hosts there is a role of its own
	}
	args := strings.Fields(line)
	code, stdout, stderr := q.run(account, args...)
	if code > 1 {
		q.t.Errorf("%s: %d %s", line, code, stderr)
	}
	gotCode, got, gotErr := q.run(account, q.via(replica, args...)...)
	if gotCode != code {
		q.t.Errorf("%s: exit code %d, and %d of replica %d: %s", line, code, gotCode, replica, gotErr)
	}
	if diff := cmp.Diff(stdout, got); diff != "" {
		q.t.Errorf("%s, replica %d (-cluster +replica):\n%s", line, replica, diff)
	}
	// Notes on what is missing end differently: only the command line knows who could change it.
	if !strings.Contains(stderr, "note: ") && gotErr != stderr {
		q.t.Errorf("%s, replica %d says %q, and the cluster %q", line, replica, gotErr, stderr)
	}
}

func (q *questions) tenant(t *testing.T) {
	if code, _, stderr := q.run("tenant", "ip", "list", "-n", "team-a"); code != 3 {
		t.Errorf("without the manager: %d %s", code, stderr)
	}
	code, stdout, stderr := q.run("tenant", q.via(0, "ip", "list", "-n", "team-a", "-o", "wide")...)
	if code != 0 || !strings.Contains(stdout, "192.0.2.10") || !strings.Contains(stdout, "node-a") || strings.Contains(stdout, "team-b") || strings.Contains(stdout, "node-b") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = q.run("tenant", q.via(0, "ip", "history", "192.0.2.10", "-n", "team-a")...)
	if code != 0 || !strings.Contains(stdout, "team-a/web/lan") || strings.Contains(stdout, "team-b") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
	// Somebody else's address looks like one that nobody has.
	code, stdout, _ = q.run("tenant", q.via(0, "ip", "who", "192.0.2.9", "-n", "team-a")...)
	if code != 1 || stdout != "nobody in namespace team-a has a lease of 192.0.2.9\n" {
		t.Errorf("%d %s", code, stdout)
	}
	for _, line := range []string{"ip list", "ip list -n team-b", "ip who 192.0.2.9", "pool list", "pool show office", "ip next office", "host status"} {
		code, stdout, stderr := q.run("tenant", q.via(0, strings.Fields(line)...)...)
		if code != 3 || stdout != "" || !strings.Contains(stderr, `User "system:serviceaccount:team-a:tenant" cannot list resource`) {
			t.Errorf("%s: %d %s%s", line, code, stdout, stderr)
		}
	}
}

func (q *questions) withoutRights(t *testing.T) {
	for _, line := range []string{"ip list", "ip list -n team-a", "ip who 192.0.2.10", "ip who team-a/web", "ip history 192.0.2.10", "ip next office", "pool list", "pool show office", "host status"} {
		code, stdout, stderr := q.run("nobody", q.via(0, strings.Fields(line)...)...)
		if code != 3 || stdout != "" || !strings.Contains(stderr, `User "system:serviceaccount:team-a:nobody" cannot list resource`) {
			t.Errorf("%s: %d %s%s", line, code, stdout, stderr)
		}
	}
	// Leases alone: what is missing is said.
	code, stdout, stderr := q.run("partial", q.via(0, "ip", "who", "192.0.2.10")...)
	if code != 0 || !strings.Contains(stdout, "team-a") || !strings.Contains(stderr, "note: addresspools.vm.novasphere.dev is forbidden: ") ||
		!strings.Contains(stderr, ": what pools say about the address is not shown") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
}

func (q *questions) mistaken(t *testing.T) {
	server := "--query-server=https://" + q.addresses[0]
	authority := "--query-certificate-authority=" + filepath.Join(q.folder, "ca.crt")
	for name, tc := range map[string]struct {
		account string
		args    []string
		code    int
		text    string
	}{
		"the authority is not that of the API server": {"reader", []string{server}, 3, "certificate"},
		"the certificate has another name":            {"reader", []string{server, authority, "--query-tls-server-name=other.example.com"}, 3, "other.example.com"},
		"the certificate has the name of the Service": {"reader", []string{server, authority, "--query-tls-server-name=" + queryName}, 0, ""},
		"plain HTTP":               {"reader", []string{"--query-server=http://" + q.addresses[0]}, 2, "nothing but HTTPS will do"},
		"a token that nobody gave": {"reader", []string{server, authority, "--token=wrong"}, 3, "send a bearer token that the API server knows"},
		"no token":                 {"admin", []string{server, authority}, 3, "the kubeconfig has none"},
		"somebody else's name":     {"reader", []string{server, authority, "--as=admin"}, 2, "--as has no effect"},
		"the API server itself":    {"reader", []string{"--query-server=" + q.cluster.AdminConfig().Host}, 3, "is it the query server of wukong-network?"},
		"no server":                {"reader", []string{"--query-server=https://localhost:1"}, 3, "connection refused"},
		"an authority for nothing": {"reader", []string{authority}, 2, "give that, too"},
	} {
		code, _, stderr := q.run(tc.account, append([]string{"pool", "list"}, tc.args...)...)
		if code != tc.code || !strings.Contains(stderr, tc.text) {
			t.Errorf("%s: %d %s", name, code, stderr)
		}
	}
}

// fresh writes a lease and asks both replicas until they have it: an answer without it must be of an earlier version.
func (q *questions) fresh(t *testing.T) {
	token := q.token("reader")
	l := &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-192-0-2-44.lab.100"}, Spec: v1alpha1.AddressLeaseSpec{Address: "192.0.2.44", Segment: "lab.100",
		Phase: v1alpha1.LeaseAllocated, Since: metav1.Now(), Holder: &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "late", Network: "lan", UID: "late-1"}}}
	if err := q.admin.Create(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	for replica := range q.addresses {
		eventually(t, func() error {
			response, body, err := q.get(replica, token, "/apis/query/v1alpha1/addresses/192.0.2.44")
			if err != nil {
				return err
			}
			var owners answer.Owners
			if err := json.Unmarshal(body, &owners); err != nil {
				return err
			}
			regarded := response.Header.Get("Wukong-Resource-Version")
			order, err := resourceversion.CompareResourceVersion(regarded, l.ResourceVersion)
			if err != nil {
				t.Fatalf("version %q: %v", regarded, err)
			}
			if len(owners.Leases) == 0 {
				if order >= 0 {
					t.Errorf("version %s is said to be regarded, and the lease of version %s is missing", regarded, l.ResourceVersion)
				}
				return errors.New("the lease is not there yet")
			}
			return nil
		})
	}
}

// leading gives the Lease free: a replica that leads answers as one that does not.
func (q *questions) leading(t *testing.T) {
	key := client.ObjectKey{Namespace: world.Namespace, Name: "wukong-network.vm.novasphere.dev"}
	lease := &coordinationv1.Lease{}
	if err := q.admin.Get(t.Context(), key, lease); err != nil {
		t.Fatal(err)
	}
	if err := q.admin.Delete(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := q.admin.Get(t.Context(), key, lease); err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			return errors.New("no replica leads yet")
		}
		return nil
	})
	// What the one that leads leaves as it is.
	for replica := range q.addresses {
		q.same("pool list -o name", replica)
		q.same("ip next none", replica)
	}
}

func (q *questions) token(account string) string {
	q.t.Helper()
	config, err := q.cluster.ServiceAccountConfig(q.t.Context(), "team-a", account)
	if err != nil {
		q.t.Fatal(err)
	}
	return config.BearerToken
}

func (q *questions) revoked(t *testing.T) {
	token := q.token("partial")
	path := "/apis/query/v1alpha1/addresses?limit=1"
	response, body, err := q.get(0, token, path)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v %s", err, body)
	}
	if err := q.admin.Delete(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "partial"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		response, body, err := q.get(0, token, path)
		if err == nil && response.StatusCode != http.StatusUnauthorized {
			err = fmt.Errorf("%d %s", response.StatusCode, body)
		}
		return err
	})
}
