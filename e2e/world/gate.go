package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// Site is one write of a controller among all that it sends: the Occurrence-th, counted from 1, of a method on a resource, or
// of all writes where both are empty.
type Site struct {
	Method, Resource string
	Occurrence       int
}

// String gives the site in one line.
func (s Site) String() string {
	if s.Method == "" && s.Resource == "" {
		return fmt.Sprintf("write #%d", s.Occurrence)
	}
	return fmt.Sprintf("%s %s #%d", s.Method, s.Resource, s.Occurrence)
}

// Mishap is what happens to a write, and to the controller that sends it.
type Mishap string

// Mishaps.
const (
	// CrashBefore: the controller dies and the write never leaves it.
	CrashBefore Mishap = "crash before"
	// CrashUnanswered: the write takes effect, and the controller dies before it learns that.
	CrashUnanswered Mishap = "crash unanswered"
	// CrashAfter: the controller dies right after the answer.
	CrashAfter Mishap = "crash after"
	// LoseReply: the write takes effect, and its answer is lost.
	LoseReply Mishap = "lose reply"
	// Stall: the controller stops, as a process does that gets no time, with the write about to leave. Resume lets it go on.
	Stall Mishap = "stall"
)

// Gate is the connection of one incarnation of a controller to the API server. It can cut it for good, stop it for a while,
// or hold back what one kind of watch brings.
type Gate struct {
	mu      sync.Mutex
	changed *sync.Cond
	site    Site
	mishap  Mishap
	counts  map[Site]int // by method and resource
	total   int
	doomed  bool // a crash is under way
	dead    bool
	stalled bool
	frozen  map[string]bool // resources whose watches bring nothing for now
	struck  chan struct{}   // closed when the mishap has happened
}

// errDead is what a dead controller sees of the API server.
var errDead = errors.New("the connection is cut: this controller is dead")

// NewGate makes an open gate. The mishap, if there is one, happens to the site.
func NewGate(site Site, mishap Mishap) *Gate {
	g := &Gate{site: site, mishap: mishap, counts: map[Site]int{}, frozen: map[string]bool{}, struck: make(chan struct{})}
	g.changed = sync.NewCond(&g.mu)
	return g
}

// Struck is closed when the mishap has happened.
func (g *Gate) Struck() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.struck
}

// Arm counts writes anew from now on, and lets a mishap happen to one of them instead of the one that was to happen before. Where that
// one has ended the controller already, or is about to, Struck tells it as if it were the new one.
func (g *Gate) Arm(site Site, mishap Mishap) {
	g.set(func() {
		g.site, g.mishap = site, mishap
		if !g.doomed {
			g.struck = make(chan struct{})
		}
		clear(g.counts)
		g.total = 0
	})
}

// Kill cuts the connection: from now on nothing leaves and nothing arrives.
func (g *Gate) Kill() { g.set(func() { g.dead = true }) }

// Resume lets a stalled controller go on.
func (g *Gate) Resume() { g.set(func() { g.stalled = false }) }

// Freeze holds back what watches of a resource bring, so that caches grow old.
func (g *Gate) Freeze(resource string) { g.set(func() { g.frozen[resource] = true }) }

// Thaw lets everything through that Freeze has held back.
func (g *Gate) Thaw() { g.set(func() { clear(g.frozen) }) }

func (g *Gate) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	g.changed.Broadcast()
}

// Wrap puts the gate into a client's transport.
func (g *Gate) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		write, mutating := parse(req)
		mishap, strike := Mishap(""), func() {}
		if mutating {
			mishap, strike = g.arrive(write)
		}
		switch mishap {
		case CrashBefore:
			g.Kill()
			strike()
		case Stall:
			strike()
		}
		if err := g.wait(req.Context(), ""); err != nil {
			return nil, err
		}
		sent := req
		if mutating {
			// A write that has left is not called back: stopping a dead controller waits until it has landed. What comes later
			// than the next controller is another story, of which leases of leaders take care.
			sent = req.WithContext(context.WithoutCancel(req.Context()))
		}
		resp, err := next.RoundTrip(sent)
		switch mishap {
		case CrashUnanswered:
			g.Kill()
			strike()
		case LoseReply, CrashAfter:
			defer strike()
		}
		return g.answer(req, resp, err, mishap)
	})
}

// arrive counts a write, and says what happens to it. strike tells that it has happened.
func (g *Gate) arrive(w Write) (_ Mishap, strike func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	site := Site{Method: w.Method, Resource: w.Resource}
	g.counts[site]++
	g.total++
	site.Occurrence = g.counts[site]
	if g.mishap == "" || g.dead || g.doomed || (site != g.site && g.site != Site{Occurrence: g.total}) {
		return "", func() {}
	}
	g.stalled = g.mishap == Stall
	g.doomed = g.mishap == CrashBefore || g.mishap == CrashUnanswered || g.mishap == CrashAfter
	struck := g.struck
	return g.mishap, func() { close(struck) }
}

// answer passes the answer on, unless it is lost.
func (g *Gate) answer(req *http.Request, resp *http.Response, err error, mishap Mishap) (*http.Response, error) {
	if err != nil {
		return resp, err
	}
	if mishap == LoseReply || g.wait(req.Context(), "") != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: connection lost before the answer came", req.Method, req.URL.Path)
	}
	resp.Body = &gatedBody{ReadCloser: resp.Body, ctx: req.Context(), gate: g, resource: watched(req)}
	if mishap != CrashAfter {
		return resp, nil
	}
	// What was answered is known to a process that dies now, and helps nobody: nothing leaves it any more.
	g.Kill()
	return resp, nil
}

// watched gives the resource of a watch, and nothing for other requests.
func watched(req *http.Request) string {
	if req.URL.Query().Get("watch") == "" {
		return ""
	}
	return target(req).Resource
}

// wait returns when the controller may go on. resource is that of a watch, or empty.
func (g *Gate) wait(ctx context.Context, resource string) error {
	stop := context.AfterFunc(ctx, func() { g.set(func() {}) })
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.dead && (g.stalled || (resource != "" && g.frozen[resource])) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		g.changed.Wait()
	}
	if g.dead {
		return errDead
	}
	return nil
}

// gatedBody is an answer that comes through the gate.
type gatedBody struct {
	io.ReadCloser
	ctx      context.Context
	gate     *Gate
	resource string
}

// Read reads what has arrived, once the gate lets it through.
func (b *gatedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if gateErr := b.gate.wait(b.ctx, b.resource); gateErr != nil {
		return 0, gateErr
	}
	return n, err
}

// Sites gives each kind of write that passed since the gate was made or armed, with the number of them as its Occurrence, sorted.
func (g *Gate) Sites() []Site {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Site
	for site, n := range g.counts {
		site.Occurrence = n
		out = append(out, site)
	}
	slices.SortFunc(out, func(a, b Site) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Method, b.Method))
	})
	return out
}
