package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"

	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

// Bounds of what is asked of a query server.
const (
	remotePage  = 1000      // items of a page
	remoteBytes = 256 << 20 // of an answer
	remoteTries = 5         // while it is busy
	remoteWait  = time.Minute
)

// remoteBase is what the paths of the server begin with.
const remoteBase = "/apis/query/v1alpha1"

// QueryServer is where a manager answers questions.
type QueryServer struct {
	// URL is https://HOST:PORT, with a path where one precedes those of the server.
	URL string
	// CAFile has the certificates that sign that of the server, in PEM; those of the API server when empty.
	CAFile string
	// ServerName is the name that the server's certificate has; that of the URL when empty.
	ServerName string
}

// Remote asks a manager instead of the API server. Who asks is shown by the bearer token that the API server would get.
type Remote struct {
	base    *url.URL
	client  *http.Client
	options Options
	told    map[string]bool
}

// ConnectRemote prepares questions to a query server, with the token of kubectl's flags and file. Nothing is sent yet.
func ConnectRemote(flags *genericclioptions.ConfigFlags, at QueryServer, options Options) (*Remote, error) {
	base, err := url.Parse(at.URL)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("--query-server %q: write https://HOST:PORT: a token is sent, so nothing but HTTPS will do", at.URL)
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, &Error{Cause: Unreachable, Text: "there is no kubeconfig with a token for the query server: " + err.Error(), Err: err}
	}
	if config.Impersonate.UserName != "" {
		return nil, fmt.Errorf("--as has no effect on --query-server: leave one of them out")
	}
	if config.BearerToken == "" && config.BearerTokenFile == "" && config.ExecProvider == nil && config.AuthProvider == nil {
		return nil, &Error{Cause: Forbidden, Text: "--query-server needs a bearer token, and the kubeconfig has none: give one with --token, such as that of kubectl create token"}
	}
	client, err := rest.HTTPClientFor(remoteConfig(config, base, at))
	if err != nil {
		return nil, fmt.Errorf("--query-server: %w", err)
	}
	// A token is for whom it was meant, and for nobody whom they name.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.Timeout == 0 {
		client.Timeout = remoteWait
	}
	return &Remote{base: base, client: client, options: options, told: map[string]bool{}}, nil
}

// remoteConfig keeps of a configuration for the API server what shows who asks.
func remoteConfig(config *rest.Config, base *url.URL, at QueryServer) *rest.Config {
	out := &rest.Config{Host: base.Host, BearerToken: config.BearerToken, BearerTokenFile: config.BearerTokenFile, ExecProvider: config.ExecProvider,
		AuthProvider: config.AuthProvider, AuthConfigPersister: config.AuthConfigPersister, Timeout: config.Timeout}
	out.CAFile, out.CAData, out.ServerName = config.CAFile, config.CAData, at.ServerName
	if at.CAFile != "" {
		out.CAFile, out.CAData = at.CAFile, nil
	}
	out.NextProtos = []string{"http/1.1"}
	return out
}

// Address is that of query.Answerer.
func (r *Remote) Address(ctx context.Context, addr netip.Addr, namespace string) (*answer.Owners, error) {
	return ask[answer.Owners](ctx, r, url.Values{"namespace": {namespace}}, "addresses", addr.String())
}

// MAC is that of query.Answerer.
func (r *Remote) MAC(ctx context.Context, mac, namespace string) (*answer.Owners, error) {
	return ask[answer.Owners](ctx, r, url.Values{"namespace": {namespace}}, "macs", mac)
}

// Machine is that of query.Answerer.
func (r *Remote) Machine(ctx context.Context, namespace, name string) (*answer.Owners, error) {
	return ask[answer.Owners](ctx, r, url.Values{"namespace": {namespace}}, "machines", name)
}

// List is that of query.Answerer. It asks page by page.
func (r *Remote) List(ctx context.Context, which query.Leases) (*answer.List, error) {
	parameters := url.Values{"address": {which.Address}, "segment": {which.Segment}, "pool": {which.Pool}, "namespace": {which.Namespace},
		"name": {which.Name}, "mac": {which.MAC}, "limit": {strconv.Itoa(remotePage)}}
	for _, phase := range which.Phases {
		parameters.Add("phase", string(phase))
	}
	items := []answer.Lease{}
	for {
		page, err := ask[answer.List](ctx, r, parameters, "addresses")
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Metadata.Continue == "" {
			page.Metadata, page.Items = answer.Page{}, items
			return page, nil
		}
		parameters.Set("continue", page.Metadata.Continue)
	}
}

// History is that of query.Answerer.
func (r *Remote) History(ctx context.Context, addr netip.Addr, segment, namespace string) (*answer.History, error) {
	return ask[answer.History](ctx, r, url.Values{"segment": {segment}, "namespace": {namespace}}, "addresses", addr.String(), "history")
}

// Pools is that of query.Answerer.
func (r *Remote) Pools(ctx context.Context) (*answer.PoolList, error) {
	return ask[answer.PoolList](ctx, r, nil, "pools")
}

// Pool is that of query.Answerer.
func (r *Remote) Pool(ctx context.Context, name string, size answer.Size) (*answer.PoolReport, error) {
	// A terminal can be of any size, and what is far from usual is not worth an error.
	columns, rows := min(max(size.Columns, 1), query.MaxColumns), min(max(size.Rows, 1), query.MaxRows)
	return ask[answer.PoolReport](ctx, r, url.Values{"columns": {strconv.Itoa(columns)}, "rows": {strconv.Itoa(rows)}}, "pools", name)
}

// Next is that of query.Answerer.
func (r *Remote) Next(ctx context.Context, name string, count int) (*answer.NextAddresses, error) {
	return ask[answer.NextAddresses](ctx, r, url.Values{"count": {strconv.Itoa(count)}}, "pools", name, "next")
}

// Hosts is that of query.Answerer, at the time of the server.
func (r *Remote) Hosts(ctx context.Context, name string, _ time.Time) (*hosts.Status, error) {
	if name == "" {
		return ask[hosts.Status](ctx, r, nil, "hosts")
	}
	return ask[hosts.Status](ctx, r, nil, "hosts", name)
}

// ask sends a question and reads the answer. Parameters without a value are left out.
func ask[T any](ctx context.Context, r *Remote, parameters url.Values, path ...string) (*T, error) {
	for name, values := range parameters {
		if len(values) == 1 && values[0] == "" {
			delete(parameters, name)
		}
	}
	// Names are DNS labels or addresses, but whoever typed one may have typed anything.
	escaped := make([]string, len(path))
	for i, part := range path {
		escaped[i] = url.PathEscape(part)
	}
	target := r.base.JoinPath(append([]string{remoteBase}, escaped...)...)
	target.RawQuery = parameters.Encode()
	r.options.Progress.Say("asking %s", r.base.Host)
	defer r.options.Progress.Done()
	for try := 1; ; try++ {
		body, wait, err := r.get(ctx, target)
		if err == nil {
			return readAnswer[T](r, body)
		}
		if wait == 0 || try == remoteTries {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
	}
}

func readAnswer[T any](r *Remote, body []byte) (*T, error) {
	var kind metav1.TypeMeta
	out := new(T)
	if err := json.Unmarshal(body, &kind); err != nil || kind.APIVersion != answer.ReportVersion {
		return nil, r.strange(fmt.Sprintf("an answer of apiVersion %q, and this program reads %s", kind.APIVersion, answer.ReportVersion))
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, r.strange("an answer that cannot be read: " + err.Error())
	}
	return out, nil
}

// strange says that what answers is not a query server, or another version of one.
func (r *Remote) strange(what string) error {
	return &Error{Cause: Unreachable, Text: answer.Printable(r.base.String() + " gave " + what + ": is it the query server of wukong-network?")}
}

// get sends one request. With an error, wait is how long to wait before it is sent again; 0 means that this is of no use.
func (r *Remote) get(ctx context.Context, target *url.URL) (body []byte, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", r.options.Agent)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, 0, &Error{Cause: Unreachable, Text: answer.Printable(err.Error()), Err: err}
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(response.Body, remoteBytes)); err != nil {
		return nil, 0, &Error{Cause: Unreachable, Text: answer.Printable("the answer of " + r.base.Host + " broke off: " + err.Error()), Err: err}
	}
	if response.StatusCode == http.StatusOK {
		r.tell(response.Header.Values("Warning"))
		return body, 0, nil
	}
	if response.StatusCode == http.StatusTooManyRequests {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // without a number it is a second
		wait = time.Duration(min(max(seconds, 1), 10)) * time.Second
	}
	return nil, wait, r.refused(response, body)
}

// refused says why there is no answer.
func (r *Remote) refused(response *http.Response, body []byte) error {
	status := metav1.Status{}
	err := json.Unmarshal(body, &status)
	// An API server takes the path for one of an API group of its own.
	if err != nil || status.Kind != "Status" || (status.Details != nil && status.Details.Group == "query") {
		return r.strange("HTTP " + response.Status)
	}
	if status.Reason == "NotInstalled" {
		return &Error{Cause: NotInstalled, Text: answer.Printable(status.Message)}
	}
	if status.Reason == metav1.StatusReasonNotFound {
		return &query.NothingError{Text: answer.Printable(status.Message)}
	}
	refusal := &apierrors.StatusError{ErrStatus: status}
	text := r.base.Host + ": " + status.Message
	if status.Reason == metav1.StatusReasonForbidden {
		text = status.Message + "; ask about a namespace that is yours with -n, or ask an administrator for the ClusterRole " +
			"wukong-network-address-reader or wukong-network-host-reader"
	}
	return &Error{Cause: causeOf(refusal), Text: answer.Printable(text), Err: refusal}
}

// tell prints, once each, what is missing from answers.
func (r *Remote) tell(headers []string) {
	warnings, _ := utilnet.ParseWarningHeaders(headers) // what cannot be read is no warning
	for _, w := range warnings {
		if text := answer.Printable(w.Text); !r.told[text] {
			r.told[text] = true
			fmt.Fprintf(r.options.Diagnostics, "note: %s\n", text)
		}
	}
}
