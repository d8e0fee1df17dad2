package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
)

// Bounds of what the server does at once. Whoever finds it busy asks again.
const (
	maxRequests = 32
	maxLarge    = 2
	// answerTimeout is how long an answer may take.
	answerTimeout = 30 * time.Second
)

// VersionHeader carries the resource version of AddressLeases that an answer has regarded: what was written later is not in it.
const VersionHeader = "Wukong-Resource-Version"

// ReasonNotInstalled is the reason of a Status that says that the cluster lacks a component whose kinds an answer is made of.
const ReasonNotInstalled metav1.StatusReason = "NotInstalled"

// handler answers requests.
type handler struct {
	caches  caches
	access  *access
	version func() string
	log     logr.Logger
	now     func() time.Time
	// measure counts and times the requests of a path.
	measure func(path string, next http.Handler) http.Handler

	requests, large chan struct{}
}

// paths gives the handler of every path.
func (h *handler) paths() (http.Handler, error) {
	description, err := openAPIJSON()
	if err != nil {
		return nil, err
	}
	h.requests, h.large = make(chan struct{}, maxRequests), make(chan struct{}, maxLarge)
	mux := http.NewServeMux()
	public := func(path, contentType string, body []byte) {
		mux.Handle(path, h.measure(path, h.bounded(h.requests, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if readOnly(w, req) {
				send(w, req, http.StatusOK, contentType, body)
			}
		}))))
	}
	public("/healthz", "text/plain; charset=utf-8", []byte("ok"))
	public("/openapi.yaml", "application/yaml", openAPI)
	public("/openapi.json", "application/json", description)
	for _, r := range routes() {
		mux.Handle(Base+r.path, h.measure(Base+r.path, h.bounded(h.requests, h.route(r))))
	}
	unknown := route{anything: true, answer: func(context.Context, *question) (any, error) {
		return nil, &query.NothingError{Text: "there is no such path: /openapi.yaml says which there are"}
	}}
	mux.Handle("/", h.measure("other", h.bounded(h.requests, h.route(unknown))))
	return mux, nil
}

// bounded refuses a request where as many as slots has are being answered.
func (h *handler) bounded(slots chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, req)
		default:
			refuse(w, req, apierrors.NewTooManyRequests("too many requests are being answered: ask again", 1))
		}
	})
}

// readOnly refuses every method that could be meant to change something.
func readOnly(w http.ResponseWriter, req *http.Request) bool {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	refuse(w, req, &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonMethodNotAllowed,
		Code: http.StatusMethodNotAllowed, Message: "nothing can be changed here: use GET or HEAD"}})
	return false
}

// route answers the requests of one path: method, then who asks, then parameters, then what they may.
func (h *handler) route(r route) http.Handler {
	answering := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.serve(w, req, r) }))
	if r.large {
		answering = h.bounded(h.large, answering)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if readOnly(w, req) {
			answering.ServeHTTP(w, req)
		}
	})
}

// serve answers one request and says so in the log.
func (h *handler) serve(w http.ResponseWriter, req *http.Request, r route) {
	start, code := h.now(), http.StatusOK
	name, size := "", 0
	body, err := func() (body []byte, err error) {
		defer func() {
			if trouble := recover(); trouble != nil {
				h.log.Error(fmt.Errorf("%v", trouble), "Question could not be answered", "path", req.URL.Path, "stack", string(debug.Stack()))
				err = apierrors.NewInternalError(errors.New("the question could not be answered, and the manager's log says why"))
			}
		}()
		ctx, cancel := context.WithTimeout(req.Context(), answerTimeout)
		defer cancel()
		who, err := h.access.who(req)
		if err != nil {
			return nil, err
		}
		name = who.GetName()
		q := &question{Request: req, source: &source{caches: h.caches, access: h.access, who: who}, now: start}
		if q.parameters, err = readParameters(req.URL.RawQuery, r.parameters); err != nil && !r.anything {
			return nil, err
		}
		w.Header().Set(VersionHeader, h.version())
		found, err := r.answer(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, text := range q.source.missing {
			if value, err := utilnet.NewWarningHeader(299, "-", text); err == nil {
				w.Header().Add("Warning", value)
			}
		}
		var out bytes.Buffer
		err = answer.Structured(&out, "json", found)
		return out.Bytes(), err
	}()
	if err != nil {
		code = refuse(w, req, err)
	} else {
		size = len(body)
		code = send(w, req, code, "application/json", body)
	}
	h.log.V(1).Info("Question answered", "user", name, "method", req.Method, "path", req.URL.Path, "parameters", req.URL.RawQuery, "code", code,
		"bytes", size, "from", req.RemoteAddr, "duration", h.now().Sub(start).String())
}

// send writes a body, or says that whoever asks has it already, and gives the status code. Bodies are the same for the same
// answer, and private: a cache that several people share must not keep them.
func send(w http.ResponseWriter, req *http.Request, code int, contentType string, body []byte) int {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	header := w.Header()
	header.Set("ETag", tag)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	for _, known := range strings.Split(req.Header.Get("If-None-Match"), ",") {
		if known = strings.TrimSpace(known); known == tag || known == "W/"+tag || known == "*" {
			w.WriteHeader(http.StatusNotModified)
			return http.StatusNotModified
		}
	}
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(code)
	if req.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever asked has gone, and nobody else is to be told
	}
	return code
}

// refuse writes a Status, and gives its code.
func refuse(w http.ResponseWriter, req *http.Request, err error) int {
	status := statusOf(err)
	if status.Code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(status.Details.RetryAfterSeconds))
	}
	body, _ := json.Marshal(status) // a Status has nothing that JSON cannot say
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(int(status.Code))
	if req.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n'))
	}
	return int(status.Code)
}

// statusOf says why there is no answer, as the API server would.
func statusOf(err error) metav1.Status {
	var nothing *query.NothingError
	var absent *absentError
	var api apierrors.APIStatus
	status := apierrors.NewInternalError(errors.New("the caches could not be read")).Status()
	switch {
	case errors.As(err, &nothing):
		status = metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound, Message: nothing.Text}
	case errors.As(err, &absent):
		status = metav1.Status{Status: metav1.StatusFailure, Reason: ReasonNotInstalled, Code: http.StatusNotFound, Message: absent.text}
	case errors.As(err, &api):
		status = api.Status()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		status = apierrors.NewTimeoutError("the answer took too long", 1).Status()
	}
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return status
}
