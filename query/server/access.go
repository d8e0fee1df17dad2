package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// access asks the API server who somebody is, and what they may.
type access struct {
	authenticator authenticator.Request
	authorizer    authorizer.Authorizer
}

// who says who asks. The bearer token is taken off the request.
func (a *access) who(req *http.Request) (user.Info, error) {
	response, ok, err := a.authenticator.AuthenticateRequest(req)
	switch {
	case ok && err == nil:
		return response.User, nil
	case err != nil && Unanswered(err):
		return nil, apierrors.NewServiceUnavailable("the API server does not say now whose token this is")
	}
	return nil, apierrors.NewUnauthorized("send a bearer token that the API server knows, in the header Authorization")
}

// Unanswered says whether an error means that the API server did not answer, rather than that it did not know a token.
func Unanswered(err error) bool {
	var status apierrors.APIStatus
	var network interface{ Timeout() bool }
	return errors.As(err, &status) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

// right is what it takes to read objects of a kind. An empty namespace means all of them, or a kind that has none.
type right struct {
	verb      string
	group     schema.GroupVersionResource
	namespace string
	name      string
}

// allowed gives nil where somebody has a right, and otherwise an error that says what is missing.
func (a *access) allowed(ctx context.Context, who user.Info, r right) error {
	decision, _, err := a.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: who, Verb: r.verb, Namespace: r.namespace, APIGroup: r.group.Group, APIVersion: r.group.Version, Resource: r.group.Resource,
		Name: r.name, ResourceRequest: true,
	})
	if decision == authorizer.DecisionAllow {
		return nil
	}
	if err != nil {
		return apierrors.NewServiceUnavailable("the API server does not say now what " + who.GetName() + " may")
	}
	where := "at the cluster scope"
	if r.namespace != "" {
		where = fmt.Sprintf("in the namespace %q", r.namespace)
	}
	return apierrors.NewForbidden(r.group.GroupResource(), r.name, fmt.Errorf("User %q cannot %s resource %q in API group %q %s",
		who.GetName(), r.verb, r.group.Resource, r.group.Group, where))
}

// forbidden says whether an error is about a right that is missing.
func forbidden(err error) bool { return apierrors.ReasonForError(err) == metav1.StatusReasonForbidden }
