package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/go-logr/logr/funcr"
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// engineer, tenant and nobody are who asks: their tokens are their names.
const (
	engineer = "engineer"
	tenant   = "tenant"
	partial  = "partial"
	nobody   = "nobody"
)

// stage is a handler over objects, with people whose rights are written down here.
type stage struct {
	t       testing.TB
	handler *handler
	paths   http.Handler
	log     *bytes.Buffer
	router  routers.Router
}

// objects are those that the scripts of the command line are played on.
func objects(t testing.TB) []client.Object {
	t.Helper()
	var out []client.Object
	folder := filepath.Join("..", "..", "e2e", "commands", "testdata")
	read := func(file string, each func(*yaml.YAMLOrJSONDecoder) error) {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for err == nil {
			err = each(documents)
		}
		if !errors.Is(err, io.EOF) {
			t.Fatalf("%s: %v", file, err)
		}
	}
	read("objects/leases.yaml", func(d *yaml.YAMLOrJSONDecoder) error {
		l := &v1alpha1.AddressLease{}
		out = append(out, l)
		return d.Decode(l)
	})
	out = out[:len(out)-1] // the end of the file
	read("status/wukongs.yaml", func(d *yaml.YAMLOrJSONDecoder) error {
		w := &v1alpha1.Wukong{}
		out = append(out, w)
		return d.Decode(w)
	})
	out = out[:len(out)-1]
	pool := &v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "office"}}
	vlan := v1alpha1.VLANID(100)
	pool.Spec = v1alpha1.AddressPoolSpec{Segment: v1alpha1.Segment{PhysicalNetwork: "lab", VLAN: &vlan}, Subnet: "192.0.2.0/24"}
	uplink := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "workers"}, Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "lab", Interface: "eth1"}}
	network := &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "lab-100"}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "lab", VLAN: &vlan}}
	out = append(out, pool, uplink, network, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}})
	for _, kind := range []string{"nodenetworkstates.nmstate.io", "nodenetworkconfigurationpolicies.nmstate.io", "nodenetworkconfigurationenactments.nmstate.io"} {
		out = append(out, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: kind}})
	}
	return out
}

func scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme,
		nmstate.AddToScheme, kubevirtv1.AddToScheme, nadv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func newStage(t testing.TB, objects ...client.Object) *stage {
	t.Helper()
	s := &stage{t: t, log: &bytes.Buffer{}}
	reader := fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(objects...).Build()
	s.handler = &handler{
		caches: caches{reader}, version: func() string { return "42" }, measure: func(_ string, next http.Handler) http.Handler { return next }, now: func() time.Time { return time.Unix(1_800_000_000, 0) },
		log: funcr.New(func(_, args string) { s.log.WriteString(args + "\n") }, funcr.Options{Verbosity: 1}),
		access: &access{
			authenticator: authenticator.RequestFunc(func(req *http.Request) (*authenticator.Response, bool, error) {
				switch token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "); token {
				case engineer, tenant, partial, nobody:
					return &authenticator.Response{User: &user.DefaultInfo{Name: token}}, true, nil
				case "slow":
					return nil, false, context.DeadlineExceeded
				case "bad":
					return nil, false, errors.New("invalid bearer token")
				}
				return nil, false, nil
			}),
			authorizer: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
				switch {
				case a.GetUser().GetName() == engineer,
					a.GetUser().GetName() == partial && a.GetResource() == "addressleases",
					a.GetUser().GetName() == tenant && a.GetNamespace() == "team-a" && a.GetResource() == "wukongs":
					return authorizer.DecisionAllow, "", nil
				}
				return authorizer.DecisionNoOpinion, "", nil
			}),
		},
	}
	var err error
	if s.paths, err = s.handler.paths(); err != nil {
		t.Fatal(err)
	}
	description, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if s.router, err = legacy.NewRouter(description); err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request as somebody, checks the response against the description, and gives it.
func (s *stage) ask(who, target string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.send(who, httptest.NewRequest(http.MethodGet, target, nil))
}

func (s *stage) send(who string, req *http.Request) *httptest.ResponseRecorder {
	s.t.Helper()
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	out := httptest.NewRecorder()
	s.paths.ServeHTTP(out, req)
	s.described(req, out)
	return out
}

// described checks a response against openapi.yaml. What is not described must be an error.
func (s *stage) described(req *http.Request, got *httptest.ResponseRecorder) {
	s.t.Helper()
	if req.Method == http.MethodHead {
		return // as GET, without a body
	}
	route, values, err := s.router.FindRoute(req)
	if err != nil {
		if got.Code < 300 {
			s.t.Errorf("%s %s is answered and not described: %v", req.Method, req.URL, err)
		}
		return
	}
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.FileBodyDecoder)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: values, Route: route},
		Status:                 got.Code, Header: got.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(got.Body.Bytes())
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		s.t.Errorf("%s %s is not answered as described: %v\n%s", req.Method, req.URL, err, got.Body)
	}
}

// status reads an error.
func status(t *testing.T, got *httptest.ResponseRecorder) metav1.Status {
	t.Helper()
	var out metav1.Status
	if err := json.Unmarshal(got.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v: %s", err, got.Body)
	}
	return out
}
