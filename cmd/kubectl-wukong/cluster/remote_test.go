package cluster

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"

	"novasphere.dev/wukong-network/query"
)

// remoteTo connects to a server with a token, and gives what is written about answers.
func remoteTo(t *testing.T, server *httptest.Server) (*Remote, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	ca, kubeconfig := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "config")
	for file, text := range map[string]string{
		ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		kubeconfig: `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: secret}}]}`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig = &kubeconfig
	var notes bytes.Buffer
	r, err := ConnectRemote(flags, QueryServer{URL: server.URL, CAFile: ca}, Options{Diagnostics: &notes})
	if err != nil {
		t.Fatal(err)
	}
	return r, &notes
}

func TestAnswersOfAQueryServer(t *testing.T) {
	const pools = `{"apiVersion": "cli.vm.novasphere.dev/v1alpha1", "kind": "PoolList", "items": [{"name": "office", "subnet": "192.0.2.0/24", "segment": "lab"}]}`
	status := func(code int, reason, message string) string {
		return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": %q, "message": %q, "code": %d}`, reason, message, code)
	}
	tests := map[string]struct {
		code  int
		body  string
		cause Cause
		text  string
	}{
		"an answer":                       {code: 200, body: pools},
		"an answer of another version":    {200, strings.Replace(pools, "v1alpha1", "v2", 1), Unreachable, `apiVersion "cli.vm.novasphere.dev/v2", and this program reads`},
		"a page of somebody else":         {200, "<html>", Unreachable, "is it the query server"},
		"a page that is not there":        {404, "404 page not found", Unreachable, "404 Not Found: is it the query server"},
		"a redirect, which gets no token": {302, "", Unreachable, "302 Found: is it the query server"},
		"no such token":                   {401, status(401, "Unauthorized", "send a bearer token"), Forbidden, "send a bearer token"},
		"no right":                        {403, status(403, "Forbidden", "cannot list"), Forbidden, "cannot list; ask about a namespace that is yours with -n, or"},
		"no component":                    {404, status(404, "NotInstalled", "is KubeVirt installed"), NotInstalled, "is KubeVirt installed"},
		"a question that it refuses":      {400, status(400, "BadRequest", "parameter x"), Refused, "parameter x"},
		"an API server that is silent":    {503, status(503, "ServiceUnavailable", "does not say now"), Unreachable, "does not say now"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect is followed") }))
			defer elsewhere.Close()
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if got := req.Header.Get("Authorization"); got != "Bearer secret" || req.URL.Path != "/apis/query/v1alpha1/pools" {
					t.Errorf("%s with %q", req.URL, got)
				}
				w.Header().Set("Location", elsewhere.URL)
				w.Header().Set("Warning", `299 - "nodes are \"not\" shown"`)
				w.WriteHeader(tc.code)
				fmt.Fprint(w, tc.body)
			}))
			defer server.Close()
			remote, notes := remoteTo(t, server)
			got, err := remote.Pools(t.Context())
			if tc.cause == "" {
				if err != nil || len(got.Items) != 1 || notes.String() != "note: nodes are \"not\" shown\n" {
					t.Errorf("%+v %v %q", got, err, notes)
				}
				return
			}
			if CauseOf(err) != tc.cause || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%q %v", CauseOf(err), err)
			}
		})
	}
}

func TestABusyQueryServerIsAskedAgainAndWhatIsNotThereIsAnAnswer(t *testing.T) {
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"apiVersion": "v1", "kind": "Status", "reason": "NotFound", "message": "there is no AddressPool \"x\""}`)
	}))
	defer server.Close()
	remote, _ := remoteTo(t, server)
	var nothing *query.NothingError
	if _, err := remote.Next(t.Context(), "x", 1); !errors.As(err, &nothing) || nothing.Text != `there is no AddressPool "x"` || asked != 2 {
		t.Errorf("%v after %d requests", err, asked)
	}
}
