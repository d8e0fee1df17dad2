package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/query/answer"
)

// Cause says why there is no answer.
type Cause string

// Causes.
const (
	// Unreachable: no API server answered, or it could not.
	Unreachable Cause = "Unreachable"
	// Forbidden: the caller may not.
	Forbidden Cause = "Forbidden"
	// NotInstalled: the API server does not know the kind.
	NotInstalled Cause = "NotInstalled"
	// NotFound: the object does not exist.
	NotFound Cause = "NotFound"
	// Changed: the object changed, or came to be, between reading and writing.
	Changed Cause = "Changed"
	// Refused: the API server does not accept what was asked.
	Refused Cause = "Refused"
)

// Error says what the cluster did not do and what a person can do about it.
type Error struct {
	Cause Cause
	Text  string
	Err   error
}

// Error gives the text.
func (e *Error) Error() string { return e.Text }

// Unwrap gives what the client library said.
func (e *Error) Unwrap() error { return e.Err }

// CauseOf gives the cause of an error of this package, or "".
func CauseOf(err error) Cause {
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return ""
}

// explain makes an error of the client library one for people. doing says what was tried, such as "list AddressLeases".
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	cause := causeOf(err)
	fix := map[Cause]string{
		Forbidden:    "; ask an administrator" + roleFor(doing),
		NotInstalled: "the API server does not know this kind: is " + ownerOf(doing) + " installed in this cluster?",
		Changed:      "; look again and repeat the command",
		Unreachable:  "; see whether kubectl cluster-info gets an answer",
	}[cause]
	text := err.Error()
	switch {
	case cause == NotInstalled:
		text = ""
	case apierrors.IsUnauthorized(err):
		fix = "; the API server does not know you: log in again, and see kubectl auth whoami"
	case cause == Forbidden && (strings.HasPrefix(doing, "list Wukongs") || strings.HasPrefix(doing, "get Wukong")) && strings.Contains(text, "in the namespace"):
		fix = "; name a namespace that is yours with -n, or ask an administrator for the ClusterRole view in it"
	case errors.Is(err, context.Canceled):
		fix = ""
	}
	return &Error{Cause: cause, Text: answer.Printable(fmt.Sprintf("%s: %s%s", doing, text, fix)), Err: err}
}

// roles are the ClusterRoles of config/rbac, KubeVirt and Kubernetes that allow what is tried, by how that begins. The first that
// fits counts; an empty one stands for what no role is about.
var roles = []struct{ doing, role string }{
	{"get the version", ""}, {"create SelfSubjectAccessReview", ""},
	{"create SubjectAccessReview", "wukong-network-support"},
	{"get Lease", "wukong-network-support"},
	{"list CustomResourceDefinitions", "wukong-network-support"}, {"list ValidatingAdmission", "wukong-network-support"},
	{"list Deployments", "wukong-network-support"}, {"list Pods", "wukong-network-support"}, {"list Events about", "wukong-network-support"},
	{"get log", "view"},
	{"get Secret", "edit"},
	{"patch HostUplink", "wukong-network-host-operator"},
	{"annotate AddressLease", "wukong-network-platform"}, {"create AddressReservation", "wukong-network-platform"},
	{"create Wukong", "wukong-network-importer"},
	{"list VirtualMachineInstances", "wukong-network-host-reader"},
	{"get VirtualMachine", "kubevirt.io:view"}, {"list VirtualMachines", "kubevirt.io:view"},
	{"get Node", "wukong-network-host-reader"}, {"list Node", "wukong-network-host-reader"},
	{"list Namespaces", "wukong-network-host-reader"}, {"list NetworkAttachmentDefinitions", "wukong-network-host-reader"},
	{"", "wukong-network-address-reader"},
}

// roleFor names the role that allows what was tried, where there is one.
func roleFor(doing string) string {
	at := slices.IndexFunc(roles, func(r struct{ doing, role string }) bool { return strings.HasPrefix(doing, r.doing) })
	if roles[at].role == "" {
		return ""
	}
	return " for the ClusterRole " + roles[at].role
}

// ownerOf is the component whose kind was asked for.
func ownerOf(doing string) string {
	_, kind, _ := strings.Cut(doing, " ")
	switch {
	case strings.HasPrefix(kind, "NodeNetwork"):
		return "kubernetes-nmstate"
	case strings.HasPrefix(kind, "VirtualMachine"):
		return "KubeVirt"
	case strings.HasPrefix(kind, "NetworkAttachment"):
		return "Multus"
	}
	return "wukong-network"
}

func causeOf(err error) Cause {
	var address *url.Error
	var network net.Error
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return Forbidden
	case apierrors.IsNotFound(err):
		if unknownKind(err) {
			return NotInstalled
		}
		return NotFound
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return Changed
	case apierrors.IsInternalError(err), apierrors.IsServerTimeout(err), apierrors.IsServiceUnavailable(err),
		apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err),
		errors.As(err, &address), errors.As(err, &network),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unreachable
	}
	return Refused
}

// unknownKind says whether "not found" is about the kind, not about an object: such an answer has no object's name.
func unknownKind(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Name == "" || apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
