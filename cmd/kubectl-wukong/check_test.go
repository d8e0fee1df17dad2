package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCheckWaitsForAServerThatWasThere has an API server that is away at the second look, and lets nothing be read at the third.
func TestCheckWaitsForAServerThatWasThere(t *testing.T) {
	looks := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case req.URL.Path == "/version":
			if looks++; looks == 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "ServiceUnavailable", "code": 503}`)
				return
			}
			fmt.Fprint(w, `{"gitVersion": "v1.37.0"}`)
		case strings.HasSuffix(req.URL.Path, "/customresourcedefinitions") && looks == 1:
			fmt.Fprint(w, `{"kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1", "items": []}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}`)
		}
	}))
	defer server.Close()
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	var out, notes bytes.Buffer
	code := run([]string{"check", "--wait", "--server", server.URL}, streams{strings.NewReader(""), &out, &notes})
	if code != exitFindings || looks != 3 || !strings.Contains(out.String(), "\n0 failed, ") {
		t.Errorf("exit code %d after %d looks:\n%s%s", code, looks, out.String(), notes.String())
	}
	for i, want := range []string{"note: waiting: kubernetes-nmstate is not there: ", "note: waiting: get the version of the API server: "} {
		if lines := strings.Split(notes.String(), "\n"); len(lines) <= i || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of\n%sdoes not begin with %q", i, notes.String(), want)
		}
	}
}
