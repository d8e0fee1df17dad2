package controllers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func TestWhoIsNotKnownIsToldApartFromAnAPIServerThatDoesNotAnswer(t *testing.T) {
	s := &Serving{access: &access{
		who: authenticator.RequestFunc(func(req *http.Request) (*authenticator.Response, bool, error) {
			switch token := req.Header.Get("Authorization"); token {
			case "slow":
				return nil, false, context.DeadlineExceeded
			case "bad":
				return nil, false, errors.New("invalid bearer token")
			case "":
				return nil, false, nil
			default:
				return &authenticator.Response{User: &user.DefaultInfo{Name: token}}, true, nil
			}
		}),
		may: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			switch name := a.GetUser().GetName(); {
			case name == "unsure":
				return authorizer.DecisionNoOpinion, "", context.DeadlineExceeded
			case name == "prometheus" && a.GetVerb() == "get" && a.GetPath() == "/metrics" && !a.IsResourceRequest():
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionNoOpinion, "", nil
		}),
	}}
	served, err := s.Filter(logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"": http.StatusUnauthorized, "bad": http.StatusUnauthorized, "slow": http.StatusServiceUnavailable,
		"unsure": http.StatusServiceUnavailable, "somebody": http.StatusForbidden, "prometheus": http.StatusNoContent} {
		req, got := httptest.NewRequest(http.MethodGet, "/metrics", nil), httptest.NewRecorder()
		req.Header.Set("Authorization", token)
		if served.ServeHTTP(got, req); got.Code != want {
			t.Errorf("%q gets %d, want %d: %s", token, got.Code, want, got.Body)
		}
	}
}
