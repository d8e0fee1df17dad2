package controllers

import (
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"novasphere.dev/wukong-network/query/server"
)

// How long an answer of the API server is believed: as long may a token that is revoked, or a right that is taken away, still
// work. And how long one is waited for.
const (
	identityTTL, allowedTTL, deniedTTL = 10 * time.Second, 10 * time.Second, 5 * time.Second
	reviewTimeout                      = 5 * time.Second
)

// access decides with the API server's help who may get what.
type access struct {
	who authenticator.Request
	may authorizer.Authorizer
}

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// newAccess asks by TokenReviews and SubjectAccessReviews. The filter of controller-runtime does the same, but takes a token that
// is no good for a failure of its own: it answers 500, and whoever has no token could fill the log with it.
func newAccess(rc *rest.Config, hc *http.Client) (*access, error) {
	tokens, err := authenticationv1.NewForConfigAndClient(rc, hc)
	if err != nil {
		return nil, err
	}
	reviews, err := authorizationv1.NewForConfigAndClient(rc, hc)
	if err != nil {
		return nil, err
	}
	// Few steps: whoever asks can ask again, and waits meanwhile.
	retry := &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 3}
	who, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous: &apiserver.AnonymousAuthConfig{}, TokenAccessReviewClient: tokens, TokenAccessReviewTimeout: reviewTimeout,
		CacheTTL: identityTTL, WebhookRetryBackoff: retry,
	}.New()
	if err != nil {
		return nil, err
	}
	may, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: reviews, AllowCacheTTL: allowedTTL, DenyCacheTTL: deniedTTL, WebhookRetryBackoff: retry,
	}.New()
	return &access{who: who, may: may}, err
}

// Filter lets a request through when the API server knows its bearer token (otherwise 401) and grants that user the verb, which is
// the method in small letters, on the path as a non-resource URL (otherwise 403). An API server that does not answer is 503. Answers
// are believed for up to ten seconds.
func (s *Serving) Filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, known, err := s.access.who.AuthenticateRequest(req)
		switch {
		case err != nil && server.Unanswered(err):
			log.Error(err, "The API server does not say who a caller is", "path", req.URL.Path)
			http.Error(w, "the API server does not say whose token this is: try again", http.StatusServiceUnavailable)
			return
		case err != nil || !known:
			log.V(1).Info("Refused a caller whom the API server does not know", "path", req.URL.Path, "reason", err)
			http.Error(w, "Unauthorized: send a bearer token that the API server knows", http.StatusUnauthorized)
			return
		}
		verb := strings.ToLower(req.Method)
		decision, _, err := s.access.may.Authorize(req.Context(), authorizer.AttributesRecord{User: caller.User, Verb: verb, Path: req.URL.Path})
		switch {
		case err != nil:
			log.Error(err, "The API server does not say what a caller may get", "path", req.URL.Path)
			http.Error(w, "the API server does not say whether you may: try again", http.StatusServiceUnavailable)
		case decision != authorizer.DecisionAllow:
			http.Error(w, "Forbidden: "+caller.User.GetName()+" has no role with "+verb+" on the nonResourceURL "+req.URL.Path, http.StatusForbidden)
		default:
			next.ServeHTTP(w, req)
		}
	}), nil
}

// metricsOptions serves /metrics on address, over TLS, to whoever may get it; "0" or an empty address is no server.
func (s *Serving) metricsOptions(address string) metricsserver.Options {
	return metricsserver.Options{
		BindAddress: orOff(address), SecureServing: true, TLSOpts: []func(*tls.Config){s.TLS},
		FilterProvider: func(*rest.Config, *http.Client) (metricsserver.Filter, error) { return s.Filter, nil },
	}
}
