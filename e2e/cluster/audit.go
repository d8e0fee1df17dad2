package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// auditPolicy records who asked for what, and what the answer was, without contents. Watches are recorded when they begin, since
// many never end.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: [system:serviceaccounts]
- level: None
`

// Request is one request as the API server saw it.
type Request struct {
	// User is who asked, such as system:serviceaccount:NAMESPACE:NAME.
	User string
	// Verb is the one that permissions know: get, list, watch, create, update, patch, delete or deletecollection.
	Verb string
	// Group, Resource and Subresource say for what; they are empty for paths that are no resources.
	Group, Resource, Subresource string
	// Namespace and Name are empty where the request has none.
	Namespace, Name string
	// Path is the URL's path and query.
	Path string
	// Code is the HTTP status.
	Code int32
	// Denied says that permissions did not allow it. What admission refuses is not denied.
	Denied bool
	// Why is the role, or the rule, that allowed it.
	Why string
}

// String gives the request in one line.
func (r Request) String() string {
	if r.Resource == "" {
		return fmt.Sprintf("%s %s: %d", r.Verb, r.Path, r.Code)
	}
	resource := strings.Trim(r.Resource+"/"+r.Subresource, "/")
	if r.Group != "" {
		resource += "." + r.Group
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s: %d", r.Verb, resource, strings.Trim(r.Namespace+"/"+r.Name, "/"), r.Code)), " ")
}

// audit makes an API server record the requests of service accounts.
func (c *Cluster) audit(server *envtest.APIServer) error {
	policy := filepath.Join(c.dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	server.Configure().
		Set("audit-policy-file", policy).
		Set("audit-log-path", c.auditLog()).
		Set("audit-log-maxsize", "1000"). // megabytes: it is read as one file
		Set("audit-log-mode", "blocking")
	return nil
}

func (c *Cluster) auditLog() string { return filepath.Join(c.LogDir(), "audit.log") }

// Requests gives what service accounts asked of the API server so far, in the order of the answers. Options.Audit has to be set.
func (c *Cluster) Requests() ([]Request, error) {
	data, err := os.ReadFile(c.auditLog())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing was recorded yet
	} else if err != nil {
		return nil, err
	}
	var out []Request
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var e auditv1.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		if e.Verb == "watch" && e.Stage == auditv1.StageResponseComplete && e.ResponseStatus != nil && e.ResponseStatus.Code < 300 {
			continue // it was counted when it began
		}
		out = append(out, requestOf(e))
	}
	return out, nil
}

func requestOf(e auditv1.Event) Request {
	r := Request{User: e.User.Username, Verb: e.Verb, Path: e.RequestURI,
		Denied: e.Annotations["authorization.k8s.io/decision"] == "forbid", Why: e.Annotations["authorization.k8s.io/reason"]}
	if e.ResponseStatus != nil {
		r.Code = e.ResponseStatus.Code
	}
	if o := e.ObjectRef; o != nil {
		r.Group, r.Resource, r.Subresource, r.Namespace, r.Name = o.APIGroup, o.Resource, o.Subresource, o.Namespace, o.Name
	}
	return r
}
