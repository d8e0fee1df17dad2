package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/query/answer"
)

func TestQuestionsOfAnEngineerAreAnswered(t *testing.T) {
	s := newStage(t, objects(t)...)
	for target, want := range map[string]string{
		"/addresses": `"AddressList"`, "/addresses?namespace=team-b&phase=reserved&phase=Allocated": `"203.0.113.7"`,
		"/addresses?address=192.0.2.10": `"ip-192-0-2-10.lab.100"`, "/addresses?mac=0200.00aa.bb02": `"team-a"`, "/addresses?phase=Released": `"ip-192-0-2-10.lab.200"`,
		"/addresses/192.0.2.10": `"interface eth1 of node node-b"`, "/addresses/2001:db8::10": `"AddressOwners"`, "/addresses/203.0.113.200": `"nobody has a lease of 203.0.113.200"`,
		"/addresses/192.0.2.10/history": `"team-b/db/lan"`, "/addresses/192.0.2.10/history?segment=lab.200": `"team-b/db/data"`,
		"/macs/02-00-00-AA-BB-02": `"192.0.2.10"`, "/machines/web": `"team-b"`, "/machines/web?namespace=team-a": `"team-a/web"`,
		"/pools": `"office"`, "/pools/office": `"signs"`, "/pools/office?columns=20&rows=3": `"blockBits"`, "/pools/office/next?count=3": `"192.0.2.1"`,
		"/segments": `"lab.300"`, "/hosts": `"workers"`, "/hosts/workers": `"lab-100"`, "/hosts/lab-100": `"workers"`,
	} {
		t.Run(target, func(t *testing.T) {
			s.t = t
			got := s.ask(engineer, Base+target)
			if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), want) {
				t.Errorf("%d, and %s is not in it: %s", got.Code, want, got.Body)
			}
			if got.Header().Get(VersionHeader) != "42" || got.Header().Get("Cache-Control") != "private, no-cache" {
				t.Errorf("headers %v", got.Header())
			}
			if warnings := got.Header().Values("Warning"); len(warnings) > 0 {
				t.Errorf("something is missing: %v", warnings)
			}
		})
	}
}

func TestWhatIsWrongWithARequestIsSaid(t *testing.T) {
	s := newStage(t, objects(t)...)
	tests := map[string]struct {
		who, method, target string
		code                int
		message             string
	}{
		"no token": {"", "GET", Base + "/pools", 401, "send a bearer token"}, "a token that is not known": {"bad", "GET", Base + "/pools", 401, "send a bearer token"},
		"an API server that does not answer": {"slow", "GET", Base + "/pools", 503, "does not say now whose token"},
		"no token, and no such path":         {"", "GET", "/", 401, "send a bearer token"},
		"no such path":                       {engineer, "GET", Base + "/leases", 404, "there is no such path"},
		"a path that goes on":                {engineer, "GET", Base + "/pools/office/next/one", 404, "there is no such path"},
		"a write":                            {engineer, "POST", Base + "/pools", 405, "use GET or HEAD"},
		"a deletion without a token":         {"", "DELETE", Base + "/addresses/192.0.2.10", 405, "use GET or HEAD"},
		"a write to what needs no token":     {"", "PUT", "/healthz", 405, "use GET or HEAD"},
		"a parameter that is not known":      {engineer, "GET", Base + "/addresses?namspace=team-a", 400, "parameter namspace: it is not known here: use address, "},
		"a parameter of another path":        {engineer, "GET", Base + "/pools?limit=1", 400, "parameter limit: it is not known here: there is none"},
		"a parameter given twice":            {engineer, "GET", Base + "/addresses?pool=a&pool=b", 400, "parameter pool: it is given more than once"},
		"a limit of nothing":                 {engineer, "GET", Base + "/addresses?limit=0", 400, "parameter limit: \"0\" is no number from 1 to 1000"},
		"a limit that is too high":           {engineer, "GET", Base + "/addresses?limit=1001", 400, "from 1 to 1000"},
		"more addresses than are given":      {engineer, "GET", Base + "/pools/office/next?count=65537", 400, "from 1 to 65536"},
		"a map of any size":                  {engineer, "GET", Base + "/pools/office?rows=501", 400, "from 1 to 500"},
		"a token of no page":                 {engineer, "GET", Base + "/addresses?continue=xyz", 400, "parameter continue: \"xyz\" is no token of an earlier page"},
		"no address":                         {engineer, "GET", Base + "/addresses/192.0.2", 400, "parameter address: "},
		"no MAC address":                     {engineer, "GET", Base + "/macs/02", 400, "\"02\" is no MAC address"},
		"no name":                            {engineer, "GET", Base + "/machines/a%20b", 400, "parameter name: "},
		"no namespace":                       {engineer, "GET", Base + "/addresses?namespace=A", 400, "parameter namespace: "},
		"no phase":                           {engineer, "GET", Base + "/addresses?phase=Gone", 400, "\"Gone\" is not known: use Allocated, "},
		"no segment":                         {engineer, "GET", Base + "/addresses?segment=lab.4095", 400, "parameter segment: "},
		"a query string that breaks off":     {engineer, "GET", Base + "/addresses?pool=%zz", 400, "cannot be read"},
		"a pool that is not there":           {engineer, "GET", Base + "/pools/none", 404, `there is no AddressPool "none"`},
		"a host that is not there":           {engineer, "GET", Base + "/hosts/none", 404, `there is no HostNetwork and no HostUplink "none"`},
		"no rights": {nobody, "GET", Base + "/addresses/192.0.2.10", 403,
			`addressleases.vm.novasphere.dev is forbidden: User "nobody" cannot list resource "addressleases" in API group "vm.novasphere.dev" at the cluster scope`},
		"no rights in a namespace": {nobody, "GET", Base + "/addresses?namespace=team-a", 403,
			`wukongs.vm.novasphere.dev is forbidden: User "nobody" cannot list resource "wukongs" in API group "vm.novasphere.dev" in the namespace "team-a"`},
		"no rights in another namespace":   {tenant, "GET", Base + "/addresses?namespace=team-b", 403, `in the namespace "team-b"`},
		"a tenant who asks about all":      {tenant, "GET", Base + "/addresses", 403, "at the cluster scope"},
		"a tenant who asks about pools":    {tenant, "GET", Base + "/pools", 403, `cannot list resource "addresspools"`},
		"a tenant who asks about segments": {tenant, "GET", Base + "/segments", 403, `cannot list resource "addresspools"`},
		"a tenant who asks about hosts":    {tenant, "GET", Base + "/hosts", 403, `cannot list resource "nodes" in API group "" at the cluster scope`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s.t = t
			got := s.send(tc.who, httptest.NewRequest(tc.method, tc.target, nil))
			status := status(t, got)
			if got.Code != tc.code || int(status.Code) != tc.code || status.Kind != "Status" || !strings.Contains(status.Message, tc.message) {
				t.Errorf("%d %+v", got.Code, status)
			}
			if challenge := got.Header().Get("WWW-Authenticate"); (challenge != "") != (tc.code == 401) {
				t.Errorf("a challenge %q", challenge)
			}
		})
	}
}

func TestWithoutARightThePartOfAnAnswerThatNeedsItIsMissing(t *testing.T) {
	s := newStage(t, objects(t)...)
	got := s.ask(partial, Base+"/addresses/192.0.2.10")
	if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "team-a") || strings.Contains(got.Body.String(), "node-a") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	warnings := strings.Join(got.Header().Values("Warning"), "\n")
	for _, kind := range []string{"addresspools", "addressreservations", "hostuplinks", "wukongs"} {
		if !strings.Contains(warnings, kind+".vm.novasphere.dev") {
			t.Errorf("%s are not said to be missing: %s", kind, warnings)
		}
	}
}

func TestATenantSeesNothingOfOtherNamespaces(t *testing.T) {
	s := newStage(t, objects(t)...)
	for _, target := range []string{"/addresses?namespace=team-a&phase=Allocated&phase=Cooling&phase=Reserved&phase=Releasing&phase=Released", "/addresses/192.0.2.10?namespace=team-a",
		"/addresses/192.0.2.9?namespace=team-a", "/addresses/192.0.2.70?namespace=team-a", "/addresses/192.0.2.10/history?namespace=team-a",
		"/macs/02:00:00:aa:bb:03?namespace=team-a", "/machines/web?namespace=team-a", "/machines/guest?namespace=team-a"} {
		got := s.ask(tenant, Base+target)
		for _, secret := range []string{"team-b", "node-b", "02:00:00:aa:bb:08", "02:00:00:aa:bb:09"} {
			if strings.Contains(strings.ReplaceAll(got.Body.String(), target, ""), secret) {
				t.Errorf("%s tells of %s: %s", target, secret, got.Body)
			}
		}
		if got.Code != http.StatusOK {
			t.Errorf("%s: %d %s", target, got.Code, got.Body)
		}
	}
	var list answer.List
	if err := json.Unmarshal(s.ask(tenant, Base+"/addresses?namespace=team-a").Body.Bytes(), &list); err != nil || len(list.Items) == 0 {
		t.Fatalf("%v %+v", err, list)
	}
	for _, l := range list.Items {
		if l.Address == "192.0.2.10" {
			if l.Node != "node-a" || len(l.Before) != 0 || !strings.Contains(l.Conflict, "AddressLease ip-192-0-2-10.lab.100") {
				t.Errorf("their own lease: %+v", l)
			}
			return
		}
	}
	t.Error("their own lease is not there")
}

func TestPagesGiveEveryItemOnce(t *testing.T) {
	s := newStage(t, objects(t)...)
	read := func(target string) answer.List {
		var list answer.List
		if err := json.Unmarshal(s.ask(engineer, target).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := read(Base + "/addresses")
	for limit := 1; limit <= len(all.Items)+1; limit++ {
		var got []answer.Lease
		token := ""
		for {
			page := read(fmt.Sprintf("%s/addresses?limit=%d&continue=%s", Base, limit, token))
			got = append(got, page.Items...)
			if rest := len(all.Items) - len(got); page.Metadata.Remaining != rest || len(page.Items) > limit {
				t.Fatalf("limit %d: %d items, %d follow, and %d should", limit, len(page.Items), page.Metadata.Remaining, rest)
			}
			if token = page.Metadata.Continue; token == "" {
				break
			}
		}
		if diff := cmp.Diff(all.Items, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func TestAnAnswerThatIsKnownAlreadyIsNotSentAgain(t *testing.T) {
	s := newStage(t, objects(t)...)
	first := s.ask(engineer, Base+"/pools")
	req := httptest.NewRequest(http.MethodGet, Base+"/pools", nil)
	req.Header.Set("If-None-Match", `"other", `+first.Header().Get("ETag"))
	if got := s.send(engineer, req); got.Code != http.StatusNotModified || got.Body.Len() > 0 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	// Not to somebody who may not have it.
	if got := s.send(tenant, req); got.Code != http.StatusForbidden {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	head := s.send(engineer, httptest.NewRequest(http.MethodHead, Base+"/pools", nil))
	if head.Code != http.StatusOK || head.Body.Len() > 0 || head.Header().Get("Content-Length") != fmt.Sprint(first.Body.Len()) {
		t.Errorf("%d %v", head.Code, head.Header())
	}
}

func TestWhatNeedsNoToken(t *testing.T) {
	s := newStage(t)
	for target, want := range map[string]string{"/healthz": "ok", "/openapi.yaml": "openapi: 3.0.3", "/openapi.json": `{"components"`} {
		if got := s.ask("", target); got.Code != http.StatusOK || !strings.HasPrefix(got.Body.String(), want) {
			t.Errorf("%s: %d %.80s", target, got.Code, got.Body)
		}
	}
	for _, target := range []string{"/debug/pprof/", "/metrics", "/apis", Base} {
		if got := s.ask(engineer, target); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, got.Code)
		}
	}
}

func TestAComponentThatIsNotInstalledIsNamed(t *testing.T) {
	s := newStage(t)
	got := s.ask(engineer, Base+"/hosts")
	if got.Code != http.StatusNotFound || !strings.Contains(status(t, got).Message, "is kubernetes-nmstate installed in this cluster?") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestABusyServerSaysSo(t *testing.T) {
	s := newStage(t, objects(t)...)
	for range maxLarge {
		s.handler.large <- struct{}{}
	}
	got := s.ask(engineer, Base+"/hosts")
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if got := s.ask(engineer, Base+"/pools"); got.Code != http.StatusOK {
		t.Errorf("large answers hold up small ones: %d", got.Code)
	}
	for range maxRequests {
		s.handler.requests <- struct{}{}
	}
	if got := s.ask(engineer, Base+"/pools"); got.Code != http.StatusTooManyRequests {
		t.Errorf("%d", got.Code)
	}
}

func TestTheLogSaysWhoAskedWhatAndHasNoToken(t *testing.T) {
	s := newStage(t, objects(t)...)
	s.ask(engineer, Base+"/addresses?pool=office")
	for _, part := range []string{`"user"="engineer"`, `"path"="/apis/query/v1alpha1/addresses"`, `"parameters"="pool=office"`, `"code"=200`} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("%s is missing: %s", part, s.log)
		}
	}
	s.log.Reset()
	s.ask("bad", Base+"/pools")
	if strings.Contains(s.log.String(), "bad") || !strings.Contains(s.log.String(), `"code"=401`) {
		t.Errorf("%s", s.log)
	}
}

// FuzzRequests asks whatever comes: nothing makes the server fail, and every answer is one that is described.
func FuzzRequests(f *testing.F) {
	for _, target := range []string{"/addresses?limit=1&continue=eyJzIjoiIiwiYSI6IiIsIm4iOiJ4In0", "/addresses/::1%25eth0", "/addresses/192.0.2.10/history?segment=lab", "/macs/%00", "/machines/..%2f..",
		"/pools/office?columns=1&rows=1", "/pools/office/next?count=70000", "/hosts/lab-100", "/segments?x", "/addresses?phase=Allocated&phase=;"} {
		f.Add(target)
	}
	s := newStage(f, objects(f)...)
	f.Fuzz(func(t *testing.T, target string) {
		s.t = t
		parsed, err := url.ParseRequestURI(Base + target)
		if err != nil {
			return
		}
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.URL = parsed
		s.log.Reset()
		if got := s.send(engineer, req); got.Code >= 500 {
			t.Errorf("%q: %d %s %s", target, got.Code, got.Body, s.log)
		}
	})
}
