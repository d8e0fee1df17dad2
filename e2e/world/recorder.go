package world

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Recorder sees every request of the controller at the transport, below all caches and retries.
type Recorder struct {
	mu     sync.Mutex
	writes []Write
	counts map[string]int
	faults []fault
	// held are the resources whose lists are not answered before the channel is closed.
	held map[string]chan struct{}
}

// Write is one mutating request.
type Write struct {
	// Method is POST, PUT, PATCH or DELETE.
	Method string
	// Resource is the plural, with the subresource after a slash.
	Resource string
	// Namespace and Name are empty where the request has none.
	Namespace, Name string
	// Code is the answer; 0 when there was none.
	Code int
}

// String gives the request in one line.
func (w Write) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %d", w.Method, w.Resource, strings.Trim(w.Namespace+"/"+w.Name, "/"), w.Code))
}

// Wrap puts the recorder into a client's transport.
func (r *Recorder) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		write, mutating := parse(req)
		r.count(req)
		if !mutating {
			if err := r.wait(req, write); err != nil {
				return nil, err
			}
			return next.RoundTrip(req)
		}
		resp, err := r.pass(next, req, write)
		if err == nil {
			write.Code = resp.StatusCode
		}
		r.mu.Lock()
		r.writes = append(r.writes, write)
		r.mu.Unlock()
		return resp, err
	})
}

// Writes gives the mutating requests so far, in order. Events and leader election are left out: they are not state.
func (r *Recorder) Writes() []Write {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}

// Counts gives how many requests there were of each kind, such as "POST secrets", reads, watches and events included.
func (r *Recorder) Counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

func (r *Recorder) count(req *http.Request) {
	kind := req.Method
	if req.URL.Query().Get("watch") != "" {
		kind = "WATCH"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[kind+" "+target(req).Resource]++
}

// Reset forgets all requests.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes, r.counts = nil, nil
}

// Hold keeps lists of a resource, which are no watches, from being sent until release is called.
func (r *Recorder) Hold(resource string) (release func()) {
	gate := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = map[string]chan struct{}{}
	}
	r.held[resource] = gate
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.held[resource] == gate {
			delete(r.held, resource)
			close(gate)
		}
	}
}

// wait blocks a list that is held.
func (r *Recorder) wait(req *http.Request, read Write) error {
	if req.Method != http.MethodGet || read.Name != "" || req.URL.Query().Get("watch") != "" {
		return nil
	}
	r.mu.Lock()
	gate := r.held[read.Resource]
	r.mu.Unlock()
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

// fault makes the answer of one request get lost.
type fault struct{ method, resource string }

// LoseReply lets the next request of a method on a resource take effect, and loses its answer: the client sees a broken
// connection.
func (r *Recorder) LoseReply(method, resource string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fault{method, resource})
}

func (r *Recorder) pass(next http.RoundTripper, req *http.Request, w Write) (*http.Response, error) {
	lose := r.takeFault(w)
	resp, err := next.RoundTrip(req)
	if err != nil || !lose {
		return resp, err
	}
	resp.Body.Close()
	return nil, fmt.Errorf("%s %s: connection lost before the answer came", req.Method, req.URL.Path)
}

func (r *Recorder) takeFault(w Write) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.faults, fault{w.Method, w.Resource})
	if i < 0 {
		return false
	}
	r.faults = slices.Delete(r.faults, i, i+1)
	return true
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// parse reads what a request is about, and says whether it is a write that counts: events and leader election are no state.
func parse(req *http.Request) (Write, bool) {
	w := target(req)
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	return w, !reads && w.Resource != "" && w.Resource != "events" && w.Resource != "leases"
}

// target reads what a request is about from its path, /api/v1/… or /apis/GROUP/VERSION/….
func target(req *http.Request) Write {
	segments := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	skip := map[string]int{"api": 2, "apis": 3}[segments[0]]
	if skip == 0 || len(segments) <= skip {
		return Write{}
	}
	segments = segments[skip:]
	w := Write{Method: req.Method}
	if segments[0] == "namespaces" && len(segments) > 2 {
		w.Namespace, segments = segments[1], segments[2:]
	}
	w.Resource = segments[0]
	if len(segments) > 1 {
		w.Name = segments[1]
	}
	if len(segments) > 2 {
		w.Resource += "/" + strings.Join(segments[2:], "/")
	}
	return w
}
